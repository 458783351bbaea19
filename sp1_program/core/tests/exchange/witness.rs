//! Takes a witness apart and puts it together again (protocol section 10), so that tests can poison it. This is the one
//! place in the Rust tests that knows its layout.

use zkclob_core::codec::words::push_bytes;
use zkclob_core::codec::Words;
use zkclob_core::errors::Error;
use zkclob_core::partial::{Nodes, PartialTable};
use zkclob_core::state::{Accounts, Books, Clients, Registry, Table};
use zkclob_core::trie::Map;

const KEY_LENGTHS: [usize; 4] = [20, 24, 36, 5];
/// Bits of the longest key. What is deeper cannot be right, and is not taken apart.
const DEEPEST: usize = 8 * 36;
const META: usize = 68;

/// The parts of a witness, in their order.
#[derive(Clone)]
pub struct Witness {
    pub separator: [u8; 32],
    pub meta: [u8; META],
    pub versioned_hashes: Vec<[u8; 32]>,
    pub data: Vec<u8>,
    pub inbox: Vec<Vec<u8>>,
    pub removed: Vec<[u8; 24]>,
    /// x and y, little-endian.
    pub keys: Vec<[u8; 64]>,
    pub signatures: Vec<Signature>,
    pub tries: [Node; 4],
}

#[derive(Clone)]
pub struct Signature {
    /// r, y of the point with x = r, s and the inverse of s; little-endian.
    pub numbers: [[u8; 32]; 4],
    pub key: u64,
}

#[derive(Clone, PartialEq)]
pub enum Node {
    Empty,
    /// The hash as a witness has it.
    Opaque([u8; 32]),
    Leaf {
        /// Whether its value is used.
        used: bool,
        key: Vec<u8>,
        value: Vec<u8>,
    },
    Inner {
        bit: u16,
        children: Box<[Node; 2]>,
    },
}

impl Witness {
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let mut words = to_words(bytes)?;
        let mut words = Words::new(&mut words);
        let witness = Witness {
            separator: array(&mut words)?,
            meta: array(&mut words)?,
            versioned_hashes: list(&mut words, array)?,
            data: with_length(&mut words)?,
            inbox: list(&mut words, with_length)?,
            removed: list(&mut words, array)?,
            keys: list(&mut words, array)?,
            signatures: list(&mut words, |words| {
                let numbers = [array(words)?, array(words)?, array(words)?, array(words)?];
                match *words.array()? {
                    [key, 0] => Ok(Signature { numbers, key }),
                    _ => Err(Error::Malformed("a signature is not filled up with zeros")),
                }
            })?,
            tries: {
                let mut trie = |number: usize| match words.word()? {
                    0 => Ok(Node::Empty),
                    1 => Ok(Node::Opaque(array(&mut words)?)),
                    header => Node::read(header, &mut words, KEY_LENGTHS[number], 0),
                };
                [trie(0)?, trie(1)?, trie(2)?, trie(3)?]
            },
        };
        words.finish()?;
        Ok(witness)
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        push_bytes(&self.separator, &mut out);
        push_bytes(&self.meta, &mut out);
        out.push(self.versioned_hashes.len() as u64);
        self.versioned_hashes.iter().for_each(|hash| push_bytes(hash, &mut out));
        push_with_length(&self.data, &mut out);
        out.push(self.inbox.len() as u64);
        self.inbox.iter().for_each(|entry| push_with_length(entry, &mut out));
        out.push(self.removed.len() as u64);
        self.removed.iter().for_each(|id| push_bytes(id, &mut out));
        out.push(self.keys.len() as u64);
        self.keys.iter().for_each(|key| push_bytes(key, &mut out));
        out.push(self.signatures.len() as u64);
        for signature in &self.signatures {
            push_bytes(signature.numbers.as_flattened(), &mut out);
            out.extend([signature.key, 0]);
        }
        self.tries.iter().for_each(|trie| trie.write(&mut out));
        to_bytes(&out)
    }
}

pub fn to_words(bytes: &[u8]) -> Result<Vec<u64>, Error> {
    match bytes.as_chunks() {
        (words, []) => Ok(words.iter().map(|word| u64::from_le_bytes(*word)).collect()),
        _ => Err(Error::Malformed("not a whole number of words")),
    }
}

fn to_bytes(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn array<const N: usize>(words: &mut Words) -> Result<[u8; N], Error> {
    Ok(words.bytes(N)?.try_into().unwrap())
}

fn with_length(words: &mut Words) -> Result<Vec<u8>, Error> {
    let length = words.count()?;
    Ok(words.bytes(length)?.to_vec())
}

fn list<T>(words: &mut Words, item: impl Fn(&mut Words) -> Result<T, Error>) -> Result<Vec<T>, Error> {
    let length = words.count()?;
    (0..length).map(|_| item(words)).collect()
}

fn push_with_length(bytes: &[u8], out: &mut Vec<u64>) {
    out.push(bytes.len() as u64);
    push_bytes(bytes, out);
}

impl Node {
    fn read(header: u64, words: &mut Words, key_length: usize, depth: usize) -> Result<Self, Error> {
        if depth > DEEPEST {
            return Err(Error::Malformed("deeper than a key has bits"));
        }
        Ok(match header & 0xff {
            tag @ (2 | 4) => {
                let pair = words.bytes((header >> 8) as usize)?;
                let (key, value) =
                    pair.split_at_checked(key_length).ok_or(Error::Malformed("length of a leaf"))?;
                Node::Leaf { used: tag == 2, key: key.to_vec(), value: value.to_vec() }
            }
            3 if header >> 26 == 0 => {
                let mut child = |side: u32| match header >> (24 + side) & 1 {
                    1 => Ok(Node::Opaque(array(words)?)),
                    _ => Node::read(words.word()?, words, key_length, depth + 1),
                };
                Node::Inner { bit: (header >> 8) as u16, children: Box::new([child(0)?, child(1)?]) }
            }
            _ => return Err(Error::Malformed("first word of a node")),
        })
    }

    pub fn write(&self, out: &mut Vec<u64>) {
        match self {
            Node::Empty => out.push(0),
            Node::Opaque(hash) => {
                out.push(1);
                push_bytes(hash, out);
            }
            Node::Leaf { used, key, value } => {
                out.push(if *used { 2 } else { 4 } | ((key.len() + value.len()) as u64) << 8);
                push_bytes(&[&key[..], value].concat(), out);
            }
            Node::Inner { bit, children } => {
                let opaque = children.iter().map(|child| u64::from(matches!(child, Node::Opaque(_))));
                let flags = opaque.zip(24..).fold(0, |flags, (opaque, bit)| flags | opaque << bit);
                out.push(3 | u64::from(*bit) << 8 | flags);
                for child in children.iter() {
                    match child {
                        Node::Opaque(hash) => push_bytes(hash, out),
                        child => child.write(out),
                    }
                }
            }
        }
    }

    /// The hash of this node in the trie with this number, as a witness has it.
    pub fn hash(&self, trie: usize) -> Result<[u8; 32], Error> {
        let mut hash = match trie {
            0 => self.root_as::<Accounts>()?,
            1 => self.root_as::<Books>()?,
            2 => self.root_as::<Clients>()?,
            _ => self.root_as::<Registry>()?,
        };
        // The words of a hash are little-endian in a witness.
        hash.as_chunks_mut::<4>().0.iter_mut().for_each(|element| element.reverse());
        Ok(hash)
    }

    fn root_as<M: Map>(&self) -> Result<[u8; 32], Error> {
        let mut words = Vec::new();
        self.write(&mut words);
        Ok(PartialTable::<M>::read(&mut Nodes::new(&mut words))?.root())
    }

    /// Nodes in it, this one included.
    pub fn size(&self) -> usize {
        match self {
            Node::Inner { children, .. } => 1 + children.iter().map(Node::size).sum::<usize>(),
            _ => 1,
        }
    }

    /// The node with this number, counted from this one as 0, downwards, left to right.
    pub fn nth(&mut self, number: usize) -> &mut Node {
        if number == 0 || !matches!(self, Node::Inner { .. }) {
            return self;
        }
        let Node::Inner { children, .. } = self else { unreachable!() };
        let [left, right] = &mut **children;
        let in_left = left.size();
        if number <= in_left {
            left.nth(number - 1)
        } else {
            right.nth(number - 1 - in_left)
        }
    }

    /// The leaves in it, in order.
    pub fn leaves(&mut self) -> Vec<(&mut Vec<u8>, &mut Vec<u8>)> {
        match self {
            Node::Leaf { key, value, .. } => vec![(key, value)],
            Node::Inner { children, .. } => children.iter_mut().flat_map(Node::leaves).collect(),
            _ => Vec::new(),
        }
    }
}

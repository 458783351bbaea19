//! Takes a witness apart and puts it together again (protocol section 10), so that tests can poison it. This is the one
//! place in the Rust tests that knows its layout.

use zkclob_core::codec::Reader;
use zkclob_core::errors::Error;
use zkclob_core::state::{Accounts, Books, Clients, Registry};
use zkclob_core::trie::{Map, Trie};

const KEY_LENGTHS: [usize; 4] = [20, 24, 36, 5];
/// Bits of the longest key. What is deeper cannot be right, and is not taken apart.
const DEEPEST: usize = 8 * 36;

/// The parts of a witness, in their order.
#[derive(Clone)]
pub struct Witness {
    /// Domain separator and meta record.
    pub head: [u8; 100],
    pub data: Vec<u8>,
    pub inbox: Vec<Vec<u8>>,
    pub removed: Vec<[u8; 24]>,
    pub keys: Vec<[u8; 64]>,
    pub signatures: Vec<Signature>,
    pub tries: [Node; 4],
}

#[derive(Clone)]
pub struct Signature {
    pub key: u32,
    /// r, s and the inverse of s.
    pub numbers: [[u8; 32]; 3],
}

#[derive(Clone, PartialEq)]
pub enum Node {
    Empty,
    Opaque([u8; 32]),
    Leaf { key: Vec<u8>, value: Vec<u8> },
    Inner { bit: u16, children: Box<[Node; 2]> },
}

impl Witness {
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(bytes);
        let reader = &mut reader;
        let witness = Witness {
            head: reader.array()?,
            data: {
                let length = reader.u32()?;
                reader.take(length as usize)?.to_vec()
            },
            inbox: list(reader, |reader| {
                let length = reader.u16()?;
                Ok(reader.take(length.into())?.to_vec())
            })?,
            removed: list(reader, |reader| reader.array())?,
            keys: list(reader, |reader| reader.array())?,
            signatures: list(reader, |reader| {
                Ok(Signature {
                    key: reader.u32()?,
                    numbers: [reader.array()?, reader.array()?, reader.array()?],
                })
            })?,
            tries: {
                let mut trie = |number: usize| Node::read(reader, KEY_LENGTHS[number], 0);
                [trie(0)?, trie(1)?, trie(2)?, trie(3)?]
            },
        };
        if reader.remaining() > 0 {
            return Err(Error::Malformed("bytes left over"));
        }
        Ok(witness)
    }

    pub fn encode(&self) -> Vec<u8> {
        let mut out = self.head.to_vec();
        let length = |out: &mut Vec<u8>, length: usize| out.extend_from_slice(&(length as u32).to_be_bytes());
        length(&mut out, self.data.len());
        out.extend_from_slice(&self.data);
        length(&mut out, self.inbox.len());
        for entry in &self.inbox {
            out.extend_from_slice(&(entry.len() as u16).to_be_bytes());
            out.extend_from_slice(entry);
        }
        length(&mut out, self.removed.len());
        out.extend_from_slice(self.removed.as_flattened());
        length(&mut out, self.keys.len());
        out.extend_from_slice(self.keys.as_flattened());
        length(&mut out, self.signatures.len());
        for signature in &self.signatures {
            out.extend_from_slice(&signature.key.to_be_bytes());
            out.extend_from_slice(signature.numbers.as_flattened());
        }
        self.tries.iter().for_each(|trie| trie.write(&mut out));
        out
    }
}

fn list<T>(reader: &mut Reader, item: impl Fn(&mut Reader) -> Result<T, Error>) -> Result<Vec<T>, Error> {
    let length = reader.u32()?;
    (0..length).map(|_| item(reader)).collect()
}

impl Node {
    fn read(reader: &mut Reader, key_length: usize, depth: usize) -> Result<Self, Error> {
        if depth > DEEPEST {
            return Err(Error::Malformed("deeper than a key has bits"));
        }
        Ok(match reader.u8()? {
            0 => Node::Empty,
            1 => Node::Opaque(reader.array()?),
            2 => {
                let key = reader.take(key_length)?.to_vec();
                let length = reader.u16()?;
                Node::Leaf { key, value: reader.take(length.into())?.to_vec() }
            }
            3 => {
                let bit = reader.u16()?;
                let mut child = || Node::read(reader, key_length, depth + 1);
                Node::Inner { bit, children: Box::new([child()?, child()?]) }
            }
            _ => return Err(Error::Malformed("tag of a trie node")),
        })
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Node::Empty => out.push(0),
            Node::Opaque(hash) => {
                out.push(1);
                out.extend_from_slice(hash);
            }
            Node::Leaf { key, value } => {
                out.push(2);
                out.extend_from_slice(key);
                out.extend_from_slice(&(value.len() as u16).to_be_bytes());
                out.extend_from_slice(value);
            }
            Node::Inner { bit, children } => {
                out.push(3);
                out.extend_from_slice(&bit.to_be_bytes());
                children.iter().for_each(|child| child.write(out));
            }
        }
    }

    /// The hash of this node in the trie with this number.
    pub fn hash(&self, trie: usize) -> Result<[u8; 32], Error> {
        match trie {
            0 => self.hash_as::<Accounts>(),
            1 => self.hash_as::<Books>(),
            2 => self.hash_as::<Clients>(),
            _ => self.hash_as::<Registry>(),
        }
    }

    fn hash_as<M: Map>(&self) -> Result<[u8; 32], Error> {
        let mut out = Vec::new();
        self.write(&mut out);
        Ok(Trie::<M>::read_partial(&mut Reader::new(&out))?.root())
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
            Node::Leaf { key, value } => vec![(key, value)],
            Node::Inner { children, .. } => children.iter_mut().flat_map(Node::leaves).collect(),
            _ => Vec::new(),
        }
    }
}

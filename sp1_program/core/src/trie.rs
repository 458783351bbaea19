//! Path-compressed binary Merkle trie (crit-bit) over keys of one length.
//!
//! Nodes are shared and copied on write, so a copy of a trie costs nothing. A node keeps its hash until something
//! below it changes: every node is hashed once before and at most once after a batch. Values are held decoded.
//!
//! A trie may be partial: an opaque node stands for a subtree of which only the hash is known, and an operation that
//! would have to look into it fails. What an operation looks into is told to a [`Recorder`], which is how a witness
//! learns what it must hold.

use std::cell::RefCell;
use std::collections::HashSet;

use crate::codec::bytes::equal;
use crate::codec::words::{as_bytes, push_bytes, AlignedBytes};
use crate::codec::Words;
use crate::errors::Error;
use crate::shared::Shared;
use crate::types::Digest;

/// What a trie maps, and how it is hashed.
pub trait Map: Clone + 'static {
    const NAME: &'static str;
    type Key: Copy + Ord + AsRef<[u8]> + for<'a> TryFrom<&'a [u8]> + Send + Sync;
    type Value: Clone + Send + Sync;
    type Hash: Copy + Send + Sync;

    fn decode(key: &Self::Key, value: &[u8]) -> Result<Self::Value, Error>;
    fn encode(value: &Self::Value, out: &mut Vec<u8>);
    /// Of a leaf, given its key and encoded value, one after the other: the words and the number of bytes.
    fn leaf_hash(pair: &[u64], length: usize) -> Self::Hash;
    fn inner_hash(bit: u16, left: &Self::Hash, right: &Self::Hash) -> Self::Hash;
    fn hash_to_bytes(hash: &Self::Hash) -> Digest;
    /// As a witness has it. `None` if the words are not those of any hash: each hash has one form.
    fn hash_from_words(words: &[u64; 4]) -> Option<Self::Hash>;
    fn hash_to_words(hash: &Self::Hash) -> [u64; 4];
}

/// A key and its value.
pub type Pair<'a, M> = (&'a <M as Map>::Key, &'a <M as Map>::Value);

/// Told of every node that an operation looks into.
pub trait Recorder {
    fn visit<T>(&self, node: &T);
}

impl Recorder for () {
    fn visit<T>(&self, _node: &T) {}
}

/// The addresses of the nodes visited. They mean something as long as the trie that was recorded lives.
#[derive(Default)]
pub struct Visited(RefCell<HashSet<usize>>);

impl Recorder for Visited {
    fn visit<T>(&self, node: &T) {
        self.0.borrow_mut().insert(address(node));
    }
}

fn address<T>(node: &T) -> usize {
    std::ptr::from_ref(node) as usize
}

#[derive(Clone)]
struct Node<M: Map> {
    /// `None` since something here or below changed; always there in an opaque node.
    hash: Option<M::Hash>,
    body: Body<M>,
}

#[derive(Clone)]
enum Body<M: Map> {
    /// Known by its hash only.
    Opaque,
    Leaf(Box<Leaf<M>>),
    /// Keys whose bit `bit` is 0 are in the first child. All agree on the bits before it.
    Inner {
        bit: u16,
        children: [Shared<Node<M>>; 2],
    },
}

#[derive(Clone)]
struct Leaf<M: Map> {
    key: M::Key,
    value: M::Value,
}

/// A map with a Merkle root, as the protocol defines it.
pub struct Trie<M: Map, R = ()> {
    root: Option<Shared<Node<M>>>,
    recorder: R,
}

impl<M: Map, R: Default> Default for Trie<M, R> {
    fn default() -> Self {
        Trie { root: None, recorder: R::default() }
    }
}

#[cfg(not(target_os = "zkvm"))]
impl<M: Map> Clone for Trie<M> {
    fn clone(&self) -> Self {
        Trie { root: self.root.clone(), recorder: () }
    }
}

impl<M: Map, R: Recorder> Trie<M, R> {
    /// The Merkle root; 32 zero bytes for the empty map. Hashes what changed.
    pub fn root(&mut self) -> Digest {
        let root = self.root.as_mut();
        root.map_or([0; 32], |root| M::hash_to_bytes(&Node::hash(root, &mut AlignedBytes::default())))
    }

    pub fn get(&self, key: &M::Key) -> Result<Option<&M::Value>, Error> {
        let leaf = self.leaf_towards(|bit| bit_of(key, bit))?;
        Ok(leaf.and_then(|(found, value)| same(found, key).then_some(value)))
    }

    /// The first pair, in the order of keys, whose key starts with `prefix`.
    pub fn first(&self, prefix: &[u8]) -> Result<Option<Pair<'_, M>>, Error> {
        let end = 8 * prefix.len() as u16;
        // If there are such keys, they are all the keys of one subtree, the prefix leads to it, and its first is
        // leftmost. If there are none, the walk ends in a leaf of another prefix.
        let leaf = self.leaf_towards(|bit| if bit < end { bit_of(&prefix, bit) } else { 0 })?;
        Ok(leaf.filter(|(key, _)| equal(&key.as_ref()[..prefix.len()], prefix)))
    }

    /// The pairs, in the order of keys, whose key starts with `prefix`. Looks only into what is on the way to those
    /// that are asked for.
    pub fn ascend(&self, prefix: &[u8]) -> Ascend<'_, M, R> {
        let root = self.root.iter().map(|root| &**root);
        Ascend { pending: root.collect(), prefix: prefix.to_vec(), recorder: &self.recorder }
    }

    pub fn get_mut(&mut self, key: &M::Key) -> Result<Option<&mut M::Value>, Error> {
        let Some(mut node) = self.root.as_mut() else { return Ok(None) };
        loop {
            self.recorder.visit(&**node);
            if matches!(node.body, Body::Opaque) {
                return Err(Error::NodeLeftOut(M::NAME));
            }
            match Node::body_mut(node) {
                Body::Inner { bit, children } => node = &mut children[bit_of(key, *bit)],
                Body::Leaf(leaf) => return Ok(same(&leaf.key, key).then_some(&mut leaf.value)),
                Body::Opaque => return Ok(None),
            }
        }
    }

    /// Adds a pair, or replaces the value of a key that is there.
    pub fn insert(&mut self, key: M::Key, value: M::Value) -> Result<(), Error> {
        let Some((found, _)) = self.leaf_towards(|bit| bit_of(&key, bit))? else {
            self.root = Some(Shared::new(Node::leaf(key, value)));
            return Ok(());
        };
        match first_difference(found, &key) {
            Some(bit) => self.add(bit, key, value),
            None => {
                if let Some(old) = self.get_mut(&key)? {
                    *old = value;
                }
            }
        }
        Ok(())
    }

    /// Adds a leaf above the first node on its path that does not branch before `bit`.
    fn add(&mut self, bit: u16, key: M::Key, value: M::Value) {
        let Some(mut node) = self.root.as_mut() else { return };
        while node.branches_before(bit) {
            let Body::Inner { bit, children } = Node::body_mut(node) else { return };
            node = &mut children[bit_of(&key, *bit)];
        }
        let old = Shared::clone(node);
        let new = Shared::new(Node::leaf(key, value));
        let children = if bit_of(&key, bit) == 0 { [new, old] } else { [old, new] };
        *node = Shared::new(Node { hash: None, body: Body::Inner { bit, children } });
    }

    /// Takes a key out; its sibling, which may be opaque, moves to its parent's place. Nothing if it is not there.
    pub fn remove(&mut self, key: &M::Key) -> Result<(), Error> {
        let Some(mut node) = self.root.as_mut() else { return Ok(()) };
        self.recorder.visit(&**node);
        if node.has_key(key) {
            self.root = None;
            return Ok(());
        }
        while let Body::Inner { bit, children } = &node.body {
            let turn = bit_of(key, *bit);
            self.recorder.visit(&*children[turn]);
            if children[turn].has_key(key) {
                *node = Shared::clone(&children[1 - turn]);
                return Ok(());
            }
            let Body::Inner { children, .. } = Node::body_mut(node) else { return Ok(()) };
            node = &mut children[turn];
        }
        match node.body {
            Body::Opaque => Err(Error::NodeLeftOut(M::NAME)),
            _ => Ok(()),
        }
    }

    /// The leaf in which the walk ends that takes `turn(bit)` at each inner node.
    fn leaf_towards(&self, turn: impl Fn(u16) -> usize) -> Result<Option<Pair<'_, M>>, Error> {
        let Some(mut node) = self.root.as_ref() else { return Ok(None) };
        loop {
            self.recorder.visit(&**node);
            match &node.body {
                Body::Inner { bit, children } => node = &children[turn(*bit)],
                Body::Leaf(leaf) => return Ok(Some((&leaf.key, &leaf.value))),
                Body::Opaque => return Err(Error::NodeLeftOut(M::NAME)),
            }
        }
    }
}

impl<M: Map> Trie<M> {
    /// The same trie, recorded from here on. What was visited is known by where it lies, so this trie is hashed now,
    /// and must live unchanged until it is written.
    #[cfg(not(target_os = "zkvm"))]
    pub fn recorded(&mut self) -> Trie<M, Visited> {
        self.root();
        Trie { root: self.root.clone(), recorder: Visited::default() }
    }

    /// All pairs in the order of keys.
    pub fn items(&self) -> Vec<Pair<'_, M>> {
        let mut items = Vec::new();
        let mut pending: Vec<&Node<M>> = self.root.iter().map(|root| &**root).collect();
        while let Some(node) = pending.pop() {
            match &node.body {
                Body::Inner { children, .. } => pending.extend([&*children[1], &*children[0]]),
                Body::Leaf(leaf) => items.push((&leaf.key, &leaf.value)),
                Body::Opaque => {}
            }
        }
        items
    }

    /// Writes what `recorded` (made from this trie) looked into, and the hashes of the rest.
    pub fn write_partial(&self, recorded: &Trie<M, Visited>, out: &mut Vec<u64>) {
        match &self.root {
            Some(root) => root.write_partial(&recorded.recorder.0.borrow(), out),
            None => out.push(EMPTY),
        }
    }

    /// Reads a partial trie and hashes it. The words are not trusted.
    pub fn read_partial(words: &mut Words) -> Result<Self, Error> {
        let (mut root, hash) = match words.word()? {
            EMPTY => return Ok(Trie { root: None, recorder: () }),
            OPAQUE => Node::read_opaque(words)?,
            header => Node::read_partial(header, 0, words)?,
        };
        Node::unshared(&mut root).hash = Some(hash);
        Ok(Trie { root: Some(root), recorder: () })
    }
}

/// What [`Trie::ascend`] gives: pairs in the order of keys, or an error where a node is needed and not there.
pub struct Ascend<'a, M: Map, R> {
    /// Subtrees not yet looked into, the next one last.
    pending: Vec<&'a Node<M>>,
    prefix: Vec<u8>,
    recorder: &'a R,
}

impl<'a, M: Map, R: Recorder> Iterator for Ascend<'a, M, R> {
    type Item = Result<Pair<'a, M>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let end = 8 * self.prefix.len() as u16;
        loop {
            let node = self.pending.pop()?;
            self.recorder.visit(node);
            match &node.body {
                Body::Inner { bit, children } if *bit < end => {
                    self.pending.push(&children[bit_of(&self.prefix, *bit)]);
                }
                Body::Inner { children, .. } => self.pending.extend([&*children[1], &*children[0]]),
                // As in `first`: the prefix leads to one subtree, of keys that all start with it or all do not.
                Body::Leaf(leaf) if leaf.key.as_ref().starts_with(&self.prefix) => {
                    return Some(Ok((&leaf.key, &leaf.value)));
                }
                Body::Leaf(_) => self.pending.clear(),
                Body::Opaque => {
                    self.pending.clear();
                    return Some(Err(Error::NodeLeftOut(M::NAME)));
                }
            }
        }
    }
}

/// A map whose keys and values are bytes, as they are outside of this crate.
pub trait EncodedMap {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error>;
    /// Sets the value of a key, or removes the key. Changes nothing if one of them does not decode.
    fn set(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), Error>;
    /// All pairs in the order of keys.
    fn items(&self) -> Vec<(Vec<u8>, Vec<u8>)>;
}

impl<M: Map> EncodedMap for Trie<M> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.get(&decode_key::<M>(key)?)?.map(encode_value::<M>))
    }

    fn set(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), Error> {
        let key = decode_key::<M>(key)?;
        match value {
            Some(value) => self.insert(key, M::decode(&key, value)?),
            None => self.remove(&key),
        }
    }

    fn items(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let items = self.items().into_iter();
        items.map(|(key, value)| (key.as_ref().to_vec(), encode_value::<M>(value))).collect()
    }
}

fn decode_key<M: Map>(key: &[u8]) -> Result<M::Key, Error> {
    M::Key::try_from(key).map_err(|_| Error::Malformed("length of a key"))
}

fn encode_value<M: Map>(value: &M::Value) -> Vec<u8> {
    let mut encoded = Vec::new();
    M::encode(value, &mut encoded);
    encoded
}

/// What starts a node in a witness, in the lowest byte of a word. A child that is opaque has no word of its own: its parent
/// says so.
const EMPTY: u64 = 0;
const OPAQUE: u64 = 1;
const LEAF: u64 = 2;
const INNER: u64 = 3;
/// In the first word of an inner node, that its left child is opaque; shifted by one, its right child.
const LEFT_OPAQUE: u64 = 1 << 24;

impl<M: Map> Node<M> {
    fn leaf(key: M::Key, value: M::Value) -> Self {
        Node { hash: None, body: Body::Leaf(Box::new(Leaf { key, value })) }
    }

    /// The node, to be changed: a copy if it is shared. The guest calls this most of all, and never copies.
    #[inline(always)]
    fn unshared(node: &mut Shared<Self>) -> &mut Self {
        if Shared::get_mut(node).is_none() {
            Self::copy(node);
        }
        Shared::get_mut(node).expect("a copy is not shared")
    }

    #[cold]
    #[inline(never)]
    fn copy(node: &mut Shared<Self>) {
        *node = Shared::new(Node::clone(node));
    }

    /// The body, to be changed: the node's hash is forgotten.
    fn body_mut(node: &mut Shared<Self>) -> &mut Body<M> {
        let node = Self::unshared(node);
        node.hash = None;
        &mut node.body
    }

    /// The hash, computed where something changed. `buffer` is for encoding.
    fn hash(node: &mut Shared<Self>, buffer: &mut AlignedBytes) -> M::Hash {
        if let Some(hash) = node.hash {
            return hash;
        }
        let node = Self::unshared(node);
        let hash = match &mut node.body {
            Body::Leaf(leaf) => {
                let (pair, length) = buffer.words(|out| {
                    out.extend_from_slice(leaf.key.as_ref());
                    M::encode(&leaf.value, out);
                });
                M::leaf_hash(pair, length)
            }
            Body::Inner { bit, children: [left, right] } => {
                M::inner_hash(*bit, &Self::hash(left, buffer), &Self::hash(right, buffer))
            }
            Body::Opaque => unreachable!("an opaque node is made with its hash and never changed"),
        };
        // The guest hashes once, at the end of a batch.
        if cfg!(not(target_os = "zkvm")) {
            node.hash = Some(hash);
        }
        hash
    }

    fn branches_before(&self, bit: u16) -> bool {
        matches!(self.body, Body::Inner { bit: own, .. } if own < bit)
    }

    /// Whether this is the leaf of `key`.
    fn has_key(&self, key: &M::Key) -> bool {
        matches!(&self.body, Body::Leaf(leaf) if same(&leaf.key, key))
    }

    fn write_partial(&self, visited: &HashSet<usize>, out: &mut Vec<u64>) {
        match &self.body {
            Body::Inner { bit, children } if visited.contains(&address(self)) => {
                let opaque =
                    children.iter().enumerate().filter(|(_, child)| !visited.contains(&address(&***child)));
                let flags = opaque.fold(0, |flags, (side, _)| flags | LEFT_OPAQUE << side);
                out.push(INNER | u64::from(*bit) << 8 | flags);
                for (side, child) in children.iter().enumerate() {
                    if flags & LEFT_OPAQUE << side == 0 {
                        child.write_partial(visited, out);
                    } else {
                        child.write_opaque(out);
                    }
                }
            }
            Body::Leaf(leaf) if visited.contains(&address(self)) => {
                let mut pair = leaf.key.as_ref().to_vec();
                M::encode(&leaf.value, &mut pair);
                out.push(LEAF | (pair.len() as u64) << 8);
                push_bytes(&pair, out);
            }
            _ => {
                out.push(OPAQUE);
                self.write_opaque(out);
            }
        }
    }

    fn write_opaque(&self, out: &mut Vec<u64>) {
        out.extend(M::hash_to_words(&self.hash.expect("a trie is hashed before it is recorded")));
    }

    /// Reads the node that starts with `header` and hashes it; it may not branch before bit `from`. As bit positions grow
    /// downwards and end with the key, this recursion is never deeper than a key has bits.
    fn read_partial(header: u64, from: u16, words: &mut Words) -> Result<(Shared<Self>, M::Hash), Error> {
        let (hash, body) = match header & 0xff {
            LEAF => {
                let length =
                    usize::try_from(header >> 8).map_err(|_| Error::Malformed("length of a leaf"))?;
                let padded = words.padded(length)?;
                let pair = as_bytes(padded, length);
                let (key, value) =
                    pair.split_at_checked(size_of::<M::Key>()).ok_or(Error::Malformed("length of a leaf"))?;
                let key = decode_key::<M>(key)?;
                let value = M::decode(&key, value)?;
                (M::leaf_hash(padded, length), Body::Leaf(Box::new(Leaf { key, value })))
            }
            INNER => {
                let bit = (header >> 8) as u16;
                if bit < from || usize::from(bit) >= 8 * size_of::<M::Key>() || header >> 26 != 0 {
                    return Err(Error::Malformed("first word of an inner node"));
                }
                let (left, left_hash) = Self::read_child(header & LEFT_OPAQUE != 0, bit + 1, words)?;
                let (right, right_hash) = Self::read_child(header & LEFT_OPAQUE << 1 != 0, bit + 1, words)?;
                let hash = M::inner_hash(bit, &left_hash, &right_hash);
                // Its hash is not kept: almost every inner node that a witness has is on the way to a change.
                let body = Body::Inner { bit, children: [left, right] };
                return Ok((Shared::new(Node { hash: None, body }), hash));
            }
            _ => return Err(Error::Malformed("tag of a trie node")),
        };
        Ok((Shared::new(Node { hash: Some(hash), body }), hash))
    }

    #[inline(always)]
    fn read_child(opaque: bool, from: u16, words: &mut Words) -> Result<(Shared<Self>, M::Hash), Error> {
        if opaque {
            Self::read_opaque(words)
        } else {
            Self::read_partial(words.word()?, from, words)
        }
    }

    fn read_opaque(words: &mut Words) -> Result<(Shared<Self>, M::Hash), Error> {
        let hash = M::hash_from_words(words.array()?);
        let hash = hash.ok_or(Error::Malformed("a hash in the witness is not canonical"))?;
        Ok((Shared::new(Node { hash: Some(hash), body: Body::Opaque }), hash))
    }
}

/// Bit `bit` of a key, counted from the most significant bit of its first byte.
fn bit_of(key: &impl AsRef<[u8]>, bit: u16) -> usize {
    let byte = key.as_ref()[usize::from(bit / 8)];
    usize::from(byte >> (7 - bit % 8) & 1)
}

/// Whether two keys are equal.
fn same(a: &impl AsRef<[u8]>, b: &impl AsRef<[u8]>) -> bool {
    equal(a.as_ref(), b.as_ref())
}

/// The first bit in which two keys differ.
fn first_difference<K: AsRef<[u8]>>(a: &K, b: &K) -> Option<u16> {
    let pairs = a.as_ref().iter().zip(b.as_ref());
    let (at, difference) = pairs.map(|(x, y)| x ^ y).enumerate().find(|(_, difference)| *difference != 0)?;
    Some(8 * at as u16 + difference.leading_zeros() as u16)
}

//! Path-compressed binary Merkle trie (crit-bit) over keys of one length.
//!
//! Nodes are shared and copied on write, so a copy of a trie costs nothing. A node keeps its hash until something
//! below it changes: every node is hashed once before and at most once after a batch. Values are held decoded.
//!
//! What an operation looks into is told to a [`Recorder`], which is how a witness learns what it must hold. The guest has
//! only that part ([`crate::partial`]).

use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::Arc;

use crate::codec::cast::as_bytes;
use crate::codec::Writer;
use crate::errors::Error;
use crate::hash::TrieHash;
use crate::types::Digest;

/// What a trie maps, and how it is hashed.
pub trait Map: Clone + 'static {
    const NAME: &'static str;
    type Key: Copy + Ord + AsRef<[u8]> + for<'a> TryFrom<&'a [u8]> + Send + Sync;
    /// Bytes of a key.
    const KEY_LENGTH: usize;
    type KeyWords: Copy + AsRef<[u64]>;
    type Value: Clone + Send + Sync;
    type Hash: TrieHash;
    /// Tags of leaves and of inner nodes.
    const LEAF: u8;
    const INNER: u8;

    fn decode(key: &Self::Key, value: &[u8]) -> Result<Self::Value, Error>;
    fn encode(value: &Self::Value, out: &mut Writer);
    /// A key as little-endian words, filled up with zeros.
    fn words(key: &Self::Key) -> Self::KeyWords;
}

/// A key and its value.
pub type Pair<'a, M> = (&'a <M as Map>::Key, &'a <M as Map>::Value);

/// Told of every node that an operation looks into.
pub trait Recorder {
    fn visit<T>(&self, node: &T);
    /// The node is a leaf, and its value is used too.
    fn use_value<T>(&self, leaf: &T);
}

impl Recorder for () {
    fn visit<T>(&self, _node: &T) {}

    fn use_value<T>(&self, _leaf: &T) {}
}

/// The addresses of the nodes visited, and of the leaves whose values were used. They mean something as long as the trie
/// that was recorded lives.
#[derive(Default)]
pub struct Visited(RefCell<Addresses>);

#[derive(Default)]
struct Addresses {
    nodes: HashSet<usize>,
    values: HashSet<usize>,
}

impl Recorder for Visited {
    fn visit<T>(&self, node: &T) {
        self.0.borrow_mut().nodes.insert(address(node));
    }

    fn use_value<T>(&self, leaf: &T) {
        self.0.borrow_mut().values.insert(address(leaf));
    }
}

fn address<T>(node: &T) -> usize {
    std::ptr::from_ref(node) as usize
}

#[derive(Clone)]
struct Node<M: Map> {
    /// `None` since something here or below changed.
    hash: Option<M::Hash>,
    body: Body<M>,
}

#[derive(Clone)]
enum Body<M: Map> {
    Leaf(Box<Leaf<M>>),
    /// Keys whose bit `bit` is 0 are in the first child. All agree on the bits before it.
    Inner {
        bit: u16,
        children: [Arc<Node<M>>; 2],
    },
}

#[derive(Clone)]
struct Leaf<M: Map> {
    key: M::Key,
    value: M::Value,
}

impl<M: Map> Leaf<M> {
    /// Key and value, as they are hashed.
    fn write<'a>(&self, buffer: &'a mut Writer) -> (&'a [u64], usize) {
        buffer.write(|out| {
            out.bytes(self.key.as_ref());
            M::encode(&self.value, out);
        })
    }
}

/// A map with a Merkle root, as the protocol defines it.
pub struct Trie<M: Map, R = ()> {
    root: Option<Arc<Node<M>>>,
    recorder: R,
}

impl<M: Map, R: Default> Default for Trie<M, R> {
    fn default() -> Self {
        Trie { root: None, recorder: R::default() }
    }
}

impl<M: Map> Clone for Trie<M> {
    fn clone(&self) -> Self {
        Trie { root: self.root.clone(), recorder: () }
    }
}

impl<M: Map, R: Recorder> Trie<M, R> {
    /// The Merkle root; 32 zero bytes for the empty map. Hashes what changed.
    pub fn root(&mut self) -> Digest {
        let root = self.root.as_mut();
        root.map_or([0; 32], |root| Node::hash(root, &mut Writer::default()).to_bytes())
    }

    pub fn get(&self, key: &M::Key) -> Option<&M::Value> {
        let leaf = self.leaf_towards(|bit| bit_of(key, bit)).filter(|leaf| same(&leaf.key, key))?;
        self.recorder.use_value(leaf);
        Some(&leaf.value)
    }

    /// The first pair, in the order of keys, whose key starts with `prefix`, if its key is wanted.
    pub fn first(&self, prefix: &[u8], wanted: impl FnOnce(&M::Key) -> bool) -> Option<Pair<'_, M>> {
        let end = 8 * prefix.len() as u16;
        // If there are such keys, they are all the keys of one subtree, the prefix leads to it, and its first is
        // leftmost. If there are none, the walk ends in a leaf of another prefix.
        let leaf = self.leaf_towards(|bit| if bit < end { bit_of(&prefix, bit) } else { 0 });
        let leaf = leaf.filter(|leaf| leaf.key.as_ref().starts_with(prefix) && wanted(&leaf.key))?;
        self.recorder.use_value(leaf);
        Some((&leaf.key, &leaf.value))
    }

    /// The pairs, in the order of keys, whose key starts with `prefix`. Looks only into what is on the way to those
    /// that are asked for.
    pub fn ascend(&self, prefix: &[u8]) -> Ascend<'_, M, R> {
        let root = self.root.iter().map(|root| &**root);
        Ascend { pending: root.collect(), prefix: prefix.to_vec(), recorder: &self.recorder }
    }

    pub fn get_mut(&mut self, key: &M::Key) -> Option<&mut M::Value> {
        let mut node = self.root.as_mut()?;
        loop {
            self.recorder.visit(&**node);
            if let Body::Leaf(leaf) = &node.body {
                if !same(&leaf.key, key) {
                    return None;
                }
                self.recorder.use_value(&**leaf);
            }
            match Node::body_mut(node) {
                Body::Inner { bit, children } => node = &mut children[bit_of(key, *bit)],
                Body::Leaf(leaf) => return Some(&mut leaf.value),
            }
        }
    }

    /// Adds a pair, or replaces the value of a key that is there.
    pub fn insert(&mut self, key: M::Key, value: M::Value) {
        let Some(found) = self.leaf_towards(|bit| bit_of(&key, bit)) else {
            self.root = Some(Arc::new(Node::leaf(key, value)));
            return;
        };
        match first_difference(&found.key, &key) {
            Some(bit) => self.add(bit, key, value),
            None => {
                if let Some(old) = self.get_mut(&key) {
                    *old = value;
                }
            }
        }
    }

    /// Adds a leaf above the first node on its path that does not branch before `bit`.
    fn add(&mut self, bit: u16, key: M::Key, value: M::Value) {
        let Some(mut node) = self.root.as_mut() else { return };
        while node.branches_before(bit) {
            let Body::Inner { bit, children } = Node::body_mut(node) else { return };
            node = &mut children[bit_of(&key, *bit)];
        }
        let old = Arc::clone(node);
        let new = Arc::new(Node::leaf(key, value));
        let children = if bit_of(&key, bit) == 0 { [new, old] } else { [old, new] };
        *node = Arc::new(Node { hash: None, body: Body::Inner { bit, children } });
    }

    /// Takes a key out; its sibling moves to its parent's place. Nothing if it is not there.
    pub fn remove(&mut self, key: &M::Key) {
        let Some(mut node) = self.root.as_mut() else { return };
        self.recorder.visit(&**node);
        if node.has_key(key) {
            self.root = None;
            return;
        }
        while let Body::Inner { bit, children } = &node.body {
            let turn = bit_of(key, *bit);
            self.recorder.visit(&*children[turn]);
            if children[turn].has_key(key) {
                *node = Arc::clone(&children[1 - turn]);
                return;
            }
            let Body::Inner { children, .. } = Node::body_mut(node) else { return };
            node = &mut children[turn];
        }
    }

    /// The leaf in which the walk ends that takes `turn(bit)` at each inner node.
    fn leaf_towards(&self, turn: impl Fn(u16) -> usize) -> Option<&Leaf<M>> {
        let mut node = self.root.as_ref()?;
        loop {
            self.recorder.visit(&**node);
            match &node.body {
                Body::Inner { bit, children } => node = &children[turn(*bit)],
                Body::Leaf(leaf) => return Some(leaf),
            }
        }
    }
}

impl<M: Map> Trie<M> {
    /// The same trie, recorded from here on. What was visited is known by where it lies, so this trie is hashed now,
    /// and must live unchanged until it is written.
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
}

/// What [`Trie::ascend`] gives: pairs in the order of keys.
pub struct Ascend<'a, M: Map, R> {
    /// Subtrees not yet looked into, the next one last.
    pending: Vec<&'a Node<M>>,
    prefix: Vec<u8>,
    recorder: &'a R,
}

impl<'a, M: Map, R: Recorder> Iterator for Ascend<'a, M, R> {
    type Item = Pair<'a, M>;

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
                    self.recorder.use_value(&**leaf);
                    return Some((&leaf.key, &leaf.value));
                }
                Body::Leaf(_) => self.pending.clear(),
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
        Ok(self.get(&decode_key::<M>(key)?).map(encode_value::<M>))
    }

    fn set(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<(), Error> {
        let key = decode_key::<M>(key)?;
        match value {
            Some(value) => self.insert(key, M::decode(&key, value)?),
            None => self.remove(&key),
        }
        Ok(())
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
    let mut buffer = Writer::default();
    let (words, length) = buffer.write(|out| M::encode(value, out));
    as_bytes(words, length).to_vec()
}

/// What starts a node in a witness, in the lowest byte of a word. A child that is opaque has no word of its own: its parent
/// says so.
pub(crate) const EMPTY: u64 = 0;
pub(crate) const OPAQUE: u64 = 1;
pub(crate) const LEAF: u64 = 2;
pub(crate) const INNER: u64 = 3;
/// A leaf whose value nothing uses.
pub(crate) const KEY: u64 = 4;
/// In the first word of an inner node, that its left child is opaque; shifted by one, its right child.
pub(crate) const LEFT_OPAQUE: u64 = 1 << 24;

impl<M: Map> Node<M> {
    fn leaf(key: M::Key, value: M::Value) -> Self {
        Node { hash: None, body: Body::Leaf(Box::new(Leaf { key, value })) }
    }

    /// The body, to be changed: the node's hash is forgotten.
    fn body_mut(node: &mut Arc<Self>) -> &mut Body<M> {
        let node = Arc::make_mut(node);
        node.hash = None;
        &mut node.body
    }

    /// The hash, computed where something changed. `buffer` is for encoding.
    fn hash(node: &mut Arc<Self>, buffer: &mut Writer) -> M::Hash {
        if let Some(hash) = node.hash {
            return hash;
        }
        let node = Arc::make_mut(node);
        let hash = match &mut node.body {
            Body::Leaf(leaf) => {
                let (pair, length) = leaf.write(buffer);
                M::Hash::of_leaf(M::LEAF, pair, length)
            }
            Body::Inner { bit, children: [left, right] } => {
                M::Hash::of_inner(M::INNER, *bit, &Self::hash(left, buffer), &Self::hash(right, buffer))
            }
        };
        node.hash = Some(hash);
        hash
    }

    fn branches_before(&self, bit: u16) -> bool {
        matches!(self.body, Body::Inner { bit: own, .. } if own < bit)
    }

    /// Whether this is the leaf of `key`.
    fn has_key(&self, key: &M::Key) -> bool {
        matches!(&self.body, Body::Leaf(leaf) if same(&leaf.key, key))
    }

    fn write_partial(&self, visited: &Addresses, out: &mut Vec<u64>) {
        match &self.body {
            Body::Inner { bit, children } if visited.nodes.contains(&address(self)) => {
                let opaque = children
                    .iter()
                    .enumerate()
                    .filter(|(_, child)| !visited.nodes.contains(&address(&***child)));
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
            Body::Leaf(leaf) if visited.nodes.contains(&address(self)) => {
                let mut buffer = Writer::default();
                let (pair, length) = leaf.write(&mut buffer);
                let tag = if visited.values.contains(&address(&**leaf)) { LEAF } else { KEY };
                out.push(tag | (length as u64) << 8);
                out.extend_from_slice(pair);
            }
            _ => {
                out.push(OPAQUE);
                self.write_opaque(out);
            }
        }
    }

    fn write_opaque(&self, out: &mut Vec<u64>) {
        out.extend(self.hash.expect("a trie is hashed before it is recorded").to_words());
    }
}

/// Bit `bit` of a key, counted from the most significant bit of its first byte.
fn bit_of(key: &impl AsRef<[u8]>, bit: u16) -> usize {
    let byte = key.as_ref()[usize::from(bit / 8)];
    usize::from(byte >> (7 - bit % 8) & 1)
}

/// Whether two keys are equal.
fn same(a: &impl AsRef<[u8]>, b: &impl AsRef<[u8]>) -> bool {
    a.as_ref() == b.as_ref()
}

/// The first bit in which two keys differ.
fn first_difference<K: AsRef<[u8]>>(a: &K, b: &K) -> Option<u16> {
    let pairs = a.as_ref().iter().zip(b.as_ref());
    let (at, difference) = pairs.map(|(x, y)| x ^ y).enumerate().find(|(_, difference)| *difference != 0)?;
    Some(8 * at as u16 + difference.leading_zeros() as u16)
}

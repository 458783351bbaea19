//! The tries of a witness: the part of each [`crate::trie::Trie`] that a batch looks into. This is what the guest works on.
//!
//! A subtree that the batch does not look into is opaque: only its hash is known, and an operation that would have to look
//! into it fails.
//!
//! Memory that is touched for the first time costs the guest most, so little is made: an inner node is two links in one word,
//! an opaque node is a place in the witness, and so is the leaf of an order. A new order takes the room of one that is gone.

use std::cell::Cell;
use std::marker::PhantomData;

use crate::codec::bytes::{equal_words, swap};
use crate::codec::cast::as_bytes;
use crate::codec::values::{pack_order, unpack_order, PACKED_ORDER, PACKED_ORDER_BYTES};
use crate::codec::Writer;
use crate::errors::Error;
use crate::hash::{poseidon2, TrieHash};
use crate::state::{self, OrderBook, Store, Table};
use crate::trie::{Map, EMPTY, INNER, KEY, LEAF, LEFT_OPAQUE, OPAQUE};
use crate::types::*;

const SHORT: Error = Error::Malformed("ends too early");
const TOO_MANY: Error = Error::Malformed("a trie of too many nodes");

/// The state that a witness holds.
pub struct Witnessed<'a>(PhantomData<&'a ()>);

impl<'a> Store for Witnessed<'a> {
    type Table<M: Map> = PartialTable<'a, M>;
    type Orders = PartialOrders<'a>;
}

/// A position in the untrusted words of tries.
pub struct Nodes<'a> {
    /// From the beginning of the trie that is being read.
    words: &'a mut [u64],
    at: usize,
}

impl<'a> Nodes<'a> {
    pub fn new(words: &'a mut [u64]) -> Self {
        Nodes { words, at: 0 }
    }

    fn left(&self) -> usize {
        self.words.len() - self.at
    }

    /// The words that were read since the last call.
    fn take(&mut self) -> &'a mut [u64] {
        let (taken, rest) = std::mem::take(&mut self.words).split_at_mut(self.at);
        (self.words, self.at) = (rest, 0);
        taken
    }

    fn word(&mut self) -> Result<u64, Error> {
        let word = *self.words.get(self.at).ok_or(SHORT)?;
        self.at += 1;
        Ok(word)
    }

    #[inline(always)]
    fn hash(&mut self) -> Result<&[u64; 4], Error> {
        let hash = self.words[self.at..].first_chunk().ok_or(SHORT)?;
        self.at += 4;
        Ok(hash)
    }

    /// The words of a leaf of `length` bytes, which are filled up with zeros.
    #[inline(always)]
    fn leaf(&mut self, length: usize) -> Result<&mut [u64], Error> {
        let words = self.words[self.at..].get_mut(..length.div_ceil(8)).ok_or(SHORT)?;
        self.at += words.len();
        let used = length % 8;
        if used > 0 && words[words.len() - 1] >> (8 * used) != 0 {
            return Err(Error::Malformed("bytes are not filled up with zeros"));
        }
        Ok(words)
    }

    /// Fails unless every word was read.
    pub fn finish(self) -> Result<(), Error> {
        if self.left() == 0 {
            Ok(())
        } else {
            Err(Error::Malformed("words left over"))
        }
    }
}

/// Where a node is, and what: in the high bits, the place in a key's words of the bit at which it branches, or one of the
/// kinds below; in the low bits, an index.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Link(u32);

impl Link {
    const INDEX_BITS: u32 = 23;
    /// The first kind of a node that does not branch.
    const LEAF: u32 = 509;
    const OPAQUE: u32 = 510;
    const NONE: Self = Link(511 << Self::INDEX_BITS);

    #[inline(always)]
    fn new(kind: u32, index: usize) -> Result<Self, Error> {
        if index >> Self::INDEX_BITS != 0 {
            return Err(TOO_MANY);
        }
        Ok(Link(kind << Self::INDEX_BITS | index as u32))
    }

    #[inline(always)]
    fn kind(self) -> u32 {
        self.0 >> Self::INDEX_BITS
    }

    #[inline(always)]
    fn index(self) -> usize {
        (self.0 & ((1 << Self::INDEX_BITS) - 1)) as usize
    }
}

/// Where a bit of a key is in its little-endian words, which have the first byte lowest. Its own inverse.
#[inline(always)]
fn place_of(bit: u32) -> u32 {
    bit ^ 7
}

/// The bit at this place.
#[inline(always)]
fn bit_at(key: &[u64], place: u32) -> usize {
    (key[place as usize / 64] >> (place % 64) & 1) as usize
}

/// The first bit in which two keys differ.
#[inline(always)]
fn first_difference(a: &[u64], b: &[u64]) -> Option<u32> {
    let words = a.iter().zip(b).map(|(a, b)| a ^ b);
    let (number, mut difference) = words.enumerate().find(|(_, difference)| *difference != 0)?;
    let mut bit = 64 * number as u32;
    // Its first byte, which is the lowest, and of that the highest bit.
    for (bits, zeros) in [(32, 0xffff_ffff), (16, 0xffff), (8, 0xff)] {
        if difference & zeros == 0 {
            difference >>= bits;
            bit += bits;
        }
    }
    for (bits, zeros) in [(4, 0xf0), (2, 0xc0), (1, 0x80)] {
        if difference & zeros == 0 {
            difference <<= bits;
            bit += bits;
        }
    }
    Some(bit)
}

/// How the leaves of a trie are kept, each under a number, and the words of the witness that the trie is in.
trait Leaves<'a, M: Map> {
    /// For a trie of at most so many words.
    fn new(longest: usize) -> Self;
    /// Reads a leaf of `length` bytes and hashes it. `used`: whether its value is used.
    fn read(
        &mut self,
        nodes: &mut Nodes<'a>,
        length: usize,
        used: bool,
        place: &mut Place<M>,
    ) -> Result<usize, Error>;
    /// Takes the words of the trie, which was read.
    fn take(&mut self, words: &'a mut [u64]);
    fn words(&self) -> &[u64];
    fn key(&self, leaf: usize) -> &[u64];
    fn add(&mut self, key: &M::Key, value: M::Value) -> usize;
    /// Lets the room of a leaf that is used no more be used again.
    fn free(&mut self, leaf: usize);
    fn hash(&self, leaf: usize, place: &mut Place<M>, buffer: &mut Writer);
}

type Place<M> = <<M as Map>::Hash as TrieHash>::Place;

/// A leaf that was found, and how it hangs in the trie.
#[derive(Clone, Copy)]
struct Found {
    leaf: usize,
    /// The link to it.
    slot: usize,
    /// The link to the node that holds that link.
    parent: usize,
}

/// Slots, from the root's on.
#[derive(Default)]
struct Path {
    slots: Vec<u32>,
    length: usize,
}

impl Path {
    fn new(longest: usize) -> Self {
        Path { slots: vec![0; longest], length: 0 }
    }

    /// One more, for which there is room: bits grow on the way.
    #[inline(always)]
    fn push(&mut self, slot: usize) {
        self.slots[self.length] = slot as u32;
        self.length += 1;
    }

    fn slots(&self) -> &[u32] {
        &self.slots[..self.length]
    }

    fn last(&self) -> usize {
        self.slots[self.length - 1] as usize
    }

    /// The one before the last.
    #[inline(always)]
    fn above(&self) -> Option<usize> {
        let above = self.length.checked_sub(2)?;
        Some(self.slots[above] as usize)
    }
}

struct Partial<M: Map, L> {
    /// The link to the root and, beside it, one that is not used; then those of each inner node.
    inner: Vec<[Link; 2]>,
    leaves: L,
    /// Unless something has changed since it was known.
    root: Option<Digest>,
    /// Of the last insertion: the slots of the links on the way.
    path: Path,
    map: PhantomData<M>,
}

const ROOT: usize = 0;

impl<'a, M: Map, L: Leaves<'a, M>> Partial<M, L> {
    /// Reads a trie and hashes it.
    fn read(nodes: &mut Nodes<'a>) -> Result<Self, Error> {
        let mut trie = Partial {
            inner: Vec::with_capacity(nodes.left() + 1),
            leaves: L::new(nodes.left()),
            root: Some([0; 32]),
            path: Path::new(8 * M::KEY_LENGTH + 1),
            map: PhantomData,
        };
        trie.inner.push([Link::NONE; 2]);
        let mut place = Place::<M>::default();
        trie.inner[0][0] = match nodes.word()? {
            EMPTY => Link::NONE,
            OPAQUE => {
                let (link, hash) = read_opaque::<M>(nodes)?;
                M::Hash::put(&mut place, &M::Hash::from_words(hash));
                link
            }
            header => trie.read_node(header, 0, nodes, &mut place).map_err(|error| *error)?,
        };
        if trie.link(ROOT) != Link::NONE {
            trie.root = Some(M::Hash::at(&place).to_bytes());
        }
        trie.leaves.take(nodes.take());
        Ok(trie)
    }

    /// Reads the node that starts with `header` and hashes it; it may not branch before bit `from`. An error is in a box, so
    /// that what is returned for each node stays in registers.
    #[inline(always)]
    fn read_node(
        &mut self,
        header: u64,
        from: u32,
        nodes: &mut Nodes<'a>,
        place: &mut Place<M>,
    ) -> Result<Link, Box<Error>> {
        match header & 0xff {
            INNER => self.read_inner(header, from, nodes, place),
            tag @ (LEAF | KEY) => {
                let length =
                    usize::try_from(header >> 8).map_err(|_| Error::Malformed("length of a leaf"))?;
                Ok(Link::new(Link::LEAF, self.leaves.read(nodes, length, tag == LEAF, place)?)?)
            }
            _ => Err(Error::Malformed("tag of a trie node").into()),
        }
    }

    /// As bits grow downwards and end with the key, this recursion is never deeper than a key has bits.
    fn read_inner(
        &mut self,
        header: u64,
        from: u32,
        nodes: &mut Nodes<'a>,
        place: &mut Place<M>,
    ) -> Result<Link, Box<Error>> {
        let bit = (header >> 8) as u16;
        let next = u32::from(bit) + 1;
        if next <= from || usize::from(bit) >= 8 * M::KEY_LENGTH || header >> 26 != 0 {
            return Err(Error::Malformed("first word of an inner node").into());
        }
        let left = if header & LEFT_OPAQUE != 0 {
            let (link, hash) = read_opaque::<M>(nodes)?;
            M::Hash::put(place, &M::Hash::from_words(hash));
            link
        } else {
            let header = nodes.word()?;
            self.read_node(header, next, nodes, place)?
        };
        M::Hash::left(place, M::INNER, bit);
        let right = if header & LEFT_OPAQUE << 1 != 0 {
            let (link, hash) = read_opaque::<M>(nodes)?;
            M::Hash::right(place, &M::Hash::from_words(hash));
            link
        } else {
            let (header, mut below) = (nodes.word()?, Place::<M>::default());
            let link = self.read_node(header, next, nodes, &mut below)?;
            M::Hash::right(place, &M::Hash::at(&below));
            link
        };
        Ok(self.add_inner(bit.into(), [left, right])?)
    }

    /// Makes an inner node.
    #[inline(always)]
    fn add_inner(&mut self, bit: u32, children: [Link; 2]) -> Result<Link, Error> {
        let link = Link::new(place_of(bit), self.inner.len())?;
        self.inner.push(children);
        Ok(link)
    }

    /// The link in a slot: two for each inner node, the root's first of all.
    #[inline(always)]
    fn link(&self, slot: usize) -> Link {
        self.inner.as_flattened()[slot]
    }

    #[inline(always)]
    fn link_mut(&mut self, slot: usize) -> &mut Link {
        &mut self.inner.as_flattened_mut()[slot]
    }

    fn root(&mut self) -> Digest {
        if let Some(root) = self.root {
            return root;
        }
        let root = match self.link(ROOT) {
            Link::NONE => [0; 32],
            root => {
                let mut place = Place::<M>::default();
                self.hash(root, &mut place, &mut Writer::default());
                M::Hash::at(&place).to_bytes()
            }
        };
        self.root = Some(root);
        root
    }

    /// Hashes a subtree. Of nodes that are not opaque no hash is kept: most of them are on the way to a change.
    #[inline(always)]
    fn hash(&self, link: Link, place: &mut Place<M>, buffer: &mut Writer) {
        match link.kind() {
            Link::LEAF => self.leaves.hash(link.index(), place, buffer),
            Link::OPAQUE => M::Hash::put(place, &self.opaque(link)),
            _ => self.hash_inner(link, place, buffer),
        }
    }

    fn hash_inner(&self, link: Link, place: &mut Place<M>, buffer: &mut Writer) {
        let [left, right] = self.inner[link.index()];
        self.hash(left, place, buffer);
        M::Hash::left(place, M::INNER, place_of(link.kind()) as u16);
        if right.kind() == Link::OPAQUE {
            return M::Hash::right(place, &self.opaque(right));
        }
        let mut below = Place::<M>::default();
        self.hash(right, &mut below, buffer);
        M::Hash::right(place, &M::Hash::at(&below));
    }

    /// The hash of an opaque node, which was checked when it was read.
    #[inline(always)]
    fn opaque(&self, link: Link) -> M::Hash {
        let words = self.leaves.words()[link.index()..].first_chunk();
        M::Hash::from_words(words.expect("an opaque node has four words"))
    }

    /// Walks towards a key, past the links that `visit` is told, to a node that does not branch.
    #[inline(always)]
    fn descend(&self, key: &[u64], mut visit: impl FnMut(usize)) -> Link {
        let mut slot = ROOT;
        loop {
            visit(slot);
            let link = self.link(slot);
            if link.kind() >= Link::LEAF {
                return link;
            }
            slot = 2 * link.index() + bit_at(key, link.kind());
        }
    }

    /// The leaf at which a walk towards a key ends.
    #[inline(always)]
    fn leaf_towards(&self, key: &[u64]) -> Result<Option<Found>, Error> {
        let (mut slot, mut parent) = (ROOT, ROOT);
        let link = self.descend(key, |next| (parent, slot) = (slot, next));
        Ok(leaf_of::<M>(link)?.map(|leaf| Found { leaf, slot, parent }))
    }

    #[inline(always)]
    fn find(&self, key: &[u64]) -> Result<Option<Found>, Error> {
        let found = self.leaf_towards(key)?;
        Ok(found.filter(|found| equal_words(self.leaves.key(found.leaf), key)))
    }

    /// Adds a pair, or replaces the value of a key that is there. Gives the number of the new leaf, and that of the old.
    fn insert(&mut self, key: &M::Key, value: M::Value) -> Result<(usize, Option<usize>), Error> {
        let words = M::words(key);
        let words = words.as_ref();
        let mut path = std::mem::take(&mut self.path);
        path.length = 0;
        let end = self.descend(words, |slot| path.push(slot));
        self.path = path;
        let old = leaf_of::<M>(end)?;
        let leaf = self.leaves.add(key, value);
        let link = Link::new(Link::LEAF, leaf)?;
        self.root = None;
        match old.map(|old| first_difference(self.leaves.key(old), words)) {
            Some(Some(bit)) => {
                self.branch(bit, words, link)?;
                Ok((leaf, None))
            }
            _ => {
                *self.link_mut(self.path.last()) = link;
                old.into_iter().for_each(|old| self.leaves.free(old));
                Ok((leaf, old))
            }
        }
    }

    /// Hangs a leaf in at the first link on the path to a node that does not branch before `bit`. The path then ends there.
    fn branch(&mut self, bit: u32, key: &[u64], leaf: Link) -> Result<(), Error> {
        while let Some(above) = self.path.above() {
            if place_of(self.link(above).kind()) < bit {
                break;
            }
            self.path.length -= 1;
        }
        let slot = self.path.last();
        if place_of(self.link(slot).kind()) == bit {
            return Err(Error::Inconsistent("a key is not where the bits of it lead"));
        }
        let (old, side) = (self.link(slot), bit_at(key, place_of(bit)));
        let new = self.add_inner(bit, if side == 0 { [leaf, old] } else { [old, leaf] })?;
        *self.link_mut(slot) = new;
        self.path.push(2 * new.index() + side);
        Ok(())
    }

    /// Takes a leaf out; its sibling, which may be opaque, moves to its parent's place.
    fn remove(&mut self, found: &Found) {
        self.root = None;
        self.leaves.free(found.leaf);
        if found.slot == ROOT {
            *self.link_mut(ROOT) = Link::NONE;
        } else {
            *self.link_mut(found.parent) = self.link(found.slot ^ 1);
        }
    }
}

/// Reads a node that is opaque: the words of its hash, too.
#[inline(always)]
fn read_opaque<'n, M: Map>(nodes: &'n mut Nodes) -> Result<(Link, &'n [u64; 4]), Error> {
    let link = Link::new(Link::OPAQUE, nodes.at)?;
    let words = nodes.hash()?;
    if !M::Hash::is_canonical(words) {
        return Err(Error::Malformed("a hash in the witness is not canonical"));
    }
    Ok((link, words))
}

/// The leaf that a walk ended in, if there is one.
#[inline(always)]
fn leaf_of<M: Map>(end: Link) -> Result<Option<usize>, Error> {
    match end.kind() {
        Link::LEAF => Ok(Some(end.index())),
        Link::OPAQUE => Err(Error::NodeLeftOut(M::NAME)),
        _ => Ok(None),
    }
}

/// Leaves that are held decoded.
struct Decoded<'a, M: Map> {
    words: &'a [u64],
    entries: Vec<(M::KeyWords, M::Value)>,
}

impl<'a, M: Map> Leaves<'a, M> for Decoded<'a, M> {
    fn new(longest: usize) -> Self {
        Decoded { words: &[], entries: Vec::with_capacity(longest / 4) }
    }

    fn read(
        &mut self,
        nodes: &mut Nodes<'a>,
        length: usize,
        _used: bool,
        place: &mut Place<M>,
    ) -> Result<usize, Error> {
        let words = nodes.leaf(length)?;
        M::Hash::leaf(place, M::LEAF, words, length);
        let pair = as_bytes(words, length);
        let (key, value) =
            pair.split_at_checked(M::KEY_LENGTH).ok_or(Error::Malformed("length of a leaf"))?;
        let key = M::Key::try_from(key).map_err(|_| Error::Malformed("length of a key"))?;
        let value = M::decode(&key, value)?;
        Ok(self.add(&key, value))
    }

    fn take(&mut self, words: &'a mut [u64]) {
        self.words = words;
    }

    fn words(&self) -> &[u64] {
        self.words
    }

    #[inline(always)]
    fn key(&self, leaf: usize) -> &[u64] {
        self.entries[leaf].0.as_ref()
    }

    fn add(&mut self, key: &M::Key, value: M::Value) -> usize {
        self.entries.push((M::words(key), value));
        self.entries.len() - 1
    }

    fn free(&mut self, _leaf: usize) {}

    fn hash(&self, leaf: usize, place: &mut Place<M>, buffer: &mut Writer) {
        let (key, value) = &self.entries[leaf];
        let (pair, length) = buffer.write(|out| {
            out.bytes(as_bytes(key.as_ref(), M::KEY_LENGTH));
            M::encode(value, out);
        });
        M::Hash::leaf(place, M::LEAF, pair, length);
    }
}

/// A map of a witness whose values are held decoded.
pub struct PartialTable<'a, M: Map> {
    trie: Partial<M, Decoded<'a, M>>,
    /// Leaves that were asked for, by a part of their keys: the next one is often one of them.
    recent: Vec<Cell<u32>>,
}

/// How many leaves are remembered.
const RECENT: usize = 256;

impl<'a, M: Map> PartialTable<'a, M> {
    pub fn read(nodes: &mut Nodes<'a>) -> Result<Self, Error> {
        Ok(PartialTable { trie: Partial::read(nodes)?, recent: vec![Cell::new(0); RECENT] })
    }

    /// Where a leaf of this key is remembered: by the fifth byte, which is the number of a market.
    #[inline(always)]
    fn recent(&self, key: &[u64]) -> &Cell<u32> {
        &self.recent[(key[0] >> 32) as usize % RECENT]
    }

    #[inline(always)]
    fn find(&self, key: &M::Key) -> Result<Option<usize>, Error> {
        let words = M::words(key);
        let key = words.as_ref();
        let recent = self.recent(key);
        let leaf = recent.get() as usize;
        if self.trie.leaves.entries.get(leaf).is_some_and(|(known, _)| equal_words(known.as_ref(), key)) {
            return Ok(Some(leaf));
        }
        let found = self.trie.find(key)?;
        Ok(found.map(|found| {
            recent.set(found.leaf as u32);
            found.leaf
        }))
    }
}

impl<M: Map> Table<M> for PartialTable<'_, M> {
    fn root(&mut self) -> Digest {
        self.trie.root()
    }

    #[inline(always)]
    fn get(&self, key: &M::Key) -> Result<Option<&M::Value>, Error> {
        let found = self.find(key)?;
        Ok(found.map(|leaf| &self.trie.leaves.entries[leaf].1))
    }

    #[inline(always)]
    fn get_mut(&mut self, key: &M::Key) -> Result<Option<&mut M::Value>, Error> {
        self.trie.root = None;
        let found = self.find(key)?;
        Ok(found.map(|leaf| &mut self.trie.leaves.entries[leaf].1))
    }

    fn insert(&mut self, key: M::Key, value: M::Value) -> Result<(), Error> {
        let (new, _) = self.trie.insert(&key, value)?;
        self.recent(M::words(&key).as_ref()).set(new as u32);
        Ok(())
    }

    fn remove(&mut self, key: &M::Key) -> Result<(), Error> {
        let words = M::words(key);
        if let Some(found) = self.trie.find(words.as_ref())? {
            self.trie.remove(&found);
            self.recent(words.as_ref()).set(u32::MAX);
        }
        Ok(())
    }
}

/// Leaves of orders, packed. The number of one is its place in the words of the witness, or beyond them in those that were
/// added.
///
/// A leaf of the witness has a word before it, which says whether its value is used. If it is not, it is overwritten with the
/// leaf's hash, which does not change.
struct Packed<'a> {
    read: &'a mut [u64],
    added: Vec<u64>,
    /// Leaves that are used no more.
    free: Vec<usize>,
}

/// Words of a packed order's key.
const KEY_WORDS: usize = 3;

impl Packed<'_> {
    #[inline(always)]
    fn get(&self, leaf: usize) -> &[u64; PACKED_ORDER] {
        let rest =
            if leaf < self.read.len() { &self.read[leaf..] } else { &self.added[leaf - self.read.len()..] };
        rest.first_chunk().expect("a leaf has all its words")
    }

    /// Where its hash is, if that is all that is known besides the key.
    #[inline(always)]
    fn kept_hash(&self, leaf: usize) -> Option<&[u64; 4]> {
        let header = self.read.get(leaf - 1).filter(|_| leaf < self.read.len())?;
        if header & 0xff != KEY {
            return None;
        }
        self.read[leaf + KEY_WORDS..].first_chunk()
    }

    #[inline(always)]
    fn unpack(&self, leaf: usize) -> Result<(OrderId, RestingOrder), Error> {
        if self.kept_hash(leaf).is_some() {
            return Err(Error::NodeLeftOut(state::Books::NAME));
        }
        unpack_order(self.get(leaf))
    }
}

/// Not inlined: where it is known that an order has ten words, nothing is left of the sponge's loops.
#[inline(never)]
fn hash_packed(words: &[u64; PACKED_ORDER], place: &mut Place<state::Books>) {
    poseidon2::Digest::leaf(place, state::Books::LEAF, words, PACKED_ORDER_BYTES);
}

impl<'a> Leaves<'a, state::Books> for Packed<'a> {
    fn new(longest: usize) -> Self {
        Packed { read: &mut [], added: Vec::with_capacity(longest), free: Vec::with_capacity(longest) }
    }

    #[inline(always)]
    fn read(
        &mut self,
        nodes: &mut Nodes<'a>,
        length: usize,
        used: bool,
        place: &mut Place<state::Books>,
    ) -> Result<usize, Error> {
        if length != PACKED_ORDER_BYTES {
            return Err(Error::Malformed("length of a leaf"));
        }
        let leaf = nodes.at;
        let words: &mut [u64; PACKED_ORDER] =
            nodes.leaf(PACKED_ORDER_BYTES)?.first_chunk_mut().expect("a leaf has all its words");
        hash_packed(words, place);
        if !used {
            words[KEY_WORDS..KEY_WORDS + 4].copy_from_slice(&poseidon2::Digest::at(place).to_words());
        }
        Ok(leaf)
    }

    fn take(&mut self, words: &'a mut [u64]) {
        self.read = words;
    }

    #[inline(always)]
    fn words(&self) -> &[u64] {
        self.read
    }

    #[inline(always)]
    fn key(&self, leaf: usize) -> &[u64] {
        &self.get(leaf)[..KEY_WORDS]
    }

    #[inline(always)]
    fn add(&mut self, key: &OrderId, value: RestingOrder) -> usize {
        let packed = pack_order(key, &value);
        if let Some(leaf) = self.free.pop() {
            self.read[leaf..leaf + PACKED_ORDER].copy_from_slice(&packed);
            return leaf;
        }
        self.added.extend_from_slice(&packed);
        self.read.len() + self.added.len() - PACKED_ORDER
    }

    /// Those of the witness whose words all lie in it and say that they are used.
    #[inline(always)]
    fn free(&mut self, leaf: usize) {
        if leaf < self.read.len() && self.kept_hash(leaf).is_none() {
            self.free.push(leaf);
        }
    }

    #[inline(always)]
    fn hash(&self, leaf: usize, place: &mut Place<state::Books>, _buffer: &mut Writer) {
        match self.kept_hash(leaf) {
            Some(hash) => poseidon2::Digest::put(place, &poseidon2::Digest::from_words(hash)),
            None => hash_packed(self.get(leaf), place),
        }
    }
}

/// Books of which the first order is remembered.
const REMEMBERED: usize = 16;

/// The first order of a book, which is named as the first word of an id has it.
struct First {
    book: u64,
    leaf: usize,
    price_key: u64,
}

/// The books of a witness.
pub struct PartialOrders<'a> {
    trie: Partial<state::Books, Packed<'a>>,
    /// The order that was found last, if it still hangs there: it is often the next one to be changed or removed.
    last: Option<Found>,
    /// Of books that were asked for it.
    first: Vec<First>,
}

impl<'a> PartialOrders<'a> {
    pub fn read(nodes: &mut Nodes<'a>) -> Result<Self, Error> {
        Ok(PartialOrders { trie: Partial::read(nodes)?, last: None, first: Vec::with_capacity(REMEMBERED) })
    }

    #[inline(always)]
    fn find(&mut self, id: &OrderId) -> Result<Option<Found>, Error> {
        match self.last {
            Some(last) if equal_words(self.trie.leaves.key(last.leaf), &id.0) => {}
            _ => self.last = self.trie.find(&id.0)?,
        }
        Ok(self.last)
    }

    fn unpack(&self, leaf: usize) -> Result<(OrderId, RestingOrder), Error> {
        self.trie.leaves.unpack(leaf)
    }

    /// The first order of a book, and its price key.
    #[inline(always)]
    fn first_leaf(&mut self, book: u64) -> Result<Option<(usize, u64)>, Error> {
        if let Some(first) = self.first.iter().find(|first| first.book == book) {
            return Ok(Some((first.leaf, first.price_key)));
        }
        // All orders of the book are those of one subtree, and the walk goes left in it.
        let found = self.trie.leaf_towards(&[book, 0, 0])?.map(|found| found.leaf);
        let Some(leaf) = found.filter(|leaf| self.trie.leaves.key(*leaf)[0] == book) else { return Ok(None) };
        let price_key = self.price_key(leaf);
        if self.first.len() < REMEMBERED {
            self.first.push(First { book, leaf, price_key });
        }
        Ok(Some((leaf, price_key)))
    }

    fn price_key(&self, leaf: usize) -> u64 {
        swap(self.trie.leaves.key(leaf)[1])
    }

    /// Whether nothing of its book is before the leaf that was inserted last: it is left of all in the book's subtree.
    fn inserted_first(&self) -> bool {
        let within = |slot: u32| place_of(self.trie.link(slot as usize).kind()) >= 64;
        let ways = self.trie.path.slots().windows(2).rev();
        ways.take_while(|way| within(way[0])).all(|way| way[1] % 2 == 0)
    }
}

impl OrderBook for PartialOrders<'_> {
    fn root(&mut self) -> Digest {
        self.trie.root()
    }

    #[inline(always)]
    fn get(&mut self, id: &OrderId) -> Result<Option<RestingOrder>, Error> {
        let Some(found) = self.find(id)? else { return Ok(None) };
        let (_, order) = self.unpack(found.leaf)?;
        Ok(Some(order))
    }

    #[inline(always)]
    fn first(
        &mut self,
        book: u64,
        wanted: impl FnOnce(u64) -> bool,
    ) -> Result<Option<(OrderId, RestingOrder)>, Error> {
        match self.first_leaf(swap(book))? {
            Some((leaf, price_key)) if wanted(price_key) => self.unpack(leaf).map(Some),
            _ => Ok(None),
        }
    }

    fn ascend(&self, book: u64) -> impl Iterator<Item = Result<(OrderId, RestingOrder), Error>> {
        Ascend { orders: self, book: swap(book), pending: vec![self.trie.link(ROOT)] }
    }

    #[inline(always)]
    fn insert(&mut self, id: OrderId, order: RestingOrder) -> Result<(), Error> {
        self.last = None;
        let (new, old) = self.trie.insert(&id, order)?;
        let inserted_first = old.is_none() && self.inserted_first();
        let first = self.first.iter_mut().find(|first| first.book == id.0[0]);
        if let Some(first) = first.filter(|first| inserted_first || Some(first.leaf) == old) {
            first.leaf = new;
            first.price_key = id.price_key();
        }
        Ok(())
    }

    fn change(&mut self, id: &OrderId, change: impl FnOnce(&mut RestingOrder)) -> Result<bool, Error> {
        let Some(mut order) = self.get(id)? else { return Ok(false) };
        change(&mut order);
        self.insert(*id, order)?;
        Ok(true)
    }

    #[inline(always)]
    fn remove(&mut self, id: &OrderId) -> Result<(), Error> {
        let Some(found) = self.find(id)? else { return Ok(()) };
        self.last = None;
        self.first.retain(|first| first.leaf != found.leaf);
        self.trie.remove(&found);
        Ok(())
    }
}

/// What [`PartialOrders::ascend`] gives.
struct Ascend<'t, 'a> {
    orders: &'t PartialOrders<'a>,
    book: u64,
    /// Subtrees not yet looked into, the next one last.
    pending: Vec<Link>,
}

impl Iterator for Ascend<'_, '_> {
    type Item = Result<(OrderId, RestingOrder), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let trie = &self.orders.trie;
        loop {
            let link = self.pending.pop()?;
            match leaf_of::<state::Books>(link) {
                Err(error) => {
                    self.pending.clear();
                    return Some(Err(error));
                }
                Ok(Some(leaf)) if trie.leaves.key(leaf)[0] == self.book => {
                    return Some(self.orders.unpack(leaf))
                }
                Ok(Some(_)) => self.pending.clear(),
                Ok(None) if link == Link::NONE => {}
                Ok(None) if place_of(link.kind()) < 64 => {
                    self.pending.push(trie.inner[link.index()][bit_at(&[self.book], link.kind())]);
                }
                Ok(None) => {
                    let [left, right] = trie.inner[link.index()];
                    self.pending.extend([right, left]);
                }
            }
        }
    }
}

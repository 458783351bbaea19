//! The hash functions of the protocol. In the SP1 guest, what they are made of are precompiles.

pub mod keccak;
pub mod poseidon2;
pub mod sha256;

pub use keccak::{keccak256, keccak256_concat, keccak256_words, PairHasher, Scratch, WordSponge};

/// The hash of a trie's node.
pub trait TrieHash: Copy + Send + Sync {
    /// Where a hash is made. What it holds counts as the hash of one node at a time: that of a left child becomes that of
    /// its parent, so that the guest moves no hash that it need not.
    type Place: Default;

    /// The hash that a place holds.
    fn at(place: &Self::Place) -> Self;
    /// Puts in the hash of a node that is known by it.
    fn put(place: &mut Self::Place, hash: &Self);
    /// Puts in the hash of a leaf, given its key and encoded value, one after the other: the words and the number of bytes.
    fn leaf(place: &mut Self::Place, tag: u8, pair: &[u64], length: usize);
    /// Goes on from the hash of a left child to that of the inner node at bit `bit` above it, which [`Self::right`] ends.
    fn left(place: &mut Self::Place, tag: u8, bit: u16);
    fn right(place: &mut Self::Place, right: &Self);

    /// Whether these are the words of a hash as a witness has it: each hash has one form.
    fn is_canonical(words: &[u64; 4]) -> bool;
    /// The hash with these words, which must be canonical.
    fn from_words(words: &[u64; 4]) -> Self;
    fn to_words(self) -> [u64; 4];
    fn to_bytes(self) -> [u8; 32];

    fn of_leaf(tag: u8, pair: &[u64], length: usize) -> Self {
        let mut place = Self::Place::default();
        Self::leaf(&mut place, tag, pair, length);
        Self::at(&place)
    }

    fn of_inner(tag: u8, bit: u16, left: &Self, right: &Self) -> Self {
        let mut place = Self::Place::default();
        Self::put(&mut place, left);
        Self::left(&mut place, tag, bit);
        Self::right(&mut place, right);
        Self::at(&place)
    }
}

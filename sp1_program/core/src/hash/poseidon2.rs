//! Poseidon2 of width 16 over KoalaBear, as SP1's precompile has it, in a sponge of rate 8 (protocol section 2.2).
//!
//! The sponge overwrites its rate instead of adding to it: that is as secure, and cheaper in the guest
//! (Bertoni et al., "Duplexing the sponge", 2011, overwrite mode). Tag, parameter and length sit in the capacity.

use super::TrieHash;

/// KoalaBear's prime, 2^31 − 2^24 + 1.
pub const MODULUS: u32 = 0x7f00_0001;

const WIDTH: usize = 16;
const RATE: usize = 8;

/// Eight field elements below [`MODULUS`], two in each word, the first one lower. As bytes, eight big-endian `u32`.
///
/// Kept as words: turning 32 bytes into words and back would cost the guest more than the permutation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Digest([u64; RATE / 2]);

impl TrieHash for Digest {
    type Place = Sponge;

    fn at(place: &Sponge) -> Self {
        place.rate
    }

    #[inline(always)]
    fn put(place: &mut Sponge, hash: &Self) {
        place.rate = *hash;
    }

    /// `P2bytes` of the protocol.
    #[inline(always)]
    fn leaf(place: &mut Sponge, tag: u8, pair: &[u64], length: usize) {
        debug_assert!(pair.len() == length.div_ceil(8) && length < 1 << 24);
        place.start(tag, length as u32, 3 * pair.len() as u32);
        let (chunks, rest) = pair.as_chunks::<8>();
        chunks.iter().for_each(|chunk| place.absorb_words(chunk, 8));
        if !rest.is_empty() {
            let mut last = [0; 8];
            last[..rest.len()].copy_from_slice(rest);
            place.absorb_words(&last, rest.len());
        }
    }

    /// `P2node` of the protocol, its first half.
    #[inline(always)]
    fn left(place: &mut Sponge, tag: u8, bit: u16) {
        place.start(tag, bit.into(), 2 * RATE as u32);
        place.permute();
    }

    #[inline(always)]
    fn right(place: &mut Sponge, right: &Self) {
        place.absorb(*right);
    }

    /// Whether every element is below [`MODULUS`].
    #[inline(always)]
    fn is_canonical(words: &[u64; 4]) -> bool {
        /// Added to a number of 31 bits it reaches the next bit if and only if the number is not below the modulus.
        const EXCESS: u64 = (1 << 31) - MODULUS as u64;
        const BOTH: u64 = EXCESS << 32 | EXCESS;
        // A lower element that overflows its 32 bits is seen by its own highest bit.
        let high = words.iter().fold(0, |all, word| all | word | word.wrapping_add(BOTH));
        high & (1 << 63 | 1 << 31) == 0
    }

    #[inline(always)]
    fn from_words(words: &[u64; 4]) -> Self {
        Digest(*words)
    }

    fn to_words(self) -> [u64; 4] {
        self.0
    }

    fn to_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        let elements = self.0.iter().flat_map(|word| [*word as u32, (word >> 32) as u32]);
        for (chunk, element) in bytes.as_chunks_mut().0.iter_mut().zip(elements) {
            *chunk = element.to_be_bytes();
        }
        bytes
    }
}

/// A limb of words, of which each makes three, of 22, 21 and 21 bits, lowest first. None reaches the modulus, nor would it
/// with one bit more.
#[inline(always)]
fn limb(words: &[u64; 8], i: usize) -> u64 {
    let word = words[i / 3];
    match i % 3 {
        0 => word & 0x3f_ffff,
        1 => word >> 22 & 0x1f_ffff,
        _ => word >> 43,
    }
}

/// What is hashed to make challenges: first all is absorbed, then as many bits are squeezed as are wanted.
pub struct Transcript(Sponge);

impl Transcript {
    /// A transcript of which the shape is known by its tag and these two counts.
    pub fn new(tag: u8, counts: [u32; 2]) -> Self {
        Self(Sponge::new(tag, counts[0], counts[1]))
    }

    /// Absorbs 512 bits and one more, which is above those of the first limb.
    #[inline(always)]
    pub fn absorb(&mut self, words: &[u64; 8], bit: bool) {
        let mut first = Sponge::block(words, 0);
        first.0[0] |= u64::from(bit) << 22;
        self.0.absorb(first);
        self.0.absorb(Sponge::block(words, 1));
        self.0.absorb(Sponge::block(words, 2));
    }

    /// The next 128 bits: the low 16 of each element, whose distance from uniform is 2^−31.
    pub fn squeeze(&mut self) -> u128 {
        let low_bits = |word: u64| word & 0xffff | word >> 16 & 0xffff_0000;
        let bits = self.0.rate.0.iter().rev().fold(0, |bits, word| bits << 32 | u128::from(low_bits(*word)));
        self.0.permute();
        bits
    }
}

/// The state, rate first: sixteen elements, two in each word.
#[derive(Clone, Copy, Default)]
#[repr(C)]
pub struct Sponge {
    rate: Digest,
    capacity: [u64; (WIDTH - RATE) / 2],
}

impl Sponge {
    fn new(tag: u8, param: u32, elements: u32) -> Self {
        let mut sponge = Self::default();
        sponge.start(tag, param, elements);
        sponge
    }

    #[inline(always)]
    fn start(&mut self, tag: u8, param: u32, elements: u32) {
        self.capacity = [u64::from(param) << 32 | u64::from(tag), elements.into(), 0, 0];
    }

    #[inline(always)]
    fn absorb(&mut self, elements: Digest) {
        self.rate = elements;
        self.permute();
    }

    /// One of the three groups of limbs that eight words make.
    #[inline(always)]
    fn block(words: &[u64; 8], number: usize) -> Digest {
        let first = RATE * number;
        Digest(std::array::from_fn(|i| limb(words, first + 2 * i + 1) << 32 | limb(words, first + 2 * i)))
    }

    /// Absorbs the limbs of the first `count` (1 to 8) words, and as many zeros as fill the last group: the words after
    /// them are zero.
    #[inline(always)]
    fn absorb_words(&mut self, words: &[u64; 8], count: usize) {
        self.absorb(Self::block(words, 0));
        if count > 2 {
            self.absorb(Self::block(words, 1));
        }
        if count > 5 {
            self.absorb(Self::block(words, 2));
        }
    }

    #[cfg(target_os = "zkvm")]
    fn permute(&mut self) {
        let state: *mut Self = self;
        // SAFETY: both types are sixteen u32 in 64 aligned bytes, and all elements are below the modulus.
        unsafe { sp1_lib::syscall_poseidon2(&mut *state.cast::<sp1_lib::poseidon2::Poseidon2State>()) }
    }

    #[cfg(not(target_os = "zkvm"))]
    fn permute(&mut self) {
        use slop_algebra::{AbstractField, PrimeField32};
        use slop_koala_bear::{my_kb_16_perm, KoalaBear, KoalaPerm};
        use slop_symmetric::Permutation;
        use std::sync::LazyLock;

        static PERMUTATION: LazyLock<KoalaPerm> = LazyLock::new(my_kb_16_perm);
        let words = [self.rate.0, self.capacity];
        let state: [u32; WIDTH] =
            std::array::from_fn(|i| (words.as_flattened()[i / 2] >> (32 * (i % 2))) as u32);
        let state =
            PERMUTATION.permute(state.map(KoalaBear::from_canonical_u32)).map(|x| x.as_canonical_u32());
        let word = |i: usize| u64::from(state[2 * i + 1]) << 32 | u64::from(state[2 * i]);
        self.rate = Digest(std::array::from_fn(word));
        self.capacity = std::array::from_fn(|i| word(RATE / 2 + i));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::words::push_bytes;

    fn hash_bytes(tag: u8, bytes: &[u8]) -> Digest {
        let mut words = Vec::new();
        push_bytes(bytes, &mut words);
        Digest::of_leaf(tag, &words, bytes.len())
    }

    fn digest(elements: &[u32]) -> Digest {
        let (pairs, _) = elements.as_chunks();
        Digest(std::array::from_fn(|i| {
            let [low, high] = pairs[i];
            u64::from(high) << 32 | u64::from(low)
        }))
    }

    /// The definition in the protocol, limb by limb.
    #[test]
    fn strings_of_every_length_hash_as_the_protocol_says() {
        let bytes: Vec<u8> = (0..200).map(|i| (i * 37 + 11) as u8).collect();
        for length in 1..bytes.len() {
            let bytes = &bytes[..length];
            let mut limbs = Vec::new();
            for chunk in bytes.chunks(8) {
                let word = chunk.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
                limbs
                    .extend([word % (1 << 22), (word >> 22) % (1 << 21), word >> 43].map(|limb| limb as u32));
            }
            let mut state = Sponge::new(7, length as u32, limbs.len() as u32);
            for group in limbs.chunks(8) {
                let mut padded = [0; 8];
                padded[..group.len()].copy_from_slice(group);
                state.absorb(digest(&padded));
            }
            assert_eq!(hash_bytes(7, bytes), state.rate, "{length} bytes");
        }
    }

    #[test]
    fn words_of_a_digest_must_be_canonical() {
        let hash = hash_bytes(0x20, b"leaf").to_words();
        assert!(Digest::is_canonical(&hash));
        for position in 0..RATE {
            let shift = 32 * (position % 2);
            let numbers =
                [(0, true), (MODULUS - 1, true), (MODULUS, false), (1 << 31, false), (u32::MAX, false)];
            for (element, canonical) in numbers {
                let mut other = hash;
                other[position / 2] &= !(0xffff_ffff << shift);
                other[position / 2] |= u64::from(element) << shift;
                assert_eq!(Digest::is_canonical(&other), canonical);
            }
        }
    }

    /// The sponge by hand, from the definition in the protocol.
    #[test]
    fn node_is_two_permutations_that_overwrite_the_rate() {
        let (left, right) = (hash_bytes(1, b"left"), hash_bytes(1, b"right"));
        let mut state = Sponge { rate: left, capacity: digest(&[0x21, 300, 16, 0, 0, 0, 0, 0]).0 };
        state.permute();
        state.rate = right;
        state.permute();
        assert_eq!(Digest::of_inner(0x21, 300, &left, &right), state.rate);
    }

    /// The odd last byte is the high half of its limb, and the length keeps it apart from an even string.
    #[test]
    fn strings_that_pad_alike_hash_apart() {
        let hashes =
            [&b""[..], b"\0", b"\0\0", b"\0\0\0", b"a", b"a\0", b"\0a"].map(|bytes| hash_bytes(1, bytes));
        for (i, hash) in hashes.iter().enumerate() {
            assert!(!hashes[..i].contains(hash));
        }
        assert_ne!(hash_bytes(1, b"a"), hash_bytes(2, b"a"));
    }

    #[test]
    fn every_argument_of_a_node_matters() {
        let (a, b) = (hash_bytes(1, b"a"), hash_bytes(1, b"b"));
        let hash = Digest::of_inner(0x21, 7, &a, &b);
        for other in [
            Digest::of_inner(0x31, 7, &a, &b),
            Digest::of_inner(0x21, 8, &a, &b),
            Digest::of_inner(0x21, 7, &b, &a),
        ] {
            assert_ne!(hash, other);
        }
    }
}

//! Poseidon2 of width 16 over KoalaBear, as SP1's precompile has it, in a sponge of rate 8 (protocol section 2.2).
//!
//! The sponge overwrites its rate instead of adding to it: that is as secure, and cheaper in the guest
//! (Bertoni et al., "Duplexing the sponge", 2011, overwrite mode). Tag, parameter and length sit in the capacity.

/// KoalaBear's prime, 2^31 − 2^24 + 1.
pub const MODULUS: u32 = 0x7f00_0001;

const WIDTH: usize = 16;
const RATE: usize = 8;

/// Eight field elements below [`MODULUS`]. As bytes, eight big-endian `u32`.
///
/// Kept as words: turning 32 bytes into words and back would cost the guest more than the permutation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(align(8))]
pub struct Digest([u32; RATE]);

impl Digest {
    /// The root of an empty map.
    pub const ZERO: Self = Self([0; RATE]);

    /// The digest of these words, two elements in each, the first one lower; `None` if one is not below [`MODULUS`].
    #[inline(always)]
    pub fn from_words(words: &[u64; 4]) -> Option<Self> {
        /// Added to a number of 32 bits it overflows if and only if the number is not below the modulus.
        const EXCESS: u64 = (1 << 32) - MODULUS as u64;
        let halves = words.map(|word| ((word & 0xffff_ffff) + EXCESS) | ((word >> 32) + EXCESS));
        if halves.iter().fold(0, |all, half| all | half) >> 32 != 0 {
            return None;
        }
        Some(Self(std::array::from_fn(|i| (words[i / 2] >> (32 * (i % 2))) as u32)))
    }

    pub fn to_words(self) -> [u64; 4] {
        std::array::from_fn(|i| u64::from(self.0[2 * i + 1]) << 32 | u64::from(self.0[2 * i]))
    }

    /// The digest as eight big-endian `u32`.
    pub fn to_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (chunk, element) in bytes.chunks_exact_mut(4).zip(self.0) {
            chunk.copy_from_slice(&element.to_be_bytes());
        }
        bytes
    }
}

/// `P2node` of the protocol: the hash of an inner node at bit `bit` with these children.
pub fn hash_node(tag: u8, bit: u16, left: &Digest, right: &Digest) -> Digest {
    let mut sponge = Sponge::new(tag, u32::from(bit), 2 * RATE as u32);
    sponge.absorb(*left);
    sponge.absorb(*right);
    sponge.rate
}

/// `P2bytes` of the protocol: the hash of a string of `length` bytes, fewer than 2^24, as little-endian words that are
/// filled up with zeros.
pub fn hash_words(tag: u8, words: &[u64], length: usize) -> Digest {
    debug_assert!(words.len() == length.div_ceil(8) && length < 1 << 24);
    let mut sponge = Sponge::new(tag, length as u32, 3 * words.len() as u32);
    let (chunks, rest) = words.as_chunks::<8>();
    chunks.iter().for_each(|chunk| sponge.absorb_words(chunk, 8));
    if !rest.is_empty() {
        let last = std::array::from_fn(|i| rest.get(i).copied().unwrap_or(0));
        sponge.absorb_words(&last, rest.len());
    }
    sponge.rate
}

/// A limb of words, of which each makes three, of 22, 21 and 21 bits, lowest first. None reaches the modulus, nor would it
/// with one bit more.
#[inline(always)]
fn limb(words: &[u64; 8], i: usize) -> u32 {
    let word = words[i / 3];
    (match i % 3 {
        0 => word & 0x3f_ffff,
        1 => word >> 22 & 0x1f_ffff,
        _ => word >> 43,
    }) as u32
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
        first.0[0] |= u32::from(bit) << 22;
        self.0.absorb(first);
        self.0.absorb(Sponge::block(words, 1));
        self.0.absorb(Sponge::block(words, 2));
    }

    /// The next 128 bits: the low 16 of each element, whose distance from uniform is 2^−31.
    pub fn squeeze(&mut self) -> u128 {
        let bits =
            self.0.rate.0.iter().rev().fold(0, |bits, element| bits << 16 | u128::from(element & 0xffff));
        self.0.permute();
        bits
    }
}

/// The state, rate first, aligned as the precompile wants it.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Sponge {
    rate: Digest,
    capacity: [u32; WIDTH - RATE],
}

impl Sponge {
    #[inline(always)]
    fn new(tag: u8, param: u32, elements: u32) -> Self {
        Self { rate: Digest::ZERO, capacity: [u32::from(tag), param, elements, 0, 0, 0, 0, 0] }
    }

    #[inline(always)]
    fn absorb(&mut self, elements: Digest) {
        self.rate = elements;
        self.permute();
    }

    /// One of the three groups of limbs that eight words make.
    #[inline(always)]
    fn block(words: &[u64; 8], number: usize) -> Digest {
        Digest(std::array::from_fn(|i| limb(words, RATE * number + i)))
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
        // SAFETY: both types are sixteen u32, aligned to 8, and all elements are below the modulus.
        unsafe { sp1_lib::syscall_poseidon2(&mut *state.cast::<sp1_lib::poseidon2::Poseidon2State>()) }
    }

    #[cfg(not(target_os = "zkvm"))]
    fn permute(&mut self) {
        use slop_algebra::{AbstractField, PrimeField32};
        use slop_koala_bear::{my_kb_16_perm, KoalaBear, KoalaPerm};
        use slop_symmetric::Permutation;
        use std::sync::LazyLock;

        static PERMUTATION: LazyLock<KoalaPerm> = LazyLock::new(my_kb_16_perm);
        let state: [u32; WIDTH] =
            std::array::from_fn(|i| if i < RATE { self.rate.0[i] } else { self.capacity[i - RATE] });
        let state =
            PERMUTATION.permute(state.map(KoalaBear::from_canonical_u32)).map(|x| x.as_canonical_u32());
        self.rate.0.copy_from_slice(&state[..RATE]);
        self.capacity.copy_from_slice(&state[RATE..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::words::push_bytes;

    fn hash_bytes(tag: u8, bytes: &[u8]) -> Digest {
        let mut words = Vec::new();
        push_bytes(bytes, &mut words);
        hash_words(tag, &words, bytes.len())
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
                state.absorb(Digest(padded));
            }
            assert_eq!(hash_bytes(7, bytes), state.rate, "{length} bytes");
        }
    }

    #[test]
    fn words_of_a_digest_must_be_canonical() {
        let digest = hash_bytes(0x20, b"leaf");
        assert_eq!(Digest::from_words(&digest.to_words()), Some(digest));
        for position in 0..RATE {
            for (element, canonical) in [(0, true), (MODULUS - 1, true), (MODULUS, false), (u32::MAX, false)]
            {
                let mut other = digest;
                other.0[position] = element;
                assert_eq!(Digest::from_words(&other.to_words()), canonical.then_some(other));
            }
        }
    }

    /// The sponge by hand, from the definition in the protocol.
    #[test]
    fn node_is_two_permutations_that_overwrite_the_rate() {
        let (left, right) = (hash_bytes(1, b"left"), hash_bytes(1, b"right"));
        let mut state = Sponge { rate: left, capacity: [0x21, 300, 16, 0, 0, 0, 0, 0] };
        state.permute();
        state.rate = right;
        state.permute();
        assert_eq!(hash_node(0x21, 300, &left, &right), state.rate);
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
        let hash = hash_node(0x21, 7, &a, &b);
        for other in [hash_node(0x31, 7, &a, &b), hash_node(0x21, 8, &a, &b), hash_node(0x21, 7, &b, &a)] {
            assert_ne!(hash, other);
        }
    }
}

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

/// `P2bytes` of the protocol: the hash of a byte string of at most 2^24 bytes.
///
/// # Panics
/// If the string is longer; no value of the protocol comes near.
pub fn hash_bytes(tag: u8, bytes: &[u8]) -> Digest {
    assert!(bytes.len() <= 1 << 24, "byte string too long to hash");
    let mut sponge = Sponge::new(tag, bytes.len() as u32, 3 * bytes.len().div_ceil(8) as u32);
    let (chunks, rest) = bytes.as_chunks::<64>();
    chunks.iter().for_each(|chunk| sponge.absorb_words(&words(chunk), 8));
    if !rest.is_empty() {
        let mut padded = Chunk([0; 64]);
        padded.0[..rest.len()].copy_from_slice(rest);
        sponge.absorb_words(&words(&padded.0), rest.len().div_ceil(8));
    }
    sponge.rate
}

#[repr(align(8))]
struct Chunk([u8; 64]);

/// Eight little-endian words. Bytes that are aligned, as all of a witness are, are read in place: it costs the guest half
/// of the hash to copy them.
#[inline(always)]
fn words(bytes: &[u8; 64]) -> [u64; 8] {
    // SAFETY: any bytes are words.
    let (_, aligned, _) = unsafe { bytes.align_to::<u64>() };
    if let Some(words) = aligned.first_chunk::<8>() {
        return words.map(u64::from_le);
    }
    let mut copy = Chunk([0; 64]);
    copy.0.copy_from_slice(bytes);
    let (words, _) = copy.0.as_chunks();
    std::array::from_fn(|i| u64::from_le_bytes(words[i]))
}

/// 22, 21 and 21 bits of a word, lowest first; no limb reaches the modulus, nor one bit above it.
#[inline(always)]
fn limbs(word: u64) -> [u32; 3] {
    [word & 0x3f_ffff, word >> 22 & 0x1f_ffff, word >> 43].map(|limb| limb as u32)
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
    pub fn absorb(&mut self, words: [&[u64; 4]; 2], bit: bool) {
        let mut elements: [[u32; 3]; RATE] = std::array::from_fn(|i| limbs(words[i / 4][i % 4]));
        elements[0][0] |= u32::from(bit) << 22;
        let (blocks, _) = elements.as_flattened().as_chunks::<RATE>();
        blocks.iter().for_each(|block| self.0.absorb(Digest(*block)));
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

    /// Absorbs the limbs of the first `count` (1 to 8) words; the last group of elements is filled up with zeros, which the
    /// words after them are.
    #[inline(always)]
    fn absorb_words(&mut self, words: &[u64; 8], count: usize) {
        let elements = words.map(limbs);
        let (blocks, _) = elements.as_flattened().as_chunks::<RATE>();
        blocks[..(3 * count).div_ceil(RATE)].iter().for_each(|block| self.absorb(Digest(*block)));
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

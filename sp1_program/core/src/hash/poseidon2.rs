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

    /// The digest with these bytes, or `None` if an element is not below [`MODULUS`].
    pub fn from_bytes(bytes: &[u8; 32]) -> Option<Self> {
        let (words, _) = bytes.as_chunks::<4>();
        let mut digest = [0; RATE];
        for (element, word) in digest.iter_mut().zip(words) {
            *element = u32::from_be_bytes(*word);
            if *element >= MODULUS {
                return None;
            }
        }
        Some(Self(digest))
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
    sponge.absorb(&left.0);
    sponge.absorb(&right.0);
    sponge.digest()
}

/// `P2bytes` of the protocol: the hash of a byte string of at most 2^24 bytes.
///
/// # Panics
/// If the string is longer; no value of the protocol comes near.
pub fn hash_bytes(tag: u8, bytes: &[u8]) -> Digest {
    assert!(bytes.len() <= 1 << 24, "byte string too long to hash");
    let mut sponge = Sponge::new(tag, bytes.len() as u32, bytes.len().div_ceil(2) as u32);
    let (chunks, rest) = bytes.as_chunks::<{ 2 * RATE }>();
    for chunk in chunks {
        sponge.absorb(&limbs(chunk));
    }
    if !rest.is_empty() {
        let mut padded = [0; 2 * RATE];
        padded[..rest.len()].copy_from_slice(rest);
        sponge.absorb(&limbs(&padded));
    }
    sponge.digest()
}

/// Eight big-endian `u16`, each one field element.
fn limbs(bytes: &[u8; 2 * RATE]) -> [u32; RATE] {
    std::array::from_fn(|i| u32::from(bytes[2 * i]) << 8 | u32::from(bytes[2 * i + 1]))
}

/// Aligned as the precompile wants it.
#[repr(C, align(8))]
struct Sponge([u32; WIDTH]);

impl Sponge {
    fn new(tag: u8, param: u32, elements: u32) -> Self {
        let mut state = [0; WIDTH];
        state[RATE] = u32::from(tag);
        state[RATE + 1] = param;
        state[RATE + 2] = elements;
        Self(state)
    }

    fn absorb(&mut self, elements: &[u32; RATE]) {
        self.0[..RATE].copy_from_slice(elements);
        self.permute();
    }

    fn digest(&self) -> Digest {
        Digest(std::array::from_fn(|i| self.0[i]))
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
        let state = PERMUTATION.permute(self.0.map(KoalaBear::from_canonical_u32));
        self.0 = state.map(|element| element.as_canonical_u32());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_a_digest_must_be_canonical() {
        let digest = hash_bytes(0x20, b"leaf");
        assert_eq!(Digest::from_bytes(&digest.to_bytes()), Some(digest));
        for position in 0..RATE {
            let mut bytes = digest.to_bytes();
            bytes[4 * position..4 * position + 4].copy_from_slice(&MODULUS.to_be_bytes());
            assert_eq!(Digest::from_bytes(&bytes), None);
        }
    }

    /// The sponge by hand, from the definition in the protocol.
    #[test]
    fn node_is_two_permutations_that_overwrite_the_rate() {
        let (left, right) = (hash_bytes(1, b"left"), hash_bytes(1, b"right"));
        let mut state = Sponge([0; WIDTH]);
        state.0[..8].copy_from_slice(&left.0);
        state.0[8..11].copy_from_slice(&[0x21, 300, 16]);
        state.permute();
        state.0[..8].copy_from_slice(&right.0);
        state.permute();
        assert_eq!(hash_node(0x21, 300, &left, &right).0, state.0[..8]);
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

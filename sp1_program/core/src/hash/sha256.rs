//! SHA-256 over big-endian words, with its message padded as the standard has it (FIPS 180-4).

use super::TrieHash;

const BLOCK: usize = 16;

/// The first 32 bits of the fractional parts of the square roots of the first eight primes.
const START: [u64; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// The words of a hash. As bytes, big-endian.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hash([u32; 8]);

/// Where a hash is made.
#[derive(Default)]
pub struct Place {
    hash: Hash,
    /// The first word of the inner node that is being hashed.
    head: u32,
}

impl TrieHash for Hash {
    type Place = Place;

    fn at(place: &Place) -> Self {
        place.hash
    }

    fn put(place: &mut Place, hash: &Self) {
        place.hash = *hash;
    }

    fn leaf(place: &mut Place, tag: u8, pair: &[u64], length: usize) {
        place.hash = hash_words(tag, pair, length);
    }

    fn left(place: &mut Place, tag: u8, bit: u16) {
        place.head = u32::from(tag) << 24 | u32::from(bit);
    }

    fn right(place: &mut Place, right: &Self) {
        place.hash = hash_node(place.head, &place.hash, right);
    }

    fn is_canonical(_words: &[u64; 4]) -> bool {
        true
    }

    /// Two words in each, the first one lower.
    #[inline(always)]
    fn from_words(words: &[u64; 4]) -> Self {
        Hash(std::array::from_fn(|i| (words[i / 2] >> (32 * (i % 2))) as u32))
    }

    fn to_words(self) -> [u64; 4] {
        std::array::from_fn(|i| u64::from(self.0[2 * i + 1]) << 32 | u64::from(self.0[2 * i]))
    }

    fn to_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (chunk, word) in bytes.as_chunks_mut().0.iter_mut().zip(self.0) {
            *chunk = word.to_be_bytes();
        }
        bytes
    }
}

/// The hash of `head u32 ‖ 0 u32 ‖ left ‖ right`, where the head is `tag ‖ 0 ‖ bit u16`.
fn hash_node(head: u32, left: &Hash, right: &Hash) -> Hash {
    let mut block = [0; BLOCK];
    block[0] = head;
    block[2..10].copy_from_slice(&left.0);
    block[10..].copy_from_slice(&right.0[..6]);
    let mut state = START;
    compress(&mut state, &block);
    // The last words, the bit that ends the message, and the length of 72 bytes.
    let mut end = [0; BLOCK];
    (end[0], end[1], end[2], end[15]) = (right.0[6], right.0[7], 1 << 31, 8 * 72);
    compress(&mut state, &end);
    Hash(state.map(|word| word as u32))
}

/// The hash of `tag ‖ 0 ‖ 0 u16 ‖ 0 u32 ‖` a string of `length` bytes, fewer than 2^24, given as little-endian words that are
/// filled up with zeros.
fn hash_words(tag: u8, words: &[u64], length: usize) -> Hash {
    debug_assert!(words.len() == length.div_ceil(8) && length < 1 << 24);
    let total = 8 + length;
    let blocks = (total + 9).div_ceil(4 * BLOCK);
    let mut rest = words.iter();
    let mut state = START;
    for number in 0..blocks {
        let mut block = [0; BLOCK];
        let (pairs, _) = block.as_chunks_mut::<2>();
        for pair in &mut pairs[usize::from(number == 0)..] {
            let Some(word) = rest.next() else { break };
            *pair = [(*word as u32).swap_bytes(), ((*word >> 32) as u32).swap_bytes()];
        }
        if number == 0 {
            block[0] = u32::from(tag) << 24;
        }
        if number == total / (4 * BLOCK) {
            block[total / 4 % BLOCK] |= 1 << (31 - 8 * (total % 4));
        }
        if number == blocks - 1 {
            block[15] = 8 * total as u32;
        }
        compress(&mut state, &block);
    }
    Hash(state.map(|word| word as u32))
}

#[cfg(target_os = "zkvm")]
#[inline(always)]
fn compress(state: &mut [u64; 8], block: &[u32; BLOCK]) {
    let mut schedule = std::mem::MaybeUninit::<[u64; 64]>::uninit();
    let words: *mut u64 = schedule.as_mut_ptr().cast();
    // SAFETY: the first 16 words are written here, and the others by the precompile that extends them; the pointers are
    // valid, aligned and not shared.
    unsafe {
        for (i, word) in block.iter().enumerate() {
            words.add(i).write(u64::from(*word));
        }
        sp1_lib::syscall_sha256_extend(schedule.as_mut_ptr());
        sp1_lib::syscall_sha256_compress(schedule.as_mut_ptr(), state);
    }
}

#[cfg(not(target_os = "zkvm"))]
fn compress(state: &mut [u64; 8], block: &[u32; BLOCK]) {
    let mut words = state.map(|word| word as u32);
    let mut bytes = [0; 4 * BLOCK];
    for (chunk, word) in bytes.chunks_exact_mut(4).zip(block) {
        chunk.copy_from_slice(&word.to_be_bytes());
    }
    sha2::compress256(&mut words, &[bytes.into()]);
    *state = words.map(u64::from);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::words::push_bytes;
    use sha2::{Digest, Sha256};

    /// Lengths around the ends of words and blocks, where padding needs a bit, a word or a block of its own.
    #[test]
    fn agrees_with_another_implementation_at_every_length() {
        let data: Vec<u8> = (0..300u32).map(|i| (i * 7 + 3) as u8).collect();
        for n in 0..=data.len() {
            let mut words = Vec::new();
            push_bytes(&data[..n], &mut words);
            let expected: [u8; 32] =
                Sha256::digest([&[0x10, 0, 0, 0, 0, 0, 0, 0], &data[..n]].concat()).into();
            assert_eq!(Hash::of_leaf(0x10, &words, n).to_bytes(), expected, "{n} bytes");
        }
    }

    #[test]
    fn a_node_hashes_like_its_bytes() {
        let [left, right] = [1, 2].map(|tag| Hash::of_leaf(tag, &[7], 5));
        let bytes = [&[0x11, 0, 0x12, 0x34, 0, 0, 0, 0][..], &left.to_bytes(), &right.to_bytes()].concat();
        let expected: [u8; 32] = Sha256::digest(bytes).into();
        assert_eq!(Hash::of_inner(0x11, 0x1234, &left, &right).to_bytes(), expected);
        assert_eq!(Hash::from_words(&left.to_words()), left);
    }
}

//! Keccak-256 as on Ethereum (padding byte 0x01). One sponge for both worlds, two permutations.

/// Bytes absorbed per permutation.
const RATE: usize = 136;

/// Four words of the state, little-endian: what the guest hashes on without turning it into bytes and back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hash(pub [u64; 4]);

impl Hash {
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        let (words, _) = bytes.as_chunks::<8>();
        Self(std::array::from_fn(|i| u64::from_le_bytes(words[i])))
    }

    pub fn to_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (chunk, word) in bytes.chunks_exact_mut(8).zip(self.0) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }

    /// Pads after the first `end` bytes of the state's block, permutes, and takes the digest.
    fn squeeze(state: &mut [u64; 25], end: u32) -> Self {
        state[(end / 8) as usize] ^= 1 << (end % 8 * 8);
        state[RATE / 8 - 1] ^= 1 << 63;
        permute(state);
        Self::first_of(state)
    }

    fn first_of(state: &[u64; 25]) -> Self {
        Self(std::array::from_fn(|i| state[i]))
    }
}

/// Keccak-256 of a prefix of `PREFIX` bytes (1 to 7), the first one lowest, and two hashes after it, of which the first is
/// known before.
pub struct PairHasher<const PREFIX: u32> {
    /// The first words; the last of them is to be completed.
    head: [u64; 5],
}

impl<const PREFIX: u32> PairHasher<PREFIX> {
    #[inline(always)]
    pub fn new(prefix: u64, left: &Hash) -> Self {
        let mut head = [prefix, 0, 0, 0, 0];
        for (i, word) in left.0.iter().enumerate() {
            head[i] |= word << (8 * PREFIX);
            head[i + 1] = word >> (64 - 8 * PREFIX);
        }
        Self { head }
    }

    #[inline(always)]
    pub fn hash(&self, right: &Hash, Scratch(state): &mut Scratch) -> Hash {
        state[..5].copy_from_slice(&self.head);
        for (i, word) in right.0.iter().enumerate() {
            state[4 + i] |= word << (8 * PREFIX);
            state[5 + i] = word >> (64 - 8 * PREFIX);
        }
        // The padding, in the words as they come: what is cleared in one piece of 16 words would be in a function.
        state[8] |= 1 << (8 * PREFIX);
        state[9..RATE / 8 - 1].fill(0);
        state[RATE / 8 - 1] = 1 << 63;
        clear_capacity(state);
        permute(state);
        Hash::first_of(state)
    }
}

/// A state that one hash after the other is made in. The guest spares itself clearing the words that are overwritten.
#[derive(Default)]
pub struct Scratch([u64; 25]);

#[inline(always)]
fn clear_capacity(state: &mut [u64; 25]) {
    state[RATE / 8..].fill(0);
}

/// Keccak-256 of little-endian words, taken four at a time.
pub struct WordSponge<'a> {
    state: &'a mut [u64; 25],
    /// Whether this is the first block, which the words make instead of changing it.
    first: bool,
    /// Words of the current block, fewer than make one.
    filled: usize,
}

impl<'a> WordSponge<'a> {
    #[inline(always)]
    pub fn new(Scratch(state): &'a mut Scratch) -> Self {
        clear_capacity(state);
        WordSponge { state, first: true, filled: 0 }
    }

    /// Inlined: where it is known how many words came before, nothing is left of the counting.
    #[inline(always)]
    pub fn absorb(&mut self, words: &[u64; 4]) {
        for word in words {
            let before = if self.first { 0 } else { self.state[self.filled] };
            self.state[self.filled] = before ^ word;
            self.filled += 1;
            if self.filled == RATE / 8 {
                permute(self.state);
                (self.first, self.filled) = (false, 0);
            }
        }
    }

    pub fn finish(self) -> Hash {
        if self.first {
            self.state[self.filled..RATE / 8].fill(0);
        }
        Hash::squeeze(self.state, 8 * self.filled as u32)
    }
}

/// Keccak-256 of a string of `length` bytes, given as little-endian words that are filled up with zeros.
pub fn keccak256_words(words: &[u64], length: usize) -> Hash {
    debug_assert!(words.len() == length.div_ceil(8));
    let mut state = [0; 25];
    let (whole, last) = words.split_at(length / RATE * (RATE / 8));
    for block in whole.as_chunks::<{ RATE / 8 }>().0 {
        xor(&mut state, block);
        permute(&mut state);
    }
    xor(&mut state, last);
    Hash::squeeze(&mut state, (length % RATE) as u32)
}

#[inline(always)]
fn xor(state: &mut [u64; 25], words: &[u64]) {
    state.iter_mut().zip(words).for_each(|(lane, word)| *lane ^= word);
}

/// Keccak-256 of `data`.
pub fn keccak256(data: &[u8]) -> [u8; 32] {
    keccak256_concat(&[data])
}

/// Keccak-256 of the parts, one after the other.
pub fn keccak256_concat(parts: &[&[u8]]) -> [u8; 32] {
    let mut sponge = Sponge::new();
    for part in parts {
        sponge.absorb(part);
    }
    sponge.finish()
}

/// Aligned, so that the guest reads it word by word.
#[repr(align(8))]
struct Block([u8; RATE]);

struct Sponge {
    state: [u64; 25],
    block: Block,
    filled: usize,
}

impl Sponge {
    fn new() -> Self {
        Self { state: [0; 25], block: Block([0; RATE]), filled: 0 }
    }

    fn absorb(&mut self, mut data: &[u8]) {
        while !data.is_empty() {
            let (head, rest) = data.split_at(data.len().min(RATE - self.filled));
            self.block.0[self.filled..self.filled + head.len()].copy_from_slice(head);
            self.filled += head.len();
            data = rest;
            if self.filled == RATE {
                self.permute_block();
            }
        }
    }

    fn finish(mut self) -> [u8; 32] {
        self.block.0[self.filled..].fill(0);
        self.block.0[self.filled] = 0x01;
        self.block.0[RATE - 1] |= 0x80;
        self.permute_block();
        let mut digest = [0; 32];
        for (bytes, word) in digest.chunks_exact_mut(8).zip(self.state) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        digest
    }

    fn permute_block(&mut self) {
        let (words, _) = self.block.0.as_chunks::<8>();
        for (lane, word) in self.state.iter_mut().zip(words) {
            *lane ^= u64::from_le_bytes(*word);
        }
        permute(&mut self.state);
        self.filled = 0;
    }
}

#[cfg(target_os = "zkvm")]
fn permute(state: &mut [u64; 25]) {
    // SAFETY: the pointer is valid, aligned and not shared.
    unsafe { sp1_lib::syscall_keccak_permute(state) }
}

#[cfg(not(target_os = "zkvm"))]
fn permute(state: &mut [u64; 25]) {
    ::keccak::f1600(state);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::words::push_bytes;

    #[test]
    fn known_answers() {
        let empty = "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470";
        let fox = "4d741b6f1eb29cb2a9b9911c82f56fa8d73b04959d3d9d222895df6c0b28aa15";
        assert_eq!(hex::encode(keccak256(b"")), empty);
        assert_eq!(hex::encode(keccak256(b"The quick brown fox jumps over the lazy dog")), fox);
    }

    /// Lengths around the rate, where padding needs one byte, two bytes or a block of its own.
    #[test]
    fn agrees_with_another_implementation_at_every_length() {
        use sha3::Digest;
        let data: Vec<u8> = (0..300u32).map(|i| (i * 7) as u8).collect();
        for n in 0..=data.len() {
            let expected: [u8; 32] = sha3::Keccak256::digest(&data[..n]).into();
            assert_eq!(keccak256(&data[..n]), expected, "length {n}");
            let mut words = Vec::new();
            push_bytes(&data[..n], &mut words);
            assert_eq!(keccak256_words(&words, n).to_bytes(), expected, "length {n}");
        }
    }

    #[test]
    fn words_hash_like_their_bytes() {
        let words: Vec<[u64; 4]> =
            (1..20).map(|i| [i, i << 20, i << 40, i * 0x0123_4567_89ab_cdef]).collect();
        let mut scratch = Scratch([u64::MAX; 25]);
        for n in 0..=words.len() {
            let bytes: Vec<u8> = words[..n].iter().flatten().flat_map(|word| word.to_le_bytes()).collect();
            let mut sponge = WordSponge::new(&mut scratch);
            words[..n].iter().for_each(|word| sponge.absorb(word));
            assert_eq!(sponge.finish().to_bytes(), keccak256(&bytes), "{n} words");
        }
    }

    #[test]
    fn pairs_hash_like_their_bytes() {
        let (left, right) = (keccak256(b"left"), keccak256(b"right"));
        let (l, r) = (Hash::from_bytes(&left), Hash::from_bytes(&right));
        let expected = |prefix: &[u8]| keccak256_concat(&[prefix, &left, &right]);
        let scratch = &mut Scratch([u64::MAX; 25]);
        let one = PairHasher::<1>::new(0x11, &l).hash(&r, scratch);
        let three = PairHasher::<3>::new(0xfe_dc11, &l).hash(&r, scratch);
        let seven = PairHasher::<7>::new(7 << 48, &l).hash(&r, scratch);
        assert_eq!(one.to_bytes(), expected(&[0x11]));
        assert_eq!(three.to_bytes(), expected(&[0x11, 0xdc, 0xfe]));
        assert_eq!(seven.to_bytes(), expected(&[0, 0, 0, 0, 0, 0, 7]));
    }

    #[test]
    fn parts_hash_like_their_concatenation() {
        let data = [0xa5; 300];
        for cut in [0, 1, 135, 136, 137, 272, 300] {
            let (head, rest) = data.split_at(cut);
            assert_eq!(keccak256_concat(&[head, &[], rest]), keccak256(&data));
        }
    }
}

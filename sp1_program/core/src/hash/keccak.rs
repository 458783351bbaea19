//! Keccak-256 as on Ethereum (padding byte 0x01). One sponge for both worlds, two permutations.

/// Bytes absorbed per permutation.
const RATE: usize = 136;

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
        }
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

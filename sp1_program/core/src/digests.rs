//! The hash that binds a batch's receipts (protocol section 7).

use crate::hash::keccak256;
use crate::types::Digest;

const CHUNK: usize = 128;

/// The hash of the hashes of chunks of transaction digests, in order.
pub fn digests_hash(digests: &[Digest]) -> Digest {
    let chunks: Vec<Digest> = digests.chunks(CHUNK).map(|chunk| keccak256(chunk.as_flattened())).collect();
    keccak256(chunks.as_flattened())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_129th_digest_starts_a_chunk() {
        let digests: Vec<Digest> = (0..129).map(|i| [i as u8; 32]).collect();
        let first = keccak256(digests[..128].as_flattened());
        let second = keccak256(&[128; 32]);
        assert_eq!(digests_hash(&digests), keccak256([first, second].as_flattened()));
    }
}

//! The hash that binds a batch's receipts (protocol section 7).

use crate::hash::keccak::Hash;
use crate::hash::{Scratch, WordSponge};
use crate::types::Digest;

const CHUNK: usize = 128;

/// The hash of the hashes of chunks of transaction digests, in order.
pub fn digests_hash(digests: &[Hash]) -> Digest {
    let chunks = digests.chunks(CHUNK).map(|chunk| hash(chunk.iter().copied()));
    hash(chunks).to_bytes()
}

fn hash(parts: impl Iterator<Item = Hash>) -> Hash {
    let mut scratch = Scratch::default();
    let mut sponge = WordSponge::new(&mut scratch);
    parts.for_each(|part| sponge.absorb(&part.0));
    sponge.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::keccak256;

    #[test]
    fn the_129th_digest_starts_a_chunk() {
        let digests: Vec<Digest> = (0..129).map(|i| [i as u8; 32]).collect();
        let first = keccak256(digests[..128].as_flattened());
        let second = keccak256(&[128; 32]);
        let hashes: Vec<Hash> = digests.iter().map(Hash::from_bytes).collect();
        assert_eq!(digests_hash(&hashes), keccak256([first, second].as_flattened()));
    }
}

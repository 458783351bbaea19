//! Withdrawals and refunds of a batch, as the leaves that L1 pays (protocol section 6).

use crate::hash::{keccak256, keccak256_concat};
use crate::types::{Address, Digest};

/// A leaf before it is hashed.
pub type Leaf = [u8; 61];

/// The leaves of a batch, in the order in which they are appended.
#[derive(Default)]
pub struct Outbox {
    pub leaves: Vec<Leaf>,
}

impl Outbox {
    pub fn append(&mut self, recipient: &Address, token: u32, amount: u128, max_relay_fee: u128) {
        let index = self.leaves.len() as u32;
        let mut leaf = [0x70; 61];
        leaf[1..5].copy_from_slice(&index.to_be_bytes());
        leaf[5..25].copy_from_slice(recipient.as_ref());
        leaf[25..29].copy_from_slice(&token.to_be_bytes());
        leaf[29..45].copy_from_slice(&amount.to_be_bytes());
        leaf[45..].copy_from_slice(&max_relay_fee.to_be_bytes());
        self.leaves.push(leaf);
    }

    pub fn root(&self) -> Digest {
        merkle_root(self.leaves.iter().map(|leaf| keccak256(leaf)).collect())
    }
}

/// Root of a tree of sorted pairs over these hashes; an odd last one of a level moves up as it is. Zero for none.
pub fn merkle_root(mut level: Vec<Digest>) -> Digest {
    while level.len() > 1 {
        level = parents(&level);
    }
    level.first().copied().unwrap_or_default()
}

/// Siblings from the leaf at `index` up to the root, or `None` if there is no such leaf.
pub fn merkle_proof(mut level: Vec<Digest>, mut index: usize) -> Option<Vec<Digest>> {
    level.get(index)?;
    let mut proof = Vec::new();
    while level.len() > 1 {
        proof.extend(level.get(index ^ 1));
        level = parents(&level);
        index /= 2;
    }
    Some(proof)
}

fn parents(level: &[Digest]) -> Vec<Digest> {
    level.chunks(2).map(|pair| if let [a, b] = pair { node(a, b) } else { pair[0] }).collect()
}

fn node(a: &Digest, b: &Digest) -> Digest {
    keccak256_concat(&[a.min(b), a.max(b)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_leaf_of_every_small_tree_has_a_proof() {
        assert_eq!(merkle_root(Vec::new()), [0; 32]);
        assert_eq!(merkle_proof(Vec::new(), 0), None);
        for n in 1..=17_u8 {
            let leaves: Vec<Digest> = (0..n).map(|i| keccak256(&[i])).collect();
            let root = merkle_root(leaves.clone());
            for (index, leaf) in leaves.iter().enumerate() {
                let proof = merkle_proof(leaves.clone(), index).unwrap();
                assert_eq!(proof.iter().fold(*leaf, |hash, sibling| node(&hash, sibling)), root);
            }
            assert_eq!(merkle_proof(leaves, usize::from(n)), None);
        }
    }
}

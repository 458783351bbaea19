//! The two hash functions of the protocol. In the SP1 guest their permutations are precompiles.

pub mod keccak;
pub mod poseidon2;

pub use keccak::{keccak256, keccak256_concat, keccak256_pair, PairHasher, WordSponge};

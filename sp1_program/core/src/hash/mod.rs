//! The hash functions of the protocol. In the SP1 guest, what they are made of are precompiles.

pub mod keccak;
pub mod poseidon2;
pub mod sha256;

pub use keccak::{keccak256, keccak256_concat, PairHasher, WordSponge};

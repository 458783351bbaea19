//! ECDSA over secp256k1, strict: one encoding per signature, low s only.
//!
//! The guest checks all signatures of a batch at once with point precompiles; public keys, points and inverses are hints
//! that it does not trust ([`batch`]). Natively the same rules are applied to one after the other by libsecp256k1
//! ([`native`]); the tests run the guest's algorithm natively too and hold the two against each other.

#[cfg(any(test, target_os = "zkvm"))]
mod batch;
#[cfg(any(test, target_os = "zkvm"))]
mod glv;
#[cfg(any(test, target_os = "zkvm"))]
mod msm;
#[cfg(not(target_os = "zkvm"))]
mod native;
#[cfg(any(test, target_os = "zkvm"))]
mod ops;
#[cfg(any(test, target_os = "zkvm"))]
mod point;
#[cfg(test)]
mod tests;

use crate::hash::keccak256;

#[cfg(target_os = "zkvm")]
pub use batch::verify;
#[cfg(not(target_os = "zkvm"))]
pub use native::{hints, recover, verify};

/// Coordinates of a point, x then y, as little-endian words.
pub type Point = [u64; 8];

/// A signature with its hints, as little-endian words: r and y, the coordinates of the point R with x = r (words 0 to 7);
/// s and its inverse modulo n (8 to 15); which of the keys made it (16); zero (17).
pub type Signature = [u64; 18];

/// A signature that is refused, counted from 0; none if only all together are known to be wrong.
pub type Refused = (Option<usize>, SignatureError);

/// Why a signature is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    #[error("r or s is zero or not below the group order")]
    ScalarOutOfRange,
    #[error("s is above half the group order")]
    HighS,
    #[error("v is neither 27 nor 28")]
    RecoveryId,
    #[error("the public key is not a point of the curve")]
    PublicKey,
    #[error("the hint is not a point of the curve with x = r")]
    Point,
    #[error("the hint is not the inverse of s")]
    Inverse,
    #[error("the signature does not fit the digest and the public key")]
    Mismatch,
}

/// The coordinates of a point as a witness holds them, from big-endian bytes (x, then y), and back.
pub fn point_from_bytes(bytes: &[u8; 64]) -> Point {
    let (words, _) = bytes.as_chunks::<8>();
    std::array::from_fn(|i| u64::from_be_bytes(words[i ^ 3]))
}

pub fn point_to_bytes(point: &Point) -> [u8; 64] {
    let mut bytes = [0; 64];
    for (i, chunk) in bytes.chunks_exact_mut(8).enumerate() {
        chunk.copy_from_slice(&point[i ^ 3].to_be_bytes());
    }
    bytes
}

/// The Ethereum address of an uncompressed public key (x, then y).
pub fn address_of(public_key: &[u8; 64]) -> [u8; 20] {
    let hash = keccak256(public_key);
    std::array::from_fn(|i| hash[12 + i])
}

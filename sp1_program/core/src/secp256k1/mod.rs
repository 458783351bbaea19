//! ECDSA over secp256k1, strict: one encoding per signature, low s only.
//!
//! The guest checks signatures with point precompiles, public keys and inverses being hints that it does not trust
//! ([`ecdsa`]). Natively the same rules are applied by libsecp256k1, a hundred times faster ([`native`]); the tests run
//! the guest's algorithm natively too and hold the two against each other.

#[cfg(any(test, target_os = "zkvm"))]
mod ecdsa;
#[cfg(any(test, target_os = "zkvm"))]
mod glv;
#[cfg(not(target_os = "zkvm"))]
mod native;
#[cfg(any(test, target_os = "zkvm"))]
mod ops;
#[cfg(any(test, target_os = "zkvm"))]
mod point;
#[cfg(test)]
mod tests;
#[cfg(any(test, target_os = "zkvm"))]
mod uint;

use crate::hash::keccak256;

#[cfg(target_os = "zkvm")]
pub use ecdsa::verify;
#[cfg(not(target_os = "zkvm"))]
pub use native::{inverse_of_s, recover, verify};

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
    #[error("the hint is not the inverse of s")]
    Inverse,
    #[error("the signature does not fit the digest and the public key")]
    Mismatch,
}

/// The Ethereum address of an uncompressed public key (x, then y).
pub fn address_of(public_key: &[u8; 64]) -> [u8; 20] {
    let hash = keccak256(public_key);
    std::array::from_fn(|i| hash[12 + i])
}

//! The same rules through libsecp256k1, and what only the host needs.

use super::SignatureError;
use ruint::aliases::U256;
use secp256k1::ecdsa::{RecoverableSignature, RecoveryId, Signature};
use secp256k1::{constants::CURVE_ORDER, Message, PublicKey, SECP256K1};

const ORDER: U256 = U256::from_be_bytes(CURVE_ORDER);

/// Checks an ECDSA signature over a digest.
///
/// The public key (x, then y) and the inverse of s modulo n come from the host and are not trusted.
pub fn verify(
    digest: &[u8; 32],
    r: &[u8; 32],
    s: &[u8; 32],
    public_key: &[u8; 64],
    s_inverse: &[u8; 32],
) -> Result<(), SignatureError> {
    check_scalars(r, s)?;
    let mut encoded = [4; 65];
    encoded[1..].copy_from_slice(public_key);
    let key = PublicKey::from_slice(&encoded).map_err(|_| SignatureError::PublicKey)?;
    let hint = U256::from_be_bytes(*s_inverse);
    if hint >= ORDER || U256::from_be_bytes(*s).mul_mod(hint, ORDER) != U256::ONE {
        return Err(SignatureError::Inverse);
    }
    let mut compact = [0; 64];
    compact[..32].copy_from_slice(r);
    compact[32..].copy_from_slice(s);
    let signature = Signature::from_compact(&compact).map_err(|_| SignatureError::ScalarOutOfRange)?;
    SECP256K1
        .verify_ecdsa(Message::from_digest(*digest), &signature, &key)
        .map_err(|_| SignatureError::Mismatch)
}

/// The public key (x, then y) that made a 65-byte `r ‖ s ‖ v` signature of a digest.
pub fn recover(digest: &[u8; 32], signature: &[u8; 65]) -> Result<[u8; 64], SignatureError> {
    let (halves, v) = signature.as_chunks::<32>();
    check_scalars(&halves[0], &halves[1])?;
    let id = match v {
        [27] => RecoveryId::Zero,
        [28] => RecoveryId::One,
        _ => return Err(SignatureError::RecoveryId),
    };
    let signature = RecoverableSignature::from_compact(&signature[..64], id)
        .map_err(|_| SignatureError::ScalarOutOfRange)?;
    let key = SECP256K1
        .recover_ecdsa(Message::from_digest(*digest), &signature)
        .map_err(|_| SignatureError::Mismatch)?;
    let encoded = key.serialize_uncompressed();
    Ok(std::array::from_fn(|i| encoded[1 + i]))
}

/// The inverse of s modulo the group order, the hint that [`verify`] wants; zero if there is none.
pub fn inverse_of_s(s: &[u8; 32]) -> [u8; 32] {
    U256::from_be_bytes(*s).inv_mod(ORDER).unwrap_or_default().to_be_bytes()
}

fn check_scalars(r: &[u8; 32], s: &[u8; 32]) -> Result<(), SignatureError> {
    let (r, s) = (U256::from_be_bytes(*r), U256::from_be_bytes(*s));
    if r.is_zero() || r >= ORDER || s.is_zero() || s >= ORDER {
        return Err(SignatureError::ScalarOutOfRange);
    }
    if s > ORDER >> 1 {
        return Err(SignatureError::HighS);
    }
    Ok(())
}

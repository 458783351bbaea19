//! The same rules through libsecp256k1, and what only the host needs.

use super::{point_from_bytes, point_to_bytes, Point, Refused, Signature, SignatureError};
use crate::hash::keccak::Hash;
use ruint::aliases::U256;
use secp256k1::ecdsa::{RecoverableSignature, RecoveryId};
use secp256k1::{constants, Message, PublicKey, SECP256K1};

const ORDER: U256 = U256::from_be_bytes(constants::CURVE_ORDER);
const FIELD_MODULUS: U256 = U256::from_be_bytes(constants::FIELD_SIZE);

/// Checks signatures over digests. Nothing of keys and signatures is trusted.
///
/// The guest needs a context that fixes the digests; here each signature is checked by itself.
pub fn verify<'a>(
    _context: [&[u8; 32]; 2],
    keys: &[Point],
    digests: impl Iterator<Item = &'a Hash>,
    signatures: &mut [Signature],
) -> Result<(), Refused> {
    if !keys.iter().all(is_point) {
        return Err((None, SignatureError::PublicKey));
    }
    for (i, (signature, digest)) in signatures.iter().zip(digests).enumerate() {
        verify_one(keys, &digest.to_bytes(), signature).map_err(|reason| (Some(i), reason))?;
    }
    Ok(())
}

fn verify_one(keys: &[Point], digest: &[u8; 32], signature: &Signature) -> Result<(), SignatureError> {
    let [r, y, s, s_inverse] = [0, 4, 8, 12].map(|at| U256::from_limbs_slice(&signature[at..at + 4]));
    check_scalars(r, s)?;
    if !is_point(signature.first_chunk().expect("a signature has eighteen words")) {
        return Err(SignatureError::Point);
    }
    if s.mul_mod(s_inverse, ORDER) != U256::ONE {
        return Err(SignatureError::Inverse);
    }
    let key = keys.get(signature[16] as usize).ok_or(SignatureError::PublicKey)?;
    let parity = if y.bit(0) { RecoveryId::One } else { RecoveryId::Zero };
    let found = recover_point(digest, &[r.to_be_bytes(), s.to_be_bytes()], parity)?;
    if found == point_to_bytes(key) {
        Ok(())
    } else {
        Err(SignatureError::Mismatch)
    }
}

/// The public key (x, then y) that made a 65-byte `r ‖ s ‖ v` signature of a digest.
pub fn recover(digest: &[u8; 32], signature: &[u8; 65]) -> Result<[u8; 64], SignatureError> {
    let (halves, v) = signature.as_chunks::<32>();
    check_scalars(U256::from_be_bytes(halves[0]), U256::from_be_bytes(halves[1]))?;
    let id = match v {
        [27] => RecoveryId::Zero,
        [28] => RecoveryId::One,
        _ => return Err(SignatureError::RecoveryId),
    };
    recover_point(digest, &[halves[0], halves[1]], id)
}

fn recover_point(
    digest: &[u8; 32],
    r_and_s: &[[u8; 32]; 2],
    id: RecoveryId,
) -> Result<[u8; 64], SignatureError> {
    let signature = RecoverableSignature::from_compact(r_and_s.as_flattened(), id)
        .map_err(|_| SignatureError::ScalarOutOfRange)?;
    let key = SECP256K1
        .recover_ecdsa(Message::from_digest(*digest), &signature)
        .map_err(|_| SignatureError::Mismatch)?;
    Ok(coordinates(&key))
}

/// What [`verify`] wants of a 65-byte signature that was recovered: `key` is the index of its public key. What has no hint
/// is left zero, and will be refused.
pub fn hints(signature: &[u8; 65], key: u64) -> Signature {
    let (halves, v) = signature.as_chunks::<32>();
    let s = U256::from_be_bytes(halves[1]);
    let mut compressed = [2 + u8::from(*v == [28]); 33];
    compressed[1..].copy_from_slice(&halves[0]);
    let mut out = [0; 18];
    out[..4].copy_from_slice(U256::from_be_bytes(halves[0]).as_limbs());
    if let Ok(point) = PublicKey::from_slice(&compressed) {
        out[..8].copy_from_slice(&point_from_bytes(&coordinates(&point)));
    }
    out[8..12].copy_from_slice(s.as_limbs());
    out[12..16].copy_from_slice(s.inv_mod(ORDER).unwrap_or_default().as_limbs());
    out[16] = key;
    out
}

fn coordinates(key: &PublicKey) -> [u8; 64] {
    let encoded = key.serialize_uncompressed();
    std::array::from_fn(|i| encoded[1 + i])
}

/// Whether these are the coordinates of a point: reduced, with y² = x³ + 7.
fn is_point(point: &Point) -> bool {
    let [x, y] = [0, 4].map(|at| U256::from_limbs_slice(&point[at..at + 4]));
    let cube = x.mul_mod(x, FIELD_MODULUS).mul_mod(x, FIELD_MODULUS);
    let reduced = x < FIELD_MODULUS && y < FIELD_MODULUS;
    reduced && y.mul_mod(y, FIELD_MODULUS) == cube.add_mod(U256::from(7), FIELD_MODULUS)
}

fn check_scalars(r: U256, s: U256) -> Result<(), SignatureError> {
    if r.is_zero() || r >= ORDER || s.is_zero() || s >= ORDER {
        return Err(SignatureError::ScalarOutOfRange);
    }
    if s > ORDER >> 1 {
        return Err(SignatureError::HighS);
    }
    Ok(())
}

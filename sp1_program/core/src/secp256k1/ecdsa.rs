//! Signature verification as the guest does it.

use super::ops::{self, Affine};
use super::point::{self, FIELD_MODULUS};
use super::uint::{from_be_bytes, less_than, U256};
use super::SignatureError;

/// The group order n, least significant word first, and ⌊n / 2⌋.
const ORDER: U256 = [0xbfd2_5e8c_d036_4141, 0xbaae_dce6_af48_a03b, 0xffff_ffff_ffff_fffe, u64::MAX];
const HALF_ORDER: U256 = [0xdfe9_2f46_681b_20a0, 0x5d57_6e73_57a4_501d, u64::MAX, u64::MAX >> 1];

/// Checks an ECDSA signature over a digest.
///
/// The public key (x, then y) and the inverse of s modulo n come from the host and are not trusted. Like recovery with
/// v 27 or 28, this wants R.x to be r itself: an R.x that is not below n (one in 2^127) is refused.
pub fn verify(
    digest: &[u8; 32],
    r: &[u8; 32],
    s: &[u8; 32],
    public_key: &[u8; 64],
    s_inverse: &[u8; 32],
) -> Result<(), SignatureError> {
    let (r, s, s_inverse) = (from_be_bytes(r), from_be_bytes(s), from_be_bytes(s_inverse));
    if !is_scalar(&r) || !is_scalar(&s) {
        return Err(SignatureError::ScalarOutOfRange);
    }
    if less_than(&HALF_ORDER, &s) {
        return Err(SignatureError::HighS);
    }
    let public_key = decode_point(public_key)?;
    if !is_scalar(&s_inverse) || ops::mul_mod(s, &s_inverse, &ORDER) != [1, 0, 0, 0] {
        return Err(SignatureError::Inverse);
    }
    let u1 = ops::mul_mod(from_be_bytes(digest), &s_inverse, &ORDER);
    let u2 = ops::mul_mod(r, &s_inverse, &ORDER);
    match point::double_multiply(&u1, &u2, &public_key).affine() {
        Some(sum) if sum[..4] == r => Ok(()),
        _ => Err(SignatureError::Mismatch),
    }
}

/// Whether 0 < `number` < n.
fn is_scalar(number: &U256) -> bool {
    *number != [0; 4] && less_than(number, &ORDER)
}

fn decode_point(bytes: &[u8; 64]) -> Result<Affine, SignatureError> {
    let (halves, _) = bytes.as_chunks::<32>();
    let (x, y) = (from_be_bytes(&halves[0]), from_be_bytes(&halves[1]));
    let reduced = less_than(&x, &FIELD_MODULUS) && less_than(&y, &FIELD_MODULUS);
    if !reduced || !point::is_on_curve(&x, &y) {
        return Err(SignatureError::PublicKey);
    }
    Ok([x[0], x[1], x[2], x[3], y[0], y[1], y[2], y[3]])
}

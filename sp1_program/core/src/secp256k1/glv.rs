//! Scalars cut in two by the curve's endomorphism (Gallant, Lambert, Vanstone, CRYPTO 2001).
//!
//! `k = first + second * λ` modulo n, with λ a cube root of 1 and both halves below 2^128. (a1, b1) and (a2, b2) are
//! a short basis of the pairs with `a + b λ = 0`; the multiples taken off are the nearest to (k, 0). The constants,
//! and the proof that 128 bits suffice, are those of libsecp256k1 (`scalar_impl.h`, `secp256k1_scalar_split_lambda`).

use crate::uint256::{low, mul, sub, U256};

const A1: [u64; 2] = [0xe86c_90e4_9284_eb15, 0x3086_d221_a7d4_6bcd];
const MINUS_B1: [u64; 2] = [0x6f54_7fa9_0abf_e4c3, 0xe443_7ed6_010e_8828];
const A2: [u64; 3] = [0x57c1_108d_9d44_cfd8, 0x14ca_50f7_a8e2_f3f6, 1];
const B2: [u64; 2] = A1;

/// 2^384 b2 / n and −2^384 b1 / n, rounded.
const G1: U256 = [0xe893_209a_45db_b031, 0x3daa_8a14_71e8_ca7f, 0xe86c_90e4_9284_eb15, 0x3086_d221_a7d4_6bcd];
const G2: U256 = [0x1571_b4ae_8ac4_7f71, 0x2212_08ac_9df5_06c6, 0x6f54_7fa9_0abf_e4c4, 0xe443_7ed6_010e_8828];

/// A signed number of 128 bits.
#[derive(Clone, Copy)]
pub struct Half {
    pub magnitude: [u64; 2],
    pub negative: bool,
}

/// Cuts `k`, which is below the group order.
pub fn split(k: &U256) -> (Half, Half) {
    let (c1, c2) = (nearest(k, &G1), nearest(k, &G2));
    let (rest, _) = sub(k, &low(&mul(&c1, &A1)));
    let (first, _) = sub(&rest, &low(&mul(&c2, &A2)));
    let (second, _) = sub(&low(&mul(&c1, &MINUS_B1)), &low(&mul(&c2, &B2)));
    (half(first), half(second))
}

/// `k * g / 2^384`, rounded to the nearest.
fn nearest(k: &U256, g: &U256) -> [u64; 2] {
    let product = mul(k, g);
    let (low, carry) = product[6].overflowing_add(product[5] >> 63);
    [low, product[7] + u64::from(carry)]
}

/// Reads a number modulo 2^256 as a signed one.
fn half(number: U256) -> Half {
    let negative = number[3] >> 63 == 1;
    let magnitude = if negative { sub(&[0; 4], &number).0 } else { number };
    debug_assert_eq!(magnitude[2..], [0, 0]);
    Half { magnitude: [magnitude[0], magnitude[1]], negative }
}

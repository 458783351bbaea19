//! Points of secp256k1 over [`ops`](super::ops).

use super::ops::{self, Affine};
use crate::uint256::{add_mod, equal, less_than, sub, Multiplier, U256};

/// p = 2^256 − 2^32 − 977, least significant word first.
pub const FIELD_MODULUS: U256 = [0xffff_fffe_ffff_fc2f, u64::MAX, u64::MAX, u64::MAX];

/// The order n of the group, which is prime.
pub const ORDER: U256 = [0xbfd2_5e8c_d036_4141, 0xbaae_dce6_af48_a03b, 0xffff_ffff_ffff_fffe, u64::MAX];

/// The standard's base point.
pub const GENERATOR: Affine = [
    0x59f2_815b_16f8_1798,
    0x029b_fcdb_2dce_28d9,
    0x55a0_6295_ce87_0b07,
    0x79be_667e_f9dc_bbac,
    0x9c47_d08f_fb10_d4b8,
    0xfd17_b448_a685_5419,
    0x5da4_fbfc_0e11_08a8,
    0x483a_da77_26a3_c465,
];

/// A cube root of 1 modulo p: (x, y) → (β x, y) multiplies a point by λ (see [`glv`](super::glv)).
const BETA: U256 =
    [0xc139_6c28_7195_01ee, 0x9cf0_4975_12f5_8995, 0x6e64_479e_ac34_34e9, 0x7ae9_6a2b_657c_0710];

pub fn x(point: &Affine) -> &U256 {
    point.first_chunk().expect("a point has eight words")
}

pub fn y(point: &Affine) -> &U256 {
    point.last_chunk().expect("a point has eight words")
}

/// The field modulo p.
pub struct Field(Multiplier);

impl Field {
    pub fn new() -> Self {
        Self(Multiplier::new(&FIELD_MODULUS))
    }

    /// Whether these are the coordinates of a point: reduced, with y² = x³ + 7.
    pub fn is_point(&mut self, point: &Affine) -> bool {
        let (x, y) = (x(point), y(point));
        if !less_than(x, &FIELD_MODULUS) || !less_than(y, &FIELD_MODULUS) {
            return false;
        }
        let square_of_y = self.0.by(y).times(*y);
        let by_x = self.0.by(x);
        let cube_of_x = by_x.times(by_x.times(*x));
        equal(&square_of_y, &add_mod(&cube_of_x, &[7, 0, 0, 0], &FIELD_MODULUS))
    }

    /// λ times the point.
    pub fn endomorphism(&mut self, point: &Affine) -> Affine {
        join(&self.0.by(&BETA).times(*x(point)), y(point))
    }
}

/// The opposite point. No point of the curve has y = 0, so p − y is reduced.
pub fn opposite(point: &Affine) -> Affine {
    join(x(point), &sub(&FIELD_MODULUS, y(point)).0)
}

/// Two numbers side by side.
pub fn join(x: &U256, y: &U256) -> Affine {
    [x[0], x[1], x[2], x[3], y[0], y[1], y[2], y[3]]
}

/// `k` times the generator, for 0 < k < n.
///
/// Four bits at a time from the highest that are not zero. No addition meets its special case: it adds d < 16 to a
/// multiple m ≥ 16 with m + d ≤ k < n, so that neither m = d nor m = n − d.
pub fn multiply_generator(k: &U256) -> Affine {
    let mut multiples = [GENERATOR; 16];
    ops::double(&mut multiples[2]);
    for i in 3..16 {
        multiples[i] = multiples[i - 1];
        ops::add(&mut multiples[i], &GENERATOR);
    }
    let digit = |position: usize| (k[position / 16] >> (4 * (position % 16)) & 0xf) as usize;
    let highest = (0..64).rev().find(|position| digit(*position) != 0).expect("the scalar is not zero");
    let mut product = multiples[digit(highest)];
    for position in (0..highest).rev() {
        (0..4).for_each(|_| ops::double(&mut product));
        if digit(position) != 0 {
            ops::add(&mut product, &multiples[digit(position)]);
        }
    }
    product
}

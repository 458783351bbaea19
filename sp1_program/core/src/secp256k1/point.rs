//! Points of secp256k1 over [`ops`](super::ops), and the sum `u1 * G + u2 * Q`.

use super::glv::{self, Half};
use super::ops::{self, Affine};
use super::uint::{sub, U256};
use std::sync::OnceLock;

/// p = 2^256 − 2^32 − 977, least significant word first.
pub const FIELD_MODULUS: U256 = [0xffff_fffe_ffff_fc2f, u64::MAX, u64::MAX, u64::MAX];

/// 2^256 − p: taking it off adds p, modulo 2^256.
const MINUS_MODULUS: U256 = [0x1_0000_03d1, 0, 0, 0];

/// The standard's base point.
const GENERATOR: Affine = [
    0x59f2_815b_16f8_1798,
    0x029b_fcdb_2dce_28d9,
    0x55a0_6295_ce87_0b07,
    0x79be_667e_f9dc_bbac,
    0x9c47_d08f_fb10_d4b8,
    0xfd17_b448_a685_5419,
    0x5da4_fbfc_0e11_08a8,
    0x483a_da77_26a3_c465,
];

/// A cube root of 1 modulo p: (x, y) → (β x, y) multiplies a point by λ (see [`glv`]).
const BETA: U256 =
    [0xc139_6c28_7195_01ee, 0x9cf0_4975_12f5_8995, 0x6e64_479e_ac34_34e9, 0x7ae9_6a2b_657c_0710];

/// A sum of points that may be the point at infinity. Its additions are complete: a host that chooses keys and
/// signatures can steer them into every special case, and the precompile is not sound in those.
#[derive(Clone, Copy)]
pub struct Sum(Option<Affine>);

impl Sum {
    pub const INFINITY: Self = Self(None);

    pub fn affine(&self) -> Option<&Affine> {
        self.0.as_ref()
    }

    pub fn add(&mut self, q: &Affine) {
        match &mut self.0 {
            None => self.0 = Some(*q),
            Some(p) if !same_half::<0>(p, q) => ops::add(p, q),
            Some(p) if same_half::<4>(p, q) => ops::double(p),
            Some(_) => self.0 = None,
        }
    }

    /// Multiplies by 2^`n`. No point of a group of odd order doubles to infinity.
    pub fn double(&mut self, n: usize) {
        if let Some(p) = &mut self.0 {
            for _ in 0..n {
                ops::double(p);
            }
        }
    }
}

/// Compares x (from word 0) or y (from word 4). Mostly one word is enough, which a comparison of slices would not use.
fn same_half<const FROM: usize>(p: &Affine, q: &Affine) -> bool {
    (FROM..FROM + 4).all(|i| p[i] == q[i])
}

/// Fills `table` so that entry i is i times the point; the first is never read.
///
/// No special case of addition can occur: i P and P have the same x only for i = 1 and i = n − 1.
fn fill_with_multiples(table: &mut [Affine], point: &Affine) {
    table[1] = *point;
    table[2] = *point;
    ops::double(&mut table[2]);
    for i in 3..table.len() {
        table[i] = table[i - 1];
        ops::add(&mut table[i], point);
    }
}

/// Multiples of the generator and of 2^128 times it, one for each value of a byte.
struct GeneratorTables {
    low: Vec<Affine>,
    high: Vec<Affine>,
}

/// Made once per run, for the cost of about seven signatures.
fn generator_tables() -> &'static GeneratorTables {
    static TABLES: OnceLock<GeneratorTables> = OnceLock::new();
    TABLES.get_or_init(|| {
        let mut tables = GeneratorTables { low: vec![[0; 8]; 256], high: vec![[0; 8]; 256] };
        let mut high = GENERATOR;
        (0..128).for_each(|_| ops::double(&mut high));
        fill_with_multiples(&mut tables.low, &GENERATOR);
        fill_with_multiples(&mut tables.high, &high);
        tables
    })
}

/// `u1 * G + u2 * q`, by one chain of 128 doublings: `u1` is cut into its two halves, `u2` by the endomorphism.
pub fn double_multiply(u1: &U256, u2: &U256, q: &Affine) -> Sum {
    let generator = generator_tables();
    let (first, second) = glv::split(u2);
    let mut base = *q;
    negate_if(first.negative, &mut base);
    let mut q_low = [[0; 8]; 16];
    fill_with_multiples(&mut q_low, &base);
    let q_high = endomorphism(&q_low, first.negative != second.negative);

    let mut sum = Sum::INFINITY;
    for position in (0..32).rev() {
        sum.double(4);
        add_entry(&mut sum, &q_low, nibble(&first, position));
        add_entry(&mut sum, &q_high, nibble(&second, position));
        if position % 2 == 0 {
            add_entry(&mut sum, &generator.low, byte(u1, position / 2));
            add_entry(&mut sum, &generator.high, byte(u1, 16 + position / 2));
        }
    }
    sum
}

fn add_entry(sum: &mut Sum, table: &[Affine], digit: usize) {
    if digit != 0 {
        sum.add(&table[digit]);
    }
}

/// λ (or −λ) times each entry but the first, which is never read.
fn endomorphism(table: &[Affine; 16], negative: bool) -> [Affine; 16] {
    let mut image = *table;
    for point in &mut image[1..] {
        let x = ops::mul_mod(std::array::from_fn(|i| point[i]), &BETA, &FIELD_MODULUS);
        point[..4].copy_from_slice(&x);
        negate_if(negative, point);
    }
    image
}

/// No point of the curve has y = 0, so p − y is reduced.
fn negate_if(condition: bool, point: &mut Affine) {
    if condition {
        let (y, _) = sub(&FIELD_MODULUS, &std::array::from_fn(|i| point[4 + i]));
        point[4..].copy_from_slice(&y);
    }
}

/// The nibble of weight 16^`position`.
fn nibble(half: &Half, position: usize) -> usize {
    (half.magnitude[position / 16] >> (4 * (position % 16)) & 0xf) as usize
}

/// The byte of weight 256^`position`.
fn byte(number: &U256, position: usize) -> usize {
    (number[position / 8] >> (8 * (position % 8)) & 0xff) as usize
}

/// Whether reduced coordinates fulfil y² = x³ + 7.
pub fn is_on_curve(x: &U256, y: &U256) -> bool {
    let square = |a: &U256| ops::mul_mod(*a, a, &FIELD_MODULUS);
    let cube = ops::mul_mod(square(x), x, &FIELD_MODULUS);
    let (difference, wrapped) = sub(&square(y), &cube);
    let reduced = if wrapped { sub(&difference, &MINUS_MODULUS).0 } else { difference };
    reduced == [7, 0, 0, 0]
}

//! A sum of multiples of points, by Pippenger's bucket method with signed digits.
//!
//! Every accumulator starts at a multiple of a *blind*: a point that looks random and that nobody knew when the other
//! points were chosen. What is added up then meets an equal or opposite point, where the addition precompile is not
//! defined, only if the blind is one of a few points fixed before it: with 2^17 additions or fewer, as in a batch, once in
//! 2^237 (see `docs/soundness.md`). So no addition needs a check. The blind's own part is known and is in the result.

use super::ops::{self, Affine};
use super::point;
use crate::uint256::U256;

/// A point (words 0 to 7), its opposite (8 to 15), and the digits of what it is multiplied by: `coefficient + offset` for
/// the [`Window`] in use (16 and 17).
pub type Term = [u64; 18];

pub fn term(point: &Affine, digits: u128) -> Term {
    let mut term = [0; 18];
    term[..8].copy_from_slice(point);
    set_factor(&mut term, digits);
    term
}

/// Makes a term of one of which the point is there.
#[inline(always)]
pub fn set_factor(term: &mut Term, digits: u128) {
    let opposite = point::opposite(positive(term));
    term[8..16].copy_from_slice(&opposite);
    term[16] = digits as u64;
    term[17] = (digits >> 64) as u64;
}

fn positive(term: &Term) -> &Affine {
    term.first_chunk().expect("a term has eighteen words")
}

fn negative(term: &Term) -> &Affine {
    term[8..].first_chunk().expect("a term has eighteen words")
}

/// How coefficients are cut into digits: windows of 4 bits for few points, of 8 for many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    Narrow,
    Wide,
}

impl Window {
    /// Where both cost about the same.
    const MANY: usize = 200;

    pub fn for_points(count: usize) -> Self {
        if count < Self::MANY {
            Self::Narrow
        } else {
            Self::Wide
        }
    }

    /// What turns a coefficient from −OFFSET to 2^128 − 1 − OFFSET into its digits, by addition: half a window's range in
    /// each window but the highest. A digit below the highest then stands for itself less that half.
    pub fn offset(self) -> u128 {
        match self {
            Window::Narrow => u128::from_be_bytes([0x88; 16]) & (u128::MAX >> 4),
            Window::Wide => u128::from_be_bytes([0x80; 16]) & (u128::MAX >> 8),
        }
    }

    /// The sum of the terms, plus [`blind_factor`](Self::blind_factor) times the blind.
    pub fn sum(self, terms: &[&[Term]], blind: &Affine) -> Affine {
        match self {
            Window::Narrow => sum::<4, 8, 16>(terms, blind),
            Window::Wide => sum::<8, 128, 256>(terms, blind),
        }
    }

    /// How many times the blind is in the sum, modulo the group order: the highest window's collection starts with
    /// `collected(buckets)` of them, every later window doubles them and adds nothing.
    pub fn blind_factor(self) -> U256 {
        let (highest, lower, bits) = match self {
            Window::Narrow => (collected(15), collected(8), 4),
            Window::Wide => (collected(255), collected(128), 8),
        };
        // The highest window's blinds are doubled 128 − bits times, those of the first of the lower ones as often less one
        // window; what the later ones collect is taken off again as it is in each twice.
        let mut factor = [0; 4];
        add_shifted(&mut factor, highest, 128 - bits);
        add_shifted(&mut factor, lower, 128 - 2 * bits);
        factor
    }
}

/// Blinds in what [`collect`] makes of this many buckets: 2 of its own, and 3, 4, … as it takes up one after the other.
const fn collected(buckets: u64) -> u64 {
    2 + 2 * buckets + buckets * (buckets + 1) / 2
}

/// `number += small << shift`. The shifts are below 128, so that all fits.
fn add_shifted(number: &mut U256, small: u64, shift: u32) {
    let (word, bit) = ((shift / 64) as usize, shift % 64);
    let wide = u128::from(small) << bit;
    let mut carry = 0;
    for (i, part) in [(word, wide as u64), (word + 1, (wide >> 64) as u64), (word + 2, 0)] {
        let total = u128::from(number[i]) + u128::from(part) + carry;
        number[i] = total as u64;
        carry = total >> 64;
    }
}

/// Digits of `BITS` bits; `HALF` = 2^(BITS − 1), `FULL` = 2^BITS.
///
/// The buckets are not emptied from one window to the next: what they collect is then taken off once in the next window,
/// which is one addition instead of `HALF` points to set up.
fn sum<const BITS: u32, const HALF: usize, const FULL: usize>(terms: &[&[Term]], blind: &Affine) -> Affine {
    let mut start = *blind;
    ops::double(&mut start);

    let highest = 128 / BITS - 1;
    let mut buckets = vec![*blind; FULL];
    for term in terms.iter().copied().flatten() {
        let digit = digit::<BITS>(term, highest);
        if digit != 0 {
            ops::add(&mut buckets[digit], positive(term));
        }
    }
    let mut total = collect(&buckets[1..], &start);

    buckets[..HALF].fill(*blind);
    let buckets: &mut [Affine; HALF] = buckets.first_chunk_mut().expect("HALF is less than FULL");
    let mut previous = None;
    for position in (0..highest).rev() {
        for term in terms.iter().copied().flatten() {
            let digit = digit::<BITS>(term, position);
            if digit > HALF {
                ops::add(&mut buckets[digit - HALF - 1], positive(term));
            } else if digit < HALF {
                ops::add(&mut buckets[HALF - digit - 1], negative(term));
            }
        }
        let collected = collect(buckets, &start);
        (0..BITS).for_each(|_| ops::double(&mut total));
        ops::add(&mut total, &collected);
        if let Some(previous) = previous.replace(collected) {
            ops::add(&mut total, &point::opposite(&previous));
        }
    }
    total
}

#[inline(always)]
fn digit<const BITS: u32>(term: &Term, position: u32) -> usize {
    let bit = BITS * position;
    (term[16 + (bit / 64) as usize] >> (bit % 64)) as usize & ((1 << BITS) - 1)
}

/// The first bucket once, the second twice and so on, plus [`collected`] blinds, of which `start` is two.
fn collect(buckets: &[Affine], start: &Affine) -> Affine {
    let (mut running, mut total) = (*start, *start);
    for bucket in buckets.iter().rev() {
        ops::add(&mut running, bucket);
        ops::add(&mut total, &running);
    }
    total
}

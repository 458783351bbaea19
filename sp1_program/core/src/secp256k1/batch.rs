//! All signatures of a batch in one check, as the guest does it.
//!
//! Signature i is valid if and only if `w z G + w r Q − R = O`, with `w` the inverse of s and R the point with x = r. The
//! guest adds up these sums, each multiplied by a coefficient of 128 bits that is only known when all signatures are
//! fixed: if one of them is not O, the total is O once in 2^128 (`docs/soundness.md`). Adding up is one multi-scalar
//! multiplication ([`msm`]), in which the multiples of a key that signed often are merged.

use super::glv::{self, Half};
use super::msm::{self, Term, Window};
use super::ops::Affine;
use super::point::{self, Field, GENERATOR, ORDER};
use super::{Refused, Signature, SignatureError};
use crate::hash::keccak::Hash;
use crate::hash::poseidon2::Transcript;
use crate::uint256::{add_mod, equal, from_be_bytes, is_zero, less_than, sub, Multiplier, U256};

/// Tag of the transcript; those of the tries are below it.
const TAG: u8 = 0x80;
/// ⌊n / 2⌋.
const HALF_ORDER: U256 = [0xdfe9_2f46_681b_20a0, 0x5d57_6e73_57a4_501d, u64::MAX, u64::MAX >> 1];

/// Checks signatures over digests. Nothing of keys and signatures is trusted.
///
/// A signature becomes a term of the sum, in its place.
/// `context` fixes the digests: whoever chooses keys or signatures by the coefficients must find other coefficients.
/// Like recovery with v 27 or 28, this wants R.x to be r itself: an R.x that is not below n (one in 2^127) is refused.
pub fn verify<'a>(
    context: [&[u8; 32]; 2],
    keys: &[Affine],
    digests: impl Iterator<Item = &'a Hash>,
    signatures: &mut [Signature],
) -> Result<(), Refused> {
    let mut field = Field::new();
    let mut transcript = Transcript::new(TAG, [keys.len() as u32, signatures.len() as u32]);
    let [first, second] = context.map(from_be_bytes);
    transcript.absorb(&point::join(&first, &second), false);
    for key in keys {
        if !field.is_point(key) {
            return Err((None, SignatureError::PublicKey));
        }
        transcript.absorb(key, false);
    }
    for (i, signature) in signatures.iter().enumerate() {
        absorb(signature, &mut field, &mut transcript).map_err(|reason| (Some(i), reason))?;
    }

    let blind = blind(&mut transcript).ok_or((None, SignatureError::Mismatch))?;
    let window = Window::for_points(2 * keys.len() + signatures.len());
    let mut factors = Factors::new(keys.len(), window);
    for (i, (signature, digest)) in signatures.iter_mut().zip(digests).enumerate() {
        factors.add(signature, digest, transcript.squeeze()).map_err(|reason| (Some(i), reason))?;
    }
    let terms = factors.terms(keys, &mut field);
    let sum = window.sum(&[signatures, &terms], &point::multiply_generator(&blind));
    let blinds = Multiplier::new(&ORDER).by(&blind).times(window.blind_factor());
    if sum == point::multiply_generator(&blinds) {
        Ok(())
    } else {
        Err((None, SignatureError::Mismatch))
    }
}

/// Checks what can be checked of a signature alone, and adds to the transcript what determines it. Of y that is one bit, as
/// the point is on the curve. The inverse is determined by s.
#[inline(always)]
fn absorb(
    signature: &Signature,
    field: &mut Field,
    transcript: &mut Transcript,
) -> Result<(), SignatureError> {
    let (point, s) = (hinted_point(signature), s(signature));
    if !is_scalar(point::x(point)) || !is_scalar(s) {
        return Err(SignatureError::ScalarOutOfRange);
    }
    if less_than(&HALF_ORDER, s) {
        return Err(SignatureError::HighS);
    }
    if !field.is_point(point) {
        return Err(SignatureError::Point);
    }
    transcript.absorb(&point::join(point::x(point), s), signature[4] & 1 == 1);
    Ok(())
}

/// Whether 0 < `number` < n.
fn is_scalar(number: &U256) -> bool {
    !is_zero(number) && less_than(number, &ORDER)
}

fn hinted_point(signature: &Signature) -> &Affine {
    signature.first_chunk().expect("a signature has eighteen words")
}

fn s(signature: &Signature) -> &U256 {
    signature[8..].first_chunk().expect("a signature has eighteen words")
}

fn s_inverse(signature: &Signature) -> &U256 {
    signature[12..].first_chunk().expect("a signature has eighteen words")
}

/// A digest as the big-endian number that it is.
fn number(digest: &Hash) -> U256 {
    std::array::from_fn(|i| digest.0[3 - i].swap_bytes())
}

/// What the generator is multiplied by to make the blind of the sum; `None`, once in 2^255, if that is zero.
fn blind(transcript: &mut Transcript) -> Option<U256> {
    let (low, high) = (transcript.squeeze(), transcript.squeeze());
    let number = [low as u64, (low >> 64) as u64, high as u64, (high >> 64) as u64];
    let reduced = add_mod(&number, &[0; 4], &ORDER);
    (!is_zero(&reduced)).then_some(reduced)
}

/// What the generator and each key are multiplied by, added up over the signatures.
struct Factors {
    window: Window,
    generator: U256,
    keys: Vec<U256>,
    by_factor: Multiplier,
}

impl Factors {
    fn new(keys: usize, window: Window) -> Self {
        Self { window, generator: [0; 4], keys: vec![[0; 4]; keys], by_factor: Multiplier::new(&ORDER) }
    }

    /// Takes up a signature, and makes the term of its R. `digits` are those of its coefficient.
    #[inline(always)]
    fn add(&mut self, signature: &mut Signature, digest: &Hash, digits: u128) -> Result<(), SignatureError> {
        let s_inverse = *s_inverse(signature);
        if !equal(&self.by_factor.by(s(signature)).times(s_inverse), &[1, 0, 0, 0]) {
            return Err(SignatureError::Inverse);
        }
        let factor = self.by_factor.by(&self.coefficient(digits)).times(s_inverse);
        let products = self.by_factor.by(&factor);
        let of_generator = products.times(number(digest));
        let of_key = products.times(*point::x(hinted_point(signature)));
        self.generator = add_mod(&self.generator, &of_generator, &ORDER);
        let key = self.keys.get_mut(signature[16] as usize).ok_or(SignatureError::PublicKey)?;
        *key = add_mod(key, &of_key, &ORDER);
        msm::set_factor(signature, digits);
        Ok(())
    }

    /// The coefficient with these digits, modulo n.
    fn coefficient(&self, digits: u128) -> U256 {
        let (magnitude, negative) = match digits.checked_sub(self.window.offset()) {
            Some(magnitude) => (magnitude, false),
            None => (self.window.offset() - digits, true),
        };
        let number = [magnitude as u64, (magnitude >> 64) as u64, 0, 0];
        if negative {
            sub(&ORDER, &number).0
        } else {
            number
        }
    }

    /// The terms of the generator and of the keys, which are taken off: each factor in its two halves.
    fn terms(&self, keys: &[Affine], field: &mut Field) -> Vec<Term> {
        let factors = std::iter::once(&self.generator).chain(&self.keys);
        let points = std::iter::once(&GENERATOR).chain(keys);
        let mut terms = Vec::with_capacity(2 * keys.len() + 2);
        for (factor, point) in factors.zip(points) {
            let (first, second) = glv::split(factor);
            terms.push(self.term(point, first));
            terms.push(self.term(&field.endomorphism(point), second));
        }
        terms
    }

    fn term(&self, point: &Affine, half: Half) -> Term {
        let magnitude = u128::from(half.magnitude[1]) << 64 | u128::from(half.magnitude[0]);
        let point = if half.negative { *point } else { point::opposite(point) };
        msm::term(&point, magnitude + self.window.offset())
    }
}

//! The hash of data that blobs carry (protocol section 5).
//!
//! L1 knows a blob by a commitment to the polynomial that it stands for, and can show the value of that polynomial at one
//! point. Here the same is found from the data: where the point depends on both, equal values mean equal blobs.

use std::hint::black_box;

use crate::errors::Error;
use crate::hash::keccak256;
use crate::types::Digest;
use crate::uint256::{add, add_mod, from_be_bytes, sub_mod, to_be_bytes, Multiplier, U256};

/// Bytes of data in a field element: any of them are a number below the modulus.
const ELEMENT: usize = 31;
/// A blob has 2^12 field elements.
const LEVELS: usize = 12;
/// Bytes of data in a blob.
const CAPACITY: usize = ELEMENT << LEVELS;
/// Ends the data in its last blob.
const END: u8 = 0x80;

/// The modulus r: the order of BLS12-381's group.
const MODULUS: U256 =
    [0xffff_ffff_0000_0001, 0x53bd_a402_fffe_5bfe, 0x3339_d808_09a1_d805, 0x73ed_a753_299d_7d48];
/// 1/2.
const HALF: U256 =
    [0x7fff_ffff_8000_0001, 0xa9de_d201_7fff_2dff, 0x199c_ec04_04d0_ec02, 0x39f6_d3a9_94ce_bea4];
/// 1/ω, for the root of unity ω of order 2^12 that EIP-4844 takes: 7^((r − 1) / 2^12).
const INVERSE_ROOT: U256 =
    [0x961a_252d_d854_3362, 0x5046_d178_6418_3203, 0x4ae2_5ffa_b9dc_5986, 0x391b_2856_c609_b478];

/// The hash by which L1 knows data: of its bytes, if no blobs carry it, else of these and of what L1 shows of the blobs.
/// Fails if there are not as many as the data fills.
pub fn data_hash(data: &[u8], versioned_hashes: &[Digest]) -> Result<Digest, Error> {
    let content_hash = keccak256(data);
    if versioned_hashes.is_empty() {
        return Ok(content_hash);
    }
    if versioned_hashes.len() != data.len() / CAPACITY + 1 {
        return Err(Error::Mismatch("the data does not fill as many blobs"));
    }
    let mut evaluator = Evaluator::new();
    let mut hashed = content_hash.to_vec();
    for (i, versioned_hash) in versioned_hashes.iter().enumerate() {
        let z = evaluator.reduced(&keccak256([content_hash, *versioned_hash].as_flattened()));
        let y = evaluator.evaluate(pairs(&data[i * CAPACITY..]), z);
        hashed.extend([*versioned_hash, to_be_bytes(&z), to_be_bytes(&y)].as_flattened());
    }
    Ok(keccak256(&hashed))
}

/// The field elements of a blob, in pairs, up to the last that is not zero. `rest`: the data from the blob's first byte.
fn pairs(rest: &[u8]) -> impl ExactSizeIterator<Item = [U256; 2]> + '_ {
    let elements = ((rest.len() + 1).div_ceil(ELEMENT)).min(1 << LEVELS);
    (0..elements.div_ceil(2)).map(|pair| [element(rest, 2 * pair), element(rest, 2 * pair + 1)])
}

/// The field element at `index`; zero after the end of the data.
fn element(rest: &[u8], index: usize) -> U256 {
    let Some(rest) = rest.get(ELEMENT * index..) else {
        return [0; 4];
    };
    if let Some(bytes) = rest.first_chunk() {
        return number(bytes);
    }
    let mut last = [0; ELEMENT];
    last[..rest.len()].copy_from_slice(rest);
    last[rest.len()] = END;
    number(&last)
}

/// The big-endian number. The compiler must not know that bytes are shifted by eight bits: it would make words of the
/// bytes in their order and swap them then, which costs the guest as much again.
fn number(bytes: &[u8; ELEMENT]) -> U256 {
    let eight = black_box(8);
    let word =
        |bytes: &[u8]| bytes.iter().fold(0u64, |word, byte| word.wrapping_shl(eight) | u64::from(*byte));
    [word(&bytes[23..]), word(&bytes[15..23]), word(&bytes[7..15]), word(&bytes[..7])]
}

/// Evaluates polynomials of degree below 2^12 that are given by their values at the roots of unity.
///
/// With `a` and `b` the values at `w` and `−w`, `P(x) = E(x²) + x O(x²)` makes `E + z O` at `w²` the number
/// `b + (1 + z/w) / 2 · (a − b)`. So half as many numbers are the values of the polynomial `E + z O`, which is `P(z)` at
/// `z²`; and so on, down to one. Nothing is divided by `z − w`, so that `z` may be a root itself.
///
/// EIP-4844 has the roots in bit-reversed order: `w` and `−w` are neighbours, their squares are in that order again, and
/// those of the first 2^m pairs times `1/ω^(2^(10 − m))` are those of the next 2^m, on every level.
struct Evaluator {
    product: Multiplier,
    /// `1/ω^(2^(10 − m))`.
    steps: [U256; LEVELS - 1],
}

impl Evaluator {
    fn new() -> Self {
        let mut product = Multiplier::new(&MODULUS);
        let mut steps = [INVERSE_ROOT; LEVELS - 1];
        for m in (1..steps.len()).rev() {
            steps[m - 1] = product.by(&steps[m]).times(steps[m]);
        }
        Self { product, steps }
    }

    /// A number modulo the modulus.
    fn reduced(&mut self, number: &Digest) -> U256 {
        self.product.by(&[1, 0, 0, 0]).times(from_be_bytes(number))
    }

    /// The value at `z` of the polynomial with these values; those that are left out are zero.
    fn evaluate(&mut self, pairs: impl ExactSizeIterator<Item = [U256; 2]>, mut z: U256) -> U256 {
        let (mut values, mut folded) = (Vec::new(), Vec::new());
        self.fold(pairs, &z, &mut values);
        for _ in 1..LEVELS {
            if values.len() % 2 == 1 {
                values.push([0; 4]);
            }
            z = self.product.by(&z).times(z);
            self.fold(values.as_chunks().0.iter().copied(), &z, &mut folded);
            std::mem::swap(&mut values, &mut folded);
        }
        values[0]
    }

    /// Half as many values, in the place of what they are made with.
    fn fold(&mut self, pairs: impl ExactSizeIterator<Item = [U256; 2]>, z: &U256, folded: &mut Vec<U256>) {
        self.find_ratios(z, pairs.len(), folded);
        for (place, [a, b]) in folded.iter_mut().zip(pairs) {
            let difference = sub_mod(&a, &b, &MODULUS);
            // Below twice the modulus, which is below 2^256.
            (*place, _) = add(place, &HALF);
            self.product.by(&difference).multiply(place);
            *place = add_mod(&b, place, &MODULUS);
        }
    }

    /// `z/w / 2` for each pair.
    fn find_ratios(&mut self, z: &U256, pairs: usize, ratios: &mut Vec<U256>) {
        ratios.clear();
        ratios.reserve(pairs + 1);
        ratios.push(self.product.by(&HALF).times(*z));
        for step in &self.steps {
            self.product.by(step);
            let known = ratios.len();
            for i in 0..known.min(pairs - known) {
                ratios.push(ratios[i]);
                self.product.multiply(&mut ratios[known + i]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ruint::aliases::U256 as Number;

    const R: Number = Number::from_limbs(MODULUS);

    /// The roots of unity as EIP-4844 lists them.
    fn roots() -> Vec<Number> {
        let root = Number::from(7).pow_mod((R - Number::ONE) >> LEVELS, R);
        let exponent = |i: u32| Number::from(i.reverse_bits() >> (u32::BITS - LEVELS as u32));
        (0..1 << LEVELS).map(|i| root.pow_mod(exponent(i), R)).collect()
    }

    fn sub(a: Number, b: Number) -> Number {
        a.add_mod(R - b, R)
    }

    /// By the barycentric formula, which EIP-4844 gives.
    fn barycentric(values: &[U256], z: Number) -> Number {
        let terms = values.iter().zip(roots()).map(|(value, root)| {
            let quotient = root.mul_mod(sub(z, root).inv_mod(R).unwrap(), R);
            Number::from_limbs(*value).mul_mod(quotient, R)
        });
        let sum = terms.fold(Number::ZERO, |sum, term| sum.add_mod(term, R));
        let width = Number::from(1 << LEVELS);
        sub(z.pow_mod(width, R), Number::ONE).mul_mod(width.inv_mod(R).unwrap(), R).mul_mod(sum, R)
    }

    /// Any data: bytes that look random.
    fn data(length: usize) -> Vec<u8> {
        (0..length as u64).map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
    }

    fn elements(rest: &[u8]) -> Vec<U256> {
        pairs(rest).flatten().collect()
    }

    fn evaluate(values: &[U256], z: Number) -> Number {
        let pairs: Vec<_> =
            values.chunks(2).map(|pair| [pair[0], pair.get(1).copied().unwrap_or_default()]).collect();
        Number::from_limbs(Evaluator::new().evaluate(pairs.into_iter(), *z.as_limbs()))
    }

    #[test]
    fn constants_are_what_they_are_called() {
        let two = Number::from(2);
        assert_eq!(two.mul_mod(Number::from_limbs(HALF), R), Number::ONE);
        assert_eq!(roots()[1 << (LEVELS - 1)].mul_mod(Number::from_limbs(INVERSE_ROOT), R), Number::ONE);
    }

    #[test]
    fn values_are_those_of_the_barycentric_formula() {
        let z = sub(Number::ZERO, Number::from(12_345).pow_mod(Number::from(99), R));
        for length in [0, 1, 30, 31, 62, 1_000, CAPACITY - 1, CAPACITY] {
            let values = elements(&data(length));
            assert_eq!(evaluate(&values, z), barycentric(&values, z), "{length}");
        }
        assert_eq!(evaluate(&elements(&data(CAPACITY)[CAPACITY..]), z), barycentric(&elements(&[]), z));
    }

    #[test]
    fn at_a_root_of_unity_the_value_is_the_element_there() {
        let values = elements(&data(50_000));
        for (i, root) in roots().into_iter().enumerate().step_by(97) {
            let expected = values.get(i).copied().unwrap_or_default();
            assert_eq!(evaluate(&values, root), Number::from_limbs(expected), "{i}");
        }
    }

    #[test]
    fn values_and_points_at_the_ends_of_the_field() {
        let greatest = *(R - Number::ONE).as_limbs();
        for z in [Number::ZERO, Number::ONE, R - Number::ONE] {
            assert_eq!(evaluate(&[greatest; 1 << LEVELS], z), R - Number::ONE);
        }
        let alternating: Vec<U256> = (0..1 << LEVELS).map(|i| [[0; 4], greatest][i % 2]).collect();
        let z = R - Number::from(2);
        assert_eq!(evaluate(&alternating, z), barycentric(&alternating, z));
    }

    #[test]
    fn there_are_as_many_blobs_as_the_data_fills() {
        let (one, two) = ([[1; 32]; 1], [[1; 32], [2; 32]]);
        for (length, fits, does_not_fit) in
            [(CAPACITY - 1, &one[..], &two[..]), (CAPACITY, &two, &one), (0, &one, &two)]
        {
            assert!(data_hash(&data(length), fits).is_ok());
            assert!(matches!(data_hash(&data(length), does_not_fit), Err(Error::Mismatch(_))));
            assert_eq!(data_hash(&data(length), &[]), Ok(keccak256(&data(length))));
        }
    }

    #[test]
    fn the_hash_is_of_each_byte_and_of_each_blob_in_its_place() {
        let (data, hashes) = (data(CAPACITY + 1), [[1; 32], [2; 32]]);
        let mut seen = vec![data_hash(&data, &hashes), data_hash(&data, &[[2; 32], [1; 32]])];
        for i in [0, CAPACITY - 1, CAPACITY] {
            let mut changed = data.clone();
            changed[i] ^= 1;
            seen.push(data_hash(&changed, &hashes));
        }
        for (i, hash) in seen.iter().enumerate() {
            assert!(hash.is_ok() && !seen[..i].contains(hash));
        }
    }
}

//! The guest's algorithm against libsecp256k1 and k256, with keys and signatures that a hostile host would choose.

use super::msm::{self, Window};
use super::ops::Affine;
use super::point::{self, Field, FIELD_MODULUS, ORDER};
use super::{address_of, batch, glv, native, recover, Signature, SignatureError};
use crate::hash::keccak::Hash;
use crate::uint256::{self, from_be_bytes, U256};
use k256::elliptic_curve::scalar::IsHigh;
use k256::elliptic_curve::{
    ops::Reduce, point::AffineCoordinates, sec1::ToEncodedPoint, Field as _, PrimeField,
};
use k256::{ProjectivePoint, Scalar};

type Bytes = [u8; 32];
const G: ProjectivePoint = ProjectivePoint::GENERATOR;
const LAMBDA: &str = "5363ad4cc05c30e0a5261c028812645a122e22ea20816678df02967c1b23bd72";

/// A signature with its digest and key.
#[derive(Clone, Copy)]
struct Case {
    digest: Bytes,
    key: Affine,
    signature: Signature,
}

impl Case {
    /// A correct signature by `secret` with this nonce.
    fn sign(digest: Bytes, secret: Scalar, nonce: Scalar) -> Self {
        let r = scalar((G * nonce).to_affine().x().into());
        let s = nonce.invert().unwrap() * (random_scalar(digest) + r * secret);
        let (s, nonce) = if bool::from(s.is_high()) { (-s, -nonce) } else { (s, nonce) };
        Self { digest, key: affine(G * secret), signature: signature(affine(G * nonce), s) }
    }
}

/// With the right hints; the key is the first.
fn signature(point: Affine, s: Scalar) -> Signature {
    let mut signature = [0; 18];
    signature[..8].copy_from_slice(&point);
    signature[8..12].copy_from_slice(&words(s));
    signature[12..16].copy_from_slice(&words(s.invert().unwrap_or(Scalar::ZERO)));
    signature
}

/// Why the cases are refused together, on which both implementations must agree, and which one the host names.
fn verify(cases: &[Case]) -> Result<(), (Option<usize>, SignatureError)> {
    let mut keys: Vec<Affine> = Vec::new();
    let mut signatures: Vec<Signature> = Vec::new();
    for case in cases {
        let known = keys.iter().position(|key| *key == case.key);
        let index = known.unwrap_or_else(|| {
            keys.push(case.key);
            keys.len() - 1
        });
        signatures.push(case.signature);
        signatures.last_mut().unwrap()[16] = index as u64;
    }
    let hashes: Vec<Hash> = cases.iter().map(|case| Hash::from_bytes(&case.digest)).collect();
    let context = [&[1; 32], &[2; 32]];
    let host = native::verify(context, &keys, hashes.iter(), &mut signatures.clone());
    let guest = batch::verify(context, &keys, hashes.iter(), &mut signatures);
    assert_eq!(guest.map_err(|(_, reason)| reason), host.map_err(|(_, reason)| reason));
    host
}

fn reason(case: Case) -> Option<SignatureError> {
    verify(&[case]).err().map(|(_, reason)| reason)
}

fn scalar(bytes: Bytes) -> Scalar {
    Scalar::from_repr(bytes.into()).unwrap()
}

fn random_scalar(bytes: Bytes) -> Scalar {
    <Scalar as Reduce<k256::U256>>::reduce_bytes(&bytes.into())
}

fn words(k: Scalar) -> U256 {
    from_be_bytes(&k.to_bytes().into())
}

fn to_be_bytes(number: &U256) -> Bytes {
    ruint::aliases::U256::from_limbs(*number).to_be_bytes()
}

fn affine(p: ProjectivePoint) -> Affine {
    let encoded = p.to_affine().to_encoded_point(false);
    super::point_from_bytes(encoded.as_bytes()[1..].try_into().unwrap())
}

/// Numbers that look random, the same in every run.
fn numbers(count: u64) -> impl Iterator<Item = Bytes> {
    (0..count).map(|i| crate::hash::keccak256(&i.to_be_bytes()))
}

/// Correct signatures of a few keys.
fn samples(count: u64) -> Vec<Case> {
    let nonces = numbers(2 * count).skip(count as usize);
    let sign = |(i, (digest, nonce)): (u64, (Bytes, Bytes))| {
        Case::sign(digest, Scalar::from(1 + i % 7), random_scalar(nonce))
    };
    (0..count).zip(numbers(count).zip(nonces)).map(sign).collect()
}

fn sample() -> Case {
    Case::sign([7; 32], scalar([3; 32]), scalar([5; 32]))
}

#[test]
fn accepts_signatures_of_another_implementation() {
    use k256::ecdsa::{signature::hazmat::PrehashSigner, SigningKey};
    let sign = |(digest, secret): (Bytes, Bytes)| {
        let signer = SigningKey::from_bytes(&secret.into()).unwrap();
        let (signed, id): (k256::ecdsa::Signature, k256::ecdsa::RecoveryId) =
            signer.sign_prehash(&digest).unwrap();
        let mut bytes = [27 + id.to_byte(); 65];
        bytes[..64].copy_from_slice(&signed.to_bytes());
        let key = affine(G * scalar(secret));
        assert_eq!(recover(&digest, &bytes), Ok(super::point_to_bytes(&key)));
        Case { digest, key, signature: native::hints(&bytes, 0) }
    };
    let cases: Vec<Case> = numbers(20).zip(numbers(40).skip(20)).map(sign).collect();
    assert_eq!(verify(&cases), Ok(()));
}

#[test]
fn accepts_none_few_and_many() {
    for count in [0, 1, 2, 20, 250] {
        assert_eq!(verify(&samples(count)), Ok(()), "{count} signatures");
    }
}

/// Keys and nonces of which the sums meet equal points, opposite points and infinity where nothing hides them: R = ±G,
/// R = ±Q, λ times one another, the same R again and again, digests of zero.
#[test]
fn accepts_signatures_that_meet_the_exceptions_of_addition() {
    let lambda = scalar(hex::decode(LAMBDA).unwrap().try_into().unwrap());
    let small = [1u64, 2, 3, 16, 255, 256].map(Scalar::from);
    let wide = [Scalar::from(2u64).pow([128]), lambda, lambda * lambda];
    let chosen: Vec<Scalar> = small.into_iter().chain(wide).flat_map(|k| [k, -k]).collect();
    for digest in [[0; 32], [0xff; 32], Scalar::ONE.to_bytes().into()] {
        let pairs = chosen.iter().flat_map(|secret| chosen.iter().map(move |nonce| (*secret, *nonce)));
        let cases: Vec<Case> = pairs.map(|(secret, nonce)| Case::sign(digest, secret, nonce)).collect();
        assert_eq!(verify(&cases), Ok(()));
        assert_eq!(verify(&cases[..20]), Ok(()));
    }
}

#[test]
fn the_same_signature_twice_is_twice_right() {
    assert_eq!(verify(&[sample(); 3]), Ok(()));
}

#[test]
fn finds_a_bad_signature_among_good_ones_in_every_position() {
    let good = samples(24);
    for position in 0..good.len() {
        let mut cases = good.clone();
        cases[position].digest[31] ^= 1;
        assert_eq!(verify(&cases), Err((Some(position), SignatureError::Mismatch)));
    }
    let good = samples(230);
    for position in [0, 115, 229] {
        let mut cases = good.clone();
        cases[position].digest[0] ^= 0x80;
        assert_eq!(verify(&cases), Err((Some(position), SignatureError::Mismatch)));
    }
}

#[test]
fn refuses_digests_and_keys_that_changed_places() {
    let cases = samples(4);
    let mut swapped = cases.clone();
    (swapped[0].digest, swapped[3].digest) = (cases[3].digest, cases[0].digest);
    assert_eq!(verify(&swapped), Err((Some(0), SignatureError::Mismatch)));
    let mut swapped = cases.clone();
    (swapped[1].key, swapped[2].key) = (cases[2].key, cases[1].key);
    assert_eq!(verify(&swapped), Err((Some(1), SignatureError::Mismatch)));
}

/// What these two leave is 2R and −2R: without coefficients the sum would be right.
#[test]
fn refuses_signatures_that_cancel_each_other() {
    let (secret, nonce) = (scalar([3; 32]), scalar([5; 32]));
    let mirrored = |case: Case| {
        let mut mirrored = case;
        mirrored.signature[..8].copy_from_slice(&point::opposite(case.signature.first_chunk().unwrap()));
        mirrored
    };
    let pairs = numbers(20).map(|digest| Case::sign(digest, secret, nonce));
    let (even, odd): (Vec<Case>, Vec<Case>) = pairs.partition(|case| case.signature[4] & 1 == 0);
    let cases = [mirrored(even[0]), mirrored(odd[0])];
    assert_eq!(cases[0].signature[..4], cases[1].signature[..4]);
    assert_eq!(verify(&cases), Err((Some(0), SignatureError::Mismatch)));
}

#[test]
fn refuses_scalars_out_of_range() {
    for bad in [[0; 4], ORDER, [u64::MAX; 4]] {
        for at in [0, 8] {
            let mut case = sample();
            case.signature[at..at + 4].copy_from_slice(&bad);
            assert_eq!(reason(case), Some(SignatureError::ScalarOutOfRange));
        }
    }
}

#[test]
fn refuses_the_other_s() {
    let mut case = sample();
    let opposite = point::opposite(case.signature.first_chunk().unwrap());
    let s = uint256::sub(&ORDER, case.signature[8..].first_chunk().unwrap()).0;
    case.signature = signature(opposite, Scalar::from_repr(to_be_bytes(&s).into()).unwrap());
    assert_eq!(reason(case), Some(SignatureError::HighS));
}

/// Points on the curve y² = x³ + 7 over the integers modulo p, not reduced: each is below 2^256.
fn unreduced() -> [Affine; 2] {
    use ruint::aliases::U256;
    let p = U256::from_limbs(FIELD_MODULUS);
    let one = affine_from(
        U256::ONE,
        U256::from_str_radix("4218f20ae6c646b363db68605822fb14264ca8d2587fdd6fbc750d587e76a7ee", 16).unwrap(),
    );
    assert!(Field::new().is_point(&one));
    // As p = 7 modulo 9, a cube root of a cube is its power (p + 2) / 9.
    let small_y = (1..100u64).map(U256::from).find_map(|y| {
        let cube = (y * y).add_mod(p - U256::from(7), p);
        let x = cube.pow_mod((p + U256::from(2)) / U256::from(9), p);
        (x.pow_mod(U256::from(3), p) == cube).then_some((x, y))
    });
    let (x, y) = small_y.unwrap();
    assert!(Field::new().is_point(&affine_from(x, y)));
    [affine_from(U256::ONE + p, U256::from_limbs_slice(&one[4..])), affine_from(x, y + p)]
}

fn affine_from(x: ruint::aliases::U256, y: ruint::aliases::U256) -> Affine {
    [*x.as_limbs(), *y.as_limbs()].as_flattened().try_into().unwrap()
}

#[test]
fn refuses_keys_that_are_no_points() {
    let case = sample();
    let mut off_curve = case.key;
    off_curve[4] ^= 1;
    for key in [off_curve, [0; 8], [u64::MAX; 8]].into_iter().chain(unreduced()) {
        assert_eq!(reason(Case { key, ..case }), Some(SignatureError::PublicKey));
    }
}

#[test]
fn refuses_hints_that_are_no_points() {
    let mut off_curve = sample();
    off_curve.signature[4] ^= 1;
    assert_eq!(reason(off_curve), Some(SignatureError::Point));
    // R.x is below n, which is below p: only y can be unreduced.
    let mut case = sample();
    case.signature[..8].copy_from_slice(&unreduced()[1]);
    assert_eq!(reason(case), Some(SignatureError::Point));
    let mut case = sample();
    case.signature[4..8].fill(0);
    assert_eq!(reason(case), Some(SignatureError::Point));
}

#[test]
fn refuses_wrong_inverses() {
    let case = sample();
    let right: U256 = case.signature[12..16].try_into().unwrap();
    for wrong in [[0; 4], [1, 0, 0, 0], uint256::sub(&ORDER, &right).0, ORDER, [u64::MAX; 4]] {
        let mut case = case;
        case.signature[12..16].copy_from_slice(&wrong);
        assert_eq!(reason(case), Some(SignatureError::Inverse));
    }
}

#[test]
fn refuses_what_was_not_signed() {
    let case = sample();
    let with_s = |s: Scalar| {
        let signature = signature(*case.signature.first_chunk().unwrap(), s);
        Case { signature, ..case }
    };
    let mut mirrored = case;
    mirrored.signature[..8].copy_from_slice(&point::opposite(case.signature.first_chunk().unwrap()));
    let mut other_nonce = case;
    other_nonce.signature[..8].copy_from_slice(&affine(G * Scalar::from(9u64)));
    let others = [
        Case { digest: [8; 32], ..case },
        Case { key: affine(G), ..case },
        Case { key: point::opposite(&case.key), ..case },
        with_s(Scalar::from(2u64)),
        mirrored,
        other_nonce,
    ];
    for (i, other) in others.into_iter().enumerate() {
        assert_eq!(reason(other), Some(SignatureError::Mismatch), "{i}");
    }
}

/// u1 G + u2 Q = infinity: Q = −(u1 / u2) G. There is no r that fits.
#[test]
fn refuses_infinity() {
    let (digest, s) = (Scalar::from(77u64), Scalar::from(3u64));
    let point = affine(G * Scalar::from(5u64));
    let r = scalar((G * Scalar::from(5u64)).to_affine().x().into());
    let key = affine(G * (-digest * r.invert().unwrap()));
    let case = Case { digest: digest.to_bytes().into(), key, signature: signature(point, s) };
    assert_eq!(reason(case), Some(SignatureError::Mismatch));
}

/// Sums with digits at their extremes, in both windows.
#[test]
fn sums_are_those_of_another_implementation() {
    let value = |digits: u128, offset: u128| {
        let half = |number: u128| Scalar::from(number);
        half(digits) - half(offset)
    };
    for (window, blind) in [Window::Narrow, Window::Wide].into_iter().zip([1234567u64, 7654321]) {
        let offset = window.offset();
        let chosen =
            [0, 1, offset, offset - 1, offset + 1, u128::MAX, u128::MAX - 1, u128::MAX << 64, 1 << 127];
        let random = numbers(40).map(|bytes| u128::from_be_bytes(bytes[..16].try_into().unwrap()));
        let digits: Vec<u128> = chosen.into_iter().chain(random).collect();
        let secrets: Vec<Scalar> = numbers(digits.len() as u64).map(random_scalar).collect();
        let terms: Vec<_> = digits.iter().zip(&secrets).map(|(d, k)| msm::term(&affine(G * k), *d)).collect();
        let sum = digits.iter().zip(&secrets).fold(Scalar::ZERO, |sum, (d, k)| sum + value(*d, offset) * k);
        let blind = Scalar::from(blind);
        let blinds = Scalar::from_repr(to_be_bytes(&window.blind_factor()).into()).unwrap() * blind;
        let (head, tail) = terms.split_at(7);
        assert_eq!(window.sum(&[head, tail], &affine(G * blind)), affine(G * (sum + blinds)));
    }
}

#[test]
fn multiples_of_the_generator_are_those_of_another_implementation() {
    let small = [1u64, 2, 15, 16, 17, 255, 256].map(Scalar::from);
    for k in small.into_iter().flat_map(|k| [k, -k]).chain(numbers(50).map(random_scalar)) {
        assert_eq!(point::multiply_generator(&words(k)), affine(G * k));
    }
}

#[test]
fn split_halves_make_the_scalar_again_and_have_digits() {
    let lambda = scalar(hex::decode(LAMBDA).unwrap().try_into().unwrap());
    let signed = |half: glv::Half| {
        let magnitude = u128::from(half.magnitude[1]) << 64 | u128::from(half.magnitude[0]);
        assert!(magnitude.checked_add(Window::Wide.offset().max(Window::Narrow.offset())).is_some());
        let k = Scalar::from(magnitude);
        if half.negative {
            -k
        } else {
            k
        }
    };
    let edges = [Scalar::ZERO, Scalar::ONE, -Scalar::ONE, lambda, -lambda, lambda - Scalar::ONE];
    for k in edges.into_iter().chain(numbers(500).map(random_scalar)) {
        let (first, second) = glv::split(&words(k));
        assert_eq!(signed(first) + signed(second) * lambda, k);
    }
    let image = Field::new().endomorphism(&affine(G));
    assert_eq!(image, affine(G * lambda));
}

#[test]
fn recovers_the_signer_and_nothing_else() {
    let case = sample();
    let mut bytes = [0; 65];
    for (at, out) in [(0, 0), (8, 32)] {
        let number: U256 = case.signature[at..at + 4].try_into().unwrap();
        bytes[out..out + 32].copy_from_slice(&to_be_bytes(&number));
    }
    let keys = [27, 28].map(|v| {
        bytes[64] = v;
        recover(&case.digest, &bytes).unwrap()
    });
    assert_eq!(keys.iter().filter(|key| **key == super::point_to_bytes(&case.key)).count(), 1);
    for v in [0, 1, 26, 29, 30] {
        bytes[64] = v;
        assert_eq!(recover(&case.digest, &bytes), Err(SignatureError::RecoveryId));
    }
    bytes[64] = 27;
    let s: Bytes = bytes[32..64].try_into().unwrap();
    bytes[32..64].copy_from_slice(&(-scalar(s)).to_bytes());
    assert_eq!(recover(&case.digest, &bytes), Err(SignatureError::HighS));
    bytes[..32].fill(0);
    assert_eq!(recover(&case.digest, &bytes), Err(SignatureError::ScalarOutOfRange));
}

/// The key pair with secret 1 is known from many wallets.
#[test]
fn address_is_the_end_of_the_hash_of_the_key() {
    let address = address_of(&super::point_to_bytes(&affine(G)));
    assert_eq!(hex::encode(address), "7e5f4552091a69125d5dfcb7b8c2659029395bdf");
}

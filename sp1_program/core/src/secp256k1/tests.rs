//! The guest's algorithm against libsecp256k1 and k256, with keys and signatures that a hostile host would choose.

use super::{address_of, ecdsa, glv, inverse_of_s, native, ops, point, recover, uint, SignatureError};
use k256::elliptic_curve::{ops::Reduce, point::AffineCoordinates, sec1::ToEncodedPoint, Field, PrimeField};
use k256::{ProjectivePoint, Scalar};

type Bytes = [u8; 32];
const ORDER: Bytes = secp256k1::constants::CURVE_ORDER;
const LAMBDA: &str = "5363ad4cc05c30e0a5261c028812645a122e22ea20816678df02967c1b23bd72";

#[derive(Clone, Copy)]
struct Case {
    digest: Bytes,
    r: Bytes,
    s: Bytes,
    key: [u8; 64],
    s_inverse: Bytes,
}

impl Case {
    /// A correct signature by `secret` with this nonce.
    fn sign(digest: Bytes, secret: Scalar, nonce: Scalar) -> Self {
        let r = x_of(ProjectivePoint::GENERATOR * nonce);
        let z = <Scalar as Reduce<k256::U256>>::reduce_bytes(&digest.into());
        let s = nonce.invert().unwrap() * (z + scalar(r) * secret);
        let s = if bool::from(k256::elliptic_curve::scalar::IsHigh::is_high(&s)) { -s } else { s };
        let s = s.to_bytes().into();
        Self { digest, r, s, key: key_of(secret), s_inverse: inverse_of_s(&s) }
    }

    /// The result, on which both implementations must agree.
    fn verify(&self) -> Result<(), SignatureError> {
        let guest = ecdsa::verify(&self.digest, &self.r, &self.s, &self.key, &self.s_inverse);
        let host = native::verify(&self.digest, &self.r, &self.s, &self.key, &self.s_inverse);
        assert_eq!(guest, host);
        guest
    }
}

fn scalar(bytes: Bytes) -> Scalar {
    Scalar::from_repr(bytes.into()).unwrap()
}

fn x_of(point: ProjectivePoint) -> Bytes {
    point.to_affine().x().into()
}

fn key_of(secret: Scalar) -> [u8; 64] {
    let encoded = (ProjectivePoint::GENERATOR * secret).to_affine().to_encoded_point(false);
    encoded.as_bytes()[1..].try_into().unwrap()
}

/// Numbers that look random, the same in every run.
fn numbers(count: u64) -> impl Iterator<Item = Bytes> {
    (0..count).map(|i| crate::hash::keccak256(&i.to_be_bytes()))
}

fn sample() -> Case {
    Case::sign([7; 32], scalar([3; 32]), scalar([5; 32]))
}

fn random_scalar(bytes: Bytes) -> Scalar {
    <Scalar as Reduce<k256::U256>>::reduce_bytes(&bytes.into())
}

#[test]
fn accepts_signatures_of_another_implementation() {
    use k256::ecdsa::{signature::hazmat::PrehashSigner, Signature, SigningKey};
    for (digest, secret) in numbers(20).zip(numbers(40).skip(20)) {
        let signer = SigningKey::from_bytes(&secret.into()).unwrap();
        let signature: Signature = signer.sign_prehash(&digest).unwrap();
        let (r, s): (Bytes, Bytes) = (signature.r().to_bytes().into(), signature.s().to_bytes().into());
        let case = Case { digest, r, s, key: key_of(scalar(secret)), s_inverse: inverse_of_s(&s) };
        assert_eq!(case.verify(), Ok(()));
    }
}

/// With these keys and nonces the partial sums meet equal points, opposite points and infinity.
#[test]
fn accepts_signatures_that_meet_the_exceptions_of_addition() {
    let small = [1u64, 2, 3, 4, 15, 16, 17, 255, 256, 257].map(Scalar::from);
    let lambda = scalar(hex::decode(LAMBDA).unwrap().try_into().unwrap());
    let wide = [Scalar::from(2u64).pow([128]), lambda, lambda * lambda, Scalar::from(2u64).pow([64])];
    let chosen: Vec<Scalar> = small.into_iter().chain(wide).flat_map(|k| [k, -k]).collect();
    for &secret in &chosen {
        for &nonce in &chosen {
            for digest in [[0; 32], bytes_of(secret), [0xff; 32]] {
                assert_eq!(Case::sign(digest, secret, nonce).verify(), Ok(()));
            }
        }
    }
}

fn bytes_of(secret: Scalar) -> Bytes {
    secret.to_bytes().into()
}

/// u1 G + u2 Q for coefficients chosen freely, which no valid signature needs to have.
#[test]
fn double_multiply_is_complete() {
    let small: Vec<Scalar> = (0..6u64).map(Scalar::from).flat_map(|k| [k, -k]).collect();
    for &secret in small.iter().filter(|k| !bool::from(k.is_zero())) {
        let key: ops::Affine = affine(ProjectivePoint::GENERATOR * secret).unwrap();
        for (&u1, &u2) in small.iter().flat_map(|u1| small.iter().map(move |u2| (u1, u2))) {
            let sum = point::double_multiply(&words(u1), &words(u2), &key);
            assert_eq!(sum.affine().copied(), affine(ProjectivePoint::GENERATOR * (u1 + u2 * secret)));
        }
    }
}

fn words(k: Scalar) -> uint::U256 {
    uint::from_be_bytes(&k.to_bytes().into())
}

fn affine(p: ProjectivePoint) -> Option<ops::Affine> {
    let encoded = p.to_affine().to_encoded_point(false);
    let half = |bytes: &k256::FieldBytes| uint::from_be_bytes(&(*bytes).into());
    Some([half(encoded.x()?), half(encoded.y()?)].concat().try_into().unwrap())
}

#[test]
fn split_halves_make_the_scalar_again() {
    let lambda = scalar(hex::decode(LAMBDA).unwrap().try_into().unwrap());
    let signed = |half: glv::Half| {
        let magnitude = u128::from(half.magnitude[1]) << 64 | u128::from(half.magnitude[0]);
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
}

#[test]
fn refuses_scalars_out_of_range() {
    let case = sample();
    for bad in [[0; 32], ORDER, [0xff; 32]] {
        assert_eq!(Case { r: bad, ..case }.verify(), Err(SignatureError::ScalarOutOfRange));
        assert_eq!(Case { s: bad, ..case }.verify(), Err(SignatureError::ScalarOutOfRange));
    }
}

#[test]
fn refuses_the_other_s() {
    let case = sample();
    let s: Bytes = (-scalar(case.s)).to_bytes().into();
    let high = Case { s, s_inverse: inverse_of_s(&s), ..case };
    assert_eq!(high.verify(), Err(SignatureError::HighS));
}

#[test]
fn refuses_keys_that_are_no_points() {
    let case = sample();
    let mut off_curve = case.key;
    off_curve[63] ^= 1;
    // x = 1 has a point; 1 + p is the same x, not reduced.
    let mut unreduced = [0; 64];
    unreduced[..32]
        .copy_from_slice(&hex::decode(format!("{}fffffc30", "f".repeat(48) + "fffffffe")).unwrap());
    let y = hex::decode("4218f20ae6c646b363db68605822fb14264ca8d2587fdd6fbc750d587e76a7ee").unwrap();
    unreduced[32..].copy_from_slice(&y);
    let mut reduced = unreduced;
    reduced[..32].copy_from_slice(&Scalar::ONE.to_bytes());
    assert_eq!(Case { key: reduced, ..case }.verify(), Err(SignatureError::Mismatch));
    for key in [off_curve, unreduced, [0; 64], [0xff; 64]] {
        assert_eq!(Case { key, ..case }.verify(), Err(SignatureError::PublicKey));
    }
}

#[test]
fn refuses_wrong_inverses() {
    let case = sample();
    let opposite: Bytes = (-scalar(case.s_inverse)).to_bytes().into();
    for s_inverse in [[0; 32], case.s, opposite, ORDER, [0xff; 32]] {
        assert_eq!(Case { s_inverse, ..case }.verify(), Err(SignatureError::Inverse));
    }
}

#[test]
fn refuses_what_was_not_signed() {
    let case = sample();
    let mut mirrored = case.key;
    mirrored[32..].copy_from_slice(&key_of(-scalar([3; 32]))[32..]);
    let others = [
        Case { digest: [8; 32], ..case },
        Case { r: [9; 32], ..case },
        Case { key: key_of(Scalar::ONE), ..case },
        Case { key: mirrored, ..case },
        Case { s: [2; 32], s_inverse: inverse_of_s(&[2; 32]), ..case },
    ];
    for other in others {
        assert_eq!(other.verify(), Err(SignatureError::Mismatch));
    }
}

/// u1 G + u2 Q = infinity: Q = −(u1 / u2) G. There is no r that fits.
#[test]
fn refuses_infinity() {
    let digest = Scalar::from(77u64);
    let (r, s) = (Scalar::from(5u64), Scalar::from(3u64));
    let key = key_of(-digest * r.invert().unwrap());
    let (r, s): (Bytes, Bytes) = (r.to_bytes().into(), s.to_bytes().into());
    let case = Case { digest: digest.to_bytes().into(), r, s, key, s_inverse: inverse_of_s(&s) };
    assert_eq!(case.verify(), Err(SignatureError::Mismatch));
}

#[test]
fn recovers_the_signer_and_nothing_else() {
    let case = sample();
    let mut signature = [0; 65];
    signature[..32].copy_from_slice(&case.r);
    signature[32..64].copy_from_slice(&case.s);
    let keys = [27, 28].map(|v| {
        signature[64] = v;
        recover(&case.digest, &signature).unwrap()
    });
    assert_eq!(keys.iter().filter(|key| **key == case.key).count(), 1);
    for v in [0, 1, 26, 29, 30] {
        signature[64] = v;
        assert_eq!(recover(&case.digest, &signature), Err(SignatureError::RecoveryId));
    }
    signature[64] = 27;
    signature[32..64].copy_from_slice(&(-scalar(case.s)).to_bytes());
    assert_eq!(recover(&case.digest, &signature), Err(SignatureError::HighS));
    signature[..32].fill(0);
    assert_eq!(recover(&case.digest, &signature), Err(SignatureError::ScalarOutOfRange));
}

/// The key pair with secret 1 is known from many wallets.
#[test]
fn address_is_the_end_of_the_hash_of_the_key() {
    let address = address_of(&key_of(Scalar::ONE));
    assert_eq!(hex::encode(address), "7e5f4552091a69125d5dfcb7b8c2659029395bdf");
}

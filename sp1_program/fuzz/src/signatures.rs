//! Signatures, good and bad: what the guest says of all at once is what libsecp256k1 says of each.

use ruint::aliases::U256;
use secp256k1::constants::CURVE_ORDER;
use secp256k1::{SecretKey, SECP256K1};
use zkclob_core::secp256k1::{point_from_bytes, verify};

use crate::hash::keccak::Hash;
use crate::hash::keccak256;
use crate::secp256k1::{batch, Point, Signature};
use crate::support::Random;

const ORDER: U256 = U256::from_be_bytes(CURVE_ORDER);
const LAMBDA: U256 =
    U256::from_limbs([0xdf02967c1b23bd72, 0x122e22ea20816678, 0xa5261c028812645a, 0x5363ad4cc05c30e0]);

/// A digest, and a signature of it by one of the keys.
struct Claim {
    digest: [u8; 32],
    signature: Signature,
}

/// Panics where the two disagree. Gives their verdict.
pub fn run(bytes: &[u8]) -> bool {
    let mut random = Random::from_bytes(bytes);
    let random = &mut random;
    let secrets: Vec<U256> = (0..1 + random.below(3)).map(|_| scalar(random)).collect();
    let mut keys: Vec<Point> = secrets.iter().map(point).collect();
    let mut claims: Vec<Claim> = (0..1 + random.below(8)).map(|_| claim(&secrets, random)).collect();
    for _ in 0..random.below(3) {
        spoil(&mut keys, &mut claims, random);
    }
    let hashes: Vec<Hash> = claims.iter().map(|claim| Hash::from_bytes(&claim.digest)).collect();
    let digests = || hashes.iter();
    let signatures: Vec<Signature> = claims.iter().map(|claim| claim.signature).collect();
    let context = [&[1; 32], &[2; 32]];
    let host = verify(context, &keys, digests(), &mut signatures.clone());
    let guest = batch::verify(context, &keys, digests(), &mut signatures.clone());
    assert_eq!(guest.is_ok(), host.is_ok(), "guest {guest:?}, host {host:?}");
    host.is_ok()
}

/// One that makes points coincide, or one that looks random. Never 0.
fn scalar(random: &mut Random) -> U256 {
    let small = U256::from(1 + random.below(17));
    let number = match random.below(5) {
        0 => small,
        1 => LAMBDA,
        2 => LAMBDA.mul_mod(small, ORDER),
        _ => U256::from_be_bytes(keccak256(&[small.as_limbs()[0] as u8, random.below(256) as u8])) % ORDER,
    };
    if random.below(2) == 0 {
        number
    } else {
        ORDER - number
    }
}

fn point(k: &U256) -> Point {
    let secret = SecretKey::from_byte_array(k.to_be_bytes()).expect("scalars are not 0");
    let encoded = secret.public_key(SECP256K1).serialize_uncompressed();
    point_from_bytes(encoded[1..].try_into().expect("64 bytes are left"))
}

/// A right one.
fn claim(secrets: &[U256], random: &mut Random) -> Claim {
    let key = random.below(secrets.len() as u64);
    let nonce = scalar(random);
    let digest = match random.below(4) {
        0 => [0; 32],
        1 => [0xff; 32],
        _ => keccak256(&[random.below(256) as u8]),
    };
    let mut nonce_point = point(&nonce);
    let r = U256::from_limbs_slice(&nonce_point[..4]);
    let signed =
        (U256::from_be_bytes(digest) % ORDER).add_mod(r.mul_mod(secrets[key as usize], ORDER), ORDER);
    let mut s = signed.mul_mod(nonce.inv_mod(ORDER).expect("scalars are not 0"), ORDER);
    if s > ORDER >> 1 {
        s = ORDER - s;
        nonce_point = point(&(ORDER - nonce));
    }
    let mut signature = [0; 18];
    signature[..8].copy_from_slice(&nonce_point);
    set_s(&mut signature, s);
    signature[16] = key;
    Claim { digest, signature }
}

/// With the hint that goes with it.
fn set_s(signature: &mut Signature, s: U256) {
    signature[8..12].copy_from_slice(s.as_limbs());
    signature[12..16].copy_from_slice(s.inv_mod(ORDER).unwrap_or_default().as_limbs());
}

/// Changes something, mostly for the worse.
fn spoil(keys: &mut [Point], claims: &mut [Claim], random: &mut Random) {
    let [a, b] = [claims.len() as u64; 2].map(|bound| random.below(bound) as usize);
    let bit = 1 << random.below(64);
    match random.below(9) {
        0 => claims[a].digest[random.below(32) as usize] ^= bit as u8 | 1,
        1 => claims[a].signature[random.below(17) as usize] ^= bit,
        2 => claims[a].signature[16] = random.below(4),
        3 => set_s(&mut claims[a].signature, scalar(random)),
        4 => claims[a].signature[..8].copy_from_slice(&point(&scalar(random))),
        5 => keys[random.below(keys.len() as u64) as usize][random.below(8) as usize] ^= bit,
        6 => claims[a].digest = claims[b].digest,
        7 => claims.swap(a, b),
        _ => claims[a].signature = claims[b].signature,
    }
}

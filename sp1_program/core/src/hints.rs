//! What the host only claims: public keys, points and inverses for the signatures, and which orders a transaction removes
//! that cancels all. All of it enters here. Where each hint is checked: `docs/soundness.md`.

use crate::codec::Words;
use crate::errors::{Code, Error};
use crate::secp256k1::{address_of, point_to_bytes, verify, Point, Signature};
use crate::transition::Effects;
use crate::types::*;

pub struct Hints<'a> {
    /// Orders that the transactions which cancel all remove, in order. Checked as they are removed (`orders.rs`).
    pub removed: Vec<OrderId>,
    keys: &'a [Point],
    /// One for each claim, in order.
    signatures: &'a mut [Signature],
}

impl<'a> Hints<'a> {
    pub fn decode(words: &mut Words<'a>) -> Result<Self, Error> {
        let count = words.count()?;
        let removed = words.arrays::<3>(count)?.iter().map(|words| OrderId(*words)).collect();
        let count = words.count()?;
        let keys = words.arrays(count)?;
        let count = words.count()?;
        let signatures = words.arrays(count)?;
        Ok(Hints { removed, keys, signatures })
    }

    /// Checks that each claim of a batch is true. `context` are hashes that fix the digests of all its transactions.
    pub fn check(self, effects: &Effects, first_seq: u64, context: [&Digest; 2]) -> Result<(), Error> {
        let claims = &effects.claims;
        if self.signatures.len() != claims.len() {
            return Err(Error::Mismatch("the number of signatures is not that of signed transactions"));
        }
        let signers = signers(self.keys)?;
        for (signature, claim) in self.signatures.iter().zip(claims) {
            let signer =
                signers.get(signature[16] as usize).ok_or(Error::Mismatch("a signature names no key"))?;
            if *signer != claim.signer {
                return Err(Error::Invalid { seq: claim.seq, code: Code::BadSignature });
            }
            if signature[17] != 0 {
                return Err(Error::Malformed("a signature is not filled up with zeros"));
            }
        }
        let digests = claims.iter().map(|claim| &effects.digests[(claim.seq - first_seq) as usize]);
        verify(context, self.keys, digests, self.signatures)
            .map_err(|(which, reason)| Error::Signature { seq: which.map(|which| claims[which].seq), reason })
    }
}

/// The addresses of the keys. They ascend, so a signer's key is known by its address.
fn signers(keys: &[Point]) -> Result<Vec<Address>, Error> {
    let signers: Vec<Address> = keys.iter().map(|key| address_of(&point_to_bytes(key)).into()).collect();
    if signers.is_sorted_by(|a, b| a < b) {
        Ok(signers)
    } else {
        Err(Error::Mismatch("the keys are not in the order of their addresses"))
    }
}

//! What the host gives the guest (protocol section 10), and the guest's whole work on it: [`execute`].

use crate::batch::{self, Batch};
use crate::codec::values::decode_meta;
use crate::codec::Reader;
use crate::errors::{Code, Error};
use crate::secp256k1::{address_of, verify};
use crate::state::State;
use crate::transition::Claim;
use crate::trie::Trie;
use crate::types::*;

/// Re-executes the batch of a witness, of which nothing is trusted. Gives the public values.
///
/// Fails if no proof of the batch can exist, or if the witness leaves out something that is needed.
pub fn execute(witness: &[u8]) -> Result<[u8; 448], Error> {
    let mut witness = Witness::decode(witness)?;
    let (public_values, effects) = batch::run(&mut witness.state, &witness.batch, |_| ())?;
    witness.check_signatures(&effects.claims)?;
    Ok(public_values.encode())
}

struct Witness<'a> {
    batch: Batch<'a>,
    keys: Vec<&'a [u8; 64]>,
    signatures: Vec<Signature<'a>>,
    state: State,
}

struct Signature<'a> {
    key: usize,
    r: &'a Digest,
    s: &'a Digest,
    /// A hint, checked.
    s_inverse: &'a Digest,
}

impl<'a> Witness<'a> {
    fn decode(bytes: &'a [u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(bytes);
        let domain_separator = reader.array_ref()?;
        let meta = decode_meta(reader.take(68)?)?;
        let data_length = reader.u32()? as usize;
        let data = reader.take(data_length)?;
        let inbox = list(&mut reader, |reader| {
            let length = reader.u16()?;
            reader.take(usize::from(length))
        })?;
        let removed = order_ids(&mut reader)?;
        let keys = list(&mut reader, Reader::array_ref)?;
        let signatures = list(&mut reader, Signature::decode)?;
        let state = State {
            meta,
            accounts: Trie::read_partial(&mut reader)?,
            books: Trie::read_partial(&mut reader)?,
            clients: Trie::read_partial(&mut reader)?,
            registry: Trie::read_partial(&mut reader)?,
        };
        reader.finish()?;
        Ok(Witness { batch: Batch { domain_separator, data, inbox, removed }, keys, signatures, state })
    }

    /// Checks that there is one signature for each claim, in the same order.
    fn check_signatures(&self, claims: &[Claim]) -> Result<(), Error> {
        if self.signatures.len() != claims.len() {
            return Err(Error::Mismatch("the number of signatures is not that of signed transactions"));
        }
        let addresses: Vec<Address> = self.keys.iter().map(|key| address_of(key)).collect();
        for (signature, claim) in self.signatures.iter().zip(claims) {
            let key = self.keys.get(signature.key).ok_or(Error::Mismatch("a signature names no key"))?;
            if addresses[signature.key] != claim.signer {
                return Err(Error::Invalid { seq: claim.seq, code: Code::BadSignature });
            }
            verify(&claim.digest, signature.r, signature.s, key, signature.s_inverse)
                .map_err(|reason| Error::Signature { seq: claim.seq, reason })?;
        }
        Ok(())
    }
}

impl<'a> Signature<'a> {
    fn decode(reader: &mut Reader<'a>) -> Result<Self, Error> {
        Ok(Signature {
            key: reader.u32()? as usize,
            r: reader.array_ref()?,
            s: reader.array_ref()?,
            s_inverse: reader.array_ref()?,
        })
    }
}

/// Order ids with their number before them.
fn order_ids<'a>(reader: &mut Reader<'a>) -> Result<&'a [OrderId], Error> {
    let length = (reader.u32()? as usize).checked_mul(size_of::<OrderId>());
    let bytes = reader.take(length.ok_or(Error::Malformed("ends too early"))?)?;
    Ok(bytes.as_chunks().0)
}

/// A list with its length before it. The length is not trusted, so no room is made for more than can follow.
fn list<'a, T>(
    reader: &mut Reader<'a>,
    item: impl Fn(&mut Reader<'a>) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    let length = reader.u32()? as usize;
    let mut items = Vec::with_capacity(length.min(reader.remaining()));
    for _ in 0..length {
        items.push(item(reader)?);
    }
    Ok(items)
}

//! What the host gives the guest (protocol section 10), and the guest's whole work on it: [`execute`].

use crate::batch::{self, Batch};
use crate::codec::values::decode_meta;
use crate::codec::Words;
use crate::errors::Error;
use crate::hints::Hints;
use crate::partial::{Nodes, PartialOrders, PartialTable, Witnessed};
use crate::state::State;
use crate::types::Digest;

/// Bytes of the meta record.
const META: usize = 68;

/// Re-executes the batch of a witness, of which nothing is trusted. Gives the public values.
///
/// The witness is worked on in its place: afterwards it is spoiled. Fails if no proof of the batch can exist, or if the
/// witness leaves out something that is needed.
pub fn execute_in_place(witness: &mut [u64]) -> Result<[u8; 448], Error> {
    let mut words = Words::new(witness);
    let domain_separator = words.bytes(32)?.try_into().expect("32 bytes were asked for");
    let meta = decode_meta(words.bytes(META)?)?;
    let versioned_hashes = versioned_hashes(&mut words)?;
    let length = words.count()?;
    let data = words.bytes(length)?;
    let inbox = inbox(&mut words)?;
    let hints = Hints::decode(&mut words)?;
    let mut nodes = Nodes::new(words.rest());
    let mut state = State::<Witnessed> {
        meta,
        accounts: PartialTable::read(&mut nodes)?,
        books: PartialOrders::read(&mut nodes)?,
        clients: PartialTable::read(&mut nodes)?,
        registry: PartialTable::read(&mut nodes)?,
    };
    nodes.finish()?;
    let batch =
        Batch { domain_separator, data, versioned_hashes: &versioned_hashes, inbox, removed: &hints.removed };
    let (public_values, effects) = batch::run(&mut state, &batch, |_| ())?;
    hints.check(&effects, public_values.first_seq, [domain_separator, &public_values.data_hash])?;
    // Giving the state's memory back would cost the guest more than all else that it does not need.
    #[cfg(target_os = "zkvm")]
    std::mem::forget(state);
    Ok(public_values.encode())
}

/// [`execute_in_place`] on a copy.
#[cfg(not(target_os = "zkvm"))]
pub fn execute(witness: &[u8]) -> Result<[u8; 448], Error> {
    let (words, rest) = witness.as_chunks();
    if !rest.is_empty() {
        return Err(Error::Malformed("not a whole number of words"));
    }
    let mut words: Vec<u64> = words.iter().map(|word| u64::from_le_bytes(*word)).collect();
    execute_in_place(&mut words)
}

/// The blobs' versioned hashes. What they are worth the contract finds out.
fn versioned_hashes(words: &mut Words) -> Result<Vec<Digest>, Error> {
    let count = words.count()?;
    (0..count).map(|_| Ok(words.bytes(32)?.try_into().expect("32 bytes were asked for"))).collect()
}

/// Inbox entries, each with its length before it.
fn inbox<'a>(words: &mut Words<'a>) -> Result<Vec<&'a [u8]>, Error> {
    let count = words.count()?;
    let mut entries = Vec::new();
    for _ in 0..count {
        let length = words.count()?;
        entries.push(words.bytes(length)?);
    }
    Ok(entries)
}

//! Makes a batch's witness, natively: re-executes it over the whole state and keeps what was looked into.

use std::collections::{BTreeMap, HashMap};

use crate::batch::{self, Batch, PublicValues};
use crate::codec::data::decode;
use crate::codec::values::encode_meta;
use crate::codec::words::push_bytes;
use crate::errors::{Code, Error};
use crate::outbox;
use crate::secp256k1::{address_of, hints, point_from_bytes};
use crate::state::State;
use crate::trie::Visited;
use crate::types::Digest;
use crate::witness::execute;

/// A signature as it was received, with the key that made it.
pub struct Signature {
    /// x, then y.
    pub public_key: [u8; 64],
    /// `r ‖ s ‖ v`.
    pub bytes: [u8; 65],
}

/// A batch re-executed, with what a prover needs.
pub struct Prepared {
    pub public_values: PublicValues,
    pub witness: Vec<u8>,
    /// State root after each block.
    pub block_roots: Vec<Digest>,
    /// Of each transaction; for a batch, those of its actions follow its own.
    pub results: Vec<Code>,
    pub outbox: Vec<outbox::Leaf>,
}

/// Re-executes a batch that starts at `state` and makes its witness, with one signature for each signed transaction, in
/// order. Then executes the witness as the guest will, which verifies them: both must agree. (The guest is not told `v`;
/// that it leads to the signer is seen when a signature is taken in.)
pub fn prepare(state: &State, batch: &Batch, signatures: &[Signature]) -> Result<Prepared, Error> {
    if batch.inbox.iter().any(|entry| entry.len() > usize::from(u16::MAX)) {
        return Err(Error::Mismatch("an inbox entry is too long for a witness"));
    }
    // The batch is executed as it is decoded. What does not decode to its end is better told here than by what it does.
    decode(batch.data)?;
    let mut before = state.clone();
    let mut working = before.recorded();
    let mut block_roots = Vec::new();
    let (public_values, effects) = batch::run(&mut working, batch, |state| block_roots.push(state.root()))?;
    let witness = encode(&before, &working, batch, signatures);
    if execute(&witness)? != public_values.encode() {
        return Err(Error::Mismatch("the witness gives other public values than the whole state"));
    }
    let (results, outbox) = (effects.results, effects.outbox.leaves);
    Ok(Prepared { public_values, witness, block_roots, results, outbox })
}

fn encode(state: &State, recorded: &State<Visited>, batch: &Batch, signatures: &[Signature]) -> Vec<u8> {
    let mut out = Vec::new();
    push_bytes(batch.domain_separator, &mut out);
    push_bytes(&encode_meta(&state.meta), &mut out);
    out.push(batch.versioned_hashes.len() as u64);
    batch.versioned_hashes.iter().for_each(|hash| push_bytes(hash, &mut out));
    push_with_length(batch.data, &mut out);
    out.push(batch.inbox.len() as u64);
    batch.inbox.iter().for_each(|entry| push_with_length(entry, &mut out));
    out.push(batch.removed.len() as u64);
    batch.removed.iter().for_each(|id| out.extend(id.0));
    encode_signatures(signatures, &mut out);
    state.accounts.write_partial(&recorded.accounts, &mut out);
    state.books.write_partial(&recorded.books, &mut out);
    state.clients.write_partial(&recorded.clients, &mut out);
    state.registry.write_partial(&recorded.registry, &mut out);
    out.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// Each key once, in the order of their addresses, then the signatures with their hints.
fn encode_signatures(signatures: &[Signature], out: &mut Vec<u64>) {
    let keys: BTreeMap<_, _> = signatures
        .iter()
        .map(|signature| (address_of(&signature.public_key), &signature.public_key))
        .collect();
    let index_of: HashMap<_, _> = keys.values().zip(0..).map(|(key, index)| (*key, index)).collect();
    out.push(keys.len() as u64);
    keys.values().for_each(|key| out.extend(point_from_bytes(key)));
    out.push(signatures.len() as u64);
    for signature in signatures {
        out.extend(hints(&signature.bytes, index_of[&signature.public_key]));
    }
}

fn push_with_length(bytes: &[u8], out: &mut Vec<u64>) {
    out.push(bytes.len() as u64);
    push_bytes(bytes, out);
}

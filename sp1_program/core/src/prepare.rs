//! Makes a batch's witness, natively: re-executes it over the whole state and keeps what was looked into.

use std::collections::HashMap;

use crate::batch::{self, Batch, PublicValues};
use crate::codec::values::encode_meta;
use crate::errors::{Code, Error};
use crate::outbox;
use crate::secp256k1::inverse_of_s;
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
    out.extend_from_slice(batch.domain_separator);
    out.extend_from_slice(&encode_meta(&state.meta));
    push_length(&mut out, batch.data.len());
    out.extend_from_slice(batch.data);
    push_length(&mut out, batch.inbox.len());
    for entry in &batch.inbox {
        out.extend_from_slice(&(entry.len() as u16).to_be_bytes());
        out.extend_from_slice(entry);
    }
    push_length(&mut out, batch.removed.len());
    out.extend_from_slice(batch.removed.as_flattened());
    encode_signatures(signatures, &mut out);
    state.accounts.write_partial(&recorded.accounts, &mut out);
    state.books.write_partial(&recorded.books, &mut out);
    state.clients.write_partial(&recorded.clients, &mut out);
    state.registry.write_partial(&recorded.registry, &mut out);
    out
}

/// Each key once, then the signatures with their hints.
fn encode_signatures(signatures: &[Signature], out: &mut Vec<u8>) {
    let mut keys: Vec<&[u8; 64]> = Vec::new();
    let mut index_of = HashMap::new();
    for signature in signatures {
        index_of.entry(&signature.public_key).or_insert_with(|| {
            keys.push(&signature.public_key);
            keys.len() as u32 - 1
        });
    }
    push_length(out, keys.len());
    keys.iter().for_each(|key| out.extend_from_slice(*key));
    push_length(out, signatures.len());
    for signature in signatures {
        let (scalars, _) = signature.bytes.as_chunks::<32>();
        out.extend_from_slice(&index_of[&signature.public_key].to_be_bytes());
        out.extend_from_slice(scalars.as_flattened());
        out.extend_from_slice(&inverse_of_s(&scalars[1]));
    }
}

fn push_length(out: &mut Vec<u8>, length: usize) {
    out.extend_from_slice(&(length as u32).to_be_bytes());
}

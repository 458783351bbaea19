//! A batch: blocks that are proven together, and the public values of their proof (protocol section 8).

use crate::blob::data_hash;
use crate::codec::data::Decoder;
use crate::digests::digests_hash;
use crate::errors::Error;
use crate::orders::Removals;
use crate::signing::Domain;
use crate::state::{State, Store};
use crate::transition::{apply, begin_block, Effects, Inputs};
use crate::types::*;

/// A batch as it is posted.
pub struct Batch<'a> {
    pub domain_separator: &'a Digest,
    pub data: &'a [u8],
    /// Of the blobs that carry the data, in order; none if it is calldata.
    pub versioned_hashes: &'a [Digest],
    /// The inbox entries that it consumes.
    pub inbox: Vec<&'a [u8]>,
    /// The orders that its transactions which cancel all remove, in order.
    pub removed: &'a [OrderId],
}

/// What a proof says. The contract makes the same bytes from its storage and its caller's claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicValues {
    pub domain_separator: Digest,
    pub prev_state_root: Digest,
    pub new_state_root: Digest,
    pub inbox_cursor: u64,
    pub inbox_hash: Digest,
    pub data_carrier: u8,
    pub data_hash: Digest,
    pub outbox_root: Digest,
    pub outbox_count: u64,
    pub block_number: u64,
    pub timestamp: u64,
    pub first_seq: u64,
    pub end_seq: u64,
    pub digests_hash: Digest,
}

impl PublicValues {
    /// As `abi.encode` writes them.
    pub fn encode(&self) -> [u8; 448] {
        let words = [
            self.domain_separator,
            self.prev_state_root,
            self.new_state_root,
            word(self.inbox_cursor),
            self.inbox_hash,
            word(u64::from(self.data_carrier)),
            self.data_hash,
            self.outbox_root,
            word(self.outbox_count),
            word(self.block_number),
            word(self.timestamp),
            word(self.first_seq),
            word(self.end_seq),
            self.digests_hash,
        ];
        let mut encoded = [0; 448];
        encoded.copy_from_slice(words.as_flattened());
        encoded
    }
}

fn word(number: u64) -> Digest {
    let mut word = [0; 32];
    word[24..].copy_from_slice(&number.to_be_bytes());
    word
}

/// Applies a batch to the state before it. Signatures are not checked: they are left as claims in the effects.
///
/// `after_block` sees the state after each block. Fails, leaving the state half changed, if no proof of the batch can
/// exist.
pub fn run<S: Store>(
    state: &mut State<S>,
    batch: &Batch,
    mut after_block: impl FnMut(&mut State<S>),
) -> Result<(PublicValues, Effects), Error> {
    let prev_state_root = state.root();
    let first_seq = state.meta.next_seq;
    let mut data = Decoder::new(batch.data)?;
    if Some(data.first_block) != state.meta.block_number.checked_add(1) {
        return Err(Error::Mismatch("the data does not start at the next block"));
    }
    if data.seq != first_seq {
        return Err(Error::Mismatch("the data does not start at the next sequence number"));
    }
    let mut inputs = Inputs {
        domain: Domain::new(batch.domain_separator),
        inbox: &batch.inbox,
        removals: Removals(batch.removed),
    };
    let mut effects = Effects::default();
    while let Some(block) = data.next_block()? {
        begin_block(state, block.timestamp)?;
        effects.reserve(block.count);
        for _ in 0..block.count {
            let transaction = data.next_transaction()?;
            apply(state, &transaction, &mut inputs, &mut effects)?;
            data.reuse(transaction);
        }
        after_block(state);
    }
    data.finish()?;
    if !inputs.inbox.is_empty() {
        return Err(Error::Mismatch("an inbox entry was not consumed"));
    }
    if !inputs.removals.0.is_empty() {
        return Err(Error::Mismatch("an order that was named is not removed"));
    }
    let public_values = PublicValues {
        domain_separator: *batch.domain_separator,
        prev_state_root,
        new_state_root: state.root(),
        inbox_cursor: state.meta.inbox_cursor,
        inbox_hash: state.meta.inbox_hash,
        data_carrier: carrier(batch.versioned_hashes),
        data_hash: data_hash(batch.data, batch.versioned_hashes)?,
        outbox_root: effects.outbox.root(),
        outbox_count: effects.outbox.leaves.len() as u64,
        block_number: state.meta.block_number,
        timestamp: state.meta.timestamp,
        first_seq,
        end_seq: state.meta.next_seq,
        digests_hash: digests_hash(&effects.digests),
    };
    Ok((public_values, effects))
}

/// The carrier's number.
fn carrier(versioned_hashes: &[Digest]) -> u8 {
    u8::from(!versioned_hashes.is_empty())
}

//! The state transition (protocol section 4): [`apply_block`] is the whole of it, top to bottom.
//!
//! Checks come first, in the protocol's order, and the change that follows cannot fail for a state that the
//! transition itself made.

use crate::agents::{self, Scope};
use crate::book;
use crate::errors::{check, Code, Error, Stop};
use crate::hash::keccak::Hash;
use crate::hash::keccak256_concat;
use crate::inbox;
use crate::nonces;
use crate::orders::{self, Removals, Sender};
use crate::outbox::Outbox;
use crate::signing;
use crate::state::{OrderBook, State, Store, Table};
use crate::transfers;
use crate::types::*;

/// What a batch consumes besides its transactions.
pub struct Inputs<'a> {
    pub domain: signing::Domain,
    /// Inbox entries not yet consumed.
    pub inbox: &'a [&'a [u8]],
    /// Orders that the transactions which cancel all will remove.
    pub removals: Removals<'a>,
}

/// What the transactions of a batch leave behind besides the state.
#[derive(Default)]
pub struct Effects {
    /// Of each transaction; for a batch, those of its actions follow its own.
    pub results: Vec<Code>,
    /// Of each transaction.
    pub digests: Vec<Hash>,
    /// Signatures without which the batch is invalid, in order.
    pub claims: Vec<Claim>,
    pub outbox: Outbox,
}

impl Effects {
    /// Makes room for what so many transactions leave. The count is not trusted more than what is sure to follow.
    pub fn reserve(&mut self, transactions: usize) {
        self.results.reserve(transactions);
        self.digests.reserve(transactions);
        self.claims.reserve(transactions);
    }
}

/// That `signer` signed the digest of a transaction.
pub struct Claim {
    pub seq: u64,
    pub signer: Address,
}

/// Begins the next block.
pub fn begin_block<S: Store>(state: &mut State<S>, timestamp: u64) -> Result<(), Error> {
    let number = next(state.meta.block_number)?;
    if timestamp < state.meta.timestamp {
        return Err(Error::InvalidBlock { number, why: "its time is before that of the previous block" });
    }
    state.meta.block_number = number;
    state.meta.timestamp = timestamp;
    Ok(())
}

/// Applies the next transaction of a block. Signatures are not checked: they are left as claims.
///
/// Fails, leaving the state half changed, if the transaction is invalid.
#[inline(always)]
pub fn apply<S: Store>(
    state: &mut State<S>,
    transaction: &Transaction,
    inputs: &mut Inputs,
    effects: &mut Effects,
) -> Result<(), Error> {
    let seq = state.meta.next_seq;
    match transaction {
        Transaction::Inbox => apply_entry(state, inputs, effects)?,
        Transaction::Signed(signed) => apply_signed(state, signed, seq, inputs, effects)?,
        Transaction::ExpireOrder(id) => expire_order(state, id, seq, effects)?,
    }
    state.meta.next_seq = next(seq)?;
    Ok(())
}

fn next(number: u64) -> Result<u64, Error> {
    number.checked_add(1).ok_or(Error::Inconsistent("a number of the meta record does not fit"))
}

/// Consumes the next inbox entry.
fn apply_entry<S: Store>(
    state: &mut State<S>,
    inputs: &mut Inputs,
    effects: &mut Effects,
) -> Result<(), Error> {
    let (entry, rest) = inputs.inbox.split_first().ok_or(Error::Mismatch("the inbox has too few entries"))?;
    inputs.inbox = rest;
    if inbox::time(entry) > state.meta.timestamp {
        let number = state.meta.block_number;
        return Err(Error::InvalidBlock { number, why: "its time is before that of an inbox entry" });
    }
    state.meta.inbox_hash = inbox::extend(&state.meta.inbox_hash, entry);
    state.meta.inbox_cursor = next(state.meta.inbox_cursor)?;
    effects.digests.push(Hash::from_bytes(&state.meta.inbox_hash));
    let applied = inbox::apply(state, entry, &mut inputs.removals, &mut effects.outbox);
    effects.results.push(result_of(applied)?);
    Ok(())
}

/// Checks that the transaction is valid, but for its signature, uses its nonce and applies it.
fn apply_signed<S: Store>(
    state: &mut State<S>,
    signed: &Signed,
    seq: u64,
    inputs: &mut Inputs,
    effects: &mut Effects,
) -> Result<(), Error> {
    let Signed { head, body } = signed;
    let digest = inputs.domain.digest(signed);
    effects.digests.push(digest);
    effects.claims.push(Claim { seq, signer: head.signer });
    let scope = authorize(state, signed).map_err(|stop| invalid(seq, stop))?;
    let mut sender = Sender { head, scope, seq, item: 0, met: 0 };
    let applied = match body {
        Body::Action(action) => orders::apply(state, &mut sender, action, &mut inputs.removals),
        Body::Batch(actions) => {
            effects.results.push(Code::Ok);
            return apply_batch(state, &mut sender, actions, inputs, &mut effects.results);
        }
        Body::Withdraw(withdraw) => transfers::withdraw(state, &head.account, withdraw, &mut effects.outbox),
        Body::Transfer(transfer) => transfers::transfer(state, &head.account, transfer),
        Body::ApproveAgent(approval) => agents::approve(state, &head.account, approval),
        Body::RevokeAgent(agent) => agents::revoke(state, &head.account, agent),
        Body::InvalidateNonces(floor) => nonces::invalidate(state, &head.account, *floor),
    };
    effects.results.push(result_of(applied)?);
    Ok(())
}

fn result_of(outcome: Result<(), Stop>) -> Result<Code, Error> {
    match outcome {
        Ok(()) => Ok(Code::Ok),
        Err(Stop::NoOp(code)) => Ok(code),
        Err(Stop::Error(error)) => Err(error),
    }
}

/// Why a transaction cannot be sequenced.
fn invalid(seq: u64, stop: Stop) -> Error {
    match stop {
        Stop::NoOp(code) => Error::Invalid { seq, code },
        Stop::Error(error) => error,
    }
}

/// Uses the nonce, if the signer may do this now. Gives where it may.
fn authorize<S: Store>(state: &mut State<S>, signed: &Signed) -> Result<Scope, Stop> {
    let head = &signed.head;
    let timestamp = state.meta.timestamp;
    let account = state.accounts.get_mut(&head.account)?.ok_or(Code::UnknownAccount)?;
    let agent = if head.signer == head.account {
        None
    } else {
        let agent = account.agent(&head.signer).ok_or(Code::SignerNotAuthorized)?;
        let may = matches!(signed.body, Body::Action(_) | Body::Batch(_)) && timestamp <= agent.expiry;
        check(may, Code::SignerNotAuthorized)?;
        Some(agent)
    };
    check(timestamp <= head.deadline, Code::DeadlinePassed)?;
    let (lane, sequence) = nonces::split(head.nonce);
    let own_lane = agent.map_or(lane < OWNER_LANES, |agent| lane == agent.lane);
    check(own_lane, Code::NonceLane)?;
    let scope = agent.map(|agent| Box::new(agent.markets));
    account.use_nonce(lane, sequence)?;
    Ok(scope)
}

/// Applies the actions of a batch in order; one that is a no-op does not stop the others.
fn apply_batch<S: Store>(
    state: &mut State<S>,
    sender: &mut Sender,
    actions: &[Action],
    inputs: &mut Inputs,
    results: &mut Vec<Code>,
) -> Result<(), Error> {
    for (action, item) in actions.iter().zip(0..) {
        sender.item = item;
        results.push(result_of(orders::apply(state, sender, action, &mut inputs.removals))?);
    }
    Ok(())
}

/// Removes an expired order. Anyone may say that it is: the block's time proves it.
fn expire_order<S: Store>(
    state: &mut State<S>,
    id: &OrderId,
    seq: u64,
    effects: &mut Effects,
) -> Result<(), Error> {
    let timestamp = state.meta.timestamp;
    let order = state.books.get(id)?.filter(|order| order.is_expired(timestamp));
    let order = order.ok_or(Error::Invalid { seq, code: Code::NotExpired })?;
    book::remove(state, id, &order)?;
    effects.digests.push(Hash::from_bytes(&keccak256_concat(&[&[0x0c], id.as_ref()])));
    effects.results.push(Code::Ok);
    Ok(())
}

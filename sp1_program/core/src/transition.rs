//! The state transition (protocol section 4): [`apply_block`] is the whole of it, top to bottom.
//!
//! Checks come first, in the protocol's order, and the change that follows cannot fail for a state that the
//! transition itself made.

use crate::book;
use crate::codec::values::client_key;
use crate::errors::{check, Code, Error, Stop};
use crate::inbox;
use crate::ledger::amounts;
use crate::matching::{self, Taker};
use crate::outbox::Outbox;
use crate::signing;
use crate::state::State;
use crate::trie::Recorder;
use crate::types::*;

/// What a batch consumes besides its transactions.
pub struct Inputs<'a> {
    pub domain_separator: &'a Digest,
    /// Inbox entries not yet consumed.
    pub inbox: &'a [&'a [u8]],
}

/// What the transactions of a batch leave behind besides the state.
#[derive(Default)]
pub struct Effects {
    /// Of each transaction.
    pub results: Vec<Code>,
    /// Of each transaction.
    pub digests: Vec<Digest>,
    /// Signatures without which the batch is invalid, in order.
    pub claims: Vec<Claim>,
    pub outbox: Outbox,
}

/// That `signer` signed `digest`.
pub struct Claim {
    pub seq: u64,
    pub signer: Address,
    pub digest: Digest,
}

/// Applies a block. Signatures are not checked: they are left as claims.
///
/// Fails, leaving the state half changed, if the block or one of its transactions is invalid.
pub fn apply_block<R: Recorder>(
    state: &mut State<R>,
    block: &Block,
    inputs: &mut Inputs,
    effects: &mut Effects,
) -> Result<(), Error> {
    begin_block(state, block)?;
    for transaction in &block.transactions {
        let seq = state.meta.next_seq;
        let result = match transaction {
            Transaction::Inbox => apply_entry(state, inputs, effects)?,
            Transaction::Signed(signed) => {
                let digest = signing::digest(inputs.domain_separator, signed);
                effects.digests.push(digest);
                effects.claims.push(Claim { seq, signer: signed.head.signer, digest });
                apply_signed(state, signed, seq, &mut effects.outbox)?
            }
        };
        effects.results.push(result);
        state.meta.next_seq = next(seq)?;
    }
    Ok(())
}

fn begin_block<R>(state: &mut State<R>, block: &Block) -> Result<(), Error> {
    let number = next(state.meta.block_number)?;
    if block.timestamp < state.meta.timestamp {
        return Err(Error::InvalidBlock { number, why: "its time is before that of the previous block" });
    }
    if block.transactions.is_empty() {
        return Err(Error::InvalidBlock { number, why: "it has no transactions" });
    }
    state.meta.block_number = number;
    state.meta.timestamp = block.timestamp;
    Ok(())
}

fn next(number: u64) -> Result<u64, Error> {
    number.checked_add(1).ok_or(Error::Inconsistent("a number of the meta record does not fit"))
}

/// Consumes the next inbox entry.
fn apply_entry<R: Recorder>(
    state: &mut State<R>,
    inputs: &mut Inputs,
    effects: &mut Effects,
) -> Result<Code, Error> {
    let (entry, rest) = inputs.inbox.split_first().ok_or(Error::Mismatch("the inbox has too few entries"))?;
    inputs.inbox = rest;
    if inbox::time(entry) > state.meta.timestamp {
        let number = state.meta.block_number;
        return Err(Error::InvalidBlock { number, why: "its time is before that of an inbox entry" });
    }
    state.meta.inbox_hash = inbox::extend(&state.meta.inbox_hash, entry);
    state.meta.inbox_cursor = next(state.meta.inbox_cursor)?;
    effects.digests.push(state.meta.inbox_hash);
    result_of(inbox::apply(state, entry, &mut effects.outbox))
}

/// Checks that the transaction is valid, but for its signature, uses its nonce and applies it.
fn apply_signed<R: Recorder>(
    state: &mut State<R>,
    signed: &Signed,
    seq: u64,
    outbox: &mut Outbox,
) -> Result<Code, Error> {
    let Signed { head, action } = signed;
    match authorize(state, head) {
        Err(Stop::NoOp(code)) => return Err(Error::Invalid { seq, code }),
        authorized => result_of(authorized)?,
    };
    result_of(match action {
        Action::PlaceOrder(order) => place_order(state, &head.account, order, seq),
        Action::CancelOrder(id) => cancel_order(state, &head.account, id),
        Action::CancelClientOrder(id) => cancel_client_order(state, &head.account, *id),
        Action::Withdraw(withdraw) => apply_withdraw(state, &head.account, withdraw, outbox),
    })
}

fn result_of(outcome: Result<(), Stop>) -> Result<Code, Error> {
    match outcome {
        Ok(()) => Ok(Code::Ok),
        Err(Stop::NoOp(code)) => Ok(code),
        Err(Stop::Error(error)) => Err(error),
    }
}

/// Uses the nonce, if the signer may use it now. Accounts have no agents in this version.
fn authorize<R: Recorder>(state: &mut State<R>, head: &Head) -> Result<(), Stop> {
    let timestamp = state.meta.timestamp;
    let account = state.accounts.get_mut(&head.account)?.ok_or(Code::UnknownAccount)?;
    check(head.signer == head.account, Code::SignerNotAuthorized)?;
    check(timestamp <= head.deadline, Code::DeadlinePassed)?;
    let (lane, sequence) = ((head.nonce >> 48) as u16, head.nonce & ((1 << 48) - 1));
    check(lane < OWNER_LANES, Code::NonceLane)?;
    account.use_nonce(lane, sequence)?;
    Ok(())
}

fn place_order<R: Recorder>(
    state: &mut State<R>,
    account: &Address,
    order: &PlaceOrder,
    seq: u64,
) -> Result<(), Stop> {
    let market = &state.market(order.market)?.ok_or(Code::UnknownMarket)?.clone();
    let (token, amount) = check_terms(order, market)?;
    check_standing(state, account, order, token, amount)?;
    if order.time_in_force == TimeInForce::PostOnly {
        check(!would_cross(state, order)?, Code::PostOnlyWouldCross)?;
    }

    let taker = Taker { account, market_id: order.market, market, side: order.side, limit: order.price };
    let rest = matching::take(state, &taker, order.size)?;
    if rest > 0 && order.time_in_force != TimeInForce::Ioc {
        let place =
            seq.checked_mul(MAX_BATCH_ITEMS).ok_or(Error::Inconsistent("a place that does not fit"))?;
        let price_key = book::price_key(order.side, order.price);
        let id = book::order_id(book::id(order.market, order.side), price_key, place);
        let resting = RestingOrder {
            owner: *account,
            remaining: rest,
            expiry: 0,
            time_in_force: order.time_in_force,
            client_order_id: order.client_order_id,
        };
        book::rest(state, market, id, resting)?;
    }
    Ok(())
}

/// Checks an order against its market. Gives the token and amount that it may cost.
fn check_terms(order: &PlaceOrder, market: &Market) -> Result<(u32, u128), Code> {
    use TimeInForce::{Gtc, Ioc, PostOnly};
    check(market.status == MarketStatus::Active, Code::MarketNotActive)?;
    check(matches!(order.time_in_force, Gtc | Ioc | PostOnly), Code::UnsupportedTimeInForce)?;
    check(order.self_trade == SelfTrade::CancelTaker, Code::UnsupportedSelfTrade)?;
    check(order.price >= 1, Code::ZeroPrice)?;
    check(order.size >= 1, Code::ZeroSize)?;
    let (base, quote) = amounts(market, order.price, order.size).ok_or(Code::AmountTooLarge)?;
    check(quote >= market.min_notional, Code::BelowMinimum)?;
    check(within_band(order.price, market), Code::PriceBand)?;
    Ok(match order.side {
        Side::Bid => (market.quote, quote),
        Side::Ask => (market.base, base),
    })
}

fn within_band(price: u64, market: &Market) -> bool {
    let distance = u128::from(price.abs_diff(market.last_price)) * u128::from(FEE_UNIT);
    let allowed = u128::from(market.last_price) * u128::from(market.price_band);
    market.price_band == 0 || market.last_price == 0 || distance <= allowed
}

/// Checks that the account may have one more order, under this client order id, and can pay for it.
fn check_standing<R: Recorder>(
    state: &State<R>,
    account: &Address,
    order: &PlaceOrder,
    token: u32,
    amount: u128,
) -> Result<(), Stop> {
    let holder = state.account(account)?;
    if order.time_in_force != TimeInForce::Ioc {
        check(holder.open_orders() < MAX_OPEN_ORDERS, Code::TooManyOrders)?;
    }
    if order.client_order_id != 0 {
        let known = state.clients.get(&client_key(account, order.client_order_id))?;
        check(known.is_none(), Code::ClientOrderIdInUse)?;
    }
    Ok(check(holder.available(token) >= amount, Code::InsufficientBalance)?)
}

fn would_cross<R: Recorder>(state: &State<R>, order: &PlaceOrder) -> Result<bool, Error> {
    let Some((id, _)) = book::best(state, order.market, order.side.opposite())? else { return Ok(false) };
    Ok(matching::crosses(order.side, order.price, book::Place::of(&id)?.price))
}

fn cancel_order<R: Recorder>(state: &mut State<R>, account: &Address, id: &OrderId) -> Result<(), Stop> {
    let order = state.books.get(id)?.ok_or(Code::UnknownOrder)?.clone();
    check(order.owner == *account, Code::NotOrderOwner)?;
    Ok(book::cancel(state, id, &order)?)
}

fn cancel_client_order<R: Recorder>(state: &mut State<R>, account: &Address, id: u128) -> Result<(), Stop> {
    let id = *state.clients.get(&client_key(account, id))?.ok_or(Code::UnknownOrder)?;
    cancel_order(state, account, &id)
}

fn apply_withdraw<R: Recorder>(
    state: &mut State<R>,
    account: &Address,
    withdraw: &Withdraw,
    outbox: &mut Outbox,
) -> Result<(), Stop> {
    let Withdraw { token, amount, recipient, max_relay_fee } = withdraw;
    check(state.token(*token)?.is_some(), Code::UnknownToken)?;
    check(*amount >= 1, Code::ZeroAmount)?;
    check(*recipient != [0; 20], Code::ZeroRecipient)?;
    check(max_relay_fee <= amount, Code::RelayFeeTooHigh)?;
    check(state.account(account)?.available(*token) >= *amount, Code::InsufficientBalance)?;
    state.account_mut(account)?.debit(*token, *amount)?;
    outbox.append(recipient, *token, *amount, *max_relay_fee);
    Ok(())
}

//! Price-time priority: a taker meets resting orders from the best on, each at the maker's price.

use crate::book;
use crate::errors::Error;
use crate::ledger::{amounts, credit, fee};
use crate::state::State;
use crate::trie::Recorder;
use crate::types::*;

/// A taker and its market.
pub struct Taker<'a> {
    pub account: &'a Address,
    pub market_id: u32,
    pub market: &'a Market,
    pub side: Side,
    /// Ticks; the worst price that it takes.
    pub limit: u64,
}

/// What matching did for the taker. Amounts are sums over its fills.
#[derive(Default)]
struct Fills {
    /// Lots not matched.
    rest: u64,
    /// Whether the rest may not rest: a maker of the same account, or too many makers.
    cancelled: bool,
    makers: u32,
    /// Of the token the taker gives.
    given: u128,
    /// Of the other token, after fees.
    received: u128,
    /// In the token the taker gives: what makers paid.
    maker_fees: u128,
    /// In the other token: what the taker paid.
    taker_fees: u128,
    /// Price of the last fill, 0: none.
    last_price: u64,
}

/// Whether a taker on `side` that limits its price to `limit` takes `price`.
pub fn crosses(side: Side, limit: u64, price: u64) -> bool {
    match side {
        Side::Bid => price <= limit,
        Side::Ask => price >= limit,
    }
}

/// Matches `lots` of the taker, which must have what they cost available. Gives the lots that may rest.
pub fn take<R: Recorder>(state: &mut State<R>, taker: &Taker, lots: u64) -> Result<u64, Error> {
    let mut fills = Fills { rest: lots, ..Fills::default() };
    while fills.rest > 0 && !fills.cancelled {
        let Some((id, maker)) = book::best(state, taker.market_id, taker.side.opposite())? else { break };
        let price = book::Place::of(&id)?.price;
        if !crosses(taker.side, taker.limit, price) {
            break;
        }
        if fills.makers == MAX_MAKERS || maker.owner == *taker.account {
            fills.cancelled = true;
        } else {
            let maker = maker.clone();
            fill(state, taker, &mut fills, &id, price, maker)?;
        }
    }
    if fills.makers > 0 {
        settle(state, taker, &fills)?;
    }
    Ok(if fills.cancelled { 0 } else { fills.rest })
}

/// Trades with one maker: settles the maker's side and adds up the taker's.
fn fill<R: Recorder>(
    state: &mut State<R>,
    taker: &Taker,
    fills: &mut Fills,
    id: &OrderId,
    price: u64,
    maker: RestingOrder,
) -> Result<(), Error> {
    let market = taker.market;
    let lots = fills.rest.min(maker.remaining);
    let (base, quote) =
        amounts(market, price, lots).ok_or(Error::Inconsistent("a fill that is too large"))?;
    let (given, taken) = match taker.side {
        Side::Bid => (quote, base),
        Side::Ask => (base, quote),
    };
    let (gives, takes) = tokens(taker);
    let (maker_fee, taker_fee) = (fee(given, market.maker_fee), fee(taken, market.taker_fee));

    let owner = state.account_mut(&maker.owner)?;
    owner.debit_locked(takes, taken)?;
    owner.credit(gives, given - maker_fee)?;
    if lots == maker.remaining {
        owner.uncount_order(taker.market_id)?;
        book::take_out(state, id, &maker)?;
    } else if let Some(order) = state.books.get_mut(id)? {
        order.remaining -= lots;
    }

    fills.rest -= lots;
    fills.makers += 1;
    fills.given += given;
    fills.received += taken - taker_fee;
    fills.maker_fees += maker_fee;
    fills.taker_fees += taker_fee;
    fills.last_price = price;
    Ok(())
}

/// Books what all fills together change for the taker, the fee account and the market. That it is done once and not
/// per fill changes no result: a taker never meets itself, and sums do not depend on their order.
fn settle<R: Recorder>(state: &mut State<R>, taker: &Taker, fills: &Fills) -> Result<(), Error> {
    let (gives, takes) = tokens(taker);
    let account = state.account_mut(taker.account)?;
    account.debit(gives, fills.given)?;
    account.credit(takes, fills.received)?;
    credit(state, &taker.market.fee_account, gives, fills.maker_fees)?;
    credit(state, &taker.market.fee_account, takes, fills.taker_fees)?;
    state.market_mut(taker.market_id)?.last_price = fills.last_price;
    Ok(())
}

/// The tokens that the taker gives and takes.
fn tokens(taker: &Taker) -> (u32, u32) {
    match taker.side {
        Side::Bid => (taker.market.quote, taker.market.base),
        Side::Ask => (taker.market.base, taker.market.quote),
    }
}

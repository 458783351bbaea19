//! Price-time priority: a taker meets resting orders from the best on, each at the maker's price.

use crate::book;
use crate::errors::Error;
use crate::ledger::{amounts, credit, fee};
use crate::state::{OrderBook, State, Store};
use crate::types::*;

/// An order that takes, and its market.
pub struct Taker<'a> {
    pub account: &'a Address,
    pub market: &'a Market,
    pub order: &'a PlaceOrder,
}

/// What matching did for the taker. Amounts are sums over its fills.
#[derive(Default)]
struct Fills {
    /// Lots not matched.
    rest: u64,
    /// Whether the rest may not rest: a maker of the same account, or too many makers.
    cancelled: bool,
    /// Of the token the taker gives.
    given: u128,
    /// Of the other token, after fees.
    received: u128,
    /// In the token the taker gives: what makers paid.
    maker_fees: u128,
    /// In the other token: what the taker paid.
    taker_fees: u128,
    /// Price of the last fill.
    last_price: Option<u64>,
}

/// Whether a taker on `side` that limits its price to `limit` takes `price`.
pub fn crosses(side: Side, limit: u64, price: u64) -> bool {
    match side {
        Side::Bid => price <= limit,
        Side::Ask => price >= limit,
    }
}

/// The best opposite order, if the taker takes it.
#[inline(always)]
fn next<S: Store>(
    state: &mut State<S>,
    order: &PlaceOrder,
) -> Result<Option<(OrderId, RestingOrder)>, Error> {
    let side = order.side.opposite();
    let wanted = |price_key| crosses(order.side, order.price, book::price(side, price_key));
    state.books.first(book::id(order.market, side), wanted)
}

/// Whether the order would take one that rests, even one that is expired.
pub fn would_cross<S: Store>(state: &mut State<S>, order: &PlaceOrder) -> Result<bool, Error> {
    Ok(next(state, order)?.is_some())
}

/// Whether matching would fill the whole order. `met` counts the resting orders met, and counts them on if not.
pub fn can_fill<S: Store>(state: &State<S>, taker: &Taker, met: &mut u32) -> Result<bool, Error> {
    let (order, before) = (taker.order, *met);
    let (mut rest, side) = (order.size, order.side.opposite());
    for maker in state.books.ascend(book::id(order.market, side)) {
        let (id, maker) = maker?;
        if *met == MAX_MAKERS || !crosses(order.side, order.price, book::price_in(side, &id)) {
            break;
        }
        *met += 1;
        if maker.is_expired(state.meta.timestamp) {
            continue;
        }
        if maker.owner == *taker.account {
            match order.self_trade {
                SelfTrade::CancelMaker => continue,
                _ => break,
            }
        }
        rest = rest.saturating_sub(maker.remaining);
        if rest == 0 {
            *met = before;
            return Ok(true);
        }
    }
    Ok(false)
}

/// Matches the taker, which must have what it costs available. Gives the lots that may rest. `met` counts the resting
/// orders that its transaction meets.
#[inline(always)]
pub fn take<S: Store>(state: &mut State<S>, taker: &Taker, met: &mut u32) -> Result<u64, Error> {
    match next(state, taker.order)? {
        Some(maker) => take_from(state, taker, maker, met),
        None => Ok(taker.order.size),
    }
}

/// The same, with the first order that it meets.
fn take_from<S: Store>(
    state: &mut State<S>,
    taker: &Taker,
    first: (OrderId, RestingOrder),
    met: &mut u32,
) -> Result<u64, Error> {
    let mut fills = Fills { rest: taker.order.size, ..Fills::default() };
    let mut maker = Some(first);
    while let Some((id, order)) = maker {
        if *met == MAX_MAKERS {
            fills.cancelled = true;
            break;
        }
        *met += 1;
        if order.is_expired(state.meta.timestamp) {
            book::remove(state, &id, &order)?;
        } else if order.owner == *taker.account {
            meet_own(state, taker.order.self_trade, &mut fills, &id, &order)?;
        } else {
            fill(state, taker, &mut fills, &id, &order)?;
        }
        let more = fills.rest > 0 && !fills.cancelled;
        maker = if more { next(state, taker.order)? } else { None };
    }
    if let Some(price) = fills.last_price {
        settle(state, taker, &fills, price)?;
    }
    Ok(if fills.cancelled { 0 } else { fills.rest })
}

/// Meets an order of the taker's own account: nothing is traded.
fn meet_own<S: Store>(
    state: &mut State<S>,
    self_trade: SelfTrade,
    fills: &mut Fills,
    id: &OrderId,
    maker: &RestingOrder,
) -> Result<(), Error> {
    fills.cancelled = matches!(self_trade, SelfTrade::CancelTaker | SelfTrade::CancelBoth);
    match self_trade {
        SelfTrade::CancelTaker => Ok(()),
        SelfTrade::CancelMaker | SelfTrade::CancelBoth => book::remove(state, id, maker),
        SelfTrade::Decrement => {
            let lots = fills.rest.min(maker.remaining);
            fills.rest -= lots;
            book::reduce(state, id, maker, lots)
        }
    }
}

/// Trades with one maker: settles the maker's side and adds up the taker's.
fn fill<S: Store>(
    state: &mut State<S>,
    taker: &Taker,
    fills: &mut Fills,
    id: &OrderId,
    maker: &RestingOrder,
) -> Result<(), Error> {
    let (market, order) = (taker.market, taker.order);
    let price = book::price_in(order.side.opposite(), id);
    let lots = fills.rest.min(maker.remaining);
    let (base, quote) =
        amounts(market, price, lots).ok_or(Error::Inconsistent("a fill that is too large"))?;
    let (given, taken) = match order.side {
        Side::Bid => (quote, base),
        Side::Ask => (base, quote),
    };
    let (gives, takes) = tokens(taker);
    let (maker_fee, taker_fee) = (fee(given, market.maker_fee), fee(taken, market.taker_fee));

    let owner = state.account_mut(&maker.owner)?;
    owner.debit_locked(takes, taken)?;
    owner.credit(gives, given - maker_fee)?;
    if lots == maker.remaining {
        owner.uncount_order(order.market)?;
        book::take_out(state, id, maker)?;
    } else {
        book::shrink(state, id, lots)?;
    }

    fills.rest -= lots;
    fills.given += given;
    fills.received += taken - taker_fee;
    fills.maker_fees += maker_fee;
    fills.taker_fees += taker_fee;
    fills.last_price = Some(price);
    Ok(())
}

/// Books what all fills together change for the taker, the fee account and the market. That it is done once and not
/// per fill changes no result: sums do not depend on their order, the taker could pay for everything before it began,
/// and what its own orders unlock meanwhile only adds to what it has available.
fn settle<S: Store>(
    state: &mut State<S>,
    taker: &Taker,
    fills: &Fills,
    last_price: u64,
) -> Result<(), Error> {
    let (gives, takes) = tokens(taker);
    let account = state.account_mut(taker.account)?;
    account.debit(gives, fills.given)?;
    account.credit(takes, fills.received)?;
    credit(state, &taker.market.fee_account, gives, fills.maker_fees)?;
    credit(state, &taker.market.fee_account, takes, fills.taker_fees)?;
    state.market_mut(taker.order.market)?.last_price = last_price;
    Ok(())
}

/// The tokens that the taker gives and takes.
fn tokens(taker: &Taker) -> (u32, u32) {
    match taker.order.side {
        Side::Bid => (taker.market.quote, taker.market.base),
        Side::Ask => (taker.market.base, taker.market.quote),
    }
}

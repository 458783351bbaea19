//! Order ids, and what putting an order into a book and taking it out changes.

use crate::codec::values::client_key;
use crate::errors::Error;
use crate::ledger::amounts;
use crate::state::{OrderBook, State, Store, Table};
use crate::types::*;

/// The first 8 bytes of the ids of all orders on one side of a market, as a number.
pub fn id(market: u32, side: Side) -> u64 {
    u64::from(market) * 2 + side as u64
}

/// The side that an [`id`] of a book is of.
pub fn side(book: u64) -> Side {
    if book & 1 == 0 {
        Side::Bid
    } else {
        Side::Ask
    }
}

/// Better prices have lower keys. Its own inverse, see [`price`].
pub fn price_key(side: Side, price: u64) -> u64 {
    match side {
        Side::Bid => u64::MAX - price,
        Side::Ask => price,
    }
}

/// The price that has this key.
pub fn price(side: Side, price_key: u64) -> u64 {
    self::price_key(side, price_key)
}

/// The price in an order's id, on a known side.
pub fn price_in(side: Side, id: &OrderId) -> u64 {
    price(side, id.price_key())
}

/// What an order's id says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub market: u32,
    pub side: Side,
    pub price: u64,
}

impl Place {
    /// Of an order that rests.
    pub fn of(id: &OrderId) -> Result<Self, Error> {
        let book = id.book();
        let side = side(book);
        let market = u32::try_from(book >> 1).map_err(|_| Error::Inconsistent("an order of no market"))?;
        Ok(Place { market, side, price: price_in(side, id) })
    }
}

impl Place {
    /// The token and amount that an order of `lots` here locks.
    pub fn lock(&self, market: &Market, lots: u64) -> Result<(u32, u128), Error> {
        let (base, quote) = amounts(market, self.price, lots)
            .ok_or(Error::Inconsistent("a resting order that is too large"))?;
        Ok(match self.side {
            Side::Bid => (market.quote, quote),
            Side::Ask => (market.base, base),
        })
    }
}

/// Puts an order into its book, at the place that its id says, and locks what it offers, which must be available.
#[inline(always)]
pub fn rest<S: Store>(
    state: &mut State<S>,
    market: &Market,
    place: &Place,
    id: OrderId,
    order: RestingOrder,
) -> Result<(), Error> {
    let (token, amount) = place.lock(market, order.remaining)?;
    let owner = state.account_mut(&order.owner)?;
    owner.lock(token, amount)?;
    owner.count_order(place.market)?;
    if order.client_order_id != 0 {
        state.clients.insert(client_key(&order.owner, order.client_order_id), id)?;
    }
    state.books.insert(id, order)
}

/// Removes a resting order: unlocks what it still locks and takes it out.
pub fn remove<S: Store>(state: &mut State<S>, id: &OrderId, order: &RestingOrder) -> Result<(), Error> {
    let place = Place::of(id)?;
    let (token, amount) = place.lock(state.listed_market(place.market)?, order.remaining)?;
    let owner = state.account_mut(&order.owner)?;
    owner.unlock(token, amount)?;
    owner.uncount_order(place.market)?;
    take_out(state, id, order)
}

/// Takes `lots` off a resting order and unlocks them. The order is removed if none is left.
pub fn reduce<S: Store>(
    state: &mut State<S>,
    id: &OrderId,
    order: &RestingOrder,
    lots: u64,
) -> Result<(), Error> {
    if lots == order.remaining {
        return remove(state, id, order);
    }
    unlock(state, id, order, lots)?;
    shrink(state, id, lots)
}

/// Unlocks what `lots` of a resting order lock.
pub fn unlock<S: Store>(
    state: &mut State<S>,
    id: &OrderId,
    order: &RestingOrder,
    lots: u64,
) -> Result<(), Error> {
    let place = Place::of(id)?;
    let (token, amount) = place.lock(state.listed_market(place.market)?, lots)?;
    state.account_mut(&order.owner)?.unlock(token, amount)
}

/// Takes `lots` that are locked no more off a resting order, which keeps some.
pub fn shrink<S: Store>(state: &mut State<S>, id: &OrderId, lots: u64) -> Result<(), Error> {
    change(state, id, |order| order.remaining -= lots)
}

/// Changes a resting order that is known to be there.
pub fn change<S: Store>(
    state: &mut State<S>,
    id: &OrderId,
    change: impl FnOnce(&mut RestingOrder),
) -> Result<(), Error> {
    if state.books.change(id, change)? {
        Ok(())
    } else {
        Err(Error::Inconsistent("an order that rests is not there"))
    }
}

/// Lets another client order id, which must be free, name a resting order; 0: none.
pub fn rename<S: Store>(
    state: &mut State<S>,
    id: &OrderId,
    order: &RestingOrder,
    client_order_id: u128,
) -> Result<(), Error> {
    if client_order_id == order.client_order_id {
        return Ok(());
    }
    if order.client_order_id != 0 {
        state.clients.remove(&client_key(&order.owner, order.client_order_id))?;
    }
    if client_order_id != 0 {
        state.clients.insert(client_key(&order.owner, client_order_id), *id)?;
    }
    Ok(())
}

/// Takes an order that locks nothing any more out of *books* and *clients*.
#[inline(always)]
pub fn take_out<S: Store>(state: &mut State<S>, id: &OrderId, order: &RestingOrder) -> Result<(), Error> {
    if order.client_order_id != 0 {
        state.clients.remove(&client_key(&order.owner, order.client_order_id))?;
    }
    state.books.remove(id)
}

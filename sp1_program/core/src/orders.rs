//! Actions on orders (protocol sections 4.2 to 4.4). Checks come first, in the protocol's order; the change after them
//! cannot fail for a state that the transition made.

use crate::agents::{in_scope, Scope};
use crate::book::{self, Place};
use crate::codec::values::client_key;
use crate::errors::{check, Code, Error, Stop};
use crate::ledger::amounts;
use crate::matching::{self, Taker};
use crate::state::{OrderBook, State, Store, Table};
use crate::types::*;

/// What stands for all markets where one is named.
pub const EVERY_MARKET: u32 = 0;

/// A signed transaction that acts on orders. The actions of a batch share one.
pub struct Sender<'a> {
    pub head: &'a Head,
    pub scope: Scope,
    pub seq: u64,
    /// Index of the action in its batch.
    pub item: u64,
    /// Resting orders met so far.
    pub met: u32,
}

impl Sender<'_> {
    /// The place of an order that this action puts into a book.
    fn place(&self) -> Result<u64, Error> {
        let place = self.seq.checked_mul(MAX_BATCH_ITEMS).and_then(|first| first.checked_add(self.item));
        place.ok_or(Error::Inconsistent("a place that does not fit"))
    }

    fn check_scope(&self, market: u32) -> Result<(), Code> {
        let allowed = self.scope.as_ref().is_none_or(|markets| in_scope(markets, market));
        check(allowed, Code::MarketNotAllowed)
    }

    fn check_scope_of(&self, id: &OrderId) -> Result<(), Stop> {
        // The owner need not know the market.
        if self.scope.is_some() {
            self.check_scope(Place::of(id)?.market)?;
        }
        Ok(())
    }
}

/// The orders that cancelling all will remove, in turn, as the host names them. They are not trusted.
pub struct Removals<'a>(pub &'a [OrderId]);

impl<'a> Removals<'a> {
    fn next_order(&mut self) -> Result<&'a OrderId, Error> {
        let (next, rest) = self.0.split_first().ok_or(Error::Mismatch("an order to remove is not named"))?;
        self.0 = rest;
        Ok(next)
    }
}

/// What removing an order gives back to its owner.
#[derive(Default)]
struct Freed {
    orders: u64,
    locked: u128,
    client_order_id: u128,
}

/// Applies one action. `removals` name the orders that it removes if it cancels all.
pub fn apply<S: Store>(
    state: &mut State<S>,
    sender: &mut Sender,
    action: &Action,
    removals: &mut Removals,
) -> Result<(), Stop> {
    match action {
        Action::PlaceOrder(order) => place_order(state, sender, order),
        Action::CancelOrder(id) => cancel_order(state, sender, id),
        Action::CancelClientOrder(id) => cancel_client_order(state, sender, *id),
        Action::CancelAll(market) => {
            sender.check_scope(*market)?;
            Ok(remove_all(state, &sender.head.account, *market, removals)?)
        }
        Action::ReplaceOrder(replacement) => replace_order(state, sender, replacement),
    }
}

#[inline(always)]
fn place_order<S: Store>(state: &mut State<S>, sender: &mut Sender, order: &PlaceOrder) -> Result<(), Stop> {
    sender.check_scope(order.market)?;
    let market = &state.market(order.market)?.ok_or(Code::UnknownMarket)?.clone();
    check_order(state, sender, market, order, &Freed::default())?;
    Ok(match_and_rest(state, sender, market, order)?)
}

/// Checks an order of a known market, as if `freed` were given back already.
#[inline(always)]
fn check_order<S: Store>(
    state: &mut State<S>,
    sender: &mut Sender,
    market: &Market,
    order: &PlaceOrder,
    freed: &Freed,
) -> Result<(), Stop> {
    let account = &sender.head.account;
    let cost = check_terms(order, market)?;
    check_standing(state, account, order, cost, freed)?;
    if order.time_in_force.is_post_only() {
        check(!matching::would_cross(state, order)?, Code::PostOnlyWouldCross)?;
    }
    if order.time_in_force == TimeInForce::Fok {
        let taker = Taker { account, market, order };
        check(matching::can_fill(state, &taker, &mut sender.met)?, Code::FokNotFillable)?;
    }
    Ok(())
}

/// Checks an order against its market. Gives the token and amount that it may cost.
fn check_terms(order: &PlaceOrder, market: &Market) -> Result<(u32, u128), Code> {
    check(market.status == MarketStatus::Active, Code::MarketNotActive)?;
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
#[inline(always)]
fn check_standing<S: Store>(
    state: &State<S>,
    account: &Address,
    order: &PlaceOrder,
    (token, amount): (u32, u128),
    freed: &Freed,
) -> Result<(), Stop> {
    let holder = state.account(account)?;
    if order.time_in_force.rests() {
        check(holder.open_orders() < MAX_OPEN_ORDERS + freed.orders, Code::TooManyOrders)?;
    }
    check_client_order_id(state, account, order.client_order_id, freed.client_order_id)?;
    let available = holder.available(token).saturating_add(freed.locked);
    Ok(check(available >= amount, Code::InsufficientBalance)?)
}

/// Checks that a client order id is none, the one of the order that is replaced, or names no order of the account.
fn check_client_order_id<S: Store>(
    state: &State<S>,
    account: &Address,
    id: u128,
    replaced: u128,
) -> Result<(), Stop> {
    if id != 0 && id != replaced {
        let known = state.clients.get(&client_key(account, id))?;
        check(known.is_none(), Code::ClientOrderIdInUse)?;
    }
    Ok(())
}

/// Matches an order that passed its checks, and lets rest what may.
#[inline(always)]
fn match_and_rest<S: Store>(
    state: &mut State<S>,
    sender: &mut Sender,
    market: &Market,
    order: &PlaceOrder,
) -> Result<(), Error> {
    let head = sender.head;
    let taker = Taker { account: &head.account, market, order };
    let rest = matching::take(state, &taker, &mut sender.met)?;
    if rest == 0 || !order.time_in_force.rests() {
        return Ok(());
    }
    let price_key = book::price_key(order.side, order.price);
    let id = OrderId::new(book::id(order.market, order.side), price_key, sender.place()?);
    let resting = RestingOrder {
        owner: head.account,
        remaining: rest,
        expiry: order.time_in_force.expiry(head.deadline),
        time_in_force: order.time_in_force,
        client_order_id: order.client_order_id,
    };
    let place = Place { market: order.market, side: order.side, price: order.price };
    book::rest(state, market, &place, id, resting)
}

/// An order that the sender may cancel.
#[inline(always)]
fn own_order<S: Store>(state: &mut State<S>, sender: &Sender, id: &OrderId) -> Result<RestingOrder, Stop> {
    let order = state.books.get(id)?.ok_or(Code::UnknownOrder)?;
    check(order.owner == sender.head.account, Code::NotOrderOwner)?;
    sender.check_scope_of(id)?;
    Ok(order)
}

#[inline(always)]
fn cancel_order<S: Store>(state: &mut State<S>, sender: &Sender, id: &OrderId) -> Result<(), Stop> {
    let order = own_order(state, sender, id)?;
    Ok(book::remove(state, id, &order)?)
}

fn cancel_client_order<S: Store>(state: &mut State<S>, sender: &Sender, id: u128) -> Result<(), Stop> {
    let key = client_key(&sender.head.account, id);
    let id = *state.clients.get(&key)?.ok_or(Code::UnknownOrder)?;
    cancel_order(state, sender, &id)
}

/// Removes every order of an account in one market or in every. No map leads from an account to its orders, so
/// `removals` name them; that they are all of them, its counts of open orders prove.
pub fn remove_all<S: Store>(
    state: &mut State<S>,
    account: &Address,
    market: u32,
    removals: &mut Removals,
) -> Result<(), Error> {
    let holder = state.account(account)?;
    let open = if market == EVERY_MARKET { holder.open_orders() } else { holder.open_orders_in(market) };
    for _ in 0..open {
        let id = removals.next_order()?;
        let order = state.books.get(id)?.filter(|order| order.owner == *account);
        let order =
            order.ok_or(Error::Mismatch("an order id that is to be removed is none of the account"))?;
        if market != EVERY_MARKET && Place::of(id)?.market != market {
            return Err(Error::Mismatch("an order id that is to be removed is of another market"));
        }
        book::remove(state, id, &order)?;
    }
    Ok(())
}

fn replace_order<S: Store>(
    state: &mut State<S>,
    sender: &mut Sender,
    replacement: &ReplaceOrder,
) -> Result<(), Stop> {
    let id = &replacement.order_id;
    let old = own_order(state, sender, id)?;
    let filled = replacement.expected_size.checked_sub(old.remaining).ok_or(Code::ExpectedSizeTooLow)?;
    let left = replacement.size.saturating_sub(filled);
    let place = Place::of(id)?;
    if left == 0 {
        Ok(book::remove(state, id, &old)?)
    } else if replacement.price == place.price && left <= old.remaining && replacement.time_in_force.rests() {
        amend(state, sender, replacement, &old, left)
    } else {
        move_order(state, sender, replacement, &old, left, place)
    }
}

/// Replaces an order that keeps its place.
fn amend<S: Store>(
    state: &mut State<S>,
    sender: &Sender,
    replacement: &ReplaceOrder,
    old: &RestingOrder,
    left: u64,
) -> Result<(), Stop> {
    let ReplaceOrder { order_id, time_in_force, client_order_id, .. } = *replacement;
    check_client_order_id(state, &old.owner, client_order_id, old.client_order_id)?;
    if left < old.remaining {
        book::unlock(state, &order_id, old, old.remaining - left)?;
    }
    book::rename(state, &order_id, old, client_order_id)?;
    let amended = RestingOrder {
        owner: old.owner,
        remaining: left,
        expiry: time_in_force.expiry(sender.head.deadline),
        time_in_force,
        client_order_id,
    };
    Ok(book::change(state, &order_id, |order| *order = amended)?)
}

/// Replaces an order by one with a place of its own.
fn move_order<S: Store>(
    state: &mut State<S>,
    sender: &mut Sender,
    replacement: &ReplaceOrder,
    old: &RestingOrder,
    left: u64,
    place: Place,
) -> Result<(), Stop> {
    let market = &state.listed_market(place.market)?.clone();
    let order = PlaceOrder {
        market: place.market,
        side: place.side,
        time_in_force: replacement.time_in_force,
        self_trade: replacement.self_trade,
        price: replacement.price,
        size: left,
        client_order_id: replacement.client_order_id,
    };
    let (_, locked) = place.lock(market, old.remaining)?;
    let freed = Freed { orders: 1, locked, client_order_id: old.client_order_id };
    check_order(state, sender, market, &order, &freed)?;
    book::remove(state, &replacement.order_id, old)?;
    Ok(match_and_rest(state, sender, market, &order)?)
}

//! ReplaceOrder: in place, with a place of its own, and refused.

use zkclob_core::errors::Code;
use zkclob_core::types::*;

use crate::support::*;

use Side::{Ask, Bid};
use TimeInForce::{Fok, Gtc, Gtt, Ioc, PostOnly, PostOnlyGtt};

const SUPPLY: u128 = 2 * FUNDS;

/// A replacement that leaves everything as it is.
fn same(exchange: &Exchange, id: OrderId, price: u64) -> ReplaceOrder {
    let order = exchange.state.books.get(&id).unwrap();
    ReplaceOrder {
        order_id: id,
        time_in_force: Gtc,
        self_trade: SelfTrade::CancelTaker,
        price,
        size: order.remaining,
        expected_size: order.remaining,
        client_order_id: order.client_order_id,
    }
}

/// A bid of 10 lots at 100 with client order id 5, and others at 100 behind it and at 101 opposite.
fn with_bid() -> (Exchange, Trader, Trader, OrderId) {
    let [mut trader, mut other] = [1, 2].map(Trader::new);
    let mut exchange = open_market(&[&trader, &other]);
    exchange.place(&mut trader, PlaceOrder { client_order_id: 5, ..order(Bid, Gtc, 100, 10) });
    exchange.place(&mut trader, PlaceOrder { client_order_id: 6, ..order(Bid, Gtc, 90, 1) });
    exchange.place(&mut other, order(Bid, Gtc, 100, 2));
    exchange.place(&mut other, order(Ask, Gtc, 101, 3));
    exchange.seal_ok();
    let id = ids_of(&exchange, &trader.address)[0];
    (exchange, trader, other, id)
}

fn replace(exchange: &mut Exchange, trader: &mut Trader, replacement: &ReplaceOrder) -> Code {
    let code = result(exchange, trader, Action::ReplaceOrder(replacement.clone()));
    assert_sound(exchange, SUPPLY);
    code
}

fn resting(exchange: &Exchange, id: &OrderId) -> Option<RestingOrder> {
    exchange.state.books.get(id).cloned()
}

#[test]
fn an_order_that_shrinks_at_its_price_keeps_its_place() {
    let (mut exchange, mut trader, _, id) = with_bid();
    let deadline = trader.deadline;
    for (time_in_force, size, client_order_id, expiry) in
        [(Gtc, 10, 5, 0), (PostOnly, 9, 7, 0), (Gtt, 9, 0, deadline), (PostOnlyGtt, 1, 5, deadline)]
    {
        let replacement = same(&exchange, id, 100);
        let replacement = ReplaceOrder { time_in_force, size, client_order_id, ..replacement };
        assert_eq!(replace(&mut exchange, &mut trader, &replacement), Code::Ok);
        let owner = trader.address;
        let expected = RestingOrder { owner, remaining: size, expiry, time_in_force, client_order_id };
        assert_eq!(resting(&exchange, &id), Some(expected));
    }
    assert_eq!(orders(&exchange, Bid), [(100, 1), (100, 2), (90, 1)]);
}

/// What keeps its place is not placed anew: neither the market's status nor its minimum matter.
#[test]
fn a_market_that_takes_no_orders_lets_them_shrink_and_go() {
    let (mut exchange, mut trader, _, id) = with_bid();
    let market = exchange.state.market_mut(MARKET).unwrap();
    (market.status, market.min_notional) = (MarketStatus::CancelOnly, u128::MAX);
    let same = same(&exchange, id, 100);
    for (price, size, code) in [
        (99, 10, Code::MarketNotActive),
        (100, 11, Code::MarketNotActive),
        (100, 9, Code::Ok),
        (99, 1, Code::Ok),
    ] {
        let expected_size = 10;
        let replacement = ReplaceOrder { price, size, expected_size, ..same.clone() };
        assert_eq!(replace(&mut exchange, &mut trader, &replacement), code, "{price} {size}");
    }
    assert_eq!(resting(&exchange, &id), None);
}

#[test]
fn what_was_filled_meanwhile_is_taken_off_the_new_size() {
    for (size, left) in [(10, Some(6)), (5, Some(1)), (4, None), (1, None), (0, None)] {
        let (mut exchange, mut trader, mut other, id) = with_bid();
        let replacement = ReplaceOrder { size, ..same(&exchange, id, 100) };
        assert_eq!(replacement.expected_size, 10);
        exchange.place(&mut other, order(Ask, Ioc, 100, 4));
        exchange.seal_ok();
        assert_eq!(replace(&mut exchange, &mut trader, &replacement), Code::Ok);
        assert_eq!(resting(&exchange, &id).map(|order| order.remaining), left, "{size}");
    }
}

#[test]
fn an_expected_size_below_what_remains_is_refused() {
    let (mut exchange, mut trader, _, id) = with_bid();
    let same = same(&exchange, id, 100);
    for expected_size in [0, 9] {
        let replacement = ReplaceOrder { expected_size, size: 0, ..same.clone() };
        assert_eq!(replace(&mut exchange, &mut trader, &replacement), Code::ExpectedSizeTooLow);
    }
    let replacement = ReplaceOrder { expected_size: u64::MAX, size: u64::MAX - 10, ..same };
    assert_eq!(replace(&mut exchange, &mut trader, &replacement), Code::Ok);
    assert_eq!(resting(&exchange, &id), None);
}

#[test]
fn an_order_that_grows_or_changes_its_price_gets_a_new_place() {
    for (price, size, time_in_force, bids) in [
        (100, 11, Gtc, vec![(100, 2), (100, 11), (90, 1)]),
        (99, 10, Gtc, vec![(100, 2), (99, 10), (90, 1)]),
        (99, 3, PostOnly, vec![(100, 2), (99, 3), (90, 1)]),
        (101, 10, Gtc, vec![(101, 7), (100, 2), (90, 1)]),
        (101, 10, Ioc, vec![(100, 2), (90, 1)]),
        (101, 3, Fok, vec![(100, 2), (90, 1)]),
        (100, 10, Ioc, vec![(100, 2), (90, 1)]),
    ] {
        let (mut exchange, mut trader, _, id) = with_bid();
        let seq = exchange.state.meta.next_seq;
        let replacement = ReplaceOrder { price, size, time_in_force, ..same(&exchange, id, 100) };
        assert_eq!(replace(&mut exchange, &mut trader, &replacement), Code::Ok);
        assert_eq!(orders(&exchange, Bid), bids, "{price} {size} {time_in_force:?}");
        assert_eq!(resting(&exchange, &id), None);
        let new = exchange.state.books.items().into_iter().find(|(_, order)| order.client_order_id == 5);
        if let Some((id, _)) = new {
            assert_eq!(id.place(), seq * MAX_BATCH_ITEMS);
        }
    }
}

/// What the old order locked pays for the new one, down to the last unit.
#[test]
fn an_order_of_everything_can_be_moved_and_not_beyond() {
    let [mut trader, other] = [1, 2].map(Trader::new);
    let mut exchange = open_market(&[&trader, &other]);
    let all = FUNDS as u64 / (100 * TICK_SIZE) as u64;
    exchange.place(&mut trader, order(Bid, Gtc, 100, all));
    exchange.seal_ok();
    let id = ids_of(&exchange, &trader.address)[0];
    let same = same(&exchange, id, 100);
    let mut attempt = |price, size| {
        let replacement = ReplaceOrder { price, size, ..same.clone() };
        replace(&mut exchange, &mut trader, &replacement)
    };
    assert_eq!(attempt(100, all + 1), Code::InsufficientBalance);
    assert_eq!(attempt(101, all), Code::InsufficientBalance);
    assert_eq!(attempt(50, 2 * all), Code::Ok);
    assert_eq!(attempt(50, 2 * all), Code::UnknownOrder);
    assert_eq!(balance(&exchange, &trader.address, QUOTE), (FUNDS, FUNDS));
}

#[test]
fn a_replacement_that_fails_leaves_the_order() {
    let (mut exchange, mut trader, mut other, id) = with_bid();
    let market = exchange.state.market_mut(MARKET).unwrap();
    (market.last_price, market.price_band, market.min_notional) = (100, 500_000, 1_000);
    let same = same(&exchange, id, 100);
    let before = (exchange.state.books.root(), exchange.state.clients.root());
    for (wrong, code) in [
        (ReplaceOrder { price: 0, ..same.clone() }, Code::ZeroPrice),
        (ReplaceOrder { price: u64::MAX, size: u64::MAX, ..same.clone() }, Code::AmountTooLarge),
        (ReplaceOrder { price: 99, size: 1, ..same.clone() }, Code::BelowMinimum),
        (ReplaceOrder { price: 151, ..same.clone() }, Code::PriceBand),
        (ReplaceOrder { price: 99, client_order_id: 6, ..same.clone() }, Code::ClientOrderIdInUse),
        (ReplaceOrder { size: 9, client_order_id: 6, ..same.clone() }, Code::ClientOrderIdInUse),
        (ReplaceOrder { price: 149, size: 1_000_000, ..same.clone() }, Code::InsufficientBalance),
        (ReplaceOrder { price: 101, time_in_force: PostOnly, ..same.clone() }, Code::PostOnlyWouldCross),
        (ReplaceOrder { price: 101, time_in_force: Fok, ..same.clone() }, Code::FokNotFillable),
        (ReplaceOrder { order_id: [1; 24].into(), ..same.clone() }, Code::UnknownOrder),
    ] {
        assert_eq!(replace(&mut exchange, &mut trader, &wrong), code);
    }
    assert_eq!(replace(&mut exchange, &mut other, &same), Code::NotOrderOwner);
    assert_eq!((exchange.state.books.root(), exchange.state.clients.root()), before);
}

/// The order that is replaced does not count.
#[test]
fn an_account_with_all_its_orders_open_can_replace_them() {
    let (mut exchange, mut trader, _, id) = with_bid();
    exchange.state.account_mut(&trader.address).unwrap().orders[0].open = MAX_OPEN_ORDERS as u32;
    let replacement = ReplaceOrder { price: 99, ..same(&exchange, id, 100) };
    for (action, code) in [
        (Action::PlaceOrder(order(Bid, Gtc, 99, 1)), Code::TooManyOrders),
        (Action::PlaceOrder(order(Bid, Gtt, 99, 1)), Code::TooManyOrders),
        (Action::PlaceOrder(order(Bid, Ioc, 99, 1)), Code::Ok),
        (Action::PlaceOrder(order(Bid, Fok, 101, 3)), Code::Ok),
        (Action::ReplaceOrder(replacement), Code::Ok),
    ] {
        assert_eq!(result(&mut exchange, &mut trader, action), code);
    }
    assert_eq!(exchange.state.account(&trader.address).unwrap().open_orders(), MAX_OPEN_ORDERS);
}

#[test]
fn an_ask_is_replaced_on_its_own_side() {
    let [mut trader, other] = [1, 2].map(Trader::new);
    let mut exchange = open_market(&[&trader, &other]);
    exchange.place(&mut trader, order(Ask, Gtc, 100, 10));
    exchange.seal_ok();
    let id = ids_of(&exchange, &trader.address)[0];
    let replacement = ReplaceOrder { price: 98, ..same(&exchange, id, 100) };
    assert_eq!(replace(&mut exchange, &mut trader, &replacement), Code::Ok);
    assert_eq!((orders(&exchange, Ask), orders(&exchange, Bid)), (vec![(98, 10)], vec![]));
}

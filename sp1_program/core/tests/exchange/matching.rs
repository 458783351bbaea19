//! Takers that meet expired orders and their own, and those that want all or nothing.

use zkclob_core::errors::{Code, Error};
use zkclob_core::types::*;

use crate::support::*;

use SelfTrade::{CancelBoth, CancelMaker, CancelTaker, Decrement};
use Side::{Ask, Bid};
use TimeInForce::{Fok, Gtc, Gtt, Ioc, PostOnly, PostOnlyGtt};

const SUPPLY: u128 = 2 * FUNDS;

/// Asks at 100, 101 and 102, of which the trader's own is in the middle.
fn around_its_own() -> (Exchange, Trader) {
    let [mut other, mut trader] = [1, 2].map(Trader::new);
    let mut exchange = open_market(&[&other, &trader]);
    exchange.place(&mut other, order(Ask, Gtc, 100, 1));
    exchange.place(&mut trader, PlaceOrder { client_order_id: 5, ..order(Ask, Gtc, 101, 2) });
    exchange.place(&mut other, order(Ask, Gtc, 102, 3));
    exchange.seal_ok();
    (exchange, trader)
}

#[test]
fn each_self_trade_mode_does_what_it_says() {
    for (self_trade, time_in_force, size, asks, bids, paid) in [
        (CancelTaker, Gtc, 5, vec![(101, 2), (102, 3)], vec![], 100),
        (CancelMaker, Gtc, 5, vec![], vec![(102, 1)], 100 + 3 * 102),
        (CancelMaker, Ioc, 5, vec![], vec![], 100 + 3 * 102),
        (CancelMaker, Gtc, 2, vec![(102, 2)], vec![], 100 + 102),
        (CancelBoth, Gtc, 5, vec![(102, 3)], vec![], 100),
        (CancelBoth, Gtc, 1, vec![(101, 2), (102, 3)], vec![], 100),
        (Decrement, Gtc, 2, vec![(101, 1), (102, 3)], vec![], 100),
        (Decrement, Gtc, 3, vec![(102, 3)], vec![], 100),
        (Decrement, Gtc, 5, vec![(102, 1)], vec![], 100 + 2 * 102),
        (Decrement, Gtc, 8, vec![], vec![(102, 2)], 100 + 3 * 102),
    ] {
        let (mut exchange, mut trader) = around_its_own();
        exchange.place(&mut trader, PlaceOrder { self_trade, ..order(Bid, time_in_force, 102, size) });
        exchange.seal_ok();
        let case = format!("{self_trade:?} {size}");
        assert_eq!((orders(&exchange, Ask), orders(&exchange, Bid)), (asks, bids), "{case}");
        let quote = balance(&exchange, &trader.address, QUOTE).0;
        assert_eq!(quote, FUNDS - paid * TICK_SIZE, "{case}");
        assert_sound(&exchange, SUPPLY);
    }
}

/// What its own order unlocks on the way is not what it pays with, but may be locked again by what rests.
#[test]
fn an_own_order_that_is_removed_frees_what_it_locked() {
    for self_trade in [CancelMaker, CancelBoth, Decrement] {
        let [mut other, mut trader] = [1, 2].map(Trader::new);
        let mut exchange = open_market(&[&other, &trader]);
        let all = FUNDS as u64 / (10 * TICK_SIZE) as u64;
        exchange.place(&mut other, order(Bid, Gtc, 11, 7));
        exchange.place(&mut trader, order(Bid, Gtc, 10, all));
        exchange.seal_ok();
        assert_eq!(balance(&exchange, &trader.address, QUOTE), (FUNDS, FUNDS));
        exchange.place(&mut trader, PlaceOrder { self_trade, ..order(Ask, Gtc, 9, 10) });
        exchange.seal_ok();
        let locked = if self_trade == Decrement { FUNDS - 3 * 10 * TICK_SIZE } else { 0 };
        assert_eq!(balance(&exchange, &trader.address, QUOTE).1, locked, "{self_trade:?}");
        let resting = if self_trade == CancelMaker { vec![(9, 3)] } else { vec![] };
        assert_eq!(orders(&exchange, Ask), resting, "{self_trade:?}");
        assert_sound(&exchange, SUPPLY);
    }
}

#[test]
fn nothing_is_traded_with_own_orders_alone() {
    for self_trade in [CancelTaker, CancelMaker, CancelBoth, Decrement] {
        let mut trader = Trader::new(1);
        let mut exchange = open_market(&[&trader]);
        exchange.place(&mut trader, order(Ask, Gtc, 100, 4));
        exchange.place(&mut trader, PlaceOrder { self_trade, ..order(Bid, Ioc, 101, 3) });
        exchange.seal_ok();
        assert_eq!(exchange.state.market(MARKET).unwrap().unwrap().last_price, 0);
        assert_eq!(exchange.state.accounts.get(&FEE_ACCOUNT), None);
        assert_sound(&exchange, FUNDS);
    }
}

/// An order of `maker` that expires after `NOW + 60`, and another behind it.
fn expiring(time_in_force: TimeInForce) -> (Exchange, Trader, Trader) {
    let [mut maker, mut taker] = [1, 2].map(Trader::new);
    let mut exchange = open_market(&[&maker, &taker]);
    exchange.place(&mut maker, PlaceOrder { client_order_id: 1, ..order(Ask, time_in_force, 100, 5) });
    exchange.place(&mut maker, order(Ask, Gtc, 101, 5));
    exchange.seal_ok();
    taker.deadline = NOW + 100;
    (exchange, maker, taker)
}

#[test]
fn an_order_that_is_good_till_time_rests_until_its_deadline() {
    for time_in_force in [Gtt, PostOnlyGtt] {
        let (exchange, maker, _) = expiring(time_in_force);
        let first = ids_of(&exchange, &maker.address)[0];
        assert_eq!(exchange.state.books.get(&first).unwrap().expiry, maker.deadline);
    }
    let (mut exchange, _, mut taker) = expiring(Gtt);
    exchange.elapsed = 60;
    exchange.place(&mut taker, order(Bid, Ioc, 101, 6));
    exchange.seal_ok();
    assert_eq!(orders(&exchange, Ask), [(101, 4)]);
}

#[test]
fn a_taker_removes_expired_orders_that_it_meets() {
    let (mut exchange, maker, mut taker) = expiring(Gtt);
    exchange.elapsed = 61;
    exchange.place(&mut taker, order(Bid, PostOnly, 100, 1));
    exchange.place(&mut taker, order(Bid, Ioc, 100, 1));
    exchange.place(&mut taker, order(Bid, PostOnly, 100, 1));
    exchange.place(&mut taker, order(Bid, Ioc, 101, 3));
    let prepared = exchange.seal().unwrap();
    assert_eq!(prepared.results, [Code::PostOnlyWouldCross, Code::Ok, Code::Ok, Code::Ok]);
    assert_eq!(orders(&exchange, Ask), [(101, 2)]);
    assert_eq!(balance(&exchange, &maker.address, BASE).1, 2 * LOT_SIZE);
    assert_sound(&exchange, SUPPLY);
}

/// Also the maker's own expired order goes, whatever the self-trade mode.
#[test]
fn an_own_expired_order_is_removed_like_any() {
    let (mut exchange, mut maker, _) = expiring(Gtt);
    exchange.elapsed = 61;
    maker.deadline = NOW + 100;
    exchange.place(&mut maker, order(Bid, Gtc, 100, 1));
    exchange.seal_ok();
    assert_eq!((orders(&exchange, Ask), orders(&exchange, Bid)), (vec![(101, 5)], vec![(100, 1)]));
    assert_sound(&exchange, SUPPLY);
}

#[test]
fn an_expired_order_can_be_taken_out_by_anyone_and_no_other() {
    let (mut exchange, maker, _) = expiring(Gtt);
    let seq = exchange.state.meta.next_seq;
    let ids = ids_of(&exchange, &maker.address);
    let not_expired = Some(Error::Invalid { seq, code: Code::NotExpired });
    for (elapsed, id) in [(60, ids[0]), (61, ids[1]), (61, [0; 24].into())] {
        let mut attempt = Exchange { state: exchange.state.clone(), elapsed, ..Exchange::default() };
        attempt.expire(&id);
        assert_eq!(attempt.prepare().err(), not_expired);
    }
    exchange.elapsed = 61;
    exchange.expire(&ids[0]);
    let prepared = exchange.seal_ok();
    assert_eq!(prepared.results, [Code::Ok]);
    assert_eq!(ids_of(&exchange, &maker.address), ids[1..]);
    assert_sound(&exchange, SUPPLY);
}

#[test]
fn fill_or_kill_fills_all_or_changes_nothing() {
    for (price, size, code) in [
        (102, 6, Code::Ok),
        (102, 1, Code::Ok),
        (102, 7, Code::FokNotFillable),
        (101, 4, Code::FokNotFillable),
        (101, 3, Code::Ok),
        (99, 1, Code::FokNotFillable),
    ] {
        let [mut maker, mut taker] = [1, 2].map(Trader::new);
        let mut exchange = open_market(&[&maker, &taker]);
        for (price, size) in [(100, 1), (101, 2), (102, 3)] {
            exchange.place(&mut maker, order(Ask, Gtc, price, size));
        }
        exchange.seal_ok();
        let books = exchange.state.books.root();
        assert_eq!(result(&mut exchange, &mut taker, Action::PlaceOrder(order(Bid, Fok, price, size))), code);
        let left: u64 = orders(&exchange, Ask).iter().map(|(_, lots)| lots).sum();
        assert_eq!(left, if code == Code::Ok { 6 - size } else { 6 });
        assert_eq!(exchange.state.books.root() == books, code != Code::Ok);
        assert_eq!(orders(&exchange, Bid), []);
        assert_sound(&exchange, SUPPLY);
    }
}

#[test]
fn fill_or_kill_counts_neither_expired_orders_nor_its_own() {
    let (mut exchange, mut maker, mut taker) = expiring(Gtt);
    exchange.place(&mut taker, order(Ask, Gtc, 102, 9));
    exchange.place(&mut maker, order(Ask, Gtc, 103, 5));
    exchange.seal_ok();
    exchange.elapsed = 61;
    let mut fill = |self_trade, size| {
        let order = PlaceOrder { self_trade, ..order(Bid, Fok, 103, size) };
        result(&mut exchange, &mut taker, Action::PlaceOrder(order))
    };
    // The expired order's 5 lots do not count. Behind the first 5 that do, the taker's own order stands in the way.
    assert_eq!(fill(CancelMaker, 11), Code::FokNotFillable);
    for self_trade in [CancelTaker, CancelBoth, Decrement] {
        assert_eq!(fill(self_trade, 6), Code::FokNotFillable);
    }
    assert_eq!(fill(CancelBoth, 4), Code::Ok);
    assert_eq!(fill(CancelMaker, 6), Code::Ok);
    assert_eq!(orders(&exchange, Ask), []);
    assert_sound(&exchange, SUPPLY);
}

/// A book of this many asks of one lot at 100.
fn thin_asks(count: u32) -> (Exchange, Trader) {
    let [mut maker, taker] = [1, 2].map(Trader::new);
    let mut exchange = open_market(&[&maker, &taker]);
    for _ in 0..count {
        exchange.place(&mut maker, order(Ask, Gtc, 100, 1));
    }
    exchange.seal_ok();
    (exchange, taker)
}

#[test]
fn the_actions_of_a_batch_share_the_count_of_orders_met() {
    let place = |time_in_force, size| Action::PlaceOrder(order(Bid, time_in_force, 100, size));
    for (actions, results, left, resting) in [
        (vec![place(Ioc, 200), place(Gtc, 100)], vec![Code::Ok; 2], 4, vec![]),
        (vec![place(Ioc, 255), place(Gtc, 1), place(Gtc, 1)], vec![Code::Ok; 3], 4, vec![]),
        // A walk that succeeds is not counted besides the fills.
        (
            vec![place(Fok, 128), place(Fok, 128), place(Fok, 1)],
            vec![Code::Ok, Code::Ok, Code::FokNotFillable],
            4,
            vec![],
        ),
        // One that fails stays counted, up to the limit.
        (
            vec![place(Fok, 257), place(Gtc, 1), place(Ioc, 1)],
            vec![Code::FokNotFillable, Code::Ok, Code::Ok],
            260,
            vec![],
        ),
    ] {
        let (mut exchange, mut taker) = thin_asks(260);
        exchange.send(&mut taker, Body::Batch(actions));
        let prepared = exchange.seal().unwrap();
        assert_eq!(prepared.results[1..], results);
        assert_eq!(orders(&exchange, Ask).len(), left);
        assert_eq!(orders(&exchange, Bid), resting);
        assert_sound(&exchange, SUPPLY);
    }
}

#[test]
fn a_walk_over_the_whole_book_counts_what_it_met_and_no_more() {
    let (mut exchange, mut taker) = thin_asks(100);
    let place = |time_in_force, size| Action::PlaceOrder(order(Bid, time_in_force, 100, size));
    // Twice 100 are met in vain, then 56 of the 256 are left.
    let actions = vec![place(Fok, 101), place(Fok, 101), place(Ioc, 100)];
    exchange.send(&mut taker, Body::Batch(actions));
    exchange.seal().unwrap();
    assert_eq!(orders(&exchange, Ask).len(), 44);
}

/// Removing an expired order counts, so that a taker's work is bounded.
#[test]
fn expired_and_own_orders_count_as_met() {
    for own in [true, false] {
        let [mut maker, mut taker] = [1, 2].map(Trader::new);
        let mut exchange = open_market(&[&maker, &taker]);
        for _ in 0..MAX_MAKERS {
            let owner = if own { &mut taker } else { &mut maker };
            exchange.place(owner, order(Ask, if own { Gtc } else { Gtt }, 100, 1));
        }
        exchange.place(&mut maker, order(Ask, Gtc, 101, 1));
        exchange.seal_ok();
        exchange.elapsed = 61;
        taker.deadline = NOW + 100;
        let bid = PlaceOrder { self_trade: CancelMaker, ..order(Bid, Gtc, 101, 1) };
        let all = PlaceOrder { time_in_force: Fok, ..bid.clone() };
        assert_eq!(result(&mut exchange, &mut taker, Action::PlaceOrder(all)), Code::FokNotFillable);
        assert_eq!(result(&mut exchange, &mut taker, Action::PlaceOrder(bid)), Code::Ok);
        assert_eq!((orders(&exchange, Ask), orders(&exchange, Bid)), (vec![(101, 1)], vec![]));
        assert_sound(&exchange, SUPPLY);
    }
}

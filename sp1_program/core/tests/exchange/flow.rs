//! A random flow of everything that traders, their agents and L1 can do: the state stays sound, and each batch can be
//! executed from its witness.

use zkclob_core::errors::Code;
use zkclob_core::types::*;

use crate::draw::{Flow, TRADERS};
use crate::support::*;

/// Cancels all orders of an account, in a batch of its own, as the host must know them.
fn cancel_all(random: &mut Random, exchange: &mut Exchange, trader: &mut Trader) {
    exchange.removed = ids_of(exchange, &trader.address);
    if random.below(2) == 0 {
        exchange.send(trader, Action::CancelAll(0));
    } else {
        exchange.enter([&[3][..], &NOW.to_be_bytes(), &trader.address].concat());
        // The numbers below are unusable then.
        trader.skip_nonces(MAX_NONCE_JUMP + 1);
    }
    exchange.seal_ok();
}

#[test]
fn nothing_is_made_or_lost_whatever_is_done() {
    let mut random = Random::new(4);
    let mut traders = [1, 2, 3, 4].map(Trader::new);
    let mut agent = Trader::new(9);
    let mut exchange = open_market(&traders.each_ref());
    let mut fills = 0;
    for round in 0..40 {
        exchange.elapsed += random.below(20);
        for _ in 0..15 {
            let trader = &mut traders[random.below(TRADERS) as usize];
            trader.deadline = NOW + exchange.elapsed + random.below(40);
            let account = trader.address;
            let body = Flow { random: &mut random, exchange: &exchange, account }.body();
            exchange.send(trader, body);
        }
        let now = NOW + exchange.elapsed;
        let owner = traders[0].address;
        let known = exchange.state.account(&owner).unwrap().agent(&agent.address);
        if let Some(lane) = known.filter(|known| known.expiry >= now).map(|known| known.lane) {
            agent.deadline = now;
            // Before the owner's own, which may revoke it.
            let body = Flow { random: &mut random, exchange: &exchange, account: owner }.action();
            exchange.send_for(&mut agent, &owner, lane, body);
            exchange.transactions.rotate_right(1);
            exchange.signatures.rotate_right(1);
        }
        let before = exchange.state.market(MARKET).unwrap().unwrap().last_price;
        exchange.seal().unwrap();
        fills += usize::from(exchange.state.market(MARKET).unwrap().unwrap().last_price != before);
        assert_sound(&exchange, u128::from(TRADERS) * FUNDS);
        if round % 10 == 9 {
            let trader = &mut traders[random.below(TRADERS) as usize];
            cancel_all(&mut random, &mut exchange, trader);
            assert_sound(&exchange, u128::from(TRADERS) * FUNDS);
        }
        expire_all(&mut exchange);
    }
    assert!(fills > 10);
}

/// As the sequencer does at the start of a block, but not in each.
fn expire_all(exchange: &mut Exchange) {
    let now = NOW + exchange.elapsed;
    let items = exchange.state.books.items();
    let expired: Vec<OrderId> =
        items.iter().filter(|(_, order)| order.is_expired(now)).map(|(id, _)| **id).collect();
    if expired.len() > 5 {
        expired.iter().for_each(|id| exchange.expire(id));
        let prepared = exchange.seal_ok();
        assert_eq!(prepared.results, vec![Code::Ok; expired.len()]);
    }
}

//! What a host, a user or a market's fee account would try. Batches that are right must still have a witness.

use zkclob_core::errors::{Code, Error};
use zkclob_core::prepare::Prepared;
use zkclob_core::types::*;
use zkclob_core::{book, execute};

use crate::support::*;
use crate::witness::{Node, Witness};

use Side::{Ask, Bid};
use TimeInForce::{Gtc, Ioc, PostOnly};

const SECOND: u32 = 2;

/// A market of single base units, with these fees.
fn list_small_market(fee_account: &Address, fees: [u32; 2]) -> Vec<u8> {
    let mut entry = vec![7];
    entry.extend_from_slice(&NOW.to_be_bytes());
    [SECOND, BASE, QUOTE].iter().for_each(|number| entry.extend_from_slice(&number.to_be_bytes()));
    [1_u128, 1, 0].iter().for_each(|number| entry.extend_from_slice(&number.to_be_bytes()));
    [fees[0], fees[1], 0].iter().for_each(|number| entry.extend_from_slice(&number.to_be_bytes()));
    entry.extend_from_slice(fee_account);
    entry
}

fn small(side: Side, time_in_force: TimeInForce, price: u64, size: u64) -> PlaceOrder {
    PlaceOrder { market: SECOND, ..order(side, time_in_force, price, size) }
}

fn total(exchange: &Exchange, address: &Address, token: u32) -> u128 {
    exchange.state.account(address).unwrap().total(token)
}

/// Prepares the transactions gathered, each in a block of its own, one second after the other.
fn prepare_in_blocks(exchange: &Exchange) -> Result<Prepared, Error> {
    let timed = exchange.transactions.iter().zip(NOW..);
    let blocks: Vec<_> =
        timed.map(|(tx, timestamp)| Block { timestamp, transactions: vec![tx.clone()] }).collect();
    let meta = &exchange.state.meta;
    let data = encode(meta.block_number + 1, meta.next_seq, &blocks);
    exchange.prepare_data(&data)
}

#[test]
fn the_fee_account_may_trade_on_both_sides_of_its_market() {
    let [mut house, mut trader] = [1, 2].map(Trader::new);
    let mut exchange = open_market(&[&house, &trader]);
    let funds = total(&exchange, &house.address, BASE);
    exchange.enter(list_small_market(&house.address, [10_000, 10_000]));
    exchange.place(&mut house, small(Ask, Gtc, 200, 100));
    exchange.place(&mut trader, small(Bid, Ioc, 200, 100));
    exchange.place(&mut trader, small(Bid, Gtc, 100, 100));
    exchange.place(&mut house, small(Ask, Ioc, 100, 100));
    exchange.enter(deposit(BASE, &house.address, 5));
    exchange.seal_ok();
    // Its own fees come back to it; the trader pays 1 % of what it receives.
    assert_eq!(total(&exchange, &house.address, BASE), funds - 200 + 1 + 1 + 5);
    assert_eq!(total(&exchange, &house.address, QUOTE), funds + 20_000 + 10_000);
    assert_eq!(total(&exchange, &trader.address, BASE), funds + 200 - 2);
    assert_eq!(total(&exchange, &trader.address, QUOTE), funds - 30_000);
}

/// On one base unit the smallest fee is all of it: both traders receive nothing.
#[test]
fn a_fee_that_takes_all_credits_nothing_to_the_trader() {
    let [mut maker, mut taker] = [1, 2].map(Trader::new);
    let mut exchange = open_market(&[&maker, &taker]);
    let funds = total(&exchange, &maker.address, BASE);
    exchange.enter(list_small_market(&Address::new([7; 20]), [1, 1]));
    exchange.place(&mut maker, small(Ask, Gtc, 1, 1));
    exchange.place(&mut taker, small(Bid, Gtc, 1, 1));
    exchange.seal_ok();
    assert_eq!(total(&exchange, &maker.address, QUOTE), funds);
    assert_eq!(total(&exchange, &taker.address, BASE), funds);
    assert_eq!(
        (total(&exchange, &Address::new([7; 20]), BASE), total(&exchange, &Address::new([7; 20]), QUOTE)),
        (1, 1)
    );
}

#[test]
fn an_account_made_by_a_fee_acts_in_the_same_batch_and_none_is_made_by_no_fee() {
    for rate in [0, 10_000] {
        let [mut maker, mut taker, mut house] = [1, 2, 3].map(Trader::new);
        let mut exchange = open_market(&[&maker, &taker]);
        exchange.enter(list_small_market(&house.address, [0, rate]));
        exchange.place(&mut maker, small(Ask, Gtc, 10, 100));
        exchange.place(&mut taker, small(Bid, Ioc, 10, 100));
        exchange.send(
            &mut house,
            Body::Withdraw(Withdraw {
                token: BASE,
                amount: 1,
                recipient: Address::new([9; 20]),
                max_relay_fee: 1,
            }),
        );
        let outcome = exchange.seal().map(|prepared| prepared.outbox.len());
        let invalid = matches!(outcome, Err(Error::Invalid { code: Code::UnknownAccount, .. }));
        assert!(if rate == 0 { invalid } else { outcome == Ok(1) }, "rate {rate}: {outcome:?}");
    }
}

/// The name's leaf is removed and put back, next to subtrees that the witness leaves out.
#[test]
fn a_client_order_id_is_freed_and_taken_again_within_a_batch() {
    let mut traders = [1, 2, 3, 4, 5, 6].map(Trader::new);
    let mut exchange = open_market(&traders.each_ref());
    for (i, trader) in traders.iter_mut().enumerate() {
        for name in 1..8 {
            let price = 200 + 10 * i as u64 + name as u64;
            exchange.place(trader, PlaceOrder { client_order_id: name, ..order(Ask, Gtc, price, 2) });
        }
    }
    exchange.seal_ok();
    let [maker, taker, ..] = &mut traders;
    let named = PlaceOrder { client_order_id: 3, ..order(Ask, PostOnly, 100, 2) };
    for _ in 0..3 {
        exchange.send(maker, Action::CancelClientOrder(3));
        exchange.place(maker, named.clone());
        exchange.place(taker, order(Bid, Gtc, 100, 2));
        exchange.place(maker, named.clone());
    }
    prepare_in_blocks(&exchange).unwrap();
    exchange.seal_ok();
}

/// The nonces (lane, sequence) that a trader uses in turn, in a batch of a block for each.
fn use_nonces(trader: &Trader, nonces: &[(u64, u64)]) -> Result<Prepared, Error> {
    let mut exchange = open_market(&[trader]);
    for (lane, sequence) in nonces {
        let nonce = lane << 48 | sequence;
        let head = Head { account: trader.address, signer: trader.address, nonce, deadline: u64::MAX };
        exchange.send_signed(trader, Signed { head, body: Action::CancelClientOrder(1).into() });
    }
    prepare_in_blocks(&exchange)
}

#[test]
fn nonces_in_any_order_hold_over_the_blocks_of_a_batch() {
    const JUMP: u64 = MAX_NONCE_JUMP;
    let trader = Trader::new(1);
    let used = [(7, JUMP), (7, JUMP - 127), (0, 127), (0, 0), (0, 128), (0, 1), (0, 256), (7, 2 * JUMP + 1)];
    assert!(use_nonces(&trader, &used).is_ok());
    for (next, code) in [
        ((0, 128), Code::NonceTooLow),
        ((0, 256), Code::NonceUsed),
        ((0, 257 + JUMP + 1), Code::NonceTooHigh),
        ((8, 0), Code::NonceLane),
        ((7, JUMP), Code::NonceTooLow),
    ] {
        let refused = use_nonces(&trader, &[&used[..], &[next]].concat()).err();
        assert!(matches!(refused, Some(Error::Invalid { code: found, .. }) if found == code), "{refused:?}");
    }
}

/// Keys that differ in one bit each from the last make the deepest tries that a user can.
#[test]
fn the_deepest_tries_of_a_user_have_witnesses() {
    let [mut maker, mut taker] = [1, 2].map(Trader::new);
    let mut exchange = open_market(&[&maker, &taker]);
    exchange.enter(list_small_market(&Address::new([7; 20]), [0, 0]));
    for bit in 0..128 {
        let price = 1 << (bit % 40);
        exchange.place(&mut maker, PlaceOrder { client_order_id: 1 << bit, ..small(Ask, Gtc, price, 1) });
    }
    exchange.seal_ok();
    exchange.place(&mut taker, small(Bid, Gtc, 1 << 12, 500));
    for bit in [0, 63, 127] {
        exchange.send(&mut maker, Action::CancelClientOrder(1 << bit));
    }
    exchange.seal().unwrap();
}

/// The largest amounts that deposits and orders reach: nothing wraps, and no order is refused by an error.
#[test]
fn the_largest_amounts_trade_exactly() {
    let [mut maker, mut taker] = [1, 2].map(Trader::new);
    let mut exchange = open_market(&[]);
    exchange.enter(list_small_market(&Address::new([7; 20]), [10_000, 10_000]));
    exchange.enter(deposit(BASE, &maker.address, MAX_HOLDINGS));
    exchange.enter(deposit(QUOTE, &taker.address, MAX_HOLDINGS));
    // Notional just below 2^108.
    let (price, size) = (u64::MAX >> 10, u64::MAX >> 10);
    for _ in 0..20 {
        exchange.place(&mut maker, small(Ask, Gtc, price, size));
    }
    exchange.place(&mut taker, small(Bid, Gtc, price, size));
    exchange.seal_ok();
    for (side, price, size, code) in [
        (Bid, u64::MAX, u64::MAX, Code::AmountTooLarge),
        (Ask, u64::MAX, 1, Code::Ok),
        (Bid, u64::MAX, 1, Code::Ok),
        (Bid, 1, u64::MAX, Code::Ok),
    ] {
        exchange.place(&mut taker, small(side, Ioc, price, size));
        let results = exchange.seal().unwrap().results;
        assert_eq!(results, [code], "{side:?} {price} {size}");
    }
    let held = [maker.address, taker.address, Address::new([7; 20])]
        .map(|address| total(&exchange, &address, QUOTE));
    assert_eq!(held.iter().sum::<u128>(), MAX_HOLDINGS);
    exchange.enter(deposit(QUOTE, &taker.address, MAX_HOLDINGS));
    let prepared = exchange.seal().unwrap();
    assert_eq!((prepared.results, prepared.outbox.len()), (vec![Code::AmountTooLarge], 1));
}

/// A host that hides a node keeps the root but not the batch: a better order, a name in use, a balance cannot be
/// left out to get another outcome.
#[test]
fn s06_a_node_that_is_hidden_never_changes_the_outcome() {
    let prepared = busy_exchange().prepare().unwrap();
    let honest = prepared.public_values.encode();
    let witness = Witness::decode(&prepared.witness).unwrap();
    assert_eq!(witness.encode(), prepared.witness);
    let mut hidden = 0;
    for trie in 0..4 {
        for number in 0..witness.tries[trie].size() {
            let mut poisoned = witness.clone();
            let node = poisoned.tries[trie].nth(number);
            let opaque = Node::Opaque(node.hash(trie).unwrap());
            if *node == opaque {
                continue;
            }
            *node = opaque;
            assert!(matches!(execute(&poisoned.encode()), Err(Error::NodeLeftOut(_))), "{trie} {number}");
            hidden += 1;
        }
    }
    assert!(hidden > 20);
    assert_eq!(execute(&prepared.witness), Ok(honest));
}

/// The hash of the empty map as an opaque node gives the same root, and nothing can be added to it or found missing.
#[test]
fn s08_an_opaque_empty_map_serves_nothing() {
    let exchange = Exchange { transactions: vec![Transaction::Inbox], ..Exchange::default() };
    let exchange = Exchange { inbox: vec![list_token(BASE)], ..exchange };
    let mut witness = Witness::decode(&exchange.prepare().unwrap().witness).unwrap();
    assert!(witness.tries[3] == Node::Empty);
    witness.tries[3] = Node::Opaque([0; 32]);
    assert_eq!(execute(&witness.encode()), Err(Error::NodeLeftOut("registry")));
}

/// A signature serves its own transaction, signer, exchange and nonce only.
#[test]
fn signatures_do_not_serve_other_transactions() {
    let witness = Witness::decode(&busy_exchange().prepare().unwrap().witness).unwrap();
    let last = witness.signatures.len() - 1;
    let mut swapped = witness.clone();
    swapped.signatures[last - 1] = witness.signatures[last].clone();
    assert!(execute(&swapped.encode()).is_err());
    // s and its inverse exchanged still prove each other, but sign nothing.
    let mut exchanged = witness.clone();
    exchanged.signatures[last].numbers.swap(2, 3);
    assert!(execute(&exchanged.encode()).is_err());
    let mut elsewhere = witness.clone();
    elsewhere.separator[0] ^= 1;
    assert!(matches!(execute(&elsewhere.encode()), Err(Error::Signature { .. })));
}

/// Nobody can take the place of an order that rests: an id names one sequence number.
#[test]
fn an_order_id_is_never_given_twice() {
    let [mut maker, mut taker] = [1, 2].map(Trader::new);
    let mut exchange = open_market(&[&maker, &taker]);
    for _ in 0..3 {
        exchange.place(&mut maker, order(Ask, Gtc, 100, 1));
        exchange.place(&mut taker, order(Ask, Gtc, 100, 1));
    }
    exchange.seal_ok();
    let ids: Vec<_> = exchange.state.books.items().into_iter().map(|(id, _)| *id).collect();
    let places: Vec<_> = ids.iter().map(|id| id.place()).collect();
    assert!(places.windows(2).all(|pair| pair[1] == pair[0] + MAX_BATCH_ITEMS));
    let forged = OrderId::new(book::id(MARKET, Ask), 100, places[0] + 1);
    exchange.send(&mut maker, Action::CancelOrder(forged));
    exchange.send(&mut taker, Action::CancelOrder(ids[0]));
    exchange.send(&mut maker, Action::CancelOrder([0xff; 24].into()));
    let results = exchange.seal().unwrap().results;
    assert_eq!(results, [Code::UnknownOrder, Code::NotOrderOwner, Code::UnknownOrder]);
}

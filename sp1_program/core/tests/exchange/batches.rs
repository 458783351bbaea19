//! Batches from their transactions to the state after them. Each is also executed from its witness.

use zkclob_core::book;
use zkclob_core::codec::data::decode;
use zkclob_core::errors::{Code, Error};
use zkclob_core::secp256k1::SignatureError;
use zkclob_core::types::*;

use crate::support::*;

use Side::{Ask, Bid};
use TimeInForce::{Fok, Gtc, Ioc, PostOnly};

const FUNDS: u128 = 1_000_000 * LOT_SIZE;

/// Total and locked amount.
fn balance(exchange: &Exchange, address: &Address, token: u32) -> (u128, u128) {
    let account = exchange.state.account(address).unwrap();
    let held = account.balances.iter().find(|balance| balance.token == token);
    held.map_or((0, 0), |balance| (balance.total, balance.locked))
}

/// Price and remaining lots of the orders on one side, best first.
fn orders(exchange: &Exchange, side: Side) -> Vec<(u64, u64)> {
    let items = exchange.state.books.items().into_iter();
    let placed = items.map(|(id, order)| (book::Place::of(id).unwrap(), order.remaining));
    placed
        .filter(|(place, _)| place.side == side)
        .map(|(place, remaining)| (place.price, remaining))
        .collect()
}

fn first_id(exchange: &Exchange) -> OrderId {
    *exchange.state.books.items()[0].0
}

/// The result of a batch with this one transaction.
fn result(exchange: &mut Exchange, trader: &mut Trader, body: impl Into<Body>) -> Code {
    exchange.send(trader, body);
    exchange.seal().unwrap().results[0]
}

fn fee(amount: u128, rate: u32) -> u128 {
    (amount * u128::from(rate)).div_ceil(1_000_000)
}

#[test]
fn a_taker_meets_the_best_price_first_then_the_earliest() {
    let [mut early, mut late, mut taker] = [1, 2, 3].map(Trader::new);
    let mut exchange = open_market(&[&early, &late, &taker]);
    exchange.place(&mut late, order(Ask, Gtc, 102, 5));
    exchange.place(&mut early, order(Ask, Gtc, 101, 5));
    exchange.place(&mut late, order(Ask, Gtc, 101, 5));
    exchange.place(&mut taker, order(Bid, Gtc, 101, 7));
    exchange.seal_ok();
    assert_eq!(orders(&exchange, Ask), [(101, 3), (102, 5)]);

    let paid = 7 * 101 * TICK_SIZE;
    let taker_fee = fee(5 * LOT_SIZE, TAKER_FEE) + fee(2 * LOT_SIZE, TAKER_FEE);
    let maker_fees = [5, 2].map(|lots| fee(lots * 101 * TICK_SIZE, MAKER_FEE));
    assert_eq!(balance(&exchange, &taker.address, QUOTE), (FUNDS - paid, 0));
    assert_eq!(balance(&exchange, &taker.address, BASE), (FUNDS + 7 * LOT_SIZE - taker_fee, 0));
    assert_eq!(balance(&exchange, &FEE_ACCOUNT, BASE), (taker_fee, 0));
    assert_eq!(balance(&exchange, &FEE_ACCOUNT, QUOTE), (maker_fees[0] + maker_fees[1], 0));
    assert_eq!(balance(&exchange, &early.address, BASE), (FUNDS - 5 * LOT_SIZE, 0));
    assert_eq!(balance(&exchange, &late.address, BASE), (FUNDS - 2 * LOT_SIZE, 8 * LOT_SIZE));
    assert_eq!(exchange.state.market(MARKET).unwrap().unwrap().last_price, 101);
}

#[test]
fn an_ask_meets_the_highest_bid_at_the_bids_price_and_its_rest_rests() {
    let [mut maker, mut taker] = [1, 2].map(Trader::new);
    let mut exchange = open_market(&[&maker, &taker]);
    exchange.place(&mut maker, order(Bid, Gtc, 99, 4));
    exchange.place(&mut maker, order(Bid, PostOnly, 100, 4));
    exchange.place(&mut taker, order(Ask, Gtc, 98, 10));
    exchange.seal_ok();
    assert_eq!(orders(&exchange, Bid), []);
    assert_eq!(orders(&exchange, Ask), [(98, 2)]);
    let received =
        [100, 99].map(|price| 4 * price * TICK_SIZE).iter().map(|x| x - fee(*x, TAKER_FEE)).sum::<u128>();
    assert_eq!(balance(&exchange, &taker.address, QUOTE), (FUNDS + received, 0));
    assert_eq!(balance(&exchange, &taker.address, BASE), (FUNDS - 8 * LOT_SIZE, 2 * LOT_SIZE));
    assert!(exchange.state.account(&maker.address).unwrap().orders.is_empty());
}

#[test]
fn what_an_ioc_does_not_match_is_cancelled() {
    let [mut maker, mut taker] = [1, 2].map(Trader::new);
    let mut exchange = open_market(&[&maker, &taker]);
    exchange.place(&mut maker, order(Ask, Gtc, 100, 1));
    exchange.place(&mut taker, order(Bid, Ioc, 100, 3));
    exchange.seal_ok();
    assert!(exchange.state.books.items().is_empty());
    assert_eq!(balance(&exchange, &taker.address, QUOTE), (FUNDS - 100 * TICK_SIZE, 0));
}

#[test]
fn a_taker_stops_at_its_own_order() {
    let [mut other, mut trader] = [1, 2].map(Trader::new);
    let mut exchange = open_market(&[&other, &trader]);
    exchange.place(&mut other, order(Ask, Gtc, 100, 1));
    exchange.place(&mut trader, order(Ask, Gtc, 101, 1));
    exchange.place(&mut other, order(Ask, Gtc, 102, 1));
    exchange.place(&mut trader, order(Bid, Gtc, 102, 5));
    exchange.seal_ok();
    assert_eq!(orders(&exchange, Ask), [(101, 1), (102, 1)]);
    assert_eq!(orders(&exchange, Bid), []);
}

#[test]
fn a_taker_meets_no_more_makers_than_the_limit() {
    let [mut maker, mut taker] = [1, 2].map(Trader::new);
    let mut exchange = open_market(&[&maker, &taker]);
    for _ in 0..=MAX_MAKERS {
        exchange.place(&mut maker, order(Ask, Gtc, 100, 1));
    }
    exchange.place(&mut taker, order(Bid, Gtc, 100, 1_000));
    exchange.seal_ok();
    assert_eq!(orders(&exchange, Ask), [(100, 1)]);
    assert_eq!(orders(&exchange, Bid), []);
}

#[test]
fn a_cancelled_order_unlocks_what_it_still_locks() {
    let [mut maker, mut taker] = [1, 2].map(Trader::new);
    let mut exchange = open_market(&[&maker, &taker]);
    exchange.place(&mut maker, order(Bid, Gtc, 100, 10));
    exchange.place(&mut taker, order(Ask, Gtc, 100, 3));
    exchange.seal_ok();
    assert_eq!(balance(&exchange, &maker.address, QUOTE).1, 7 * 100 * TICK_SIZE);
    let id = first_id(&exchange);
    assert_eq!(result(&mut exchange, &mut taker, Action::CancelOrder(id)), Code::NotOrderOwner);
    assert_eq!(result(&mut exchange, &mut maker, Action::CancelOrder(id)), Code::Ok);
    assert_eq!(balance(&exchange, &maker.address, QUOTE), (FUNDS - 3 * 100 * TICK_SIZE, 0));
    assert_eq!(result(&mut exchange, &mut maker, Action::CancelOrder(id)), Code::UnknownOrder);
}

#[test]
fn a_client_order_id_names_one_resting_order_of_the_account() {
    let [mut maker, mut other] = [1, 2].map(Trader::new);
    let mut exchange = open_market(&[&maker, &other]);
    let named = PlaceOrder { client_order_id: 7, ..order(Ask, Gtc, 100, 1) };
    let place = |order: &PlaceOrder| Action::PlaceOrder(order.clone());
    assert_eq!(result(&mut exchange, &mut maker, place(&named)), Code::Ok);
    assert_eq!(result(&mut exchange, &mut maker, place(&named)), Code::ClientOrderIdInUse);
    assert_eq!(result(&mut exchange, &mut other, place(&named)), Code::Ok);
    assert_eq!(result(&mut exchange, &mut maker, Action::CancelClientOrder(7)), Code::Ok);
    assert_eq!(result(&mut exchange, &mut maker, Action::CancelClientOrder(7)), Code::UnknownOrder);
    assert_eq!(result(&mut exchange, &mut maker, Action::CancelClientOrder(0)), Code::UnknownOrder);
    // A fill frees the name as well.
    assert_eq!(result(&mut exchange, &mut maker, place(&order(Bid, Ioc, 100, 1))), Code::Ok);
    assert_eq!(result(&mut exchange, &mut other, place(&named)), Code::Ok);
}

#[test]
fn an_order_that_fails_a_check_changes_nothing_but_the_nonce() {
    let [mut trader, mut other] = [1, 2].map(Trader::new);
    let mut exchange = open_market(&[&trader, &other]);
    exchange.place(&mut other, order(Ask, Gtc, 100, 1));
    exchange.seal_ok();
    let books = exchange.state.books.root();
    let good = order(Bid, Gtc, 99, 1);
    let whole = FUNDS as u64 / (100 * TICK_SIZE) as u64;
    for (wrong, code) in [
        (PlaceOrder { market: 2, ..good.clone() }, Code::UnknownMarket),
        (PlaceOrder { price: 0, size: 0, ..good.clone() }, Code::ZeroPrice),
        (PlaceOrder { size: 0, ..good.clone() }, Code::ZeroSize),
        (PlaceOrder { price: u64::MAX, size: u64::MAX, ..good.clone() }, Code::AmountTooLarge),
        (order(Bid, Gtc, 100, whole + 1), Code::InsufficientBalance),
        (order(Ask, Gtc, 101, 1_000_001), Code::InsufficientBalance),
        (order(Bid, PostOnly, 100, 1), Code::PostOnlyWouldCross),
    ] {
        assert_eq!(result(&mut exchange, &mut trader, Action::PlaceOrder(wrong)), code);
    }
    assert_eq!(exchange.state.books.root(), books);
    assert_eq!(balance(&exchange, &trader.address, QUOTE), (FUNDS, 0));
    assert_eq!(exchange.state.account(&trader.address).unwrap().lanes[0].top, 7);
}

#[test]
fn a_withdrawal_leaves_what_is_locked() {
    let mut trader = Trader::new(1);
    let mut exchange = open_market(&[&trader]);
    exchange.place(&mut trader, order(Ask, Gtc, 100, 10));
    exchange.seal_ok();
    let good = Withdraw { token: BASE, amount: FUNDS - 10 * LOT_SIZE, recipient: [9; 20], max_relay_fee: 5 };
    for (wrong, code) in [
        (Withdraw { token: 3, amount: 0, ..good.clone() }, Code::UnknownToken),
        (Withdraw { amount: 0, recipient: [0; 20], ..good.clone() }, Code::ZeroAmount),
        (Withdraw { recipient: [0; 20], max_relay_fee: u128::MAX, ..good.clone() }, Code::ZeroRecipient),
        (Withdraw { max_relay_fee: good.amount + 1, ..good.clone() }, Code::RelayFeeTooHigh),
        (Withdraw { amount: good.amount + 1, ..good.clone() }, Code::InsufficientBalance),
    ] {
        assert_eq!(result(&mut exchange, &mut trader, Body::Withdraw(wrong)), code);
    }
    exchange.send(&mut trader, Body::Withdraw(good.clone()));
    let prepared = exchange.seal_ok();
    let leaf = [
        &[0x70, 0, 0, 0, 0][..],
        &[9; 20],
        &BASE.to_be_bytes(),
        &good.amount.to_be_bytes(),
        &good.max_relay_fee.to_be_bytes(),
    ];
    assert_eq!(prepared.outbox.concat(), leaf.concat());
    assert_eq!(prepared.public_values.outbox_count, 1);
    assert_eq!(balance(&exchange, &trader.address, BASE), (10 * LOT_SIZE, 10 * LOT_SIZE));
}

#[test]
fn every_inbox_entry_can_be_sequenced() {
    let trader = Trader::new(1);
    let mut exchange = open_market(&[&trader]);
    let mut long = deposit(BASE, &trader.address, 1);
    long.push(0);
    for (entry, code) in [
        (vec![], Code::UnknownOperation),
        (vec![1], Code::UnknownOperation),
        (long, Code::UnknownOperation),
        ([&[9][..], &NOW.to_be_bytes(), &trader.address].concat(), Code::UnknownOperation),
        (vec![0; 65_535], Code::UnknownOperation),
        (deposit(9, &trader.address, 5), Code::UnknownToken),
        (deposit(BASE, &trader.address, u128::MAX), Code::AmountTooLarge),
        (deposit(BASE, &trader.address, MAX_HOLDINGS - FUNDS + 1), Code::AmountTooLarge),
        (deposit(BASE, &trader.address, 0), Code::ZeroAmount),
        (list_token(BASE), Code::InvalidListing),
        (list_token(0), Code::InvalidListing),
        (list_token(256), Code::InvalidListing),
        (list_market(MARKET, 10), Code::InvalidListing),
        (list_market(2, 11), Code::InvalidListing),
        (list_market(2, 100), Code::Ok),
        (deposit(BASE, &trader.address, MAX_HOLDINGS - FUNDS), Code::Ok),
    ] {
        exchange.enter(entry);
        assert_eq!(exchange.seal().unwrap().results, [code]);
    }
    assert_eq!(balance(&exchange, &trader.address, BASE), (MAX_HOLDINGS, 0));
    assert_eq!(exchange.state.meta.inbox_cursor, 5 + 16);
}

#[test]
fn a_deposit_that_cannot_be_credited_is_refunded() {
    let mut exchange = open_market(&[]);
    exchange.enter(deposit(9, &[5; 20], 77));
    let prepared = exchange.seal().unwrap();
    assert_eq!(prepared.outbox.len(), 1);
    assert_eq!(
        prepared.outbox[0][5..45],
        [&[5; 20][..], &9_u32.to_be_bytes(), &77_u128.to_be_bytes()].concat()
    );
    assert_eq!(exchange.state.accounts.get(&[5; 20]), Ok(None));
}

#[test]
fn invalid_transactions_cannot_be_sequenced() {
    let [mut trader, other] = [1, 2].map(Trader::new);
    let mut exchange = open_market(&[&trader]);
    exchange.place(&mut trader, order(Bid, Gtc, 100, 1));
    exchange.seal_ok();
    let seq = exchange.state.meta.next_seq;
    let good = trader.act(Action::CancelClientOrder(1));
    let with = |change: fn(&mut Head)| {
        let mut signed = good.clone();
        change(&mut signed.head);
        signed
    };
    for (signed, code) in [
        (with(|head| (head.account, head.signer) = ([7; 20], [7; 20])), Code::UnknownAccount),
        (with(|head| head.signer = [7; 20]), Code::SignerNotAuthorized),
        (with(|head| head.deadline = NOW - 1), Code::DeadlinePassed),
        (with(|head| head.nonce = 8 << 48), Code::NonceLane),
        (with(|head| head.nonce = 256 << 48), Code::NonceLane),
        (with(|head| head.nonce = 2 + (1 << 20)), Code::NonceTooHigh),
        (with(|head| head.nonce = 0), Code::NonceUsed),
    ] {
        let mut attempt = Exchange { state: exchange.state.clone(), ..Exchange::default() };
        attempt.send_signed(&trader, signed);
        assert_eq!(attempt.prepare().err(), Some(Error::Invalid { seq, code }));
    }
    let mut forged = Exchange { state: exchange.state.clone(), ..Exchange::default() };
    forged.send_signed(&other, good.clone());
    assert_eq!(forged.prepare().err(), Some(Error::Invalid { seq, code: Code::BadSignature }));
    forged.signatures[0].bytes[64] = 29;
    let reason = SignatureError::RecoveryId;
    assert_eq!(forged.prepare().err(), Some(Error::Signature { seq, reason }));
    forged.signatures.clear();
    assert!(matches!(forged.prepare().err(), Some(Error::Mismatch(_))));
}

#[test]
fn a_block_before_its_inbox_entry_or_the_last_block_is_invalid() {
    let mut exchange = open_market(&[]);
    exchange.enter(list_token(5));
    exchange.inbox[0][8] += 1;
    assert!(matches!(exchange.prepare().err(), Some(Error::InvalidBlock { number: 2, .. })));
    let mut exchange = open_market(&[]);
    exchange.enter(list_token(5));
    exchange.state.meta.timestamp = NOW + 1;
    assert!(matches!(exchange.prepare().err(), Some(Error::InvalidBlock { number: 2, .. })));
}

#[test]
fn inbox_entries_are_exactly_those_consumed() {
    let mut exchange = open_market(&[]);
    exchange.enter(list_token(5));
    exchange.inbox.push(list_token(6));
    assert!(matches!(exchange.prepare().err(), Some(Error::Mismatch(_))));
    exchange.inbox.clear();
    assert!(matches!(exchange.prepare().err(), Some(Error::Mismatch(_))));
    exchange.inbox.push(vec![0; 65_536]);
    assert!(matches!(exchange.prepare().err(), Some(Error::Mismatch(_))));
}

#[test]
fn the_sum_of_each_token_is_kept_whatever_is_traded() {
    let mut traders = [1, 2, 3, 4].map(Trader::new);
    let mut exchange = open_market(&traders.each_ref());
    let mut random = Random::new(4);
    for _ in 0..12 {
        for _ in 0..25 {
            random_action(&mut random, &mut exchange, &mut traders);
        }
        exchange.seal().unwrap();
        assert_sound(&exchange, traders.len() as u128 * FUNDS);
    }
}

fn random_action(random: &mut Random, exchange: &mut Exchange, traders: &mut [Trader]) {
    let trader = &mut traders[random.below(4) as usize];
    let resting = exchange.state.books.items();
    let action = match resting.get(random.below(80) as usize) {
        Some((id, order)) if order.owner == trader.address => Action::CancelOrder(**id),
        _ => {
            let side = [Bid, Ask][random.below(2) as usize];
            let time_in_force = [Gtc, Gtc, Ioc, PostOnly][random.below(4) as usize];
            let client_order_id = u128::from(random.below(6));
            let order = order(side, time_in_force, 95 + random.below(10), 1 + random.below(500));
            Action::PlaceOrder(PlaceOrder { client_order_id, ..order })
        }
    };
    exchange.send(trader, action);
}

/// Nothing was made or lost, and locks and counts are those of the resting orders.
fn assert_sound(exchange: &Exchange, supply: u128) {
    let accounts = exchange.state.accounts.items();
    let market = exchange.state.market(MARKET).unwrap().unwrap();
    for token in [BASE, QUOTE] {
        let total: u128 = accounts.iter().map(|(_, account)| account.total(token)).sum();
        assert_eq!(total, supply);
    }
    for (address, account) in accounts {
        let own: Vec<_> =
            exchange.state.books.items().into_iter().filter(|(_, order)| order.owner == *address).collect();
        assert_eq!(account.open_orders(), own.len() as u64);
        for token in [BASE, QUOTE] {
            let locks = own
                .iter()
                .map(|(id, order)| book::Place::of(id).unwrap().lock(market, order.remaining).unwrap());
            let locked: u128 = locks.filter(|(locks, _)| *locks == token).map(|(_, amount)| amount).sum();
            assert_eq!(balance(exchange, address, token).1, locked);
        }
    }
    assert_eq!(exchange.state.clients.items().len(), {
        let items = exchange.state.books.items();
        items.iter().filter(|(_, order)| order.client_order_id != 0).count()
    });
}

#[test]
fn data_decodes_to_what_was_encoded() {
    let [mut a, mut b] = [1, 2].map(Trader::new);
    let id = book::order_id(book::id(MARKET, Ask), 100, 640);
    let named = PlaceOrder { client_order_id: u128::MAX, ..order(Ask, Fok, u64::MAX, u64::MAX) };
    let withdraw = Withdraw { token: 7, amount: u128::MAX, recipient: b.address, max_relay_fee: 0 };
    let transactions = vec![
        Transaction::Inbox,
        Transaction::Signed(a.act(Action::PlaceOrder(order(Bid, Gtc, 1, 1)))),
        Transaction::Signed(a.act(Action::PlaceOrder(named))),
        Transaction::Signed(b.act(Action::CancelOrder(id))),
        Transaction::Signed(a.act(Body::Withdraw(withdraw))),
        Transaction::Signed(b.act(Action::CancelClientOrder(3))),
    ];
    let second = vec![Transaction::Inbox];
    let blocks = [Block { timestamp: 5, transactions }, Block { timestamp: 9, transactions: second }];
    let decoded = decode(&encode(3, 11, &blocks)).unwrap();
    assert_eq!((decoded.first_block, decoded.first_seq), (3, 11));
    assert_eq!(decoded.blocks, blocks);
}

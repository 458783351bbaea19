//! Batches from their transactions to the state after them. Each is also executed from its witness.

use zkclob_core::book;
use zkclob_core::codec::data::decode;
use zkclob_core::errors::{Code, Error};
use zkclob_core::secp256k1::SignatureError;
use zkclob_core::types::*;

use crate::support::*;

use Side::{Ask, Bid};
use TimeInForce::{Fok, Gtc, Gtt, Ioc, PostOnly, PostOnlyGtt};

fn first_id(exchange: &Exchange) -> OrderId {
    *exchange.state.books.items()[0].0
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
    let good = Withdraw {
        token: BASE,
        amount: FUNDS - 10 * LOT_SIZE,
        recipient: Address::new([9; 20]),
        max_relay_fee: 5,
    };
    for (wrong, code) in [
        (Withdraw { token: 3, amount: 0, ..good.clone() }, Code::UnknownToken),
        (Withdraw { amount: 0, recipient: Address::new([0; 20]), ..good.clone() }, Code::ZeroAmount),
        (
            Withdraw { recipient: Address::new([0; 20]), max_relay_fee: u128::MAX, ..good.clone() },
            Code::ZeroRecipient,
        ),
        (Withdraw { max_relay_fee: good.amount + 1, ..good.clone() }, Code::RelayFeeTooHigh),
        (Withdraw { amount: good.amount + 1, ..good.clone() }, Code::InsufficientBalance),
    ] {
        assert_eq!(result(&mut exchange, &mut trader, Body::Withdraw(wrong)), code);
    }
    exchange.send(&mut trader, Body::Withdraw(good.clone()));
    let prepared = exchange.seal_ok();
    let leaf = [
        &[0x70, 0, 0, 0, 0][..],
        &Address::new([9; 20]),
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
    exchange.enter(deposit(9, &Address::new([5; 20]), 77));
    let prepared = exchange.seal().unwrap();
    assert_eq!(prepared.outbox.len(), 1);
    assert_eq!(
        prepared.outbox[0][5..45],
        [&[5; 20][..], &9_u32.to_be_bytes(), &77_u128.to_be_bytes()].concat()
    );
    assert_eq!(exchange.state.accounts.get(&Address::new([5; 20])), None);
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
        (
            with(|head| (head.account, head.signer) = (Address::new([7; 20]), Address::new([7; 20]))),
            Code::UnknownAccount,
        ),
        (with(|head| head.signer = Address::new([7; 20])), Code::SignerNotAuthorized),
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
    let mut spoiled = Exchange { state: exchange.state.clone(), ..Exchange::default() };
    spoiled.send_signed(&trader, good.clone());
    spoiled.signatures[0].bytes[63] ^= 1;
    let reason = SignatureError::Mismatch;
    assert_eq!(spoiled.prepare().err(), Some(Error::Signature { seq: Some(seq), reason }));
    spoiled.signatures.clear();
    assert!(matches!(spoiled.prepare().err(), Some(Error::Mismatch(_))));
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
fn each_action_of_a_batch_has_a_result_and_a_place() {
    let [mut maker, mut taker] = [1, 2].map(Trader::new);
    let mut exchange = open_market(&[&maker, &taker]);
    let seq = exchange.state.meta.next_seq;
    let place = |price, size| Action::PlaceOrder(order(Ask, Gtc, price, size));
    let named = PlaceOrder { client_order_id: 3, ..order(Bid, Gtc, 90, 1) };
    let actions = vec![
        place(100, 1),
        place(0, 1),
        place(100, 2),
        Action::PlaceOrder(named.clone()),
        Action::PlaceOrder(named),
        Action::CancelClientOrder(3),
        place(99, 3),
    ];
    exchange.send(&mut maker, Body::Batch(actions));
    exchange.place(&mut taker, order(Bid, Gtc, 99, 1));
    let prepared = exchange.seal().unwrap();
    let (ok, in_use) = (Code::Ok, Code::ClientOrderIdInUse);
    assert_eq!(prepared.results, [ok, ok, Code::ZeroPrice, ok, ok, in_use, ok, ok, ok]);
    assert_eq!(prepared.public_values.end_seq, seq + 2);
    assert_eq!(orders(&exchange, Ask), [(99, 2), (100, 1), (100, 2)]);
    let ids = ids_of(&exchange, &maker.address);
    let places: Vec<_> = ids.iter().map(|id| id.place()).collect();
    assert_eq!(places, [6, 0, 2].map(|item| seq * MAX_BATCH_ITEMS + item));
    assert_sound(&exchange, 2 * FUNDS);
}

#[test]
fn a_batch_of_the_most_actions_can_be_sequenced() {
    let mut trader = Trader::new(1);
    let mut exchange = open_market(&[&trader]);
    let place = |price| Action::PlaceOrder(order(Ask, PostOnly, price, 1));
    exchange.send(&mut trader, Body::Batch((1..=MAX_BATCH_ITEMS).map(place).collect()));
    exchange.seal_ok();
    assert_eq!(orders(&exchange, Ask).len() as u64, MAX_BATCH_ITEMS);
    for actions in [vec![], vec![place(1); MAX_BATCH_ITEMS as usize + 1]] {
        let mut attempt = Exchange { state: exchange.state.clone(), ..Exchange::default() };
        attempt.send(&mut trader, Body::Batch(actions));
        assert!(matches!(attempt.prepare().err(), Some(Error::Malformed(_))));
    }
}

#[test]
fn data_decodes_to_what_was_encoded() {
    let [mut a, mut b] = [1, 2].map(Trader::new);
    let id = OrderId::new(book::id(MARKET, Ask), 100, 640);
    let named = PlaceOrder { client_order_id: u128::MAX, ..order(Ask, Fok, u64::MAX, u64::MAX) };
    let withdraw = Withdraw { token: 7, amount: u128::MAX, recipient: b.address, max_relay_fee: 0 };
    let replacement = |order_id, client_order_id| {
        let (time_in_force, self_trade) = (PostOnlyGtt, SelfTrade::Decrement);
        let (price, size, expected_size) = (u64::MAX, 0, u64::MAX);
        Action::ReplaceOrder(ReplaceOrder {
            order_id,
            time_in_force,
            self_trade,
            price,
            size,
            expected_size,
            client_order_id,
        })
    };
    let far = OrderId::new(u64::MAX, u64::MAX, u64::MAX);
    let actions = vec![
        Action::CancelAll(u32::MAX),
        replacement(id, 0),
        Action::PlaceOrder(order(Ask, Gtt, 101, 0)),
        Action::CancelOrder(far),
        replacement(far, 1),
        Action::CancelClientOrder(0),
    ];
    let mut bodies = vec![
        Action::PlaceOrder(order(Bid, Gtc, 1, 1)).into(),
        Action::PlaceOrder(named).into(),
        Action::CancelOrder(id).into(),
        Body::Withdraw(withdraw),
        Action::CancelClientOrder(3).into(),
        Body::Batch(actions.clone()),
        Body::Transfer(Transfer { to: b.address, token: u32::MAX, amount: 1 << 127 }),
        Body::Transfer(Transfer { to: Address::new([9; 20]), token: 1, amount: 0 }),
        Body::ApproveAgent(ApproveAgent {
            agent: Address::new([8; 20]),
            expiry: u64::MAX,
            markets: [0xa5; 32],
        }),
        Body::RevokeAgent(Address::new([7; 20])),
        Body::InvalidateNonces(u64::MAX),
    ];
    bodies.extend(actions.into_iter().map(Body::Action));
    let mut transactions = vec![Transaction::Inbox, Transaction::ExpireOrder(id)];
    for (body, i) in bodies.into_iter().zip(0..) {
        let signed = if i % 3 == 0 { b.act_for(&a.address, i, body) } else { a.act(body) };
        transactions.push(Transaction::Signed(signed));
    }
    transactions.push(Transaction::ExpireOrder(far));
    let second = vec![Transaction::Inbox];
    let blocks = [Block { timestamp: 5, transactions }, Block { timestamp: 9, transactions: second }];
    let decoded = decode(&encode(3, 11, &blocks)).unwrap();
    assert_eq!((decoded.first_block, decoded.first_seq), (3, 11));
    assert_eq!(decoded.blocks, blocks);
}

//! Operations on whole accounts and markets: CancelAll, what L1 forces, and the order ids that a host must name.

use zkclob_core::errors::{Code, Error};
use zkclob_core::execute;
use zkclob_core::types::*;

use crate::support::*;

use Side::{Ask, Bid};
use TimeInForce::Gtc;

/// An inbox entry of this kind.
fn entry(kind: u8, fields: &[&[u8]]) -> Vec<u8> {
    [&[kind][..], &NOW.to_be_bytes(), &fields.concat()].concat()
}

fn force_exit(account: &Address) -> Vec<u8> {
    entry(2, &[account])
}

fn cancel_all(account: &Address) -> Vec<u8> {
    entry(3, &[account])
}

fn approve_agent(account: &Address, agent: &Address, expiry: u64, markets: &Markets) -> Vec<u8> {
    entry(4, &[account, agent, &expiry.to_be_bytes(), markets])
}

fn revoke_agents(account: &Address) -> Vec<u8> {
    entry(5, &[account])
}

fn set_market(market: u32, status: u8, fees: [u32; 2], fee_account: &Address) -> Vec<u8> {
    let [maker_fee, taker_fee] = fees.map(u32::to_be_bytes);
    entry(
        8,
        &[
            &market.to_be_bytes(),
            &[status],
            &77_u128.to_be_bytes(),
            &maker_fee,
            &taker_fee,
            &5_u32.to_be_bytes(),
            fee_account,
        ],
    )
}

/// Two traders with orders in markets 1 and 2.
fn with_orders() -> (Exchange, Trader, Trader) {
    let mut traders = [1, 2].map(Trader::new);
    let mut exchange = open_market(&traders.each_ref());
    exchange.enter(list_market(2, LOT_SIZE));
    for trader in &mut traders {
        for (market, price) in [(1, 100), (2, 101), (1, 102), (2, 103), (2, 104)] {
            let side = if price % 2 == 0 { Ask } else { Bid };
            let price = if side == Ask { price } else { price - 50 };
            let order = PlaceOrder { market, client_order_id: price.into(), ..order(side, Gtc, price, 3) };
            exchange.place(trader, order);
        }
    }
    exchange.seal_ok();
    let [first, second] = traders;
    (exchange, first, second)
}

/// The account's orders in a market.
fn ids_in(exchange: &Exchange, account: &Address, market: u64) -> Vec<OrderId> {
    let mut ids = ids_of(exchange, account);
    ids.retain(|id| id.book() / 2 == market);
    ids
}

#[test]
fn cancelling_all_removes_the_orders_of_one_market_or_of_every() {
    for market in [0, 1, 2, 3] {
        let (mut exchange, mut trader, other) = with_orders();
        let all = ids_of(&exchange, &trader.address);
        let removed = if market == 0 { all } else { ids_in(&exchange, &trader.address, market.into()) };
        exchange.removed = removed.iter().rev().copied().collect();
        exchange.send(&mut trader, Action::CancelAll(market));
        exchange.seal_ok();
        assert_eq!(ids_of(&exchange, &trader.address).len(), 5 - removed.len());
        assert_eq!(ids_of(&exchange, &other.address).len(), 5);
        assert_sound(&exchange, 2 * FUNDS);
    }
}

#[test]
fn an_account_without_orders_can_cancel_all_of_them() {
    let mut trader = Trader::new(1);
    let mut exchange = open_market(&[&trader]);
    assert_eq!(result(&mut exchange, &mut trader, Action::CancelAll(0)), Code::Ok);
    assert_eq!(entry_result(&mut exchange, cancel_all(&trader.address)), Code::Ok);
}

#[test]
fn order_ids_are_exactly_those_of_the_orders_removed() {
    let (mut exchange, mut trader, other) = with_orders();
    let [own, foreign] = [&trader, &other].map(|trader| ids_in(&exchange, &trader.address, 2));
    let elsewhere = ids_in(&exchange, &trader.address, 1);
    exchange.send(&mut trader, Action::CancelAll(2));
    for (what, removed) in [
        ("none", vec![]),
        ("too few", own[1..].to_vec()),
        ("too many", [&own[..], &elsewhere[..1]].concat()),
        ("one twice", vec![own[0], own[1], own[1]]),
        ("one of another account", vec![own[0], own[1], foreign[0]]),
        ("one of another market", vec![own[0], elsewhere[0], own[1]]),
        ("one that does not rest", vec![own[0], own[1], [7; 24].into()]),
    ] {
        exchange.removed = removed;
        assert!(matches!(exchange.prepare().err(), Some(Error::Mismatch(_))), "{what}");
    }
    exchange.removed = own;
    assert_eq!(exchange.prepare().unwrap().results, [Code::Ok]);
}

/// Nor can a host name others to the guest, whose witness holds all that it needs for these.
#[test]
fn other_order_ids_in_a_witness_fail() {
    let (mut exchange, mut trader, other) = with_orders();
    let ids = ids_of(&exchange, &trader.address);
    exchange.removed = ids_in(&exchange, &trader.address, 1);
    exchange.send(&mut trader, Action::CancelAll(1));
    for id in &ids {
        exchange.send(&mut trader, Action::CancelOrder(*id));
    }
    let prepared = exchange.prepare().unwrap();
    let witness = prepared.witness;
    let named: Vec<u8> = exchange.removed.iter().flat_map(|id| id.to_bytes()).collect();
    let at = witness.windows(named.len()).position(|window| window == named).unwrap();
    let mut changed = witness.clone();
    changed[at..at + 24].copy_from_slice(ids_in(&exchange, &trader.address, 2)[0].as_ref());
    assert!(matches!(execute(&changed), Err(Error::Mismatch(_))));
    changed[at..at + 24].copy_from_slice(ids_of(&exchange, &other.address)[0].as_ref());
    assert!(execute(&changed).is_err());
    // In another order they do the same.
    let mut turned = witness.clone();
    turned[at..at + named.len()].rotate_left(24);
    assert_eq!(execute(&turned), Ok(prepared.public_values.encode()));
    // More than the witness has bytes for.
    changed[at - 8..at].fill(0xff);
    assert!(matches!(execute(&changed), Err(Error::Malformed(_))));
}

#[test]
fn several_transactions_share_the_list_of_order_ids() {
    let (mut exchange, mut first, second) = with_orders();
    exchange.removed = [
        ids_in(&exchange, &first.address, 2),
        ids_of(&exchange, &second.address),
        ids_in(&exchange, &first.address, 1),
    ]
    .concat();
    exchange.send(&mut first, Body::Batch(vec![Action::CancelAll(2), Action::CancelAll(2)]));
    exchange.enter(force_exit(&second.address));
    exchange.enter(cancel_all(&first.address));
    exchange.seal_ok();
    assert!(exchange.state.books.items().is_empty());
    assert!(exchange.state.clients.items().is_empty());
}

#[test]
fn an_account_that_must_exist_and_does_not_is_a_no_op() {
    let mut exchange = open_market(&[]);
    let [account, agent] = [Address::new([5; 20]), Address::new([6; 20])];
    for entry in [
        force_exit(&account),
        cancel_all(&account),
        approve_agent(&account, &agent, u64::MAX, &ALL_MARKETS),
        revoke_agents(&account),
    ] {
        assert_eq!(entry_result(&mut exchange, [&entry[..], &[0]].concat()), Code::UnknownOperation);
        assert_eq!(entry_result(&mut exchange, entry), Code::NoAccount);
    }
    assert_eq!(exchange.state.accounts.get(&account), None);
}

#[test]
fn a_forced_exit_pays_out_everything_in_the_order_of_tokens() {
    let (mut exchange, trader, _) = with_orders();
    exchange.removed = ids_of(&exchange, &trader.address);
    exchange.enter(force_exit(&trader.address));
    let leaf = |index: u32, token: u32, amount: u128| {
        let fields = [&index.to_be_bytes()[..], &trader.address, &token.to_be_bytes(), &amount.to_be_bytes()];
        [&[0x70], &fields.concat()[..], &[0; 16]].concat()
    };
    let prepared = exchange.seal_ok();
    assert_eq!(prepared.outbox.concat(), [leaf(0, BASE, FUNDS), leaf(1, QUOTE, FUNDS)].concat());
    let account = exchange.state.account(&trader.address).unwrap();
    assert_eq!((account.balances.len(), account.orders.len()), (0, 0));
    assert_eq!(account.lanes[0].top, 5);
    assert_sound(&exchange, FUNDS);
    // An account that holds nothing has nothing to pay out.
    exchange.enter(force_exit(&trader.address));
    assert!(exchange.seal_ok().outbox.is_empty());
}

/// Whatever was signed before cannot be sequenced after it.
#[test]
fn cancelling_all_from_l1_makes_all_nonces_unusable() {
    let (mut exchange, mut trader, _) = with_orders();
    let agents = [3, 4].map(Trader::new);
    for agent in &agents {
        exchange.enter(approve_agent(&trader.address, &agent.address, u64::MAX, &ALL_MARKETS));
    }
    let cancel = || Action::CancelClientOrder(1);
    exchange.send_for(&mut Trader::new(3), &trader.address, 256, cancel());
    exchange.seal().unwrap();
    let account = exchange.state.account_mut(&trader.address).unwrap();
    let at = account.lanes.len() - 1;
    account.lanes.insert(at, Lane { lane: 3, top: (1 << 48) - 1 - MAX_NONCE_JUMP, window: 1 });
    account.lanes.insert(at, Lane { lane: 2, top: (1 << 48) - 2 - MAX_NONCE_JUMP, window: 1 });
    exchange.removed = ids_of(&exchange, &trader.address);
    exchange.enter(cancel_all(&trader.address));
    exchange.seal_ok();

    let account = exchange.state.account(&trader.address).unwrap();
    let lanes: Vec<_> = account.lanes.iter().map(|lane| (lane.lane, lane.top, lane.window)).collect();
    let all = u128::MAX;
    let raised = MAX_NONCE_JUMP + 1;
    let expected = [
        (0, 5 + raised, all),
        (1, raised, all),
        (2, (1 << 48) - 1, all),
        (3, (1 << 48) - 1 - MAX_NONCE_JUMP, 1),
        (4, raised, all),
        (5, raised, all),
        (6, raised, all),
        (7, raised, all),
        (256, 1 + raised, all),
        (257, raised, all),
    ];
    assert_eq!(lanes, expected);
    for (sequence, code) in [
        (5, Some(Code::NonceTooLow)),
        (5 + MAX_NONCE_JUMP, Some(Code::NonceUsed)),
        (5 + raised, None),
        (5 + raised + MAX_NONCE_JUMP, None),
    ] {
        let mut signed = trader.act(cancel());
        signed.head.nonce = sequence;
        assert_eq!(refusal(&exchange, &trader, signed), code, "{sequence}");
    }
}

#[test]
fn agents_can_be_approved_and_revoked_from_l1() {
    let trader = Trader::new(1);
    let mut exchange = open_market(&[&trader]);
    let own = &trader.address;
    for (entry, code) in [
        (approve_agent(own, own, u64::MAX, &ALL_MARKETS), Code::InvalidAgent),
        (approve_agent(own, &Address::new([0; 20]), u64::MAX, &ALL_MARKETS), Code::InvalidAgent),
        (approve_agent(own, &Address::new([1; 20]), NOW - 1, &ALL_MARKETS), Code::InvalidAgent),
        (approve_agent(own, &Address::new([1; 20]), NOW, &[0; 32]), Code::InvalidAgent),
        (approve_agent(own, &Address::new([1; 20]), NOW, &[0xff; 32]), Code::Ok),
        (approve_agent(own, &Address::new([2; 20]), NOW, &ALL_MARKETS), Code::Ok),
        (approve_agent(own, &Address::new([1; 20]), NOW + 1, &ALL_MARKETS), Code::Ok),
    ] {
        assert_eq!(entry_result(&mut exchange, entry), code);
    }
    let agents = exchange.state.account(own).unwrap().agents.clone();
    let agent = |number: u8, lane, expiry| Agent {
        agent: Address::new([number; 20]),
        lane,
        expiry,
        markets: ALL_MARKETS,
    };
    assert_eq!(agents, [agent(1, 256, NOW + 1), agent(2, 257, NOW)]);

    let lane = Lane { lane: 257, top: 1, window: 1 };
    exchange.state.account_mut(own).unwrap().lanes.push(lane);
    assert_eq!(entry_result(&mut exchange, revoke_agents(own)), Code::Ok);
    assert_eq!(entry_result(&mut exchange, revoke_agents(own)), Code::Ok);
    let account = exchange.state.account(own).unwrap();
    assert_eq!((account.agents.len(), account.lanes.len(), account.next_agent_lane), (0, 0, 258));
}

#[test]
fn a_market_can_be_changed_and_closed() {
    let (mut exchange, mut trader, _) = with_orders();
    let (fees, fee_account) = ([MAX_FEE, MAX_FEE], Address::new([9; 20]));
    for (entry, code) in [
        (set_market(3, 1, fees, &fee_account), Code::InvalidListing),
        (set_market(1, 0, fees, &fee_account), Code::InvalidListing),
        (set_market(1, 4, fees, &fee_account), Code::InvalidListing),
        (set_market(1, 1, [MAX_FEE + 1, 0], &fee_account), Code::InvalidListing),
        (set_market(1, 1, [0, MAX_FEE + 1], &fee_account), Code::InvalidListing),
        (set_market(1, 1, fees, &Address::new([0; 20])), Code::InvalidListing),
        ([&set_market(1, 1, fees, &fee_account)[..], &[0]].concat(), Code::UnknownOperation),
        (set_market(1, 1, fees, &fee_account), Code::Ok),
    ] {
        assert_eq!(entry_result(&mut exchange, entry), code);
    }
    let market = exchange.state.market(1).unwrap().unwrap();
    assert_eq!((market.maker_fee, market.taker_fee), (MAX_FEE, MAX_FEE));
    assert_eq!((market.min_notional, market.price_band, market.fee_account), (77, 5, Address::new([9; 20])));
    assert_eq!((market.lot_size, market.tick_size), (LOT_SIZE, TICK_SIZE));
    let mut own = ids_in(&exchange, &trader.address, 1);
    for (status, code) in [(2, Code::MarketNotActive), (3, Code::MarketNotActive), (1, Code::Ok)] {
        exchange.enter(set_market(1, status, fees, &fee_account));
        exchange.place(&mut trader, order(Ask, Gtc, 105, 5));
        own.pop().into_iter().for_each(|id| exchange.send(&mut trader, Action::CancelOrder(id)));
        let results = exchange.seal().unwrap().results;
        assert_eq!(results[1], code);
        assert!(results[2..].iter().all(|code| *code == Code::Ok));
    }
}

#[test]
fn a_transfer_moves_what_is_available() {
    let (mut exchange, mut trader, other) = with_orders();
    let locked = balance(&exchange, &trader.address, BASE).1;
    let good = Transfer { to: Address::new([5; 20]), token: BASE, amount: FUNDS - locked };
    for (wrong, code) in [
        (Transfer { token: 9, amount: 0, ..good.clone() }, Code::UnknownToken),
        (Transfer { to: Address::new([0; 20]), amount: 0, ..good.clone() }, Code::ZeroAmount),
        (Transfer { to: Address::new([0; 20]), ..good.clone() }, Code::ZeroRecipient),
        (Transfer { to: trader.address, amount: u128::MAX, ..good.clone() }, Code::SelfTransfer),
        (Transfer { amount: good.amount + 1, ..good.clone() }, Code::InsufficientBalance),
        (Transfer { amount: 1, ..good.clone() }, Code::Ok),
        (Transfer { amount: good.amount - 1, to: other.address, ..good.clone() }, Code::Ok),
        (Transfer { amount: 1, ..good.clone() }, Code::InsufficientBalance),
    ] {
        assert_eq!(result(&mut exchange, &mut trader, Body::Transfer(wrong)), code);
    }
    assert_eq!(balance(&exchange, &Address::new([5; 20]), BASE), (1, 0));
    assert_eq!(balance(&exchange, &other.address, BASE).0, FUNDS + good.amount - 1);
    assert_eq!(balance(&exchange, &trader.address, BASE), (locked, locked));
    assert_sound(&exchange, 2 * FUNDS);
}

//! Agents: what they may do, where and until when; their nonce lanes; and how nonces are made unusable.

use zkclob_core::errors::Code;
use zkclob_core::types::*;

use crate::support::*;

use Side::{Ask, Bid};
use TimeInForce::Gtc;

const EXPIRY: u64 = NOW + 30;

/// The bits of these markets.
fn markets(markets: &[u8]) -> Markets {
    let mut bits = [0; 32];
    markets.iter().for_each(|market| bits[31 - usize::from(market / 8)] |= 1 << (market % 8));
    bits
}

fn approval(agent: Address, expiry: u64, allowed: &[u8]) -> Body {
    Body::ApproveAgent(ApproveAgent { agent, expiry, markets: markets(allowed) })
}

/// An owner and its agent for these markets, on the first lane. There are markets 1 and 2.
fn with_agent(allowed: &[u8]) -> (Exchange, Trader, Trader) {
    let [mut owner, agent] = [1, 2].map(Trader::new);
    let mut exchange = open_market(&[&owner]);
    exchange.enter(list_market(2, LOT_SIZE));
    exchange.send(&mut owner, approval(agent.address, EXPIRY, allowed));
    exchange.seal_ok();
    (exchange, owner, agent)
}

fn agents(exchange: &Exchange, owner: &Trader) -> Vec<(Address, u16)> {
    let agents = exchange.state.account(&owner.address).unwrap().agents.iter();
    agents.map(|agent| (agent.agent, agent.lane)).collect()
}

fn lanes(exchange: &Exchange, owner: &Trader) -> Vec<u16> {
    exchange.state.account(&owner.address).unwrap().lanes.iter().map(|lane| lane.lane).collect()
}

/// Results of a batch of one transaction of the owner's agent on the first lane.
fn results(exchange: &mut Exchange, owner: &Trader, agent: &mut Trader, body: impl Into<Body>) -> Vec<Code> {
    exchange.send_for(agent, &owner.address, FIRST_AGENT_LANE, body);
    exchange.seal().unwrap().results
}

fn replacement(order_id: OrderId, price: u64) -> Action {
    let (time_in_force, self_trade) = (Gtc, SelfTrade::CancelTaker);
    let (size, expected_size, client_order_id) = (1, 1, 0);
    Action::ReplaceOrder(ReplaceOrder {
        order_id,
        time_in_force,
        self_trade,
        price,
        size,
        expected_size,
        client_order_id,
    })
}

#[test]
fn an_agent_acts_on_orders_and_nothing_else() {
    let (mut exchange, owner, mut agent) = with_agent(&[0]);
    let place = Action::PlaceOrder(PlaceOrder { client_order_id: 1, ..order(Ask, Gtc, 100, 1) });
    assert_eq!(results(&mut exchange, &owner, &mut agent, place.clone()), [Code::Ok]);
    let id = ids_of(&exchange, &owner.address)[0];
    assert_eq!(results(&mut exchange, &owner, &mut agent, replacement(id, 101)), [Code::Ok]);
    let id = ids_of(&exchange, &owner.address)[0];
    let batch = Body::Batch(vec![place, Action::CancelClientOrder(1), Action::CancelOrder(id)]);
    assert_eq!(results(&mut exchange, &owner, &mut agent, batch), [Code::Ok; 4]);
    assert_eq!(results(&mut exchange, &owner, &mut agent, Action::CancelAll(0)), [Code::Ok]);

    let withdraw = Withdraw { token: BASE, amount: 1, recipient: owner.address, max_relay_fee: 0 };
    let transfer = Transfer { to: agent.address, token: BASE, amount: 1 };
    for body in [
        Body::Withdraw(withdraw),
        Body::Transfer(transfer),
        approval(Address::new([9; 20]), u64::MAX, &[0]),
        Body::RevokeAgent(agent.address),
        Body::InvalidateNonces(u64::from(FIRST_AGENT_LANE) << 48),
    ] {
        let signed = agent.act_for(&owner.address, FIRST_AGENT_LANE, body);
        assert_eq!(refusal(&exchange, &agent, signed), Some(Code::SignerNotAuthorized));
    }
}

#[test]
fn an_agent_acts_in_its_markets_only() {
    let (mut exchange, mut owner, mut agent) = with_agent(&[1, 255]);
    let elsewhere = |market| PlaceOrder { market, ..order(Ask, Gtc, 100, 1) };
    exchange.place(&mut owner, PlaceOrder { client_order_id: 2, ..elsewhere(2) });
    exchange.seal_ok();
    let id = ids_of(&exchange, &owner.address)[0];
    for (action, code) in [
        (Action::PlaceOrder(elsewhere(2)), Code::MarketNotAllowed),
        (Action::PlaceOrder(elsewhere(0)), Code::MarketNotAllowed),
        (Action::PlaceOrder(elsewhere(256)), Code::MarketNotAllowed),
        (Action::PlaceOrder(elsewhere(u32::MAX)), Code::MarketNotAllowed),
        (Action::PlaceOrder(elsewhere(255)), Code::UnknownMarket),
        (Action::CancelOrder(id), Code::MarketNotAllowed),
        (Action::CancelClientOrder(2), Code::MarketNotAllowed),
        (replacement(id, 99), Code::MarketNotAllowed),
        (Action::CancelAll(2), Code::MarketNotAllowed),
        (Action::CancelAll(0), Code::MarketNotAllowed),
        (Action::CancelAll(1), Code::Ok),
        (Action::PlaceOrder(elsewhere(1)), Code::Ok),
    ] {
        assert_eq!(results(&mut exchange, &owner, &mut agent, action), [code]);
    }
    // For the owner, and an agent for all markets, there is no such check.
    exchange.place(&mut owner, elsewhere(256));
    exchange.send(&mut owner, approval(agent.address, EXPIRY, &[0]));
    exchange.send_for(&mut agent, &owner.address, FIRST_AGENT_LANE, Action::PlaceOrder(elsewhere(256)));
    let unknown = Code::UnknownMarket;
    assert_eq!(exchange.seal().unwrap().results, [unknown, Code::Ok, unknown]);
}

#[test]
fn an_agent_acts_until_its_expiry() {
    let (mut exchange, owner, mut agent) = with_agent(&[0]);
    let cancel = Action::CancelClientOrder(1);
    exchange.elapsed = 30;
    assert_eq!(results(&mut exchange, &owner, &mut agent, cancel.clone()), [Code::UnknownOrder]);
    exchange.elapsed = 31;
    let signed = agent.act_for(&owner.address, FIRST_AGENT_LANE, cancel);
    assert_eq!(refusal(&exchange, &agent, signed), Some(Code::SignerNotAuthorized));
}

#[test]
fn signers_keep_to_their_lanes() {
    let (mut exchange, mut owner, agent) = with_agent(&[0]);
    let second = Trader::new(3);
    exchange.send(&mut owner, approval(second.address, EXPIRY, &[1]));
    exchange.seal_ok();
    for (signer, lane, code) in [
        (&owner, 7, None),
        (&owner, 8, Some(Code::NonceLane)),
        (&owner, 256, Some(Code::NonceLane)),
        (&agent, 256, None),
        (&agent, 257, Some(Code::NonceLane)),
        (&agent, 0, Some(Code::NonceLane)),
        (&second, 257, None),
        (&second, 256, Some(Code::NonceLane)),
    ] {
        let mut signed = Trader::new(9).act_for(&owner.address, lane, Action::CancelClientOrder(1));
        signed.head.signer = signer.address;
        assert_eq!(refusal(&exchange, signer, signed), code, "lane {lane}");
    }
}

#[test]
fn an_agent_keeps_its_lane_until_it_is_revoked() {
    let (mut exchange, mut owner, mut agent) = with_agent(&[0]);
    let cancel = || Action::CancelClientOrder(1);
    let first = agent.act_for(&owner.address, 256, cancel());
    exchange.send_signed(&agent, first.clone());
    exchange.send(&mut owner, approval(agent.address, EXPIRY + 1, &[1]));
    exchange.seal().unwrap();
    let known = exchange.state.account(&owner.address).unwrap().agents.clone();
    let expected = Agent { agent: agent.address, lane: 256, expiry: EXPIRY + 1, markets: markets(&[1]) };
    assert_eq!(known, [expected]);
    assert_eq!(refusal(&exchange, &agent, first.clone()), Some(Code::NonceUsed));

    exchange.send(&mut owner, Body::RevokeAgent(agent.address));
    exchange.seal_ok();
    assert_eq!((agents(&exchange, &owner), lanes(&exchange, &owner)), (vec![], vec![0]));
    let next = agent.act_for(&owner.address, 256, cancel());
    assert_eq!(refusal(&exchange, &agent, next.clone()), Some(Code::SignerNotAuthorized));
    assert_eq!(result(&mut exchange, &mut owner, Body::RevokeAgent(agent.address)), Code::UnknownAgent);

    exchange.send(&mut owner, approval(agent.address, EXPIRY, &[0]));
    exchange.seal_ok();
    assert_eq!(agents(&exchange, &owner), [(agent.address, 257)]);
    // What it signed for its old lane, sequenced or not, is worth nothing.
    for signed in [first, next] {
        assert_eq!(refusal(&exchange, &agent, signed), Some(Code::NonceLane));
    }
    let signed = agent.act_for(&owner.address, 257, cancel());
    assert_eq!(refusal(&exchange, &agent, signed), None);
}

#[test]
fn approvals_that_make_no_sense_or_are_too_many_change_nothing() {
    let mut owner = Trader::new(1);
    let mut exchange = open_market(&[&owner]);
    for (body, code) in [
        (approval(Address::new([0; 20]), EXPIRY, &[1]), Code::InvalidAgent),
        (approval(owner.address, EXPIRY, &[1]), Code::InvalidAgent),
        (approval(Address::new([1; 20]), EXPIRY, &[]), Code::InvalidAgent),
        (approval(Address::new([1; 20]), NOW - 1, &[1]), Code::InvalidAgent),
        (approval(Address::new([1; 20]), NOW, &[1]), Code::Ok),
    ] {
        assert_eq!(result(&mut exchange, &mut owner, body), code);
    }
    for number in 2..=MAX_AGENTS as u8 {
        exchange.send(&mut owner, approval(Address::new([number; 20]), EXPIRY, &[1]));
    }
    exchange.seal_ok();
    assert_eq!(
        result(&mut exchange, &mut owner, approval(Address::new([9; 20]), EXPIRY, &[1])),
        Code::TooManyAgents
    );
    assert_eq!(result(&mut exchange, &mut owner, approval(Address::new([8; 20]), u64::MAX, &[0])), Code::Ok);
    let expected: Vec<_> =
        (1..=8).map(|number| (Address::new([number; 20]), 255 + u16::from(number))).collect();
    assert_eq!(agents(&exchange, &owner), expected);
}

#[test]
fn lanes_run_out() {
    let mut owner = Trader::new(1);
    let mut exchange = open_market(&[&owner]);
    exchange.state.account_mut(&owner.address).unwrap().next_agent_lane = LAST_AGENT_LANE;
    assert_eq!(result(&mut exchange, &mut owner, approval(Address::new([1; 20]), EXPIRY, &[1])), Code::Ok);
    assert_eq!(
        result(&mut exchange, &mut owner, approval(Address::new([2; 20]), EXPIRY, &[1])),
        Code::TooManyAgents
    );
    assert_eq!(result(&mut exchange, &mut owner, approval(Address::new([1; 20]), EXPIRY, &[2])), Code::Ok);
    assert_eq!(agents(&exchange, &owner), [(Address::new([1; 20]), LAST_AGENT_LANE)]);
}

#[test]
fn an_owner_makes_nonces_of_its_lanes_unusable() {
    let (mut exchange, mut owner, mut agent) = with_agent(&[0]);
    let floor = |lane: u64, sequence: u64| Body::InvalidateNonces(lane << 48 | sequence);
    // The owner's transactions use its lane 0: the fifth one in all is number 4.
    for (body, code) in [
        (floor(8, 0), Code::InvalidFloor),
        (floor(255, 0), Code::InvalidFloor),
        (floor(257, 0), Code::InvalidFloor),
        (floor(0, 5 + MAX_NONCE_JUMP + 1), Code::InvalidFloor),
        (floor(1, MAX_NONCE_JUMP + 1), Code::InvalidFloor),
        (floor(1, 0), Code::Ok),
        (floor(2, MAX_NONCE_JUMP), Code::Ok),
        (floor(256, 5), Code::Ok),
        (floor(0, 9), Code::Ok),
    ] {
        assert_eq!(result(&mut exchange, &mut owner, body), code);
    }
    assert_eq!(lanes(&exchange, &owner), [0, 2, 256]);
    let cancel = || Action::CancelClientOrder(1);
    for sequence in 0..7 {
        let signed = agent.act_for(&owner.address, 256, cancel());
        let code = (sequence < 5).then_some(Code::NonceUsed);
        assert_eq!(refusal(&exchange, &agent, signed), code, "{sequence}");
    }
    for (nonce, code) in [
        (2 << 48 | (MAX_NONCE_JUMP - 129), Some(Code::NonceTooLow)),
        (2 << 48 | (MAX_NONCE_JUMP - 1), Some(Code::NonceUsed)),
        (2 << 48 | MAX_NONCE_JUMP, None),
        (1 << 48, None),
        (9, Some(Code::NonceUsed)),
        (10, None),
    ] {
        let mut signed = Trader::new(1).act(cancel());
        signed.head.nonce = nonce;
        assert_eq!(refusal(&exchange, &owner, signed), code, "{nonce:x}");
    }
}

#[test]
fn an_order_of_an_agent_is_the_accounts() {
    let (mut exchange, owner, mut agent) = with_agent(&[1]);
    agent.deadline = NOW + 7;
    let order = order(Bid, TimeInForce::Gtt, 100, 1);
    assert_eq!(results(&mut exchange, &owner, &mut agent, Action::PlaceOrder(order)), [Code::Ok]);
    let id = ids_of(&exchange, &owner.address)[0];
    assert_eq!(exchange.state.books.get(&id).unwrap().expiry, NOW + 7);
    assert_eq!(exchange.state.accounts.get(&agent.address), None);
}

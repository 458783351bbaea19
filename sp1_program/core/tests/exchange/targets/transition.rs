//! Anything that traders, agents and L1 do. Whatever it is, the state stays consistent, nothing is made or lost, the
//! only failure is a transaction that is invalid, and what the whole state gives a witness gives too.

use std::sync::LazyLock;

use zkclob_core::errors::Error;
use zkclob_core::inbox;
use zkclob_core::prepare::Prepared;
use zkclob_core::types::*;

use crate::draw::{Flow, TRADERS};
use crate::support::*;

const BATCHES: usize = 12;
const SECOND: u32 = 2;

static OPEN: LazyLock<zkclob_core::state::State> = LazyLock::new(|| {
    let traders = traders();
    let mut exchange = open_market(&traders.each_ref());
    // Amounts of single units, where a fee is often all of it, and a trader that takes the fees.
    let mut market = list_market(SECOND, 1);
    let fee_account = market.len() - 20;
    market[fee_account..].copy_from_slice(&traders[0].address);
    exchange.enter(market);
    exchange.seal_ok();
    exchange.state
});

fn traders() -> [Trader; TRADERS as usize] {
    [1, 2, 3, 4].map(Trader::new)
}

/// Gives the numbers of results and of batches refused.
pub fn run(bytes: &[u8]) -> (usize, usize) {
    let mut results = 0;
    let refused = play(bytes, |prepared| results += prepared.results.len());
    (results, refused)
}

/// Shows each batch that was sequenced. Gives the number of those that were refused.
pub fn play(bytes: &[u8], mut show: impl FnMut(&Prepared)) -> usize {
    let mut random = Random::from_bytes(bytes);
    let mut exchange = Exchange { state: OPEN.clone(), ..Exchange::default() };
    let mut traders = traders();
    let mut agent = Trader::new(9);
    let mut refused = 0;
    for _ in 0..BATCHES {
        if random.is_over() {
            break;
        }
        exchange.elapsed += random.below(30);
        for _ in 0..1 + random.below(8) {
            gather(&mut random, &mut exchange, &mut traders, &mut agent);
        }
        if exchange.transactions.is_empty() {
            continue;
        }
        match seal(&mut exchange) {
            Some(prepared) => show(&prepared),
            None => refused += 1,
        }
    }
    refused
}

/// `None` if a transaction was invalid; then the batch is dropped.
fn seal(exchange: &mut Exchange) -> Option<Prepared> {
    let before = [BASE, QUOTE].map(|token| total_held(&exchange.state, token));
    let paid_in = [BASE, QUOTE].map(|token| deposited(&exchange.inbox, token));
    match exchange.seal() {
        Ok(prepared) => {
            for (i, token) in [BASE, QUOTE].into_iter().enumerate() {
                let paid_out = paid_out(&prepared.outbox, token);
                let after = total_held(&exchange.state, token);
                assert_eq!(before[i].wrapping_add(paid_in[i]), after.wrapping_add(paid_out));
            }
            assert_consistent(&exchange.state);
            Some(prepared)
        }
        Err(Error::Invalid { .. } | Error::InvalidBlock { .. }) => {
            let (state, elapsed) = (exchange.state.clone(), exchange.elapsed);
            *exchange = Exchange { state, elapsed, ..Exchange::default() };
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn deposited(inbox: &[Vec<u8>], token: u32) -> u128 {
    let deposits = inbox.iter().filter(|entry| entry.len() == 49 && entry[0] == 1);
    let of_token = deposits.filter(|entry| entry[9..13] == token.to_be_bytes());
    of_token.map(|entry| last_number(entry)).fold(0, u128::wrapping_add)
}

fn paid_out(outbox: &[[u8; 61]], token: u32) -> u128 {
    let of_token = outbox.iter().filter(|leaf| leaf[25..29] == token.to_be_bytes());
    of_token.map(|leaf| last_number(&leaf[..45])).fold(0, u128::wrapping_add)
}

fn last_number(bytes: &[u8]) -> u128 {
    u128::from_be_bytes(bytes[bytes.len() - 16..].try_into().unwrap())
}

fn gather(random: &mut Random, exchange: &mut Exchange, traders: &mut [Trader], agent: &mut Trader) {
    let now = NOW + exchange.elapsed;
    let trader = &mut traders[random.below(TRADERS) as usize];
    // Seldom over already.
    trader.deadline = (now + random.below(40)).saturating_sub(1);
    agent.deadline = trader.deadline;
    let account = trader.address;
    match random.below(12) {
        0 => {
            let market = random.below(4) as u32;
            name_all(exchange, &account, market);
            exchange.send(trader, Action::CancelAll(market));
        }
        1 | 2 => {
            let entry = entry(random, &account, &agent.address, now);
            if inbox::time(&entry) <= now && matches!(entry[..], [2 | 3, ..]) && entry.len() == 29 {
                name_all(exchange, &account, 0);
                trader.skip_nonces(MAX_NONCE_JUMP + 1);
            }
            exchange.enter(entry);
        }
        3 => {
            let lane = exchange.state.accounts.get(&account).and_then(|own| own.agent(&agent.address));
            let lane = lane.map_or(FIRST_AGENT_LANE, |agent| agent.lane);
            let body = Flow { random, exchange, account }.action();
            exchange.send_for(agent, &account, lane, in_either(random, body));
        }
        4 => {
            let expired = exchange.state.books.items().into_iter().find(|(_, order)| order.is_expired(now));
            if let Some(id) = expired.map(|(id, _)| *id) {
                exchange.expire(&id);
            }
        }
        5 => {
            let (token, amount) = (1 + random.below(3) as u32, random.below(1 << 16).into());
            let recipient = Address::new([random.below(2) as u8; 20]);
            let max_relay_fee = random.below(3).into();
            exchange.send(trader, Body::Withdraw(Withdraw { token, amount, recipient, max_relay_fee }));
        }
        _ => {
            let body = Flow { random, exchange, account }.body();
            match body {
                Body::Action(action) => exchange.send(trader, in_either(random, action)),
                body => exchange.send(trader, body),
            }
        }
    }
}

/// The action as it is, or an order in the market of small amounts.
fn in_either(random: &mut Random, action: Action) -> Action {
    match action {
        Action::PlaceOrder(order) if random.below(3) == 0 => {
            Action::PlaceOrder(PlaceOrder { market: SECOND, size: 1 + order.size % 5, ..order })
        }
        action => action,
    }
}

/// Names the orders that cancelling all would remove now, as an honest host does.
fn name_all(exchange: &mut Exchange, account: &Address, market: u32) {
    let before = exchange.transactions.is_empty().then(|| exchange.state.clone());
    let Some(state) = before.or_else(|| exchange.after().ok()) else { return };
    let in_market = |id: &OrderId| market == 0 || id.book() / 2 == u64::from(market);
    let items = state.books.items().into_iter();
    exchange
        .removed
        .extend(items.filter(|(id, order)| order.owner == *account && in_market(id)).map(|(id, _)| *id));
}

/// An inbox entry of any kind, mostly in its form.
fn entry(random: &mut Random, account: &Address, agent: &Address, now: u64) -> Vec<u8> {
    let time = now + random.below(64) / 63;
    let token = (1 + random.below(3) as u32).to_be_bytes();
    let amount = (u128::MAX >> random.below(128)).to_be_bytes();
    let small = u128::from(random.below(1000)).to_be_bytes();
    let fee = (random.below(10_002) as u32).to_be_bytes();
    let market = (1 + random.below(3) as u32).to_be_bytes();
    let expiry = (now + random.below(90)).to_be_bytes();
    let status = random.below(4) as u8;
    let fields: Vec<&[u8]> = match random.below(12) {
        0 => vec![&[1], &token, account, &amount],
        1 => vec![&[1], &token, account, &small],
        2 => vec![&[2], account],
        3 => vec![&[3], account],
        4 | 5 => vec![&[4], account, agent, &expiry, &ALL_MARKETS],
        6 => vec![&[5], account],
        7 => vec![&[6], &token, account, &[18]],
        8 => vec![&[7], &market, &token, &[0, 0, 0, 1], &small, &small, &small, &fee, &fee, &fee, account],
        9 | 10 => vec![&[8], &market, std::slice::from_ref(&status), &small, &fee, &fee, &fee, account],
        _ => return amount[..random.below(17) as usize].to_vec(),
    };
    [fields[0], &time.to_be_bytes(), &fields[1..].concat()].concat()
}

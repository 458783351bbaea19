//! A random flow of everything that traders, their agents and L1 can do: the state stays sound, and each batch can be
//! executed from its witness.

use zkclob_core::errors::Code;
use zkclob_core::types::*;

use crate::support::*;

const TRADERS: u64 = 4;

/// Draws bodies that fit the state before the batch, most of them sensible.
struct Flow<'a> {
    random: &'a mut Random,
    exchange: &'a Exchange,
    account: Address,
}

impl Flow<'_> {
    fn one_of<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.random.below(items.len() as u64) as usize]
    }

    fn time_in_force(&mut self) -> TimeInForce {
        use TimeInForce::*;
        self.one_of(&[Gtc, Gtc, Gtt, Gtt, Ioc, Fok, PostOnly, PostOnlyGtt])
    }

    fn self_trade(&mut self) -> SelfTrade {
        use SelfTrade::*;
        self.one_of(&[CancelTaker, CancelMaker, CancelBoth, Decrement])
    }

    /// An order of the account, seldom of another.
    fn order_id(&mut self) -> OrderId {
        let strange = self.random.below(10) == 0;
        let items = self.exchange.state.books.items();
        let ids: Vec<_> = items.iter().filter(|(_, order)| strange || order.owner == self.account).collect();
        if ids.is_empty() {
            [0; 24]
        } else {
            *ids[self.random.below(ids.len() as u64) as usize].0
        }
    }

    fn action(&mut self) -> Action {
        match self.random.below(10) {
            0 => Action::CancelOrder(self.order_id()),
            1 => Action::CancelClientOrder(self.random.below(6).into()),
            2 | 3 => Action::ReplaceOrder(self.replacement()),
            _ => Action::PlaceOrder(PlaceOrder {
                market: MARKET,
                side: self.one_of(&[Side::Bid, Side::Ask]),
                time_in_force: self.time_in_force(),
                self_trade: self.self_trade(),
                price: 95 + self.random.below(10),
                size: 1 + self.random.below(5) * self.random.below(100),
                client_order_id: self.random.below(6).into(),
            }),
        }
    }

    fn replacement(&mut self) -> ReplaceOrder {
        let order_id = self.order_id();
        let remaining = self.exchange.state.books.get(&order_id).unwrap().map_or(1, |order| order.remaining);
        let place = zkclob_core::book::Place::of(&order_id).unwrap();
        let prices = [place.price, 95 + self.random.below(10)];
        ReplaceOrder {
            order_id,
            time_in_force: self.time_in_force(),
            self_trade: self.self_trade(),
            price: self.one_of(&prices),
            size: self.random.below(remaining + 3),
            expected_size: remaining,
            client_order_id: self.random.below(6).into(),
        }
    }

    fn body(&mut self) -> Body {
        match self.random.below(20) {
            0..4 => Body::Batch((0..1 + self.random.below(6)).map(|_| self.action()).collect()),
            4 => Body::Transfer(Transfer {
                to: Trader::new(1 + self.random.below(TRADERS) as u8).address,
                token: BASE,
                amount: self.random.below(100).into(),
            }),
            5 => Body::InvalidateNonces((1 + self.random.below(9)) << 48 | self.random.below(300)),
            6 => Body::RevokeAgent(Trader::new(9).address),
            7 => Body::ApproveAgent(ApproveAgent {
                agent: Trader::new(9).address,
                expiry: NOW + self.random.below(200),
                markets: ALL_MARKETS,
            }),
            _ => self.action().into(),
        }
    }
}

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

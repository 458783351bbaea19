//! What traders do, drawn at random or from the bytes of a fuzzer.

use zkclob_core::types::*;

use crate::support::*;

pub const TRADERS: u64 = 4;

/// Draws bodies that fit the state before the batch, most of them sensible.
pub struct Flow<'a> {
    pub random: &'a mut Random,
    pub exchange: &'a Exchange,
    pub account: Address,
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
            [0; 24].into()
        } else {
            *ids[self.random.below(ids.len() as u64) as usize].0
        }
    }

    pub fn action(&mut self) -> Action {
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
        let remaining = self.exchange.state.books.get(&order_id).map_or(1, |order| order.remaining);
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

    pub fn body(&mut self) -> Body {
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

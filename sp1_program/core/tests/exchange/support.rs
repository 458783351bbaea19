//! A small exchange to run batches on: traders with keys, an encoder of `data`, and a seeded random source.

use std::collections::{BTreeMap, VecDeque};

use secp256k1::{Message, Secp256k1, SecretKey};
use zkclob_core::batch::Batch;
use zkclob_core::book;
use zkclob_core::codec::values::client_key;
use zkclob_core::errors::{Code, Error};
use zkclob_core::prepare::{prepare, Prepared, Signature};
use zkclob_core::secp256k1::address_of;
use zkclob_core::signing;
use zkclob_core::state::State;
use zkclob_core::types::*;

pub const DOMAIN: Digest = [0xd0; 32];
pub const NOW: u64 = 1_700_000_000;
pub const BASE: u32 = 1;
pub const QUOTE: u32 = 2;
pub const MARKET: u32 = 1;
pub const LOT_SIZE: u128 = 1_000;
pub const TICK_SIZE: u128 = 10;
pub const MAKER_FEE: u32 = 100;
pub const TAKER_FEE: u32 = 300;
pub const FEE_ACCOUNT: Address = Address::new([0xfe; 20]);

/// Numbers that a failure can be replayed with: from a seed, by xorshift (Marsaglia, "Xorshift RNGs", 2003), or from
/// the bytes of a fuzzer.
pub enum Random {
    Seed(u64),
    Bytes(VecDeque<u8>),
}

impl Random {
    pub fn new(seed: u64) -> Self {
        Random::Seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// Few bytes for each number, so that a changed byte changes one decision. Where they end all numbers are 0.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Random::Bytes(bytes.iter().copied().collect())
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        let number = match self {
            Random::Seed(state) => {
                *state ^= *state << 13;
                *state ^= *state >> 7;
                *state ^= *state << 17;
                *state
            }
            Random::Bytes(bytes) => {
                let width = bound.next_power_of_two().ilog2().div_ceil(8) as usize;
                bytes.drain(..width.min(bytes.len())).fold(0, |number, byte| number << 8 | u64::from(byte))
            }
        };
        number % bound
    }

    /// Whether the bytes are used up.
    pub fn is_over(&self) -> bool {
        matches!(self, Random::Bytes(bytes) if bytes.is_empty())
    }
}

/// Enough of them for a flow of many decisions.
pub fn random_bytes(seed: u64) -> Vec<u8> {
    let mut random = Random::new(seed);
    (0..600).map(|_| random.below(256) as u8).collect()
}

pub struct Trader {
    secret: SecretKey,
    public_key: [u8; 64],
    pub address: Address,
    /// Of what it signs next.
    pub deadline: u64,
    nonce: u64,
}

impl Trader {
    pub fn new(seed: u8) -> Self {
        let secret = SecretKey::from_byte_array([seed; 32]).unwrap();
        let encoded = secret.public_key(&Secp256k1::new()).serialize_uncompressed();
        let public_key = encoded[1..].try_into().unwrap();
        Trader { secret, public_key, address: address_of(&public_key).into(), deadline: NOW + 60, nonce: 0 }
    }

    /// A transaction on its own account under the next nonce.
    pub fn act(&mut self, body: impl Into<Body>) -> Signed {
        let (account, nonce, deadline) = (self.address, self.nonce, self.deadline);
        let head = Head { account, signer: account, nonce, deadline };
        self.nonce += 1;
        Signed { head, body: body.into() }
    }

    pub fn skip_nonces(&mut self, count: u64) {
        self.nonce += count;
    }

    /// A transaction on another account, as its agent with this lane, under the next nonce.
    pub fn act_for(&mut self, account: &Address, lane: u16, body: impl Into<Body>) -> Signed {
        let mut signed = self.act(body);
        signed.head.account = *account;
        signed.head.nonce |= u64::from(lane) << 48;
        signed
    }

    pub fn sign(&self, signed: &Signed) -> Signature {
        let message = Message::from_digest(signing::Domain::new(&DOMAIN).digest(signed).to_bytes());
        let (id, compact) =
            Secp256k1::new().sign_ecdsa_recoverable(message, &self.secret).serialize_compact();
        let mut bytes = [27 + i32::from(id) as u8; 65];
        bytes[..64].copy_from_slice(&compact);
        Signature { public_key: self.public_key, bytes }
    }
}

/// An order on the market, without a client order id.
pub fn order(side: Side, time_in_force: TimeInForce, price: u64, size: u64) -> PlaceOrder {
    let self_trade = SelfTrade::CancelTaker;
    PlaceOrder { market: MARKET, side, time_in_force, self_trade, price, size, client_order_id: 0 }
}

/// The exchange between batches, and what its next batch holds.
#[derive(Default)]
pub struct Exchange {
    pub state: State,
    /// Seconds from `NOW` to the next block.
    pub elapsed: u64,
    pub transactions: Vec<Transaction>,
    pub inbox: Vec<Vec<u8>>,
    /// What its transactions that cancel all remove.
    pub removed: Vec<OrderId>,
    pub signatures: Vec<Signature>,
}

impl Exchange {
    pub fn enter(&mut self, entry: Vec<u8>) {
        self.transactions.push(Transaction::Inbox);
        self.inbox.push(entry);
    }

    pub fn send(&mut self, trader: &mut Trader, body: impl Into<Body>) {
        let signed = trader.act(body);
        self.send_signed(trader, signed);
    }

    pub fn send_for(&mut self, agent: &mut Trader, account: &Address, lane: u16, body: impl Into<Body>) {
        let signed = agent.act_for(account, lane, body);
        self.send_signed(agent, signed);
    }

    /// Removes an order that is expired.
    pub fn expire(&mut self, id: &OrderId) {
        self.transactions.push(Transaction::ExpireOrder(*id));
    }

    pub fn place(&mut self, trader: &mut Trader, order: PlaceOrder) {
        self.send(trader, Action::PlaceOrder(order));
    }

    pub fn send_signed(&mut self, trader: &Trader, signed: Signed) {
        self.signatures.push(trader.sign(&signed));
        self.transactions.push(Transaction::Signed(signed));
    }

    /// What has been gathered, as `data` of one block.
    pub fn data(&self) -> Vec<u8> {
        let block = Block { timestamp: NOW + self.elapsed, transactions: self.transactions.clone() };
        encode(self.state.meta.block_number + 1, self.state.meta.next_seq, &[block])
    }

    /// Prepares what has been gathered.
    pub fn prepare(&self) -> Result<Prepared, Error> {
        self.prepare_data(&self.data())
    }

    /// Prepares what has been gathered, which is this `data`.
    pub fn prepare_data(&self, data: &[u8]) -> Result<Prepared, Error> {
        prepare(&self.state, &self.batch(data), &self.signatures)
    }

    fn batch<'a>(&'a self, data: &'a [u8]) -> Batch<'a> {
        let inbox = self.inbox.iter().map(Vec::as_slice).collect();
        Batch { domain_separator: &DOMAIN, data, versioned_hashes: &[], inbox, removed: &self.removed }
    }

    /// The state after what has been gathered.
    pub fn after(&self) -> Result<State, Error> {
        let mut state = self.state.clone();
        zkclob_core::batch::run(&mut state, &self.batch(&self.data()), |_| ())?;
        Ok(state)
    }

    /// Prepares what has been gathered and goes on from the state after it.
    pub fn seal(&mut self) -> Result<Prepared, Error> {
        let prepared = self.prepare()?;
        let mut state = self.after()?;
        assert_eq!(state.root(), prepared.public_values.new_state_root);
        *self = Exchange { state, elapsed: self.elapsed, ..Exchange::default() };
        Ok(prepared)
    }

    /// Seals and expects every transaction to succeed.
    pub fn seal_ok(&mut self) -> Prepared {
        let prepared = self.seal().unwrap();
        assert!(prepared.results.iter().all(|code| *code == Code::Ok), "{:?}", prepared.results);
        prepared
    }
}

/// What each trader has of each token in an [`open_market`].
pub const FUNDS: u128 = 1_000_000 * LOT_SIZE;

/// An exchange with one market in which each trader has a million of both tokens, in base units of a lot.
pub fn open_market(traders: &[&Trader]) -> Exchange {
    let mut exchange = Exchange::default();
    exchange.enter(list_token(BASE));
    exchange.enter(list_token(QUOTE));
    exchange.enter(list_market(MARKET, LOT_SIZE));
    for trader in traders {
        exchange.enter(deposit(BASE, &trader.address, FUNDS));
        exchange.enter(deposit(QUOTE, &trader.address, FUNDS));
    }
    exchange.seal_ok();
    exchange
}

/// An exchange whose next batch uses every kind of transaction, next to subtrees that its witness leaves out.
pub fn busy_exchange() -> Exchange {
    use Side::{Ask, Bid};
    use TimeInForce::{Fok, Gtc, Gtt, PostOnly};
    let mut traders = [1, 2, 3, 4, 5, 6, 7, 8].map(Trader::new);
    let mut exchange = open_market(&traders.each_ref());
    for (trader, i) in traders.iter_mut().zip(0..) {
        exchange.place(trader, PlaceOrder { client_order_id: 1, ..order(Ask, Gtc, 101 + i, 2) });
        exchange.place(trader, order(Bid, if i == 2 { Gtt } else { Gtc }, 90 - i, 2));
    }
    let [owner, second, third, fourth, fifth, .., taker, last] = &mut traders;
    owner.deadline = NOW + 90;
    exchange.place(second, order(Ask, Gtt, 100, 2));
    let approval = ApproveAgent { agent: fifth.address, expiry: u64::MAX, markets: ALL_MARKETS };
    exchange.send(owner, Body::ApproveAgent(approval.clone()));
    exchange.seal_ok();

    exchange.elapsed = 61;
    taker.deadline = NOW + 90;
    last.deadline = NOW + 90;
    fifth.deadline = NOW + 90;
    exchange.removed = [&*fourth, taker, last].map(|trader| ids_of(&exchange, &trader.address)).concat();
    let [expired, replaced] = [&*third, owner].map(|trader| ids_of(&exchange, &trader.address)[0]);
    let replacement = ReplaceOrder {
        order_id: replaced,
        time_in_force: PostOnly,
        self_trade: SelfTrade::CancelMaker,
        price: 88,
        size: 3,
        expected_size: 2,
        client_order_id: 4,
    };
    exchange.enter([&[2][..], &NOW.to_be_bytes(), &fourth.address].concat());
    exchange.enter(deposit(BASE, &Address::new([7; 20]), 5));
    exchange.expire(&expired);
    let actions = vec![
        Action::CancelClientOrder(1),
        Action::ReplaceOrder(replacement),
        Action::CancelOrder(replaced),
        Action::PlaceOrder(PlaceOrder { client_order_id: 1, ..order(Ask, PostOnly, 110, 1) }),
    ];
    exchange.send_for(fifth, &owner.address, FIRST_AGENT_LANE, Body::Batch(actions));
    exchange.send(taker, Action::CancelAll(MARKET));
    // Meets the expired order at 100, then those of two other traders.
    let mut fill = order(Bid, Fok, 103, 3);
    fill.self_trade = SelfTrade::CancelMaker;
    exchange.place(taker, fill);
    exchange.enter([&[3][..], &NOW.to_be_bytes(), &last.address].concat());
    exchange.send(taker, Body::Transfer(Transfer { to: last.address, token: QUOTE, amount: 1 }));
    exchange.send(owner, Body::RevokeAgent(fifth.address));
    exchange.send(owner, Body::InvalidateNonces(1 << 48 | 7));
    let withdraw = Withdraw { token: BASE, amount: 1, recipient: Address::new([9; 20]), max_relay_fee: 0 };
    exchange.send(owner, Body::Withdraw(withdraw));
    exchange
}

/// The result of a batch with this one transaction.
pub fn result(exchange: &mut Exchange, trader: &mut Trader, body: impl Into<Body>) -> Code {
    exchange.send(trader, body);
    exchange.seal().unwrap().results[0]
}

/// The result of a batch with this one inbox entry.
pub fn entry_result(exchange: &mut Exchange, entry: Vec<u8>) -> Code {
    exchange.enter(entry);
    exchange.seal().unwrap().results[0]
}

/// Why the one transaction of a batch is invalid.
pub fn refusal(exchange: &Exchange, trader: &Trader, signed: Signed) -> Option<Code> {
    let mut attempt = Exchange { state: exchange.state.clone(), ..Exchange::default() };
    attempt.elapsed = exchange.elapsed;
    attempt.send_signed(trader, signed);
    match attempt.prepare() {
        Ok(_) => None,
        Err(Error::Invalid { code, .. }) => Some(code),
        Err(error) => panic!("{error}"),
    }
}

/// Total and locked amount.
pub fn balance(exchange: &Exchange, address: &Address, token: u32) -> (u128, u128) {
    let account = exchange.state.account(address).unwrap();
    let held = account.balances.iter().find(|balance| balance.token == token);
    held.map_or((0, 0), |balance| (balance.total, balance.locked))
}

/// Price and remaining lots of the orders on one side, best first.
pub fn orders(exchange: &Exchange, side: Side) -> Vec<(u64, u64)> {
    let items = exchange.state.books.items().into_iter();
    let placed = items.map(|(id, order)| (book::Place::of(id).unwrap(), order.remaining));
    placed
        .filter(|(place, _)| place.side == side)
        .map(|(place, remaining)| (place.price, remaining))
        .collect()
}

/// The orders of an account, in the order of their ids.
pub fn ids_of(exchange: &Exchange, account: &Address) -> Vec<OrderId> {
    let items = exchange.state.books.items().into_iter();
    items.filter(|(_, order)| order.owner == *account).map(|(id, _)| *id).collect()
}

/// Nothing was made or lost, and locks, counts and names are those of the resting orders.
pub fn assert_sound(exchange: &Exchange, supply: u128) {
    for token in [BASE, QUOTE] {
        assert_eq!(total_held(&exchange.state, token), supply);
    }
    assert_consistent(&exchange.state);
}

/// What all accounts have of a token.
pub fn total_held(state: &State, token: u32) -> u128 {
    let totals = state.accounts.items().into_iter().map(|(_, account)| account.total(token));
    totals.fold(0, u128::wrapping_add)
}

/// Locks, counts and names are those of the resting orders.
pub fn assert_consistent(state: &State) {
    let books = state.books.items();
    for (address, account) in state.accounts.items() {
        let own: Vec<_> = books.iter().filter(|(_, order)| order.owner == *address).collect();
        let mut locked = BTreeMap::new();
        let mut open = BTreeMap::new();
        for (id, order) in own {
            let place = book::Place::of(id).unwrap();
            let market = state.listed_market(place.market).unwrap();
            let (token, amount) = place.lock(market, order.remaining).unwrap();
            *locked.entry(token).or_insert(0) += amount;
            *open.entry(place.market).or_insert(0) += 1;
        }
        let counts = account.orders.iter().map(|orders| (orders.market, orders.open));
        assert!(counts.eq(open), "counts of open orders");
        let locks = account.balances.iter().filter(|balance| balance.locked > 0);
        assert!(locks.map(|balance| (balance.token, balance.locked)).eq(locked), "locks");
    }
    let named: Vec<_> = books.iter().filter(|(_, order)| order.client_order_id != 0).collect();
    assert_eq!(state.clients.items().len(), named.len());
    for (id, order) in named {
        let key = client_key(&order.owner, order.client_order_id);
        assert_eq!(state.clients.get(&key), Some(*id));
    }
}

pub fn list_token(token: u32) -> Vec<u8> {
    [&[6][..], &NOW.to_be_bytes(), &token.to_be_bytes(), &[token as u8; 20], &[18]].concat()
}

pub fn list_market(market: u32, lot_size: u128) -> Vec<u8> {
    let mut entry = vec![7];
    entry.extend_from_slice(&NOW.to_be_bytes());
    [market, BASE, QUOTE].iter().for_each(|number| entry.extend_from_slice(&number.to_be_bytes()));
    [lot_size, TICK_SIZE, TICK_SIZE].iter().for_each(|number| entry.extend_from_slice(&number.to_be_bytes()));
    [MAKER_FEE, TAKER_FEE, 0].iter().for_each(|number| entry.extend_from_slice(&number.to_be_bytes()));
    entry.extend_from_slice(&FEE_ACCOUNT);
    entry
}

pub fn deposit(token: u32, account: &Address, amount: u128) -> Vec<u8> {
    [&[1][..], &NOW.to_be_bytes(), &token.to_be_bytes(), account, &amount.to_be_bytes()].concat()
}

/// Encodes a list of transactions (protocol section 5).
pub fn encode(first_block: u64, first_seq: u64, blocks: &[Block]) -> Vec<u8> {
    let mut encoder = Encoder { seq: first_seq, ..Encoder::default() };
    encoder.varint(blocks.len() as u128);
    let mut timestamp = 0;
    for block in blocks {
        encoder.varint(u128::from(block.timestamp - timestamp));
        timestamp = block.timestamp;
        encoder.varint(block.transactions.len() as u128);
        for transaction in &block.transactions {
            encoder.transaction(transaction);
            encoder.seq = encoder.seq.wrapping_add(1);
        }
    }
    let mut head = Encoder::default();
    head.out.push(1);
    head.varint(encoder.dictionary.len() as u128);
    encoder.dictionary.iter().for_each(|address| head.out.extend_from_slice(address));
    head.varint(u128::from(first_block));
    head.varint(u128::from(first_seq));
    [head.out, encoder.out].concat()
}

#[derive(Default)]
struct Encoder {
    out: Vec<u8>,
    dictionary: Vec<Address>,
    nonces: BTreeMap<Address, u64>,
    deadline: u64,
    price_keys: BTreeMap<u64, u64>,
    seq: u64,
}

impl Encoder {
    fn varint(&mut self, mut value: u128) {
        while value >= 0x80 {
            self.out.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.out.push(value as u8);
    }

    fn zigzag(&mut self, value: u64, previous: u64) {
        let difference = value.wrapping_sub(previous) as i64;
        self.varint(u128::from(((difference << 1) ^ (difference >> 63)) as u64));
    }

    fn index(&mut self, address: &Address) -> u128 {
        let known = self.dictionary.iter().position(|known| known == address);
        known.unwrap_or_else(|| {
            self.dictionary.push(*address);
            self.dictionary.len() - 1
        }) as u128
    }

    fn reference(&mut self, address: &Address) {
        let index = self.index(address);
        self.varint(index);
    }

    fn own(&mut self, account: &Address, address: &Address) {
        let reference = if address == account { 0 } else { 1 + self.index(address) };
        self.varint(reference);
    }

    fn price_key(&mut self, book: u64, key: u64) {
        let last = self.price_keys.insert(book, key).unwrap_or(0);
        self.zigzag(key, last);
    }

    fn transaction(&mut self, transaction: &Transaction) {
        let Signed { head, body } = match transaction {
            Transaction::Inbox => return self.out.push(0),
            Transaction::ExpireOrder(id) => {
                self.out.push(0x0c);
                return self.order_id(id);
            }
            Transaction::Signed(signed) => signed,
        };
        self.out.push(match body {
            Body::Action(action) => kind(action),
            Body::Batch(_) => 6,
            Body::Withdraw(_) => 7,
            Body::Transfer(_) => 8,
            Body::ApproveAgent(_) => 9,
            Body::RevokeAgent(_) => 0x0a,
            Body::InvalidateNonces(_) => 0x0b,
        });
        self.reference(&head.account);
        self.own(&head.account, &head.signer);
        let last = self.nonces.insert(head.account, head.nonce).unwrap_or(0);
        self.zigzag(head.nonce, last);
        self.zigzag(head.deadline, self.deadline);
        self.deadline = head.deadline;
        self.body(&head.account, body);
    }

    fn body(&mut self, account: &Address, body: &Body) {
        match body {
            Body::Action(action) => self.action(action),
            Body::Batch(actions) => {
                self.varint(actions.len() as u128);
                for action in actions {
                    self.out.push(kind(action));
                    self.action(action);
                }
            }
            Body::Withdraw(withdraw) => {
                self.varint(u128::from(withdraw.token));
                self.varint(withdraw.amount);
                self.own(account, &withdraw.recipient);
                self.varint(withdraw.max_relay_fee);
            }
            Body::Transfer(transfer) => {
                self.reference(&transfer.to);
                self.varint(u128::from(transfer.token));
                self.varint(transfer.amount);
            }
            Body::ApproveAgent(approval) => {
                self.reference(&approval.agent);
                self.varint(u128::from(approval.expiry));
                self.out.extend_from_slice(&approval.markets);
            }
            Body::RevokeAgent(agent) => self.reference(agent),
            Body::InvalidateNonces(floor) => self.varint(u128::from(*floor)),
        }
    }

    fn action(&mut self, action: &Action) {
        match action {
            Action::PlaceOrder(order) => self.place_order(order),
            Action::CancelOrder(id) => self.order_id(id),
            Action::CancelClientOrder(id) => self.out.extend_from_slice(&id.to_be_bytes()),
            Action::CancelAll(market) => self.varint(u128::from(*market)),
            Action::ReplaceOrder(replacement) => self.replace_order(replacement),
        }
    }

    fn options(&mut self, side: Side, time_in_force: TimeInForce, self_trade: SelfTrade, named: bool) {
        let named = u8::from(named) << 6;
        self.out.push(side as u8 | (time_in_force as u8) << 1 | (self_trade as u8) << 4 | named);
    }

    fn client_order_id(&mut self, id: u128) {
        if id != 0 {
            self.out.extend_from_slice(&id.to_be_bytes());
        }
    }

    fn place_order(&mut self, order: &PlaceOrder) {
        self.options(order.side, order.time_in_force, order.self_trade, order.client_order_id != 0);
        self.varint(u128::from(order.market));
        self.price_key(book::id(order.market, order.side), book::price_key(order.side, order.price));
        self.varint(u128::from(order.size));
        self.client_order_id(order.client_order_id);
    }

    fn replace_order(&mut self, new: &ReplaceOrder) {
        self.order_id(&new.order_id);
        self.options(Side::Bid, new.time_in_force, new.self_trade, new.client_order_id != 0);
        let book = new.order_id.book();
        self.price_key(book, book::price_key(book::side(book), new.price));
        self.varint(u128::from(new.size));
        self.zigzag(new.expected_size, new.size);
        self.client_order_id(new.client_order_id);
    }

    fn order_id(&mut self, id: &OrderId) {
        self.varint(u128::from(id.book()));
        self.price_key(id.book(), id.price_key());
        self.zigzag(self.seq.wrapping_mul(64), id.place());
    }
}

fn kind(action: &Action) -> u8 {
    match action {
        Action::PlaceOrder(_) => 1,
        Action::CancelOrder(_) => 2,
        Action::CancelClientOrder(_) => 3,
        Action::CancelAll(_) => 4,
        Action::ReplaceOrder(_) => 5,
    }
}

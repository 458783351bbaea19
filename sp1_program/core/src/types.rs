//! What the state and the transactions are made of. Names and limits are those of the protocol.

use std::array::TryFromSliceError;
use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::ops::Deref;

use crate::codec::bytes::{equal_words, swap, to_words};
use crate::codec::cast::as_bytes;

/// What keys that are held as the little-endian words of their bytes have in common. Equality goes by words, where what is
/// derived calls a function that goes by bytes; order is that of the bytes.
macro_rules! impl_key {
    ($key:ident) => {
        impl PartialEq for $key {
            #[inline(always)]
            fn eq(&self, other: &Self) -> bool {
                equal_words(&self.0, &other.0)
            }
        }

        impl Eq for $key {}

        impl Hash for $key {
            fn hash<H: Hasher>(&self, state: &mut H) {
                self.0.hash(state);
            }
        }

        impl Ord for $key {
            fn cmp(&self, other: &Self) -> Ordering {
                self.0.map(u64::swap_bytes).cmp(&other.0.map(u64::swap_bytes))
            }
        }

        impl PartialOrd for $key {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }
    };
}

/// Held as the little-endian words of its bytes, which the guest walks by, compares and hashes.
#[derive(Clone, Copy, Debug)]
pub struct Address([u64; 3]);

impl Address {
    pub const LENGTH: usize = 20;
    pub const ZERO: Self = Address([0; 3]);

    pub const fn new(bytes: [u8; Self::LENGTH]) -> Self {
        let mut words = [0; 3];
        let mut i = 0;
        while i < Self::LENGTH {
            words[i / 8] |= (bytes[i] as u64) << (8 * (i % 8));
            i += 1;
        }
        Address(words)
    }

    /// Of the first bytes of words.
    pub fn from_words([first, second, third]: [u64; 3]) -> Self {
        Address([first, second, third & 0xffff_ffff])
    }

    /// Filled up with zeros.
    pub fn words(&self) -> &[u64; 3] {
        &self.0
    }
}

impl From<[u8; Address::LENGTH]> for Address {
    fn from(bytes: [u8; Address::LENGTH]) -> Self {
        Address::new(bytes)
    }
}

impl TryFrom<&[u8]> for Address {
    type Error = TryFromSliceError;

    fn try_from(bytes: &[u8]) -> Result<Self, Self::Error> {
        bytes.try_into().map(Address::new)
    }
}

impl AsRef<[u8]> for Address {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl Deref for Address {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        as_bytes(&self.0, Address::LENGTH)
    }
}

impl_key!(Address);
pub type Digest = [u8; 32];
/// `account ‖ clientOrderId`.
pub type ClientKey = [u8; 36];
/// `kind ‖ id`.
pub type RegistryKey = [u8; 5];
/// Bit `m` of this number is market `m`, bit 0 stands for all markets.
pub type Markets = [u8; 32];

pub const PROTOCOL_VERSION: u32 = 1;
pub const MAX_TOKEN_ID: u32 = 255;
pub const MAX_MARKET_ID: u32 = 255;
pub const MAX_DECIMALS: u8 = 30;
/// Largest base amount and notional of one order.
pub const MAX_AMOUNT: u128 = (1 << 108) - 1;
/// Largest sum of a token inside the exchange.
pub const MAX_HOLDINGS: u128 = (1 << 120) - 1;
/// Fees and price bands are in this fraction.
pub const FEE_UNIT: u32 = 1_000_000;
pub const MAX_FEE: u32 = 10_000;
pub const MAX_OPEN_ORDERS: u64 = 1_000;
/// Resting orders that one transaction may meet, all items of a batch together.
pub const MAX_MAKERS: u32 = 256;
pub const MAX_AGENTS: usize = 8;
/// Nonce lanes from 0 on that belong to the owner.
pub const OWNER_LANES: u16 = 8;
pub const FIRST_AGENT_LANE: u16 = 256;
pub const LAST_AGENT_LANE: u16 = 65_534;
pub const NONCE_WINDOW: u64 = 128;
pub const MAX_NONCE_JUMP: u64 = 1 << 20;
/// Actions in a batch, each with a place of its own below the transaction's sequence number.
pub const MAX_BATCH_ITEMS: u64 = 64;
/// The bit for all markets alone.
pub const ALL_MARKETS: Markets = {
    let mut markets = [0; 32];
    markets[31] = 1;
    markets
};

/// `(market × 2 + side) ‖ priceKey ‖ place`: the order of these keys is price-time priority. Held as the little-endian words
/// of its bytes, which the guest walks by and hashes.
#[derive(Clone, Copy, Debug)]
pub struct OrderId(pub [u64; 3]);

impl OrderId {
    pub fn new(book: u64, price_key: u64, place: u64) -> Self {
        OrderId([swap(book), swap(price_key), swap(place)])
    }

    pub fn to_bytes(self) -> [u8; 24] {
        let mut bytes = [0; 24];
        bytes.copy_from_slice(self.as_ref());
        bytes
    }

    pub fn book(&self) -> u64 {
        self.0[0].swap_bytes()
    }

    pub fn price_key(&self) -> u64 {
        self.0[1].swap_bytes()
    }

    pub fn place(&self) -> u64 {
        self.0[2].swap_bytes()
    }
}

impl From<[u8; 24]> for OrderId {
    fn from(bytes: [u8; 24]) -> Self {
        OrderId(to_words(&bytes))
    }
}

impl TryFrom<&[u8]> for OrderId {
    type Error = TryFromSliceError;

    fn try_from(bytes: &[u8]) -> Result<Self, Self::Error> {
        bytes.try_into().map(|bytes: [u8; 24]| bytes.into())
    }
}

impl AsRef<[u8]> for OrderId {
    fn as_ref(&self) -> &[u8] {
        as_bytes(&self.0, 24)
    }
}

impl_key!(OrderId);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    Bid,
    Ask,
}

impl Side {
    pub fn opposite(self) -> Self {
        match self {
            Side::Bid => Side::Ask,
            Side::Ask => Side::Bid,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeInForce {
    Gtc = 0,
    Gtt = 1,
    Ioc = 2,
    Fok = 3,
    PostOnly = 4,
    PostOnlyGtt = 5,
}

impl TimeInForce {
    /// Whether what is not matched may rest.
    pub fn rests(self) -> bool {
        !matches!(self, TimeInForce::Ioc | TimeInForce::Fok)
    }

    pub fn is_post_only(self) -> bool {
        matches!(self, TimeInForce::PostOnly | TimeInForce::PostOnlyGtt)
    }

    /// When an order rests no longer if its transaction has this deadline; 0: no such time.
    pub fn expiry(self, deadline: u64) -> u64 {
        match self {
            TimeInForce::Gtt | TimeInForce::PostOnlyGtt => deadline,
            _ => 0,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SelfTrade {
    CancelTaker = 0,
    CancelMaker = 1,
    CancelBoth = 2,
    Decrement = 3,
}

/// The fields with which every signed struct starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    pub account: Address,
    pub signer: Address,
    /// `lane << 48 | sequence`.
    pub nonce: u64,
    /// Last block time, in seconds, at which the transaction may be sequenced.
    pub deadline: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceOrder {
    pub market: u32,
    pub side: Side,
    pub time_in_force: TimeInForce,
    pub self_trade: SelfTrade,
    /// Ticks.
    pub price: u64,
    /// Lots.
    pub size: u64,
    /// 0: none.
    pub client_order_id: u128,
}

/// Market and side are those of the order that is replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplaceOrder {
    pub order_id: OrderId,
    pub time_in_force: TimeInForce,
    pub self_trade: SelfTrade,
    pub price: u64,
    /// What it shall have left if nothing was filled since its signer looked.
    pub size: u64,
    /// What it had left when its signer looked.
    pub expected_size: u64,
    pub client_order_id: u128,
}

/// What agents may do too, one by one or several in a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    PlaceOrder(PlaceOrder),
    CancelOrder(OrderId),
    CancelClientOrder(u128),
    /// In this market, 0: in all.
    CancelAll(u32),
    ReplaceOrder(ReplaceOrder),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withdraw {
    pub token: u32,
    pub amount: u128,
    pub recipient: Address,
    pub max_relay_fee: u128,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transfer {
    pub to: Address,
    pub token: u32,
    pub amount: u128,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApproveAgent {
    pub agent: Address,
    /// Last block time at which the agent may act.
    pub expiry: u64,
    pub markets: Markets,
}

/// What a signed transaction says after its head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    Action(Action),
    /// 1 to `MAX_BATCH_ITEMS`.
    Batch(Vec<Action>),
    Withdraw(Withdraw),
    Transfer(Transfer),
    ApproveAgent(ApproveAgent),
    RevokeAgent(Address),
    /// `lane << 48 | sequence`: the nonces of this lane below it.
    InvalidateNonces(u64),
}

impl From<Action> for Body {
    fn from(action: Action) -> Self {
        Body::Action(action)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    pub head: Head,
    pub body: Body,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transaction {
    /// The next entry of the inbox.
    Inbox,
    Signed(Signed),
    /// Takes out an order that is expired. Nobody signs it.
    ExpireOrder(OrderId),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Seconds.
    pub timestamp: u64,
    pub transactions: Vec<Transaction>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lane {
    pub lane: u16,
    /// One more than the highest sequence used, or where the lane was raised to.
    pub top: u64,
    /// Bit `i`: sequence `top − 1 − i` is used or invalid.
    pub window: u128,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    pub agent: Address,
    pub lane: u16,
    /// Last block time at which it may act.
    pub expiry: u64,
    pub markets: Markets,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenOrders {
    pub market: u32,
    pub open: u32,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Balance {
    pub token: u32,
    pub total: u128,
    /// What resting orders hold of `total`.
    pub locked: u128,
}

/// Each list is in ascending order of its first field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub lanes: Vec<Lane>,
    pub next_agent_lane: u16,
    pub agents: Vec<Agent>,
    pub orders: Vec<OpenOrders>,
    pub balances: Vec<Balance>,
}

impl Default for Account {
    fn default() -> Self {
        Account {
            lanes: Vec::new(),
            next_agent_lane: FIRST_AGENT_LANE,
            agents: Vec::new(),
            orders: Vec::new(),
            balances: Vec::new(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestingOrder {
    pub owner: Address,
    /// Lots, more than 0.
    pub remaining: u64,
    /// Seconds, 0: none.
    pub expiry: u64,
    pub time_in_force: TimeInForce,
    /// 0: none.
    pub client_order_id: u128,
}

impl RestingOrder {
    pub fn is_expired(&self, timestamp: u64) -> bool {
        self.expiry != 0 && self.expiry < timestamp
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub l1_address: Address,
    pub decimals: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarketStatus {
    Active = 1,
    CancelOnly = 2,
    Halted = 3,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Market {
    pub base: u32,
    pub quote: u32,
    /// Base units per lot.
    pub lot_size: u128,
    /// Quote units per tick and lot.
    pub tick_size: u128,
    pub min_notional: u128,
    pub maker_fee: u32,
    pub taker_fee: u32,
    /// In `1 / FEE_UNIT` of the last price, 0: none.
    pub price_band: u32,
    pub status: MarketStatus,
    /// 0: no trade yet.
    pub last_price: u64,
    pub fee_account: Address,
}

/// An entry of the registry: its key starts with 1 for a token, 2 for a market.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listing {
    Token(Token),
    Market(Market),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meta {
    pub block_number: u64,
    pub timestamp: u64,
    pub next_seq: u64,
    pub inbox_cursor: u64,
    pub inbox_hash: Digest,
}

impl Default for Meta {
    /// The record at genesis.
    fn default() -> Self {
        Meta { block_number: 0, timestamp: 0, next_seq: 1, inbox_cursor: 0, inbox_hash: [0; 32] }
    }
}

//! What the state and the transactions are made of. Names and limits are those of the protocol.

pub type Address = [u8; 20];
pub type Digest = [u8; 32];
/// `(market × 2 + side) ‖ priceKey ‖ place`: the order of these keys is price-time priority.
pub type OrderId = [u8; 24];
/// `account ‖ clientOrderId`.
pub type ClientKey = [u8; 36];
/// `kind ‖ id`.
pub type RegistryKey = [u8; 5];

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
/// Resting orders that one taker may meet.
pub const MAX_MAKERS: u32 = 256;
pub const OWNER_LANES: u16 = 8;
pub const FIRST_AGENT_LANE: u16 = 256;
pub const NONCE_WINDOW: u64 = 128;
pub const MAX_NONCE_JUMP: u64 = 1 << 20;
/// Actions in a batch, each with a place of its own below the transaction's sequence number.
pub const MAX_BATCH_ITEMS: u64 = 64;

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

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withdraw {
    pub token: u32,
    pub amount: u128,
    pub recipient: Address,
    pub max_relay_fee: u128,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    PlaceOrder(PlaceOrder),
    CancelOrder(OrderId),
    CancelClientOrder(u128),
    Withdraw(Withdraw),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    pub head: Head,
    pub action: Action,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transaction {
    /// The next entry of the inbox.
    Inbox,
    Signed(Signed),
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
    /// One more than the highest sequence used.
    pub top: u64,
    /// Bit `i`: sequence `top − 1 − i` is used.
    pub window: u128,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agent {
    pub agent: Address,
    pub lane: u16,
    pub expiry: u64,
    pub markets: [u8; 32],
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

//! Encodings of state values. Each value has one encoding; anything else does not decode.

use super::Reader;
use crate::errors::Error;
use crate::types::*;

pub const TOKEN_KIND: u8 = 1;
pub const MARKET_KIND: u8 = 2;

pub fn decode_account(bytes: &[u8]) -> Result<Account, Error> {
    let mut reader = Reader::new(bytes);
    let lanes = list(&mut reader, lane, |lane| lane.lane)?;
    let next_agent_lane = reader.u16()?;
    let agents = list(&mut reader, agent, |agent| agent.agent)?;
    let orders = list(&mut reader, open_orders, |orders| orders.market)?;
    let balances = list(&mut reader, balance, |balance| balance.token)?;
    reader.finish()?;
    Ok(Account { lanes, next_agent_lane, agents, orders, balances })
}

pub fn encode_account(account: &Account, out: &mut Vec<u8>) {
    out.push(count(&account.lanes));
    for lane in &account.lanes {
        out.extend_from_slice(&lane.lane.to_be_bytes());
        out.extend_from_slice(&lane.top.to_be_bytes());
        out.extend_from_slice(&lane.window.to_be_bytes());
    }
    out.extend_from_slice(&account.next_agent_lane.to_be_bytes());
    out.push(count(&account.agents));
    for agent in &account.agents {
        out.extend_from_slice(&agent.agent);
        out.extend_from_slice(&agent.lane.to_be_bytes());
        out.extend_from_slice(&agent.expiry.to_be_bytes());
        out.extend_from_slice(&agent.markets);
    }
    out.push(count(&account.orders));
    for orders in &account.orders {
        out.extend_from_slice(&orders.market.to_be_bytes());
        out.extend_from_slice(&orders.open.to_be_bytes());
    }
    out.push(count(&account.balances));
    for balance in &account.balances {
        out.extend_from_slice(&balance.token.to_be_bytes());
        out.extend_from_slice(&balance.total.to_be_bytes());
        out.extend_from_slice(&balance.locked.to_be_bytes());
    }
}

pub fn decode_order(bytes: &[u8]) -> Result<RestingOrder, Error> {
    let mut reader = Reader::new(bytes);
    let order = RestingOrder {
        owner: reader.array()?,
        remaining: reader.u64()?,
        expiry: reader.u64()?,
        time_in_force: time_in_force(reader.u8()?)?,
        client_order_id: reader.u128()?,
    };
    reader.finish()?;
    require(order.remaining > 0, "a resting order without size")?;
    Ok(order)
}

pub fn encode_order(order: &RestingOrder, out: &mut Vec<u8>) {
    out.extend_from_slice(&order.owner);
    out.extend_from_slice(&order.remaining.to_be_bytes());
    out.extend_from_slice(&order.expiry.to_be_bytes());
    out.push(order.time_in_force as u8);
    out.extend_from_slice(&order.client_order_id.to_be_bytes());
}

/// Decodes what the registry holds under `key`.
pub fn decode_listing(key: &RegistryKey, bytes: &[u8]) -> Result<Listing, Error> {
    let mut reader = Reader::new(bytes);
    let listing = match key[0] {
        TOKEN_KIND => Listing::Token(token(&mut reader)?),
        MARKET_KIND => Listing::Market(market(&mut reader)?),
        _ => return Err(Error::Malformed("unknown kind of registry entry")),
    };
    reader.finish()?;
    Ok(listing)
}

pub fn encode_listing(listing: &Listing, out: &mut Vec<u8>) {
    match listing {
        Listing::Token(token) => {
            out.extend_from_slice(&token.l1_address);
            out.push(token.decimals);
        }
        Listing::Market(market) => encode_market(market, out),
    }
}

pub fn decode_meta(bytes: &[u8]) -> Result<Meta, Error> {
    let mut reader = Reader::new(bytes);
    require(reader.u32()? == PROTOCOL_VERSION, "another version of the state")?;
    let meta = Meta {
        block_number: reader.u64()?,
        timestamp: reader.u64()?,
        next_seq: reader.u64()?,
        inbox_cursor: reader.u64()?,
        inbox_hash: reader.array()?,
    };
    reader.finish()?;
    Ok(meta)
}

pub fn encode_meta(meta: &Meta) -> [u8; 68] {
    let mut out = [0; 68];
    out[..4].copy_from_slice(&PROTOCOL_VERSION.to_be_bytes());
    out[4..12].copy_from_slice(&meta.block_number.to_be_bytes());
    out[12..20].copy_from_slice(&meta.timestamp.to_be_bytes());
    out[20..28].copy_from_slice(&meta.next_seq.to_be_bytes());
    out[28..36].copy_from_slice(&meta.inbox_cursor.to_be_bytes());
    out[36..].copy_from_slice(&meta.inbox_hash);
    out
}

pub fn registry_key(kind: u8, id: u32) -> RegistryKey {
    let mut key = [kind; 5];
    key[1..].copy_from_slice(&id.to_be_bytes());
    key
}

pub fn client_key(account: &Address, client_order_id: u128) -> ClientKey {
    let mut key = [0; 36];
    key[..20].copy_from_slice(account);
    key[20..].copy_from_slice(&client_order_id.to_be_bytes());
    key
}

pub(super) fn time_in_force(byte: u8) -> Result<TimeInForce, Error> {
    Ok(match byte {
        0 => TimeInForce::Gtc,
        1 => TimeInForce::Gtt,
        2 => TimeInForce::Ioc,
        3 => TimeInForce::Fok,
        4 => TimeInForce::PostOnly,
        5 => TimeInForce::PostOnlyGtt,
        _ => return Err(Error::Malformed("unknown time in force")),
    })
}

fn require(holds: bool, otherwise: &'static str) -> Result<(), Error> {
    if holds {
        Ok(())
    } else {
        Err(Error::Malformed(otherwise))
    }
}

/// Reads a list with its length before it, in strictly ascending order of `key`.
fn list<T, K: Ord>(
    reader: &mut Reader,
    item: impl Fn(&mut Reader) -> Result<T, Error>,
    key: impl Fn(&T) -> K,
) -> Result<Vec<T>, Error> {
    let length = usize::from(reader.u8()?);
    // One more than there is: almost every transaction that adds an entry adds one.
    let mut items = Vec::with_capacity(length + 1);
    for _ in 0..length {
        let next = item(reader)?;
        let ascends = items.last().is_none_or(|last| key(last) < key(&next));
        require(ascends, "a list of an account is not in order")?;
        items.push(next);
    }
    Ok(items)
}

fn lane(reader: &mut Reader) -> Result<Lane, Error> {
    let lane = Lane { lane: reader.u16()?, top: reader.u64()?, window: reader.u128()? };
    require(lane.top > 0, "a nonce lane that was not used")?;
    Ok(lane)
}

fn agent(reader: &mut Reader) -> Result<Agent, Error> {
    Ok(Agent { agent: reader.array()?, lane: reader.u16()?, expiry: reader.u64()?, markets: reader.array()? })
}

fn open_orders(reader: &mut Reader) -> Result<OpenOrders, Error> {
    let orders = OpenOrders { market: reader.u32()?, open: reader.u32()? };
    require(orders.open > 0, "a count of no open orders")?;
    Ok(orders)
}

fn balance(reader: &mut Reader) -> Result<Balance, Error> {
    let balance = Balance { token: reader.u32()?, total: reader.u128()?, locked: reader.u128()? };
    require(balance.total > 0, "a balance of nothing")?;
    require(balance.locked <= balance.total, "more locked than there is")?;
    Ok(balance)
}

fn token(reader: &mut Reader) -> Result<Token, Error> {
    Ok(Token { l1_address: reader.array()?, decimals: reader.u8()? })
}

fn market(reader: &mut Reader) -> Result<Market, Error> {
    let market = Market {
        base: reader.u32()?,
        quote: reader.u32()?,
        lot_size: reader.u128()?,
        tick_size: reader.u128()?,
        min_notional: reader.u128()?,
        maker_fee: reader.u32()?,
        taker_fee: reader.u32()?,
        price_band: reader.u32()?,
        status: market_status(reader.u8()?).ok_or(Error::Malformed("unknown market status"))?,
        last_price: reader.u64()?,
        fee_account: reader.array()?,
    };
    require(market.maker_fee <= MAX_FEE && market.taker_fee <= MAX_FEE, "a fee that is too high")?;
    Ok(market)
}

/// `None` for a number that means nothing.
pub fn market_status(number: u8) -> Option<MarketStatus> {
    match number {
        1 => Some(MarketStatus::Active),
        2 => Some(MarketStatus::CancelOnly),
        3 => Some(MarketStatus::Halted),
        _ => None,
    }
}

fn encode_market(market: &Market, out: &mut Vec<u8>) {
    out.extend_from_slice(&market.base.to_be_bytes());
    out.extend_from_slice(&market.quote.to_be_bytes());
    out.extend_from_slice(&market.lot_size.to_be_bytes());
    out.extend_from_slice(&market.tick_size.to_be_bytes());
    out.extend_from_slice(&market.min_notional.to_be_bytes());
    out.extend_from_slice(&market.maker_fee.to_be_bytes());
    out.extend_from_slice(&market.taker_fee.to_be_bytes());
    out.extend_from_slice(&market.price_band.to_be_bytes());
    out.push(market.status as u8);
    out.extend_from_slice(&market.last_price.to_be_bytes());
    out.extend_from_slice(&market.fee_account);
}

/// Length of a list of an account, which the ledger keeps at or below 255.
fn count<T>(list: &[T]) -> u8 {
    list.len() as u8
}

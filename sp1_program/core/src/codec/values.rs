//! Encodings of state values. Each value has one encoding; anything else does not decode.

use super::bytes::swap;
use super::{Reader, Writer};
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

pub fn encode_account(account: &Account, out: &mut Writer) {
    out.u8(count(&account.lanes));
    for lane in &account.lanes {
        out.u16(lane.lane);
        out.u64(lane.top);
        out.u128(lane.window);
    }
    out.u16(account.next_agent_lane);
    out.u8(count(&account.agents));
    for agent in &account.agents {
        out.address(&agent.agent);
        out.u16(agent.lane);
        out.u64(agent.expiry);
        out.bytes(&agent.markets);
    }
    out.u8(count(&account.orders));
    for orders in &account.orders {
        out.u32(orders.market);
        out.u32(orders.open);
    }
    out.u8(count(&account.balances));
    for balance in &account.balances {
        out.u32(balance.token);
        out.u128(balance.total);
        out.u128(balance.locked);
    }
}

pub fn decode_order(bytes: &[u8]) -> Result<RestingOrder, Error> {
    let mut reader = Reader::new(bytes);
    let order = RestingOrder {
        owner: reader.address()?,
        remaining: reader.u64()?,
        expiry: reader.u64()?,
        time_in_force: time_in_force(reader.u8()?)?,
        client_order_id: reader.u128()?,
    };
    reader.finish()?;
    require(order.remaining > 0, "a resting order without size")?;
    Ok(order)
}

pub fn encode_order(order: &RestingOrder, out: &mut Writer) {
    out.address(&order.owner);
    out.u64(order.remaining);
    out.u64(order.expiry);
    out.u8(order.time_in_force as u8);
    out.u128(order.client_order_id);
}

/// Bytes of an order's id and what [`encode_order`] writes, and the words that they fill.
pub const PACKED_ORDER_BYTES: usize = 77;
pub const PACKED_ORDER: usize = PACKED_ORDER_BYTES.div_ceil(8);

/// An order's id and what [`encode_order`] writes, as little-endian words. The guest does this for each order that rests.
pub fn pack_order(id: &OrderId, order: &RestingOrder) -> [u64; PACKED_ORDER] {
    let [first, second, third] = *order.owner.words();
    let (remaining, expiry) = (swap(order.remaining), swap(order.expiry));
    let time_in_force = order.time_in_force as u64;
    let (high, low) = match order.client_order_id {
        0 => (0, 0),
        id => (swap((id >> 64) as u64), swap(id as u64)),
    };
    let [book, price_key, place] = id.0;
    [
        book,
        price_key,
        place,
        first,
        second,
        third | remaining << 32,
        remaining >> 32 | expiry << 32,
        expiry >> 32 | time_in_force << 32 | high << 40,
        high >> 24 | low << 40,
        low >> 24,
    ]
}

/// What [`pack_order`] packed.
pub fn unpack_order(words: &[u64; PACKED_ORDER]) -> Result<(OrderId, RestingOrder), Error> {
    let [book, price_key, place, first, second, third, fourth, fifth, sixth, seventh] = *words;
    let (high, low) = (fifth >> 40 | sixth << 24, sixth >> 40 | seventh << 24);
    let order = RestingOrder {
        owner: Address::from_words([first, second, third]),
        remaining: swap(third >> 32 | fourth << 32),
        expiry: swap(fourth >> 32 | fifth << 32),
        time_in_force: time_in_force((fifth >> 32) as u8)?,
        client_order_id: if high | low == 0 {
            0
        } else {
            u128::from(swap(high)) << 64 | u128::from(swap(low))
        },
    };
    require(order.remaining > 0, "a resting order without size")?;
    Ok((OrderId([book, price_key, place]), order))
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

pub fn encode_listing(listing: &Listing, out: &mut Writer) {
    match listing {
        Listing::Token(token) => {
            out.address(&token.l1_address);
            out.u8(token.decimals);
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
    key[..20].copy_from_slice(account.as_ref());
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
    Ok(Agent {
        agent: reader.address()?,
        lane: reader.u16()?,
        expiry: reader.u64()?,
        markets: reader.array()?,
    })
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
    Ok(Token { l1_address: reader.address()?, decimals: reader.u8()? })
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
        fee_account: reader.address()?,
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

fn encode_market(market: &Market, out: &mut Writer) {
    out.u32(market.base);
    out.u32(market.quote);
    out.u128(market.lot_size);
    out.u128(market.tick_size);
    out.u128(market.min_notional);
    out.u32(market.maker_fee);
    out.u32(market.taker_fee);
    out.u32(market.price_band);
    out.u8(market.status as u8);
    out.u64(market.last_price);
    out.address(&market.fee_account);
}

/// Length of a list of an account, which the ledger keeps at or below 255.
fn count<T>(list: &[T]) -> u8 {
    list.len() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packed_order_is_its_id_and_its_encoding() {
        for (seed, client_order_id) in [(1, 0), (2, 1), (200, u128::MAX - 5), (77, 5 << 64)] {
            let id = OrderId::from(std::array::from_fn(|i| seed + i as u8));
            let order = RestingOrder {
                owner: Address::new(std::array::from_fn(|i| (seed / 2 * 3).wrapping_add(i as u8))),
                remaining: u64::from(seed) << (seed % 50),
                expiry: u64::MAX - u64::from(seed),
                time_in_force: TimeInForce::PostOnlyGtt,
                client_order_id,
            };
            let mut buffer = Writer::default();
            let (words, length) = buffer.write(|out| {
                out.words(&id.0);
                encode_order(&order, out);
            });
            assert_eq!((words, length), (&pack_order(&id, &order)[..], PACKED_ORDER_BYTES));
            assert_eq!(unpack_order(&pack_order(&id, &order)), Ok((id, order)));
        }
    }
}

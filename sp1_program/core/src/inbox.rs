//! Entries of the L1 inbox (protocol section 4.8). Every entry can be applied: what cannot take effect is a no-op.

use crate::agents;
use crate::codec::values::{market_status, registry_key, MARKET_KIND, TOKEN_KIND};
use crate::codec::Reader;
use crate::errors::{check, Code, Error, Stop};
use crate::hash::keccak256_concat;
use crate::ledger::credit;
use crate::orders::{self, Removals, EVERY_MARKET};
use crate::outbox::Outbox;
use crate::state::{State, Store, Table};
use crate::types::*;

const DEPOSIT: u8 = 1;
const FORCE_EXIT: u8 = 2;
const CANCEL_ALL: u8 = 3;
const APPROVE_AGENT: u8 = 4;
const REVOKE_AGENTS: u8 = 5;
const LIST_TOKEN: u8 = 6;
const LIST_MARKET: u8 = 7;
const SET_MARKET: u8 = 8;

enum Operation {
    Deposit { token: u32, account: Address, amount: u128 },
    ForceExit { account: Address },
    CancelAll { account: Address },
    ApproveAgent { account: Address, approval: ApproveAgent },
    RevokeAgents { account: Address },
    ListToken { id: u32, token: Token },
    ListMarket { id: u32, market: Market },
    SetMarket { id: u32, settings: Settings },
}

/// What the market's administrator may change.
struct Settings {
    /// A number that may mean nothing.
    status: u8,
    min_notional: u128,
    maker_fee: u32,
    taker_fee: u32,
    price_band: u32,
    fee_account: Address,
}

/// Earliest time of a block that holds this entry; 0 for one too short to have a time.
pub fn time(entry: &[u8]) -> u64 {
    let mut reader = Reader::new(entry);
    reader.u8().and_then(|_| reader.u64()).unwrap_or(0)
}

/// The inbox hash after this entry, which is also the entry's digest.
pub fn extend(inbox_hash: &Digest, entry: &[u8]) -> Digest {
    keccak256_concat(&[inbox_hash, entry])
}

/// Applies an entry.
pub fn apply<S: Store>(
    state: &mut State<S>,
    entry: &[u8],
    removals: &mut Removals,
    outbox: &mut Outbox,
) -> Result<(), Stop> {
    match decode(entry).map_err(|_| Code::UnknownOperation)? {
        Operation::Deposit { token, account, amount } => deposit(state, token, &account, amount, outbox),
        Operation::ForceExit { account } => force_exit(state, &account, removals, outbox),
        Operation::CancelAll { account } => cancel_all(state, &account, removals),
        Operation::ApproveAgent { account, approval } => {
            check_account(state, &account)?;
            agents::approve(state, &account, &approval)
        }
        Operation::RevokeAgents { account } => {
            check_account(state, &account)?;
            state.account_mut(&account)?.revoke_agents();
            Ok(())
        }
        Operation::ListToken { id, token } => list_token(state, id, token),
        Operation::ListMarket { id, market } => list_market(state, id, market),
        Operation::SetMarket { id, settings } => set_market(state, id, &settings),
    }
}

fn decode(entry: &[u8]) -> Result<Operation, Error> {
    let mut reader = Reader::new(entry);
    let kind = reader.u8()?;
    reader.u64()?;
    let operation = match kind {
        DEPOSIT => {
            Operation::Deposit { token: reader.u32()?, account: reader.address()?, amount: reader.u128()? }
        }
        FORCE_EXIT => Operation::ForceExit { account: reader.address()? },
        CANCEL_ALL => Operation::CancelAll { account: reader.address()? },
        APPROVE_AGENT => Operation::ApproveAgent {
            account: reader.address()?,
            approval: ApproveAgent {
                agent: reader.address()?,
                expiry: reader.u64()?,
                markets: reader.array()?,
            },
        },
        REVOKE_AGENTS => Operation::RevokeAgents { account: reader.address()? },
        LIST_TOKEN => Operation::ListToken {
            id: reader.u32()?,
            token: Token { l1_address: reader.address()?, decimals: reader.u8()? },
        },
        LIST_MARKET => Operation::ListMarket { id: reader.u32()?, market: decode_market(&mut reader)? },
        SET_MARKET => Operation::SetMarket { id: reader.u32()?, settings: decode_settings(&mut reader)? },
        _ => return Err(Error::Malformed("kind of an inbox entry")),
    };
    reader.finish()?;
    Ok(operation)
}

fn decode_market(reader: &mut Reader) -> Result<Market, Error> {
    Ok(Market {
        base: reader.u32()?,
        quote: reader.u32()?,
        lot_size: reader.u128()?,
        tick_size: reader.u128()?,
        min_notional: reader.u128()?,
        maker_fee: reader.u32()?,
        taker_fee: reader.u32()?,
        price_band: reader.u32()?,
        status: MarketStatus::Active,
        last_price: 0,
        fee_account: reader.address()?,
    })
}

fn decode_settings(reader: &mut Reader) -> Result<Settings, Error> {
    Ok(Settings {
        status: reader.u8()?,
        min_notional: reader.u128()?,
        maker_fee: reader.u32()?,
        taker_fee: reader.u32()?,
        price_band: reader.u32()?,
        fee_account: reader.address()?,
    })
}

/// Credits a deposit; one that cannot be credited goes back through the outbox.
fn deposit<S: Store>(
    state: &mut State<S>,
    token: u32,
    account: &Address,
    amount: u128,
    outbox: &mut Outbox,
) -> Result<(), Stop> {
    let refused = if state.token(token)?.is_none() {
        Some(Code::UnknownToken)
    } else {
        let total = state.accounts.get(account)?.map_or(0, |account| account.total(token));
        let fits = total.checked_add(amount).is_some_and(|total| total <= MAX_HOLDINGS);
        (!fits).then_some(Code::AmountTooLarge)
    };
    if let Some(code) = refused {
        outbox.append(account, token, amount, 0);
        return Err(code.into());
    }
    check(amount >= 1, Code::ZeroAmount)?;
    Ok(credit(state, account, token, amount)?)
}

fn check_account<S: Store>(state: &State<S>, account: &Address) -> Result<(), Stop> {
    Ok(check(state.accounts.get(account)?.is_some(), Code::NoAccount)?)
}

/// Sends all that an account holds to its owner on L1.
fn force_exit<S: Store>(
    state: &mut State<S>,
    account: &Address,
    removals: &mut Removals,
    outbox: &mut Outbox,
) -> Result<(), Stop> {
    check_account(state, account)?;
    orders::remove_all(state, account, EVERY_MARKET, removals)?;
    for balance in state.account_mut(account)?.take_all()? {
        outbox.append(account, balance.token, balance.total, 0);
    }
    Ok(())
}

/// Cancels all that an account has resting or could still have sequenced.
fn cancel_all<S: Store>(
    state: &mut State<S>,
    account: &Address,
    removals: &mut Removals,
) -> Result<(), Stop> {
    check_account(state, account)?;
    orders::remove_all(state, account, EVERY_MARKET, removals)?;
    Ok(state.account_mut(account)?.invalidate_all_nonces()?)
}

fn list_token<S: Store>(state: &mut State<S>, id: u32, token: Token) -> Result<(), Stop> {
    check((1..=MAX_TOKEN_ID).contains(&id), Code::InvalidListing)?;
    check(state.token(id)?.is_none(), Code::InvalidListing)?;
    check(token.decimals <= MAX_DECIMALS, Code::InvalidListing)?;
    Ok(state.registry.insert(registry_key(TOKEN_KIND, id), Listing::Token(token))?)
}

fn list_market<S: Store>(state: &mut State<S>, id: u32, market: Market) -> Result<(), Stop> {
    check((1..=MAX_MARKET_ID).contains(&id), Code::InvalidListing)?;
    check(state.market(id)?.is_none(), Code::InvalidListing)?;
    check(state.token(market.base)?.is_some(), Code::InvalidListing)?;
    check(state.token(market.quote)?.is_some(), Code::InvalidListing)?;
    check(market.base != market.quote, Code::InvalidListing)?;
    check(is_power_of_ten(market.lot_size) && market.lot_size <= MAX_AMOUNT, Code::InvalidListing)?;
    check((1..=MAX_AMOUNT).contains(&market.tick_size), Code::InvalidListing)?;
    check_fees(market.maker_fee, market.taker_fee, &market.fee_account)?;
    Ok(state.registry.insert(registry_key(MARKET_KIND, id), Listing::Market(market))?)
}

fn set_market<S: Store>(state: &mut State<S>, id: u32, settings: &Settings) -> Result<(), Stop> {
    check(state.market(id)?.is_some(), Code::InvalidListing)?;
    let status = market_status(settings.status).ok_or(Code::InvalidListing)?;
    check_fees(settings.maker_fee, settings.taker_fee, &settings.fee_account)?;
    let market = state.market_mut(id)?;
    market.status = status;
    market.min_notional = settings.min_notional;
    market.maker_fee = settings.maker_fee;
    market.taker_fee = settings.taker_fee;
    market.price_band = settings.price_band;
    market.fee_account = settings.fee_account;
    Ok(())
}

fn check_fees(maker_fee: u32, taker_fee: u32, fee_account: &Address) -> Result<(), Code> {
    check(maker_fee <= MAX_FEE && taker_fee <= MAX_FEE, Code::InvalidListing)?;
    check(*fee_account != Address::ZERO, Code::InvalidListing)
}

fn is_power_of_ten(number: u128) -> bool {
    number.checked_ilog10().is_some_and(|exponent| 10_u128.pow(exponent) == number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_ten() {
        assert!([1, 10, 1_000_000, 10_u128.pow(38)].into_iter().all(is_power_of_ten));
        assert!(![0, 2, 9, 11, 100_001, u128::MAX].into_iter().any(is_power_of_ten));
    }

    #[test]
    fn an_entry_without_a_whole_time_has_none() {
        assert_eq!(time(&[]), 0);
        assert_eq!(time(&[1, 0xff, 0xff]), 0);
        assert_eq!(time(&[9, 0, 0, 0, 0, 0, 0, 0, 5]), 5);
    }
}

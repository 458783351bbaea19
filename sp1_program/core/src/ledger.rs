//! What an account holds: balances, locks and counts of open orders; and the arithmetic of trades.
//!
//! The transition checks first, so no change here fails for a state that the transition made. Each still proves it:
//! a change that would go below zero or past what fits is an error, never a wrong number.

use crate::errors::Error;
use crate::state::{State, Store, Table};
use crate::types::*;

const TOO_MUCH: Error = Error::Inconsistent("an amount that does not fit");
const TOO_LITTLE: Error = Error::Inconsistent("less is there than is taken");
pub const TOO_LONG: Error = Error::Inconsistent("a list of an account is full");
/// Entries of a list of an account.
pub const MAX_LIST: usize = u8::MAX as usize;

/// Base and quote amount of `lots` at `price`, unless one is larger than an order may be.
pub fn amounts(market: &Market, price: u64, lots: u64) -> Option<(u128, u128)> {
    let base = product(lots.into(), market.lot_size)?;
    let quote = product(u128::from(price) * u128::from(lots), market.tick_size)?;
    (base <= MAX_AMOUNT && quote <= MAX_AMOUNT).then_some((base, quote))
}

/// A product that fits. Most factors are of 64 bits, and the guest multiplies them at a tenth of the cost.
#[inline(always)]
fn product(a: u128, b: u128) -> Option<u128> {
    if (a | b) >> 64 == 0 {
        return Some(u128::from(a as u64) * u128::from(b as u64));
    }
    a.checked_mul(b)
}

/// The fee on an amount of at most `MAX_AMOUNT`, rounded up.
pub fn fee(amount: u128, rate: u32) -> u128 {
    (amount * u128::from(rate)).div_ceil(u128::from(FEE_UNIT))
}

/// Credits an address, whose account is made if there is none. A credit of 0 changes nothing.
pub fn credit<S: Store>(state: &mut State<S>, to: &Address, token: u32, amount: u128) -> Result<(), Error> {
    if amount == 0 {
        return Ok(());
    }
    if let Some(account) = state.accounts.get_mut(to)? {
        return account.credit(token, amount);
    }
    let mut account = Account::default();
    account.credit(token, amount)?;
    state.accounts.insert(*to, account)
}

impl Account {
    fn balance(&self, token: u32) -> Result<usize, usize> {
        self.balances.binary_search_by_key(&token, |balance| balance.token)
    }

    pub fn total(&self, token: u32) -> u128 {
        self.balance(token).map_or(0, |at| self.balances[at].total)
    }

    /// What is not locked.
    pub fn available(&self, token: u32) -> u128 {
        self.balance(token).map_or(0, |at| self.balances[at].total - self.balances[at].locked)
    }

    pub fn credit(&mut self, token: u32, amount: u128) -> Result<(), Error> {
        match self.balance(token) {
            _ if amount == 0 => {}
            Ok(at) => {
                let total = &mut self.balances[at].total;
                *total = total.checked_add(amount).ok_or(TOO_MUCH)?;
            }
            Err(_) if self.balances.len() == MAX_LIST => return Err(TOO_LONG),
            Err(at) => self.balances.insert(at, Balance { token, total: amount, locked: 0 }),
        }
        Ok(())
    }

    /// Takes from what is not locked.
    pub fn debit(&mut self, token: u32, amount: u128) -> Result<(), Error> {
        if self.available(token) < amount {
            return Err(TOO_LITTLE);
        }
        self.take(token, amount, 0)
    }

    /// Takes from what is locked.
    pub fn debit_locked(&mut self, token: u32, amount: u128) -> Result<(), Error> {
        self.take(token, amount, amount)
    }

    pub fn unlock(&mut self, token: u32, amount: u128) -> Result<(), Error> {
        self.take(token, 0, amount)
    }

    fn take(&mut self, token: u32, total: u128, locked: u128) -> Result<(), Error> {
        let Ok(at) = self.balance(token) else {
            return if total == 0 && locked == 0 { Ok(()) } else { Err(TOO_LITTLE) };
        };
        let balance = &mut self.balances[at];
        balance.total = balance.total.checked_sub(total).ok_or(TOO_LITTLE)?;
        balance.locked = balance.locked.checked_sub(locked).ok_or(TOO_LITTLE)?;
        if balance.total == 0 {
            self.balances.remove(at);
        }
        Ok(())
    }

    /// Takes everything, of which nothing may be locked.
    pub fn take_all(&mut self) -> Result<Vec<Balance>, Error> {
        if self.balances.iter().any(|balance| balance.locked > 0) {
            return Err(Error::Inconsistent("a lock without an order"));
        }
        Ok(std::mem::take(&mut self.balances))
    }

    pub fn lock(&mut self, token: u32, amount: u128) -> Result<(), Error> {
        let Ok(at) = self.balance(token) else {
            return if amount == 0 { Ok(()) } else { Err(TOO_LITTLE) };
        };
        let Balance { total, locked, .. } = &mut self.balances[at];
        if *total - *locked < amount {
            return Err(TOO_LITTLE);
        }
        *locked += amount;
        Ok(())
    }

    /// Resting orders in all markets.
    pub fn open_orders(&self) -> u64 {
        self.orders.iter().map(|orders| u64::from(orders.open)).sum()
    }

    /// Resting orders in one market.
    pub fn open_orders_in(&self, market: u32) -> u64 {
        self.orders_in(market).map_or(0, |at| u64::from(self.orders[at].open))
    }

    fn orders_in(&self, market: u32) -> Result<usize, usize> {
        self.orders.binary_search_by_key(&market, |orders| orders.market)
    }

    pub fn count_order(&mut self, market: u32) -> Result<(), Error> {
        match self.orders_in(market) {
            Ok(at) => {
                let open = &mut self.orders[at].open;
                *open = open.checked_add(1).ok_or(TOO_MUCH)?;
            }
            Err(_) if self.orders.len() == MAX_LIST => return Err(TOO_LONG),
            Err(at) => self.orders.insert(at, OpenOrders { market, open: 1 }),
        }
        Ok(())
    }

    pub fn uncount_order(&mut self, market: u32) -> Result<(), Error> {
        let at = self.orders_in(market).map_err(|_| TOO_LITTLE)?;
        self.orders[at].open -= 1;
        if self.orders[at].open == 0 {
            self.orders.remove(at);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fees_round_up() {
        assert_eq!(fee(0, 10_000), 0);
        assert_eq!(fee(1, 1), 1);
        assert_eq!(fee(1_000_000, 1), 1);
        assert_eq!(fee(1_000_001, 1), 2);
        assert_eq!(fee(MAX_AMOUNT, MAX_FEE), MAX_AMOUNT / 100 + 1);
    }

    #[test]
    fn a_balance_of_nothing_is_not_kept() {
        let mut account = Account::default();
        account.credit(2, 10).unwrap();
        account.lock(2, 10).unwrap();
        assert_eq!(account.debit(2, 1), Err(TOO_LITTLE));
        account.unlock(2, 4).unwrap();
        account.debit(2, 4).unwrap();
        account.debit_locked(2, 6).unwrap();
        assert!(account.balances.is_empty());
        assert_eq!(account.debit_locked(2, 1), Err(TOO_LITTLE));
    }

    #[test]
    fn a_credit_that_does_not_fit_is_an_error() {
        let mut account = Account::default();
        account.credit(1, u128::MAX).unwrap();
        assert_eq!(account.credit(1, 1), Err(TOO_MUCH));
    }
}

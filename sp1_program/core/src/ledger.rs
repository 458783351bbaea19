//! What an account holds: balances, locks, counts of open orders and nonces; and the arithmetic of trades.
//!
//! The transition checks first, so no change here fails for a state that the transition made. Each still proves it:
//! a change that would go below zero or past what fits is an error, never a wrong number.

use crate::errors::{Code, Error};
use crate::state::State;
use crate::trie::Recorder;
use crate::types::*;

const TOO_MUCH: Error = Error::Inconsistent("an amount that does not fit");
const TOO_LITTLE: Error = Error::Inconsistent("less is there than is taken");
const TOO_LONG: Error = Error::Inconsistent("a list of an account is full");
const MAX_LIST: usize = u8::MAX as usize;

/// Base and quote amount of `lots` at `price`, unless one is larger than an order may be.
pub fn amounts(market: &Market, price: u64, lots: u64) -> Option<(u128, u128)> {
    let base = u128::from(lots).checked_mul(market.lot_size)?;
    let quote = (u128::from(price) * u128::from(lots)).checked_mul(market.tick_size)?;
    (base <= MAX_AMOUNT && quote <= MAX_AMOUNT).then_some((base, quote))
}

/// The fee on an amount of at most `MAX_AMOUNT`, rounded up.
pub fn fee(amount: u128, rate: u32) -> u128 {
    (amount * u128::from(rate)).div_ceil(u128::from(FEE_UNIT))
}

/// Credits an address, whose account is made if there is none. A credit of 0 changes nothing.
pub fn credit<R: Recorder>(
    state: &mut State<R>,
    to: &Address,
    token: u32,
    amount: u128,
) -> Result<(), Error> {
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

    pub fn lock(&mut self, token: u32, amount: u128) -> Result<(), Error> {
        if self.available(token) < amount {
            return Err(TOO_LITTLE);
        }
        if let Ok(at) = self.balance(token) {
            self.balances[at].locked += amount;
        }
        Ok(())
    }

    /// Resting orders in all markets.
    pub fn open_orders(&self) -> u64 {
        self.orders.iter().map(|orders| u64::from(orders.open)).sum()
    }

    pub fn count_order(&mut self, market: u32) -> Result<(), Error> {
        match self.orders.binary_search_by_key(&market, |orders| orders.market) {
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
        let at = self.orders.binary_search_by_key(&market, |orders| orders.market).map_err(|_| TOO_LITTLE)?;
        self.orders[at].open -= 1;
        if self.orders[at].open == 0 {
            self.orders.remove(at);
        }
        Ok(())
    }

    /// Uses sequence number `sequence` of a lane, or says why it cannot be used.
    pub fn use_nonce(&mut self, lane: u16, sequence: u64) -> Result<(), Code> {
        let at = match self.lanes.binary_search_by_key(&lane, |entry| entry.lane) {
            Ok(at) => at,
            Err(_) if sequence > MAX_NONCE_JUMP => return Err(Code::NonceTooHigh),
            Err(_) if self.lanes.len() == MAX_LIST => return Err(Code::NonceLane),
            Err(at) => {
                self.lanes.insert(at, Lane { lane, top: sequence + 1, window: 1 });
                return Ok(());
            }
        };
        self.lanes[at].mark(sequence)
    }
}

impl Lane {
    fn mark(&mut self, sequence: u64) -> Result<(), Code> {
        if sequence >= self.top {
            return self.raise(sequence);
        }
        let behind = self.top - 1 - sequence;
        if behind >= NONCE_WINDOW {
            return Err(Code::NonceTooLow);
        }
        if self.window >> behind & 1 == 1 {
            return Err(Code::NonceUsed);
        }
        self.window |= 1 << behind;
        Ok(())
    }

    fn raise(&mut self, sequence: u64) -> Result<(), Code> {
        let jump = sequence - self.top;
        if jump > MAX_NONCE_JUMP {
            return Err(Code::NonceTooHigh);
        }
        // Bits shifted past the window are numbers that are too low from now on.
        let kept = if jump + 1 < NONCE_WINDOW { self.window << (jump + 1) } else { 0 };
        self.window = kept | 1;
        self.top = sequence + 1;
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
    fn a_nonce_is_used_once_and_within_the_window() {
        let mut account = Account::default();
        assert_eq!(account.use_nonce(0, MAX_NONCE_JUMP + 1), Err(Code::NonceTooHigh));
        assert_eq!(account.use_nonce(0, 200), Ok(()));
        assert_eq!(account.use_nonce(0, 200), Err(Code::NonceUsed));
        assert_eq!(account.use_nonce(0, 73), Ok(()));
        assert_eq!(account.use_nonce(0, 72), Err(Code::NonceTooLow));
        assert_eq!(account.use_nonce(0, 201), Ok(()));
        assert_eq!(account.use_nonce(0, 73), Err(Code::NonceTooLow));
        assert_eq!(account.use_nonce(0, 202 + MAX_NONCE_JUMP + 1), Err(Code::NonceTooHigh));
        assert_eq!(account.use_nonce(0, 201 + 128), Ok(()));
        assert_eq!(account.lanes[0], Lane { lane: 0, top: 330, window: 1 });
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

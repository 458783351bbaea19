//! What leaves an account other than by trading (protocol section 4.5). Only its owner signs these.

use crate::errors::{check, Code, Stop};
use crate::ledger::credit;
use crate::outbox::Outbox;
use crate::state::{State, Store};
use crate::types::*;

/// Takes an amount out to L1.
pub fn withdraw<S: Store>(
    state: &mut State<S>,
    account: &Address,
    withdraw: &Withdraw,
    outbox: &mut Outbox,
) -> Result<(), Stop> {
    let Withdraw { token, amount, recipient, max_relay_fee } = withdraw;
    check(state.token(*token)?.is_some(), Code::UnknownToken)?;
    check(*amount >= 1, Code::ZeroAmount)?;
    check(*recipient != Address::ZERO, Code::ZeroRecipient)?;
    check(max_relay_fee <= amount, Code::RelayFeeTooHigh)?;
    check(state.account(account)?.available(*token) >= *amount, Code::InsufficientBalance)?;
    state.account_mut(account)?.debit(*token, *amount)?;
    outbox.append(recipient, *token, *amount, *max_relay_fee);
    Ok(())
}

/// Gives an amount to another account, which is made if there is none.
pub fn transfer<S: Store>(state: &mut State<S>, account: &Address, transfer: &Transfer) -> Result<(), Stop> {
    let Transfer { to, token, amount } = transfer;
    check(state.token(*token)?.is_some(), Code::UnknownToken)?;
    check(*amount >= 1, Code::ZeroAmount)?;
    check(*to != Address::ZERO, Code::ZeroRecipient)?;
    check(to != account, Code::SelfTransfer)?;
    check(state.account(account)?.available(*token) >= *amount, Code::InsufficientBalance)?;
    state.account_mut(account)?.debit(*token, *amount)?;
    Ok(credit(state, to, *token, *amount)?)
}

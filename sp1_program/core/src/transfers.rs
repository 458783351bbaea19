//! What leaves an account other than by trading (protocol section 4.5). Only its owner signs these.

use crate::errors::{check, Code, Stop};
use crate::ledger::credit;
use crate::outbox::Outbox;
use crate::state::State;
use crate::trie::Recorder;
use crate::types::*;

/// Takes an amount out to L1.
pub fn withdraw<R: Recorder>(
    state: &mut State<R>,
    account: &Address,
    withdraw: &Withdraw,
    outbox: &mut Outbox,
) -> Result<(), Stop> {
    let Withdraw { token, amount, recipient, max_relay_fee } = withdraw;
    check(state.token(*token)?.is_some(), Code::UnknownToken)?;
    check(*amount >= 1, Code::ZeroAmount)?;
    check(*recipient != [0; 20], Code::ZeroRecipient)?;
    check(max_relay_fee <= amount, Code::RelayFeeTooHigh)?;
    check(state.account(account)?.available(*token) >= *amount, Code::InsufficientBalance)?;
    state.account_mut(account)?.debit(*token, *amount)?;
    outbox.append(recipient, *token, *amount, *max_relay_fee);
    Ok(())
}

/// Gives an amount to another account, which is made if there is none.
pub fn transfer<R: Recorder>(
    state: &mut State<R>,
    account: &Address,
    transfer: &Transfer,
) -> Result<(), Stop> {
    let Transfer { to, token, amount } = transfer;
    check(state.token(*token)?.is_some(), Code::UnknownToken)?;
    check(*amount >= 1, Code::ZeroAmount)?;
    check(*to != [0; 20], Code::ZeroRecipient)?;
    check(to != account, Code::SelfTransfer)?;
    check(state.account(account)?.available(*token) >= *amount, Code::InsufficientBalance)?;
    state.account_mut(account)?.debit(*token, *amount)?;
    Ok(credit(state, to, *token, *amount)?)
}

//! How things fail.
//!
//! ```text
//! Code    result of a transaction; 1 - 9 make it invalid, from 20 it is a no-op
//! Error   the batch has no proof: input that does not decode, an invalid transaction, a poisoned witness
//! Stop    why a transaction ends early: a no-op, or an Error
//! ```

use thiserror::Error;

use crate::secp256k1::SignatureError;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Code {
    Ok = 0,
    UnknownAccount = 1,
    SignerNotAuthorized = 2,
    DeadlinePassed = 3,
    NonceLane = 4,
    NonceTooHigh = 5,
    NonceTooLow = 6,
    NonceUsed = 7,
    BadSignature = 8,
    NotExpired = 9,
    UnknownMarket = 20,
    MarketNotActive = 21,
    MarketNotAllowed = 22,
    FokNotFillable = 23,
    ZeroPrice = 24,
    ZeroSize = 25,
    AmountTooLarge = 26,
    BelowMinimum = 27,
    PriceBand = 28,
    TooManyOrders = 29,
    ClientOrderIdInUse = 30,
    InsufficientBalance = 31,
    PostOnlyWouldCross = 32,
    UnknownOrder = 33,
    NotOrderOwner = 34,
    UnknownToken = 35,
    ZeroAmount = 36,
    ZeroRecipient = 37,
    RelayFeeTooHigh = 38,
    UnknownOperation = 39,
    InvalidListing = 40,
    ExpectedSizeTooLow = 41,
    SelfTransfer = 42,
    InvalidAgent = 43,
    TooManyAgents = 44,
    UnknownAgent = 45,
    InvalidFloor = 46,
    NoAccount = 47,
}

#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Error {
    #[error("does not decode: {0}")]
    Malformed(&'static str),
    #[error("transaction {seq} is invalid: {code:?}")]
    Invalid { seq: u64, code: Code },
    /// Of one transaction; or of some that the guest, which checks all signatures at once, cannot name.
    #[error("{} is invalid: {reason}", seq.map_or("a signed transaction".to_owned(), |seq| format!("transaction {seq}")))]
    Signature { seq: Option<u64>, reason: SignatureError },
    #[error("block {number} is invalid: {why}")]
    InvalidBlock { number: u64, why: &'static str },
    #[error("a node of the {0} trie is needed and not there")]
    NodeLeftOut(&'static str),
    /// What no state that the transition made can lead to.
    #[error("the state contradicts itself: {0}")]
    Inconsistent(&'static str),
    #[error("{0}")]
    Mismatch(&'static str),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    NoOp(Code),
    Error(Error),
}

impl From<Code> for Stop {
    fn from(code: Code) -> Self {
        Stop::NoOp(code)
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Stop::Error(error)
    }
}

/// `Ok` if the check holds, else the result that its failure gives.
pub fn check(holds: bool, otherwise: Code) -> Result<(), Code> {
    if holds {
        Ok(())
    } else {
        Err(otherwise)
    }
}

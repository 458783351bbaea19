//! State transition of the exchange.

pub mod hash;
pub mod secp256k1;

//! State transition of the exchange.

pub mod hash;
pub mod secp256k1;

pub mod batch;
pub mod book;
pub mod codec;
pub mod digests;
pub mod errors;
pub mod inbox;
pub mod ledger;
pub mod matching;
pub mod outbox;
#[cfg(not(target_os = "zkvm"))]
pub mod prepare;
pub mod signing;
pub mod state;
pub mod transition;
pub mod trie;
pub mod types;
pub mod witness;

pub use witness::execute;

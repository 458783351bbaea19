//! State transition of the exchange, as `docs/protocol.md` specifies it. The guest calls [`execute`]; natively
//! [`prepare::prepare`] makes the witness for it. Both run the same code in [`transition`].

pub mod agents;
pub mod batch;
pub mod blob;
pub mod book;
pub mod codec;
pub mod digests;
pub mod errors;
pub mod hash;
pub mod hints;
pub mod inbox;
pub mod ledger;
pub mod matching;
pub mod nonces;
pub mod orders;
pub mod outbox;
pub mod partial;
#[cfg(not(target_os = "zkvm"))]
pub mod prepare;
pub mod secp256k1;
pub mod signing;
pub mod state;
pub mod transfers;
pub mod transition;
pub mod trie;
pub mod types;
pub mod uint256;
pub mod witness;

#[cfg(not(target_os = "zkvm"))]
pub use witness::execute;
pub use witness::execute_in_place;

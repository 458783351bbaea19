//! The targets. Those that need no more of the core than its users see are among its tests, where they are replayed
//! without a fuzzer.

pub use zkclob_core::{hash, uint256};

#[path = "../../core/tests/exchange/draw.rs"]
pub mod draw;
pub mod secp256k1;
pub mod signatures;
#[path = "../../core/tests/exchange/support.rs"]
pub mod support;
#[path = "../../core/tests/exchange/targets/mod.rs"]
pub mod targets;
#[path = "../../core/tests/exchange/witness.rs"]
pub mod witness;

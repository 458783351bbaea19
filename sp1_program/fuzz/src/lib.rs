//! The targets, which the tests of the core hold: there they are replayed without a fuzzer.

#[path = "../../core/tests/exchange/draw.rs"]
pub mod draw;
#[path = "../../core/tests/exchange/support.rs"]
pub mod support;
#[path = "../../core/tests/exchange/targets/mod.rs"]
pub mod targets;
#[path = "../../core/tests/exchange/witness.rs"]
pub mod witness;

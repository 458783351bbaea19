//! Runs the guest in SP1, by itself or for a sequencer.

pub mod execute;
pub mod manifest;
pub mod queue;
#[cfg(feature = "vkey")]
pub mod vkey;
pub mod worker;

//! What a fuzzer runs (`sp1_program/fuzz`), and here a replay of what it once found and a short run at random.
//!
//! Each target takes any bytes and panics when a promise is broken.

pub mod data;
pub mod transition;
pub mod witness;

#[cfg(test)]
mod replay;

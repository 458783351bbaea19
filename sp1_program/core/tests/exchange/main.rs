//! The crate as its users see it.

mod attacks;
mod batches;
mod hostile;
mod support;
mod trie;
mod vectors;

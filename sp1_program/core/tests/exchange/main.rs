//! The crate as its users see it.

mod batches;
mod hostile;
mod support;
mod trie;
mod vectors;

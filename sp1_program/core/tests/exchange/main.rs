//! The crate as its users see it.

mod agents;
mod attacks;
mod batches;
mod flow;
mod forced;
mod hostile;
mod matching;
mod replace;
mod support;
mod trie;
mod vectors;

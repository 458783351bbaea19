//! The crate as its users see it.

mod agents;
mod attacks;
mod batches;
mod draw;
mod flow;
mod forced;
mod hostile;
mod matching;
mod replace;
mod soundness;
mod support;
mod targets;
mod trie;
mod vectors;
mod witness;

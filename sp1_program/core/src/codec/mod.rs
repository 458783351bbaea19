//! Bytes in and out: [`Reader`] and the encodings built on it.

pub mod data;
mod reader;
pub mod values;

pub use reader::Reader;

//! Bytes in and out: [`Reader`] and the encodings built on it; [`Words`], of which a witness is made.

pub mod bytes;
pub mod data;
mod reader;
pub mod values;
pub mod words;

pub use reader::Reader;
pub use words::Words;

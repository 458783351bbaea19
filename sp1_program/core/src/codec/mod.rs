//! Bytes in and out: [`Reader`], [`Writer`] and the encodings built on them; [`Words`], of which a witness is made.

pub mod bytes;
pub mod cast;
pub mod data;
mod reader;
pub mod values;
pub mod words;
mod writer;

pub use reader::Reader;
pub use words::Words;
pub use writer::Writer;

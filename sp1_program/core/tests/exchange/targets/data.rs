//! Bytes on L1: what decodes is the one encoding of what it decodes to.

use zkclob_core::codec::data::decode;

use crate::support::encode;

/// Says whether the bytes decode.
pub fn run(bytes: &[u8]) -> bool {
    let Ok(data) = decode(bytes) else { return false };
    assert_eq!(encode(data.first_block, data.first_seq, &data.blocks), bytes);
    true
}

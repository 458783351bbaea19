//! The smallest batch: after genesis, one token is listed.

use std::path::PathBuf;
use zkclob_core::batch::Batch;
use zkclob_core::prepare::{prepare, Prepared};
use zkclob_core::state::State;

const TIME: u8 = 5;

pub fn prepared() -> Prepared {
    let kind_and_time = [6, 0, 0, 0, 0, 0, 0, 0, TIME];
    let token_and_decimals = [&[0, 0, 0, 2][..], &[0xaa; 20], &[18]].concat();
    let entry = [&kind_and_time[..], &token_and_decimals].concat();
    // Version, no addresses, block 1, sequence number 1, one block: its time, one transaction, the next inbox entry.
    let data = [1, 0, 1, 1, 1, TIME, 1, 0];
    let batch = Batch {
        domain_separator: &[7; 32],
        data: &data,
        versioned_hashes: &[],
        inbox: vec![&entry],
        removed: &[],
    };
    prepare(&State::default(), &batch, &[]).unwrap()
}

pub fn elf() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../elf/zkclob-program")
}

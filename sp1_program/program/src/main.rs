//! The guest. Its one input, the witness, comes from an untrusted host: nothing is believed that the core does not
//! check. It ends with exit code 0 only for a batch that follows the rules.

#![no_main]

sp1_zkvm::entrypoint!(main);

fn main() {
    let mut witness = sp1_zkvm::io::read_vec();
    // SAFETY: any bytes are words.
    let (before, words, after) = unsafe { witness.align_to_mut::<u64>() };
    assert!(before.is_empty() && after.is_empty(), "the witness is not a whole number of aligned words");
    match zkclob_core::execute_in_place(words) {
        Ok(public_values) => sp1_zkvm::io::commit_slice(&public_values),
        Err(error) => panic!("{error}"),
    }
}

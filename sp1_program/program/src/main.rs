//! The guest. Its one input, the witness, comes from an untrusted host: nothing is believed that the core does not
//! check. It ends with exit code 0 only for a batch that follows the rules.

#![no_main]

sp1_zkvm::entrypoint!(main);

fn main() {
    let witness = sp1_zkvm::io::read_vec();
    match zkclob_core::execute(&witness) {
        Ok(public_values) => sp1_zkvm::io::commit_slice(&public_values),
        Err(error) => panic!("{error}"),
    }
}

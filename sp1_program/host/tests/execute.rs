//! The guest as it was built, in SP1's executor.

mod batch;

use zkclob_prover::execute::{execute, ExecuteError};

fn elf() -> Vec<u8> {
    std::fs::read(batch::elf()).unwrap()
}

#[test]
fn guest_gives_the_public_values_of_the_native_core() {
    let prepared = batch::prepared();
    let execution = execute(&elf(), &prepared.witness).unwrap();
    assert_eq!(execution.public_values, prepared.public_values.encode());
    assert!(execution.cycles > 0 && execution.prover_gas > 0);
    assert_eq!(execute(&elf(), &prepared.witness).unwrap(), execution);
}

#[test]
fn guest_says_why_it_refuses_a_witness() {
    let witness = batch::prepared().witness;
    for bad in [&witness[..witness.len() - 8], &[witness.as_slice(), &[0; 8]].concat(), &[]] {
        let reason = zkclob_core::execute(bad).unwrap_err().to_string();
        match execute(&elf(), bad) {
            Err(ExecuteError::Guest { exit_code: 1, message }) => {
                assert!(message.contains(&reason), "{message}")
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn guest_takes_whole_words_only() {
    let witness = batch::prepared().witness;
    for bad in [&witness[..witness.len() - 1], &[witness.as_slice(), &[0]].concat()] {
        assert!(zkclob_core::execute(bad).is_err());
        assert!(matches!(execute(&elf(), bad), Err(ExecuteError::Guest { exit_code: 1, .. })));
    }
}

#[test]
fn refuses_what_is_no_program() {
    assert!(matches!(execute(b"\x7fELF", &[]), Err(ExecuteError::Program(_))));
}

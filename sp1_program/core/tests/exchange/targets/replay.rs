//! Inputs that broke a promise once, and a short run of each target at random.

use std::fs;
use std::path::Path;

use crate::support::*;

use super::{data, transition, witness};

/// Runs the inputs kept for a target.
fn replay<T>(target: &str, run: impl Fn(&[u8]) -> T) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/regressions").join(target);
    let inputs: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!inputs.is_empty());
    for path in inputs {
        run(&fs::read(path).unwrap());
    }
}

#[test]
fn data_that_was_found() {
    replay("data", data::run);
}

#[test]
fn witnesses_that_were_found() {
    replay("witness", witness::run);
}

#[test]
fn transitions_that_were_found() {
    replay("transition", transition::run);
}

/// Many are refused; some prove the same as before, or the like of another state.
#[test]
fn s03_a_witness_settles_nothing_that_is_not_a_function_of_what_the_contract_asks() {
    let mut proofs = 0;
    for seed in 0..2_000 {
        let mut random = Random::new(seed);
        let start = &witness::HONEST[random.below(witness::HONEST.len() as u64) as usize];
        proofs += u32::from(witness::run(&witness::mutate(start, &mut random)));
    }
    assert!((20..1_980).contains(&proofs), "{proofs}");
}

#[test]
fn whatever_is_done_the_state_stays_sound() {
    let (mut sequenced, mut refused) = (0, 0);
    for seed in 0..60 {
        let (more, less) = transition::run(&random_bytes(seed));
        (sequenced, refused) = (sequenced + more, refused + less);
    }
    assert!(sequenced > 1_000 && refused > 10, "{sequenced} {refused}");
}

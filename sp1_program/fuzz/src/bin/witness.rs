//! Witnesses of a hostile host. Half of the changes know the layout, the other half are libFuzzer's own.
#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};
use zkclob_fuzz::support::Random;
use zkclob_fuzz::targets::witness::{mutate, run};

fuzz_target!(|bytes: &[u8]| {
    run(bytes);
});

fuzz_mutator!(|bytes: &mut [u8], size: usize, max_size: usize, seed: u32| {
    if seed % 8 == 0 {
        return fuzzer_mutate(bytes, size, max_size);
    }
    let changed = mutate(&bytes[..size], &mut Random::new(seed.into()));
    if changed.len() > max_size {
        return size;
    }
    bytes[..changed.len()].copy_from_slice(&changed);
    changed.len()
});

//! Bytes that decide what traders, agents and L1 do.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    zkclob_fuzz::targets::transition::run(bytes);
});

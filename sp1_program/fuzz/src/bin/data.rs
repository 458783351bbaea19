//! Bytes that L1 could be given.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    zkclob_fuzz::targets::data::run(bytes);
});

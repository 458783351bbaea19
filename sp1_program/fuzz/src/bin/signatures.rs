//! Bytes that decide which keys and signatures there are, and what is wrong with them.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    zkclob_fuzz::signatures::run(bytes);
});

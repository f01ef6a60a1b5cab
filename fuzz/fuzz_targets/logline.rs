//! libFuzzer's door to `logline`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| daemun_fuzz::logline::run(data));

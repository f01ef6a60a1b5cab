//! libFuzzer's door to `mapping`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| daemun_fuzz::mapping::run(data));

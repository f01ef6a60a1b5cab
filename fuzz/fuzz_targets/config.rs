//! libFuzzer's door to `config`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| daemun_fuzz::config::run(data));

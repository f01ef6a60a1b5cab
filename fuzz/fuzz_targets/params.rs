//! libFuzzer's door to `params`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| daemun_fuzz::params::run(data));

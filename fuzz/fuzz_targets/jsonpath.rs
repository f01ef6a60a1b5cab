//! libFuzzer's door to `jsonpath`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| daemun_fuzz::jsonpath::run(data));

//! libFuzzer's door to `request_head`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| daemun_fuzz::request_head::run(data));

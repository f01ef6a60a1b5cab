//! libFuzzer's door to `response_head`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| daemun_fuzz::response_head::run(data));

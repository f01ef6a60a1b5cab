//! libFuzzer's door to `chunked`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| daemun_fuzz::chunked::run(data));

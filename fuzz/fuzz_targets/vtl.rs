//! libFuzzer's door to `vtl`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| daemun_fuzz::vtl::run(data));

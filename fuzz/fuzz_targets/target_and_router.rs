//! libFuzzer's door to `target_and_router`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| daemun_fuzz::target_and_router::run(data));

//! libFuzzer's door to `schema`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| daemun_fuzz::schema::run(data));

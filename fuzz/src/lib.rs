//! What is fuzzed: one function per target that takes any bytes and panics if a promise breaks.
//!
//! libFuzzer runs them through `fuzz_targets/`, `cargo test` through `tests/fuzz_smoke.rs`, which
//! includes this file as a module.

pub mod chunked;
pub mod config;
pub mod head;
pub mod jsonpath;
pub mod logline;
pub mod mapping;
pub mod params;
pub mod request_head;
pub mod response_head;
pub mod schema;
pub mod target_and_router;
pub mod vtl;

#[path = "../../src/plan/oracle.rs"]
mod oracle;

// The oracle is a file of the gateway and says `crate::base` and `crate::plan`.
#[allow(unused_imports)]
use daemun::{base, plan};

/// One thing to fuzz.
pub struct Target {
    pub name: &'static str,
    pub run: fn(&[u8]),
    /// Inputs that reach deep, for whoever mutates them.
    pub seeds: &'static [&'static [u8]],
    /// Byte strings that mean something to the target.
    pub tokens: &'static [&'static [u8]],
}

pub const TARGETS: &[Target] = &[
    request_head::TARGET,
    response_head::TARGET,
    chunked::TARGET,
    target_and_router::TARGET,
    config::TARGET,
    logline::TARGET,
    mapping::TARGET,
    vtl::TARGET,
    jsonpath::TARGET,
    params::TARGET,
    schema::TARGET,
];

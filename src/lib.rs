//! daemun: an open, self-hosted Amazon API Gateway in one binary.
//!
//! A request travels `rt → net → gateway → net → upstream`; a change travels
//! `server::config → model → compile → plan`. The two meet in `plan` only. ARCHITECTURE.md has
//! the picture; `tests/tidy.rs` holds who may import whom.

pub mod base;

pub mod aws;
pub mod lang;
pub mod observe;
pub mod rt;
pub mod wire;

pub mod model;
pub mod net;
pub mod plan;
pub mod store;

pub mod lambda;

pub mod compile;
pub mod gateway;

pub mod control;

pub mod neighbor;

pub mod server;

pub mod cli;

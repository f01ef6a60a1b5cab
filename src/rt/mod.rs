//! Cores, sockets, TLS, timers; the only room that knows monoio.

pub mod address;
pub mod arrange;
pub mod dns;
pub mod handoff;
pub mod inherit;
mod resolve;
pub mod signal;
pub mod socket;
pub mod supervisor;
pub mod tls;

//! Cores, sockets, TLS, timers; the only room that knows monoio.

pub mod tls;

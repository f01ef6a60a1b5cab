//! The gateway as a user meets it: the real binary, a config file, raw sockets, hostile peers.
//!
//! Every test that serves traffic runs on both drivers. `kit` has the client, the scripted
//! upstream and the running gateway; each other module keeps the promises of one subject.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[macro_use]
mod kit;

mod body;
mod command;
mod functions;
mod h1;
mod handover;
mod headers;
mod hostile;
mod https_upstream;
mod interim;
mod lane;
mod limits;
mod load;
mod long_body;
mod pool;
mod reload;
mod routing;
mod seeing;
mod smuggling;
mod stop;
mod streaming;
mod throttle;
mod timeouts;
mod tls;
mod tools;
mod upstream;
mod vtl;
mod vtl_templates;

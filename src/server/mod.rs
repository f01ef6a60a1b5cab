//! The one room that knows all others: builds and joins them.

pub mod admin;
pub mod config;
pub mod demo;
pub mod destination;
pub mod diagnostics;
pub mod export;
pub mod watch;

//! The one room that knows all others: builds and joins them.

pub mod demo;
pub mod watch;
pub mod config;

//! The one room that knows all others: builds and joins them.

pub mod admin;
pub mod boot;
pub mod config;
mod control;
mod cores;
pub mod credentials;
pub mod demo;
pub mod destination;
pub mod diagnostics;
mod dispatch;
pub mod explain;
mod export;
mod functions;
pub mod keys;
pub mod listeners;
mod management;
mod metadata;
mod observer;
mod outlet;
pub mod prepare;
mod publish;
mod reception;
mod reload;
pub mod shutdown;
pub mod source;
mod vault;
pub mod watch;

pub use boot::{Error, Running};
pub use shutdown::Ending;
pub use source::Source;

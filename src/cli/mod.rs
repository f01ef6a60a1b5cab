//! The command line.

mod apis;
mod check;
mod columns;
mod command;
mod env;
mod keep;
mod remote;
mod serve;
mod target;

pub use command::main;

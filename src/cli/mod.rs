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
mod vtl;

pub use command::main;

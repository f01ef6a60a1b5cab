//! The command line.

mod check;
mod command;
mod serve;
mod target;

pub use command::main;

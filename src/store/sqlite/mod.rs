//! SQLite: one node, one file in `data_dir`.
//!
//! One thread owns the connection that writes. It takes all changes that wait, runs them one after
//! the other inside one SQL transaction, each in its own savepoint, and answers all of them after
//! the one commit: the disk is waited for once a group, not once a change. Readers have
//! connections of their own and never wait (WAL). Another thread moves the log into the database.

pub mod backup;
mod checkpoint;
mod engine;
mod fault;
#[cfg(test)]
mod fault_tests;
mod file;
mod lock;
mod rows;
mod schema;
mod writer;

pub(crate) use engine::Sqlite;

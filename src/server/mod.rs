//! The one room that knows all others: builds and joins them.

pub mod config;

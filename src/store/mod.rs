//! Keeping records: get, list, change many at once or none, watch. SQLite for one node, memory
//! for tests.
//!
//! A record is bytes under a `Key` of account, region, kind and id. What the bytes mean is
//! `record`'s matter; the engines never look inside. Every engine passes `contract`.

mod change;
#[cfg(test)]
mod contract;
#[cfg(test)]
mod crash_tests;
mod error;
mod feed;
mod handle;
mod job;
pub mod key;
mod memory;
pub mod record;
mod sqlite;

pub use change::{Change, Entry, Expect, Page, View};
pub use error::StoreError;
pub use handle::Store;
pub use key::{Key, Prefix};
pub use record::{Record, Stored};
pub use sqlite::backup::{Copied, backup, restore};

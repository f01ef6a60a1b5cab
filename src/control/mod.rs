//! The AWS management APIs: operations on the resources that a user makes.

pub mod error;
pub mod protocol;

pub use error::{Error, Outcome};

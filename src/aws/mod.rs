//! What AWS means by a name, a key, a signature and an error.

pub mod action;
pub mod arn;
pub mod credential;
pub mod endpoint;
pub mod error;
pub mod event_stream;
pub mod function;
pub mod session;
pub mod sigv4;
pub mod subtype;

pub use arn::Arn;
pub use credential::{AccessKey, AccessKeys};
pub use error::{ErrorName, Fault};
pub use session::SessionKeys;

//! REST-JSON as AWS speaks it: tables of operations, requests to inputs, outputs to answers.
//!
//! ```text
//!  method, raw path ─▶ route ─▶ Operation ─▶ decode ─▶ validate ─▶ Input ─▶ (an operation's own work)
//!                                                                              │
//!  status, JSON with AWS's names, dates and omissions ◀──────────── encode ◀───┘ Value
//! ```

pub mod decode;
pub mod docs;
pub mod encode;
pub mod operation;
pub mod page;
pub mod query;
pub mod route;
mod table;
pub mod validate;

pub use decode::Input;
pub use operation::{Operation, Service, ServiceName};

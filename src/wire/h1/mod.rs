//! HTTP/1.1 and 1.0.

pub mod chunked;
pub mod encode;
mod fields;
mod ordinary;
mod request;
mod response;

pub use chunked::{Chunked, Scan};
pub use fields::head_may_be_complete;

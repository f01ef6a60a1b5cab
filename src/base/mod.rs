//! Things std could have had; knows no HTTP, no AWS, no gateway.

pub mod buffer;
pub mod method;

pub use buffer::{Buffer, Pool};
pub use method::Method;

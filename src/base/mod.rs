//! Things std could have had; knows no HTTP, no AWS, no gateway.

pub mod ascii;
pub mod method;

pub use method::Method;

//! Things std could have had; knows no HTTP, no AWS, no gateway.

pub mod ascii;
pub mod block;
pub mod buffer;
pub mod clock;
pub mod crypto;
pub mod date;
pub mod id;
pub mod json;
pub mod method;
pub mod uuid;

pub use buffer::{Buffer, Pool};
pub use clock::Clock;
pub use date::DateCache;
pub use id::{RequestId, RequestIds};
pub use method::Method;
pub use uuid::Uuid;

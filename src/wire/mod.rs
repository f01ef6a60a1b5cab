//! Bytes to messages and back, without sockets, clocks or tasks.

pub mod error;
pub mod framing;
pub mod h1;
pub mod head;
pub mod limits;
pub mod target;

pub use error::{ChunkError, FieldError, RequestError, ResponseError, TargetError};
pub use head::{Body, Field, Name, Parsed, RequestHead, ResponseHead, Span, Version};
pub use limits::Limits;

//! Access-log formats over `$context`.
//!
//! A format is text with variables such as `$context.requestId`. It is parsed once into
//! operations; a request then costs one pass over them. Sources: "Customizing HTTP API access
//! logs" and "Configuring logging for an HTTP API" of the API Gateway developer guide.

mod escape;
mod format;
mod variable;

pub use format::{Error, FORMAT_BYTES_MAX, Format};
pub use variable::Variable;

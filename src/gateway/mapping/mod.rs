//! Parameter mapping of HTTP APIs: values put in, messages changed.

mod edit;
mod in_json;
mod query;
mod request;
mod scene;

pub use edit::Edits;
pub use query::{changed as changed_query, encode_path};
pub use request::head;
pub use scene::{Answered, Body, Form, Scene, joined};

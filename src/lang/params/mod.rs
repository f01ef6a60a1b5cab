//! The values that mappings of REST APIs move: `method.request.header.x`, `context.stage`, `'text'`.

mod source;
mod text;

pub use source::{BodyPath, Part, Source};
pub use text::{Piece, Text};

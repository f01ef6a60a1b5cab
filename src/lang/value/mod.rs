//! The values that a user's templates and paths work on: JSON as json-smart reads it, printed and
//! compared as Java does.
//!
//! Maps and lists are shared and can be written, as Java's are, so they live in a [`Heap`] that ends
//! with the request: a map that holds itself leaks nothing.

mod bare;
mod block;
mod heap;
mod map;
mod number;
mod plain;
mod print;
mod read;
#[cfg(test)]
mod read_tests;
mod scan;
mod text;
mod unescape;

pub use heap::{Heap, Hint, Items, List, ListId, ListKind, MapId, ReadMap};
pub use map::{Map, Members};
pub use number::{Number, Operation};
pub use print::{Style, quote};
pub use read::{DEPTH_MAX, ReadError, read};
pub use scan::{DIGITS_MAX, Known, POWERS, behind_blanks, digits, is_ascii, special};
pub use text::{TEXT_BYTES, Texts};

/// One value. Cheap to copy: what is large is borrowed or on the heap.
#[derive(Clone, Copy, Debug)]
pub enum Value<'a> {
    Null,
    Bool(bool),
    Number(Number<'a>),
    /// Java's `Character`, as `charAt` gives it.
    Char(char),
    Text(&'a str),
    Map(MapId),
    List(ListId),
    Handle(Handle),
}

/// An object that is no data: what it can do is known by the template engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handle {
    /// `$input`
    Input,
    /// `$util`
    Util,
    /// `$foreach`: which of the open loops.
    Loop(u32),
    /// What `#define` made: which block of the template.
    Block(u32),
}

impl<'a> Value<'a> {
    pub const EMPTY: Self = Self::Text("");

    pub fn int(value: usize) -> Self {
        Self::Number(Number::from_i64(i64::try_from(value).unwrap_or(i64::MAX)))
    }

    pub fn as_text(&self) -> Option<&'a str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

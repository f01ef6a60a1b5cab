//! JSONPath as Jayway's library speaks it, which is what mapping templates and parameter mappings
//! of API Gateway take: compiled once, read many times, within a bound of visited values.
//!
//! Unlike RFC 9535 it knows `$.a.b-c`, `.length()`, `[(@.length-1)]` and `=~`, and a path that can
//! only mean one value gives that value, not a list.

mod filter;
mod function;
mod parse;
mod walk;

use std::fmt;

use crate::lang::value::{Heap, Value};

use filter::Filter;
use function::Function;

/// Values that one reading may look at.
pub const VISITS_MAX: usize = 1_000_000;

/// A longer path is refused.
pub const PATH_BYTES_MAX: usize = 4 * 1024;

/// One compiled path.
#[derive(Clone, Debug)]
pub struct Path {
    steps: Vec<Step>,
    /// Whether all steps are names and single indexes.
    straight: bool,
    function: Option<Function>,
    /// Whether it can only mean one value.
    definite: bool,
}

/// What is wrong with the text of a path, and at which byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathError {
    pub at: usize,
    pub what: &'static str,
}

/// A reading visited more than [`VISITS_MAX`] values or met a pattern that takes too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMuch;

#[derive(Clone, Debug)]
enum Step {
    /// `.name`, `['name']`
    Member(Box<str>),
    /// `['a','b']`
    Members(Vec<Box<str>>),
    /// `[0]`, `[-1]`, `[(@.length-1)]`
    Index(i64),
    /// `[0,2]`
    Indexes(Vec<i64>),
    /// `[1:]`, `[:-1]`, `[1:3]`
    Slice(Option<i64>, Option<i64>),
    /// `*`, `[*]`
    Any,
    /// `..`: the next step at every depth.
    Deep,
    /// `[?(…)]`
    Filter(Filter),
}

impl Path {
    /// Compiles a path. One that does not begin with `$` is taken as a name below it.
    ///
    /// # Errors
    /// What is wrong, and where.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        parse::path(text)
    }

    /// Whether it can only mean one value, so that it gives that value instead of a list.
    pub fn is_definite(&self) -> bool {
        self.definite
    }

    /// What it means in `root`: `None` if it is definite and there is nothing.
    ///
    /// # Errors
    /// [`TooMuch`].
    pub fn read<'a>(
        &self,
        heap: &mut Heap<'a>,
        root: &Value<'a>,
    ) -> Result<Option<Value<'a>>, TooMuch> {
        walk::read(self, heap, root, root, &mut 0)
    }
}

impl fmt::Display for PathError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "the JSONPath is wrong: {} at byte {}",
            self.what, self.at
        )
    }
}

impl std::error::Error for PathError {}

impl fmt::Display for TooMuch {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("the JSONPath visits too many values")
    }
}

impl std::error::Error for TooMuch {}

#[cfg(test)]
mod tests;

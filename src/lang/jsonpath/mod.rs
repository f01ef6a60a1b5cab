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
pub const VISITS_MAX: usize = 2_000_000;

/// How far one reading may go down: JSON is not deeper, but a value that was written can hold itself.
const DEPTH_MAX: usize = 400;

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

/// A reading visited too many values, went too far down, or met a pattern that takes too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMuch;

/// What a reading may still take.
struct Left {
    visits: usize,
    depth: usize,
}

impl Left {
    fn visit(&mut self, times: usize) -> Result<(), TooMuch> {
        self.visits = self.visits.checked_sub(times).ok_or(TooMuch)?;
        Ok(())
    }

    /// One level down; to be left again.
    fn enter(&mut self) -> Result<(), TooMuch> {
        self.depth = self.depth.checked_sub(1).ok_or(TooMuch)?;
        self.visit(1)
    }

    fn leave(&mut self) {
        self.depth += 1;
    }
}

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

    /// What it means in `root`, if it is only names and single indexes: then it takes next to nothing.
    #[inline(always)]
    pub fn straight<'h, 'a>(
        &self,
        heap: &'h Heap<'a>,
        root: &'h Value<'a>,
    ) -> Option<Option<&'h Value<'a>>> {
        let is_it = self.straight && self.function.is_none();
        is_it.then(|| walk::straight(&self.steps, heap, root))
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
        self.read_within(heap, root, &mut { VISITS_MAX })
    }

    /// The same, taking what it looks at from `visits`.
    ///
    /// # Errors
    /// [`TooMuch`]; then there may be nothing left of `visits`.
    pub fn read_within<'a>(
        &self,
        heap: &mut Heap<'a>,
        root: &Value<'a>,
        visits: &mut usize,
    ) -> Result<Option<Value<'a>>, TooMuch> {
        let mut left = Left {
            visits: *visits,
            depth: DEPTH_MAX,
        };
        let found = walk::read(self, heap, root, root, &mut left);
        *visits = left.visits;
        found
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

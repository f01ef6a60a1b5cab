//! Texts that know how often a search looked at them: the engine says of no search what it took.

use std::cell::Cell;
use std::ops::Range;

use fancy_regex::Input;

use super::PatternError;

/// A text to search, and how many looks at it are left. The engine takes at least one for each of its
/// instructions that read a character, so what is counted grows as its steps back do.
pub(super) struct Watched<'t> {
    pub(super) text: &'t str,
    looks_left: Cell<Option<usize>>,
}

impl<'t> Watched<'t> {
    pub(super) fn new(text: &'t str, looks_left: usize) -> Self {
        Self {
            text,
            looks_left: Cell::new(Some(looks_left)),
        }
    }

    /// What is left behind a search; an error when it took more than there was.
    pub(super) fn left(&self) -> Result<usize, PatternError> {
        self.looks_left.get().ok_or(PatternError::TooSlow)
    }

    fn look(&self) {
        let left = self.looks_left.get();
        self.looks_left
            .set(left.and_then(|left| left.checked_sub(1)));
    }
}

impl Input for Watched<'_> {
    type Match<'m>
        = Range<usize>
    where
        Self: 'm;

    fn len(&self) -> usize {
        self.text.len()
    }

    fn as_bytes(&self) -> &[u8] {
        self.look();
        self.text.as_bytes()
    }

    fn is_char_boundary(&self, at: usize) -> bool {
        self.text.is_char_boundary(at)
    }

    fn is_ascii(&self) -> bool {
        self.text.is_ascii()
    }

    fn prev_codepoint_ix(&self, at: usize) -> usize {
        self.look();
        let before = self.text.get(..at).unwrap_or_default();
        at - before.chars().next_back().map_or(1, char::len_utf8)
    }

    fn make_match(&self, start: usize, end: usize) -> Range<usize> {
        start..end
    }

    fn advance_position(&self, at: usize) -> usize {
        self.look();
        let rest = self.text.get(at..).unwrap_or_default();
        at + rest.chars().next().map_or(1, char::len_utf8)
    }
}

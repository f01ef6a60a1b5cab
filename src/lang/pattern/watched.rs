//! Texts that know how often a search looked at them: the engine says of no search what it took.

use std::cell::Cell;
use std::ops::Range;
use std::panic::{self, AssertUnwindSafe};

use fancy_regex::Input;

use super::PatternError;
use crate::base::clock::thread_cpu_ns;

/// A text to search, and how many looks at it are left. The engine takes at least one for each of its
/// instructions that read a character, so what is counted grows as its steps back do.
///
/// Between two looks it may read all that is left of the text, and do so again from the next character.
/// In a long text a look therefore costs as many as its time is worth. A search that has none left ends.
pub(super) struct Watched<'t> {
    pub(super) text: &'t str,
    looks_left: Cell<Option<usize>>,
    /// Until the time is charged again; none: the text is short.
    until_charge: Cell<Option<u32>>,
    charged_ns: Cell<u64>,
}

const LONG_BYTES: usize = 4 * 1024;
/// The clock is a system call.
const LOOKS_A_CHARGE: u32 = 16;
const NS_A_LOOK: u64 = 100;

/// What a search ends with that has no looks left.
struct Spent;

impl<'t> Watched<'t> {
    pub(super) fn new(text: &'t str, looks_left: usize) -> Self {
        let is_long = text.len() > LONG_BYTES;
        Self {
            text,
            looks_left: Cell::new(Some(looks_left)),
            until_charge: Cell::new(is_long.then_some(LOOKS_A_CHARGE)),
            charged_ns: Cell::new(if is_long { thread_cpu_ns() } else { 0 }),
        }
    }

    /// What is left behind a search; an error when it took more than there was.
    pub(super) fn left(&self) -> Result<usize, PatternError> {
        self.looks_left.get().ok_or(PatternError::TooSlow)
    }

    /// Makes one search.
    ///
    /// # Errors
    /// [`PatternError::TooSlow`].
    pub(super) fn search<'w, T>(
        &'w self,
        search: impl FnOnce(&'w Self) -> fancy_regex::Result<T>,
    ) -> Result<T, PatternError> {
        // The engine has no other way to be ended from its text. It keeps nothing but memory to be
        // used again, which it clears before.
        let found = panic::catch_unwind(AssertUnwindSafe(|| search(self)));
        match found {
            Ok(found) => {
                self.left()?;
                found.map_err(|_| PatternError::TooSlow)
            }
            Err(spent) if spent.is::<Spent>() => Err(PatternError::TooSlow),
            Err(fault) => panic::resume_unwind(fault),
        }
    }

    fn look(&self) {
        let mut cost = 1;
        if let Some(until) = self.until_charge.get() {
            self.until_charge.set(Some(match until {
                0 => LOOKS_A_CHARGE,
                _ => until - 1,
            }));
            if until == 0 {
                let before_ns = self.charged_ns.replace(thread_cpu_ns());
                let looks = self.charged_ns.get().saturating_sub(before_ns) / NS_A_LOOK;
                cost += usize::try_from(looks).unwrap_or(usize::MAX - 1);
            }
        }
        let left = self.looks_left.get();
        let left = left.and_then(|left| left.checked_sub(cost));
        self.looks_left.set(left);
        if left.is_none() {
            // Unlike a panic it tells nobody.
            panic::resume_unwind(Box::new(Spent));
        }
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

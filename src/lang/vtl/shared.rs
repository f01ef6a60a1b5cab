//! What a template shares with the texts in it that are templates too.

use std::collections::HashSet;

use super::tree::{Block, KnownPattern};
use super::uses::Uses;
use crate::lang::pattern::Pattern;

/// Regular expressions of one template that are kept compiled, and bytes of each.
const PATTERNS_MAX: usize = 32;
const PATTERN_BYTES_MAX: usize = 64;

/// Gathered while all of it is parsed.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) names: Vec<Box<str>>,
    pub(super) blocks: Vec<Block>,
    pub(super) sources: Vec<Box<str>>,
    pub(super) properties: usize,
    pub(super) patterns: Vec<KnownPattern>,
    pub(super) uses: Uses,
    /// Macros are never called, but their names may be escaped.
    pub(super) macros: HashSet<String>,
}

impl Shared {
    pub(super) fn slot(&mut self, name: &str) -> usize {
        let known = self.names.iter().position(|known| &**known == name);
        known.unwrap_or_else(|| {
            self.names.push(name.into());
            self.names.len() - 1
        })
    }

    /// Compiles a regular expression that is known, if it is sure to stay small; what is wrong with
    /// it is found out when it is used.
    pub(super) fn keep_pattern(&mut self, java: &str, is_whole: bool) {
        let is_small = java.len() <= PATTERN_BYTES_MAX && !java.contains('{');
        let is_known = self.patterns.iter().any(|known| known.is(java, is_whole));
        if !is_small || is_known || self.patterns.len() >= PATTERNS_MAX {
            return;
        }
        let pattern = match is_whole {
            true => Pattern::full(java),
            false => Pattern::search(java),
        };
        if let Ok(pattern) = pattern {
            self.patterns.push(KnownPattern {
                java: java.into(),
                is_whole,
                pattern,
            });
        }
    }
}

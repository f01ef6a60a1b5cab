//! Mapping templates: Velocity 1.7 as API Gateway runs it.
//!
//! ```text
//!   let template = Template::compile(text)?;                  // when the plan is made
//!   let rendered = template.render(&scope, &Budget::default())?;   // per request
//!   rendered.text                                             // the body to send
//!   rendered.overrides                                        // $context.requestOverride and responseOverride
//! ```
//!
//! What is special about API Gateway's Velocity: an unknown or null reference is the empty text;
//! macros cannot be defined; `#evaluate` is text; `#parse` and `#include` fail; a loop ends after
//! 1,000 rounds. `docs/vtl.md` tells where we differ from Java's.

mod evaluate;
mod expression;
mod halt;
mod input;
mod lex;
mod list_method;
mod method;
mod number_method;
mod overrides;
mod parse;
mod reference;
mod row;
mod rule;
mod run;
mod scan;
mod scope;
mod shared;
mod text_method;
mod token;
mod tree;
mod uses;
mod util;

use std::fmt;

pub use overrides::Overrides;
pub use scope::{Datum, Scope};
pub use uses::Uses;

/// Larger templates are refused, as AWS refuses them.
pub const TEMPLATE_BYTES_MAX: usize = 300 * 1024;

/// Rounds after which `#foreach` ends quietly. AWS's documented limit.
pub const FOREACH_ROUNDS_MAX: usize = 1000;

/// Statements, texts and expressions in each other; more cannot be parsed.
const DEPTH_MAX: usize = 100;

/// Variables that have a value from the start or get one from `#foreach`; their places are their
/// slots.
const BUILT_IN: &[&str] = &[
    "input",
    "util",
    "context",
    "stageVariables",
    "foreach",
    "velocityCount",
    "velocityHasNext",
];

/// One compiled template.
#[derive(Clone, Debug)]
pub struct Template {
    text: Box<str>,
    tree: tree::Tree,
}

/// What one rendering may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Statements and expressions that are run, and what methods and paths look at.
    pub steps: usize,
    /// Blocks and expressions in each other, with those of `#define`.
    pub depth: usize,
    /// Bytes of the result.
    pub output_bytes: usize,
    /// Bytes of all values that are made on the way, without the body itself as it is read.
    pub memory_bytes: usize,
}

impl Default for Budget {
    /// Beyond what AWS's limits (10 MB of payload, 300 KB of template) leave room for, and some tens
    /// of milliseconds.
    fn default() -> Self {
        Self {
            steps: 1_000_000,
            depth: 200,
            output_bytes: 10 * 1024 * 1024,
            memory_bytes: 64 * 1024 * 1024,
        }
    }
}

/// What a template made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    pub text: String,
    pub overrides: Overrides,
}

/// A reference that was looked at, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traced {
    pub line: usize,
    pub column: usize,
    /// As it stands in the template; of a `#set` with its `=`.
    pub reference: String,
    /// Cut off when it is long.
    pub value: String,
}

/// Why a template cannot be parsed, and where. Its text shows the line with a caret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    pub what: String,
    /// The line it is in, or the part of it around the place.
    excerpt: String,
    /// Characters before the place in the excerpt.
    caret: usize,
}

/// Why a rendering ended with nothing. AWS answers 500.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenderError {
    /// From 1; 0 when it belongs to no place.
    pub line: usize,
    pub column: usize,
    pub what: String,
    /// Whether the template used up its budget.
    pub is_runaway: bool,
}

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    /// What is wrong, with line, column and a caret.
    pub fn compile(text: &str) -> Result<Self, ParseError> {
        if text.len() > TEMPLATE_BYTES_MAX {
            let what = format!("the template has more than {TEMPLATE_BYTES_MAX} bytes");
            return Err(ParseError::at(text, 0, what));
        }
        Ok(Self {
            text: text.into(),
            tree: parse::tree(text)?,
        })
    }

    /// Renders it for one request.
    ///
    /// # Errors
    /// What AWS answers with 500, and a budget that is used up.
    pub fn render(&self, scope: &Scope<'_>, budget: &Budget) -> Result<Rendered, RenderError> {
        run::render(self, scope, budget, None)
    }

    /// Renders it and tells each reference's value as it is looked at.
    ///
    /// # Errors
    /// As [`Template::render`]; what was traced before is kept.
    pub fn render_traced(
        &self,
        scope: &Scope<'_>,
        budget: &Budget,
        trace: &mut Vec<Traced>,
    ) -> Result<Rendered, RenderError> {
        run::render(self, scope, budget, Some(trace))
    }

    /// What it may look at: all else can be left out of its scope.
    pub fn uses(&self) -> &Uses {
        &self.tree.uses
    }

    /// The text it was compiled from.
    pub fn source(&self) -> &str {
        &self.text
    }
}

/// Line and column, both from 1, of a byte.
fn position(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (
        before.matches('\n').count() + 1,
        before[line_start..].chars().count() + 1,
    )
}

impl ParseError {
    fn at(text: &str, at: usize, what: String) -> Self {
        const BEFORE: usize = 60;
        const AFTER: usize = 40;
        let (line, column) = position(text, at);
        let line_text = text.split('\n').nth(line - 1).unwrap_or_default();
        let skipped = (column - 1).saturating_sub(BEFORE);
        let shown = line_text.chars().skip(skipped).take(BEFORE + AFTER);
        let excerpt = shown
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        Self {
            line,
            column,
            what,
            excerpt,
            caret: column - 1 - skipped,
        }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            line,
            column,
            what,
            excerpt,
            caret,
        } = self;
        writeln!(out, "line {line}, column {column}: {what}")?;
        writeln!(out, "  {excerpt}")?;
        write!(out, "  {:caret$}^", "")
    }
}

impl std::error::Error for ParseError {}

impl fmt::Display for RenderError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => out.write_str(&self.what),
            line => write!(out, "line {line}, column {}: {}", self.column, self.what),
        }
    }
}

impl std::error::Error for RenderError {}

#[cfg(test)]
mod budget_tests;
#[cfg(test)]
mod tests;

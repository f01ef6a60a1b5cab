//! What is wrong with a config file, and how people are shown it.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

/// What a check says about one value; the same words serve the compiler's.
pub use crate::compile::Fault;

/// Everything that is wrong with one file, in the order of its lines. `Display` is plain text.
#[derive(Clone, Debug)]
pub struct Report {
    /// The file as it was named to us.
    pub name: String,
    /// Its text; empty when it could not be read.
    pub text: String,
    /// At least one, at most `PROBLEMS_MAX`, sorted by place.
    pub problems: Vec<Problem>,
    /// How many more there were.
    pub omitted: usize,
}

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Bytes of the file's text, on character boundaries; none: the file as a whole.
    pub range: Option<Range<usize>>,
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

/// A bounded heap of problems: a file of garbage must not fill the memory.
#[derive(Debug, Default)]
pub struct Problems {
    list: Vec<Problem>,
    omitted: usize,
}

impl Problems {
    pub fn push(
        &mut self,
        range: Option<Range<usize>>,
        message: impl Into<String>,
        hint: Option<String>,
    ) {
        if self.list.len() >= PROBLEMS_MAX {
            self.omitted += 1;
            return;
        }
        self.list.push(Problem {
            range,
            message: message.into(),
            hint,
        });
    }

    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether something is already said about a part of this range.
    pub fn touches(&self, range: &Range<usize>) -> bool {
        self.list.iter().any(|problem| {
            problem.range.as_ref().is_some_and(|known| {
                known == range || (known.start < range.end && range.start < known.end)
            })
        })
    }

    /// Sorted by place, ranges cut to the text, repetitions dropped.
    pub fn into_report(self, name: &str, text: String) -> Report {
        let mut problems = self.list;
        for problem in &mut problems {
            problem.range = problem.range.take().map(|range| clamp(&text, range));
        }
        problems.sort_by(|a, b| {
            let place = |problem: &Problem| problem.range.as_ref().map(|r| (r.start, r.end));
            place(a).cmp(&place(b))
        });
        problems.dedup();
        Report {
            name: name.to_owned(),
            text,
            problems,
            omitted: self.omitted,
        }
    }
}

impl Report {
    /// A report on a file that gave no text to point at.
    pub fn of_file(name: &str, message: String, hint: Option<String>) -> Self {
        let mut problems = Problems::default();
        problems.push(None, message, hint);
        problems.into_report(name, String::new())
    }

    /// How many problems were found, shown or not.
    pub fn count(&self) -> usize {
        self.problems.len() + self.omitted
    }

    /// Each problem with its line, a caret under the text and a hint; then how many there are.
    /// `styled` adds terminal colours.
    pub fn render(&self, styled: bool) -> String {
        let renderer = if styled {
            Renderer::styled()
        } else {
            Renderer::plain()
        };
        let lines = line_starts(&self.text);
        let mut out = String::new();
        for problem in self.problems.iter().take(SHOWN_MAX) {
            out.push_str(&renderer.render(&[self.group(problem, &lines)]));
            out.push_str("\n\n");
        }
        let hidden = self.count() - self.problems.len().min(SHOWN_MAX);
        let more = match hidden {
            0 => String::new(),
            n => format!(" ({n} not shown)"),
        };
        let plural = if self.count() == 1 { "" } else { "s" };
        out.push_str(&format!(
            "{}: {} problem{plural}{more}\n",
            self.name,
            self.count()
        ));
        out
    }

    fn group<'a>(&'a self, problem: &'a Problem, lines: &[usize]) -> Group<'a> {
        let title = Level::ERROR.primary_title(&problem.message);
        let mut group = match &problem.range {
            None => title.element(Origin::path(&self.name)),
            Some(range) => {
                let line = lines.partition_point(|start| *start <= range.start).max(1) - 1;
                let start = lines.get(line).copied().unwrap_or(0);
                let source = self.text[start..].lines().next().unwrap_or_default();
                let column = (range.start - start).min(source.len());
                let end = (range.end - start).min(source.len()).max(column);
                if source.len() > LINE_BYTES_MAX {
                    let origin = Origin::path(&self.name)
                        .line(line + 1)
                        .char_column(column + 1);
                    title.element(origin)
                } else {
                    let snippet = Snippet::source(source)
                        .path(&self.name)
                        .line_start(line + 1);
                    title.element(snippet.annotation(AnnotationKind::Primary.span(column..end)))
                }
            }
        };
        if let Some(hint) = &problem.hint {
            group = group.element(Level::HELP.message(hint));
        }
        group
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Report {}

/// A user's text in a message: in backquotes, cut when long.
pub fn quoted(text: &str) -> String {
    match text.char_indices().nth(QUOTED_CHARS_MAX) {
        Some((end, _)) => format!("`{}…`", &text[..end]),
        None => format!("`{text}`"),
    }
}

/// The host in what may be a URL or have a port, for a hint.
pub fn host_part(text: &str) -> &str {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    rest.split([':', '/']).next().unwrap_or(rest)
}

/// The nearest of the names, when it is near enough to be a slip of the pen.
pub fn nearest<'a>(wrong: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if wrong.len() > 64 {
        return None;
    }
    let lower = wrong.to_lowercase();
    let names: Vec<&str> = names.collect();
    let alike = names
        .iter()
        .map(|name| (strsim::damerau_levenshtein(&lower, name), *name))
        .filter(|(distance, name)| *distance <= 1 + name.len() / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name);
    // `rate` for `rate_limit`, if nothing else begins so.
    let is_begun = |name: &&str| {
        name.strip_prefix(&*lower)
            .is_some_and(|rest| rest.starts_with('_'))
    };
    let mut begun = names.iter().copied().filter(is_begun);
    alike.or_else(|| begun.next().filter(|_| begun.next().is_none()))
}

/// More than anybody will mend in one sitting.
const PROBLEMS_MAX: usize = 1_000;
const SHOWN_MAX: usize = 100;
/// Longer lines are named, not shown.
const LINE_BYTES_MAX: usize = 4_096;
const QUOTED_CHARS_MAX: usize = 60;

fn line_starts(text: &str) -> Vec<usize> {
    std::iter::once(0)
        .chain(text.match_indices('\n').map(|(at, _)| at + 1))
        .collect()
}

fn clamp(text: &str, range: Range<usize>) -> Range<usize> {
    let floor = |at: usize| {
        let at = at.min(text.len());
        (0..=at)
            .rev()
            .find(|at| text.is_char_boundary(*at))
            .unwrap_or(0)
    };
    let start = floor(range.start);
    start..floor(range.end).max(start)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn ranges_never_leave_the_text_or_split_a_character() {
        let check = |range: Range<usize>, expected: Range<usize>| {
            assert_eq!(clamp("aé", range), expected);
        };
        check(0..1, 0..1);
        check(2..3, 1..3);
        check(9..12, 3..3);
        #[allow(clippy::reversed_empty_ranges)]
        check(3..1, 3..3);
    }

    #[test]
    fn the_heap_of_problems_is_bounded() {
        let mut problems = Problems::default();
        for at in 0..PROBLEMS_MAX + 7 {
            problems.push(Some(at..at + 1), "wrong", None);
        }
        let report = problems.into_report("x", "y".repeat(2_000));
        assert_eq!(report.count(), PROBLEMS_MAX + 7);
        assert!(
            report
                .to_string()
                .ends_with("x: 1007 problems (907 not shown)\n")
        );
    }

    #[test]
    fn near_names_are_suggested_and_far_ones_are_not() {
        let names = ["header_bytes", "url_bytes", "connections"];
        let check = |wrong: &str, expected: Option<&str>| {
            assert_eq!(nearest(wrong, names.into_iter()), expected, "{wrong}");
        };
        check("heder_bytes", Some("header_bytes"));
        check("Connections", Some("connections"));
        check("conections", Some("connections"));
        check("header", Some("header_bytes"));
        check("head", None);
        check("colour", None);
        check("", None);
    }

    #[test]
    fn a_very_long_line_is_named_but_not_shown() {
        let mut problems = Problems::default();
        problems.push(Some(5_000..5_001), "wrong", None);
        let text = problems.into_report("x", "y".repeat(10_000)).to_string();
        assert!(text.len() < 200, "{}", text.len());
        assert!(text.contains("x:1:5001"), "{text}");
    }
}

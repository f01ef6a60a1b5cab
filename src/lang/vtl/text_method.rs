//! Methods of texts. Java counts in UTF-16 units, so we do.

use std::borrow::Cow;

use super::method::{compared, int};
use super::run::{Engine, Halt};
use super::tree::KnownPattern;
use crate::lang::pattern::{Pattern, PatternError, Replacement};
use crate::lang::value::{ListKind, Number, Value};

/// Pieces that a text may be split into.
const PIECES_MAX: usize = 1_000_000;

/// Steps that compiling a regular expression takes, which may be some milliseconds.
const COMPILE_STEPS: usize = 5000;

/// Compiled ones that are kept for the rest of a rendering.
const PATTERNS_KEPT_MAX: usize = 16;

/// Methods that throw when an argument is null.
const NEEDS_TEXTS: &[&str] = &[
    "compareTo",
    "compareToIgnoreCase",
    "concat",
    "contains",
    "endsWith",
    "indexOf",
    "lastIndexOf",
    "matches",
    "replace",
    "replaceAll",
    "replaceFirst",
    "split",
    "startsWith",
];

impl<'a> Engine<'a, '_> {
    pub(super) fn text_method(
        &mut self,
        text: &'a str,
        name: &str,
        arguments: &[Value<'a>],
    ) -> Result<Option<Value<'a>>, Halt> {
        self.spend(text.len() / 64)?;
        let is_null = |argument: &Value<'_>| matches!(argument, Value::Null);
        if arguments.iter().any(is_null)
            && arguments
                .iter()
                .all(|argument| is_null(argument) || argument.as_text().is_some())
            && NEEDS_TEXTS.contains(&name)
        {
            return Err(Halt::error(format!("{name}: an argument is null")));
        }
        if let Some(found) = asked(text, name, arguments)? {
            return Ok(Some(found));
        }
        if let Some(changed) = changed(text, name, arguments)? {
            return match changed {
                Cow::Borrowed(part) => {
                    self.allot(part.len())?;
                    Ok(Some(Value::Text(part)))
                }
                Cow::Owned(text) => self.new_text(text).map(Some),
            };
        }
        match (name, arguments) {
            ("concat", [Value::Text(other)]) => {
                self.allot(text.len() + other.len())?;
                Ok(Some(self.heap.text([text, other].concat())))
            }
            ("repeat", [count]) => match int(count) {
                Some(count) => self.repeat(text, count).map(Some),
                None => Ok(None),
            },
            ("replace", [from, to]) => self.replace(text, from, to),
            ("replaceAll" | "replaceFirst", [Value::Text(pattern), Value::Text(with)]) => {
                let first_only = name == "replaceFirst";
                self.replace_pattern(text, pattern, with, first_only)
                    .map(Some)
            }
            ("matches", [Value::Text(pattern)]) => {
                self.spend(pattern.len() + text.len() / 16)?;
                let pattern = self.pattern(pattern, true)?;
                let matches = self.search(|looks| pattern.is_match_within(text, looks))?;
                Ok(Some(Value::Bool(matches)))
            }
            ("split", [Value::Text(pattern)]) => self.split(text, pattern, 0).map(Some),
            ("split", [Value::Text(pattern), limit]) => match int(limit) {
                Some(limit) => self.split(text, pattern, limit).map(Some),
                None => Ok(None),
            },
            ("valueOf", [value]) => {
                let text = self.text_of(value)?;
                Ok(Some(self.heap.text(text)))
            }
            ("toCharArray", []) => {
                self.has_room(text.chars().count() * size_of::<Value<'_>>())?;
                let chars = text.chars().map(Value::Char).collect();
                self.new_list(ListKind::Array, chars).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn repeat(&mut self, text: &str, count: i32) -> Result<Value<'a>, Halt> {
        let count = usize::try_from(count).map_err(|_| Halt::error("count is negative"))?;
        self.allot(text.len().saturating_mul(count))?;
        Ok(self.heap.text(text.repeat(count)))
    }

    /// Two texts or two characters, nothing mixed.
    fn replace(
        &mut self,
        text: &str,
        from: &Value<'a>,
        to: &Value<'a>,
    ) -> Result<Option<Value<'a>>, Halt> {
        let (from, to) = match (from, to) {
            (Value::Text(from), Value::Text(to)) => (Cow::Borrowed(*from), Cow::Borrowed(*to)),
            (Value::Char(from), Value::Char(to)) => {
                (Cow::Owned(from.to_string()), Cow::Owned(to.to_string()))
            }
            _ => return Ok(None),
        };
        let count = if from.is_empty() {
            text.chars().count() + 1
        } else {
            text.matches(&*from).count()
        };
        self.allot(text.len().saturating_add(count.saturating_mul(to.len())))?;
        Ok(Some(self.heap.text(text.replace(&*from, &to))))
    }

    fn replace_pattern(
        &mut self,
        text: &str,
        pattern: &str,
        with: &str,
        first_only: bool,
    ) -> Result<Value<'a>, Halt> {
        self.spend(pattern.len() + text.len() / 16)?;
        let is_plain = !pattern.is_empty() && !pattern.contains(|c| "\\[](){}.*+?^$|".contains(c));
        if is_plain && !with.contains(['$', '\\']) {
            let result = if first_only {
                text.replacen(pattern, with, 1)
            } else {
                let count = text.matches(pattern).count();
                self.allot(count.saturating_mul(with.len()))?;
                text.replace(pattern, with)
            };
            return self.new_text(result);
        }
        let pattern = self.pattern(pattern, false)?;
        let how = Replacement {
            with,
            first_only,
            bytes_max: self.memory_left(),
        };
        let result = self.search(|looks| pattern.replace(text, how, looks))?;
        self.new_text(result)
    }

    /// Searches with a regular expression. What all searches of a rendering take is one account: each look
    /// at a text is a step.
    fn search<T>(
        &mut self,
        search: impl FnOnce(&mut usize) -> Result<T, PatternError>,
    ) -> Result<T, Halt> {
        let mut left = self.steps_left();
        let found = search(&mut left).map_err(pattern_halt)?;
        self.spend(self.steps_left() - left)?;
        Ok(found)
    }

    /// The compiled regular expression, which may be known from the template.
    fn pattern(&mut self, java: &str, is_whole: bool) -> Result<Cow<'a, Pattern>, Halt> {
        let tree = self.tree;
        let is_it = |known: &&KnownPattern| known.is(java, is_whole);
        if let Some(known) = tree.patterns.iter().find(is_it) {
            return Ok(Cow::Borrowed(&known.pattern));
        }
        if let Some(known) = self.patterns.iter().find(is_it) {
            return Ok(Cow::Owned(known.pattern.clone()));
        }
        self.spend(COMPILE_STEPS)?;
        let pattern = match is_whole {
            true => Pattern::full(java),
            false => Pattern::search(java),
        };
        let pattern = pattern.map_err(pattern_halt)?;
        if self.patterns.len() < PATTERNS_KEPT_MAX {
            self.patterns.push(KnownPattern {
                java: java.into(),
                is_whole,
                pattern: pattern.clone(),
            });
        }
        Ok(Cow::Owned(pattern))
    }

    fn split(&mut self, text: &'a str, pattern: &str, limit: i32) -> Result<Value<'a>, Halt> {
        self.spend(pattern.len() + text.len() / 16)?;
        if limit == 0
            && let Some(pieces) = split_plain(text, pattern, self.memory_left())
        {
            return self.new_list(ListKind::Array, pieces);
        }
        let pattern = self.pattern(pattern, false)?;
        let pieces = self.search(|looks| pattern.split(text, limit, PIECES_MAX, looks))?;
        let pieces = pieces.into_iter().map(Value::Text).collect();
        self.new_list(ListKind::Array, pieces)
    }
}

/// The pieces of a text between a character that means nothing else in a regular expression, without empty
/// ones at the end. None for other patterns, and for more pieces than there may be or there is room for.
fn split_plain<'a>(text: &'a str, pattern: &str, room: usize) -> Option<Vec<Value<'a>>> {
    let [byte] = pattern.as_bytes() else {
        return None;
    };
    let is_plain = byte.is_ascii_alphanumeric() || b" ,;:/_-=&@#%<>\"'~`!".contains(byte);
    let count = text.bytes().filter(|found| found == byte).count();
    if !is_plain || count >= PIECES_MAX.min(room / size_of::<Value<'_>>()) {
        return None;
    }
    let mut pieces = Vec::with_capacity(count + 1);
    pieces.extend(text.split(char::from(*byte)).map(Value::Text));
    // A text without the character is its own only piece, even if it is empty.
    while count > 0
        && pieces
            .last()
            .is_some_and(|piece| piece.as_text() == Some(""))
    {
        pieces.pop();
    }
    Some(pieces)
}

fn pattern_halt(error: PatternError) -> Halt {
    match error {
        PatternError::TooSlow => Halt::runaway("a regular expression takes too many steps"),
        PatternError::TooLong => Halt::runaway("the template makes too many or too long values"),
        error => Halt::error(error.to_string()),
    }
}

/// Methods that ask about the text.
fn asked<'a>(text: &str, name: &str, arguments: &[Value<'a>]) -> Result<Option<Value<'a>>, Halt> {
    Ok(Some(match (name, arguments) {
        ("length", []) => Value::int(units(text)),
        ("isEmpty", []) => Value::Bool(text.is_empty()),
        ("isBlank", []) => Value::Bool(text.chars().all(char::is_whitespace)),
        ("contains", [part]) => match chars_of(part) {
            Some(part) => Value::Bool(text.contains(part)),
            None => return Ok(None),
        },
        ("startsWith", [Value::Text(part)]) => Value::Bool(text.starts_with(part)),
        ("startsWith", [Value::Text(part), from]) => match int(from) {
            Some(from) => {
                let rest = usize::try_from(from)
                    .ok()
                    .and_then(|from| byte_at(text, from));
                Value::Bool(rest.is_some_and(|at| text[at..].starts_with(part)))
            }
            None => return Ok(None),
        },
        ("endsWith", [Value::Text(part)]) => Value::Bool(text.ends_with(part)),
        ("equals", [other]) => Value::Bool(other.as_text() == Some(text)),
        ("contentEquals", [Value::Text(other)]) => Value::Bool(*other == text),
        ("equalsIgnoreCase", [Value::Text(other)]) => {
            Value::Bool(text.to_lowercase() == other.to_lowercase())
        }
        ("equalsIgnoreCase", [Value::Null]) => Value::Bool(false),
        ("compareTo", [Value::Text(other)]) => difference(text, other),
        ("compareToIgnoreCase", [Value::Text(other)]) => {
            difference(&text.to_lowercase(), &other.to_lowercase())
        }
        ("indexOf" | "lastIndexOf", [part]) => match part_of(part) {
            Some(part) if name == "indexOf" => place(text, text.find(&*part)),
            Some(part) => place(text, text.rfind(&*part)),
            None => return Ok(None),
        },
        ("indexOf" | "lastIndexOf", [part, from]) => match (part_of(part), int(from)) {
            (Some(part), Some(from)) => index_from(text, &part, from, name == "lastIndexOf"),
            _ => return Ok(None),
        },
        ("charAt", [index]) => match int(index) {
            Some(index) => {
                let at = unit_at(text, index)?;
                Value::Char(text[at..].chars().next().unwrap_or_default())
            }
            None => return Ok(None),
        },
        ("codePointAt", [index]) => match int(index) {
            Some(index) => {
                let at = unit_at(text, index)?;
                let c = text[at..].chars().next().unwrap_or_default();
                Value::Number(Number::from_i64(i64::from(u32::from(c))))
            }
            None => return Ok(None),
        },
        ("hashCode", []) => {
            let units = text.encode_utf16();
            Value::Number(Number::Int(units.fold(0_i32, |hash, unit| {
                hash.wrapping_mul(31).wrapping_add(i32::from(unit))
            })))
        }
        _ => return Ok(None),
    }))
}

/// Methods that give another text that is no longer than a few times this one.
fn changed<'a>(
    text: &'a str,
    name: &str,
    arguments: &[Value<'_>],
) -> Result<Option<Cow<'a, str>>, Halt> {
    let java_blank = |c: char| c <= ' ';
    Ok(Some(match (name, arguments) {
        ("trim", []) => Cow::Borrowed(text.trim_matches(java_blank)),
        ("strip", []) => Cow::Borrowed(text.trim()),
        ("stripLeading", []) => Cow::Borrowed(text.trim_start()),
        ("stripTrailing", []) => Cow::Borrowed(text.trim_end()),
        ("toUpperCase", []) => Cow::Owned(text.to_uppercase()),
        ("toLowerCase", []) => Cow::Owned(text.to_lowercase()),
        ("toString" | "intern", []) => Cow::Borrowed(text),
        ("substring" | "subSequence", [from]) if name == "substring" => match int(from) {
            Some(from) => Cow::Borrowed(cut(text, from, None)?),
            None => return Ok(None),
        },
        ("substring" | "subSequence", [from, to]) => match (int(from), int(to)) {
            (Some(from), Some(to)) => Cow::Borrowed(cut(text, from, Some(to))?),
            _ => return Ok(None),
        },
        _ => return Ok(None),
    }))
}

/// Length in UTF-16 units.
fn units(text: &str) -> usize {
    if text.is_ascii() {
        return text.len();
    }
    text.encode_utf16().count()
}

/// The byte of a UTF-16 unit; one in the middle of a character gives that character.
fn byte_at(text: &str, unit: usize) -> Option<usize> {
    if text.is_ascii() {
        return (unit <= text.len()).then_some(unit);
    }
    let mut seen = 0;
    for (at, c) in text.char_indices() {
        if seen >= unit {
            return Some(at);
        }
        seen += c.len_utf16();
    }
    (seen >= unit).then_some(text.len())
}

fn unit_at(text: &str, index: i32) -> Result<usize, Halt> {
    let at = usize::try_from(index)
        .ok()
        .and_then(|unit| byte_at(text, unit));
    at.filter(|at| *at < text.len())
        .ok_or_else(|| Halt::error(format!("string index out of range: {index}")))
}

fn cut(text: &str, from: i32, to: Option<i32>) -> Result<&str, Halt> {
    let bound = |unit: i32| {
        usize::try_from(unit)
            .ok()
            .and_then(|unit| byte_at(text, unit))
    };
    let (start, end) = (bound(from), to.map_or(Some(text.len()), bound));
    match (start, end) {
        (Some(start), Some(end)) if start <= end => Ok(&text[start..end]),
        _ => Err(Halt::error(match to {
            Some(to) => format!("begin {from}, end {to}, length {}", units(text)),
            None => format!("begin {from}, length {}", units(text)),
        })),
    }
}

fn place<'a>(text: &str, at: Option<usize>) -> Value<'a> {
    match at {
        Some(at) => Value::int(units(&text[..at])),
        None => Value::Number(Number::Int(-1)),
    }
}

fn index_from<'a>(text: &str, part: &str, from: i32, last: bool) -> Value<'a> {
    if last {
        let Ok(from) = usize::try_from(from) else {
            return place(text, None);
        };
        let limit = byte_at(text, from).unwrap_or(text.len());
        let end = text.len().min(limit + part.len());
        let end = (end..=text.len()).find(|end| text.is_char_boundary(*end));
        return place(text, text[..end.unwrap_or(text.len())].rfind(part));
    }
    let from = usize::try_from(from).unwrap_or(0);
    let start = byte_at(text, from).unwrap_or(text.len());
    place(text, text[start..].find(part).map(|at| start + at))
}

/// What `contains` takes.
fn chars_of<'v>(value: &'v Value<'_>) -> Option<&'v str> {
    value.as_text()
}

/// What `indexOf` takes: a text, a character or its code.
fn part_of<'a>(value: &Value<'a>) -> Option<Cow<'a, str>> {
    match value {
        Value::Text(text) => Some(Cow::Borrowed(text)),
        Value::Char(c) => Some(Cow::Owned(c.to_string())),
        Value::Number(Number::Int(code)) => {
            let c = u32::try_from(*code).ok().and_then(char::from_u32);
            Some(c.map_or(Cow::Borrowed("\u{ffff}"), |c| Cow::Owned(c.to_string())))
        }
        _ => None,
    }
}

/// Java's `compareTo`: the difference of the first units that differ, or of the lengths.
fn difference<'a>(left: &str, right: &str) -> Value<'a> {
    let mut pairs = left.encode_utf16().zip(right.encode_utf16());
    if let Some((left, right)) = pairs.find(|(left, right)| left != right) {
        return Value::Number(Number::Int(i32::from(left) - i32::from(right)));
    }
    if left == right {
        return compared(std::cmp::Ordering::Equal);
    }
    let lengths = [units(left), units(right)].map(|length| i64::try_from(length).unwrap_or(0));
    Value::Number(Number::from_i64(lengths[0] - lengths[1]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Splitting at a character gives what the regular expression does.
    #[test]
    fn a_character_splits_as_its_pattern() {
        let texts = [
            "", ",", ",,", "a", "a,", ",a", "a,b", "a,,b,", ",,a,,", "é,ü,,",
        ];
        for text in texts {
            for pattern in [",", "a", "x", "b"] {
                let pieces = split_plain(text, pattern, 1000).map(|pieces| {
                    let pieces = pieces.iter().filter_map(Value::as_text);
                    pieces.collect::<Vec<_>>()
                });
                let regex = Pattern::search(pattern).ok();
                let expected = regex.and_then(|regex| {
                    let pieces = regex.split(text, 0, PIECES_MAX, &mut 10_000);
                    pieces.ok()
                });
                assert!(expected.is_some());
                assert_eq!(pieces, expected, "{text} {pattern}");
            }
        }
        for pattern in [".", "|", "", "ab", "^", "$", "\\", "+", "é"] {
            assert!(split_plain("a.b", pattern, 1000).is_none(), "{pattern}");
        }
        assert!(split_plain("a,b", ",", 24).is_none());
    }
}

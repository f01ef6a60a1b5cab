//! Values that stand without quotes: numbers, and texts in a document that is JSON only to who is
//! permissive.

use super::scan::{behind_blanks, plain_number};
use super::{Number, Value};

/// A floating number with more characters than this is kept as it was written.
const DOUBLE_CHARACTERS_MAX: usize = 18;

/// Unless it has more than this: each calculation goes over them.
const DECIMAL_CHARACTERS_MAX: usize = 1000;

/// Where a value stands, which decides what ends one without quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Top,
    Item,
    Member,
}

impl Place {
    #[inline(always)]
    pub(super) fn is_end(self, byte: u8) -> bool {
        match self {
            Self::Top => false,
            Self::Item => matches!(byte, b',' | b']'),
            Self::Member => matches!(byte, b',' | b'}'),
        }
    }
}

/// A number, or the text that only began like one; where it ends.
pub(super) fn number<'a>(text: &'a str, at: usize, place: Place) -> (Value<'a>, usize) {
    if let Some((number, behind)) = plain_number(&text.as_bytes()[at..]) {
        let behind = behind_blanks(behind);
        if behind.first().is_none_or(|byte| place.is_end(*byte)) {
            return (Value::Number(number), text.len() - behind.len());
        }
    }
    sloppy_number(text, at, place)
}

fn sloppy_number<'a>(text: &'a str, at: usize, place: Place) -> (Value<'a>, usize) {
    let (text, end) = bare(text, at, place);
    let digits = text.strip_prefix('-').unwrap_or(text);
    if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let number = Number::parse_integer(text);
        return (number.map_or(Value::Text(text), Value::Number), end);
    }
    let is_number = digits.starts_with(|c: char| c.is_ascii_digit())
        && digits
            .bytes()
            .all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte));
    let value = match text.parse() {
        Ok(_)
            if is_number
                && text.len() > DOUBLE_CHARACTERS_MAX
                && text.len() <= DECIMAL_CHARACTERS_MAX =>
        {
            Value::Number(Number::Decimal(text))
        }
        Ok(value) if is_number => Value::Number(Number::Double(value)),
        _ => Value::Text(text),
    };
    (value, end)
}

/// A text without quotes, without the blanks around it.
pub(super) fn bare(text: &str, at: usize, place: Place) -> (&str, usize) {
    let rest = &text.as_bytes()[at..];
    let end = rest.iter().position(|byte| place.is_end(*byte));
    let end = end.map_or(text.len(), |end| at + end);
    (trimmed(&text[at..end]), end)
}

pub(super) fn trimmed(text: &str) -> &str {
    text.trim_matches(|c: char| c <= ' ')
}

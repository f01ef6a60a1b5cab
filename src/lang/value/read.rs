//! JSON as json-smart reads it in its permissive mode, which is what mapping templates meet.
//!
//! Names and texts may stand without quotes or in single ones, commas may be too many, numbers may
//! begin with zeros, and what follows the value is not looked at. `{statusCode: 200}` is JSON here.

use std::fmt;

use super::{Heap, ListKind, Map, Number, Text, Value};

/// Deeper documents are refused.
pub const DEPTH_MAX: usize = 128;

/// A floating number with more characters than this is kept as it was written.
const DOUBLE_CHARACTERS_MAX: usize = 18;

/// What is wrong, and at which byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadError {
    pub at: usize,
    pub what: &'static str,
}

impl fmt::Display for ReadError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "not JSON: {} at byte {}", self.what, self.at)
    }
}

impl std::error::Error for ReadError {}

/// Reads one value; its maps and lists go to `heap`. Nothing but blanks is the empty text.
///
/// # Errors
/// What even the permissive mode refuses.
pub fn read<'a>(heap: &mut Heap<'a>, text: &'a str) -> Result<Value<'a>, ReadError> {
    let mut reader = Reader { heap, text, at: 0 };
    reader.blanks();
    if reader.peek().is_none() {
        return Ok(Value::EMPTY);
    }
    reader.value(Place::Top, 0)
}

/// What ends a text without quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Top,
    Item,
    Name,
    Member,
}

impl Place {
    fn is_end(self, byte: u8) -> bool {
        match self {
            Self::Top => false,
            Self::Item => matches!(byte, b',' | b']'),
            Self::Name => byte == b':',
            Self::Member => matches!(byte, b',' | b'}'),
        }
    }
}

struct Reader<'h, 'a> {
    heap: &'h mut Heap<'a>,
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'_, 'a> {
    fn value(&mut self, place: Place, depth: usize) -> Result<Value<'a>, ReadError> {
        if depth > DEPTH_MAX {
            return Err(self.wrong("too deeply nested"));
        }
        self.blanks();
        match self.peek() {
            None => Err(self.wrong("unexpected end")),
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(quote @ (b'"' | b'\'')) => Ok(Value::Text(self.string(quote)?)),
            Some(b':' | b'}' | b']') => Err(self.wrong("unexpected character")),
            Some(b'-' | b'0'..=b'9') => Ok(self.number(place)),
            Some(_) => Ok(match self.bare(place) {
                "null" => Value::Null,
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                "NaN" => Value::Number(Number::Double(f64::NAN)),
                text => Value::borrowed(text),
            }),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value<'a>, ReadError> {
        self.at += 1;
        let mut map = Map::new();
        loop {
            self.blanks();
            match self.peek() {
                None => return Err(self.wrong("unexpected end")),
                Some(b'}') => {
                    self.at += 1;
                    return Ok(Value::Map(self.heap.keep_map(map)));
                }
                Some(b',') => {
                    self.at += 1;
                    continue;
                }
                Some(b':' | b']' | b'[' | b'{') => return Err(self.wrong("unexpected character")),
                Some(_) => {}
            }
            let name = match self.peek() {
                Some(quote @ (b'"' | b'\'')) => self.string(quote)?,
                _ => Text::Borrowed(self.bare(Place::Name)),
            };
            self.blanks();
            if self.peek() != Some(b':') {
                return Err(self.wrong("`:` expected"));
            }
            self.at += 1;
            let value = self.value(Place::Member, depth + 1)?;
            map.put(Value::Text(name), value);
            self.blanks();
            if !matches!(self.peek(), Some(b',' | b'}')) {
                return Err(self.wrong("`,` or `}` expected"));
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Value<'a>, ReadError> {
        self.at += 1;
        let mut items = Vec::new();
        loop {
            self.blanks();
            match self.peek() {
                None => return Err(self.wrong("unexpected end")),
                Some(b']') => {
                    self.at += 1;
                    return Ok(self.heap.keep_list(ListKind::Json, items));
                }
                Some(b',') => {
                    self.at += 1;
                    continue;
                }
                Some(_) => {}
            }
            let item = self.value(Place::Item, depth + 1)?;
            items.push(item);
            self.blanks();
        }
    }

    /// A number, or the text that only began like one.
    fn number(&mut self, place: Place) -> Value<'a> {
        let text = self.bare(place);
        let digits = text.strip_prefix('-').unwrap_or(text);
        if let Some(value) = small(digits.as_bytes()) {
            let value = if digits.len() < text.len() {
                -value
            } else {
                value
            };
            return Value::Number(Number::Int(value));
        }
        if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Number::parse_integer(text).map_or(Value::borrowed(text), Value::Number);
        }
        let is_number = digits.starts_with(|c: char| c.is_ascii_digit())
            && digits
                .bytes()
                .all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte));
        match text.parse() {
            Ok(value) if is_number => Value::Number(if text.len() > DOUBLE_CHARACTERS_MAX {
                Number::Decimal(Text::Borrowed(text))
            } else {
                Number::Double(value)
            }),
            _ => Value::borrowed(text),
        }
    }

    /// A text without quotes, without the blanks around it.
    fn bare(&mut self, place: Place) -> &'a str {
        let rest = &self.text.as_bytes()[self.at..];
        let end = rest.iter().position(|byte| place.is_end(*byte));
        let end = self.at + end.unwrap_or(rest.len());
        let found = self.text[self.at..end].trim_matches(|c: char| c <= ' ');
        self.at = end;
        found
    }

    fn string(&mut self, quote: u8) -> Result<Text<'a>, ReadError> {
        let start = self.at + 1;
        let rest = &self.text.as_bytes()[start..];
        let Some(end) = memchr::memchr2(quote, b'\\', rest) else {
            return Err(self.wrong("a text without an end"));
        };
        if rest[end] == quote {
            self.at = start + end + 1;
            return Ok(Text::Borrowed(&self.text[start..start + end]));
        }
        self.at = start;
        self.escaped_string(quote)
    }

    fn escaped_string(&mut self, quote: u8) -> Result<Text<'a>, ReadError> {
        let mut out = String::new();
        // The first half of a surrogate pair, until the second one is read.
        let mut high = None;
        loop {
            let c = self.text[self.at..].chars().next();
            let c = c.ok_or_else(|| self.wrong("a text without an end"))?;
            self.at += c.len_utf8();
            let unit = match c {
                '\\' => self.escape()?,
                _ if u32::from(c) == u32::from(quote) => {
                    push_unit(&mut out, &mut high, Unit::Nothing);
                    return Ok(Text::owned(out));
                }
                // A text with escapes loses its control characters.
                '\0'..='\u{1f}' | '\u{7f}' => continue,
                _ => Unit::Char(c),
            };
            push_unit(&mut out, &mut high, unit);
        }
    }

    fn escape(&mut self) -> Result<Unit, ReadError> {
        let c = self.text[self.at..].chars().next();
        let c = c.ok_or_else(|| self.wrong("a text without an end"))?;
        self.at += c.len_utf8();
        Ok(match c {
            't' => Unit::Char('\t'),
            'n' => Unit::Char('\n'),
            'r' => Unit::Char('\r'),
            'f' => Unit::Char('\u{c}'),
            'b' => Unit::Char('\u{8}'),
            '\\' | '/' | '\'' | '"' => Unit::Char(c),
            'u' => Unit::Code(self.hex(4)?),
            'x' => Unit::Code(self.hex(2)?),
            _ => Unit::Nothing,
        })
    }

    fn hex(&mut self, digits: usize) -> Result<u32, ReadError> {
        let found = self.text.get(self.at..self.at + digits);
        let found = found.filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let value = found.and_then(|text| u32::from_str_radix(text, 16).ok());
        let value = value.ok_or_else(|| self.wrong("a wrong unicode escape"))?;
        self.at += digits;
        Ok(value)
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn wrong(&self, what: &'static str) -> ReadError {
        ReadError { at: self.at, what }
    }
}

/// The value of one to nine digits.
fn small(digits: &[u8]) -> Option<i32> {
    if digits.is_empty() || digits.len() > 9 {
        return None;
    }
    let mut value = 0;
    for digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + i32::from(digit);
    }
    Some(value)
}

enum Unit {
    Char(char),
    /// A UTF-16 unit, maybe half of a pair.
    Code(u32),
    Nothing,
}

/// Joins surrogate pairs; half a pair becomes U+FFFD.
fn push_unit(out: &mut String, high: &mut Option<u32>, unit: Unit) {
    let code = match unit {
        Unit::Code(code) => code,
        Unit::Char(c) => u32::from(c),
        Unit::Nothing => 0xD800,
    };
    if let Some(first) = high.take() {
        if (0xDC00..0xE000).contains(&code) {
            let joined = 0x10000 + ((first - 0xD800) << 10) + (code - 0xDC00);
            out.push(char::from_u32(joined).unwrap_or(char::REPLACEMENT_CHARACTER));
            return;
        }
        out.push(char::REPLACEMENT_CHARACTER);
    }
    match unit {
        Unit::Nothing => {}
        Unit::Code(code) if (0xD800..0xDC00).contains(&code) => *high = Some(code),
        _ => out.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)),
    }
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use super::*;
    use crate::lang::value::Style;

    fn compact(text: &str) -> Result<String, ReadError> {
        let mut heap = Heap::new();
        let value = read(&mut heap, text)?;
        let mut out = String::new();
        assert!(heap.write_json(&mut out, &value, Style::Compact, 10_000));
        Ok(out)
    }

    #[track_caller]
    fn check(text: &str, expected: &str) {
        assert_eq!(compact(text).as_deref(), Ok(expected), "{text}");
    }

    #[test]
    fn json_keeps_its_order_and_loses_its_blanks() {
        check(
            r#" {"b" : [1, 2.50, true, null], "a":"x/y"} "#,
            r#"{"b":[1,2.5,true,null],"a":"x/y"}"#,
        );
        check(r#""\u00e9\ud83d\ude00\n""#, "\"é😀\\n\"");
        check(r#"{"a":1,"a":2}"#, r#"{"a":2}"#);
        check("12345678901", "12345678901");
        check("[1e-7]", "[1.0E-7]");
    }

    #[test]
    fn sloppy_json_is_read_too() {
        check("{statusCode: 200}", r#"{"statusCode":200}"#);
        check(
            "{'a': 'b', c: hello world,}",
            r#"{"a":"b","c":"hello world"}"#,
        );
        check("[1,,2,]", "[1,2]");
        check("hello", r#""hello""#);
        check("12abc", r#""12abc""#);
        check("{} trailing", "{}");
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for text in ["{", "[1", "{\"a\"}", "\"open", "]", r#""\u12""#] {
            assert!(compact(text).is_err(), "{text}");
        }
        assert!(compact(&"[".repeat(100_000)).is_err());
    }
}

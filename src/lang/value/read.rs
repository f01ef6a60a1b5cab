//! JSON as json-smart reads it in its permissive mode, which is what mapping templates meet.
//!
//! Names and texts may stand without quotes or in single ones, commas may be too many, numbers may
//! begin with zeros, and what follows the value is not looked at. `{statusCode: 200}` is JSON here.

use std::fmt;

use super::heap::Shape;
use super::map::PLAIN_MAX;
use super::scan::{Known, blanks, plain_number, quote_or_backslash};
use super::unescape::unescaped;
use super::{Heap, Map, Number, Value};

/// Deeper documents are refused.
pub const DEPTH_MAX: usize = 128;

/// A floating number with more characters than this is kept as it was written.
const DOUBLE_CHARACTERS_MAX: usize = 18;

/// Unless it has more than this: each calculation goes over them.
const DECIMAL_CHARACTERS_MAX: usize = 1000;

/// Bytes of a text for each value that there is room for from the start.
const BYTES_A_VALUE: usize = 8;
const VALUES_RESERVED_MAX: usize = 2048;
const OPEN_RESERVED_MAX: usize = 40;
const NAMES_RESERVED: usize = 32;

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

#[cold]
pub(super) fn wrong(at: usize, what: &'static str) -> ReadError {
    ReadError { at, what }
}

/// Reads one value; its maps and lists go to `heap`. Nothing but blanks is the empty text.
///
/// # Errors
/// What even the permissive mode refuses.
pub fn read<'a>(heap: &mut Heap<'a>, text: &'a str) -> Result<Value<'a>, ReadError> {
    let at = blanks(text.as_bytes(), 0);
    if at == text.len() {
        return Ok(Value::EMPTY);
    }
    let values = (text.len() / BYTES_A_VALUE).min(VALUES_RESERVED_MAX);
    heap.reserve(values / 4, values, NAMES_RESERVED);
    let mut reader = Reader {
        heap,
        text,
        values: Vec::with_capacity(values.min(OPEN_RESERVED_MAX)),
        names: Vec::with_capacity(NAMES_RESERVED),
        known: Vec::with_capacity(NAMES_RESERVED),
        like: Like::default(),
        depth: 0,
        why: None,
    };
    let end = reader.value(at, Place::Top);
    match (end, reader.values.pop()) {
        (Some(_), Some(value)) => Ok(value),
        _ => Err(reader
            .why
            .unwrap_or_else(|| wrong(at, "a value is missing"))),
    }
}

/// Each part is read from a byte on and says where it ends, both in registers; none if it cannot be
/// read, and then the reader knows why.
struct Reader<'h, 'a> {
    heap: &'h mut Heap<'a>,
    text: &'a str,
    /// What was read: in maps and lists that are still open what is in them.
    values: Vec<Value<'a>>,
    /// Names of the maps that are open, if they are not those of the map before.
    names: Vec<Value<'a>>,
    /// Names of maps that others may be like: each in double quotes, a colon right behind it.
    known: Vec<Known>,
    /// What the next map is expected to look like; afterwards what it looks like.
    like: Like,
    /// How many maps and lists are open.
    depth: usize,
    why: Option<ReadError>,
}

/// What a map looks like: its keys, and where the reader keeps what they look like in the text.
#[derive(Clone, Copy, Default)]
struct Like {
    shape: Shape,
    known_start: usize,
}

/// What is known of the names of a map.
#[derive(Clone, Copy)]
struct Seen {
    /// A bit for each name: one whose bit is not set is new.
    bits: u64,
    has_twice: bool,
    /// All stood in double quotes without an escape, their colon right behind them.
    is_plain: bool,
}

impl Seen {
    const NONE: Self = Self {
        bits: 0,
        has_twice: false,
        is_plain: true,
    };

    /// Whether this name is sure to be new; from now on it is not.
    #[inline(always)]
    fn is_new(&mut self, name: &[u8]) -> bool {
        let [first, last] = [name.first(), name.last()].map(|byte| byte.copied().unwrap_or(0));
        let sum = usize::from(first) + 5 * usize::from(last) + 11 * name.len();
        let bit = 1 << (sum % 64);
        let is_new = self.bits & bit == 0;
        self.bits |= bit;
        is_new
    }
}

/// Where a value stands, which decides what ends one without quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Top,
    Item,
    Member,
}

impl Place {
    fn is_end(self, byte: u8) -> bool {
        match self {
            Self::Top => false,
            Self::Item => matches!(byte, b',' | b']'),
            Self::Member => matches!(byte, b',' | b'}'),
        }
    }
}

impl<'a> Reader<'_, 'a> {
    #[inline(always)]
    fn value(&mut self, mut at: usize, place: Place) -> Option<usize> {
        if self.depth > DEPTH_MAX {
            return self.wrong(at, "too deeply nested");
        }
        let bytes = self.text.as_bytes();
        if bytes.get(at).is_some_and(|byte| *byte <= b' ') {
            at = blanks(bytes, at);
        }
        match bytes.get(at) {
            Some(b'"') => {
                let (text, end) = self.string(at, b'"')?;
                self.values.push(Value::Text(text));
                Some(end)
            }
            Some(digit @ b'0'..=b'9') if bytes.get(at + 1).is_some_and(|byte| place.is_end(*byte)) => {
                let value = i32::from(digit - b'0');
                self.values.push(Value::Number(Number::Int(value)));
                Some(at + 1)
            }
            Some(b'-' | b'0'..=b'9') => {
                if let Some((number, end)) = plain_number(bytes, at)
                    && bytes.get(end).is_some_and(|byte| place.is_end(*byte))
                {
                    self.values.push(Value::Number(number));
                    return Some(end);
                }
                Some(self.number(at, place))
            }
            Some(b'{') => self.map(at + 1),
            Some(b'[') => self.list(at + 1),
            _ => self.word(at, place),
        }
    }

    /// A number, or the text that only began like one.
    #[inline(never)]
    fn number(&mut self, at: usize, place: Place) -> usize {
        let (number, end) = number(self.text, at, place);
        self.values.push(number);
        end
    }

    fn map(&mut self, at: usize) -> Option<usize> {
        let from = self.values.len();
        let like = std::mem::take(&mut self.like);
        self.depth += 1;
        let (at, is_like) = self.alike(at, like)?;
        let end = if is_like {
            let shape = like.shape.first(self.values.len() - from);
            self.like = like;
            let map = self.heap.keep_read_map(shape, &self.values[from..]);
            self.values.truncate(from);
            self.values.push(map);
            at
        } else {
            self.unlike(at, from, like)?
        };
        self.depth -= 1;
        Some(end)
    }

    /// Reads members as long as their names are those expected. Where it stopped, and whether that is
    /// behind the end of the map.
    #[inline(always)]
    fn alike(&mut self, mut at: usize, like: Like) -> Option<(usize, bool)> {
        let bytes = self.text.as_bytes();
        for place in like.known_start..like.known_start + like.shape.len() {
            let name = self.known.get(place)?;
            if !name.is_at(bytes, at) {
                at = blanks(bytes, at);
                if !name.is_at(bytes, at) {
                    break;
                }
            }
            at = self.value(at + name.length, Place::Member)?;
            match bytes.get(at) {
                Some(b',') => at += 1,
                Some(b'}') => return Some((at + 1, true)),
                _ => at = self.behind_member(at)?,
            }
        }
        Some((at, false))
    }

    /// Where the map goes on or ends behind a member and blanks.
    #[inline(never)]
    fn behind_member(&mut self, at: usize) -> Option<usize> {
        let at = blanks(self.text.as_bytes(), at);
        match self.text.as_bytes().get(at) {
            Some(b',' | b'}') => Some(at),
            _ => self.wrong(at, "`,` or `}` expected"),
        }
    }

    /// Reads on a map that began like another.
    fn unlike(&mut self, mut at: usize, from: usize, like: Like) -> Option<usize> {
        let bytes = self.text.as_bytes();
        let names_from = self.names.len();
        let mut seen = self.differ(like.shape, from);
        loop {
            match bytes.get(at) {
                Some(b'}') => break,
                Some(b',' | b' ' | b'\t' | b'\n' | b'\r') => {
                    at += 1;
                    continue;
                }
                _ => {}
            }
            at = self.name(at, names_from, &mut seen)?;
            at = self.value(at, Place::Member)?;
            match bytes.get(at) {
                Some(b',') => at += 1,
                Some(b'}') => break,
                _ => at = self.behind_member(at)?,
            }
        }
        let map = self.own_map(from, names_from, seen);
        self.values.truncate(from);
        self.values.push(map);
        Some(at + 1)
    }

    /// Takes the names so far for those of a map that goes on with others.
    #[inline(never)]
    fn differ(&mut self, like: Shape, from: usize) -> Seen {
        let mut seen = Seen::NONE;
        for place in 0..self.values.len() - from {
            let name = self.heap.name(like, place).unwrap_or_default();
            seen.is_new(name.as_bytes());
            self.names.push(Value::Text(name));
        }
        seen
    }

    /// Keeps the next name of a map; returns where its value begins.
    #[inline(always)]
    fn name(&mut self, at: usize, names_from: usize, seen: &mut Seen) -> Option<usize> {
        let bytes = self.text.as_bytes();
        let (name, end) = match bytes.get(at) {
            Some(b'"') => self.string(at, b'"')?,
            _ => self.sloppy_name(at)?,
        };
        // Else it has escapes or stood in other quotes.
        seen.is_plain &= bytes.get(at) == Some(&b'"')
            && at + name.len() + 2 == end
            && bytes.get(end) == Some(&b':');
        let mut at = end;
        if bytes.get(at) != Some(&b':') {
            at = blanks(bytes, at);
            if bytes.get(at) != Some(&b':') {
                return self.wrong(at, "`:` expected");
            }
        }
        if !seen.is_new(name.as_bytes()) {
            seen.has_twice = seen.has_twice || self.has(names_from, name);
        }
        self.names.push(Value::Text(name));
        Some(at + 1)
    }

    /// Whether one of the names from a place on is this one. Among many the heap finds out.
    #[inline(never)]
    fn has(&self, names_from: usize, name: &str) -> bool {
        let names = &self.names[names_from..];
        names.len() <= PLAIN_MAX && names.iter().any(|known| known.as_text() == Some(name))
    }

    #[inline(never)]
    fn own_map(&mut self, from: usize, names_from: usize, seen: Seen) -> Value<'a> {
        let (names, values) = (&self.names[names_from..], &self.values[from..]);
        let shape = match names.len() <= PLAIN_MAX && !seen.has_twice {
            true => self.heap.keep_shape(names),
            false => None,
        };
        let map = match shape {
            Some(shape) => {
                if seen.is_plain {
                    self.like = Like {
                        shape,
                        known_start: self.known.len(),
                    };
                    let text = self.text;
                    self.known.extend(names.iter().map(|name| {
                        // A part of the text, one behind its quote.
                        let name = name.as_text().unwrap_or_default();
                        let start = name.as_ptr().addr() - text.as_ptr().addr() - 1;
                        Known::at(text.as_bytes(), start, name.len() + 3)
                    }));
                }
                self.heap.keep_read_map(shape, values)
            }
            None => Value::Map(self.heap.keep_map(Map::of(names, values))),
        };
        self.names.truncate(names_from);
        map
    }

    fn list(&mut self, mut at: usize) -> Option<usize> {
        let bytes = self.text.as_bytes();
        let from = self.values.len();
        // The maps in a list are often alike: what each looks like is kept for the next one.
        self.like = Like::default();
        self.depth += 1;
        loop {
            match bytes.get(at) {
                Some(b']') => break,
                Some(b',' | b' ' | b'\t' | b'\n' | b'\r') => {
                    at += 1;
                    continue;
                }
                Some(b'[') => {
                    let like = self.like;
                    at = self.value(at, Place::Item)?;
                    self.like = like;
                }
                Some(_) => at = self.value(at, Place::Item)?,
                None => return self.wrong(at, "unexpected end"),
            }
            if bytes.get(at) == Some(&b',') {
                at += 1;
            }
        }
        let list = self.heap.keep_read_list(&self.values[from..]);
        self.values.truncate(from);
        self.values.push(list);
        self.depth -= 1;
        Some(at + 1)
    }

    /// A text in quotes, and where it ends.
    #[inline(always)]
    fn string(&mut self, at: usize, quote: u8) -> Option<(&'a str, usize)> {
        let start = at + 1;
        match quote_or_backslash(self.text.as_bytes(), start, quote) {
            Some((end, true)) => Some((&self.text[start..end], end + 1)),
            Some(_) => self.escaped_string(start, quote),
            None => self.wrong(at, "a text without an end"),
        }
    }

    #[inline(never)]
    fn escaped_string(&mut self, start: usize, quote: u8) -> Option<(&'a str, usize)> {
        match unescaped(self.text, start, quote) {
            Ok((text, end)) => Some((self.heap.keep_text(text), end)),
            Err(why) => {
                self.why = Some(why);
                None
            }
        }
    }

    #[cold]
    fn sloppy_name(&mut self, at: usize) -> Option<(&'a str, usize)> {
        match self.text.as_bytes().get(at) {
            None => self.wrong(at, "unexpected end"),
            Some(b':' | b']' | b'[' | b'{') => self.wrong(at, "unexpected character"),
            Some(b'\'') => self.string(at, b'\''),
            Some(_) => {
                let end = self.text[at..].find(':');
                let end = end.map_or(self.text.len(), |end| at + end);
                Some((trimmed(&self.text[at..end]), end))
            }
        }
    }

    /// One of JSON's words, or a text without quotes or in single ones.
    #[inline(never)]
    fn word(&mut self, at: usize, place: Place) -> Option<usize> {
        let (text, end) = match self.text.as_bytes().get(at) {
            None => return self.wrong(at, "unexpected end"),
            Some(b':' | b'}' | b']') => return self.wrong(at, "unexpected character"),
            Some(b'\'') => {
                let (text, end) = self.string(at, b'\'')?;
                self.values.push(Value::Text(text));
                return Some(end);
            }
            Some(_) => bare(self.text, at, place),
        };
        self.values.push(match text {
            "null" => Value::Null,
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            "NaN" => Value::Number(Number::Double(f64::NAN)),
            text => Value::Text(text),
        });
        Some(end)
    }

    #[cold]
    fn wrong<T>(&mut self, at: usize, what: &'static str) -> Option<T> {
        self.why = Some(wrong(at, what));
        None
    }
}

/// A number, or the text that only began like one; where it ends.
fn number<'a>(text: &'a str, at: usize, place: Place) -> (Value<'a>, usize) {
    let bytes = text.as_bytes();
    if let Some((number, end)) = plain_number(bytes, at) {
        let end = blanks(bytes, end);
        if bytes.get(end).is_none_or(|byte| place.is_end(*byte)) {
            return (Value::Number(number), end);
        }
    }
    sloppy_number(text, at, place)
}

#[inline(never)]
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
fn bare(text: &str, at: usize, place: Place) -> (&str, usize) {
    let rest = &text.as_bytes()[at..];
    let end = rest.iter().position(|byte| place.is_end(*byte));
    let end = end.map_or(text.len(), |end| at + end);
    (trimmed(&text[at..end]), end)
}

fn trimmed(text: &str) -> &str {
    text.trim_matches(|c: char| c <= ' ')
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use super::*;
    use crate::lang::value::{Style, Texts};

    fn compact(text: &str) -> Result<String, ReadError> {
        let texts = Texts::new();
        let mut heap = Heap::new(&texts);
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
        let long = |zeros: usize| format!("[1.{}1]", "0".repeat(zeros));
        check(&long(100), &long(100));
        check(&long(2000), "[1.0]");
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

    /// What a map before it in a list looked like changes nothing.
    #[test]
    fn a_map_in_a_list_is_read_as_alone() {
        let items = [
            r#"{"sku":"a","name":"b","qty":1,"longer name":2.5}"#,
            r#"{"sku":"c","name":"d","qty":2,"longer name":3.5}"#,
            r#"{ "sku" : "c" , "name":"d","qty":{"sku":1},"longer name":[{"sku":2}]}"#,
            r#"{"sku":"c","name":"d"}"#,
            r#"{"sku":"c","name":"d","qty":1,"longer name":1,"more":[]}"#,
            r#"{"sku":"c","name":"d","sku":"e"}"#,
            r#"{"name":"d","sku":"c"}"#,
            r#"{"s\u006bu":"c","name":"d"}"#,
            r#"{'sku':'c','name':'d'}"#,
            r#"{sku:c,name:d}"#,
            r#"{"a\"b":1}"#,
            r#"{'a"b':1}"#,
            r#"{"":1}"#,
            "{}",
            "7",
            r#"["x"]"#,
        ];
        for first in items {
            for second in items {
                for third in items {
                    let alone = [first, second, third].map(|item| compact(item).expect("JSON"));
                    check(
                        &format!("[{first},{second} , {third}]"),
                        &format!("[{}]", alone.join(",")),
                    );
                }
            }
        }
        // Here a name only begins like the one before.
        assert!(compact(r#"[{'a"b':1},{"a"b":1}]"#).is_err());
        assert!(compact(r#"[{"a":1},{"a" 1}]"#).is_err());
    }

    #[test]
    fn many_members_are_found_and_the_last_of_a_name_counts() {
        let names = |different: bool| -> String {
            let name = |index| if different { index } else { 7 };
            let members = (0..100_000).map(|index| format!("\"k{}\":{index}", name(index)));
            members.collect::<Vec<_>>().join(",")
        };
        check(&format!("{{{}}}", names(false)), r#"{"k7":99999}"#);
        let text = format!("{{{},\"k5\":-1}}", names(true));
        let texts = Texts::new();
        let mut heap = Heap::new(&texts);
        let Ok(Value::Map(id)) = read(&mut heap, &text) else {
            unreachable!("a map");
        };
        assert_eq!(heap.map(id).len(), 100_000);
        for (name, expected) in [("k5", -1), ("k99999", 99_999)] {
            let value = heap.map(id).member(name);
            assert!(matches!(value, Some(Value::Number(Number::Int(value))) if *value == expected));
        }
    }

    #[test]
    fn what_is_too_deep_is_refused() {
        for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[{\"a\":", "}]")] {
            let nested = |times| [open.repeat(times), "1".to_owned(), close.repeat(times)].concat();
            let levels = open.bytes().filter(|byte| b"[{".contains(byte)).count();
            assert!(compact(&nested(DEPTH_MAX / levels)).is_ok(), "{open}");
            assert!(compact(&nested(DEPTH_MAX / levels + 1)).is_err(), "{open}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        for text in ["{", "[1", "{\"a\"}", "\"open", "]", r#""\u12""#] {
            assert!(compact(text).is_err(), "{text}");
        }
        assert!(compact(&"[".repeat(100_000)).is_err());
    }
}

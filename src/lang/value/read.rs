//! JSON as json-smart reads it in its permissive mode, which is what mapping templates meet.
//!
//! Names and texts may stand without quotes or in single ones, commas may be too many, numbers may
//! begin with zeros, and what follows the value is not looked at. `{statusCode: 200}` is JSON here.

use std::fmt;

use super::bare::{Place, bare, number, trimmed};
use super::heap::Shape;
use super::map::PLAIN_MAX;
use super::scan::{Known, behind_blanks, plain_number, quote_or_backslash};
use super::unescape::unescaped;
use super::{Heap, Map, Number, Value};

/// Deeper documents are refused.
pub const DEPTH_MAX: usize = 128;

/// Bytes of a text for each value that there is room for from the start.
const BYTES_A_VALUE: usize = 8;
const VALUES_RESERVED_MAX: usize = 2048;
const OPEN_RESERVED_MAX: usize = 40;
const NAMES_RESERVED: usize = 32;
const KNOWN_RESERVED: usize = 24;

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
    let rest = behind_blanks(text.as_bytes());
    if rest.is_empty() {
        return Ok(Value::EMPTY);
    }
    let values = (text.len() / BYTES_A_VALUE).min(VALUES_RESERVED_MAX);
    heap.reserve(values / 4, values, NAMES_RESERVED);
    let mut reader = Reader {
        heap,
        text,
        values: Vec::with_capacity(values.min(OPEN_RESERVED_MAX)),
        names: Vec::with_capacity(NAMES_RESERVED),
        known: Vec::with_capacity(KNOWN_RESERVED),
        like: Like::default(),
        depth: 0,
        why: None,
    };
    let behind = reader.value(rest, Place::Top);
    match (behind, reader.values.pop()) {
        (Some(_), Some(value)) => Ok(value),
        _ => Err(reader
            .why
            .unwrap_or_else(|| wrong(text.len() - rest.len(), "a value is missing"))),
    }
}

/// Each part takes what is left of the text and gives what is left behind it, both in registers; none if
/// it cannot be read, and then the reader knows why. What is left always begins where a character does.
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

impl<'a> Reader<'_, 'a> {
    #[inline(always)]
    fn value(&mut self, mut rest: &'a [u8], place: Place) -> Option<&'a [u8]> {
        if self.depth > DEPTH_MAX {
            return self.wrong(rest, "too deeply nested");
        }
        if let [0..=b' ', ..] = rest {
            rest = behind_blanks(rest);
        }
        match rest {
            [b'"', behind @ ..] => {
                let (text, behind) = self.string(behind, b'"')?;
                self.values.push(Value::Text(text));
                Some(behind)
            }
            [digit @ b'0'..=b'9', end, ..] if place.is_end(*end) => {
                let value = i32::from(digit - b'0');
                self.values.push(Value::Number(Number::Int(value)));
                rest.get(1..)
            }
            [b'-' | b'0'..=b'9', ..] => {
                if let Some((number, behind @ [end, ..])) = plain_number(rest)
                    && place.is_end(*end)
                {
                    self.values.push(Value::Number(number));
                    return Some(behind);
                }
                self.number(rest, place)
            }
            [b'{', behind @ ..] => self.map(behind),
            [b'[', behind @ ..] => self.list(behind),
            _ => self.word(rest, place),
        }
    }

    /// Where in the text something is that is left.
    fn at(&self, rest: &[u8]) -> usize {
        self.text.len() - rest.len()
    }

    /// What is left behind a place.
    fn behind(&self, at: usize) -> Option<&'a [u8]> {
        self.text.as_bytes().get(at..)
    }

    /// A number, or the text that only began like one.
    #[inline(never)]
    fn number(&mut self, rest: &[u8], place: Place) -> Option<&'a [u8]> {
        let (number, end) = number(self.text, self.at(rest), place);
        self.values.push(number);
        self.behind(end)
    }

    fn map(&mut self, rest: &'a [u8]) -> Option<&'a [u8]> {
        let from = self.values.len();
        let like = std::mem::take(&mut self.like);
        self.depth += 1;
        let (rest, is_like) = self.alike(rest, like)?;
        let behind = if is_like {
            let shape = like.shape.first(self.values.len() - from);
            self.like = like;
            let map = self.heap.keep_read_map(shape, &self.values[from..]);
            self.values.truncate(from);
            self.values.push(map);
            rest
        } else {
            self.unlike(rest, from, like)?
        };
        self.depth -= 1;
        Some(behind)
    }

    /// Reads members as long as their names are those expected. What is left then, and whether the map
    /// has ended.
    #[inline(always)]
    fn alike(&mut self, mut rest: &'a [u8], like: Like) -> Option<(&'a [u8], bool)> {
        for place in like.known_start..like.known_start + like.shape.len() {
            let name = self.known.get(place)?;
            let whole = self.text.as_bytes();
            let behind = match name.behind(rest, whole) {
                Some(behind) => behind,
                None => {
                    rest = behind_blanks(rest);
                    match name.behind(rest, whole) {
                        Some(behind) => behind,
                        None => break,
                    }
                }
            };
            rest = self.value(behind, Place::Member)?;
            match rest {
                [b',', behind @ ..] => rest = behind,
                [b'}', behind @ ..] => return Some((behind, true)),
                _ => rest = self.behind_member(rest)?,
            }
        }
        Some((rest, false))
    }

    /// What is left behind a member and blanks: the map goes on or ends.
    #[inline(never)]
    fn behind_member(&mut self, rest: &'a [u8]) -> Option<&'a [u8]> {
        let rest = behind_blanks(rest);
        match rest {
            [b',' | b'}', ..] => Some(rest),
            _ => self.wrong(rest, "`,` or `}` expected"),
        }
    }

    /// Reads on a map that began like another.
    fn unlike(&mut self, mut rest: &'a [u8], from: usize, like: Like) -> Option<&'a [u8]> {
        let names_from = self.names.len();
        let mut seen = self.differ(like.shape, from);
        let behind = loop {
            match rest {
                [b'}', behind @ ..] => break behind,
                [b',' | b' ' | b'\t' | b'\n' | b'\r', behind @ ..] => {
                    rest = behind;
                    continue;
                }
                _ => {}
            }
            rest = self.name(rest, names_from, &mut seen)?;
            rest = self.value(rest, Place::Member)?;
            match rest {
                [b',', behind @ ..] => rest = behind,
                [b'}', behind @ ..] => break behind,
                _ => rest = self.behind_member(rest)?,
            }
        };
        let map = self.own_map(from, names_from, seen);
        self.values.truncate(from);
        self.values.push(map);
        Some(behind)
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

    /// Keeps the next name of a map; what is left behind its colon.
    #[inline(always)]
    fn name(&mut self, rest: &'a [u8], names_from: usize, seen: &mut Seen) -> Option<&'a [u8]> {
        let (name, behind) = match rest {
            [b'"', behind @ ..] => self.string(behind, b'"')?,
            _ => self.sloppy_name(rest)?,
        };
        // Else it has escapes or stood in other quotes.
        seen.is_plain &= matches!((rest, behind), ([b'"', ..], [b':', ..]))
            && rest.len() - behind.len() == name.len() + 2;
        if !seen.is_new(name.as_bytes()) {
            seen.has_twice = seen.has_twice || self.has(names_from, name);
        }
        self.names.push(Value::Text(name));
        match behind {
            [b':', behind @ ..] => Some(behind),
            _ => match behind_blanks(behind) {
                [b':', behind @ ..] => Some(behind),
                behind => self.wrong(behind, "`:` expected"),
            },
        }
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

    fn list(&mut self, mut rest: &'a [u8]) -> Option<&'a [u8]> {
        let from = self.values.len();
        // The maps in a list are often alike: what each looks like is kept for the next one.
        self.like = Like::default();
        self.depth += 1;
        let behind = loop {
            match rest {
                [b']', behind @ ..] => break behind,
                [b',' | b' ' | b'\t' | b'\n' | b'\r', behind @ ..] => {
                    rest = behind;
                    continue;
                }
                [b'[', ..] => {
                    let like = self.like;
                    rest = self.value(rest, Place::Item)?;
                    self.like = like;
                }
                [_, ..] => rest = self.value(rest, Place::Item)?,
                [] => return self.wrong(rest, "unexpected end"),
            }
            match rest {
                [b',', behind @ ..] => rest = behind,
                [b']', behind @ ..] => break behind,
                _ => {}
            }
        };
        let list = self.heap.keep_read_list(&self.values[from..]);
        self.values.truncate(from);
        self.values.push(list);
        self.depth -= 1;
        Some(behind)
    }

    /// A text whose opening quote has been read, and what is left behind it.
    #[inline(always)]
    fn string(&mut self, rest: &'a [u8], quote: u8) -> Option<(&'a str, &'a [u8])> {
        match quote_or_backslash(rest, quote) {
            Some((length, true)) => {
                let (text, behind) = rest.split_at_checked(length)?;
                Some((Self::part(text), behind.get(1..)?))
            }
            Some(_) => self.escaped_string(rest, quote),
            None => self.wrong(rest, "a text without an end"),
        }
    }

    /// Bytes of the text from behind a quote to the next one, as text. Asking whether they are would take a
    /// twentieth of all instructions of a reading.
    #[inline(always)]
    fn part(bytes: &'a [u8]) -> &'a str {
        debug_assert!(std::str::from_utf8(bytes).is_ok());
        // SAFETY: the bytes are a part of a text with ASCII on both sides, so it begins and ends where
        // characters do.
        unsafe { std::str::from_utf8_unchecked(bytes) }
    }

    #[inline(never)]
    fn escaped_string(&mut self, rest: &[u8], quote: u8) -> Option<(&'a str, &'a [u8])> {
        match unescaped(self.text, self.at(rest), quote) {
            Ok((text, end)) => Some((self.heap.keep_text(text), self.behind(end)?)),
            Err(why) => {
                self.why = Some(why);
                None
            }
        }
    }

    #[cold]
    fn sloppy_name(&mut self, rest: &'a [u8]) -> Option<(&'a str, &'a [u8])> {
        match rest {
            [] => self.wrong(rest, "unexpected end"),
            [b':' | b']' | b'[' | b'{', ..] => self.wrong(rest, "unexpected character"),
            [b'\'', behind @ ..] => self.string(behind, b'\''),
            _ => {
                let text = &self.text[self.at(rest)..];
                let end = text.find(':').unwrap_or(text.len());
                Some((trimmed(&text[..end]), rest.get(end..)?))
            }
        }
    }

    /// One of JSON's words, or a text without quotes or in single ones.
    #[inline(never)]
    fn word(&mut self, rest: &'a [u8], place: Place) -> Option<&'a [u8]> {
        let (text, end) = match rest {
            [] => return self.wrong(rest, "unexpected end"),
            [b':' | b'}' | b']', ..] => return self.wrong(rest, "unexpected character"),
            [b'\'', behind @ ..] => {
                let (text, behind) = self.string(behind, b'\'')?;
                self.values.push(Value::Text(text));
                return Some(behind);
            }
            _ => bare(self.text, self.at(rest), place),
        };
        self.values.push(match text {
            "null" => Value::Null,
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            "NaN" => Value::Number(Number::Double(f64::NAN)),
            text => Value::Text(text),
        });
        self.behind(end)
    }

    #[cold]
    fn wrong<T>(&mut self, rest: &[u8], what: &'static str) -> Option<T> {
        self.why = Some(wrong(self.at(rest), what));
        None
    }
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

    /// Parts of the text are taken as text unasked: in a build with debug assertions it is asked.
    #[test]
    fn texts_begin_and_end_where_characters_do() {
        for c in ["é", "文", "😀"] {
            for length in 0..20 {
                let text = format!("{}{c}", "x".repeat(length));
                check(
                    &format!("[\"{text}\",'{text}']"),
                    &format!("[\"{text}\",\"{text}\"]"),
                );
                check(
                    &format!("{{\"{text}\":1,{text}:2}}"),
                    &format!("{{\"{text}\":2}}"),
                );
            }
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

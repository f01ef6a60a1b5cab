//! JSON as json-smart reads it in its permissive mode, which is what mapping templates meet.
//!
//! Names and texts may stand without quotes or in single ones, commas may be too many, numbers may
//! begin with zeros, and what follows the value is not looked at. `{statusCode: 200}` is JSON here.

use std::fmt;

use super::bare::{Place, bare, number, trimmed};
use super::heap::Shape;
use super::map::PLAIN_MAX;
use super::plain::{Stop, members, part, scalar};
use super::scan::{Known, behind_blanks, quote_or_backslash};
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

/// What is wrong with a text whose opening quote is at this byte.
#[cold]
pub(super) fn endless(at: usize) -> ReadError {
    wrong(at, "a text without an end")
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
    /// Whether it is kept already.
    is_known: bool,
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
        let (first, last) = match name {
            [first, .., last] => (*first, *last),
            _ => (0, 0),
        };
        let sum = usize::from(first) + 5 * usize::from(last) + 11 * name.len();
        let bit = 1 << (sum % 64);
        let is_new = self.bits & bit == 0;
        self.bits |= bit;
        is_new
    }
}

impl<'a> Reader<'_, 'a> {
    /// Any value. What most are is looked at before.
    #[inline(never)]
    fn value(&mut self, mut rest: &'a [u8], place: Place) -> Option<&'a [u8]> {
        if self.depth > DEPTH_MAX {
            return self.wrong(rest, "too deeply nested");
        }
        if let [0..=b' ', ..] = rest {
            rest = behind_blanks(rest);
        }
        if let Some(behind) = scalar(&mut self.values, rest, place) {
            return Some(behind);
        }
        match rest {
            [b'"', behind @ ..] => {
                let (text, behind) = self.string(behind, b'"')?;
                self.values.push(Value::Text(text));
                Some(behind)
            }
            [b'-' | b'0'..=b'9', ..] => self.number(rest, place),
            [b'{', behind @ ..] => self.map(behind, place),
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

    /// Reads a map whose `{` has been read; of a list also the maps behind it that look like it.
    fn map(&mut self, mut rest: &'a [u8], place: Place) -> Option<&'a [u8]> {
        let mut like = std::mem::take(&mut self.like);
        if !like.is_known && like.shape.len() > 0 {
            like = self.know(like, rest);
        }
        self.depth += 1;
        let behind = loop {
            let from = self.values.len();
            let (behind, is_like) = self.alike(rest, like)?;
            if !is_like {
                break self.unlike(behind, from, like)?;
            }
            let shape = like.shape.first(self.values.len() - from);
            self.like = like;
            let map = self.heap.keep_read_map(shape, &self.values[from..]);
            self.values.truncate(from);
            self.values.push(map);
            match behind {
                [b',', b'{', next @ ..] if place == Place::Item => rest = next,
                _ => break behind,
            }
        };
        self.depth -= 1;
        Some(behind)
    }

    /// What a map is expected to look like that begins like it: only then it is worth it to keep what its
    /// names look like in the text.
    #[inline(never)]
    fn know(&mut self, like: Like, rest: &[u8]) -> Like {
        let names = self.heap.names(like.shape);
        let first = names.first().and_then(Value::as_text).unwrap_or_default();
        let is_begun = match behind_blanks(rest) {
            [b'"', behind @ ..] => behind.starts_with(first.as_bytes()),
            _ => false,
        };
        if !is_begun {
            return Like::default();
        }
        let known_start = self.known.len();
        let text = self.text;
        self.known.extend(names.iter().map(|name| {
            // A part of the text, one behind its quote.
            let name = name.as_text().unwrap_or_default();
            let start = name.as_ptr().addr() - text.as_ptr().addr() - 1;
            Known::at(text.as_bytes(), start, name.len() + 3)
        }));
        Like {
            known_start,
            is_known: true,
            ..like
        }
    }

    /// Reads members as long as their names are those expected. What is left then, and whether the map
    /// has ended.
    #[inline(always)]
    fn alike(&mut self, mut rest: &'a [u8], like: Like) -> Option<(&'a [u8], bool)> {
        let whole = self.text.as_bytes();
        let end = like.known_start + like.shape.len();
        let mut place = like.known_start;
        let is_shallow = self.depth <= DEPTH_MAX;
        while place < end {
            let names = self.known.get(place..end)?;
            let run = members(&mut self.values, names, rest, whole, is_shallow);
            place += run.count;
            let behind = match run.stop {
                Stop::End => return Some((run.rest, true)),
                Stop::Names => return Some((run.rest, false)),
                Stop::Value => run.rest,
                Stop::Name => {
                    rest = behind_blanks(run.rest);
                    match self.known.get(place)?.behind(rest, whole) {
                        Some(behind) => behind,
                        None => break,
                    }
                }
            };
            place += 1;
            rest = match behind {
                [b'[', behind @ ..] if is_shallow => self.list(behind)?,
                [b'{', behind @ ..] if is_shallow => self.map(behind, Place::Member)?,
                _ => self.value(behind, Place::Member)?,
            };
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
    #[inline(never)]
    fn unlike(&mut self, mut rest: &'a [u8], from: usize, like: Like) -> Option<&'a [u8]> {
        let names_from = self.names.len();
        let mut seen = self.differ(like.shape, from);
        let is_shallow = self.depth <= DEPTH_MAX;
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
            let found = match is_shallow {
                true => scalar(&mut self.values, rest, Place::Member),
                false => None,
            };
            rest = match found {
                Some(behind) => behind,
                None => self.value(rest, Place::Member)?,
            };
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
        if let [b'"', behind @ ..] = rest
            && let Some((length, true)) = quote_or_backslash(behind, b'"')
            && let Some((name, [_, b':', behind @ ..])) = behind.split_at_checked(length)
        {
            self.keep_name(part(name), names_from, seen);
            return Some(behind);
        }
        self.other_name(rest, names_from, seen)
    }

    #[inline(always)]
    fn keep_name(&mut self, name: &'a str, names_from: usize, seen: &mut Seen) {
        if !seen.is_new(name.as_bytes()) {
            seen.has_twice = seen.has_twice || self.has(names_from, name);
        }
        self.names.push(Value::Text(name));
    }

    /// One with escapes, in other quotes or in none, or with blanks before its colon.
    #[inline(never)]
    fn other_name(&mut self, rest: &'a [u8], from: usize, seen: &mut Seen) -> Option<&'a [u8]> {
        let (name, behind) = match rest {
            [b'"', behind @ ..] => self.string(behind, b'"')?,
            _ => self.sloppy_name(rest)?,
        };
        seen.is_plain = false;
        self.keep_name(name, from, seen);
        match behind_blanks(behind) {
            [b':', behind @ ..] => Some(behind),
            behind => self.wrong(behind, "`:` expected"),
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
                        ..Like::default()
                    };
                }
                self.heap.keep_read_map(shape, values)
            }
            None => Value::Map(self.heap.keep_map(Map::of(names, values))),
        };
        self.names.truncate(names_from);
        map
    }

    #[inline(never)]
    fn list(&mut self, mut rest: &'a [u8]) -> Option<&'a [u8]> {
        let from = self.values.len();
        // The maps in a list are often alike: what each looks like is kept for the next one.
        self.like = Like::default();
        // What is in it is one deeper.
        while self.depth < DEPTH_MAX
            && let Some(behind) = scalar(&mut self.values, rest, Place::Item)
        {
            match behind {
                [b',', behind @ ..] => rest = behind,
                [b']', behind @ ..] => {
                    self.end_list(from);
                    return Some(behind);
                }
                _ => {
                    rest = behind;
                    break;
                }
            }
        }
        self.mixed_list(rest, from)
    }

    /// Reads on a list that may have more than texts and numbers.
    #[inline(never)]
    fn mixed_list(&mut self, mut rest: &'a [u8], from: usize) -> Option<&'a [u8]> {
        self.depth += 1;
        let is_shallow = self.depth <= DEPTH_MAX;
        let behind = loop {
            match rest {
                [b'{', behind @ ..] if is_shallow => rest = self.map(behind, Place::Item)?,
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
        self.end_list(from);
        self.depth -= 1;
        Some(behind)
    }

    #[inline(always)]
    fn end_list(&mut self, from: usize) {
        let list = self.heap.keep_read_list(&self.values[from..]);
        self.values.truncate(from);
        self.values.push(list);
    }

    /// A text whose opening quote has been read, and what is left behind it.
    #[inline(always)]
    fn string(&mut self, rest: &'a [u8], quote: u8) -> Option<(&'a str, &'a [u8])> {
        match quote_or_backslash(rest, quote) {
            Some((length, true)) => {
                let (text, behind) = rest.split_at_checked(length)?;
                Some((part(text), behind.get(1..)?))
            }
            Some(_) => self.escaped_string(rest, quote),
            None => {
                let start = self.at(rest) - 1;
                self.why = Some(endless(start));
                None
            }
        }
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

//! JSON text to the items of a document: one pass over the bytes, nothing allocated for one item.

use serde_json::Number;

use super::document::{Document, Item, SCANNED_MAX, Slice, UNSORTED, key_of};
use crate::lang::value::{DIGITS_MAX, POWERS, behind_blanks, digits, special};

/// `serde_json` refuses lists and objects in more of each other.
pub(super) const DEPTH_MAX: usize = 127;

/// How much room an item of a body takes, roughly: a guess for what has to be reserved.
const BYTES_PER_ITEM: usize = 6;

/// Numbers of items and places in a text are held in 32 bits, those of decoded texts behind it.
pub(super) const BYTES_MAX: usize = u32::MAX as usize / 2;

impl<'b> Document<'b> {
    /// None: it is not JSON, as `serde_json` reads it.
    pub fn read(body: &'b [u8]) -> Option<Self> {
        if body.len() > BYTES_MAX {
            return None;
        }
        let text = std::str::from_utf8(body).ok()?;
        let items = Vec::with_capacity(body.len() / BYTES_PER_ITEM + 4);
        let (document, end) = Self::read_part(text, 0, 0, items)?;
        behind_blanks(&body[end..]).is_empty().then_some(document)
    }

    /// The value at a place of a body, so deep in others, and where it ends. `items` is room for it.
    pub(super) fn read_part(
        text: &'b str,
        at: usize,
        depth: usize,
        mut items: Vec<Item>,
    ) -> Option<(Self, usize)> {
        items.clear();
        let mut reader = Reader {
            bytes: text.as_bytes(),
            at,
            document: Self::over(text, items),
        };
        reader.value(depth)?;
        Some((reader.document, reader.at))
    }
}

struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
    document: Document<'b>,
}

impl Reader<'_> {
    /// The next byte that is no blank.
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        loop {
            let byte = *self.bytes.get(self.at)?;
            if byte > b' ' || !matches!(byte, b' ' | b'\n' | b'\t' | b'\r') {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    #[inline]
    fn push(&mut self, item: Item) {
        self.document.items.push(item);
    }

    fn value(&mut self, depth: usize) -> Option<()> {
        let item = match self.peek()? {
            b'"' => Item::Text(self.string()?),
            b'{' => return self.members(depth),
            b'[' => return self.list(depth),
            b'-' | b'0'..=b'9' => {
                let (item, behind) = number(&self.bytes[self.at..])?;
                self.at = self.bytes.len() - behind.len();
                item
            }
            b't' => self.word("true", Item::Bool(true))?,
            b'f' => self.word("false", Item::Bool(false))?,
            b'n' => self.word("null", Item::Null)?,
            _ => return None,
        };
        self.push(item);
        Some(())
    }

    fn word(&mut self, word: &str, item: Item) -> Option<Item> {
        let rest = self.bytes.get(self.at..)?;
        self.at += word.len();
        rest.starts_with(word.as_bytes()).then_some(item)
    }

    /// Whether the list or object goes on behind a value; `end` ends it.
    #[inline]
    fn goes_on(&mut self, end: u8) -> Option<bool> {
        let byte = self.peek()?;
        self.at += 1;
        match byte {
            b',' => Some(true),
            byte if byte == end => Some(false),
            _ => None,
        }
    }

    /// Takes the opening bracket; says whether something is in it.
    #[inline]
    fn open(&mut self, depth: usize, end: u8) -> Option<bool> {
        if depth >= DEPTH_MAX {
            return None;
        }
        self.at += 1;
        let has_some = self.peek()? != end;
        self.at += usize::from(!has_some);
        // What it is known to be in the end takes its place.
        self.push(Item::Null);
        Some(has_some)
    }

    fn list(&mut self, depth: usize) -> Option<()> {
        let (start, mut count) = (self.document.items.len(), 0);
        let mut goes_on = self.open(depth, b']')?;
        while goes_on {
            self.value(depth + 1)?;
            count += 1;
            goes_on = self.goes_on(b']')?;
        }
        let items = &mut self.document.items;
        let length = (items.len() - start) as u32;
        items[start] = Item::List { count, length };
        Some(())
    }

    fn members(&mut self, depth: usize) -> Option<()> {
        let start = self.document.items.len();
        let (mut count, mut shadowed) = (0, 0);
        // A bit for the key of each name: where it is new, the name is.
        let mut seen = 0_u64;
        let mut goes_on = self.open(depth, b'}')?;
        while goes_on {
            if self.peek()? != b'"' {
                return None;
            }
            let slice = self.string()?;
            let key = key_of(self.document.bytes_of(slice));
            let bit = 1 << (key % 64);
            // In large ones this would take long; those are sorted in the end.
            if seen & bit != 0 && count < SCANNED_MAX {
                shadowed += u32::from(self.document.shadow(start, slice, key));
            }
            seen |= bit;
            self.push(Item::Name { slice, key });
            if self.peek()? != b':' {
                return None;
            }
            self.at += 1;
            self.value(depth + 1)?;
            count += 1;
            goes_on = self.goes_on(b'}')?;
        }
        let (count, sorted) = match count > SCANNED_MAX {
            true => self.document.sort(start),
            false => (count - shadowed, UNSORTED),
        };
        let items = &mut self.document.items;
        let length = (items.len() - start) as u32;
        items[start] = Item::Members {
            count,
            length,
            sorted,
        };
        Some(())
    }

    #[inline]
    fn string(&mut self) -> Option<Slice> {
        let start = self.at + 1;
        let (end, byte) = special(self.bytes, start)?;
        if byte != b'"' {
            return self.escaped(start, (end, byte));
        }
        self.at = end + 1;
        Some(Slice::of(start, end - start))
    }

    /// A text in which something special was found; what is meant is written behind the body.
    #[cold]
    fn escaped(&mut self, start: usize, found: (usize, u8)) -> Option<Slice> {
        let (text, decoded) = (self.document.text, &mut self.document.decoded);
        let at = decoded.len();
        self.at = escaped(text, start, found, decoded)?;
        Some(Slice::of(text.len() + at, decoded.len() - at))
    }
}

/// Appends what is meant by the text that begins at `start`, in which something special was found;
/// says what is behind its quote.
pub(super) fn escaped(
    text: &str,
    start: usize,
    (mut end, mut byte): (usize, u8),
    out: &mut String,
) -> Option<usize> {
    let mut plain = start;
    while byte == b'\\' {
        out.push_str(text.get(plain..end)?);
        plain = unescape(text.as_bytes(), end + 1, out)?;
        (end, byte) = special(text.as_bytes(), plain)?;
    }
    if byte != b'"' {
        return None;
    }
    out.push_str(text.get(plain..end)?);
    Some(end + 1)
}

/// The number that a text begins with, and what is behind it.
#[inline(always)]
pub(super) fn number(bytes: &[u8]) -> Option<(Item, &[u8])> {
    let is_negative = bytes.first() == Some(&b'-');
    let first = usize::from(is_negative);
    let (mut value, mut at) = digits(bytes, first, 0);
    let whole = at - first;
    let mut places = 0;
    let mut is_usual = whole == 1 || (whole > 1 && bytes[first] != b'0');
    if bytes.get(at) == Some(&b'.') {
        let point = at;
        (value, at) = digits(bytes, point + 1, value);
        places = at - point - 1;
        is_usual &= places > 0;
    }
    is_usual &= whole + places <= DIGITS_MAX
        && !(is_negative && value == 0)
        && !matches!(bytes.get(at), Some(b'e' | b'E'));
    if !is_usual {
        return unusual(bytes);
    }
    let item = match (places, is_negative) {
        (0, false) => Item::Unsigned(value),
        (0, true) => Item::Negative(-(value as i64)),
        // One division of two numbers that are held exactly rounds once.
        (_, false) => Item::Float(value as f64 / POWERS[places]),
        (_, true) => Item::Float(-(value as f64 / POWERS[places])),
    };
    Some((item, bytes.get(at..)?))
}

/// A number for who knows all rules.
#[cold]
fn unusual(bytes: &[u8]) -> Option<(Item, &[u8])> {
    let of_number = |byte: &u8| !matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
    let end = bytes.iter().position(of_number).unwrap_or(bytes.len());
    let (number, behind) = bytes.split_at(end);
    let number: Number = serde_json::from_slice(number).ok()?;
    let whole = number.as_u64().map(Item::Unsigned);
    let whole = whole.or_else(|| number.as_i64().map(Item::Negative));
    let item = whole.or_else(|| number.as_f64().map(Item::Float))?;
    Some((item, behind))
}

/// Appends what is meant by the escape whose backslash is in front of `at`; says where it ends.
fn unescape(bytes: &[u8], at: usize, out: &mut String) -> Option<usize> {
    let plain = match bytes.get(at)? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unescape_unicode(bytes, at + 1, out),
        _ => return None,
    };
    out.push(plain);
    Some(at + 1)
}

/// Of two halves of a character both have to be there, in their order.
fn unescape_unicode(bytes: &[u8], at: usize, out: &mut String) -> Option<usize> {
    let unit = hex(bytes, at)?;
    let (code, end) = match unit {
        0xd800..0xdc00 => {
            if !bytes.get(at + 4..)?.starts_with(b"\\u") {
                return None;
            }
            let low = hex(bytes, at + 6)?.checked_sub(0xdc00)?;
            let is_low = low < 0x400;
            (
                is_low.then_some(0x1_0000 + ((unit - 0xd800) << 10) + low)?,
                at + 10,
            )
        }
        unit => (unit, at + 4),
    };
    out.push(char::from_u32(code)?);
    Some(end)
}

fn hex(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..)?.first_chunk::<4>()?;
    four.iter().try_fold(0, |unit, byte| {
        Some(unit * 16 + char::from(*byte).to_digit(16)?)
    })
}

//! What a reader of JSON looks for, byte by byte or sixteen at a time.

use super::Number;
use super::block::{BLOCK, Marks, block, digits_and_points, is_ascii_four, quotes, same, specials};

/// Digits that both an integer and a floating number of their own hold exactly.
pub const DIGITS_MAX: usize = 15;

/// Powers of ten, as far as there may be decimals; each is held exactly.
pub const POWERS: [f64; DIGITS_MAX] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14,
];

#[inline(always)]
pub fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// Whether all bytes are ASCII.
pub fn is_ascii(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while let Some((four, behind)) = rest.split_first_chunk() {
        if !is_ascii_four(four) {
            return false;
        }
        rest = behind;
    }
    rest.is_ascii()
}

/// What is behind blanks.
#[inline(always)]
pub fn behind_blanks(mut bytes: &[u8]) -> &[u8] {
    while let [byte, behind @ ..] = bytes {
        if *byte > b' ' || !is_blank(*byte) {
            break;
        }
        bytes = behind;
    }
    bytes
}

/// Where the first quote or backslash is, and whether it is the quote.
#[inline(always)]
pub fn quote_or_backslash(bytes: &[u8], quote: u8) -> Option<(usize, bool)> {
    let mut rest = bytes;
    // Most texts end in the first block.
    if let Some((block, behind)) = rest.split_first_chunk() {
        let (marks, quotes) = quotes(block, quote);
        if marks != 0 {
            let place = marks.trailing_zeros();
            return Some((place as usize, quotes >> place & 1 == 1));
        }
        rest = behind;
    }
    while let Some((block, behind)) = rest.split_first_chunk() {
        let (marks, quotes) = quotes(block, quote);
        if marks != 0 {
            let place = marks.trailing_zeros();
            let at = bytes.len() - rest.len() + place as usize;
            return Some((at, quotes >> place & 1 == 1));
        }
        rest = behind;
    }
    short_quote_or_backslash(rest, bytes.len() - rest.len(), quote)
}

/// The same in less than a block, behind so many bytes.
#[inline(never)]
fn short_quote_or_backslash(rest: &[u8], before: usize, quote: u8) -> Option<(usize, bool)> {
    let is_it = |byte: &u8| *byte == quote || *byte == b'\\';
    let place = rest.iter().position(is_it)?;
    Some((before + place, rest[place] == quote))
}

/// The first double quote, backslash or control character from a byte on, and which.
#[inline(always)]
pub fn special(bytes: &[u8], start: usize) -> Option<(usize, u8)> {
    let mut rest = bytes.get(start..)?;
    while let Some((block, behind)) = rest.split_first_chunk() {
        let marks = specials(block);
        if marks != 0 {
            let place = marks.trailing_zeros() as usize;
            return Some((bytes.len() - rest.len() + place, block[place % BLOCK]));
        }
        rest = behind;
    }
    let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    let place = rest.iter().position(is_special)?;
    Some((bytes.len() - rest.len() + place, rest[place]))
}

/// A few bytes to be found again.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// The first of them.
    first: [u8; BLOCK],
    /// A bit for each of those.
    marks: Marks,
    start: usize,
    pub length: usize,
}

impl Known {
    /// What stands at a place.
    pub fn at(bytes: &[u8], start: usize, length: usize) -> Self {
        let count = length.min(BLOCK);
        let first = block(bytes, start).copied().unwrap_or_else(|| {
            let mut first = [0; BLOCK];
            let known = bytes.get(start..).unwrap_or_default();
            let known = &known[..known.len().min(count)];
            first[..known.len()].copy_from_slice(known);
            first
        });
        Self {
            first,
            marks: (1 << count) - 1,
            start,
            length,
        }
    }

    /// What is behind it, if it stands again where a text goes on.
    #[inline(always)]
    pub fn behind<'b>(&self, rest: &'b [u8], whole: &[u8]) -> Option<&'b [u8]> {
        let is_it = match rest.first_chunk() {
            Some(found) => same(found, &self.first) & self.marks == self.marks,
            None => self.is_it(rest, whole),
        };
        if !is_it || self.length > BLOCK && !self.is_it(rest, whole) {
            return None;
        }
        rest.get(self.length..)
    }

    #[inline(never)]
    fn is_it(&self, rest: &[u8], whole: &[u8]) -> bool {
        let known = whole.get(self.start..self.start + self.length);
        known.is_some_and(|known| rest.starts_with(known))
    }
}

/// A number of at most [`DIGITS_MAX`] digits without an exponent, and what is behind it.
#[inline(always)]
pub fn plain_number<'v>(bytes: &[u8]) -> Option<(Number<'v>, &[u8])> {
    let (is_negative, bytes) = match bytes {
        [b'-', behind @ ..] => (true, behind),
        _ => (false, bytes),
    };
    if let Some(short) = bytes.first_chunk().and_then(short_number) {
        let number = match short.is_integer() {
            true => Number::Int(short.integer(is_negative)),
            false => Number::Double(short.double(is_negative)),
        };
        return Some((number, bytes.get(short.length()..)?));
    }
    longer_number(is_negative, bytes)
}

/// A number of at most eight digits, without its sign.
#[derive(Clone, Copy, Debug)]
pub struct Short {
    /// Of all its digits, without the point.
    digits: u32,
    decimals: u32,
    length: u32,
}

impl Short {
    /// Its bytes.
    #[inline(always)]
    pub fn length(self) -> usize {
        self.length as usize
    }

    #[inline(always)]
    pub fn is_integer(self) -> bool {
        self.decimals == 0
    }

    #[inline(always)]
    pub fn integer(self, is_negative: bool) -> i32 {
        let value = self.digits.cast_signed();
        if is_negative { -value } else { value }
    }

    /// Both parts of the division are exact, so it rounds as if it was of all digits at once.
    #[inline(always)]
    pub fn double(self, is_negative: bool) -> f64 {
        let power = POWERS.get(self.decimals as usize).unwrap_or(&1.0);
        let value = f64::from(self.digits.cast_signed()) / power;
        if is_negative { -value } else { value }
    }
}

/// A number of at most eight digits, maybe with a point between them. It may go on behind it.
#[inline(always)]
pub fn short_number(block: &[u8; BLOCK]) -> Option<Short> {
    let (digits, points) = digits_and_points(block);
    let first_point = points & points.wrapping_neg();
    let length = (digits | first_point).trailing_ones();
    let point = points.trailing_zeros();
    let [first, second] = [0, 1].map(|at| {
        let eight = block.get(at..at + 8).and_then(<[u8]>::first_chunk);
        u64::from_le_bytes(eight.copied().unwrap_or_default())
    });
    if point >= length {
        return matches!(length, 1..=8).then(|| Short {
            digits: eight_digits(first << (64 - 8 * length)),
            decimals: 0,
            length,
        });
    }
    let is_between = point > 0 && point + 1 < length && length <= 9;
    is_between.then(|| {
        // Those behind the point come one byte nearer.
        let behind = u64::MAX << (8 * point);
        let digits = first & !behind | second & behind;
        Short {
            digits: eight_digits(digits << (72 - 8 * length)),
            decimals: length - 1 - point,
            length,
        }
    })
}

/// The value of eight digits, the first in the lowest byte; a zero byte is a zero.
#[inline(always)]
fn eight_digits(digits: u64) -> u32 {
    const PAIRS: u64 = 0xff_0000_00ff;
    let digits = digits & 0x0f0f_0f0f_0f0f_0f0f;
    let pairs = (digits * 10).wrapping_add(digits >> 8);
    let left = (pairs & PAIRS).wrapping_mul(100 + (1_000_000 << 32));
    let right = (pairs >> 16 & PAIRS).wrapping_mul(1 + (10_000 << 32));
    (left.wrapping_add(right) >> 32) as u32
}

#[inline(never)]
fn longer_number<'v>(is_negative: bool, bytes: &[u8]) -> Option<(Number<'v>, &[u8])> {
    const NONE: usize = usize::MAX;
    let (mut value, mut point, mut end) = (0_u64, NONE, bytes.len());
    // One more than there may be, with a point.
    for (at, byte) in bytes.iter().take(DIGITS_MAX + 2).enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit <= 9 {
            value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
        } else if *byte == b'.' && point == NONE {
            point = at;
        } else {
            end = at;
            break;
        }
    }
    let count = end - usize::from(point != NONE);
    if count == 0 || count > DIGITS_MAX {
        return None;
    }
    let behind = bytes.get(end..)?;
    // So few digits fit.
    let value = value as i64;
    let value = if is_negative { -value } else { value };
    if point == NONE {
        return Some((Number::from_i64(value), behind));
    }
    let power = POWERS.get(count - point)?;
    if point == 0 || point == count {
        return None;
    }
    // Both are exact, so one division rounds as if it was of all digits at once.
    let value = match value {
        0 if is_negative => -0.0,
        value => value as f64 / power,
    };
    Some((Number::Double(value), behind))
}

/// The value with the digits from a place on behind it, and where they end. Of more than
/// `DIGITS_MAX` it may not be right.
#[inline(always)]
pub fn digits(bytes: &[u8], at: usize, mut value: u64) -> (u64, usize) {
    let mut end = at;
    for byte in bytes.get(at..).unwrap_or_default() {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            break;
        }
        value = value.wrapping_mul(10).wrapping_add(u64::from(digit));
        end += 1;
    }
    (value, end)
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_found_wherever_they_are() {
        for length in 0..40 {
            for place in 0..=length {
                for (byte, behind) in [(b'"', b'\\'), (b'\\', b'"'), (b'"', 0xA2), (b'\\', 0xDC)] {
                    // Bytes that differ from a quote by one bit, or are all ones.
                    let mut bytes: Vec<u8> =
                        (0..length).map(|at| [0xFF, b'#', 0xA2][at % 3]).collect();
                    let mut expected = None;
                    if place < length {
                        bytes[place] = byte;
                        bytes[place + 1..].fill(behind);
                        expected = Some((place, byte == b'"'));
                    }
                    for start in 0..=place.min(length) {
                        let found = quote_or_backslash(&bytes[start..], b'"');
                        let found = found.map(|(at, is_quote)| (start + at, is_quote));
                        assert_eq!(found, expected);
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_not_ascii_is_found_wherever_it_is() {
        for length in 0..150 {
            let mut bytes = vec![0x7f; length];
            assert!(is_ascii(&bytes));
            for place in 0..length {
                bytes[place] = 0x80;
                assert!(!is_ascii(&bytes));
                bytes[place] = 0;
            }
        }
    }

    #[test]
    fn plain_numbers_are_what_they_are_elsewhere() {
        let mut seed = 17_u64;
        for _ in 0..100_000 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let digits = 1 + (seed >> 40) % 15;
            let value = (seed >> 3) % 10_u64.pow(digits as u32);
            let decimals = (seed >> 33) as usize % 8;
            let sign = if seed & 4 == 0 { "" } else { "-" };
            let text = match decimals {
                0 => format!("{sign}{value}"),
                _ => format!(
                    "{sign}{}.{:0decimals$}",
                    value >> 20,
                    value % 10_u64.pow(decimals as u32)
                ),
            };
            let Some((number, behind)) = plain_number(text.as_bytes()) else {
                assert!(text.len() > DIGITS_MAX, "{text}");
                continue;
            };
            assert!(behind.is_empty());
            let expected = match decimals {
                0 => text.parse().map(Number::from_i64).ok(),
                _ => text.parse().map(Number::Double).ok(),
            };
            assert!(
                expected.is_some_and(|expected| expected.equals(&number)),
                "{text}"
            );
        }
        for text in [
            "",
            "-",
            "1.",
            ".5",
            "-.5",
            "1234567890123456",
            "1.234567890123456",
        ] {
            assert!(plain_number(text.as_bytes()).is_none(), "{text}");
        }
    }

    /// The two ways to read a number agree, wherever its point is and whatever is behind it.
    #[test]
    fn short_numbers_are_read_as_longer_ones() {
        let digits = "9081726354";
        for (sign, count) in ["", "-"]
            .into_iter()
            .flat_map(|sign| (0..10).map(move |count| (sign, count)))
        {
            for point in
                (0..=count).flat_map(|first| (first..=count).map(move |second| [first, second]))
            {
                for behind in [",", "}", ".", "e", "-", "/", ":", " "] {
                    for points in 0..3 {
                        let mut text = digits[..count].to_owned();
                        point[..points]
                            .iter()
                            .rev()
                            .for_each(|at| text.insert(*at, '.'));
                        let text = format!("{text}{behind}");
                        let expected = longer_number(sign == "-", text.as_bytes());
                        let padded = format!("{sign}{text}{:16}", "");
                        let found = plain_number(padded.as_bytes());
                        let same = match (found, expected) {
                            (Some((found, rest)), Some((expected, behind))) => {
                                found.equals(&expected) && rest.starts_with(behind)
                            }
                            (found, expected) => found.is_none() && expected.is_none(),
                        };
                        assert!(same, "{padded}: {found:?} {expected:?}");
                    }
                }
            }
        }
        for text in [
            "0",
            "00000000",
            "0.0",
            "99999999",
            "00000001",
            "0.0000001",
            "9999999.9",
        ] {
            let padded = format!("{text},{:16}", "");
            let (found, _) = plain_number(padded.as_bytes()).expect("a number");
            let (expected, _) = longer_number(false, text.as_bytes()).expect("a number");
            assert!(found.equals(&expected), "{text}");
        }
    }

    #[test]
    fn what_is_known_is_compared_whole() {
        let text = b"abcdefghijklmnopqrstuvwxyz";
        for length in 0..text.len() {
            for behind in [0, 40] {
                let mut bytes = [text, &text[..length]].concat();
                bytes.resize(bytes.len() + behind, b'a');
                let known = Known::at(&bytes, 0, length);
                let behind = known.behind(&bytes[text.len()..], &bytes);
                assert_eq!(behind, Some(&bytes[text.len() + length..]));
                for place in text.len()..text.len() + length {
                    let mut other = bytes.clone();
                    other[place] = b'#';
                    let behind = known.behind(&other[text.len()..], &other);
                    assert!(behind.is_none(), "{length} {place}");
                }
                assert!(Known::at(&bytes, 0, 1).behind(&[], &bytes).is_none());
            }
        }
    }

    #[test]
    fn specials_are_found_wherever_they_are() {
        for length in 0..40 {
            let plain = vec![0x20; length];
            assert_eq!(special(&plain, 0), None);
            for (place, byte) in (0..length).flat_map(|at| [b'"', b'\\', 0x1f].map(|b| (at, b))) {
                let mut bytes = plain.clone();
                bytes[place] = byte;
                bytes[place + 1..].fill(b'"');
                assert_eq!(special(&bytes, 0), Some((place, byte)));
                assert_eq!(special(&bytes, place), Some((place, byte)));
            }
        }
    }
}

//! What a reader of JSON looks for, byte by byte or sixteen at a time.

use super::Number;
use super::block::{BLOCK, Marks, block, quotes, same, specials};

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
    while let Some((block, behind)) = rest.split_first_chunk() {
        let (marks, quotes) = quotes(block, quote);
        if marks != 0 {
            let place = marks.trailing_zeros();
            let at = bytes.len() - rest.len() + place as usize;
            return Some((at, quotes >> place & 1 == 1));
        }
        rest = behind;
    }
    let end = bytes.len() - rest.len();
    let is_it = |byte: &u8| *byte == quote || *byte == b'\\';
    let place = rest.iter().position(is_it)?;
    Some((end + place, rest[place] == quote))
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

/// A number of few digits without an exponent, and what is behind it.
#[inline(always)]
pub fn plain_number<'v>(bytes: &[u8]) -> Option<(Number<'v>, &[u8])> {
    const NONE: usize = usize::MAX;
    let (is_negative, bytes) = match bytes {
        [b'-', behind @ ..] => (true, behind),
        _ => (false, bytes),
    };
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

//! What a reader of JSON looks for, byte by byte or eight at a time.

use super::Number;

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

/// Where blanks end that begin at a byte.
#[inline(always)]
pub fn blanks(bytes: &[u8], mut at: usize) -> usize {
    while let Some(byte) = bytes.get(at) {
        if *byte > b' ' || !is_blank(*byte) {
            break;
        }
        at += 1;
    }
    at
}

/// The first quote or backslash from a byte on, and whether it is the quote.
#[inline(always)]
pub fn quote_or_backslash(bytes: &[u8], start: usize, quote: u8) -> Option<(usize, bool)> {
    const ONES: u64 = u64::MAX / 255;
    const HIGHS: u64 = ONES << 7;
    // Sets the high bit of each byte that is zero; only above such a byte others may be set too.
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word;
    let mut at = start;
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let word = u64::from_le_bytes(*chunk);
        let quotes = word ^ (ONES * u64::from(quote));
        let backslashes = word ^ (ONES * u64::from(b'\\'));
        let found = (zeros(quotes) | zeros(backslashes)) & HIGHS;
        if found != 0 {
            let bit = found.trailing_zeros() & 56;
            return Some((at + bit as usize / 8, (word >> bit) as u8 == quote));
        }
        at += 8;
    }
    let rest = bytes.get(at..)?.iter();
    let mut rest = rest.enumerate();
    let (place, byte) = rest.find(|(_, byte)| **byte == quote || **byte == b'\\')?;
    Some((at + place, *byte == quote))
}

/// A number of few digits without an exponent, and where it ends.
#[inline(always)]
pub fn plain_number<'a>(bytes: &[u8], at: usize) -> Option<(Number<'a>, usize)> {
    let is_negative = bytes.get(at) == Some(&b'-');
    let start = at + usize::from(is_negative);
    let (value, end) = digits(bytes, start, 0);
    let count = end - start;
    if count == 0 || count > DIGITS_MAX {
        return None;
    }
    if bytes.get(end) != Some(&b'.') {
        // So few digits fit.
        let value = value as i64;
        let value = if is_negative { -value } else { value };
        return Some((Number::from_i64(value), end));
    }
    let point = end;
    let (value, end) = digits(bytes, point + 1, value);
    let decimals = end - point - 1;
    if decimals == 0 || count + decimals > DIGITS_MAX {
        return None;
    }
    // Both are exact, so one division rounds as if it was of all digits at once.
    let value = value as f64 / POWERS[decimals];
    let value = if is_negative { -value } else { value };
    Some((Number::Double(value), end))
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

/// Whether two texts of one length are the same. Most are short: no call is made for them.
#[inline(always)]
pub fn same(left: &[u8], right: &[u8]) -> bool {
    debug_assert_eq!(left.len(), right.len());
    if let (Some(first), Some(last)) = (left.first_chunk::<8>(), left.last_chunk::<8>())
        && left.len() <= 16
    {
        return Some(first) == right.first_chunk() && Some(last) == right.last_chunk();
    }
    if let (Some(first), Some(last)) = (left.first_chunk::<4>(), left.last_chunk::<4>())
        && left.len() <= 8
    {
        return Some(first) == right.first_chunk() && Some(last) == right.last_chunk();
    }
    match (left, right) {
        ([], []) => true,
        ([a, .., b], [c, .., d]) if left.len() <= 2 => a == c && b == d,
        ([a, b, c], [d, e, f]) => a == d && b == e && c == f,
        _ => left == right,
    }
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
                        assert_eq!(quote_or_backslash(&bytes, start, b'"'), expected);
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
            let Some((number, end)) = plain_number(text.as_bytes(), 0) else {
                assert!(text.len() > DIGITS_MAX, "{text}");
                continue;
            };
            assert_eq!(end, text.len());
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
            assert!(plain_number(text.as_bytes(), 0).is_none(), "{text}");
        }
    }

    #[test]
    fn names_are_compared_whole() {
        let text = b"abcdefghijklmnopqrstuvwxyz";
        for length in 0..text.len() {
            let name = &text[..length];
            assert!(same(name, name));
            for place in 0..length {
                let mut other = name.to_vec();
                other[place] = b'#';
                assert!(!same(name, &other), "{length} {place}");
            }
        }
    }
}

//! ASCII as protocols use it: token tables, case-blind compare, lists, percent coding, digits.

use std::borrow::Cow;

/// Whether `byte` may stand in a token, e.g. a field name (`tchar`, RFC 9110 section 5.6.2).
#[inline]
pub const fn is_token_byte(byte: u8) -> bool {
    TOKEN[byte as usize]
}

/// Whether `text` is a token: one `tchar` or more.
pub fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|&byte| is_token_byte(byte))
}

/// Whether `byte` may stand in a field value: HTAB, SP, visible ASCII or obs-text
/// (RFC 9110 section 5.5).
#[inline]
pub const fn is_value_byte(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

/// Whether `text` can be sent as a field value without changing its meaning on the way: no
/// controls, no white space at either end. Empty values are fine.
pub fn is_field_value(text: &[u8]) -> bool {
    // All bytes are looked at whatever the first ones are: so many of them are at once.
    let clean = text.iter();
    let is_clean = clean.fold(true, |all, &byte| all & is_value_byte(byte));
    is_clean && trim(text).len() == text.len()
}

/// What is no UTF-8 is replaced. Mostly all is, which `from_utf8` finds out several times as fast as
/// who looks for what to replace.
pub fn text(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(bytes),
    }
}

/// As `text`, of bytes that nobody else needs.
pub fn owned_text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// Eight hexadecimal digits in lower case: a half byte each is spread over eight bytes, which then
/// become digits together.
#[inline]
pub const fn hex_digits(number: u32) -> [u8; 8] {
    const ONES: u64 = u64::MAX / 255;
    let mut halves = number as u64;
    halves = (halves | halves << 16) & 0x0000_ffff_0000_ffff;
    halves = (halves | halves << 8) & 0x00ff_00ff_00ff_00ff;
    halves = (halves | halves << 4) & (ONES * 0x0f);
    let are_letters = (halves + ONES * 6) >> 4 & ONES;
    let digits = halves + ONES * b'0' as u64 + are_letters * (b'a' - b'9' - 1) as u64;
    digits.to_be_bytes()
}

/// Compares without regard to ASCII case. `lower` must be in lower case.
#[inline]
pub fn is_lower(text: &[u8], lower: &[u8]) -> bool {
    text.len() == lower.len()
        && text
            .iter()
            .zip(lower)
            .all(|(byte, lower)| byte.to_ascii_lowercase() == *lower)
}

/// Cuts spaces and tabs (OWS) from both ends.
pub fn trim(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = text {
        text = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

/// The elements of a comma-separated list without the empty ones (RFC 9110 section 5.6.1.2).
/// Commas inside quoted strings also separate: use it for lists of tokens only.
pub fn elements(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|&byte| byte == b',')
        .map(trim)
        .filter(|element| !element.is_empty())
}

/// Which bytes are letters, digits or one of `marks`: to be asked byte by byte.
pub const fn letters_digits_and(marks: &[u8]) -> [bool; 256] {
    let mut found = [false; 256];
    let mut byte = 0;
    while byte < found.len() {
        found[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let mut index = 0;
    while index < marks.len() {
        found[marks[index] as usize] = true;
        index += 1;
    }
    found
}

/// The value of one hexadecimal digit, in either case.
#[inline]
pub const fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// The byte that `%XX` at the start of `text` stands for; `None` if it does not start so.
#[inline]
pub fn percent_byte(text: &[u8]) -> Option<u8> {
    match text {
        [b'%', high, low, ..] => Some(hex_value(*high)? << 4 | hex_value(*low)?),
        _ => None,
    }
}

/// Appends `text` to `out` with each `%XX` decoded (RFC 3986 section 2.1). A `%` that starts no
/// valid triplet stays as it is. Appends at most `text.len()` bytes.
pub fn percent_decode(out: &mut Vec<u8>, mut text: &[u8]) {
    while let Some(at) = memchr::memchr(b'%', text) {
        out.extend_from_slice(&text[..at]);
        text = &text[at..];
        let (byte, used) = percent_byte(text).map_or((b'%', 1), |byte| (byte, 3));
        out.push(byte);
        text = &text[used..];
    }
    out.extend_from_slice(text);
}

const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let marks = b"!#$%&'*+-.^_`|~";
    let mut index = 0;
    while index < marks.len() {
        table[marks[index] as usize] = true;
        index += 1;
    }
    table
};

/// A name or value of a query as text: `+` is a blank (WHATWG URL section 5.1). What is no UTF-8
/// becomes U+FFFD.
pub fn form_decoded(text: &[u8]) -> String {
    let blanks: Vec<u8> = text
        .iter()
        .map(|&byte| if byte == b'+' { b' ' } else { byte })
        .collect();
    let mut out = Vec::with_capacity(blanks.len());
    percent_decode(&mut out, &blanks);
    String::from_utf8(out)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// Appends `text`, all bytes but unreserved ones (RFC 3986 section 2.3) and those in `keep`
/// percent-encoded.
pub fn percent_encode(out: &mut Vec<u8>, text: &[u8], keep: &[u8]) {
    for &byte in text {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || keep.contains(&byte) {
            out.push(byte);
        } else {
            let digit = |nibble: u8| b"0123456789ABCDEF"[usize::from(nibble)];
            out.extend_from_slice(&[b'%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
}

/// The same as a text of its own.
pub fn percent_encoded(text: &str, keep: &[u8]) -> String {
    let mut out = Vec::with_capacity(text.len());
    percent_encode(&mut out, text.as_bytes(), keep);
    out.into_iter().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_letters_digits_and_fifteen_marks() {
        let bytes: Vec<u8> = (0..=255).filter(|&byte| is_token_byte(byte)).collect();
        assert_eq!(bytes.len(), 26 + 26 + 10 + 15);
        for byte in b" \t\r\n\0:;,/\"()<>@[]{}?=\\\x7f\x80\xff" {
            assert!(!is_token_byte(*byte), "{byte:#x}");
        }
        assert!(is_token(b"x-a_b.c~"));
        assert!(!is_token(b"") && !is_token(b"a b") && !is_token(b"a:"));
    }

    #[test]
    fn numbers_are_eight_hexadecimal_digits() {
        for number in [
            0,
            1,
            9,
            10,
            15,
            16,
            0x0123_4567,
            0x89ab_cdef,
            0xa0b9_0f9a,
            u32::MAX,
        ] {
            let expected = format!("{number:08x}");
            assert_eq!(hex_digits(number), *expected.as_bytes(), "{expected}");
        }
    }

    #[test]
    fn what_is_no_utf_8_is_replaced_in_texts() {
        assert!(matches!(text("grün".as_bytes()), Cow::Borrowed("grün")));
        assert_eq!(text(b"a\xffb"), "a\u{fffd}b");
    }

    #[test]
    fn values_hold_no_controls_and_no_outer_space() {
        for good in [&b""[..], b"a", b"a b\tc", "grün".as_bytes()] {
            assert!(is_field_value(good), "{good:?}");
        }
        for bad in [
            &b" a"[..],
            b"a\t",
            b"a\r\nb: c",
            b"a\nb",
            b"a\0b",
            b"\x7f",
            b"\x1f",
        ] {
            assert!(!is_field_value(bad), "{bad:?}");
        }
    }

    #[test]
    fn case_is_ignored_for_letters_only() {
        assert!(is_lower(b"X-Foo_1", b"x-foo_1"));
        assert!(!is_lower(b"x\rfoo", b"x-foo"));
        assert!(!is_lower(b"{", b"["));
        assert!(!is_lower(b"abc", b"ab"));
    }

    #[test]
    fn lists_skip_empty_elements() {
        let check = |list: &str, expected: &[&str]| {
            let found: Vec<_> = elements(list.as_bytes()).collect();
            let expected: Vec<_> = expected.iter().map(|text| text.as_bytes()).collect();
            assert_eq!(found, expected, "{list:?}");
        };
        check("", &[]);
        check(" , ,\t", &[]);
        check("close", &["close"]);
        check(" a ,b,, c\t", &["a", "b", "c"]);
    }

    #[test]
    fn percent_decoding_keeps_what_it_cannot_read() {
        let check = |text: &str, expected: &[u8]| {
            let mut out = Vec::new();
            percent_decode(&mut out, text.as_bytes());
            assert_eq!(out, expected, "{text:?}");
        };
        check("", b"");
        check("a%20b", b"a b");
        check("%C3%bc", "ü".as_bytes());
        check("100%", b"100%");
        check("%4", b"%4");
        check("%zz%41", b"%zzA");
        check("%%41", b"%A");
        check("%2541", b"%41");
    }

    #[test]
    fn queries_are_decoded_and_written_again() {
        assert_eq!(form_decoded(b"a+b%2Bc%20d%zz"), "a b+c d%zz");
        assert_eq!(form_decoded(b"%ff"), "\u{fffd}");
        let mut out = Vec::new();
        percent_encode(&mut out, "a b/\u{e9}".as_bytes(), b"/");
        assert_eq!(out, b"a%20b/%C3%A9");
    }
}

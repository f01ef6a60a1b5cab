//! How a value is made harmless for the place where it stands.
//!
//! Clients choose many of the values. None may end a line, a quoted field or a JSON string, and
//! none may bring a terminal's control characters to whoever reads the log.

/// The place of a value in a format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Escape {
    /// In plain text: what is not printable ASCII, quotes and backslashes become `\xHH`.
    Text,
    /// The same, put in quotes.
    QuotedText,
    /// In a JSON string literal.
    JsonString,
    /// In a JSON string literal, put in quotes that are escaped themselves.
    QuotedInJsonString,
    /// Where JSON wants a value: numbers and truths as they are, all else as a string.
    JsonValue,
    /// Where JSON wants a value: always as a string.
    QuotedJson,
}

/// What AWS prints for a value that is empty or unknown.
const MISSING: &[u8] = b"-";
/// Longer runs of digits are written as strings: not every reader keeps them.
const NUMBER_BYTES_MAX: usize = 20;
const HEX: &[u8; 16] = b"0123456789ABCDEF";

impl Escape {
    /// Escapes the value that stands in `line` from `start` to its end.
    #[inline]
    pub(super) fn apply(self, line: &mut Vec<u8>, start: usize) {
        let missing = line.len() == start;
        if missing {
            line.extend_from_slice(MISSING);
        }
        match self {
            Self::Text => escape_text(line, start),
            Self::JsonString => escape_json(line, start),
            Self::QuotedText if missing => {}
            Self::QuotedText => {
                escape_text(line, start);
                surround(line, start, b"\"");
            }
            Self::QuotedInJsonString if missing => {}
            Self::QuotedInJsonString => {
                escape_json(line, start);
                surround(line, start, b"\\\"");
            }
            Self::JsonValue if is_bare(&line[start..]) => {}
            Self::JsonValue | Self::QuotedJson => {
                escape_json(line, start);
                surround(line, start, b"\"");
            }
        }
    }
}

fn surround(line: &mut Vec<u8>, start: usize, quote: &[u8]) {
    line.splice(start..start, quote.iter().copied());
    line.extend_from_slice(quote);
}

fn escape_text(line: &mut Vec<u8>, start: usize) {
    let end = line.len();
    if line[start..end].iter().all(|byte| is_plain(*byte)) {
        return;
    }
    // The escaped form grows behind the raw one, which then goes: no other buffer is needed.
    for at in start..end {
        let byte = line[at];
        if is_plain(byte) {
            line.push(byte);
        } else {
            line.extend_from_slice(&[b'\\', b'x', hex(byte >> 4), hex(byte)]);
        }
    }
    line.drain(start..end);
}

/// RFC 8259 section 7: "All Unicode characters may be placed within the quotation marks, except
/// for the characters that MUST be escaped". Bytes that are no UTF-8 become U+FFFD.
fn escape_json(line: &mut Vec<u8>, start: usize) {
    let end = line.len();
    if line[start..end].iter().all(|byte| is_plain(*byte)) {
        return;
    }
    let mut at = start;
    while at < end {
        let byte = line[at];
        if byte.is_ascii() {
            at += 1;
            escape_json_char(line, char::from(byte));
            continue;
        }
        let mut window = [0; 4];
        let length = window.len().min(end - at);
        window[..length].copy_from_slice(&line[at..at + length]);
        let (found, taken) = first_char(&window[..length]);
        at += taken;
        escape_json_char(line, found);
    }
    line.drain(start..end);
}

fn escape_json_char(line: &mut Vec<u8>, c: char) {
    match c {
        '"' | '\\' => line.extend_from_slice(&[b'\\', c as u8]),
        '\n' => line.extend_from_slice(b"\\n"),
        '\r' => line.extend_from_slice(b"\\r"),
        '\t' => line.extend_from_slice(b"\\t"),
        // The line and paragraph separators end a line for some readers.
        '\u{2028}' | '\u{2029}' => escape_code(line, c),
        _ if c.is_control() => escape_code(line, c),
        _ => {
            let mut encoded = [0; 4];
            line.extend_from_slice(c.encode_utf8(&mut encoded).as_bytes());
        }
    }
}

/// `\uXXXX`, for a character of the basic plane.
fn escape_code(line: &mut Vec<u8>, c: char) {
    let [.., high, low] = u32::from(c).to_be_bytes();
    let digits = [high >> 4, high, low >> 4, low].map(hex);
    line.extend_from_slice(b"\\u");
    line.extend_from_slice(&digits);
}

/// The first character of some bytes, U+FFFD for what is none, and how many bytes it takes.
fn first_char(bytes: &[u8]) -> (char, usize) {
    let chunk = bytes.utf8_chunks().next();
    let first = chunk
        .as_ref()
        .and_then(|chunk| chunk.valid().chars().next());
    match (first, chunk) {
        (Some(c), _) => (c, c.len_utf8()),
        (None, Some(chunk)) => (char::REPLACEMENT_CHARACTER, chunk.invalid().len().max(1)),
        (None, None) => (char::REPLACEMENT_CHARACTER, 1),
    }
}

/// Printable ASCII that needs no escape anywhere.
#[inline]
fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\'
}

/// Whether the bytes are a JSON number, `true` or `false`.
fn is_bare(bytes: &[u8]) -> bool {
    if matches!(bytes, b"true" | b"false") {
        return true;
    }
    let digits = bytes.strip_prefix(b"-").unwrap_or(bytes);
    let (whole, fraction) = match digits.iter().position(|byte| *byte == b'.') {
        Some(dot) => (&digits[..dot], Some(&digits[dot + 1..])),
        None => (digits, None),
    };
    let all_digits = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    bytes.len() <= NUMBER_BYTES_MAX
        && all_digits(whole)
        && (whole.len() == 1 || whole[0] != b'0')
        && fraction.is_none_or(all_digits)
}

fn hex(nibble: u8) -> u8 {
    HEX[usize::from(nibble & 15)]
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn escaped(escape: Escape, value: &[u8]) -> String {
        let mut line = b"before ".to_vec();
        line.extend_from_slice(value);
        escape.apply(&mut line, 7);
        let line = String::from_utf8(line).unwrap();
        line.strip_prefix("before ").unwrap().to_owned()
    }

    #[test]
    fn values_are_harmless_in_text() {
        let check = |value: &[u8], expected| assert_eq!(escaped(Escape::Text, value), expected);
        check(b"GET /a", "GET /a");
        check(b"", "-");
        check(b"a\nb\r\t\0", r"a\x0Ab\x0D\x09\x00");
        check(br#""\"#, r"\x22\x5C");
        check(b"\x1b[2J\x7f", r"\x1B[2J\x7F");
        check("é".as_bytes(), r"\xC3\xA9");
    }

    #[test]
    fn values_are_harmless_in_json_strings() {
        let check = |value: &[u8], expected| {
            let escaped = escaped(Escape::JsonString, value);
            assert_eq!(escaped, expected);
            let read: String = serde_json::from_str(&format!("\"{escaped}\"")).unwrap();
            assert_eq!(
                read,
                String::from_utf8_lossy(if value.is_empty() { b"-" } else { value })
            );
        };
        check(b"GET /a", "GET /a");
        check(b"", "-");
        check(b"a\nb\r\t\0", r"a\nb\r\t\u0000");
        check(br#"", "admin": "\"#, r#"\", \"admin\": \"\\"#);
        check("é😀\u{2028}\u{85}".as_bytes(), r"é😀\u2028\u0085");
        check(b"\xff\xc3(\xe2\x82", "\u{fffd}\u{fffd}(\u{fffd}");
        check(b"\xf0\x9f\x98", "\u{fffd}");
    }

    #[test]
    fn json_values_stay_json() {
        let check = |value: &[u8], expected| {
            let escaped = escaped(Escape::JsonValue, value);
            assert_eq!(escaped, expected);
            let _: serde_json::Value = serde_json::from_str(&escaped).unwrap();
        };
        check(b"200", "200");
        check(b"-1.5", "-1.5");
        check(b"0", "0");
        check(b"true", "true");
        check(b"", r#""-""#);
        check(b"-", r#""-""#);
        check(b"007", r#""007""#);
        check(b"1.", r#""1.""#);
        check(b"1e9", r#""1e9""#);
        check(b"123456789012345678901", r#""123456789012345678901""#);
        check(b"1,\"admin\":true", r#""1,\"admin\":true""#);
    }

    #[test]
    fn quoted_values_bring_their_quotes() {
        let check = |escape, value: &[u8], expected| assert_eq!(escaped(escape, value), expected);
        check(Escape::QuotedText, b"no \"way\"", r#""no \x22way\x22""#);
        check(Escape::QuotedText, b"", "-");
        check(Escape::QuotedJson, b"no \"way\"", r#""no \"way\"""#);
        check(Escape::QuotedJson, b"12", r#""12""#);
        check(Escape::QuotedJson, b"", r#""-""#);
        check(Escape::QuotedInJsonString, b"no", r#"\"no\""#);
        check(Escape::QuotedInJsonString, b"", "-");
    }
}

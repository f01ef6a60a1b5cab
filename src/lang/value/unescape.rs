//! Texts with escapes in them.

use super::read::{ReadError, endless, wrong};

/// The text from a byte behind its first quote up to its last, and where it ends.
pub(super) fn unescaped(
    text: &str,
    mut at: usize,
    quote: u8,
) -> Result<(String, usize), ReadError> {
    let start = at - 1;
    let mut out = String::new();
    // The first half of a surrogate pair, until the second one is read.
    let mut high = None;
    loop {
        let rest = &text.as_bytes()[at..];
        let is_plain = |byte: u8| !byte.is_ascii_control() && byte != b'\\' && byte != quote;
        let length = rest.iter().position(|byte| !is_plain(*byte));
        let length = length.ok_or_else(|| endless(start))?;
        if length > 0 {
            push_unit(&mut out, &mut high, Unit::Nothing);
            out.push_str(&text[at..at + length]);
        }
        at += length + 1;
        match rest[length] {
            b'\\' => {
                let (unit, end) = escape(text, at, start)?;
                push_unit(&mut out, &mut high, unit);
                at = end;
            }
            byte if byte == quote => {
                push_unit(&mut out, &mut high, Unit::Nothing);
                return Ok((out, at));
            }
            // A text with escapes loses its control characters.
            _ => {}
        }
    }
}

/// What stands behind a backslash, in a text that starts at a byte.
fn escape(text: &str, at: usize, start: usize) -> Result<(Unit, usize), ReadError> {
    let c = text[at..].chars().next();
    let c = c.ok_or_else(|| endless(start))?;
    let at = at + c.len_utf8();
    let unit = match c {
        't' => Unit::Char('\t'),
        'n' => Unit::Char('\n'),
        'r' => Unit::Char('\r'),
        'f' => Unit::Char('\u{c}'),
        'b' => Unit::Char('\u{8}'),
        '\\' | '/' | '\'' | '"' => Unit::Char(c),
        'u' => return hex(text, at, 4),
        'x' => return hex(text, at, 2),
        _ => Unit::Nothing,
    };
    Ok((unit, at))
}

fn hex(text: &str, at: usize, digits: usize) -> Result<(Unit, usize), ReadError> {
    let found = text.get(at..at + digits);
    let found = found.filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let value = found.and_then(|text| u32::from_str_radix(text, 16).ok());
    let value = value.ok_or_else(|| wrong(at, "a wrong unicode escape"))?;
    Ok((Unit::Code(value), at + digits))
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

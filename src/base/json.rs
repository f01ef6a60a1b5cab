//! JSON text of our own values; wraps serde_json.

use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};
pub use serde_json::Value;

/// The members of an object, in their order.
pub type Map = serde_json::Map<String, Value>;

/// On one line, without a newline at its end.
pub fn line(value: &impl Serialize) -> String {
    written(serde_json::to_string(value))
}

/// Indented for people, with a newline at its end.
pub fn pretty(value: &impl Serialize) -> String {
    let mut text = written(serde_json::to_string_pretty(value));
    text.push('\n');
    text
}

/// Reads one value; members that `T` does not know are skipped.
///
/// # Errors
/// What is wrong, with line and column.
pub fn read<T: DeserializeOwned>(text: &[u8]) -> Result<T, String> {
    serde_json::from_slice(text).map_err(|error| error.to_string())
}

/// Whether this is one value.
///
/// # Errors
/// What is wrong, with line and column.
pub fn check(text: &[u8]) -> Result<(), String> {
    read::<IgnoredAny>(text).map(|_| ())
}

/// Appends `text` as a JSON string, quotes included.
#[inline]
pub fn quote(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    escape(out, text);
    out.push(b'"');
}

/// Appends `text` as it stands between the quotes of a JSON string (RFC 8259 section 7).
pub fn escape(out: &mut Vec<u8>, text: &str) {
    let mut rest = text.as_bytes();
    loop {
        let clean = plain_prefix(rest);
        out.extend_from_slice(&rest[..clean]);
        let Some(&byte) = rest.get(clean) else {
            return;
        };
        rest = &rest[clean + 1..];
        let short = match byte {
            b'"' | b'\\' => byte,
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            8 => b'b',
            12 => b'f',
            _ => {
                let digit = |value: u8| b"0123456789abcdef"[usize::from(value & 15)];
                out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte)]);
                continue;
            }
        };
        out.extend_from_slice(&[b'\\', short]);
    }
}

/// How many bytes from the start need no escape, eight looked at in one step.
fn plain_prefix(bytes: &[u8]) -> usize {
    const ONES: u64 = u64::MAX / 255;
    const HIGHS: u64 = ONES << 7;
    // The lowest byte that is marked is below `limit`; bytes above it may be marked in error.
    let below = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word & HIGHS;
    let mut chunks = bytes.chunks_exact(8);
    for (index, chunk) in chunks.by_ref().enumerate() {
        let word = u64::from_le_bytes([
            chunk[0], chunk[1], chunk[2], chunk[3], chunk[4], chunk[5], chunk[6], chunk[7],
        ]);
        let quote = below(word ^ (ONES * u64::from(b'"')), 1);
        let backslash = below(word ^ (ONES * u64::from(b'\\')), 1);
        let marked = below(word, 0x20) | quote | backslash;
        if marked != 0 {
            return index * 8 + marked.trailing_zeros() as usize / 8;
        }
    }
    let tail = chunks.remainder();
    let special = |byte: &u8| *byte < b' ' || matches!(*byte, b'"' | b'\\');
    let clean = tail.iter().position(special).unwrap_or(tail.len());
    bytes.len() - tail.len() + clean
}

/// The text of a member of an object that is JSON; none if it is not, or has no such member.
pub fn member(object: &str, name: &str) -> Option<String> {
    let members: serde_json::Map<String, serde_json::Value> = serde_json::from_str(object).ok()?;
    Some(members.get(name)?.to_string())
}

/// Only a value whose maps have keys that are not texts cannot be written, and nobody makes one.
fn written(text: serde_json::Result<String>) -> String {
    debug_assert!(text.is_ok(), "{text:?}");
    text.unwrap_or_else(|_| "null".to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn escapes_are_found_wherever_they_stand() {
        for special in [
            "\"", "\\", "\n", "\u{1}", "\u{1f}", "\u{7f}", " ", "ü", "\u{a0}", "!", "#",
        ] {
            for before in 0..20 {
                for after in 0..20 {
                    let text = format!("{}{special}{}", "x".repeat(before), "é".repeat(after));
                    let mut out = Vec::new();
                    quote(&mut out, &text);
                    assert_eq!(read::<String>(&out).ok(), Some(text.clone()), "{text:?}");
                    let is_escaped =
                        special.len() == 1 && !matches!(special, "\u{7f}" | " " | "!" | "#");
                    assert_eq!(out.len() > text.len() + 2, is_escaped, "{text:?}");
                }
            }
        }
    }

    #[test]
    fn every_text_comes_back_from_its_quotes() {
        for text in [
            "",
            "plain",
            "a\"b\\c",
            "\n\r\t\u{8}\u{c}\u{0}\u{1f}\u{7f}",
            "대문 ☂",
        ] {
            let mut out = Vec::new();
            quote(&mut out, text);
            assert_eq!(read::<String>(&out), Ok(text.to_owned()));
        }
    }

    #[test]
    fn values_are_written_for_machines_and_for_people() {
        let value = BTreeMap::from([("a", vec![1, 2]), ("b", vec![])]);
        assert_eq!(line(&value), r#"{"a":[1,2],"b":[]}"#);
        assert_eq!(
            pretty(&value),
            "{\n  \"a\": [\n    1,\n    2\n  ],\n  \"b\": []\n}\n"
        );
    }
}

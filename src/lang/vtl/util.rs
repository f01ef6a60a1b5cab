//! `$util`: six functions.

use super::run::{Engine, Halt};
use crate::base::crypto::base64;
use crate::lang::value::{Value, read};

impl<'a> Engine<'a, '_> {
    pub(super) fn util_method(
        &mut self,
        name: &str,
        arguments: &[Value<'a>],
    ) -> Result<Option<Value<'a>>, Halt> {
        let [Value::Text(text)] = arguments else {
            return Ok(None);
        };
        let made = match name {
            "escapeJavaScript" => escape_java_script(text),
            "urlEncode" => url_encode(text),
            "urlDecode" => url_decode(text)?,
            "base64Encode" => base64(text.as_bytes()),
            "base64Decode" => base64_decode(text)?,
            "parseJson" => return self.parse_json(text).map(Some),
            _ => return Ok(None),
        };
        self.new_text(made).map(Some)
    }

    fn parse_json(&mut self, text: &'a str) -> Result<Value<'a>, Halt> {
        self.spend(text.len() / JSON_BYTES_A_STEP)?;
        self.has_room(text.len())?;
        let before = self.heap.bytes();
        let value = read(&mut self.heap, text).map_err(|error| Halt::error(error.to_string()))?;
        self.allot(self.heap.bytes() - before)?;
        Ok(value)
    }
}

/// Values are made of JSON, which takes longer than looking at a text.
const JSON_BYTES_A_STEP: usize = 16;

/// commons-lang 2's, which escapes `'` and `/` too.
fn escape_java_script(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = text;
    let is_special =
        |byte| !matches!(byte, b' '..=0x7f) || matches!(byte, b'\'' | b'"' | b'\\' | b'/');
    while let Some((plain, special)) = rest
        .bytes()
        .position(is_special)
        .and_then(|length| rest.split_at_checked(length))
    {
        out.push_str(plain);
        let mut chars = special.chars();
        if let Some(c) = chars.next() {
            push_escaped(&mut out, c);
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
    out
}

fn push_escaped(out: &mut String, c: char) {
    match c {
        '\u{8}' => out.push_str("\\b"),
        '\n' => out.push_str("\\n"),
        '\t' => out.push_str("\\t"),
        '\u{c}' => out.push_str("\\f"),
        '\r' => out.push_str("\\r"),
        '\'' | '"' | '\\' | '/' => out.extend(['\\', c]),
        _ => {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04X}"));
            }
        }
    }
}

/// Java's `URLEncoder`: the form encoding, a blank is `+`.
fn url_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'*' => {
                out.push(char::from(byte));
            }
            b' ' => out.push('+'),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// Java's `URLDecoder`, which refuses a `%` without two digits.
fn url_decode(text: &str) -> Result<String, Halt> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let digits = rest
                    .get(..2)
                    .and_then(|digits| std::str::from_utf8(digits).ok());
                let value = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
                let value = value.ok_or_else(|| Halt::error("urlDecode: a wrong escape"))?;
                out.push(value);
                rest = &rest[2..];
            }
            _ => out.push(byte),
        }
    }
    Ok(String::from_utf8_lossy(&out).into_owned())
}

/// Java's basic decoder: padding may be missing, all else is an error.
fn base64_decode(text: &str) -> Result<String, Halt> {
    let wrong = || Halt::error("base64Decode: this is not base64");
    let unpadded = text.trim_end_matches('=');
    let padding = text.len() - unpadded.len();
    if padding > 2 || padding > 0 && !text.len().is_multiple_of(4) || unpadded.len() % 4 == 1 {
        return Err(wrong());
    }
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let (mut bits, mut count) = (0_u32, 0);
    for byte in unpadded.bytes() {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return Err(wrong()),
        };
        bits = bits << 6 | u32::from(digit);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count & 0xff) as u8);
        }
    }
    Ok(String::from_utf8_lossy(&out).into_owned())
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_javas() {
        assert_eq!(url_encode("a b/ä~*"), "a+b%2F%C3%A4%7E*");
        assert_eq!(url_decode("a+b%2F%C3%A4").expect("a text"), "a b/ä");
        assert!(url_decode("%4").is_err());
        assert_eq!(base64_decode("w6Q=").expect("a text"), "ä");
        assert_eq!(base64_decode("w6Q").expect("a text"), "ä");
        for wrong in ["w6Q==", "a", "a b=", "w6Q-"] {
            assert!(base64_decode(wrong).is_err(), "{wrong}");
        }
        assert_eq!(
            escape_java_script("it's \"a/b\"\né😀"),
            "it\\'s \\\"a\\/b\\\"\\n\\u00E9\\uD83D\\uDE00"
        );
    }
}

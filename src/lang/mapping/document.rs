//! A body as mappings see it: JSON, of which so much is read as AWS reads.

use serde_json::Value;

use crate::lang::mapping::Pick;

/// AWS: "When you specify a JSON path, API Gateway truncates the request body at 100 KB and then
/// applies the selection expression."
pub const BODY_BYTES_MAX: usize = 100 * 1024;

/// The value that a body holds, or the part of it that came within the first 100 KB.
#[derive(Debug)]
pub struct Document(Option<Value>);

impl Document {
    /// Whatever the body is: what is no JSON holds nothing.
    pub fn read(body: &[u8]) -> Self {
        Self(match body.get(..BODY_BYTES_MAX) {
            Some(start) if body.len() > BODY_BYTES_MAX => {
                serde_json::from_slice(&closed(start)).ok()
            }
            _ => serde_json::from_slice(body).ok(),
        })
    }

    pub fn find(&self, pick: &Pick) -> Option<String> {
        pick.find(self.0.as_ref()?)
    }
}

/// The longest beginning of `text` that ends behind a whole value, with its brackets closed. What
/// was no JSON before is none afterwards.
fn closed(text: &[u8]) -> Vec<u8> {
    let (mut open, mut safe, mut in_string, mut escaped) = (Vec::new(), 0, false, false);
    for (at, &byte) in text.iter().enumerate() {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => {
                open.push(if byte == b'{' { b'}' } else { b']' });
                safe = at + 1;
            }
            b'}' | b']' => {
                open.pop();
                safe = at + 1;
            }
            b',' => safe = at,
            _ => {}
        }
    }
    let mut closed = text[..safe].to_vec();
    closed.extend(open.iter().rev());
    closed
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_cut_off_is_closed_behind_its_last_whole_value() {
        let check = |text: &str, expected: &str| {
            let found = closed(text.as_bytes());
            assert_eq!(String::from_utf8_lossy(&found), expected, "{text}");
        };
        check("{\"a\":1,\"b\":[1,2,{\"c\":\"x", "{\"a\":1,\"b\":[1,2,{}]}");
        check("{\"a\":1,\"b\":[1,2", "{\"a\":1,\"b\":[1]}");
        check("{\"a\":1,\"b", "{\"a\":1}");
        check("{\"a\":{\"x\":1}", "{\"a\":{\"x\":1}}");
        check("[\"]\",\"\\\"]", "[\"]\"]");
        check("\"only a str", "");
        check("}]x", "}]");
    }

    #[test]
    fn only_the_first_hundred_kilobytes_count() {
        let filler = "x".repeat(BODY_BYTES_MAX);
        let text = format!("{{\"first\":\"1\",\"big\":\"{filler}\",\"last\":\"2\"}}");
        let document = Document::read(text.as_bytes());
        let find = |path: &str| document.find(&Pick::parse(path).unwrap());
        assert_eq!(find(".first").as_deref(), Some("1"));
        assert_eq!((find(".big"), find(".last")), (None, None));
    }

    #[test]
    fn what_is_no_json_holds_nothing() {
        for text in ["", "{", "nonsense", "{\"a\":1} x"] {
            let document = Document::read(text.as_bytes());
            assert_eq!(document.find(&Pick::parse(".a").unwrap()), None, "{text}");
        }
    }
}

//! What mappings find in a JSON body.

use crate::lang::params::BodyPath;
use crate::lang::value::{Heap, Style, Texts, Value, read};

/// A longer value is cut off: it could not stand in a header or a URI.
const VALUE_BYTES_MAX: usize = 16 * 1024;

/// The text of what the path means: texts as they are, lists and maps as JSON. None if the body is
/// not JSON or has nothing there.
pub fn find(path: &BodyPath, body: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(body).ok()?;
    let texts = Texts::new();
    let mut heap = Heap::new(&texts);
    let root = read(&mut heap, text).ok()?;
    let found = path.path().read(&mut heap, &root).ok()??;
    let mut out = String::new();
    match found {
        Value::Null => return None,
        Value::Map(_) | Value::List(_) => {
            heap.write_json(&mut out, &found, Style::Compact, VALUE_BYTES_MAX);
        }
        scalar => {
            heap.print(&mut out, &scalar, VALUE_BYTES_MAX);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_and_written() {
        let check = |path: &str, body: &str, expected: Option<&str>| {
            let path = BodyPath::parse(path).map(|path| find(&path, body.as_bytes()));
            assert_eq!(path, Ok(expected.map(str::to_owned)), "{body}");
        };
        let body = r#"{"a":{"b":[1,"x y"]},"n":1.50,"t":true,"z":null}"#;
        check("$.a.b[1]", body, Some("x y"));
        check("$.a", body, Some(r#"{"b":[1,"x y"]}"#));
        check("$.t", body, Some("true"));
        check("$.z", body, None);
        check("$.none", body, None);
        check("$.a", "no JSON", None);
    }
}

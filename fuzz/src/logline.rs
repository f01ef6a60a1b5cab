//! Access-log formats and the values in them: whatever a client sends, a line stays one line and
//! JSON stays JSON.

use daemun::lang::logline::{FORMAT_BYTES_MAX, Format};
use serde_json::Value;

use super::Target;

// A format up to the first line feed; what follows is the value of every variable, cut into pieces
// at each further line feed but the first piece, which is given whole.
pub const TARGET: Target = Target {
    name: "logline",
    run,
    seeds: &[
        b"json\nGET /a\"b\\",
        b"clf\n\x1b[2J\r\x00\xff\xc3(",
        b"$context.requestId $context.status \"$context.path\"\n200\n-1.5\ntrue",
        b"{\"id\":\"$context.requestId\",\"status\":$context.status,\"e\":$context.error.messageString}\n1,\"admin\":true",
        b"{\"a\":[$context.extendedRequestId,\"$context.error.messageString\"]}\n\xe2\x80\xa8\xc2\x85",
        b"{$context.requestId:1}\n200",
        b"$context.authorizer.claims.sub $context.requestId.$context.path-\n-",
    ],
    tokens: &[
        b"$context.",
        b"$context.requestId",
        b"$context.status",
        b"$context.error.messageString",
        b"$context.authorizer.claims.a",
        b"${",
        b"$",
        b"\"",
        b"\\",
        b"{\"a\":",
        b"}",
        b",",
        b"\n",
        b"json\n",
        b"clf\n",
        b"\xe2\x80\xa9",
        b"007",
        b"-0.5",
    ],
};

pub fn run(bytes: &[u8]) {
    let end = bytes.iter().position(|byte| *byte == b'\n');
    let (format, values) = bytes.split_at(end.unwrap_or(bytes.len()));
    let text = String::from_utf8_lossy(format);
    let format = match Format::parse(&text) {
        Ok(format) => format,
        Err(error) => {
            let blamed = text.get(error.range.clone());
            assert!(blamed.is_some(), "{error:?} of {text:?}");
            assert!(!error.message.is_empty());
            return;
        }
    };
    assert!(text.len() <= FORMAT_BYTES_MAX);
    let values = values.get(1..).unwrap_or_default();
    let pieces: Vec<&[u8]> = values.split(|byte| *byte == b'\n').collect();
    let harmless = line(&format, &[b"x"]);
    for hostile in [line(&format, &[values]), line(&format, &pieces)] {
        let is_clean = |byte: &u8| *byte >= b' ' && *byte != 0x7f || *byte == b'\t';
        assert!(hostile.iter().all(is_clean), "{}", hostile.escape_ascii());
        let tabs = |line: &[u8]| line.iter().filter(|byte| **byte == b'\t').count();
        assert_eq!(tabs(&hostile), tabs(&harmless), "a value brought a tab");
        assert!(std::str::from_utf8(&hostile).is_ok());
        let Ok(expected) = serde_json::from_slice::<Value>(&harmless) else {
            continue;
        };
        // A lone string is taken for text, in which quotes are escaped in another way.
        if expected.is_object() || expected.is_array() {
            match serde_json::from_slice::<Value>(&hostile) {
                Ok(found) => hold_shape(&found, &expected),
                Err(error) => panic!("{error}: {}", hostile.escape_ascii()),
            }
        }
    }
}

fn line(format: &Format, values: &[&[u8]]) -> Vec<u8> {
    let mut line = b"kept ".to_vec();
    let mut values = values.iter().cycle();
    format.render(&mut line, &mut |_, out| {
        out.extend_from_slice(values.next().copied().unwrap_or_default());
    });
    assert!(line.starts_with(b"kept "));
    line.split_off(5)
}

/// Values may change what the leaves are, never how many there are.
fn hold_shape(found: &Value, expected: &Value) {
    match (found, expected) {
        (Value::Object(found), Value::Object(expected)) => {
            // Keys may hold variables, and then fall together.
            assert!(found.len() <= expected.len());
        }
        (Value::Array(found), Value::Array(expected)) => {
            assert_eq!(found.len(), expected.len());
            for (found, expected) in found.iter().zip(expected) {
                hold_shape(found, expected);
            }
        }
        (Value::Object(_) | Value::Array(_), _) | (_, Value::Object(_) | Value::Array(_)) => {
            panic!("{found} in the place of {expected}");
        }
        _ => {}
    }
}

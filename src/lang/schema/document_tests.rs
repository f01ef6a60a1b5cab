//! Bodies read as one list of items beside what `serde_json` makes of them.

use jsonschema::json::Object;
use serde_json::Value;

use super::document::{Document, Place};

/// What `serde_json` makes of a text, and what we do.
#[track_caller]
fn check(text: &str) {
    let expected: Option<Value> = serde_json::from_str(text).ok();
    let found = Document::read(text.as_bytes());
    let value = found.as_ref().map(|found| found.root().value());
    assert_eq!(value, expected, "{text}");
    let Some(Value::Object(expected)) = expected else {
        return;
    };
    let root = found.as_ref().map(Document::root);
    assert_eq!(root.map(|root| Object::len(&root)), Some(expected.len()));
    for (name, value) in expected {
        let found = root.and_then(|root| root.get(&name.as_str().into()));
        assert_eq!(found.map(Place::value), Some(value), "{name} in {text}");
    }
}

#[test]
fn bodies_are_read_as_serde_reads_them() {
    check(
        r#"{"a":[1,-2,2.5,1e3,18446744073709551616],"b":{"c":null,"d":[[],{}]},"e":"x\n\u00e9"}"#,
    );
    check(r#""text""#);
    check(" [ true , false ] ");
    for wrong in [
        "",
        "{",
        "[1,]",
        "{\"a\"}",
        "{} x",
        "\"\\ud800\"",
        "1e999",
        "nul",
    ] {
        check(wrong);
    }
    for depth in [1, 100, 126, 127, 128, 129, 200] {
        check(&("[".repeat(depth) + &"]".repeat(depth)));
        check(&("{\"a\":".repeat(depth) + "1" + &"}".repeat(depth)));
        check(&"[".repeat(depth));
    }
    check(r#"{"a\"b":"\\","c\\":"\\\"","d":"\ud83d\ude00"}"#);
}

#[test]
fn numbers_are_read_as_serde_reads_them() {
    for text in [
        "0",
        "-0",
        "00",
        "01",
        "-1",
        "1.",
        ".5",
        "0.5",
        "-0.5",
        "1.25",
        "1.2.3",
        "1e5",
        "1E+2",
        "1e",
        "--1",
        "1-2",
        "0.1",
        "123456789.123456",
        "99999999999999.9",
        "999999999999999",
        "9007199254740993",
        "18446744073709551615",
        "18446744073709551616",
        "-9223372036854775808",
        "-9223372036854775809",
        "1e308",
        "1e309",
        "0e999",
        "0.3333",
        "1.10",
        "+1",
        "-",
        "1.0",
        "100.0",
        "4503599627370.4",
    ] {
        check(text);
        check(&format!("[{text},{text}]"));
    }
}

#[test]
fn what_serde_refuses_is_refused() {
    for text in [
        "[1,]",
        "[,1]",
        "{,}",
        "{\"a\":1,}",
        "{a:1}",
        "{\"a\" 1}",
        "[1 2]",
        "tru",
        "truex",
        "nulll",
        "[true",
        "'a'",
        "\"a\nb\"",
        "\"a",
        "\"\\",
        "\"\\x\"",
        "\"\\u12\"",
        "\"\\ud800\"",
        "\u{feff}1",
        "1 2",
        "\"\u{7f}\"",
        "[]]",
    ] {
        check(text);
    }
}

#[test]
fn of_one_name_the_last_member_counts() {
    check(r#"{"a":1,"b":[1,2],"a":{"x":1,"x":2},"b":3,"a":4}"#);
    let many = |step: usize| {
        let members = (0..100).map(|n| format!("\"m{}\":{{\"v\":[{n}]}}", n % step));
        format!("{{{}}}", members.collect::<Vec<_>>().join(","))
    };
    for step in [100, 17, 16, 7, 1] {
        check(&many(step));
    }
}

#[test]
fn the_ends_of_texts_are_found_wherever_they_are() {
    for filler in ["a", "é", "\u{7f}", "~ ", "\u{80}", "!"] {
        for length in 0..20 {
            let text = filler.repeat(length);
            for behind in ["", "\\\"", "\\\\", "\\n", "\n", "\u{1f}", "\\"] {
                check(&format!("[\"{text}{behind}{text}\",1]"));
                check(&format!("\"{text}{behind}\""));
                check(&format!("\"{text}{behind}"));
            }
        }
    }
}

//! Bodies read as one list of items beside what `serde_json` makes of them.

use jsonschema::json::{Json, JsonNumber, Node, Object};
use serde_json::{Number, Value};

use super::document::{Document, Place};
use super::representation::Items;

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
        let found = root.and_then(|root| root.get(&Items::prepare_key(&name)));
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

/// Validators ask numbers in several ways; each answer is that of the same number in a tree.
#[test]
fn numbers_answer_as_serdes_numbers_do() {
    for text in [
        "0",
        "-0",
        "-0.0",
        "7",
        "-7",
        "1.0",
        "-2.0",
        "2.5",
        "1e2",
        "1e-7",
        "1e30",
        "0.1",
        "18446744073709551615",
        "18446744073709551616",
        "-9223372036854775808",
        "123456789.12345",
        "-0.000000000000001",
        "99999999999999.9",
    ] {
        let document = Document::read(text.as_bytes());
        let number = document.as_ref().and_then(|found| found.root().as_number());
        let expected: Option<Number> = serde_json::from_str(text).ok();
        let answers = |number: &dyn JsonNumber| {
            (
                (
                    number.as_u64(),
                    number.as_i64(),
                    number.as_f64().map(f64::to_bits),
                ),
                number.as_str().into_owned(),
                number.to_number().into_owned(),
                (number.is_integer(), number.is_written_as_integer()),
            )
        };
        let found = number.as_ref().map(|number| answers(number));
        assert_eq!(
            found,
            expected.as_ref().map(|number| answers(number)),
            "{text}"
        );
        assert!(found.is_some(), "{text}");
    }
}

/// Texts that no reader of JSON takes.
pub(super) const NO_JSON: &[&str] = &[
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
    "[]]",
];

#[test]
fn what_serde_refuses_is_refused() {
    for text in NO_JSON {
        check(text);
    }
    check("\"\u{7f}\"");
}

#[test]
fn escapes_are_read_as_serde_reads_them() {
    for escape in [
        r#"\""#,
        r"\\",
        r"\/",
        r"\b",
        r"\f",
        r"\n",
        r"\r",
        r"\t",
        r"\v",
        r"\0",
        r"\u0000",
        r"\u00e9",
        r"\u00E9",
        r"\ud83d\ude00",
        r"\ud83d",
        r"\ude00",
        r"\ud83d\u0041",
        r"\ud83d\ud83d",
        r"\ud83dx",
        r"\ud83d\n",
        r"\uFFFF",
        r"\u12g4",
        r"\u+123",
        r"\u 123",
        r"\u12",
        r"\U0041",
        r"\uDBFF\uDFFF",
        r"\ud800\udc00",
        r"\ud800\ue000",
        r"\é",
        r"\uée",
    ] {
        check(&format!("\"{escape}\""));
        check(&format!("[\"é{escape}\",\"{escape}é and more\",\"plain\"]"));
        check(&format!(
            "{{\"{escape}\":1,\"b\":\"{escape}\",\"{escape}\":{{}}}}"
        ));
    }
    check(r#"{"a":1,"\u0061":2,"b":3}"#);
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
    // Of one length, with the same first and last eight bytes: their keys are the same.
    let alike = |count: usize, step: usize| {
        let members = (0..count).map(|n| format!("\"abcdefgh{:03}ijklmnop\":{n}", n % step));
        format!("{{{}}}", members.collect::<Vec<_>>().join(","))
    };
    for step in [40, 17, 16, 3, 1] {
        check(&alike(40, step));
        check(&alike(15, step));
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

//! Reading JSON, strict and sloppy.

#![allow(clippy::expect_used)]

use super::read::{ReadError, endless};
use super::{DEPTH_MAX, Heap, Number, Style, Texts, Value, read};

fn compact(text: &str) -> Result<String, ReadError> {
    let texts = Texts::new();
    let mut heap = Heap::new(&texts);
    let value = read(&mut heap, text)?;
    let mut out = String::new();
    assert!(heap.write_json(&mut out, &value, Style::Compact, 10_000));
    Ok(out)
}

#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(compact(text).as_deref(), Ok(expected), "{text}");
}

#[test]
fn json_keeps_its_order_and_loses_its_blanks() {
    check(
        r#" {"b" : [1, 2.50, true, null], "a":"x/y"} "#,
        r#"{"b":[1,2.5,true,null],"a":"x/y"}"#,
    );
    check(r#""\u00e9\ud83d\ude00\n""#, "\"é😀\\n\"");
    check(r#"{"a":1,"a":2}"#, r#"{"a":2}"#);
    check("12345678901", "12345678901");
    check("[1e-7]", "[1.0E-7]");
    let long = |zeros: usize| format!("[1.{}1]", "0".repeat(zeros));
    check(&long(100), &long(100));
    check(&long(2000), "[1.0]");
}

#[test]
fn sloppy_json_is_read_too() {
    check("{statusCode: 200}", r#"{"statusCode":200}"#);
    check(
        "{'a': 'b', c: hello world,}",
        r#"{"a":"b","c":"hello world"}"#,
    );
    check("[1,,2,]", "[1,2]");
    check("hello", r#""hello""#);
    check("12abc", r#""12abc""#);
    check("{} trailing", "{}");
}

/// What a map before it in a list looked like changes nothing.
#[test]
fn a_map_in_a_list_is_read_as_alone() {
    let items = [
        r#"{"sku":"a","name":"b","qty":1,"longer name":2.5}"#,
        r#"{"sku":"c","name":"d","qty":2,"longer name":3.5}"#,
        r#"{ "sku" : "c" , "name":"d","qty":{"sku":1},"longer name":[{"sku":2}]}"#,
        r#"{"sku":"c","name":"d"}"#,
        r#"{"sku":"c","name":"d","qty":1,"longer name":1,"more":[]}"#,
        r#"{"sku":"c","name":"d","sku":"e"}"#,
        r#"{"name":"d","sku":"c"}"#,
        r#"{"s\u006bu":"c","name":"d"}"#,
        r#"{'sku':'c','name':'d'}"#,
        r#"{sku:c,name:d}"#,
        r#"{"a\"b":1}"#,
        r#"{'a"b':1}"#,
        r#"{"":1}"#,
        "{}",
        "7",
        r#"["x"]"#,
    ];
    for first in items {
        for second in items {
            for third in items {
                let alone = [first, second, third].map(|item| compact(item).expect("JSON"));
                check(
                    &format!("[{first},{second} , {third}]"),
                    &format!("[{}]", alone.join(",")),
                );
            }
        }
    }
    // Here a name only begins like the one before.
    assert!(compact(r#"[{'a"b':1},{"a"b":1}]"#).is_err());
    assert!(compact(r#"[{"a":1},{"a" 1}]"#).is_err());
}

#[test]
fn many_members_are_found_and_the_last_of_a_name_counts() {
    let names = |different: bool| -> String {
        let name = |index| if different { index } else { 7 };
        let members = (0..100_000).map(|index| format!("\"k{}\":{index}", name(index)));
        members.collect::<Vec<_>>().join(",")
    };
    check(&format!("{{{}}}", names(false)), r#"{"k7":99999}"#);
    let text = format!("{{{},\"k5\":-1}}", names(true));
    let texts = Texts::new();
    let mut heap = Heap::new(&texts);
    let Ok(Value::Map(id)) = read(&mut heap, &text) else {
        unreachable!("a map");
    };
    assert_eq!(heap.map(id).len(), 100_000);
    for (name, expected) in [("k5", -1), ("k99999", 99_999)] {
        let value = heap.map(id).member(name);
        assert!(matches!(value, Some(Value::Number(Number::Int(value))) if *value == expected));
    }
}

/// Parts of the text are taken as text unasked: in a build with debug assertions it is asked.
#[test]
fn texts_begin_and_end_where_characters_do() {
    for c in ["é", "文", "😀"] {
        for length in 0..20 {
            let text = format!("{}{c}", "x".repeat(length));
            check(
                &format!("[\"{text}\",'{text}']"),
                &format!("[\"{text}\",\"{text}\"]"),
            );
            check(
                &format!("{{\"{text}\":1,{text}:2}}"),
                &format!("{{\"{text}\":2}}"),
            );
        }
    }
}

#[test]
fn what_is_too_deep_is_refused() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[{\"a\":", "}]")] {
        let nested = |times| [open.repeat(times), "1".to_owned(), close.repeat(times)].concat();
        let levels = open.bytes().filter(|byte| b"[{".contains(byte)).count();
        assert!(compact(&nested(DEPTH_MAX / levels)).is_ok(), "{open}");
        assert!(compact(&nested(DEPTH_MAX / levels + 1)).is_err(), "{open}");
    }
}

#[test]
fn what_cannot_be_read_is_refused() {
    for (text, at) in [
        ("\"open", 0),
        ("[1,'a", 3),
        ("[\"a\\n", 1),
        ("{\"a\":\"\\", 5),
    ] {
        assert_eq!(compact(text), Err(endless(at)), "{text}");
    }
    for text in ["{", "[1", "{\"a\"}", "]", r#""\u12""#] {
        assert!(compact(text).is_err(), "{text}");
    }
    assert!(compact(&"[".repeat(100_000)).is_err());
}

//! What paths mean, as tables.

use super::*;
use crate::lang::value::{Style, Texts, read};

const STORE: &str = r#"{"store":{"book":[
    {"category":"reference","title":"Sayings","price":8.95},
    {"category":"fiction","title":"Sword","price":12.99,"isbn":"0-553"},
    {"category":"fiction","title":"Moby","price":8.99,"isbn":"0-395"}],
  "bicycle":{"color":"red","price":19.95}},
  "a":{"b-c":1,"d e":2,"f.g":3},"n":null,"list":[3,1,2],"text":"abc","5":"five"}"#;

fn found(path: &str) -> Option<String> {
    let texts = Texts::new();
    let mut heap = Heap::new(&texts);
    let root = read(&mut heap, STORE).ok()?;
    let value = Path::parse(path).ok()?.read(&mut heap, &root).ok()??;
    let mut out = String::new();
    heap.write_json(&mut out, &value, Style::Compact, 100_000);
    Some(out)
}

#[track_caller]
fn check(path: &str, expected: &str) {
    assert_eq!(found(path).as_deref(), Some(expected), "{path}");
}

#[test]
fn definite_paths_give_one_value() {
    check("$.a.b-c", "1");
    check("$['a']['d e']", "2");
    check("$.a[\"f.g\"]", "3");
    check("$.n", "null");
    check("$.list[0]", "3");
    check("$.list[-1]", "2");
    check("$.list[(@.length-1)]", "2");
    check("$.5", "\"five\"");
    check("a.b-c", "1");
    check("$.a['b-c','f.g']", r#"{"b-c":1,"f.g":3}"#);
    for nowhere in [
        "$.x",
        "$.a.x.y",
        "$.list[3]",
        "$.list[-4]",
        "$.text.x",
        "$.n.x",
        "$.list.x",
    ] {
        assert_eq!(found(nowhere), None, "{nowhere}");
    }
}

#[test]
fn indefinite_paths_give_a_list() {
    check("$.store.book[*].title", r#"["Sayings","Sword","Moby"]"#);
    check("$..price", "[8.95,12.99,8.99,19.95]");
    check("$.list[0,2]", "[3,2]");
    check("$.list[1:]", "[1,2]");
    check("$.list[:-1]", "[3,1]");
    check("$.list[-2:]", "[1,2]");
    check("$.store.*.color", "[\"red\"]");
    check("$.x[*]", "[]");
    check("$..book[0].title", "[\"Sayings\"]");
}

#[test]
fn filters_choose() {
    check("$.store.book[?(@.isbn)].title", r#"["Sword","Moby"]"#);
    check(
        "$.store.book[?(@.price < 9)].title",
        r#"["Sayings","Moby"]"#,
    );
    check(
        "$.store.book[?(@.price < 9 && @.category == 'fiction')].title",
        r#"["Moby"]"#,
    );
    check(
        "$.store.book[?(!@.isbn || @.title =~ /mo.*/i)].title",
        r#"["Sayings","Moby"]"#,
    );
    check(
        "$.store.book[?(@.title in ['Sword', 'x'])].price",
        "[12.99]",
    );
    check("$..[?(@.color == \"red\")].price", "[19.95]");
    check("$.list[?(@ > 1)]", "[3,2]");
    check(
        "$.store.book[?(@['price'] > $.list[0])].price",
        "[8.95,12.99,8.99]",
    );
    check(
        "$.store.book[?(@.isbn contains '553')].title",
        "[\"Sword\"]",
    );
}

#[test]
fn functions_stand_at_the_end() {
    check("$.list.length()", "3");
    check("$.list.size()", "3");
    check("$.text.length()", "3");
    check("$.list.max()", "3.0");
    check("$.list.min()", "1.0");
    check("$.list.sum()", "6.0");
    check("$.list.avg()", "2.0");
    check("$..price.max()", "19.95");
    check("$.a.keys()", r#"["b-c","d e","f.g"]"#);
}

#[test]
fn wrong_paths_are_refused() {
    for path in [
        "",
        "$.",
        "$..",
        "$[",
        "$['a",
        "$[?(@.a",
        "$[?(@.a == )]",
        "$.a.nope()",
        "$]",
        "$[a]",
    ] {
        assert!(Path::parse(path).is_err(), "{path}");
    }
    assert!(Path::parse(&format!("$[?({}@.a)]", "(".repeat(1000))).is_err());
    assert!(Path::parse(&"$[?(@".repeat(500)).is_err());
    assert!(Path::parse(&".a".repeat(PATH_BYTES_MAX)).is_err());
}

#[test]
fn readings_that_grow_end() {
    let texts = Texts::new();
    let mut heap = Heap::new(&texts);
    let body = format!("[{}0{}]", "[".repeat(100), "]".repeat(100));
    let root = read(&mut heap, &body);
    let root = root.unwrap_or(Value::Null);
    let path = Path::parse("$..*..*..*..*..*..*");
    let outcome = path.map(|path| path.read(&mut heap, &root).err());
    assert_eq!(outcome, Ok(Some(TooMuch)));
}

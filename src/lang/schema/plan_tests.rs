//! Bodies held against plans beside what a validator says of the same body as a tree.

use serde_json::{Map, Value, json};

use super::document_tests::NO_JSON;
use super::plan::Plan;
use super::{Library, MODELS, Refused, Schema};

/// Choices, the same in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % bound
    }

    fn one_in(&mut self, many: u64) -> bool {
        self.below(many) == 0
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }
}

const NAMES: [&str; 7] = [
    "a",
    "name",
    "é",
    "a name that is longer than one block of bytes",
    "sku-1",
    "",
    "id",
];

const TEXTS: [&str; 9] = [
    "",
    "a",
    "EUR",
    "é",
    "😀😀",
    "a\"b",
    "\\",
    "line\nline and more than sixteen bytes",
    "2020-01-01",
];

const LIMITS: [&str; 8] = [
    "0",
    "1",
    "-1",
    "2.5",
    "3",
    "100",
    "9007199254740993",
    "1e300",
];

const NUMBERS: [&str; 16] = [
    "0",
    "1",
    "-1",
    "2",
    "2.5",
    "3",
    "3.0",
    "-0",
    "-0.0",
    "1e2",
    "100",
    "101",
    "9007199254740992",
    "9007199254740993",
    "0.1234567890123456789",
    "18446744073709551616",
];

const TYPES: [&str; 7] = [
    "null", "boolean", "integer", "number", "string", "array", "object",
];

/// A part of a model. `$ref` leads to the other model, or to this one.
fn model(dice: &mut Dice, depth: u32) -> Value {
    if depth > 0 && dice.one_in(8) {
        let other = format!("{MODELS}abc/models/Other");
        return json!({"$ref": dice.of(&["#", &other, "#/definitions/own"])});
    }
    let mut part = Map::new();
    let mut put = |name: &str, value: Value| part.insert(name.to_owned(), value);
    let kind = match dice.below(10) {
        0 => "",
        1 => {
            put("type", json!([dice.of(&TYPES[..3]), dice.of(&TYPES[3..])]));
            ""
        }
        _ if depth < 3 && dice.one_in(2) => dice.of(&["object", "array"]),
        _ => dice.of(&TYPES),
    };
    if !kind.is_empty() {
        put("type", json!(kind));
    }
    let number = |dice: &mut Dice| serde_json::from_str(dice.of(&LIMITS)).unwrap_or(Value::Null);
    let of = |kinds: &[&str], dice: &mut Dice| {
        (kind.is_empty() || kinds.contains(&kind)) && dice.one_in(2)
    };
    if of(&["string"], dice) {
        put("minLength", json!(dice.below(3)));
    }
    if of(&["string"], dice) {
        put("maxLength", json!(dice.below(40)));
    }
    if of(&["string"], dice) && dice.one_in(3) {
        put("enum", json!([dice.of(&TEXTS), "EUR", "é"]));
    }
    if of(&["string"], dice) && dice.one_in(4) {
        put("pattern", json!("^[a-z]*$"));
    }
    if of(&["string", "integer"], dice) && dice.one_in(4) {
        put("format", json!(dice.of(&["date", "int64"])));
    }
    if of(&["integer", "number"], dice) {
        put("minimum", number(dice));
        put("exclusiveMinimum", json!(dice.one_in(2)));
    }
    if of(&["integer", "number"], dice) {
        put("maximum", number(dice));
        put("exclusiveMaximum", json!(dice.one_in(2)));
    }
    if of(&["integer", "number"], dice) && dice.one_in(5) {
        put("multipleOf", json!(2));
    }
    if of(&["array"], dice) && depth < 4 {
        put("items", model(dice, depth + 1));
    }
    if of(&["array"], dice) && dice.one_in(3) {
        put("minItems", json!(dice.below(3)));
        put("maxItems", json!(2 + dice.below(3)));
        put("uniqueItems", json!(dice.one_in(2)));
    }
    if kind.is_empty() || kind == "object" {
        objects(dice, depth, &mut part);
    }
    Value::Object(part)
}

fn objects(dice: &mut Dice, depth: u32, part: &mut Map<String, Value>) {
    let mut properties = Map::new();
    while depth < 4 && !dice.one_in(4) {
        let name = dice.of(&NAMES).to_owned();
        properties.insert(name, model(dice, depth + 1));
    }
    if !properties.is_empty() {
        part.insert("properties".to_owned(), Value::Object(properties));
    }
    if dice.one_in(3) {
        part.insert("required".to_owned(), json!([dice.of(&NAMES)]));
    }
    match dice.below(6) {
        0 => part.insert("additionalProperties".to_owned(), json!(false)),
        1 if depth < 4 => part.insert("additionalProperties".to_owned(), model(dice, depth + 1)),
        2 => part.insert("minProperties".to_owned(), json!(dice.below(4))),
        3 => part.insert("maxProperties".to_owned(), json!(dice.below(4))),
        _ => None,
    };
}

fn blank(dice: &mut Dice, out: &mut String) {
    if dice.one_in(6) {
        out.push_str(dice.of(&[" ", "\n", "\t \r"]));
    }
}

/// A text as it may be written.
fn text(dice: &mut Dice, text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        let mut units = [0; 2];
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            c if dice.one_in(20) => {
                let units = c.encode_utf16(&mut units).iter();
                units.for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// A body that follows a part of a model, for the most part.
fn body(dice: &mut Dice, part: &Value, depth: u32, out: &mut String) {
    let kind = part.get("type").and_then(Value::as_str);
    let kind = kind.filter(|_| !dice.one_in(30));
    let kind = kind.unwrap_or_else(|| dice.of(&TYPES));
    match kind {
        "null" => out.push_str("null"),
        "boolean" => out.push_str(dice.of(&["true", "false"])),
        "integer" => out.push_str(dice.of(&NUMBERS[..4])),
        "number" => out.push_str(dice.of(&NUMBERS)),
        "string" => {
            let value = dice.of(&TEXTS);
            text(dice, value, out);
        }
        "array" => {
            let items = part.get("items").unwrap_or(&Value::Null);
            inside(
                dice,
                ('[', ']'),
                out,
                |dice, out| body(dice, items, depth + 1, out),
                depth,
            );
        }
        _ => {
            let all = part.get("properties").and_then(Value::as_object);
            let mut known = all.into_iter().flatten().collect::<Vec<_>>();
            known.truncate(dice.below(8) as usize);
            let mut known = known.into_iter();
            let member = |dice: &mut Dice, out: &mut String| {
                let next = known.next().filter(|_| !dice.one_in(9));
                let (name, value) = match next {
                    Some((name, value)) => (name.as_str(), value),
                    None => (dice.of(&NAMES), &Value::Null),
                };
                text(dice, name, out);
                blank(dice, out);
                out.push(':');
                blank(dice, out);
                body(dice, value, depth + 1, out);
            };
            inside(dice, ('{', '}'), out, member, depth);
        }
    }
}

fn inside(
    dice: &mut Dice,
    (open, close): (char, char),
    out: &mut String,
    mut one: impl FnMut(&mut Dice, &mut String),
    depth: u32,
) {
    out.push(open);
    let count = if depth > 5 { 0 } else { dice.below(5) };
    for at in 0..count {
        if at > 0 {
            out.push(',');
        }
        blank(dice, out);
        one(dice, out);
        blank(dice, out);
    }
    out.push(close);
}

/// Whatever a plan allows a validator allows; and what it does not is refused with the words of one.
#[test]
fn a_plan_allows_what_a_validator_allows() {
    let mut dice = Dice(0x5eed_cafe_f00d);
    let (mut plans, mut sure, mut unsure, mut refused) = (0, 0, 0, 0);
    for _ in 0..600 {
        let mut own = model(&mut dice, 0);
        own["definitions"] = json!({"own": model(&mut dice, 3)});
        let (own, mut other) = (own, model(&mut dice, 2));
        other["definitions"] = json!({"own": {"type": "integer"}});
        let models = Library::of(&[("Other", other.to_string().as_str())]);
        let Ok(schema) = models.compile(&own.to_string()) else {
            continue;
        };
        let plan = Plan::of(&own, &models);
        plans += usize::from(plan.is_some());
        for _ in 0..40 {
            let mut text = String::new();
            body(&mut dice, &own, 0, &mut text);
            if dice.one_in(40) {
                text.truncate(text.floor_char_boundary(dice.below(text.len() as u64) as usize));
            }
            let is_allowed = plan
                .as_ref()
                .is_some_and(|plan| plan.allows(text.as_bytes()));
            let tree: Option<Value> = serde_json::from_str(&text).ok();
            let is_valid = tree.is_some_and(|tree| schema.0.telling.is_valid(&tree));
            assert!(
                is_valid || !is_allowed,
                "{text} does not follow {own} and {other}"
            );
            let checked = schema.check(text.as_bytes());
            // An empty body is an object.
            assert!(
                text.is_empty() || checked.is_ok() == is_valid,
                "{text}: {own}"
            );
            match (is_allowed, is_valid) {
                (true, _) => sure += 1,
                (false, true) if plan.is_some() => unsure += 1,
                _ => refused += 1,
            }
        }
    }
    assert!(
        plans > 300 && sure > 3000 && refused > 3000,
        "{plans} {sure} {refused}"
    );
    assert!(
        unsure * 20 < sure,
        "{unsure} of {sure} are not seen at once"
    );
}

#[track_caller]
fn allows(model: &str, body: &str) -> bool {
    let model: Value = serde_json::from_str(model).unwrap_or_default();
    let plan = Plan::of(&model, &Library::of::<&str>(&[]));
    plan.is_some_and(|plan| plan.allows(body.as_bytes()))
}

#[test]
fn of_a_name_that_comes_twice_the_last_value_counts() {
    let model = r#"{"properties":{"a":{"type":"integer"}},"maxProperties":1}"#;
    let schema = Schema::compile(model, &[]).map_err(|error| error.to_string());
    let check = |body: &str| {
        schema
            .as_ref()
            .map(|schema| schema.check(body.as_bytes()).is_ok())
    };
    assert_eq!(check(r#"{"a":"x","a":1}"#), Ok(true));
    assert_eq!(check(r#"{"a":1,"a":"x"}"#), Ok(false));
    assert_eq!(check(r#"{"a":1,"a":2}"#), Ok(true));
    assert_eq!(check(r#"{"a":1,"b":2}"#), Ok(false));
    assert_eq!(check(r#"{"a":1,"\u0061":"x"}"#), Ok(false));
    // A model that asks for two names is left to who counts them.
    assert!(!allows(r#"{"minProperties":2}"#, r#"{"a":1,"a":2}"#));
}

#[test]
fn what_is_no_json_is_never_allowed() {
    let others = [
        "",
        "{",
        "01",
        "1.",
        "-",
        ".5",
        "1e999",
        "+1",
        "{\"a\":1 \"b\":2}",
        "{\"a\"::1}",
        "{1:1}",
        "nul",
    ];
    for wrong in NO_JSON.iter().chain(&others) {
        assert!(!allows("{}", wrong), "{wrong}");
        let inside = format!("{{\"a\":{wrong}}}");
        assert!(!allows(r#"{"properties":{"a":{}}}"#, &inside), "{inside}");
    }
    assert!(!allows("{}", &("[".repeat(128) + &"]".repeat(128))));
    assert!(allows("{}", &("[".repeat(127) + &"]".repeat(127))));
    let plan = Plan::of(&json!({}), &Library::of::<&str>(&[]));
    assert!(plan.is_some_and(|plan| !plan.allows(b"\"\xff\"")));
}

#[test]
fn models_in_circles_and_long_chains_end() {
    let own = r##"{"properties":{"next":{"$ref":"#"}},"required":["v"]}"##;
    assert!(allows(own, r#"{"v":1,"next":{"next":{"v":2},"v":3}}"#));
    assert!(!allows(own, r#"{"v":1,"next":{"v":2,"next":{}}}"#));
    let circle = r##"{"$ref":"#/definitions/a","definitions":{"a":{"$ref":"#/definitions/a"}}}"##;
    assert!(!allows(circle, "{}"));
    let links = (0..5000).map(|n| {
        let next = format!("#/definitions/d{}", n + 1);
        (
            format!("d{n}"),
            json!({"properties": {"a": {"$ref": next}}}),
        )
    });
    let mut chain = json!({"properties": {"a": {"$ref": "#/definitions/d0"}}});
    chain["definitions"] = Value::Object(links.collect());
    assert!(Plan::of(&chain, &Library::of::<&str>(&[])).is_none());
}

/// Models of other drafts, or with addresses of their own, mean something else.
#[test]
fn what_a_plan_cannot_say_has_none() {
    for model in [
        r#"{"$schema":"http://json-schema.org/draft-07/schema#","const":1}"#,
        r#"{"id":"http://example.com/a","properties":{}}"#,
        r##"{"allOf":[{"$ref":"#/definitions/a"}],"definitions":{"a":{}}}"##,
    ] {
        assert!(!allows(model, "{}"), "{model}");
    }
    let own_id = r#"{"properties":{"id":{"type":"string"}},"example":{"id":"x"}}"#;
    assert!(allows(own_id, r#"{"id":"y"}"#));
}

#[test]
fn the_reason_is_that_of_the_validator() {
    let model = r#"{"type":"object","properties":{"a":{"enum":["x"]}},"required":["b"]}"#;
    let refused = Schema::compile(model, &[]).map(|schema| schema.check(br#"{"a":"y"}"#));
    let refused = refused.map(|refused| refused.err().as_ref().map(Refused::to_string));
    let expected = "/a: instance value (\"y\") not found in enum (possible values: [\"x\"]); \
        the body: object has missing required properties ([\"b\"])";
    assert_eq!(refused, Ok(Some(expected.to_owned())));
}

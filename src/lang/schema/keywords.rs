//! The keywords of a part of a model that a plan knows.

use serde_json::{Map, Value};

use super::plan::{
    ALL, ANY_COUNT, ANY_NUMBER, BOOLEAN, Bounds, FRACTION, INTEGER, Kinds, LIST, MEMBERS, NULL,
    TEXT,
};

/// A double holds each integer below it, and is not below it for one that is not.
const EXACT_BELOW: f64 = 9_007_199_254_740_992.0;

/// There is a bit for each.
const REQUIRED_MAX: usize = 64;

/// Part of a model that says nothing else.
pub(super) struct Simple<'v> {
    pub(super) kinds: Kinds,
    pub(super) length: Bounds<u64>,
    /// Empty: any text.
    pub(super) options: Vec<&'v str>,
    pub(super) number: Bounds<f64>,
    pub(super) count: Bounds<u64>,
    pub(super) items: Option<&'v Value>,
    pub(super) properties: Option<&'v Map<String, Value>>,
    pub(super) required: Vec<&'v str>,
    pub(super) others: Option<&'v Value>,
    /// How many members there may be.
    pub(super) members: Bounds<u64>,
}

impl<'v> Simple<'v> {
    /// None: it says more.
    pub(super) fn of(part: &'v Map<String, Value>) -> Option<Self> {
        let mut simple = Self {
            kinds: ALL,
            length: ANY_COUNT,
            options: Vec::new(),
            number: ANY_NUMBER,
            count: ANY_COUNT,
            items: None,
            properties: None,
            required: Vec::new(),
            others: None,
            members: ANY_COUNT,
        };
        let excludes = |name| part.get(name) == Some(&Value::Bool(true));
        for (name, value) in part {
            match &**name {
                "title" | "description" | "$schema" | "definitions" | "default" | "example" => {}
                // Of each other these are read below.
                "exclusiveMinimum" | "exclusiveMaximum" | "format" => {}
                "type" => simple.kinds = kinds(value)?,
                "minLength" => simple.length.least = value.as_u64()?,
                "maxLength" => simple.length.most = value.as_u64()?,
                "minItems" => simple.count.least = value.as_u64()?,
                "maxItems" => simple.count.most = value.as_u64()?,
                "minimum" => {
                    let least = limit(value)?;
                    let excludes = excludes("exclusiveMinimum");
                    simple.number.least = if excludes { least.next_up() } else { least };
                }
                "maximum" => {
                    let most = limit(value)?;
                    let excludes = excludes("exclusiveMaximum");
                    simple.number.most = if excludes { most.next_down() } else { most };
                }
                "enum" => simple.options = names(value)?,
                "items" if value.is_object() => simple.items = Some(value),
                "uniqueItems" if *value == Value::Bool(false) => {}
                "properties" => simple.properties = Some(value.as_object()?),
                "required" => simple.required = names(value)?,
                "additionalProperties" => simple.others = Some(value),
                // A name that comes twice counts once, which only shows where there are two.
                "minProperties" => simple.members.least = value.as_u64().filter(|min| *min < 2)?,
                "maxProperties" => simple.members.most = value.as_u64()?,
                _ => return None,
            }
        }
        let mut known = simple.properties.into_iter().flat_map(Map::keys);
        let is_known = known.all(|name| is_plain(name)) && simple.required.len() <= REQUIRED_MAX;
        // Formats are those of texts.
        let is_text = simple.kinds & TEXT != 0;
        (is_known && !(is_text && part.contains_key("format"))).then_some(simple)
    }
}

fn kinds(value: &Value) -> Option<Kinds> {
    let one = |value: &Value| {
        Some(match value.as_str()? {
            "null" => NULL,
            "boolean" => BOOLEAN,
            "integer" => INTEGER,
            "number" => INTEGER | FRACTION,
            "string" => TEXT,
            "array" => LIST,
            "object" => MEMBERS,
            _ => return None,
        })
    };
    match value {
        Value::Array(all) => all
            .iter()
            .try_fold(0, |kinds, value| Some(kinds | one(value)?)),
        value => one(value),
    }
}

fn limit(value: &Value) -> Option<f64> {
    value.as_f64().filter(|limit| limit.abs() < EXACT_BELOW)
}

/// A list of texts that stand in a body as they are.
fn names(value: &Value) -> Option<Vec<&str>> {
    let mut names = value.as_array()?.iter();
    names.try_fold(Vec::new(), |mut names, name| {
        names.push(name.as_str().filter(|name| is_plain(name))?);
        Some(names)
    })
}

fn is_plain(text: &str) -> bool {
    !text
        .bytes()
        .any(|byte| matches!(byte, b'"' | b'\\' | 0..0x20))
}

/// What the members of an object in a model are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// Keywords.
    Schema,
    /// Names of parts.
    Names,
}

/// Whether there is such a keyword in a model.
pub(super) fn has(model: &Value, level: Level, is_it: &dyn Fn(&str, &Value) -> bool) -> bool {
    match model {
        Value::Array(items) => items.iter().any(|item| has(item, Level::Schema, is_it)),
        Value::Object(members) => members.iter().any(|(name, value)| {
            let below = match &**name {
                "properties" | "patternProperties" | "definitions" | "dependencies"
                    if level == Level::Schema =>
                {
                    Level::Names
                }
                _ => Level::Schema,
            };
            let is_keyword = level == Level::Schema;
            is_keyword && is_it(name, value)
                || !(is_keyword && is_shown(name)) && has(value, below, is_it)
        }),
        _ => false,
    }
}

/// Keywords whose values are no part of a model.
pub(super) fn is_shown(name: &str) -> bool {
    matches!(name, "default" | "enum" | "example")
}

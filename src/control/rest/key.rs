//! API key operations.

use serde_json::{Value, json};

use crate::control::Handler;
use crate::control::desk::{Desk, Record, text};
use crate::control::error::{Error, Outcome};
use crate::control::kind;
use crate::control::patch::{As, Family, Patch, REPLACE, Rules};
use crate::control::protocol::Input;
use crate::control::rest::key_import;
use crate::control::rest::noun::{self, given};
use crate::control::tags;
use crate::model::quota;

pub const OPERATIONS: &[(&str, Handler)] = &[
    ("CreateApiKey", create),
    ("GetApiKey", get),
    ("GetApiKeys", list),
    ("UpdateApiKey", update),
    ("DeleteApiKey", delete),
    ("ImportApiKeys", key_import::import),
];

const RULES: Rules = Rules {
    family: Family::Listed("/description, /enabled, /name, /customerId"),
    rows: &[
        ("/description", As::Text, REPLACE),
        ("/enabled", As::Flag, REPLACE),
        ("/name", As::Text, REPLACE),
        ("/customerId", As::Text, REPLACE),
    ],
};

pub fn find(desk: &Desk<'_>, id: &str) -> Outcome<Record> {
    let found = desk.get(kind::API_KEY, id)?;
    found.ok_or_else(|| Error::not_found("Invalid API Key identifier specified"))
}

fn create(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let mut own = given(input, &["name", "description", "customerId", "tags"]);
    if text(&own, "name").is_empty() {
        own.shift_remove("name");
    }
    check(&own)?;
    tags::check(desk, input)?;
    let value = match input.text("value") {
        None | Some("") => desk.new_id(40),
        Some(value) => value.to_owned(),
    };
    let mut record = new(desk, &value)?;
    let all = desk.list(kind::API_KEY, "")?;
    desk.admit(&quota::API_KEYS, || Ok(all.len()))?;
    if all.iter().any(|(_, other)| text(other, "value") == value) {
        return Err(Error::conflict("API Key already exists"));
    }
    record.extend(own);
    record.insert(
        "enabled".to_owned(),
        input.flag("enabled").unwrap_or_default().into(),
    );
    let id = text(&record, "id").to_owned();
    desk.put(kind::API_KEY, &id, &record)?;
    Ok(Value::Object(record))
}

/// A key with this value and an id of its own.
pub fn new(desk: &mut Desk<'_>, value: &str) -> Outcome<Record> {
    let length = value.chars().count();
    if length < 20 {
        return Err(Error::bad_request(
            "API Key value should be at least 20 characters",
        ));
    }
    if length > 128 {
        return Err(Error::bad_request(
            "API Key value exceeds maximum size of 128 characters",
        ));
    }
    let id = desk.new_id(10);
    Ok(Record::from_iter([
        ("id".to_owned(), id.into()),
        ("value".to_owned(), value.into()),
        ("createdDate".to_owned(), desk.now()),
        ("lastUpdatedDate".to_owned(), desk.now()),
        ("stageKeys".to_owned(), json!([])),
    ]))
}

pub fn check(record: &Record) -> Outcome<()> {
    if text(record, "name").chars().count() > 1024 {
        let message = "Invalid API Key name, can be at most 1024 characters.";
        return Err(Error::bad_request(message));
    }
    if text(record, "description").chars().count() > 125_000 {
        return Err(Error::bad_request("Invalid API Key description specified."));
    }
    Ok(())
}

fn get(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let mut record = find(desk, input.given("apiKey"))?;
    if input.flag("includeValue") != Some(true) {
        record.shift_remove("value");
    }
    Ok(Value::Object(record))
}

fn list(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let all = desk.list(kind::API_KEY, "")?.into_iter();
    let start = input.text("nameQuery").unwrap_or_default();
    let customer = input.text("customerId");
    let all = all.filter(|(_, key)| {
        text(key, "name").starts_with(start)
            && customer.is_none_or(|wanted| text(key, "customerId") == wanted)
    });
    let with_values = input.flag("includeValues") == Some(true);
    let all = all.map(|(id, mut key)| {
        if !with_values {
            key.shift_remove("value");
        }
        (id, key)
    });
    noun::shown(input, all.collect())
}

fn update(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let id = input.given("apiKey");
    let mut record = find(desk, id)?;
    RULES.apply(&mut record, &Patch::all(input))?;
    check(&record)?;
    record.insert("lastUpdatedDate".to_owned(), desk.now());
    desk.put(kind::API_KEY, id, &record)?;
    record.shift_remove("value");
    Ok(Value::Object(record))
}

fn delete(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let id = input.given("apiKey");
    find(desk, id)?;
    desk.delete(kind::API_KEY, id)?;
    for (key, _) in desk.list(kind::USAGE_PLAN_KEY, "")? {
        if key.rsplit('/').next() == Some(id) {
            desk.delete(kind::USAGE_PLAN_KEY, &key)?;
            desk.delete_all(kind::USAGE, &format!("{key}/"))?;
        }
    }
    Ok(Value::Null)
}

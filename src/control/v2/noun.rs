//! What the nouns of an API have in common: found below it, listed in pages, changed member by
//! member.

use serde_json::{Map, Value};

use crate::control::desk::{Desk, Record, text};
use crate::control::error::{Error, Outcome};
use crate::control::kind;
use crate::control::protocol::{Input, ServiceName, page};
use crate::model::quota::{self, Quota};

/// A kind of thing that belongs to an API.
pub struct Noun {
    pub kind: &'static str,
    /// The member with its own id.
    pub id: &'static str,
    /// As AWS's messages call it.
    pub title: &'static str,
    /// The members that lead to it from the API's, without its own.
    pub above: &'static [&'static str],
}

/// The API that `apiId` names.
pub fn api(desk: &Desk<'_>, input: &Input) -> Outcome<Record> {
    let id = input.given("apiId");
    let found = desk.get(kind::API, id)?;
    found.ok_or_else(|| Error::not_found(format!("Invalid API identifier specified {id}")))
}

/// A member of a record, null where there is none.
pub fn member<'r>(record: &'r Record, key: &str) -> &'r Value {
    record.get(key).unwrap_or(&Value::Null)
}

pub fn flag(record: &Record, key: &str) -> bool {
    record.get(key).and_then(Value::as_bool).unwrap_or_default()
}

pub fn is_http(api: &Record) -> bool {
    text(api, "protocolType") == "HTTP"
}

impl Noun {
    /// What the ids of those beside it begin with.
    pub fn below(&self, input: &Input) -> String {
        let above = ["apiId"].iter().chain(self.above);
        above.map(|key| format!("{}/", input.given(key))).collect()
    }

    pub fn key(&self, input: &Input) -> String {
        format!("{}{}", self.below(input), input.given(self.id))
    }

    /// The one that the input names, its API being there.
    pub fn get(&self, desk: &Desk<'_>, input: &Input) -> Outcome<Record> {
        api(desk, input)?;
        desk.get(self.kind, &self.key(input))?
            .ok_or_else(|| self.missing(input.given(self.id)))
    }

    pub fn missing(&self, id: &str) -> Error {
        Error::not_found(format!("Invalid {} identifier specified {id}", self.title))
    }

    pub fn list(&self, desk: &Desk<'_>, input: &Input) -> Outcome<Value> {
        api(desk, input)?;
        let found = desk.list(self.kind, &self.below(input))?.into_iter();
        page::page(
            ServiceName::V2,
            input,
            found.map(|(key, record)| (key, Value::Object(record))),
        )
    }

    /// Keeps a new one under a new id.
    pub fn create(&self, desk: &mut Desk<'_>, input: &Input, mut record: Record) -> Outcome<Value> {
        if let Some(quota) = quota_of(self.kind) {
            desk.admit(quota, || desk.count(self.kind, &self.below(input)))?;
        }
        let id = desk.new_id(7);
        record.insert(self.id.to_owned(), id.clone().into());
        desk.put(self.kind, &format!("{}{id}", self.below(input)), &record)?;
        Ok(Value::Object(record))
    }

    pub fn put(&self, desk: &mut Desk<'_>, input: &Input, record: Record) -> Outcome<Value> {
        desk.put(self.kind, &self.key(input), &record)?;
        Ok(Value::Object(record))
    }

    pub fn delete(&self, desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
        self.get(desk, input)?;
        desk.delete(self.kind, &self.key(input))?;
        Ok(Value::Null)
    }
}

/// How many of a kind an API may have.
fn quota_of(kind: &str) -> Option<&'static Quota> {
    match kind {
        kind::ROUTE => Some(&quota::ROUTES),
        kind::INTEGRATION => Some(&quota::INTEGRATIONS),
        kind::AUTHORIZER => Some(&quota::AUTHORIZERS),
        _ => None,
    }
}

/// The members that the body gave, without those of the path.
pub fn given(input: &Input, path: &[&str]) -> Record {
    let members = input.members.iter();
    let members = members.filter(|(key, _)| !path.contains(&key.as_str()));
    members
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// A record of defaults with what was given put over them.
pub fn with_defaults(defaults: Value, given: Record) -> Record {
    let mut record = match defaults {
        Value::Object(record) => record,
        _ => Map::new(),
    };
    record.extend(given);
    record
}

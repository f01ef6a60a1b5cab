//! What the nouns of REST APIs have in common.

use serde_json::Value;

use crate::control::desk::{Desk, Record};
use crate::control::error::{Error, Outcome};
use crate::control::kind;
use crate::control::protocol::{Input, ServiceName, page};

/// The REST API that `restApiId` names.
pub fn api(desk: &Desk<'_>, input: &Input) -> Outcome<Record> {
    let id = input.given("restApiId");
    let found = desk.get(kind::REST_API, id)?;
    found.ok_or_else(|| no_api(desk, id))
}

pub fn no_api(desk: &Desk<'_>, id: &str) -> Error {
    let account = &desk.scope().account;
    Error::not_found(format!("Invalid API identifier specified {account}:{id}"))
}

/// The record of something below the API that `restApiId` names.
pub fn below(
    desk: &Desk<'_>,
    input: &Input,
    kind: &'static str,
    id: &str,
) -> Outcome<(String, Option<Record>)> {
    let key = format!("{}/{id}", input.given("restApiId"));
    let found = desk.get(kind, &key)?;
    Ok((key, found))
}

/// A page of all of a kind below the API.
pub fn list(desk: &Desk<'_>, input: &Input, kind: &'static str) -> Outcome<Value> {
    api(desk, input)?;
    let all = desk.list(kind, &format!("{}/", input.given("restApiId")))?;
    shown(input, all)
}

pub fn shown(input: &Input, all: Vec<(String, Record)>) -> Outcome<Value> {
    let all = all.into_iter();
    page::page(
        ServiceName::Rest,
        input,
        all.map(|(key, record)| (key, Value::Object(record))),
    )
}

/// The members that the body gave, of these names.
pub fn given(input: &Input, names: &[&str]) -> Record {
    let members = names.iter().filter_map(|name| {
        let value = input.members.get(*name)?;
        Some(((*name).to_owned(), value.clone()))
    });
    members.collect()
}

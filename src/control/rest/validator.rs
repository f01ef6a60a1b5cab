//! Request validator operations.

use serde_json::Value;

use crate::control::Handler;
use crate::control::desk::{Desk, Record, text};
use crate::control::error::{Error, Outcome};
use crate::control::kind;
use crate::control::patch::{As, Family, Patch, REPLACE, Rules};
use crate::control::protocol::Input;
use crate::control::rest::noun;

pub const OPERATIONS: &[(&str, Handler)] = &[
    ("CreateRequestValidator", create),
    ("GetRequestValidator", |desk, input| {
        find(desk, input).map(|(_, record)| Value::Object(record))
    }),
    ("GetRequestValidators", |desk, input| {
        noun::list(desk, input, kind::VALIDATOR)
    }),
    ("UpdateRequestValidator", update),
    ("DeleteRequestValidator", |desk, input| {
        let (key, _) = find(desk, input)?;
        desk.delete(kind::VALIDATOR, &key)?;
        Ok(Value::Null)
    }),
];

const RULES: Rules = Rules {
    family: Family::Listed("/name, /validateRequestParameters, /validateRequestBody"),
    rows: &[
        ("/name", As::Text, REPLACE),
        ("/validateRequestParameters", As::Flag, REPLACE),
        ("/validateRequestBody", As::Flag, REPLACE),
    ],
};

fn find(desk: &Desk<'_>, input: &Input) -> Outcome<(String, Record)> {
    let id = input.given("requestValidatorId");
    let (key, found) = noun::below(desk, input, kind::VALIDATOR, id)?;
    let missing = || Error::not_found("Invalid Request Validator identifier specified");
    Ok((key, found.ok_or_else(missing)?))
}

fn create(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    if noun::api(desk, input).is_err() {
        return Err(Error::bad_request("Invalid REST API identifier specified"));
    }
    let id = desk.new_id(6);
    let mut record = Record::from_iter([("id".to_owned(), id.clone().into())]);
    if let Some(name) = input.text("name") {
        record.insert("name".to_owned(), name.into());
    }
    for key in ["validateRequestBody", "validateRequestParameters"] {
        let value = input.flag(key).unwrap_or_default();
        record.insert(key.to_owned(), value.into());
    }
    let key = format!("{}/{id}", input.given("restApiId"));
    desk.put(kind::VALIDATOR, &key, &record)?;
    Ok(Value::Object(record))
}

fn update(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let (key, mut record) = find(desk, input)?;
    let had_name = record.contains_key("name");
    RULES.apply(&mut record, &Patch::all(input))?;
    if (had_name || record.contains_key("name")) && text(&record, "name").is_empty() {
        return Err(Error::bad_request("Request Validator name cannot be blank"));
    }
    desk.put(kind::VALIDATOR, &key, &record)?;
    Ok(Value::Object(record))
}

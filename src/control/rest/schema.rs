//! Model operations of REST APIs.

use serde_json::{Value, json};

use crate::control::Handler;
use crate::control::desk::{Desk, Record, text};
use crate::control::error::{Error, Outcome};
use crate::control::kind;
use crate::control::patch::{As, Family, Patch, REPLACE, Rules};
use crate::control::protocol::Input;
use crate::control::rest::noun::{self, given};
use crate::control::rest::template;

pub const OPERATIONS: &[(&str, Handler)] = &[
    ("CreateModel", create),
    ("GetModel", get),
    ("GetModelTemplate", |desk, input| {
        let (_, record) = find(desk, input)?;
        let api = input.given("restApiId");
        let value = template::template(desk, api, text(&record, "schema"))?;
        Ok(json!({ "value": value }))
    }),
    ("GetModels", |desk, input| {
        noun::list(desk, input, kind::MODEL)
    }),
    ("UpdateModel", update),
    ("DeleteModel", delete),
];

const RULES: Rules = Rules {
    family: Family::Listed("/description, /schema"),
    rows: &[
        ("/description", As::Text, REPLACE),
        ("/schema", As::Text, REPLACE),
    ],
};

/// Every API begins with the same two models.
pub fn put_defaults(desk: &mut Desk<'_>, api: &str) -> Outcome<()> {
    for (name, description, schema) in [
        ("Empty", "This is a default empty schema model", EMPTY),
        ("Error", "This is a default error schema model", ERROR),
    ] {
        let id = desk.new_id(6);
        let record = json!({
            "contentType": "application/json",
            "description": description,
            "id": id,
            "name": name,
            "schema": schema,
        });
        let record = record.as_object().cloned().unwrap_or_default();
        desk.put(kind::MODEL, &format!("{api}/{name}"), &record)?;
    }
    Ok(())
}

const EMPTY: &str = r##"{
  "$schema": "http://json-schema.org/draft-04/schema#",
  "title" : "Empty Schema",
  "type" : "object"
}"##;
const ERROR: &str = r##"{
  "$schema" : "http://json-schema.org/draft-04/schema#",
  "title" : "Error Schema",
  "type" : "object",
  "properties" : {
    "message" : { "type" : "string" }
  }
}"##;

/// Models go by their names.
fn find(desk: &Desk<'_>, input: &Input) -> Outcome<(String, Record)> {
    let name = input.given("modelName");
    let (key, found) = noun::below(desk, input, kind::MODEL, name)?;
    let missing = || Error::not_found(format!("Invalid model name specified: {name}"));
    Ok((key, found.ok_or_else(missing)?))
}

fn get(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let (_, mut record) = find(desk, input)?;
    if input.flag("flatten") == Some(true) {
        let api = input.given("restApiId");
        let whole = template::flattened(desk, api, text(&record, "schema"))?;
        record.insert("schema".to_owned(), whole.into());
    }
    Ok(Value::Object(record))
}

fn create(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    noun::api(desk, input)?;
    let name = input.given("name");
    if name.is_empty() {
        return Err(Error::bad_request("Model name must be non-empty"));
    }
    if !name.chars().all(|c| c.is_ascii_alphanumeric()) {
        return Err(Error::bad_request(format!(
            "Model name must be alphanumeric: {name}"
        )));
    }
    let (key, found) = noun::below(desk, input, kind::MODEL, name)?;
    if found.is_some() {
        return Err(Error::conflict(
            "Model name already exists for this REST API",
        ));
    }
    let mut record = given(input, &["name", "description", "schema", "contentType"]);
    record.insert("id".to_owned(), desk.new_id(6).into());
    check(text(&record, "schema"))?;
    desk.put(kind::MODEL, &key, &record)?;
    Ok(Value::Object(record))
}

fn check(schema: &str) -> Outcome<()> {
    let parsed: Value = serde_json::from_str(schema).unwrap_or_default();
    match parsed.as_object() {
        Some(object) if !object.is_empty() => match object.get("type").and_then(Value::as_str) {
            Some(kind) if !TYPES.contains(&kind) => Err(Error::bad_request(
                "Invalid model specified: Validation Result: warnings : [], errors : [Invalid model \
                 schema specified]",
            )),
            _ => Ok(()),
        },
        _ => Err(Error::bad_request(
            "Model schema must have at least 1 property or array items defined",
        )),
    }
}

/// Of draft 4 of JSON Schema.
const TYPES: &[&str] = &[
    "array", "boolean", "integer", "null", "number", "object", "string",
];

fn update(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let (key, mut record) = find(desk, input)?;
    RULES.apply(&mut record, &Patch::all(input))?;
    check(text(&record, "schema"))?;
    desk.put(kind::MODEL, &key, &record)?;
    Ok(Value::Object(record))
}

fn delete(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let (key, _) = find(desk, input)?;
    let name = input.given("modelName");
    let below = format!("{}/", input.given("restApiId"));
    let mut resources = desk.list(kind::RESOURCE, &below)?;
    resources.sort_by(|(_, a), (_, b)| text(b, "path").cmp(text(a, "path")));
    for (_, resource) in resources {
        let methods = resource.get("resourceMethods").and_then(Value::as_object);
        for (verb, method) in methods.into_iter().flatten() {
            let models = method["requestModels"].as_object();
            if models.into_iter().flatten().any(|(_, model)| model == name) {
                let path = text(&resource, "path");
                return Err(Error::conflict(format!(
                    "Cannot delete model '{name}', is referenced in method request: {path}/{verb}"
                )));
            }
            let responses = method["methodResponses"].as_object().into_iter().flatten();
            for (_, response) in responses {
                let models = response["responseModels"].as_object();
                if models.into_iter().flatten().any(|(_, model)| model == name) {
                    let path = text(&resource, "path");
                    return Err(Error::conflict(format!(
                        "Cannot delete model '{name}', is referenced in method response: {path}/{verb}"
                    )));
                }
            }
        }
    }
    desk.delete(kind::MODEL, &key)?;
    Ok(Value::Null)
}

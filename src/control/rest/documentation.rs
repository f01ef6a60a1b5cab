//! Documentation part and version operations.

use serde_json::{Map, Value, json};

use crate::control::Handler;
use crate::control::desk::{Desk, Record, text};
use crate::control::error::{Error, Outcome};
use crate::control::kind;
use crate::control::patch::{ANY, As, Family, Patch, REPLACE, Rules};
use crate::control::protocol::Input;
use crate::control::rest::noun::{self, given};
use crate::model::quota;

pub const OPERATIONS: &[(&str, Handler)] = &[
    ("CreateDocumentationPart", create),
    ("GetDocumentationPart", |desk, input| {
        find(desk, input).map(|(_, record)| Value::Object(record))
    }),
    ("GetDocumentationParts", list),
    ("UpdateDocumentationPart", update),
    ("DeleteDocumentationPart", |desk, input| {
        noun::api(desk, input)?;
        let (key, _) = find(desk, input)?;
        desk.delete(kind::DOCUMENTATION_PART, &key)?;
        Ok(Value::Null)
    }),
    ("CreateDocumentationVersion", create_version),
    ("GetDocumentationVersion", |desk, input| {
        find_version(desk, input).map(|(_, record)| Value::Object(record))
    }),
    ("GetDocumentationVersions", |desk, input| {
        noun::list(desk, input, kind::DOCUMENTATION_VERSION)
    }),
    ("UpdateDocumentationVersion", update_version),
    ("DeleteDocumentationVersion", delete_version),
];

const PART: Rules = Rules {
    family: Family::Listed("/properties"),
    rows: &[("/properties", As::Text, REPLACE)],
};

const VERSION: Rules = Rules {
    family: Family::Listed("/description"),
    rows: &[("/description", As::Text, ANY)],
};

/// What the location of each type of entity holds besides its type; a name has to be there.
/// (Amazon API Gateway, "Representation of API documentation".)
const TYPES: &[(&str, &[&str])] = &[
    ("API", &[]),
    ("AUTHORIZER", &["name"]),
    ("MODEL", &["name"]),
    ("RESOURCE", &["path"]),
    ("METHOD", &["path", "method"]),
    ("PATH_PARAMETER", &["path", "method", "name"]),
    ("QUERY_PARAMETER", &["path", "method", "name"]),
    ("REQUEST_HEADER", &["path", "method", "name"]),
    ("REQUEST_BODY", &["path", "method"]),
    ("RESPONSE", &["path", "method", "statusCode"]),
    ("RESPONSE_HEADER", &["path", "method", "statusCode", "name"]),
    ("RESPONSE_BODY", &["path", "method", "statusCode"]),
];

/// A wrong API is told as a wrong part.
fn find(desk: &Desk<'_>, input: &Input) -> Outcome<(String, Record)> {
    let id = input.given("documentationPartId");
    let (key, found) = noun::below(desk, input, kind::DOCUMENTATION_PART, id)?;
    let missing = || Error::not_found("Invalid Documentation part identifier specified");
    Ok((key, found.ok_or_else(missing)?))
}

fn create(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    noun::api(desk, input)?;
    let below = format!("{}/", input.given("restApiId"));
    desk.admit(&quota::DOCUMENTATION_PARTS, || {
        desk.count(kind::DOCUMENTATION_PART, &below)
    })?;
    let mut record = given(input, &["location", "properties"]);
    if let Some(Value::Object(location)) = record.get_mut("location") {
        // Terraform sends the empty text for what it was not given.
        location.retain(|_, value| value != "");
    }
    check_properties(&record)?;
    check_location(&record)?;
    for (_, other) in desk.list(kind::DOCUMENTATION_PART, &below)? {
        if other.get("location") == record.get("location") {
            return Err(Error::conflict(
                "Documentation part already exists for the specified location",
            ));
        }
    }
    let id = desk.new_id(6);
    record.insert("id".to_owned(), id.clone().into());
    desk.put(kind::DOCUMENTATION_PART, &format!("{below}{id}"), &record)?;
    Ok(Value::Object(record))
}

fn check_properties(record: &Record) -> Outcome<()> {
    let properties = text(record, "properties");
    if properties.is_empty() {
        return Err(Error::bad_request(
            "Documentation part properties must be non-empty",
        ));
    }
    match serde_json::from_str::<Map<String, Value>>(properties) {
        Ok(_) => Ok(()),
        Err(_) => Err(Error::bad_request(
            "Documentation part properties must be a JSON object",
        )),
    }
}

fn check_location(record: &Record) -> Outcome<()> {
    let empty = Record::new();
    let location = record.get("location").and_then(Value::as_object);
    let location = location.unwrap_or(&empty);
    let kind_of = text(location, "type");
    let known = TYPES.iter().find(|(name, _)| *name == kind_of);
    let fields = known.map_or(&[][..], |(_, fields)| fields);
    let extra = location
        .keys()
        .find(|key| *key != "type" && !fields.contains(&key.as_str()));
    if let Some(extra) = extra {
        return Err(Error::bad_request(format!(
            "Invalid documentation part location: {extra} is not valid for type {kind_of}"
        )));
    }
    if fields.contains(&"name") && text(location, "name").is_empty() {
        return Err(Error::bad_request(format!(
            "Invalid documentation part location: name is required for type {kind_of}"
        )));
    }
    Ok(())
}

fn list(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    noun::api(desk, input)?;
    let below = format!("{}/", input.given("restApiId"));
    let mut all = desk.list(kind::DOCUMENTATION_PART, &below)?;
    if input.text("locationStatus") == Some("UNDOCUMENTED") {
        all = undocumented(desk, &below, &all)?;
    }
    let fits = |record: &Record| {
        let location = record.get("location").and_then(Value::as_object);
        location.is_some_and(|location| {
            [("type", "type"), ("nameQuery", "name"), ("path", "path")]
                .iter()
                .all(|(asked, own)| {
                    let wanted = input.text(asked);
                    wanted.is_none_or(|wanted| text(location, own) == wanted)
                })
        })
    };
    all.retain(|(_, record)| fits(record));
    noun::shown(input, all)
}

/// The entities of the API that no part is about, by their locations.
fn undocumented(
    desk: &Desk<'_>,
    below: &str,
    parts: &[(String, Record)],
) -> Outcome<Vec<(String, Record)>> {
    let mut all = vec![json!({ "type": "API" })];
    for (what, kind) in [("AUTHORIZER", kind::AUTHORIZER), ("MODEL", kind::MODEL)] {
        for (_, record) in desk.list(kind, below)? {
            all.push(json!({ "type": what, "name": record.get("name") }));
        }
    }
    for (_, resource) in desk.list(kind::RESOURCE, below)? {
        let path = text(&resource, "path");
        all.push(json!({ "type": "RESOURCE", "path": path }));
        let methods = resource.get("resourceMethods").and_then(Value::as_object);
        for (verb, method) in methods.into_iter().flatten() {
            of_method(&mut all, path, verb, method);
        }
    }
    let is_documented = |location: &Value| {
        parts
            .iter()
            .any(|(_, part)| part.get("location") == Some(location))
    };
    all.retain(|location| !is_documented(location));
    let keyed = all.into_iter().enumerate().map(|(index, location)| {
        let record = Record::from_iter([("location".to_owned(), location)]);
        (format!("{index:06}"), record)
    });
    Ok(keyed.collect())
}

fn of_method(all: &mut Vec<Value>, path: &str, verb: &str, method: &Value) {
    all.push(json!({ "type": "METHOD", "path": path, "method": verb }));
    let names = |value: &Value| -> Vec<String> {
        let names = value.as_object().into_iter().flat_map(Map::keys);
        names.cloned().collect()
    };
    for expression in names(&method["requestParameters"]) {
        let places = [
            ("method.request.path.", "PATH_PARAMETER"),
            ("method.request.querystring.", "QUERY_PARAMETER"),
            ("method.request.header.", "REQUEST_HEADER"),
        ];
        for (start, what) in places {
            if let Some(name) = expression.strip_prefix(start) {
                all.push(json!({ "type": what, "path": path, "method": verb, "name": name }));
            }
        }
    }
    if !names(&method["requestModels"]).is_empty() {
        all.push(json!({ "type": "REQUEST_BODY", "path": path, "method": verb }));
    }
    for (status, response) in method["methodResponses"].as_object().into_iter().flatten() {
        let at = |what: &str| json!({ "type": what, "path": path, "method": verb, "statusCode": status });
        all.push(at("RESPONSE"));
        for expression in names(&response["responseParameters"]) {
            if let Some(name) = expression.strip_prefix("method.response.header.") {
                let mut location = at("RESPONSE_HEADER");
                location["name"] = name.into();
                all.push(location);
            }
        }
        if !names(&response["responseModels"]).is_empty() {
            all.push(at("RESPONSE_BODY"));
        }
    }
}

fn update(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let (key, mut record) = find(desk, input)?;
    PART.apply(&mut record, &Patch::all(input))?;
    check_properties(&record)?;
    desk.put(kind::DOCUMENTATION_PART, &key, &record)?;
    Ok(Value::Object(record))
}

fn find_version(desk: &Desk<'_>, input: &Input) -> Outcome<(String, Record)> {
    noun::api(desk, input)?;
    let version = input.given("documentationVersion");
    let (key, found) = noun::below(desk, input, kind::DOCUMENTATION_VERSION, version)?;
    let missing = || Error::not_found(format!("Invalid documentation version: {version}"));
    Ok((key, found.ok_or_else(missing)?))
}

/// Freezes all parts, and gives the version to a stage if one is named.
fn create_version(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    noun::api(desk, input)?;
    let version = input.given("documentationVersion");
    if version.is_empty() {
        return Err(Error::bad_request(
            "Documentation version must be non-empty",
        ));
    }
    let (key, found) = noun::below(desk, input, kind::DOCUMENTATION_VERSION, version)?;
    if found.is_some() {
        return Err(Error::conflict(format!(
            "Documentation version {version} already exists"
        )));
    }
    let mut record = given(input, &["description"]);
    record.insert("version".to_owned(), version.into());
    record.insert("createdDate".to_owned(), desk.now());
    let below = format!("{}/", input.given("restApiId"));
    let parts = desk.list(kind::DOCUMENTATION_PART, &below)?.into_iter();
    let parts: Vec<Record> = parts.map(|(_, part)| part).collect();
    record.insert("parts".to_owned(), json!(parts));
    desk.put(kind::DOCUMENTATION_VERSION, &key, &record)?;
    if let Some(name) = input.text("stageName").filter(|name| !name.is_empty()) {
        let (key, found) = noun::below(desk, input, kind::STAGE, name)?;
        let missing = || Error::not_found("Invalid stage identifier specified");
        let mut stage = found.ok_or_else(missing)?;
        stage.insert("documentationVersion".to_owned(), version.into());
        stage.insert("lastUpdatedDate".to_owned(), desk.now());
        desk.put(kind::STAGE, &key, &stage)?;
    }
    Ok(Value::Object(record))
}

fn update_version(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let (key, mut record) = find_version(desk, input)?;
    VERSION.apply(&mut record, &Patch::all(input))?;
    desk.put(kind::DOCUMENTATION_VERSION, &key, &record)?;
    Ok(Value::Object(record))
}

fn delete_version(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let (key, record) = find_version(desk, input)?;
    let below = format!("{}/", input.given("restApiId"));
    for (_, stage) in desk.list(kind::STAGE, &below)? {
        if stage.get("documentationVersion") == record.get("version") {
            let name = text(&stage, "stageName");
            return Err(Error::conflict(format!(
                "Cannot delete documentation version, is referenced in stage: {name}"
            )));
        }
    }
    desk.delete(kind::DOCUMENTATION_VERSION, &key)?;
    Ok(Value::Null)
}

//! Base path mapping operations.

use serde_json::{Value, json};

use crate::control::Handler;
use crate::control::desk::{Desk, Record, text};
use crate::control::domain::mapping;
use crate::control::error::{Error, Outcome};
use crate::control::kind;
use crate::control::patch::Patch;
use crate::control::protocol::Input;
use crate::control::rest::domain;
use crate::control::rest::noun;

pub const OPERATIONS: &[(&str, Handler)] = &[
    ("CreateBasePathMapping", create),
    ("GetBasePathMapping", |desk, input| {
        find(desk, input).map(|(_, record)| shown(&record))
    }),
    ("GetBasePathMappings", list),
    ("UpdateBasePathMapping", update),
    ("DeleteBasePathMapping", |desk, input| {
        let (key, _) = find(desk, input)?;
        desk.delete(kind::API_MAPPING, &key)?;
        Ok(Value::Null)
    }),
];

/// What stands for the empty base path.
const NONE: &str = "(none)";

fn path_of(base_path: &str) -> &str {
    match base_path {
        NONE => "",
        path => path,
    }
}

fn shown(record: &Record) -> Value {
    let path = match text(record, "apiMappingKey") {
        "" => NONE,
        path => path,
    };
    let stage = record.get("stage");
    json!({ "basePath": path, "restApiId": record.get("apiId"), "stage": stage })
}

fn find(desk: &Desk<'_>, input: &Input) -> Outcome<(String, Record)> {
    let (domain, _) = domain::find(desk, input)?;
    let found = mapping::of_path(desk, &domain, path_of(input.given("basePath")))?;
    found.ok_or_else(|| Error::not_found("Invalid base path mapping identifier specified"))
}

fn create(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let (domain, _) = domain::find(desk, input)?;
    let path = path_of(input.given("basePath"));
    let api = input.given("restApiId");
    let stage = input.text("stage").filter(|stage| !stage.is_empty());
    check_target(desk, api, stage)?;
    check_path(desk, &domain, path)?;
    let record = mapping::create(desk, &domain, path, api, stage)?;
    Ok(shown(&record))
}

fn check_target(desk: &Desk<'_>, api: &str, stage: Option<&str>) -> Outcome<()> {
    if mapping::protocol(desk, api)?.is_none() {
        return Err(Error::bad_request("Invalid REST API identifier specified"));
    }
    match stage {
        Some(stage) if !mapping::has_stage(desk, api, stage)? => {
            Err(Error::bad_request("Invalid stage identifier specified"))
        }
        _ => Ok(()),
    }
}

/// One segment that no other mapping of the domain has.
fn check_path(desk: &Desk<'_>, domain: &str, path: &str) -> Outcome<()> {
    if path.contains('/') {
        return Err(Error::bad_request(
            "API Gateway V1 doesn't support the slash character (/) in base path mappings. To \
             create a multi-level base path mapping, use API Gateway V2.",
        ));
    }
    if path.bytes().any(|byte| !is_path_byte(byte)) {
        let message = "The base path can only contain letters, numbers and one of $-_.+!*'()";
        return Err(Error::bad_request(message));
    }
    match mapping::of_path(desk, domain, path)? {
        None => Ok(()),
        Some(_) if path.is_empty() => Err(Error::conflict(
            "Only one base path mapping is allowed if the base path is empty.",
        )),
        Some(_) => Err(Error::conflict(
            "Base path already exists for this domain name",
        )),
    }
}

/// Whether a segment of a base path may hold this.
pub fn is_path_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"$-_.+!*'()".contains(&byte)
}

fn list(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let (domain, _) = domain::find(desk, input)?;
    let all = mapping::all(desk, &domain)?.into_iter();
    let all = all.map(|(key, record)| {
        let shown = shown(&record);
        (key, shown.as_object().cloned().unwrap_or_default())
    });
    noun::shown(input, all.collect())
}

fn update(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let (key, mut record) = find(desk, input)?;
    let (domain, _) = domain::find(desk, input)?;
    for patch in Patch::all(input) {
        if patch.op != "replace" {
            return Err(Error::bad_request(
                "Invalid patch operation specified. Must be one of: [replace]",
            ));
        }
        match patch.path.as_str() {
            "/basePath" => {
                let path = path_of(patch.text()).to_owned();
                if text(&record, "apiMappingKey") != path {
                    check_path(desk, &domain, &path)?;
                }
                record.insert("apiMappingKey".to_owned(), path.into());
            }
            "/stage" if patch.text().is_empty() => {
                record.shift_remove("stage");
            }
            "/stage" => {
                record.insert("stage".to_owned(), patch.text().into());
            }
            // Both spellings are AWS's.
            "/restapiId" | "/restApiId" => {
                record.insert("apiId".to_owned(), patch.text().into());
            }
            other => {
                return Err(Error::bad_request(format!("Invalid patch path {other}")));
            }
        }
    }
    let stage = record.get("stage").and_then(Value::as_str);
    check_target(desk, text(&record, "apiId"), stage)?;
    desk.put(kind::API_MAPPING, &key, &record)?;
    Ok(shown(&record))
}

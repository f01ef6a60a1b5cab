//! API mapping operations.

use serde_json::Value;

use crate::control::Handler;
use crate::control::desk::{Desk, Record, text};
use crate::control::domain::mapping::{self, Protocol};
use crate::control::error::{Error, Outcome};
use crate::control::kind;
use crate::control::protocol::{Input, ServiceName, page};
use crate::control::rest::is_path_byte;
use crate::control::v2::domain;

pub const OPERATIONS: &[(&str, Handler)] = &[
    ("CreateApiMapping", create),
    ("GetApiMapping", |desk, input| {
        find(desk, input).map(|(_, record)| Value::Object(record))
    }),
    ("GetApiMappings", list),
    ("UpdateApiMapping", update),
    ("DeleteApiMapping", |desk, input| {
        let (key, _) = find(desk, input)?;
        desk.delete(kind::API_MAPPING, &key)?;
        Ok(Value::Null)
    }),
];

fn find(desk: &Desk<'_>, input: &Input) -> Outcome<(String, Record)> {
    let (domain, _) = domain::find(desk, input)?;
    let key = format!("{domain}/{}", input.given("apiMappingId"));
    let found = desk.get(kind::API_MAPPING, &key)?;
    let missing = "The api mapping resource specified in the request was not found.";
    Ok((key, found.ok_or_else(|| Error::not_found(missing))?))
}

fn create(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let (domain, _) = domain::find(desk, input)?;
    let (api, stage) = (input.given("apiId"), input.given("stage"));
    let path = input.given("apiMappingKey");
    check_target(desk, &domain, None, api, stage)?;
    check_path(desk, &domain, path)?;
    let record = mapping::create(desk, &domain, path, api, Some(stage))?;
    Ok(Value::Object(record))
}

/// An API with this stage, which may stand beside what the domain's other mappings lead to.
fn check_target(
    desk: &Desk<'_>,
    domain: &str,
    own: Option<&str>,
    api: &str,
    stage: &str,
) -> Outcome<()> {
    let Some(protocol) = mapping::protocol(desk, api)? else {
        return Err(Error::not_found(
            "Invalid API identifier specified The resource specified in the request was not found.",
        ));
    };
    if !mapping::has_stage(desk, api, stage)? {
        return Err(Error::not_found("Invalid stage identifier specified"));
    }
    for (key, other) in mapping::all(desk, domain)? {
        let beside = mapping::protocol(desk, text(&other, "apiId"))?;
        let is_web_socket = protocol == Protocol::WebSocket;
        let differs = beside.is_some_and(|other| (other == Protocol::WebSocket) != is_web_socket);
        if own != Some(&key) && differs {
            return Err(Error::bad_request(
                "WebSocket APIs cannot share a domain name with HTTP or REST APIs",
            ));
        }
    }
    Ok(())
}

/// Segments that no other mapping of the domain has.
fn check_path(desk: &Desk<'_>, domain: &str, path: &str) -> Outcome<()> {
    let mut segments = path.split('/');
    let is_fine = |part: &str| !part.is_empty() && part.bytes().all(is_path_byte);
    if path.len() > 300 || !path.is_empty() && !segments.all(is_fine) {
        return Err(Error::bad_request(
            "The API mapping key has at most 300 characters: letters, numbers, $-_.+!*'() and \
             single slashes between them",
        ));
    }
    match mapping::of_path(desk, domain, path)? {
        None => Ok(()),
        Some(_) => Err(Error::conflict(
            "ApiMapping key already exists for this domain name",
        )),
    }
}

fn list(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let (domain, _) = domain::find(desk, input)?;
    let all = mapping::all(desk, &domain)?.into_iter();
    let all = all.map(|(key, record)| (key, Value::Object(record)));
    page::page(ServiceName::V2, input, all)
}

fn update(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let (key, mut record) = find(desk, input)?;
    let domain = key.split('/').next().unwrap_or_default().to_owned();
    if let Some(path) = input.text("apiMappingKey")
        && path != text(&record, "apiMappingKey")
    {
        check_path(desk, &domain, path)?;
        record.insert("apiMappingKey".to_owned(), path.into());
    }
    for member in ["apiId", "stage"] {
        if let Some(value) = input.text(member) {
            record.insert(member.to_owned(), value.into());
        }
    }
    let (api, stage) = (text(&record, "apiId"), text(&record, "stage"));
    check_target(desk, &domain, Some(&key), api, stage)?;
    desk.put(kind::API_MAPPING, &key, &record)?;
    Ok(Value::Object(record))
}

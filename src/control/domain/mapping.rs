//! The mappings of a domain name: base paths of the first service, keys of several levels of the
//! second, kept as one kind of record.

use serde_json::Value;

use crate::control::desk::{Desk, Record, text};
use crate::control::error::Outcome;
use crate::control::kind;
use crate::model::quota;

/// Of an API, as far as a mapping asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Rest,
    Http,
    WebSocket,
}

/// None if there is no such API.
pub fn protocol(desk: &Desk<'_>, api: &str) -> Outcome<Option<Protocol>> {
    if desk.get(kind::REST_API, api)?.is_some() {
        return Ok(Some(Protocol::Rest));
    }
    let found = desk.get(kind::API, api)?;
    Ok(found.map(|api| match text(&api, "protocolType") {
        "WEBSOCKET" => Protocol::WebSocket,
        _ => Protocol::Http,
    }))
}

pub fn has_stage(desk: &Desk<'_>, api: &str, stage: &str) -> Outcome<bool> {
    Ok(desk.get(kind::STAGE, &format!("{api}/{stage}"))?.is_some())
}

/// All mappings of a domain name.
pub fn all(desk: &Desk<'_>, domain: &str) -> Outcome<Vec<(String, Record)>> {
    desk.list(kind::API_MAPPING, &format!("{domain}/"))
}

/// The mapping of this path; the empty one has none.
pub fn of_path(desk: &Desk<'_>, domain: &str, path: &str) -> Outcome<Option<(String, Record)>> {
    let mut all = all(desk, domain)?.into_iter();
    Ok(all.find(|(_, mapping)| text(mapping, "apiMappingKey") == path))
}

/// Keeps a new mapping.
pub fn create(
    desk: &mut Desk<'_>,
    domain: &str,
    path: &str,
    api: &str,
    stage: Option<&str>,
) -> Outcome<Record> {
    desk.admit(&quota::MAPPINGS, || {
        desk.count(kind::API_MAPPING, &format!("{domain}/"))
    })?;
    let id = desk.new_id(6);
    let mut record = Record::from_iter([
        ("apiMappingId".to_owned(), id.clone().into()),
        ("apiMappingKey".to_owned(), path.into()),
        ("apiId".to_owned(), api.into()),
    ]);
    if let Some(stage) = stage {
        record.insert("stage".to_owned(), stage.into());
    }
    desk.put(kind::API_MAPPING, &format!("{domain}/{id}"), &record)?;
    Ok(record)
}

/// The domain names with mappings or rules that lead to an API.
pub fn domains_of(desk: &Desk<'_>, api: &str) -> Outcome<Vec<String>> {
    let mut domains = Vec::new();
    for (key, mapping) in desk.list(kind::API_MAPPING, "")? {
        if text(&mapping, "apiId") == api {
            domains.push(name_of(&key));
        }
    }
    for (key, rule) in desk.list(kind::ROUTING_RULE, "")? {
        let actions = rule.get("actions").and_then(Value::as_array);
        let mut actions = actions.into_iter().flatten();
        if actions.any(|action| action["invokeApi"]["apiId"] == api) {
            domains.push(name_of(&key));
        }
    }
    domains.sort();
    domains.dedup();
    Ok(domains)
}

/// The domain's name in the key of something below it.
fn name_of(key: &str) -> String {
    let domain = key.split('/').next().unwrap_or_default();
    domain.split('+').next().unwrap_or_default().to_owned()
}

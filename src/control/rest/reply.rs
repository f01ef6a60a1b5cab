//! Gateway response operations: the answers of the gateway itself, by type.

use serde_json::{Value, json};

use crate::control::Handler;
use crate::control::desk::{Desk, Record, text};
use crate::control::error::{Error, Outcome};
use crate::control::kind;
use crate::control::patch::{ANY, As, Family, Patch, REPLACE, Rules};
use crate::control::protocol::Input;
use crate::control::rest::noun::{self, given};

pub const OPERATIONS: &[(&str, Handler)] = &[
    ("PutGatewayResponse", put),
    ("GetGatewayResponse", get),
    ("GetGatewayResponses", list),
    ("UpdateGatewayResponse", update),
    ("DeleteGatewayResponse", delete),
];

const RULES: Rules = Rules {
    family: Family::Plain,
    rows: &[
        ("/statusCode", As::Text, REPLACE),
        ("/responseParameters/*", As::Text, ANY),
        ("/responseTemplates/*", As::Text, ANY),
    ],
};

/// All types, in the order of AWS's lists, and their statuses.
const TYPES: &[(&str, Option<&str>)] = &[
    ("ACCESS_DENIED", Some("403")),
    ("API_CONFIGURATION_ERROR", Some("500")),
    ("AUTHORIZER_CONFIGURATION_ERROR", Some("500")),
    ("AUTHORIZER_FAILURE", Some("500")),
    ("BAD_REQUEST_BODY", Some("400")),
    ("BAD_REQUEST_PARAMETERS", Some("400")),
    ("DEFAULT_4XX", None),
    ("DEFAULT_5XX", None),
    ("EXPIRED_TOKEN", Some("403")),
    ("INTEGRATION_FAILURE", Some("504")),
    ("INTEGRATION_TIMEOUT", Some("504")),
    ("INVALID_API_KEY", Some("403")),
    ("INVALID_SIGNATURE", Some("403")),
    ("MISSING_AUTHENTICATION_TOKEN", Some("403")),
    ("QUOTA_EXCEEDED", Some("429")),
    ("REQUEST_TOO_LARGE", Some("413")),
    ("RESOURCE_NOT_FOUND", Some("404")),
    ("THROTTLED", Some("429")),
    ("UNAUTHORIZED", Some("401")),
    ("UNSUPPORTED_MEDIA_TYPE", Some("415")),
    ("WAF_FILTERED", Some("403")),
];

fn status_of(name: &str) -> Option<&'static str> {
    let found = TYPES.iter().find(|(other, _)| *other == name);
    found.and_then(|(_, status)| *status)
}

/// What stands for a type that is not set: what is set for its whole class, or else AWS's own.
fn usual(desk: &Desk<'_>, input: &Input, name: &str) -> Outcome<Record> {
    let class = match status_of(name) {
        Some(status) if status.starts_with('5') => Some("DEFAULT_5XX"),
        Some(_) => Some("DEFAULT_4XX"),
        None => None,
    };
    let set = match class {
        Some(class) => noun::below(desk, input, kind::GATEWAY_RESPONSE, class)?.1,
        None => None,
    };
    let mut record = set.unwrap_or_default();
    let builtin = json!({ "application/json": "{\"message\":$context.error.messageString}" });
    record.entry("responseParameters").or_insert(json!({}));
    record.entry("responseTemplates").or_insert(builtin);
    if let Some(status) = status_of(name) {
        record.entry("statusCode").or_insert(status.into());
    }
    record.insert("responseType".to_owned(), name.into());
    record.insert("defaultResponse".to_owned(), true.into());
    Ok(record)
}

fn shown(desk: &Desk<'_>, input: &Input, name: &str) -> Outcome<Record> {
    match noun::below(desk, input, kind::GATEWAY_RESPONSE, name)?.1 {
        Some(record) => Ok(record),
        None => usual(desk, input, name),
    }
}

fn get(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    noun::api(desk, input)?;
    shown(desk, input, input.given("responseType")).map(Value::Object)
}

fn list(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    noun::api(desk, input)?;
    let mut all = Vec::new();
    for (name, _) in TYPES {
        all.push((*name, Value::Object(shown(desk, input, name)?)));
    }
    let items: Vec<Value> = all.into_iter().map(|(_, record)| record).collect();
    Ok(json!({ "items": items }))
}

fn put(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    noun::api(desk, input)?;
    let name = input.given("responseType");
    let mut record = given(
        input,
        &[
            "responseType",
            "statusCode",
            "responseParameters",
            "responseTemplates",
        ],
    );
    if let Some(status) = status_of(name) {
        record.entry("statusCode").or_insert(status.into());
    }
    let builtin = json!({ "application/json": "{\"message\":$context.error.messageString}" });
    record.entry("responseParameters").or_insert(json!({}));
    record.entry("responseTemplates").or_insert(builtin);
    record.insert("defaultResponse".to_owned(), false.into());
    keep(desk, input, record)
}

fn keep(desk: &mut Desk<'_>, input: &Input, record: Record) -> Outcome<Value> {
    check(&record)?;
    let key = format!(
        "{}/{}",
        input.given("restApiId"),
        input.given("responseType")
    );
    desk.put(kind::GATEWAY_RESPONSE, &key, &record)?;
    Ok(Value::Object(record))
}

/// Whether it can be said to a client.
fn check(record: &Record) -> Outcome<()> {
    let status = text(record, "statusCode");
    let is_status = matches!(status.as_bytes(), [b'1'..=b'5', b'0'..=b'9', b'0'..=b'9']);
    if !status.is_empty() && !is_status {
        let message = format!("Invalid status code specified: {status}");
        return Err(Error::bad_request(message));
    }
    let list = |name| {
        record
            .get(name)
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
    };
    for (target, source) in list("responseParameters") {
        let source = source.as_str().unwrap_or_default();
        let is_literal = source.len() > 1 && source.starts_with('\'') && source.ends_with('\'');
        let sources = ["method.request.", "context.", "stageVariables."];
        let is_source = is_literal || sources.iter().any(|start| source.starts_with(start));
        let is_target = target.strip_prefix("gatewayresponse.header.");
        let wrong = match is_target.is_some_and(|name| !name.is_empty()) {
            true if is_source => continue,
            true => source,
            false => target,
        };
        return Err(Error::bad_request(format!(
            "Invalid mapping expression specified: Validation Result: warnings : [], errors : \
             [Invalid mapping expression specified: {wrong}]"
        )));
    }
    match list("responseTemplates").find(|(kind, _)| !kind.contains('/')) {
        Some((kind, _)) => Err(Error::bad_request(format!(
            "Validation Result: warnings : [], errors : [Invalid content type specified: {kind}]"
        ))),
        None => Ok(()),
    }
}

fn update(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    noun::api(desk, input)?;
    let mut record = shown(desk, input, input.given("responseType"))?;
    for patch in Patch::all(input) {
        let segments = patch.segments();
        let list = segments.first().map_or("", String::as_str);
        let is_list = list == "responseParameters" || list == "responseTemplates";
        if is_list && patch.op == "remove" {
            let name = segments.get(1).map_or("", String::as_str);
            if record.get(list).is_none_or(|all| all.get(name).is_none()) {
                return Err(Error::not_found("Invalid parameter name specified"));
            }
        } else if is_list && patch.text().is_empty() {
            let message = format!("Invalid null or empty value in {list}");
            return Err(Error::bad_request(message));
        } else if list == "statusCode" && patch.op != "replace" {
            let message = format!("Invalid patch path {}", patch.path);
            return Err(Error::bad_request(message));
        }
        RULES.apply_one(&mut record, &patch)?;
    }
    for list in ["responseParameters", "responseTemplates"] {
        record.entry(list).or_insert(json!({}));
    }
    record.insert("defaultResponse".to_owned(), false.into());
    keep(desk, input, record)
}

fn delete(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    noun::api(desk, input)?;
    let name = input.given("responseType");
    let (key, found) = noun::below(desk, input, kind::GATEWAY_RESPONSE, name)?;
    if found.is_none() {
        return Err(Error::not_found("Gateway response type not defined on api"));
    }
    desk.delete(kind::GATEWAY_RESPONSE, &key)?;
    Ok(Value::Null)
}

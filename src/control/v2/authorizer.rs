//! Authorizer operations.

use serde_json::Value;

use crate::control::Handler;
use crate::control::desk::{Desk, Record, text};
use crate::control::error::{Error, Outcome};
use crate::control::kind;
use crate::control::protocol::Input;
use crate::control::publish::authorizer::{check_uri, is_http_source, unnamed_callers};
use crate::control::v2::noun::{self, Noun, given, is_http};

pub const OPERATIONS: &[(&str, Handler)] = &[
    ("CreateAuthorizer", create),
    ("GetAuthorizer", |desk, input| {
        NOUN.get(desk, input).map(Value::Object)
    }),
    ("GetAuthorizers", |desk, input| NOUN.list(desk, input)),
    ("UpdateAuthorizer", update),
    ("DeleteAuthorizer", delete),
];

const NOUN: Noun = Noun {
    kind: kind::AUTHORIZER,
    id: "authorizerId",
    title: "Authorizer",
    above: &[],
};

fn create(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let api = noun::api(desk, input)?;
    let record = given(input, &["apiId"]);
    check(desk, input, &api, &record)?;
    NOUN.create(desk, input, record)
}

fn update(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let api = noun::api(desk, input)?;
    let mut record = NOUN.get(desk, input)?;
    record.extend(given(input, &["apiId", "authorizerId"]));
    check(desk, input, &api, &record)?;
    NOUN.put(desk, input, record)
}

fn delete(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    NOUN.get(desk, input)?;
    let id = input.given("authorizerId");
    for (_, route) in desk.list(kind::ROUTE, &NOUN.below(input))? {
        if text(&route, "authorizerId") == id {
            let key = text(&route, "routeKey");
            let message = format!("Cannot delete authorizer '{id}', is referenced in route: {key}");
            return Err(Error::conflict(message));
        }
    }
    NOUN.delete(desk, input)
}

fn check(desk: &Desk<'_>, input: &Input, api: &Record, record: &Record) -> Outcome<()> {
    let (name, own) = (
        text(record, "name"),
        input.text("authorizerId").unwrap_or_default(),
    );
    for (_, other) in desk.list(kind::AUTHORIZER, &NOUN.below(input))? {
        if text(&other, "name") == name && text(&other, "authorizerId") != own {
            let message = format!("Authorizer name must be unique: {name}");
            return Err(Error::bad_request(message));
        }
    }
    match text(record, "authorizerType") {
        "JWT" if !is_http(api) => Err(Error::bad_request(
            "JWT authorizers are only supported for HTTP APIs",
        )),
        "JWT" => required(record, "jwtConfiguration", "JwtConfiguration", "JWT"),
        _ => {
            if is_http(api) {
                let name = "AuthorizerPayloadFormatVersion";
                required(record, "authorizerPayloadFormatVersion", name, "REQUEST")?;
                check_request(record)?;
            }
            required(record, "authorizerUri", "AuthorizerUri", "REQUEST")?;
            check_uri(text(record, "authorizerUri"))
        }
    }
}

/// What a Lambda authorizer of an HTTP API is told, and what it is to know its callers by.
fn check_request(record: &Record) -> Outcome<()> {
    if !["1.0", "2.0"].contains(&text(record, "authorizerPayloadFormatVersion")) {
        return Err(Error::bad_request(
            "Invalid AuthorizerPayloadFormatVersion specified. Must be one of [1.0, 2.0]",
        ));
    }
    let is_simple = record.get("enableSimpleResponses") == Some(&Value::Bool(true));
    if is_simple && text(record, "authorizerPayloadFormatVersion") != "2.0" {
        return Err(Error::bad_request(
            "EnableSimpleResponses can only be set for AuthorizerPayloadFormatVersion \"2.0\".",
        ));
    }
    let sources = record.get("identitySource").and_then(Value::as_array);
    let mut sources = sources.into_iter().flatten().filter_map(Value::as_str);
    let ttl = record.get("authorizerResultTtlInSeconds");
    if ttl.and_then(Value::as_u64) > Some(0) && sources.clone().next().is_none() {
        return Err(unnamed_callers());
    }
    match sources.find(|source| !is_http_source(source)) {
        Some(source) => Err(Error::bad_request(format!(
            "Invalid IdentitySource: {source}. Each must be $request.header.{{name}}, \
             $request.querystring.{{name}}, $stageVariables.{{name}} or $context.{{name}}."
        ))),
        None => Ok(()),
    }
}

fn required(record: &Record, key: &str, name: &str, kind_of: &str) -> Outcome<()> {
    match record.contains_key(key) {
        true => Ok(()),
        false => Err(Error::bad_request(format!(
            "{name} is a required parameter for {kind_of} authorizer"
        ))),
    }
}

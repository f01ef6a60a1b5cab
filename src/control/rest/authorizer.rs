//! Authorizer operations of REST APIs.

use serde_json::{Value, json};

use crate::control::Handler;
use crate::control::desk::{Desk, Record, text};
use crate::control::error::{Error, Outcome};
use crate::control::kind;
use crate::control::patch::{As, Family, LIST, Patch, REPLACE, Rules};
use crate::control::protocol::Input;
use crate::control::publish::authorizer::{REST_TTL_S, check_uri, rest_sources, unnamed_callers};
use crate::control::rest::noun::{self, given};
use crate::lang::pattern::Bounded;
use crate::model::quota;

pub const OPERATIONS: &[(&str, Handler)] = &[
    ("CreateAuthorizer", create),
    ("GetAuthorizer", |desk, input| {
        find(desk, input).map(|(_, record)| Value::Object(record))
    }),
    ("GetAuthorizers", |desk, input| {
        noun::list(desk, input, kind::AUTHORIZER)
    }),
    ("UpdateAuthorizer", update),
    ("DeleteAuthorizer", delete),
];

const TYPES: &[&str] = &["TOKEN", "REQUEST", "COGNITO_USER_POOLS"];

const RULES: Rules = Rules {
    family: Family::Plain,
    rows: &[
        ("/name", As::Text, REPLACE),
        ("/type", As::OneOf(TYPES), REPLACE),
        ("/authType", As::Text, REPLACE),
        ("/authorizerUri", As::Text, REPLACE),
        ("/authorizerCredentials", As::Text, REPLACE),
        ("/identitySource", As::Text, REPLACE),
        ("/identityValidationExpression", As::Text, REPLACE),
        (
            "/authorizerResultTtlInSeconds",
            As::Within(0, 3600),
            REPLACE,
        ),
        ("/providerARNs", As::List, LIST),
    ],
};

fn find(desk: &Desk<'_>, input: &Input) -> Outcome<(String, Record)> {
    let id = input.given("authorizerId");
    let (key, found) = noun::below(desk, input, kind::AUTHORIZER, id)?;
    let missing = || Error::not_found("Invalid Authorizer identifier specified");
    Ok((key, found.ok_or_else(missing)?))
}

fn create(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    if noun::api(desk, input).is_err() {
        return Err(Error::conflict(
            "Unable to complete operation due to concurrent modification. Please try again later.",
        ));
    }
    desk.admit(&quota::AUTHORIZERS, || {
        desk.count(kind::AUTHORIZER, &format!("{}/", input.given("restApiId")))
    })?;
    let id = desk.new_id(6);
    let mut record = given(
        input,
        &[
            "name",
            "type",
            "providerARNs",
            "authType",
            "authorizerUri",
            "authorizerCredentials",
            "identitySource",
            "identityValidationExpression",
            "authorizerResultTtlInSeconds",
        ],
    );
    record.insert("id".to_owned(), id.clone().into());
    let usual = match text(&record, "type") {
        "COGNITO_USER_POOLS" => "cognito_user_pools",
        _ => "custom",
    };
    record.entry("authType").or_insert(usual.into());
    check(desk, input, &record)?;
    let key = format!("{}/{id}", input.given("restApiId"));
    desk.put(kind::AUTHORIZER, &key, &record)?;
    Ok(Value::Object(record))
}

fn update(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let (key, mut record) = find(desk, input)?;
    RULES.apply(&mut record, &Patch::all(input))?;
    check(desk, input, &record)?;
    desk.put(kind::AUTHORIZER, &key, &record)?;
    Ok(Value::Object(record))
}

fn check(desk: &Desk<'_>, input: &Input, record: &Record) -> Outcome<()> {
    let name = text(record, "name");
    if name.is_empty() {
        return Err(Error::bad_request("Authorizer name cannot be empty"));
    }
    let ttl = record.get("authorizerResultTtlInSeconds");
    if ttl.is_some_and(|ttl| ttl.as_u64().is_none_or(|ttl_s| ttl_s > 3600)) {
        return Err(Error::bad_request(
            "Authorizer result TTL outside allowable range. TTL must be between 0 and 3600 seconds.",
        ));
    }
    let below = format!("{}/", input.given("restApiId"));
    for (_, other) in desk.list(kind::AUTHORIZER, &below)? {
        if text(&other, "name") == name && other.get("id") != record.get("id") {
            let message = format!(
                "Authorizer name must be unique. Authorizer {name} already exists in this RestApi."
            );
            return Err(Error::bad_request(message));
        }
    }
    match text(record, "type") {
        "COGNITO_USER_POOLS" => match record.get("providerARNs") {
            Some(Value::Array(arns)) if !arns.is_empty() => Ok(()),
            _ => Err(Error::bad_request(
                "Invalid Authorizer: providerARNs is required",
            )),
        },
        _ if text(record, "authorizerUri").is_empty() => {
            Err(Error::bad_request("Invalid Authorizer URI: it is required"))
        }
        kind => {
            check_uri(text(record, "authorizerUri"))?;
            check_identity(kind, record)
        }
    }
}

/// What a Lambda authorizer is to know its callers by.
fn check_identity(kind: &str, record: &Record) -> Outcome<()> {
    let written = text(record, "identitySource");
    if kind == "TOKEN" && !written.is_empty() && !is_token_source(written) {
        return Err(Error::bad_request(format!(
            "Invalid token source expression: {written}. The source must be a method request \
             header, matching 'method.request.header.[a-zA-Z0-9._-]+'."
        )));
    }
    let sources = rest_sources(written).map_err(|source| {
        Error::bad_request(format!(
            "Invalid identitySource: {source}. Each must be method.request.header.{{name}}, \
             method.request.querystring.{{name}}, stageVariables.{{name}} or context.{{name}}."
        ))
    })?;
    let ttl = record.get("authorizerResultTtlInSeconds");
    let ttl_s = ttl.and_then(Value::as_u64).unwrap_or(REST_TTL_S);
    if kind == "REQUEST" && sources.is_empty() && ttl_s > 0 {
        return Err(unnamed_callers());
    }
    let expression = text(record, "identityValidationExpression");
    if kind == "TOKEN" && !expression.is_empty() {
        Bounded::full(expression).map_err(|error| {
            Error::bad_request(format!(
                "Invalid identityValidationExpression {expression}: {error}"
            ))
        })?;
    }
    Ok(())
}

fn is_token_source(written: &str) -> bool {
    let name = written.strip_prefix("method.request.header.");
    name.is_some_and(|name| {
        let is_legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        !name.is_empty() && name.bytes().all(is_legal)
    })
}

fn delete(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let (key, _) = find(desk, input)?;
    let id = json!(input.given("authorizerId"));
    let below = format!("{}/", input.given("restApiId"));
    for (_, resource) in desk.list(kind::RESOURCE, &below)? {
        let methods = resource.get("resourceMethods").and_then(Value::as_object);
        for (verb, method) in methods.into_iter().flatten() {
            if method["authorizerId"] == id {
                let (id, path) = (input.given("authorizerId"), text(&resource, "path"));
                return Err(Error::conflict(format!(
                    "Cannot delete authorizer '{id}', is referenced in method: {path}/{verb}"
                )));
            }
        }
    }
    desk.delete(kind::AUTHORIZER, &key)?;
    Ok(Value::Null)
}

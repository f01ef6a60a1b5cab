//! Route operations.

use serde_json::{Value, json};

use crate::control::Handler;
use crate::control::desk::{Desk, Record, text};
use crate::control::error::{Error, Outcome};
use crate::control::kind;
use crate::control::protocol::Input;
use crate::control::v2::noun::{self, Noun, given, is_http, with_defaults};
use crate::model::v2::RouteKey;

pub const OPERATIONS: &[(&str, Handler)] = &[
    ("CreateRoute", create),
    ("GetRoute", |desk, input| {
        NOUN.get(desk, input).map(Value::Object)
    }),
    ("GetRoutes", |desk, input| NOUN.list(desk, input)),
    ("UpdateRoute", update),
    ("DeleteRoute", delete),
    ("DeleteRouteRequestParameter", delete_parameter),
];

const NOUN: Noun = Noun {
    kind: kind::ROUTE,
    id: "routeId",
    title: "Route",
    above: &[],
};

pub fn defaults() -> Value {
    json!({ "apiKeyRequired": false, "authorizationType": "NONE" })
}

fn create(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let api = noun::api(desk, input)?;
    let record = with_defaults(defaults(), given(input, &["apiId"]));
    check(desk, input, &api, &record)?;
    NOUN.create(desk, input, record)
}

fn update(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let api = noun::api(desk, input)?;
    let mut record = NOUN.get(desk, input)?;
    record.extend(given(input, &["apiId", "routeId"]));
    check(desk, input, &api, &record)?;
    NOUN.put(desk, input, record)
}

fn delete(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    NOUN.delete(desk, input)?;
    desk.delete_all(kind::ROUTE_RESPONSE, &format!("{}/", NOUN.key(input)))?;
    Ok(Value::Null)
}

fn delete_parameter(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let mut record = NOUN.get(desk, input)?;
    let name = input.given("requestParameterKey");
    let parameters = record.get_mut("requestParameters");
    let removed = parameters
        .and_then(Value::as_object_mut)
        .and_then(|all| all.remove(name));
    if removed.is_none() {
        return Err(Error::not_found("Invalid parameter name specified"));
    }
    NOUN.put(desk, input, record)?;
    Ok(Value::Null)
}

fn check(desk: &Desk<'_>, input: &Input, api: &Record, record: &Record) -> Outcome<()> {
    let key = text(record, "routeKey");
    check_key(is_http(api), key)?;
    let below = NOUN.below(input);
    let own = input.text("routeId").unwrap_or_default();
    for (_, other) in desk.list(kind::ROUTE, &below)? {
        if text(&other, "routeId") != own && same_key(text(&other, "routeKey"), key) {
            let message = format!("Route with key {key} already exists for this API");
            return Err(Error::conflict(message));
        }
    }
    if let Some(target) = record.get("target").and_then(Value::as_str) {
        let id = target.strip_prefix("integrations/");
        let id = id.ok_or_else(|| Error::bad_request(format!("Invalid target {target}")))?;
        if desk
            .get(kind::INTEGRATION, &format!("{below}{id}"))?
            .is_none()
        {
            let message = format!("Invalid integration identifier specified in target {target}");
            return Err(Error::bad_request(message));
        }
    }
    check_authorization(desk, &below, is_http(api), record)
}

/// The names of parameters make no difference: both match the same requests.
fn same_key(one: &str, other: &str) -> bool {
    let bare = |key: &str| {
        let parts = key.split('/').map(|part| match part.strip_prefix('{') {
            Some(name) if name.ends_with("+}") => "{+}",
            Some(_) => "{}",
            None => part,
        });
        parts.collect::<Vec<_>>().join("/")
    };
    one == other || bare(one) == bare(other)
}

pub fn check_key(is_http: bool, key: &str) -> Outcome<()> {
    if !is_http {
        return match key.is_empty() {
            true => Err(Error::bad_request("The provided route key is empty")),
            false => Ok(()),
        };
    }
    match RouteKey::parse(key) {
        Ok(_) => Ok(()),
        Err(_) => Err(Error::bad_request(
            "The provided route key is not formatted properly for HTTP protocol. Format should be \
             \"<HTTP METHOD> /<RESOURCE PATH>\" or \"$default\"",
        )),
    }
}

fn check_authorization(
    desk: &Desk<'_>,
    below: &str,
    is_http: bool,
    record: &Record,
) -> Outcome<()> {
    let kind_of = text(record, "authorizationType");
    if is_http && record.get("apiKeyRequired") == Some(&Value::Bool(true)) {
        return Err(Error::bad_request(
            "API keys are not supported for HTTP APIs",
        ));
    }
    if !matches!(kind_of, "JWT" | "CUSTOM") {
        return Ok(());
    }
    let id = text(record, "authorizerId");
    let authorizer = match id {
        "" => None,
        id => desk.get(kind::AUTHORIZER, &format!("{below}{id}"))?,
    };
    let expected = if kind_of == "JWT" { "JWT" } else { "REQUEST" };
    match authorizer {
        Some(authorizer) if text(&authorizer, "authorizerType") == expected => Ok(()),
        _ => Err(Error::bad_request(format!(
            "Invalid authorizer ID specified. Setting the authorization type to {kind_of} requires \
             a valid authorizer."
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_parameters_make_no_other_route() {
        assert!(same_key("GET /a/{id}", "GET /a/{name}"));
        assert!(!same_key("GET /a/{id}", "GET /a/{id+}"));
        assert!(!same_key("GET /a", "POST /a"));
    }
}

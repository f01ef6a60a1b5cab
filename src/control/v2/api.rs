//! Api operations.

use serde_json::{Value, json};

use crate::control::Handler;
use crate::control::desk::{Desk, text};
use crate::control::domain::mapping;
use crate::control::error::{Error, Outcome};
use crate::control::kind;
use crate::control::protocol::{Input, ServiceName, page};
use crate::control::tags;
use crate::control::v2::noun::{self, given, is_http, with_defaults};
use crate::control::v2::quick;

pub const OPERATIONS: &[(&str, Handler)] = &[
    ("CreateApi", create),
    ("GetApi", get),
    ("GetApis", list),
    ("UpdateApi", update),
    ("DeleteApi", delete),
    ("DeleteCorsConfiguration", delete_cors),
    ("TagResource", tags::tag),
    ("UntagResource", tags::untag),
    ("GetTags", tags::get),
];

/// Members that make more than an API.
const QUICK: &[&str] = &["target", "routeKey", "credentialsArn"];

fn create(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let is_http = input.text("protocolType") == Some("HTTP");
    let selection = input.text("routeSelectionExpression");
    match selection {
        None if !is_http => {
            let message = "RouteSelectionExpression is required for WEBSOCKET protocol type";
            return Err(Error::bad_request(message));
        }
        Some(other) if is_http && !HTTP_SELECTIONS.contains(&other) => {
            let message = format!(
                "Route selection expression of an HTTP API must be {}",
                HTTP_SELECTIONS[0]
            );
            return Err(Error::bad_request(message));
        }
        _ => {}
    }
    if let Some(cors) = input.members.get("corsConfiguration") {
        check_cors(is_http, cors)?;
    }
    if input.has("target") && !is_http {
        let message = "Quick create is only supported for HTTP APIs";
        return Err(Error::bad_request(message));
    }
    let id = desk.new_id(10);
    let region = &desk.scope().region;
    let scheme = if is_http { "https" } else { "wss" };
    let defaults = json!({
        "apiId": id,
        "apiEndpoint": format!("{scheme}://{id}.execute-api.{region}.amazonaws.com"),
        "apiKeySelectionExpression": "$request.header.x-api-key",
        "createdDate": desk.now(),
        "disableExecuteApiEndpoint": false,
        "ipAddressType": "ipv4",
        "routeSelectionExpression": HTTP_SELECTIONS[0],
        "tags": {},
    });
    let record = with_defaults(defaults, given(input, QUICK));
    desk.put(kind::API, &id, &record)?;
    if let Some(target) = input.text("target") {
        quick::create(desk, &id, target, input)?;
    }
    Ok(Value::Object(record))
}

/// Both spellings are AWS's.
const HTTP_SELECTIONS: [&str; 2] = [
    "$request.method $request.path",
    "${request.method} ${request.path}",
];

fn get(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    noun::api(desk, input).map(Value::Object)
}

fn list(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let apis = desk.list(kind::API, "")?.into_iter();
    let apis = apis.map(|(id, record)| (id, Value::Object(record)));
    page::page(ServiceName::V2, input, apis)
}

fn update(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let mut record = noun::api(desk, input)?;
    if let Some(cors) = input.members.get("corsConfiguration") {
        check_cors(is_http(&record), cors)?;
    }
    record.extend(given(
        input,
        &["apiId", "target", "routeKey", "credentialsArn"],
    ));
    let id = text(&record, "apiId").to_owned();
    desk.put(kind::API, &id, &record)?;
    if QUICK.iter().any(|key| input.has(key)) {
        quick::update(desk, &id, input)?;
    }
    Ok(Value::Object(record))
}

fn delete(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    noun::api(desk, input)?;
    let id = input.given("apiId");
    if !mapping::domains_of(desk, id)?.is_empty() {
        return Err(Error::bad_request(format!(
            "Deleting API {id} failed. Please remove all API mappings for the API from your \
             custom domain names."
        )));
    }
    desk.delete_api(kind::API, id)?;
    Ok(Value::Null)
}

fn delete_cors(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let mut record = noun::api(desk, input)?;
    record.remove("corsConfiguration");
    desk.put(kind::API, input.given("apiId"), &record)?;
    Ok(Value::Null)
}

fn check_cors(is_http: bool, cors: &Value) -> Outcome<()> {
    if !is_http {
        let message = "CORS is only supported for HTTP APIs";
        return Err(Error::bad_request(message));
    }
    let origins = cors.get("allowOrigins").and_then(Value::as_array);
    let origins: Vec<&str> = origins
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let credentials = cors.get("allowCredentials") == Some(&Value::Bool(true));
    if credentials && origins.contains(&"*") {
        let message = "Allow credentials cannot be true when allow origins contains wildcard";
        return Err(Error::bad_request(message));
    }
    let is_origin = |origin: &&str| {
        *origin == "*"
            || origin.split_once("://").is_some_and(|(scheme, host)| {
                !scheme.is_empty() && !host.is_empty() && !host.contains('/')
            })
    };
    match origins.iter().find(|origin| !is_origin(origin)) {
        None => Ok(()),
        Some(origin) => Err(Error::bad_request(format!(
            "Invalid format for origin {origin}. Format should be {{scheme}}://{{host}}[:{{port}}]"
        ))),
    }
}

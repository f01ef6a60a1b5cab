//! Integration operations.

use serde_json::{Value, json};

use crate::control::Handler;
use crate::control::desk::{Desk, Record, text};
use crate::control::error::{Error, Outcome};
use crate::control::kind;
use crate::control::protocol::Input;
use crate::control::v2::noun::{self, Noun, given, is_http, with_defaults};
use crate::control::v2::{parameters, subtype};

pub const OPERATIONS: &[(&str, Handler)] = &[
    ("CreateIntegration", create),
    ("GetIntegration", |desk, input| {
        NOUN.get(desk, input).map(Value::Object)
    }),
    ("GetIntegrations", |desk, input| NOUN.list(desk, input)),
    ("UpdateIntegration", update),
    ("DeleteIntegration", delete),
];

const NOUN: Noun = Noun {
    kind: kind::INTEGRATION,
    id: "integrationId",
    title: "Integration",
    above: &[],
};

fn create(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let api = noun::api(desk, input)?;
    let is_http = is_http(&api);
    let given = given(input, &["apiId"]);
    let mut defaults = json!({
        "connectionType": "INTERNET",
        "timeoutInMillis": if is_http { 30_000 } else { 29_000 },
    });
    match (is_http, text(&given, "integrationType")) {
        (true, _) => defaults["payloadFormatVersion"] = "1.0".into(),
        (false, "MOCK") => {
            defaults["integrationResponseSelectionExpression"] = RESPONSE_SELECTION.into();
            defaults["passthroughBehavior"] = "WHEN_NO_MATCH".into();
        }
        (false, _) => {
            defaults["passthroughBehavior"] = "WHEN_NO_MATCH".into();
            defaults["payloadFormatVersion"] = "1.0".into();
        }
    }
    let mut record = with_defaults(defaults, given);
    drop_empty(&mut record);
    check(is_http, &record)?;
    check_credentials(desk, &record)?;
    NOUN.create(desk, input, record)
}

const RESPONSE_SELECTION: &str = "${integration.response.statuscode}";

fn update(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let api = noun::api(desk, input)?;
    let mut record = NOUN.get(desk, input)?;
    for (key, value) in given(input, &["apiId", "integrationId"]) {
        match (record.get_mut(&key), value) {
            // Maps of parameters are merged; what is set to nothing goes.
            (Some(Value::Object(before)), Value::Object(more)) if key == "requestParameters" => {
                before.extend(more);
            }
            (Some(Value::Object(before)), Value::Object(more)) if key == "responseParameters" => {
                before.extend(more);
            }
            (_, value) => {
                record.insert(key, value);
            }
        }
    }
    drop_empty(&mut record);
    check(is_http(&api), &record)?;
    check_credentials(desk, &record)?;
    NOUN.put(desk, input, record)
}

/// As in AWS, or without any those of the gateway.
fn check_credentials(desk: &Desk<'_>, record: &Record) -> Outcome<()> {
    match desk.is_strict() {
        true => subtype::require_credentials(record),
        false => Ok(()),
    }
}

/// Parameters with an empty value are none.
fn drop_empty(record: &mut Record) {
    if let Some(Value::Object(parameters)) = record.get_mut("requestParameters") {
        parameters.retain(|_, value| value != "");
    }
    if let Some(Value::Object(statuses)) = record.get_mut("responseParameters") {
        for parameters in statuses.values_mut().filter_map(Value::as_object_mut) {
            parameters.retain(|_, value| value != "");
        }
        statuses.retain(|_, value| value.as_object().is_none_or(|all| !all.is_empty()));
    }
}

fn delete(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    NOUN.get(desk, input)?;
    let id = input.given("integrationId");
    let target = format!("integrations/{id}");
    for (_, route) in desk.list(kind::ROUTE, &NOUN.below(input))? {
        if text(&route, "target") == target {
            let key = text(&route, "routeKey");
            let message =
                format!("Cannot delete Integration '{id}', is referenced in route: {key}");
            return Err(Error::conflict(message));
        }
    }
    NOUN.delete(desk, input)?;
    desk.delete_all(kind::INTEGRATION_RESPONSE, &format!("{}/", NOUN.key(input)))?;
    Ok(Value::Null)
}

/// What an integration must have to be of its type.
pub fn check(is_http: bool, record: &Record) -> Outcome<()> {
    let kind_of = text(record, "integrationType");
    if is_http && !matches!(kind_of, "HTTP_PROXY" | "AWS_PROXY") {
        let message = format!("Integration type {kind_of} is not supported for HTTP APIs");
        return Err(Error::bad_request(message));
    }
    let uri = text(record, "integrationUri");
    let has_subtype = record.contains_key("integrationSubtype");
    if uri.is_empty() && kind_of != "MOCK" && !has_subtype {
        return Err(Error::bad_request(format!(
            "IntegrationUri is required for integration type {kind_of}"
        )));
    }
    let is_link = text(record, "connectionType") == "VPC_LINK";
    if is_link && text(record, "connectionId").is_empty() {
        return Err(Error::bad_request("ConnectionId is required for VPC_LINK"));
    }
    if kind_of.starts_with("HTTP") && !is_link {
        let lower = uri.to_ascii_lowercase();
        if !lower.starts_with("http://") && !lower.starts_with("https://") {
            return Err(Error::bad_request(
                "Invalid HTTP endpoint specified for URI",
            ));
        }
        if text(record, "integrationMethod").is_empty() {
            return Err(Error::bad_request(
                "HttpMethod must be specified for HTTP integrations",
            ));
        }
    }
    let version = text(record, "payloadFormatVersion");
    if is_http && !matches!(version, "1.0" | "2.0") {
        let message =
            format!("Invalid payload format version {version}. Must be one of [1.0, 2.0]");
        return Err(Error::bad_request(message));
    }
    if is_http && kind_of == "HTTP_PROXY" && version != "1.0" {
        let message = "HTTP_PROXY integrations only support payload format version 1.0";
        return Err(Error::bad_request(message));
    }
    match (has_subtype, is_http) {
        (true, true) => subtype::check(record)?,
        (true, false) => {
            let message = "IntegrationSubtype is only supported for HTTP APIs";
            return Err(Error::bad_request(message));
        }
        (false, _) => {}
    }
    match is_http {
        true => parameters::check(record),
        false => Ok(()),
    }
}

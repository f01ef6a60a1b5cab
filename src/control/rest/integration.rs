//! Integration operations.

use serde_json::{Value, json};

use crate::aws::Arn;
use crate::control::Handler;
use crate::control::desk::{Desk, Record, text};
use crate::control::error::{Error, Outcome};
use crate::control::patch::{ANY, As, Family, LIST, Patch, REPLACE, Rules};
use crate::control::protocol::Input;
use crate::control::rest::method::{self, Found};
use crate::control::rest::noun::given;
use crate::model::quota;

pub const OPERATIONS: &[(&str, Handler)] = &[
    ("PutIntegration", put),
    ("GetIntegration", |desk, input| {
        let found = find(desk, input)?;
        Ok(json!(found.part(PART)))
    }),
    ("UpdateIntegration", update),
    ("DeleteIntegration", delete),
];

/// None is as well.
pub const CONTENT_HANDLING: As = As::OneOf(&["", "CONVERT_TO_BINARY", "CONVERT_TO_TEXT"]);

const BEHAVIORS: &[&str] = &["WHEN_NO_MATCH", "WHEN_NO_TEMPLATES", "NEVER"];

const RULES: Rules = Rules {
    family: Family::Plain,
    rows: &[
        ("/uri", As::Text, REPLACE),
        ("/httpMethod", As::OneOf(method::VERBS), REPLACE),
        ("/credentials", As::Text, REPLACE),
        ("/passthroughBehavior", As::OneOf(BEHAVIORS), REPLACE),
        ("/contentHandling", CONTENT_HANDLING, REPLACE),
        ("/timeoutInMillis", As::Integer, REPLACE),
        (
            "/connectionType",
            As::OneOf(&["INTERNET", "VPC_LINK"]),
            REPLACE,
        ),
        ("/connectionId", As::Text, REPLACE),
        ("/cacheNamespace", As::Text, REPLACE),
        ("/cacheKeyParameters", As::List, LIST),
        ("/cacheKeyParameters/*", As::Entry, ANY),
        ("/requestParameters/*", As::Text, ANY),
        ("/requestTemplates/*", As::Text, ANY),
        ("/tlsConfig/insecureSkipVerification", As::Flag, REPLACE),
        ("/responseTransferMode", As::Text, REPLACE),
        ("/integrationTarget", As::Text, REPLACE),
    ],
};

/// The member of a method that it lives in.
pub const PART: &str = "methodIntegration";

/// The method with the integration that the path names.
pub fn find(desk: &Desk<'_>, input: &Input) -> Outcome<Found> {
    let found = method::find(desk, input)?;
    match found.part(PART) {
        Some(_) => Ok(found),
        None => Err(Error::not_found("Invalid Integration identifier specified")),
    }
}

fn put(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let mut found = method::find(desk, input)?;
    let mut record = given(
        input,
        &[
            "type",
            "uri",
            "connectionType",
            "connectionId",
            "credentials",
            "requestParameters",
            "requestTemplates",
            "passthroughBehavior",
            "cacheNamespace",
            "cacheKeyParameters",
            "contentHandling",
            "timeoutInMillis",
            "tlsConfig",
            "responseTransferMode",
            "integrationTarget",
        ],
    );
    if let Some(verb) = input.text("integrationHttpMethod") {
        record.insert("httpMethod".to_owned(), verb.into());
    }
    let mut defaults = json!({
        "cacheKeyParameters": [],
        "cacheNamespace": found.resource_id(),
        "passthroughBehavior": "WHEN_NO_MATCH",
        "timeoutInMillis": 29_000,
    });
    if text(&record, "type").starts_with("HTTP") {
        defaults["connectionType"] = "INTERNET".into();
    }
    if let Value::Object(defaults) = defaults {
        for (key, value) in defaults {
            record.entry(key).or_insert(value);
        }
    }
    check(desk, &record)?;
    check_declared(&found.method, &record, None)?;
    found.method.insert(PART.to_owned(), json!(record));
    found.put(desk)?;
    Ok(Value::Object(record))
}

fn update(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let mut found = find(desk, input)?;
    let mut record = found.part(PART).cloned().unwrap_or_default();
    RULES.apply(&mut record, &Patch::all(input))?;
    check(desk, &record)?;
    check_declared(&found.method, &record, found.part(PART))?;
    found.method.insert(PART.to_owned(), json!(record));
    found.put(desk)?;
    Ok(Value::Object(record))
}

fn delete(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let mut found = find(desk, input)?;
    found.method.shift_remove(PART);
    found.put(desk)?;
    Ok(Value::Null)
}

fn check(desk: &Desk<'_>, record: &Record) -> Outcome<()> {
    check_transfer(desk, record)?;
    let templates = record.get("requestTemplates").and_then(Value::as_object);
    for (content, template) in templates.into_iter().flatten() {
        check_content_type(content)?;
        desk.fits(&quota::TEMPLATE, template.as_str().map_or(0, str::len))?;
    }
    let behavior = text(record, "passthroughBehavior");
    if !BEHAVIORS.contains(&behavior) {
        let message = format!("Invalid passthrough behavior specified: {behavior}");
        return Err(Error::bad_request(message));
    }
    let kind_of = text(record, "type");
    if kind_of == "MOCK" {
        return check_parameters(record);
    }
    if text(record, "httpMethod").is_empty() {
        let message = "Enumeration value for HttpMethod must be non-empty";
        return Err(Error::bad_request(message));
    }
    if text(record, "connectionType") == "VPC_LINK" && text(record, "connectionId").is_empty() {
        return Err(Error::bad_request(
            "ConnectionId should be set to the vpcLinkId or stage variable on connection type \
             VPC_LINK",
        ));
    }
    let uri = text(record, "uri");
    let lower = uri.to_ascii_lowercase();
    let is_variable = uri.starts_with("${stageVariables.");
    match kind_of {
        "HTTP" | "HTTP_PROXY" => {
            let is_url = lower.starts_with("http://") || lower.starts_with("https://");
            if !is_url && !is_variable {
                return Err(Error::bad_request(
                    "Invalid HTTP endpoint specified for URI",
                ));
            }
        }
        _ => {
            check_arn(kind_of, uri)?;
            check_credentials(text(record, "credentials"))?;
        }
    }
    check_parameters(record)
}

pub fn check_content_type(content: &str) -> Outcome<()> {
    match content.contains('/') {
        true => Ok(()),
        false => Err(Error::bad_request(format!(
            "Validation Result: warnings : [], errors : [Invalid content type specified: {content}]"
        ))),
    }
}

/// A role, or that of the caller (`arn:aws:iam::*:user/*`).
fn check_credentials(credentials: &str) -> Outcome<()> {
    let arn = Arn::parse(credentials).filter(|arn| arn.service == "iam");
    let is_one = arn.is_some_and(|arn| {
        let kinds = ["role/", "user/"];
        kinds.iter().any(|kind| arn.resource.starts_with(kind))
    });
    match credentials.is_empty() || credentials.contains("${stageVariables.") || is_one {
        true => Ok(()),
        false => Err(Error::bad_request("Invalid ARN specified in the request")),
    }
}

/// How long an answer may take, and whether it can be streamed.
fn check_transfer(desk: &Desk<'_>, record: &Record) -> Outcome<()> {
    let streams = match text(record, "responseTransferMode") {
        "" | "BUFFERED" => false,
        "STREAM" => true,
        other => {
            let message = format!(
                "Invalid response transfer mode '{other}' specified; it is BUFFERED or STREAM"
            );
            return Err(Error::bad_request(message));
        }
    };
    if streams && !text(record, "type").ends_with("_PROXY") {
        return Err(Error::bad_request(
            "The response transfer mode STREAM is only supported for integrations of type \
             'HTTP_PROXY' or 'AWS_PROXY'",
        ));
    }
    let timeout = record.get("timeoutInMillis").and_then(Value::as_i64);
    let timeout = timeout.unwrap_or(quota::TIMEOUT_MS_MAX);
    let most = match streams {
        true => quota::STREAM_TIMEOUT_MS_MAX,
        false => quota::TIMEOUT_MS_MAX,
    };
    if timeout < quota::TIMEOUT_MS_MIN || (desk.is_strict() && timeout > most) {
        let message = format!("Timeout should be between 50 ms and {most} ms");
        return Err(Error::bad_request(message));
    }
    Ok(())
}

fn check_arn(kind_of: &str, uri: &str) -> Outcome<()> {
    let parts: Vec<&str> = uri.splitn(6, ':').collect();
    let ["arn", _, "apigateway", _, service, rest] = parts.as_slice() else {
        return Err(Error::bad_request("Invalid ARN specified in the request"));
    };
    if !rest.starts_with("path/") && !rest.starts_with("action/") {
        let message = "AWS ARN for integration must contain path or action";
        return Err(Error::bad_request(message));
    }
    if kind_of == "AWS_PROXY" && !matches!(*service, "lambda" | "firehose") {
        return Err(Error::bad_request(
            "Integrations of type 'AWS_PROXY' currently only supports Lambda function and Firehose \
             stream invocations.",
        ));
    }
    Ok(())
}

/// `integration.request.{place}.{name}` from something of the method, a context, or a literal.
fn check_parameters(record: &Record) -> Outcome<()> {
    let parameters = record.get("requestParameters");
    check_mapping(parameters, "integration.request.", "method.request.")
}

/// Names that begin as they should, from something of `origin`, a context, or a literal.
pub fn check_mapping(parameters: Option<&Value>, target_of: &str, origin: &str) -> Outcome<()> {
    let parameters = parameters.and_then(Value::as_object);
    for (target, source) in parameters.into_iter().flatten() {
        let source = source.as_str().unwrap_or_default();
        let literal = source.len() > 1 && source.starts_with('\'') && source.ends_with('\'');
        let sources = [origin, "context.", "stageVariables."];
        let fine = literal || sources.iter().any(|start| source.starts_with(start));
        let wrong = match target.starts_with(target_of) {
            true if fine => continue,
            true => source,
            false => target,
        };
        return Err(wrong_mapping("expression specified", wrong));
    }
    Ok(())
}

/// What AWS says of a mapping that is none, or of a `parameter` that is not there.
pub fn wrong_mapping(what: &str, name: &str) -> Error {
    Error::bad_request(format!(
        "Invalid mapping expression specified: Validation Result: warnings : [], errors : \
         [Invalid mapping {what}: {name}]"
    ))
}

/// What is mapped and what caches tell requests by must be parameters of the method. "It must have
/// been defined before it can be referenced." What an integration had `before` stays as it was.
fn check_declared(method: &Record, record: &Record, before: Option<&Record>) -> Outcome<()> {
    let declared = method.get("requestParameters");
    let is_declared = |name: &str| {
        // One with many values may be declared as the one value that it is, too.
        let single = name.replacen(".multivalue", ".", 1);
        declared.is_some_and(|all| all.get(name).or_else(|| all.get(&single)).is_some())
    };
    let had = before.and_then(|before| before.get("requestParameters"));
    let mapped = record.get("requestParameters").and_then(Value::as_object);
    for (target, source) in mapped.into_iter().flatten() {
        let name = source.as_str().unwrap_or_default();
        let is_kept = had.is_some_and(|had| had.get(target) == Some(source));
        let is_body = name
            .strip_prefix("method.request.body")
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']));
        if name.starts_with("method.request.") && !is_body && !is_kept && !is_declared(name) {
            return Err(wrong_mapping("expression parameter specified", name));
        }
    }
    let had = before.and_then(|before| before.get("cacheKeyParameters")?.as_array());
    let keys = record.get("cacheKeyParameters").and_then(Value::as_array);
    for key in keys.into_iter().flatten() {
        let name = key.as_str().unwrap_or_default();
        let is_kept = had.is_some_and(|had| had.contains(key));
        if name.starts_with("method.request.") && !is_kept && !is_declared(name) {
            return Err(Error::bad_request("Invalid cache key parameter specified"));
        }
    }
    Ok(())
}

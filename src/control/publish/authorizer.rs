//! Lambda authorizers, as deployments froze them.

use serde_json::Value;

use crate::aws::arn::IntegrationUri;
use crate::aws::function::FunctionName;
use crate::control::desk::{Desk, Record, text};
use crate::control::error::{Error, Outcome};
use crate::control::kind;
use crate::lang::mapping::{Expression, Side};
use crate::lang::params::{Part, Source};
use crate::lang::pattern::Bounded;
use crate::model::v2::{Authorizer, AuthorizerKind, EventFormat, FunctionCall};

/// AWS's default of REST APIs, seconds; HTTP APIs remember nothing unless they are told to.
pub(in crate::control) const REST_TTL_S: u64 = 300;
/// How long functions have, milliseconds. AWS: "Authorizer timeout: 10,000 milliseconds" of HTTP APIs.
const REST_TIMEOUT_MS: u32 = 29_000;
const HTTP_TIMEOUT_MS: u32 = 10_000;

/// Where the authorizers of a deployment stand.
const LIST: &str = "authorizers";

/// Deployments that kept no authorizers follow the API.
pub(in crate::control::publish) fn settle(
    desk: &Desk<'_>,
    below: &str,
    deployment: &mut Record,
) -> Outcome<()> {
    if let Some(Value::Object(frozen)) = deployment.get_mut("frozen")
        && !frozen.contains_key(LIST)
    {
        let found = desk.list(kind::AUTHORIZER, below)?.into_iter();
        let found = found.map(|(_, record)| Value::Object(record)).collect();
        frozen.insert(LIST.to_owned(), found);
    }
    Ok(())
}

/// The authorizer of a route or method. `facts` are what functions are told of it.
///
/// # Errors
/// Why it cannot be asked.
pub(in crate::control::publish) fn of(
    frozen: &Value,
    id: &Value,
    facts: &FunctionCall,
) -> Result<Authorizer, String> {
    let name = id.as_str().unwrap_or_default();
    let fault = |what: &str| format!("The authorizer {name} cannot be asked: {what}");
    let mut all = frozen[LIST].as_array().into_iter().flatten();
    let key = match facts.format {
        EventFormat::Rest => "id",
        EventFormat::Http1 | EventFormat::Http2 => "authorizerId",
    };
    let found = all.find(|other| other[key] == *id);
    let found = found.and_then(Value::as_object);
    let found = found.ok_or_else(|| fault("it is not there"))?;
    let made = match facts.format {
        EventFormat::Rest => rest(found, facts),
        EventFormat::Http1 | EventFormat::Http2 => http(found, facts),
    };
    made.map(|made| Authorizer {
        id: name.to_owned(),
        ..made
    })
    .map_err(|what| fault(&what))
}

fn rest(found: &Record, facts: &FunctionCall) -> Result<Authorizer, String> {
    let kind = match text(found, "type") {
        "TOKEN" => AuthorizerKind::Token,
        "REQUEST" => AuthorizerKind::Request,
        other => return Err(format!("its type is {other}")),
    };
    let mut sources = rest_sources(text(found, "identitySource"))
        .map_err(|source| format!("`{source}` is no identity source"))?;
    if sources.is_empty() && kind == AuthorizerKind::Token {
        sources.push("method.request.header.Authorization".to_owned());
    }
    let validation = text(found, "identityValidationExpression");
    let validation =
        (!validation.is_empty() && kind == AuthorizerKind::Token).then_some(validation);
    if let Some(validation) = validation {
        let wrong = |error| format!("its validation expression `{validation}`: {error}");
        Bounded::full(validation).map_err(wrong)?;
    }
    Ok(Authorizer {
        id: String::new(),
        kind,
        call: FunctionCall {
            function: text(found, "authorizerUri").to_owned(),
            credentials: text(found, "authorizerCredentials").to_owned(),
            timeout_ms: REST_TIMEOUT_MS,
            streams: false,
            ..facts.clone()
        },
        sources,
        validation: validation.map(str::to_owned),
        ttl_s: ttl_s(found, REST_TTL_S),
    })
}

/// Whether a function is named as authorizers name theirs: the path of API Gateway's own ARN that
/// invokes it. Stage variables may stand in its name.
///
/// # Errors
/// What AWS says of it.
pub(in crate::control) fn check_uri(uri: &str) -> Outcome<()> {
    let parsed = IntegrationUri::parse(uri).ok();
    let parsed = parsed.filter(|uri| !uri.region.is_empty());
    let function = parsed.and_then(|uri| uri.function());
    let is_function = function.is_some_and(|arn| {
        let is_open = arn.contains("${stageVariables.");
        arn.starts_with("arn:") && (is_open || FunctionName::parse(arn).is_some())
    });
    match is_function {
        true => Ok(()),
        false => Err(Error::bad_request(format!(
            "Invalid Authorizer URI: {uri}. Authorizer URI should be a valid API Gateway ARN that \
             represents a Lambda function invocation."
        ))),
    }
}

/// AWS's words for an authorizer that is to remember nobody knows whom.
pub(in crate::control) fn unnamed_callers() -> Error {
    Error::bad_request(
        "Identity source must be set if authorizer caching is enabled (TTL is greater than 0)",
    )
}

/// The identity sources of a REST API, as they are written: with commas between them.
///
/// # Errors
/// The first that is none.
pub(in crate::control) fn rest_sources(written: &str) -> Result<Vec<String>, &str> {
    let all = written.split(',').map(str::trim);
    let checked = all.filter(|source| !source.is_empty()).map(|source| {
        let is_source = matches!(
            Source::parse(source),
            Some(
                Source::Request(Part::Header(_) | Part::Query(_))
                    | Source::Context(_)
                    | Source::StageVariable(_),
            )
        );
        if is_source {
            Ok(source.to_owned())
        } else {
            Err(source)
        }
    });
    checked.collect()
}

/// Whether an HTTP API can know its callers by this.
pub(in crate::control) fn is_http_source(source: &str) -> bool {
    const STARTS: [&str; 4] = [
        "$request.header.",
        "$request.querystring.",
        "$context.",
        "$stageVariables.",
    ];
    STARTS.iter().any(|start| source.starts_with(start))
        && Expression::parse(source, Side::Request).is_ok()
}

fn http(found: &Record, facts: &FunctionCall) -> Result<Authorizer, String> {
    let is_simple = found.get("enableSimpleResponses") == Some(&Value::Bool(true));
    let kind = match text(found, "authorizerType") {
        "REQUEST" if is_simple => AuthorizerKind::Simple,
        "REQUEST" => AuthorizerKind::Request,
        other => return Err(format!("its type is {other}")),
    };
    let sources = found.get("identitySource").and_then(Value::as_array);
    let sources = sources
        .into_iter()
        .flatten()
        .filter_map(|source| source.as_str().map(str::to_owned));
    let sources: Vec<String> = sources.collect();
    if let Some(source) = sources.iter().find(|source| !is_http_source(source)) {
        return Err(format!("`{source}` is no identity source"));
    }
    Ok(Authorizer {
        id: String::new(),
        kind,
        call: FunctionCall {
            function: text(found, "authorizerUri").to_owned(),
            credentials: text(found, "authorizerCredentialsArn").to_owned(),
            timeout_ms: HTTP_TIMEOUT_MS,
            format: match text(found, "authorizerPayloadFormatVersion") {
                "2.0" => EventFormat::Http2,
                _ => EventFormat::Http1,
            },
            ..facts.clone()
        },
        sources,
        validation: None,
        ttl_s: ttl_s(found, 0),
    })
}

fn ttl_s(found: &Record, usual: u64) -> u32 {
    let seconds = found
        .get("authorizerResultTtlInSeconds")
        .and_then(Value::as_u64);
    u32::try_from(seconds.unwrap_or(usual)).unwrap_or_default()
}

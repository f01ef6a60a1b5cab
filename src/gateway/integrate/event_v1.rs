//! The event that REST APIs and HTTP APIs of payload format 1.0 send, and the answer to it.
//!
//! AWS: "Lambda proxy integrations in API Gateway", input and output format; absent maps and
//! bodies are null here, never missing.

use crate::base::{crypto, json};
use crate::gateway::answer::{Answer, Headers};
use crate::gateway::integrate::event::{self, Asked, Members, grouped};

/// Appends the event. HTTP APIs say the version, and know no resource.
pub fn write(out: &mut Vec<u8>, asked: &Asked<'_>, is_http: bool) {
    let facts = asked.facts;
    let mut event = Members::begin(out);
    if is_http {
        event.text("version", "1.0");
    }
    if let Some(authorizing) = asked.authorizing {
        event.text("type", "REQUEST");
        event.text("methodArn", authorizing.arn);
        if is_http {
            for name in ["identitySource", "authorizationToken"] {
                event.joined(name, authorizing.identity.iter().map(String::as_str));
            }
        }
    }
    event.text("resource", &facts.resource_path);
    event.text("path", path_of(asked));
    event.text("httpMethod", asked.method);
    headers(&mut event, asked);
    queries(&mut event, asked);
    match asked.params.as_slice() {
        [] => event.raw("pathParameters", "null"),
        params => event.object("pathParameters", |members| {
            for (name, value) in params {
                members.text(name, value);
            }
        }),
    }
    let variables = facts.stage_variables.as_deref().unwrap_or("null");
    event.raw("stageVariables", variables);
    event.object("requestContext", |members| context(members, asked, is_http));
    if asked.authorizing.is_none() {
        match asked.body {
            [] => event.raw("body", "null"),
            body => event.body("body", body, asked.is_binary),
        }
        event.flag("isBase64Encoded", asked.is_binary && !asked.body.is_empty());
    }
    event.end();
}

/// On the default endpoint without the stage; on a domain with its base path.
fn path_of<'a>(asked: &Asked<'a>) -> &'a str {
    let own = match asked.keeps_base {
        true => asked.path,
        false => asked.own_path,
    };
    asked.mapped_path.unwrap_or(own)
}

/// The path with its stage; of REST APIs with the slashes that stand between them.
fn with_stage(asked: &Asked<'_>, is_http: bool) -> String {
    let stage = &*asked.facts.stage;
    let from = asked.path.trim_start_matches('/');
    let behind = from.strip_prefix(stage);
    let came = behind.is_some_and(|rest| rest.len() > asked.own_path.len() && !is_http);
    match came && from.ends_with(asked.own_path) {
        true => format!("/{from}"),
        false => format!("/{stage}{}", asked.own_path),
    }
}

/// Single maps keep the last value of a name that came more than once.
fn headers(event: &mut Members<'_>, asked: &Asked<'_>) {
    let pairs = asked.headers.iter().map(|(name, value)| (*name, &**value));
    let groups = grouped(pairs, str::eq_ignore_ascii_case);
    if groups.is_empty() {
        event.raw("headers", "null");
        event.raw("multiValueHeaders", "null");
        return;
    }
    event.object("headers", |members| {
        for group in &groups {
            members.text(shown(group.name), group.last());
        }
    });
    event.object("multiValueHeaders", |members| {
        for group in &groups {
            members.list(shown(group.name), group.values());
        }
    });
}

/// The case of a header's name: the client's, but for two that AWS writes in its own.
fn shown(name: &str) -> &str {
    for own in ["Authorization", "User-Agent"] {
        if name.eq_ignore_ascii_case(own) {
            return own;
        }
    }
    name
}

fn queries(event: &mut Members<'_>, asked: &Asked<'_>) {
    let pairs = asked.queries();
    let pairs = pairs.iter().map(|(name, value)| (&**name, &**value));
    let groups = grouped(pairs, |a, b| a == b);
    if groups.is_empty() {
        event.raw("queryStringParameters", "null");
        event.raw("multiValueQueryStringParameters", "null");
        return;
    }
    event.object("queryStringParameters", |members| {
        for group in &groups {
            members.text(group.name, group.last());
        }
    });
    event.object("multiValueQueryStringParameters", |members| {
        for group in &groups {
            members.list(group.name, group.values());
        }
    });
}

fn context(members: &mut Members<'_>, asked: &Asked<'_>, is_http: bool) {
    let facts = asked.facts;
    let resource_id = if is_http {
        &facts.route_key
    } else {
        &facts.resource_id
    };
    members.text("resourceId", resource_id);
    if let Some(authorizer) = asked.authorizer {
        members.raw("authorizer", authorizer);
    }
    members.text("resourcePath", &facts.resource_path);
    members.text("httpMethod", asked.method);
    members.text("extendedRequestId", asked.extended_request_id);
    members.text("requestTime", asked.time);
    if asked.keeps_base {
        members.text("path", asked.path);
    } else if &*facts.stage == "$default" {
        members.text("path", asked.own_path);
    } else {
        members.text("path", &with_stage(asked, is_http));
    }
    members.text("accountId", &facts.account_id);
    members.text("protocol", asked.protocol);
    members.text("stage", &facts.stage);
    members.text("domainPrefix", asked.domain_prefix());
    members.number("requestTimeEpoch", asked.epoch_ms);
    members.text("requestId", asked.request_id);
    members.object("identity", |members| identity(members, asked));
    members.text("domainName", asked.domain);
    if !facts.deployment_id.is_empty() {
        members.text("deploymentId", &facts.deployment_id);
    }
    members.text("apiId", &facts.api_id);
}

/// All present, null when unknown.
fn identity(members: &mut Members<'_>, asked: &Asked<'_>) {
    let id = asked.user.map(|user| user.id());
    members.raw("cognitoIdentityPoolId", "null");
    members.text_or_null("accountId", asked.user.map(|user| user.account()));
    members.raw("cognitoIdentityId", "null");
    members.text_or_null("caller", id);
    members.text("sourceIp", asked.source_ip);
    members.raw("principalOrgId", "null");
    members.text_or_null("accessKey", id);
    members.raw("cognitoAuthenticationType", "null");
    members.raw("cognitoAuthenticationProvider", "null");
    members.text_or_null("userArn", asked.user.map(|user| &*user.arn));
    members.text_or_null("userAgent", asked.header("user-agent"));
    members.text_or_null("user", id);
    if let Some(certificate) = asked.certificate {
        event::client_cert(members, certificate);
    }
}

/// Why an output is not an answer, in the words of AWS's execution log.
pub const MALFORMED: &str = "Malformed Lambda proxy response";

/// How strictly an output is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// REST APIs: nothing that is not known, base64 as the client accepts it.
    Rest { decodes: bool },
    /// HTTP APIs: the status must be there, other members are skipped, base64 is decoded.
    Http,
}

/// The answer that the function's output is.
///
/// # Errors
/// What is wrong with it; the client is told of an internal error.
pub fn read(output: &[u8], reading: Reading) -> Result<Answer, &'static str> {
    let Ok(json::Value::Object(output)) = json::read::<json::Value>(output) else {
        return Err(MALFORMED);
    };
    if let Reading::Rest { .. } = reading {
        const KNOWN: [&str; 5] = [
            "statusCode",
            "headers",
            "multiValueHeaders",
            "body",
            "isBase64Encoded",
        ];
        if output.is_empty() || output.keys().any(|key| !KNOWN.contains(&&**key)) {
            return Err(MALFORMED);
        }
    }
    let status = match (output.get("statusCode"), reading) {
        (None | Some(json::Value::Null), Reading::Rest { .. }) => 200,
        (Some(value), _) => status(value).ok_or(MALFORMED)?,
        (None, Reading::Http) => return Err(MALFORMED),
    };
    let mut headers = merged(&output)?;
    if headers.get("content-type").is_none() {
        let usual = match reading {
            Reading::Rest { .. } => "application/json",
            Reading::Http => "text/plain; charset=utf-8",
        };
        headers.push("Content-Type", usual.as_bytes());
    }
    let decodes = match reading {
        Reading::Rest { decodes } => decodes,
        Reading::Http => true,
    };
    Ok(Answer {
        status,
        headers,
        body: body(&output, decodes)?,
    })
}

/// The metadata in front of a streamed payload: an answer without a body.
///
/// # Errors
/// What is wrong with them.
pub fn read_metadata(metadata: &[u8]) -> Result<Answer, &'static str> {
    let Ok(json::Value::Object(metadata)) = json::read::<json::Value>(metadata) else {
        return Err("the metadata are no JSON object");
    };
    let status = match metadata.get("statusCode") {
        None | Some(json::Value::Null) => 200,
        Some(value) => status(value).ok_or("the statusCode is none")?,
    };
    let mut headers = merged(&metadata).map_err(|_| "the headers are malformed")?;
    if headers.get("content-type").is_none() {
        headers.push("Content-Type", b"application/json");
    }
    const COOKIES: &str = "the cookies are malformed";
    match metadata.get("cookies") {
        None | Some(json::Value::Null) => {}
        Some(json::Value::Array(cookies)) => {
            for cookie in cookies {
                let cookie = cookie.as_str().ok_or(COOKIES)?;
                if !headers.push("Set-Cookie", cookie.as_bytes()) {
                    return Err(COOKIES);
                }
            }
        }
        Some(_) => return Err(COOKIES),
    }
    Ok(Answer {
        status,
        headers,
        body: Vec::new(),
    })
}

/// A number, or a text of one.
pub fn status(value: &json::Value) -> Option<u16> {
    let number = match value {
        json::Value::String(text) => text.parse().ok()?,
        other => u16::try_from(other.as_u64()?).ok()?,
    };
    (200..=599).contains(&number).then_some(number)
}

/// The body of an output; null and none are empty.
///
/// # Errors
/// When it is no text, or should be base64 and is not.
pub fn body(output: &json::Map, decodes: bool) -> Result<Vec<u8>, &'static str> {
    let text = match output.get("body") {
        None | Some(json::Value::Null) => "",
        Some(json::Value::String(text)) => text,
        Some(_) => return Err(MALFORMED),
    };
    let is_base64 = match output.get("isBase64Encoded") {
        None | Some(json::Value::Null) => false,
        Some(json::Value::Bool(flag)) => *flag,
        Some(_) => return Err(MALFORMED),
    };
    match is_base64 && decodes {
        true => crypto::base64_decoded(text).ok_or("Unable to base64 decode the body."),
        false => Ok(text.as_bytes().to_vec()),
    }
}

/// Values of several first, then the single one; the name is written as among the several.
fn merged(output: &json::Map) -> Result<Headers, &'static str> {
    let map = |name: &str| match output.get(name) {
        None | Some(json::Value::Null) => Ok(None),
        Some(json::Value::Object(map)) => Ok(Some(map)),
        Some(_) => Err(MALFORMED),
    };
    let (single, several) = (map("headers")?, map("multiValueHeaders")?);
    let mut fields: Vec<(&str, String)> = Vec::new();
    for (name, values) in several.into_iter().flatten() {
        let json::Value::Array(values) = values else {
            return Err(MALFORMED);
        };
        for value in values {
            fields.push((name, text(value)?));
        }
    }
    for (name, value) in single.into_iter().flatten() {
        let value = text(value)?;
        let same = |(other, _): &(&str, String)| other.eq_ignore_ascii_case(name);
        match fields.iter().rposition(same) {
            Some(at) => {
                let name = fields[at].0;
                fields.insert(at + 1, (name, value));
            }
            None => fields.push((name, value)),
        }
    }
    let mut headers = Headers::default();
    for (name, value) in fields {
        if !headers.push(name, value.as_bytes()) {
            return Err(MALFORMED);
        }
    }
    Ok(headers)
}

/// A text, or a truth value as one.
fn text(value: &json::Value) -> Result<String, &'static str> {
    match value {
        json::Value::String(text) => Ok(text.clone()),
        json::Value::Bool(flag) => Ok(flag.to_string()),
        _ => Err(MALFORMED),
    }
}

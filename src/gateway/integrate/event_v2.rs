//! The event that HTTP APIs of payload format 2.0 send, and the answer to it.
//!
//! AWS: "Create AWS Lambda proxy integrations for HTTP APIs". What is empty is missing here, never
//! null; header names are in lower case, values of one name joined by commas.

use std::borrow::Cow;

use crate::base::{ascii, json};
use crate::gateway::answer::{Answer, Headers};
use crate::gateway::auth::User;
use crate::gateway::integrate::event::{self, Asked, Members, grouped};
use crate::gateway::integrate::event_v1::{self, MALFORMED};

/// Appends the event.
pub fn write(out: &mut Vec<u8>, asked: &Asked<'_>) {
    let facts = asked.facts;
    let raw_path = raw_path(asked);
    let mut event = Members::begin(out);
    event.text("version", "2.0");
    if let Some(authorizing) = asked.authorizing {
        event.text("type", "REQUEST");
        event.text("routeArn", authorizing.arn);
        let identity = authorizing.identity.iter().map(String::as_str);
        event.list("identitySource", identity);
    }
    event.text("routeKey", &facts.route_key);
    event.text("rawPath", asked.mapped_path.unwrap_or(&raw_path));
    event.text("rawQueryString", asked.query.unwrap_or_default());
    let cookies: Vec<&str> = cookies(asked).collect();
    if !cookies.is_empty() {
        event.list("cookies", cookies.into_iter());
    }
    headers(&mut event, asked);
    queries(&mut event, asked);
    event.object("requestContext", |members| {
        context(members, asked, &raw_path)
    });
    if !asked.params.is_empty() {
        event.object("pathParameters", |members| {
            for (name, value) in &asked.params {
                members.text(name, &decoded(value));
            }
        });
    }
    if let Some(variables) = &facts.stage_variables {
        event.raw("stageVariables", variables);
    }
    if !asked.body.is_empty() {
        event.body("body", asked.body, asked.is_binary);
    }
    if asked.authorizing.is_none() {
        event.flag("isBase64Encoded", asked.is_binary && !asked.body.is_empty());
    }
    event.end();
}

/// With the stage, unless it is `$default`.
fn raw_path<'a>(asked: &Asked<'a>) -> Cow<'a, str> {
    let facts = asked.facts;
    if asked.keeps_base {
        asked.path.into()
    } else if &*facts.stage == "$default" {
        asked.own_path.into()
    } else {
        format!("/{}{}", facts.stage, asked.own_path).into()
    }
}

fn cookies<'a>(asked: &'a Asked<'_>) -> impl Iterator<Item = &'a str> {
    let lines = asked.headers.iter();
    let lines = lines.filter(|(name, _)| name.eq_ignore_ascii_case("cookie"));
    let cookies = lines.flat_map(|(_, line)| line.split(';'));
    cookies.map(str::trim).filter(|cookie| !cookie.is_empty())
}

fn headers(event: &mut Members<'_>, asked: &Asked<'_>) {
    let pairs = asked.headers.iter();
    let pairs = pairs.map(|(name, value)| (*name, &**value));
    let groups = grouped(pairs, str::eq_ignore_ascii_case);
    let mut lower = String::new();
    event.object("headers", |members| {
        for group in &groups {
            lower.clear();
            lower.push_str(group.name);
            lower.make_ascii_lowercase();
            if lower != "cookie" {
                members.joined(&lower, group.values());
            }
        }
    });
}

fn queries(event: &mut Members<'_>, asked: &Asked<'_>) {
    let pairs = asked.queries();
    let pairs = pairs.iter().map(|(name, value)| (&**name, &**value));
    let groups = grouped(pairs, |a, b| a == b);
    if groups.is_empty() {
        return;
    }
    event.object("queryStringParameters", |members| {
        for group in &groups {
            members.joined(group.name, group.values());
        }
    });
}

fn context(members: &mut Members<'_>, asked: &Asked<'_>, raw_path: &str) {
    let facts = asked.facts;
    members.text("accountId", &facts.account_id);
    members.text("apiId", &facts.api_id);
    if let Some(certificate) = asked.certificate {
        members.object("authentication", |members| {
            event::client_cert(members, certificate);
        });
    }
    if let Some(user) = asked.user {
        members.object("authorizer", |members| {
            members.object("iam", |members| iam(members, user));
        });
    } else if let Some(authorizer) = asked.authorizer {
        members.raw("authorizer", authorizer);
    }
    members.text("domainName", asked.domain);
    members.text("domainPrefix", asked.domain_prefix());
    members.object("http", |members| {
        members.text("method", asked.method);
        members.text("path", raw_path);
        members.text("protocol", asked.protocol);
        members.text("sourceIp", asked.source_ip);
        members.text("userAgent", asked.header("user-agent").unwrap_or_default());
    });
    members.text("requestId", asked.extended_request_id);
    members.text("routeKey", &facts.route_key);
    members.text("stage", &facts.stage);
    members.text("time", asked.time);
    members.number("timeEpoch", asked.epoch_ms);
}

fn iam(members: &mut Members<'_>, user: &User) {
    members.text("accessKey", user.id());
    members.text("accountId", user.account());
    members.text("callerId", user.id());
    members.raw("cognitoIdentity", "null");
    members.raw("principalOrgId", "null");
    members.text("userArn", &user.arn);
    members.text("userId", user.id());
}

fn decoded(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return text.into();
    }
    let mut out = Vec::with_capacity(text.len());
    ascii::percent_decode(&mut out, text.as_bytes());
    ascii::owned_text(out).into()
}

/// The answer that the function's output is: one with a status says all by itself, any other
/// output is the body.
///
/// # Errors
/// What is wrong with it; the client is told of an internal error.
pub fn read(output: &[u8]) -> Result<Answer, &'static str> {
    let value = json::read::<json::Value>(output).map_err(|_| MALFORMED)?;
    let members = match &value {
        json::Value::Object(members) if members.contains_key("statusCode") => members,
        json::Value::String(text) => return Ok(plain(text.as_bytes())),
        _ => return Ok(plain(output)),
    };
    let status = members.get("statusCode").and_then(event_v1::status);
    let status = status.ok_or(MALFORMED)?;
    let mut headers = Headers::default();
    match members.get("headers") {
        None | Some(json::Value::Null) => {}
        Some(json::Value::Object(all)) => {
            for (name, value) in all {
                let value = text(value).ok_or(MALFORMED)?;
                if !headers.push(name, value.as_bytes()) {
                    return Err(MALFORMED);
                }
            }
        }
        Some(_) => return Err(MALFORMED),
    }
    match members.get("cookies") {
        None | Some(json::Value::Null) => {}
        Some(json::Value::Array(cookies)) => {
            for cookie in cookies {
                let cookie = cookie.as_str().ok_or(MALFORMED)?;
                if !headers.push("Set-Cookie", cookie.as_bytes()) {
                    return Err(MALFORMED);
                }
            }
        }
        Some(_) => return Err(MALFORMED),
    }
    if headers.get("content-type").is_none() {
        headers.push("Content-Type", b"text/plain; charset=utf-8");
    }
    Ok(Answer {
        status,
        headers,
        body: event_v1::body(members, true)?,
    })
}

/// AWS: "isBase64Encoded is false, statusCode is 200, content-type is application/json, body is the
/// function's response".
fn plain(body: &[u8]) -> Answer {
    let mut headers = Headers::default();
    headers.push("Content-Type", b"application/json");
    Answer {
        status: 200,
        headers,
        body: body.to_vec(),
    }
}

/// A text, or a number or truth value as one.
fn text(value: &json::Value) -> Option<Cow<'_, str>> {
    match value {
        json::Value::String(text) => Some(text.into()),
        json::Value::Bool(_) | json::Value::Number(_) => Some(value.to_string().into()),
        _ => None,
    }
}

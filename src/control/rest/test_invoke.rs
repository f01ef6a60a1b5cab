//! `TestInvokeMethod`: the API as it is now, of one method, as a plan that nobody else is served by;
//! and what came of a request to it.

use serde_json::{Map, Value, json};

use crate::base::{ascii, date};
use crate::control::Handler;
use crate::control::desk::{Desk, Record};
use crate::control::error::{Error, Outcome};
use crate::control::kind;
use crate::control::protocol::Input;
use crate::control::publish::{self, ApiModel};
use crate::control::rest::freeze;
use crate::control::rest::method::{self, Found};
use crate::gateway::trial::{HOST, Signed, Told};

/// Its work goes on where the gateway is: see `Control::test_method`.
pub const NAME: &str = "TestInvokeMethod";

pub const OPERATIONS: &[(&str, Handler)] = &[(NAME, |desk, input| {
    find(desk, input).map(|found| Value::Object(found.method))
})];

/// The method itself, or the one for all verbs.
fn find(desk: &Desk<'_>, input: &Input) -> Outcome<Found> {
    method::find(desk, input).or_else(|error| {
        let mut any = input.clone();
        any.members.insert("httpMethod".to_owned(), "ANY".into());
        method::find(desk, &any).map_err(|_| error)
    })
}

/// AWS's name of the stage in which tests are made.
const STAGE: &str = "test-invoke-stage";

/// A test, ready to be made.
#[derive(Debug)]
pub struct Draft {
    pub model: ApiModel,
    /// A whole HTTP/1.1 request.
    pub request: Vec<u8>,
    /// Who tests, if callers are known.
    pub caller: Option<Signed>,
}

/// # Errors
/// What is to be tested is not there, or the request cannot be one.
pub fn draft(desk: &Desk<'_>, input: &Input) -> Outcome<Draft> {
    let found = find(desk, input)?;
    if found.method.get("methodIntegration").is_none() {
        return Err(Error::bad_request("No integration defined for method"));
    }
    let path = found.resource.get("path").and_then(Value::as_str);
    let request = request(input, path.unwrap_or("/"))?;
    let mut tested = found.method;
    // Whoever may test a method needs no further right to.
    tested.insert("authorizationType".to_owned(), "NONE".into());
    tested.insert("apiKeyRequired".to_owned(), false.into());
    let mut resource = found.resource;
    resource.insert(
        "resourceMethods".to_owned(),
        json!({ found.verb: Value::Object(tested) }),
    );
    let api = input.given("restApiId");
    let mut frozen = freeze::freeze(desk, api)?;
    frozen["resources"] = json!([resource]);
    frozen["api"]["policy"] = Value::Null;
    let mut stage = Record::new();
    stage.insert("stageName".to_owned(), STAGE.into());
    if let Some(variables) = input.members.get("stageVariables") {
        stage.insert("variables".to_owned(), variables.clone());
    }
    if let Some(id) = input.text("clientCertificateId") {
        let known = desk.get(kind::CLIENT_CERTIFICATE, id)?;
        known.ok_or_else(|| Error::not_found("Invalid Client Certificate identifier specified"))?;
        stage.insert("clientCertificateId".to_owned(), id.into());
    }
    let mut deployment = Record::new();
    deployment.insert("frozen".to_owned(), frozen);
    Ok(Draft {
        model: publish::draft(desk, api, &stage, deployment)?,
        request,
        caller: None,
    })
}

/// What frames a message, or belongs to its connection, is ours to say.
const OURS: &[&str] = &[
    "connection",
    "content-length",
    "expect",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
/// RFC 3986 section 3.3 and 3.4, and what is percent-encoded already.
const TARGET: &[u8] = b"/!$&'()*+,;=:@?%";

/// The request that the input describes.
fn request(input: &Input, resource: &str) -> Outcome<Vec<u8>> {
    let given = input.text("pathWithQueryString");
    let target = given.filter(|path| !path.is_empty()).unwrap_or(resource);
    let slash = if target.starts_with('/') { "" } else { "/" };
    let target = ascii::percent_encoded(target, TARGET);
    let verb = input.given("httpMethod");
    let mut head = format!("{verb} {slash}{target} HTTP/1.1\r\n");
    let mut has_host = false;
    for (name, value) in headers(input) {
        if !ascii::is_token(name.as_bytes()) || !ascii::is_field_value(value.as_bytes()) {
            let message = format!("Invalid header in headers or multiValueHeaders: {name}");
            return Err(Error::bad_request(message));
        }
        let lower = name.to_ascii_lowercase();
        if !OURS.contains(&&*lower) {
            has_host |= lower == "host";
            head.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    if !has_host {
        head.push_str(&format!("Host: {HOST}\r\n"));
    }
    let body = input.text("body").unwrap_or_default();
    if !body.is_empty() {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    head.push_str("\r\n");
    head.push_str(body);
    Ok(head.into_bytes())
}

/// "If you specify values for both headers and multiValueHeaders, API Gateway merges them into a
/// single list"; what stands in both is there once.
fn headers(input: &Input) -> Vec<(&str, &str)> {
    let object = |name: &str| {
        let members = input.members.get(name).and_then(Value::as_object);
        members.into_iter().flatten()
    };
    let mut all: Vec<(&str, &str)> = Vec::new();
    for (name, values) in object("multiValueHeaders") {
        let values = values.as_array().into_iter().flatten();
        all.extend(values.filter_map(|value| Some((&**name, value.as_str()?))));
    }
    for (name, value) in object("headers") {
        let pair = (&**name, value.as_str().unwrap_or_default());
        if !all.contains(&pair) {
            all.push(pair);
        }
    }
    all
}

/// The output of the operation.
pub fn shown(told: &Told) -> Value {
    let (mut single, mut multi) = (Map::new(), Map::new());
    for (name, value) in &told.headers {
        single.insert(name.clone(), value.clone().into());
        let all = multi.entry(name.clone()).or_insert_with(|| json!([]));
        if let Some(all) = all.as_array_mut() {
            all.push(value.clone().into());
        }
    }
    json!({
        "status": told.status,
        "body": String::from_utf8_lossy(&told.body),
        "headers": single,
        "multiValueHeaders": multi,
        "latency": told.latency_ms,
        "log": log(told),
    })
}

/// Each event on a line of its own, behind its time.
fn log(told: &Told) -> String {
    let mut log = format!("Execution log for request {}\n", told.request_id);
    for event in &told.events {
        let time = date::text(date::Style::Java, event.at_ms);
        log.push_str(&format!("{time} : {}\n", event.line));
    }
    log
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn input(members: Value) -> Input {
        Input {
            members: members.as_object().cloned().unwrap(),
            ..Input::default()
        }
    }

    #[test]
    fn a_request_is_what_the_input_says_and_nothing_can_be_slipped_in() {
        let check = |members: Value, expected: Result<&str, &str>| {
            let made = request(&input(members.clone()), "/pets/{id}");
            let made = made.map(|bytes| String::from_utf8(bytes).unwrap());
            let made = made.map_err(|error| error.message);
            assert_eq!(
                made,
                expected.map(str::to_owned).map_err(str::to_owned),
                "{members}"
            );
        };
        let host = "Host: testPrefix.testDomainName\r\n\r\n";
        let plain = format!("GET /pets/%7Bid%7D HTTP/1.1\r\n{host}");
        check(json!({"httpMethod": "GET"}), Ok(&plain));
        check(
            json!({"httpMethod": "GET", "pathWithQueryString": "a b%20c?x=1&y=ü\r\nA: b"}),
            Ok(&format!(
                "GET /a%20b%20c?x=1&y=%C3%BC%0D%0AA:%20b HTTP/1.1\r\n{host}"
            )),
        );
        check(
            json!({
                "httpMethod": "POST",
                "headers": {"a": "1", "Content-Length": "7", "b": "2"},
                "multiValueHeaders": {"a": ["0", "1"], "Transfer-Encoding": ["chunked"]},
                "body": "ü",
            }),
            Ok("POST /pets/%7Bid%7D HTTP/1.1\r\na: 0\r\na: 1\r\nb: 2\r\n\
                Host: testPrefix.testDomainName\r\nContent-Length: 2\r\n\r\nü"),
        );
        check(
            json!({"httpMethod": "GET", "headers": {"Host": "own.example"}}),
            Ok("GET /pets/%7Bid%7D HTTP/1.1\r\nHost: own.example\r\n\r\n"),
        );
        let wrong = "Invalid header in headers or multiValueHeaders: a b";
        check(
            json!({"httpMethod": "GET", "headers": {"a b": ""}}),
            Err(wrong),
        );
        let wrong = "Invalid header in headers or multiValueHeaders: a";
        check(
            json!({"httpMethod": "GET", "headers": {"a": "1\r\nb: 2"}}),
            Err(wrong),
        );
    }
}

//! Stages of REST APIs, as their deployments froze them: resources and methods to routes.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::control::desk::Record;
use crate::control::error::{Error, Outcome};
use crate::control::publish::{
    access_log, method_of, text, throttle, timeout, unchecked, unserved, variables,
};
use crate::model::Throttle;
use crate::model::v2::{Integration, Route, RouteKey, Stage};

pub(in crate::control::publish) fn stage(stage: &Record, deployment: &Record) -> Outcome<Stage> {
    let frozen = deployment.get("frozen").unwrap_or(&Value::Null);
    let mut routes = Vec::new();
    for resource in frozen["resources"].as_array().into_iter().flatten() {
        let path = resource["path"].as_str().unwrap_or_default();
        for (verb, method) in entries(&resource["resourceMethods"]) {
            routes.push(route(stage, path, verb, method)?);
        }
    }
    Ok(Stage {
        name: text(stage, "stageName").to_owned(),
        variables: variables(stage, "variables"),
        throttle: None,
        access_log_format: access_log(stage),
        cors: None,
        routes: Some(Arc::new(routes)),
    })
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn route(stage: &Record, path: &str, verb: &str, method: &Value) -> Outcome<Route> {
    let key = format!("{verb} {path}");
    Ok(Route {
        key: RouteKey::parse(&key)
            .map_err(|error| Error::bad_request(format!("{key} cannot be served: {error}")))?,
        integration: match unguarded(method) {
            Some(refusal) => refusal,
            None => asked(&method["methodIntegration"]).unwrap_or_else(unserved),
        },
        throttle: method_throttle(stage, path, verb),
        body_bytes_max: None,
    })
}

/// Whom nobody checks is not let in.
fn unguarded(method: &Value) -> Option<Integration> {
    let authorization = method["authorizationType"].as_str().unwrap_or("NONE");
    if authorization != "NONE" {
        let what = format!("Authorization type {authorization}");
        return Some(unchecked(500, &what));
    }
    if method["apiKeyRequired"] == true {
        return Some(unchecked(403, "A required API key"));
    }
    let validated = method["requestValidatorId"].as_str();
    validated.map(|_| unchecked(501, "A request validator"))
}

/// The error says what of the integration cannot be served.
fn asked(integration: &Value) -> Result<Integration, String> {
    let kind = integration["type"].as_str().unwrap_or_default();
    match kind {
        "HTTP_PROXY" if integration["connectionType"] == "VPC_LINK" => {
            Err("Integration type HTTP_PROXY over VPC_LINK".to_owned())
        }
        "HTTP_PROXY" => http_proxy(integration),
        "MOCK" => mock(integration),
        other => Err(format!("Integration type {other}")),
    }
}

fn http_proxy(integration: &Value) -> Result<Integration, String> {
    let mut uri = integration["uri"].as_str().unwrap_or_default().to_owned();
    for (target, source) in entries(&integration["requestParameters"]) {
        let source = source.as_str().unwrap_or_default();
        let target = target.trim_start_matches("integration.request.");
        let source = source.strip_prefix("method.request.").unwrap_or(source);
        match (target.strip_prefix("path."), source.strip_prefix("path.")) {
            // The URI names its own parameter; the route's stands in its place.
            (Some(own), Some(name)) => {
                uri = uri.replace(&format!("{{{own}}}"), &format!("{{{name}}}"));
            }
            // Headers and query parameters of the client are passed on anyway.
            _ if target == source => {}
            _ => return Err(format!("The mapping of {source} to {target}")),
        }
    }
    Ok(Integration::HttpProxy {
        uri,
        method: method_of(integration["httpMethod"].as_str()),
        timeout_ms: timeout(&integration["timeoutInMillis"], 29_000),
    })
}

const JSON: &str = "application/json";

/// The request template says a status; the response whose pattern is that status, or else the one
/// without a pattern, is the answer.
fn mock(integration: &Value) -> Result<Integration, String> {
    let template = integration["requestTemplates"][JSON].as_str();
    let status = template.map(mock_status).transpose()?.flatten();
    let responses = entries(&integration["integrationResponses"]);
    let responses: Vec<&Value> = responses.map(|(_, response)| response).collect();
    let pattern = |response: &Value| {
        let pattern = response["selectionPattern"].as_str().unwrap_or_default();
        pattern.to_owned()
    };
    for response in &responses {
        let pattern = pattern(response);
        if !pattern.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(format!("The selection pattern {pattern}"));
        }
    }
    let chosen = status.and_then(|status| {
        let exact = responses
            .iter()
            .find(|response| pattern(response) == status.to_string());
        exact.or_else(|| {
            responses
                .iter()
                .find(|response| pattern(response).is_empty())
        })
    });
    let Some(response) = chosen else {
        return Ok(failed());
    };
    let body = response["responseTemplates"][JSON]
        .as_str()
        .unwrap_or_default();
    if is_dynamic(body) {
        return Err("A response template with variables".to_owned());
    }
    let answer = response["statusCode"].as_str().unwrap_or_default();
    Ok(Integration::Mock {
        status: answer.parse().unwrap_or(500),
        headers: headers(&response["responseParameters"])?,
        body: body.to_owned(),
    })
}

/// A mock that does not say a status, or one without a response, is misconfigured.
fn failed() -> Integration {
    Integration::Mock {
        status: 500,
        headers: vec![("Content-Type".to_owned(), JSON.to_owned())],
        body: "{\"message\": \"Internal server error\"}".to_owned(),
    }
}

fn is_dynamic(template: &str) -> bool {
    template.contains(['$', '#'])
}

/// `{"statusCode": 200}`, the name with or without quotes.
fn mock_status(template: &str) -> Result<Option<u16>, String> {
    if is_dynamic(template) {
        return Err("A request template with variables".to_owned());
    }
    let quoted = template.replace("\"statusCode\"", "statusCode");
    let quoted = quoted.replace("statusCode", "\"statusCode\"");
    let parsed: Map<String, Value> = serde_json::from_str(&quoted).unwrap_or_default();
    let status = parsed.get("statusCode").and_then(|status| match status {
        Value::String(text) => text.parse().ok(),
        other => other.as_u64(),
    });
    Ok(status.and_then(|status| u16::try_from(status).ok()))
}

/// Literals in single quotes as headers.
fn headers(parameters: &Value) -> Result<Vec<(String, String)>, String> {
    let mut headers = Vec::new();
    for (target, source) in entries(parameters) {
        let source = source.as_str().unwrap_or_default();
        let name = target.strip_prefix("method.response.header.");
        let value = source
            .strip_prefix('\'')
            .and_then(|source| source.strip_suffix('\''));
        match (name, value) {
            (Some(name), Some(value)) => headers.push((name.to_owned(), value.to_owned())),
            _ => return Err(format!("The mapping of {source} to {target}")),
        }
    }
    let has_type = headers
        .iter()
        .any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    if !has_type {
        headers.push(("Content-Type".to_owned(), JSON.to_owned()));
    }
    Ok(headers)
}

/// The settings of the method itself, else those of all methods of the stage.
fn method_throttle(stage: &Record, path: &str, verb: &str) -> Option<Throttle> {
    let all = stage.get("methodSettings")?;
    let own = format!("{}/{verb}", path.trim_start_matches('/'));
    let settings = all.get(&own).or_else(|| all.get("*/*"))?;
    let rate = settings["throttlingRateLimit"].as_f64();
    throttle(rate, settings["throttlingBurstLimit"].as_u64())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_mock_answers_with_the_response_of_its_status() {
        let integration = json!({
            "requestTemplates": { "application/json": "{statusCode: 404}" },
            "integrationResponses": {
                "200": { "statusCode": "200" },
                "410": {
                    "statusCode": "410",
                    "selectionPattern": "404",
                    "responseParameters": { "method.response.header.X-A": "'b'" },
                    "responseTemplates": { "application/json": "{}" },
                },
            },
        });
        let Integration::Mock {
            status,
            headers,
            body,
        } = mock(&integration).unwrap()
        else {
            return;
        };
        let json = ("Content-Type".to_owned(), "application/json".to_owned());
        let own = ("X-A".to_owned(), "b".to_owned());
        assert_eq!(
            (status, headers, body.as_str()),
            (410, vec![own, json], "{}")
        );
    }

    #[test]
    fn a_parameter_of_the_uri_is_the_route_s_that_is_mapped_to_it() {
        let integration = json!({
            "uri": "http://a/{x}",
            "httpMethod": "ANY",
            "requestParameters": {
                "integration.request.path.x": "method.request.path.id",
                "integration.request.header.h": "method.request.header.h",
            },
        });
        let expected = Integration::HttpProxy {
            uri: "http://a/{id}".to_owned(),
            method: None,
            timeout_ms: 29_000,
        };
        assert_eq!(http_proxy(&integration), Ok(expected));
    }
}

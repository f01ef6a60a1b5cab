//! Stages of REST APIs, as their deployments froze them: resources and methods to routes.

use std::sync::Arc;

use serde_json::Value;

use crate::control::desk::{Desk, Record, Scope, text};
use crate::control::error::{Error, Outcome};
use crate::control::kind;
use crate::control::publish::domain::KEY;
use crate::control::publish::{
    AUTHORIZER_EPOCH, CACHE_EPOCH, access_log, epoch, guard, link, method_of, throttle, timeout,
    unserved, variables,
};
use crate::model::Throttle;
use crate::model::rest::{
    Cache, Canary, ContentHandling, ExecutionLog, GatewayResponse, Identity, Integration, Kind,
    Method, Passthrough, Response, Service, Settings, Unauthorized,
};
use crate::model::v2::{self, EventFormat, FunctionCall, Guard, Route, RouteKey, Stage};

/// AWS's longest timeout, milliseconds, which is also the usual one.
const TIMEOUT_MS: u32 = 29_000;

/// `canary`: the deployment of the stage's canary, if it has one.
pub(in crate::control::publish) fn stage(
    desk: &Desk<'_>,
    stage: &Record,
    deployment: &Record,
    canary: Option<&Record>,
) -> Outcome<Stage> {
    let frozen = deployment.get("frozen").unwrap_or(&Value::Null);
    let account = desk.scope().account.as_str();
    let canary = canary.map(|deployment| of_canary(desk, stage, deployment));
    Ok(Stage {
        account_id: account.to_owned(),
        region: desk.scope().region.clone(),
        name: text(stage, "stageName").to_owned(),
        variables: variables(stage, "variables"),
        access_log_format: access_log(stage),
        routes: Some(routes(stage, deployment, desk.scope())?),
        authorizer_epoch: epoch(stage, AUTHORIZER_EPOCH),
        rest: Some(Box::new(Settings {
            account_id: account.to_owned(),
            deployment_id: text(deployment, "id").to_owned(),
            gateway_responses: gateway_responses(deployment),
            binary_media_types: items(&frozen["api"]["binaryMediaTypes"])
                .filter_map(|one| one.as_str().map(str::to_owned))
                .collect(),
            models: items(&frozen["models"])
                .map(|model| {
                    let text = |key: &str| model[key].as_str().unwrap_or_default().to_owned();
                    (text("name"), text("schema"))
                })
                .collect(),
            minimum_compression_size: frozen["api"]["minimumCompressionSize"]
                .as_u64()
                .and_then(|bytes| usize::try_from(bytes).ok()),
            cache_bytes_max: cache_bytes(stage),
            cache_epoch: epoch(stage, CACHE_EPOCH),
            shares_cache: true,
            canary: canary.transpose()?,
            client_certificate: client_certificate(desk, stage)?,
        })),
        ..Stage::default()
    })
}

fn of_canary(desk: &Desk<'_>, record: &Record, deployment: &Record) -> Outcome<Canary> {
    let settings = record.get("canarySettings").and_then(Value::as_object);
    let settings = settings.cloned().unwrap_or_default();
    let percent = settings.get("percentTraffic").and_then(Value::as_f64);
    let mut own = stage(desk, record, deployment, None)?;
    own.variables
        .extend(variables(&settings, "stageVariableOverrides"));
    if let Some(rest) = own.rest.as_mut() {
        rest.shares_cache = settings.get("useStageCache") == Some(&Value::Bool(true));
    }
    Ok(Canary {
        percent: percent.unwrap_or_default(),
        stage: Box::new(own),
    })
}

fn gateway_responses(deployment: &Record) -> Vec<GatewayResponse> {
    let frozen = deployment.get("frozen").unwrap_or(&Value::Null);
    let responses = items(&frozen["gatewayResponses"]);
    responses.map(gateway_response).collect()
}

/// What a deployment froze.
fn routes(stage: &Record, deployment: &Record, scope: &Scope) -> Outcome<Arc<Vec<Route>>> {
    let frozen = deployment.get("frozen").unwrap_or(&Value::Null);
    let policy = guard::policy(frozen);
    let mut routes = Vec::new();
    for resource in items(&frozen["resources"]) {
        for (verb, method) in entries(&resource["resourceMethods"]) {
            let facts = FunctionCall {
                function: String::new(),
                format: EventFormat::Rest,
                timeout_ms: TIMEOUT_MS,
                account_id: scope.account.clone(),
                deployment_id: text(deployment, "id").to_owned(),
                resource_id: resource["id"].as_str().unwrap_or_default().to_owned(),
                resource_path: resource["path"].as_str().unwrap_or_default().to_owned(),
                binary_types: items(&frozen["api"]["binaryMediaTypes"])
                    .filter_map(|media| media.as_str().map(str::to_owned))
                    .collect(),
                credentials: credentials(&method["methodIntegration"]),
                ..FunctionCall::default()
            };
            let guard = guard::guard((frozen, method), &policy, &facts, scope);
            let method = (verb.as_str(), method);
            routes.push(route(stage, frozen, resource, method, (facts, guard))?);
        }
    }
    Ok(Arc::new(routes))
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// The certificate that a stage shows its backends.
fn client_certificate(desk: &Desk<'_>, stage: &Record) -> Outcome<Option<Identity>> {
    let id = text(stage, "clientCertificateId");
    if id.is_empty() {
        return Ok(None);
    }
    let found = desk.get(kind::CLIENT_CERTIFICATE, id)?;
    Ok(found.map(|record| Identity {
        id: id.to_owned(),
        chain: text(&record, "pemEncodedCertificate").to_owned(),
        key: text(&record, KEY).to_owned(),
    }))
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

/// Names and texts of an object.
fn texts(value: &Value) -> Vec<(String, String)> {
    let texts = entries(value).map(|(name, value)| {
        let value = value.as_str().unwrap_or_default();
        (name.clone(), value.to_owned())
    });
    texts.collect()
}

fn gateway_response(response: &Value) -> GatewayResponse {
    GatewayResponse {
        kind: response["responseType"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
        status: status(&response["statusCode"]),
        parameters: texts(&response["responseParameters"]),
        templates: texts(&response["responseTemplates"]),
    }
}

fn status(code: &Value) -> Option<u16> {
    code.as_str().and_then(|code| code.parse().ok())
}

fn route(
    stage: &Record,
    frozen: &Value,
    resource: &Value,
    (verb, method): (&str, &Value),
    (facts, guard): (FunctionCall, Result<Option<Guard>, v2::Integration>),
) -> Outcome<Route> {
    let path = resource["path"].as_str().unwrap_or_default();
    let key = format!("{verb} {path}");
    let validator = items(&frozen["validators"])
        .find(|validator| validator["id"] == method["requestValidatorId"]);
    let (guard, integration) = match guard {
        Err(refusal) => (None, refusal),
        Ok(guard) => match integration(&method["methodIntegration"], facts) {
            Ok(integration) => (
                guard,
                v2::Integration::Rest(Box::new(Method {
                    resource_id: resource["id"].as_str().unwrap_or_default().to_owned(),
                    api_key_required: method["apiKeyRequired"] == true,
                    key_of_authorizer: frozen["api"]["apiKeySource"] == "AUTHORIZER",
                    required: required(method, validator),
                    models: models(method, validator),
                    cache: cache(stage, path, verb, &method["methodIntegration"]),
                    log: log(stage, path, verb),
                    integration,
                })),
            ),
            Err(what) => (guard, unserved(what)),
        },
    };
    Ok(Route {
        key: RouteKey::parse(&key)
            .map_err(|error| Error::bad_request(format!("{key} cannot be served: {error}")))?,
        integration,
        throttle: method_throttle(stage, path, verb),
        body_bytes_max: None,
        guard,
    })
}

/// What bodies must be, if the validator of the method looks at them.
fn models(method: &Value, validator: Option<&Value>) -> Option<Vec<(String, String)>> {
    let looks = validator.is_some_and(|validator| validator["validateRequestBody"] == true);
    looks.then(|| texts(&method["requestModels"]))
}

/// What must be there, if the validator of the method looks at parameters.
fn required(method: &Value, validator: Option<&Value>) -> Vec<String> {
    let looks = validator.is_some_and(|validator| validator["validateRequestParameters"] == true);
    let declared = entries(&method["requestParameters"]);
    let wanted = declared.filter(|(_, is_required)| looks && **is_required == true);
    wanted.map(|(name, _)| name.clone()).collect()
}

/// The error says what of the integration cannot be served.
fn integration(written: &Value, facts: FunctionCall) -> Result<Integration, String> {
    let uri = written["uri"].as_str().unwrap_or_default().to_owned();
    let method = method_of(written["httpMethod"].as_str());
    let kind = written["type"].as_str().unwrap_or_default();
    if kind != "MOCK" && written["connectionType"] == "VPC_LINK" {
        return Err(link::fault(written));
    }
    let made = Integration {
        kind: match kind {
            "HTTP_PROXY" => Kind::HttpProxy { uri, method },
            "HTTP" => Kind::Http { uri, method },
            "AWS_PROXY" => Kind::FunctionProxy(function(written, facts)),
            "AWS" if is_invocation(&uri) => Kind::Function(function(written, facts)),
            "AWS" => Kind::Service(Service {
                uri,
                method,
                credentials: credentials(written),
            }),
            "MOCK" => Kind::Mock,
            other => return Err(format!("Integration type {other}")),
        },
        request_parameters: texts(&written["requestParameters"]),
        request_templates: texts(&written["requestTemplates"]),
        passthrough: match written["passthroughBehavior"].as_str() {
            Some("NEVER") => Passthrough::Never,
            Some("WHEN_NO_TEMPLATES") => Passthrough::WhenNoTemplates,
            _ => Passthrough::WhenNoMatch,
        },
        handling: handling(written),
        timeout_ms: timeout(&written["timeoutInMillis"], TIMEOUT_MS),
        trusts_any_authority: written["tlsConfig"]["insecureSkipVerification"] == true,
        streams: written["responseTransferMode"] == "STREAM",
        responses: entries(&written["integrationResponses"])
            .map(|(code, written)| response(code, written))
            .collect(),
    };
    Ok(made)
}

/// Lambda has other paths too.
fn is_invocation(uri: &str) -> bool {
    uri.contains(":lambda:path/") && uri.ends_with("/invocations")
}

fn credentials(written: &Value) -> String {
    let said = written["credentials"].as_str();
    said.unwrap_or_default().to_owned()
}

fn function(written: &Value, facts: FunctionCall) -> FunctionCall {
    let uri = written["uri"].as_str().unwrap_or_default();
    FunctionCall {
        // AWS finds out at a call that a function is invoked by POST.
        function: match written["httpMethod"].as_str() {
            Some("POST") => uri.to_owned(),
            _ => String::new(),
        },
        timeout_ms: timeout(&written["timeoutInMillis"], TIMEOUT_MS),
        streams: written["responseTransferMode"] == "STREAM",
        ..facts
    }
}

fn response(code: &str, written: &Value) -> Response {
    Response {
        status: code.parse().unwrap_or(500),
        selection_pattern: written["selectionPattern"].as_str().map(str::to_owned),
        parameters: texts(&written["responseParameters"]),
        templates: texts(&written["responseTemplates"]),
        handling: handling(written),
    }
}

fn handling(written: &Value) -> Option<ContentHandling> {
    match written["contentHandling"].as_str()? {
        "CONVERT_TO_BINARY" => Some(ContentHandling::ToBinary),
        "CONVERT_TO_TEXT" => Some(ContentHandling::ToText),
        _ => None,
    }
}

/// AWS's sizes are gigabytes: `0.5`. 0: there is no cache.
fn cache_bytes(stage: &Record) -> usize {
    if stage.get("cacheClusterEnabled") != Some(&Value::Bool(true)) {
        return 0;
    }
    let size: f64 = text(stage, "cacheClusterSize").parse().unwrap_or(0.5);
    (size.clamp(0.0, 237.0) * 1_000_000_000.0) as usize
}

/// How answers of a method are kept: where the stage has a cache, and the settings of the method
/// or, for GET alone, of all methods say so.
fn cache(stage: &Record, path: &str, verb: &str, integration: &Value) -> Option<Cache> {
    if stage.get("cacheClusterEnabled") != Some(&Value::Bool(true)) {
        return None;
    }
    let all = stage.get("methodSettings")?;
    let own = format!("{}/{verb}", path.trim_start_matches('/'));
    let usual = || all.get("*/*").filter(|_| verb == "GET");
    let settings = all.get(&own).or_else(usual)?;
    let ttl = settings["cacheTtlInSeconds"]
        .as_u64()
        .unwrap_or(CACHE_TTL_S);
    let ttl_s = u32::try_from(ttl).ok().filter(|ttl_s| *ttl_s > 0)?;
    (settings["cachingEnabled"] == true).then(|| Cache {
        ttl_s,
        namespace: integration["cacheNamespace"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
        parameters: items(&integration["cacheKeyParameters"])
            .filter_map(|name| name.as_str().map(str::to_owned))
            .collect(),
        needs_authorization: settings["requireAuthorizationForCacheControl"] != false,
        unauthorized: match settings["unauthorizedCacheControlHeaderStrategy"].as_str() {
            Some("FAIL_WITH_403") => Unauthorized::Refused,
            Some("SUCCEED_WITHOUT_RESPONSE_HEADER") => Unauthorized::Ignored,
            _ => Unauthorized::Warned,
        },
    })
}

/// What the settings of the method, else those of all methods, send to the execution log.
fn log(stage: &Record, path: &str, verb: &str) -> Option<ExecutionLog> {
    let settings = method_settings(stage, path, verb)?;
    match settings["loggingLevel"].as_str()? {
        "ERROR" => Some(ExecutionLog::Failures),
        "INFO" if settings["dataTraceEnabled"] == true => Some(ExecutionLog::Payloads),
        "INFO" => Some(ExecutionLog::Steps),
        _ => None,
    }
}

/// The settings of the method itself, else those of all methods of the stage.
fn method_settings<'s>(stage: &'s Record, path: &str, verb: &str) -> Option<&'s Value> {
    let all = stage.get("methodSettings")?;
    let own = format!("{}/{verb}", path.trim_start_matches('/'));
    all.get(&own).or_else(|| all.get("*/*"))
}

/// AWS's usual time to live of a cached answer.
const CACHE_TTL_S: u64 = 300;

fn method_throttle(stage: &Record, path: &str, verb: &str) -> Option<Throttle> {
    let settings = method_settings(stage, path, verb)?;
    // -1 stands for no limit.
    let rate = settings["throttlingRateLimit"].as_f64();
    let rate = rate.filter(|rate| *rate >= 0.0);
    throttle(rate, settings["throttlingBurstLimit"].as_u64())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_cannot_be_served_is_named() {
        let check = |written: Value, expected: Result<Kind, &str>| {
            let made = integration(&written, FunctionCall::default()).map(|made| made.kind);
            assert_eq!(made, expected.map_err(str::to_owned), "{written}");
        };
        check(json!({ "type": "MOCK" }), Ok(Kind::Mock));
        let over_link = json!({ "type": "HTTP", "connectionType": "VPC_LINK" });
        check(over_link, Err("An integration over a VPC link"));
        let queue = "arn:aws:apigateway:eu-west-1:sqs:path/111122223333/pets";
        let asks = Kind::Service(Service {
            uri: queue.to_owned(),
            method: Some("POST".to_owned()),
            credentials: "role".to_owned(),
        });
        check(
            json!({ "type": "AWS", "uri": queue, "httpMethod": "POST", "credentials": "role" }),
            Ok(asks),
        );
        let uri = "arn:aws:apigateway:eu-west-1:lambda:path/2015-03-31/functions/f/invocations";
        let call = |function: &str| {
            Ok(Kind::Function(FunctionCall {
                function: function.to_owned(),
                timeout_ms: TIMEOUT_MS,
                ..FunctionCall::default()
            }))
        };
        check(
            json!({ "type": "AWS", "uri": uri, "httpMethod": "POST" }),
            call(uri),
        );
        check(
            json!({ "type": "AWS", "uri": uri, "httpMethod": "GET" }),
            call(""),
        );
    }

    #[test]
    fn a_validator_that_looks_at_parameters_wants_those_that_are_required() {
        let method = json!({ "requestParameters": {
            "method.request.header.a": true,
            "method.request.querystring.b": false,
        }});
        let looks = json!({ "validateRequestParameters": true });
        assert_eq!(required(&method, Some(&looks)), ["method.request.header.a"]);
        assert!(required(&method, Some(&json!({}))).is_empty());
        assert!(required(&method, None).is_empty());
    }
}

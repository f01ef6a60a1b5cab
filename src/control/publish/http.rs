//! Stages of HTTP APIs, as their deployments froze them.

use std::sync::Arc;

use serde_json::Value;

use crate::aws::subtype::REGION;
use crate::control::desk::{Record, Scope, text};
use crate::control::error::{Error, Outcome};
use crate::control::publish::{
    AUTHORIZER_EPOCH, access_log, epoch, guard, link, method_of, throttle, timeout, unserved,
    variables,
};
use crate::control::v2;
use crate::model::Throttle;
use crate::model::v2::{
    Cors, EventFormat, FunctionCall, Integration, Mapped, Mappings, Route, RouteKey, Stage,
    SubtypeCall,
};

pub(in crate::control::publish) fn stage(
    stage: &Record,
    deployment: &Record,
    scope: &Scope,
) -> Outcome<Stage> {
    let frozen = deployment.get("frozen").unwrap_or(&Value::Null);
    let all = |key: &str| frozen[key].as_array().map_or(&[][..], Vec::as_slice);
    let mut routes = Vec::new();
    for written in all("routes") {
        let written = (frozen, written);
        routes.push(route(stage, written, all("integrations"), scope)?);
    }
    Ok(Stage {
        account_id: scope.account.clone(),
        region: scope.region.clone(),
        name: text(stage, "stageName").to_owned(),
        variables: variables(stage, "stageVariables"),
        access_log_format: access_log(stage),
        authorizer_epoch: epoch(stage, AUTHORIZER_EPOCH),
        cors: cors(&frozen["corsConfiguration"]),
        routes: Some(Arc::new(routes)),
        ..Stage::default()
    })
}

fn cors(frozen: &Value) -> Option<Cors> {
    let frozen = frozen.as_object()?;
    let texts = |key: &str| {
        let all = frozen
            .get(key)
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        let all = all.filter_map(Value::as_str);
        all.map(str::to_owned).collect()
    };
    Some(Cors {
        allow_origins: texts("allowOrigins"),
        allow_methods: texts("allowMethods"),
        allow_headers: texts("allowHeaders"),
        expose_headers: texts("exposeHeaders"),
        allow_credentials: frozen.get("allowCredentials") == Some(&Value::Bool(true)),
        max_age_s: frozen.get("maxAge").and_then(Value::as_i64),
    })
}

/// A route without a target checks its callers, as they may be others than those of the next route
/// that its calls would fall to, and refuses them.
fn route(
    stage: &Record,
    (frozen, route): (&Value, &Value),
    integrations: &[Value],
    scope: &Scope,
) -> Outcome<Route> {
    let key = route["routeKey"].as_str().unwrap_or_default();
    let id = route["target"]
        .as_str()
        .and_then(|target| target.strip_prefix("integrations/"));
    let found = id.and_then(|id| {
        integrations
            .iter()
            .find(|other| other["integrationId"] == *id)
    });
    let parsed = RouteKey::parse(key)
        .map_err(|error| Error::bad_request(format!("Route {key} cannot be served: {error}")))?;
    let facts = FunctionCall {
        account_id: scope.account.clone(),
        ..FunctionCall::default()
    };
    let guard = guard::guard((frozen, route), &Ok(None), &facts, scope);
    let (integration, guard) = match guard {
        Ok(guard) => {
            let served = found.map(|found| asked(found, scope).unwrap_or_else(unserved));
            (served.unwrap_or_else(untargeted), guard)
        }
        Err(refusal) => (refusal, None),
    };
    Ok(Route {
        integration,
        key: parsed,
        throttle: route_throttle(stage, key),
        body_bytes_max: None,
        guard,
    })
}

fn untargeted() -> Integration {
    Integration::Unserved {
        status: 500,
        what: "The route has no integration".to_owned(),
    }
}

/// The error says what of the integration cannot be served.
fn asked(integration: &Value, scope: &Scope) -> Result<Integration, String> {
    let kind_of = integration["integrationType"].as_str().unwrap_or_default();
    let link = integration["connectionType"].as_str().unwrap_or_default();
    match (kind_of, link) {
        ("HTTP_PROXY", "VPC_LINK") => {
            return Err(link::fault(integration));
        }
        ("HTTP_PROXY", _) | ("AWS_PROXY", "INTERNET") => {}
        (other, _) => return Err(format!("Integration type {other}")),
    }
    let tls = integration["tlsConfig"].as_object();
    if tls.is_some_and(|tls| !tls.is_empty()) {
        return Err("An integration with tlsConfig".to_owned());
    }
    if kind_of == "AWS_PROXY" {
        return function(integration, scope);
    }
    Ok(http_proxy(integration))
}

/// The error says what of the integration cannot be served.
fn function(integration: &Value, scope: &Scope) -> Result<Integration, String> {
    if integration["integrationSubtype"].is_string() {
        return subtype(integration, scope);
    }
    Ok(Integration::Function(Box::new(FunctionCall {
        function: integration["integrationUri"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
        format: match integration["payloadFormatVersion"].as_str() {
            Some("2.0") => EventFormat::Http2,
            _ => EventFormat::Http1,
        },
        timeout_ms: timeout(&integration["timeoutInMillis"], 30_000),
        account_id: scope.account.clone(),
        credentials: integration["credentialsArn"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
        mappings: mappings(integration),
        ..FunctionCall::default()
    })))
}

/// The error says what of the integration cannot be served.
fn subtype(integration: &Value, scope: &Scope) -> Result<Integration, String> {
    let text = |member: &str| integration[member].as_str().unwrap_or_default().to_owned();
    let name = text("integrationSubtype");
    let record = integration.as_object();
    // What an older version kept was not checked.
    if record.is_none_or(|record| v2::subtype::check(record).is_err()) {
        return Err(format!("Integration subtype {name} with these parameters"));
    }
    let mut parameters = pairs(&integration["requestParameters"]);
    let region = parameters.iter().position(|(name, _)| name == REGION);
    let region = region.map(|at| parameters.remove(at).1);
    Ok(Integration::Subtype(Box::new(SubtypeCall {
        subtype: name,
        parameters,
        region: region.unwrap_or_else(|| scope.region.clone()),
        credentials: text("credentialsArn"),
        timeout_ms: timeout(&integration["timeoutInMillis"], 30_000),
        responses: responses(integration),
    })))
}

/// With what is changed on the way, if anything is.
fn http_proxy(integration: &Value) -> Integration {
    let uri = integration["integrationUri"].as_str().unwrap_or_default();
    let uri = uri.to_owned();
    let method = method_of(integration["integrationMethod"].as_str());
    let timeout_ms = timeout(&integration["timeoutInMillis"], 30_000);
    let mappings = mappings(integration);
    if mappings.is_empty() {
        return Integration::HttpProxy {
            uri,
            method,
            timeout_ms,
        };
    }
    Integration::Mapped(Box::new(Mapped {
        uri,
        method,
        timeout_ms,
        mappings,
    }))
}

fn mappings(integration: &Value) -> Mappings {
    Mappings {
        request: pairs(&integration["requestParameters"]),
        responses: responses(integration),
    }
}

fn responses(integration: &Value) -> Vec<(u16, Vec<(String, String)>)> {
    let by_status = integration["responseParameters"].as_object();
    let by_status = by_status.into_iter().flatten();
    let responses = by_status.filter_map(|(status, table)| {
        let status = status.parse().ok()?;
        Some((status, pairs(table)))
    });
    responses.collect()
}

fn pairs(table: &Value) -> Vec<(String, String)> {
    let table = table.as_object().into_iter().flatten();
    let pairs = table.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
    pairs.collect()
}

/// The settings of the route itself, else those for all routes of the stage.
fn route_throttle(stage: &Record, key: &str) -> Option<Throttle> {
    let own = stage.get("routeSettings").map(|all| &all[key]);
    let usual = stage.get("defaultRouteSettings");
    let member = |name: &str| {
        let settings = own.into_iter().chain(usual);
        settings
            .map(|settings| &settings[name])
            .find(|value| value.is_number())
    };
    let rate = member("throttlingRateLimit").and_then(Value::as_f64);
    let burst = member("throttlingBurstLimit").and_then(Value::as_u64);
    throttle(rate, burst)
}

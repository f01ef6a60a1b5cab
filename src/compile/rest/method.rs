//! One method in one stage: whom it asks, and what it moves on the way there and back.

use std::sync::Arc;

use crate::compile::function;
use crate::compile::group::Groups;
use crate::compile::problem::{Fault, Place, Problems};
use crate::compile::rest::{Schemas, map, service, uri};
use crate::compile::target::{Made, Needs, TIMEOUT_MS_MIN, method_of};
use crate::lang::params::{Part, Source};
use crate::lang::pattern::Pattern;
use crate::model::rest::{self, Method};
use crate::model::v2::{Api, RouteKey, Stage};
use crate::plan::rest::{
    CacheRule, ExecutionLog, Kind, Parameter, Passthrough, Reply, RequestMap, RestRoute,
    Unauthorized,
};
use crate::plan::{HttpTarget, Pieces, Target};

/// What the method becomes; none if something is wrong, which is then said.
///
/// What AWS finds out only when a method is called becomes the fault of its route.
pub(in crate::compile) fn method(
    method: &Method,
    api: &Api,
    key: &RouteKey,
    stage: &Stage,
    (groups, schemas): (&mut Groups<'_>, &mut Schemas<'_>),
    place: &Place<'_>,
    problems: &mut Problems,
) -> Option<Made> {
    let integration = &method.integration;
    if integration.timeout_ms < TIMEOUT_MS_MIN {
        let message = format!("a timeout is at least {TIMEOUT_MS_MIN} milliseconds");
        problems.push(&place.then("timeout"), Fault::new(message));
    }
    let mut route = match draft(method, key, stage, schemas) {
        Ok(route) => route,
        Err(fault) => {
            problems.push(place, fault);
            return None;
        }
    };
    let (uri, verb) = match &integration.kind {
        rest::Kind::Mock => return Some(alone(route)),
        rest::Kind::FunctionProxy(call) | rest::Kind::Function(call)
            if call.function.is_empty() =>
        {
            route.fault = Some("A function can only be invoked by POST".into());
            return Some(alone(route));
        }
        rest::Kind::FunctionProxy(call) | rest::Kind::Function(call) => {
            let made = function::target(call, api, key, stage, groups, place, problems)?;
            return Some(Made {
                rest: Some(Box::new(route)),
                ..made
            });
        }
        rest::Kind::Service(asked) => {
            let asked = (integration, asked);
            return Some(
                match service::target(asked, key, stage, groups, &mut route) {
                    Ok((target, needs)) => Made {
                        target: Target::Service(Arc::new(target)),
                        needs: Some(needs),
                        rest: Some(Box::new(route)),
                    },
                    Err(faults) => faulty(route, faults),
                },
            );
        }
        rest::Kind::Http { uri, method } | rest::Kind::HttpProxy { uri, method } => (uri, method),
    };
    match asked(integration, key, stage, groups, &mut route, uri) {
        Ok((mut target, needs)) => {
            match verb.as_deref().map(method_of).transpose() {
                Ok(verb) => target.method = verb,
                Err(fault) => problems.push(&place.then("method"), fault),
            }
            Some(Made {
                target: Target::Http(target),
                needs: Some(needs),
                rest: Some(Box::new(route)),
            })
        }
        Err(faults) => Some(faulty(route, faults)),
    }
}

/// What AWS finds out only when the method is called.
fn faulty(mut route: RestRoute, faults: Vec<Fault>) -> Made {
    let messages: Vec<String> = faults.into_iter().map(|fault| fault.message).collect();
    route.fault = Some(messages.join("; ").into());
    alone(route)
}

fn alone(route: RestRoute) -> Made {
    Made {
        target: Target::Nobody,
        needs: None,
        rest: Some(Box::new(route)),
    }
}

/// All but the URI.
fn draft(
    method: &Method,
    key: &RouteKey,
    stage: &Stage,
    schemas: &mut Schemas<'_>,
) -> Result<RestRoute, Fault> {
    let integration = &method.integration;
    let kind = match integration.kind {
        rest::Kind::Mock => Kind::Mock,
        rest::Kind::Http { .. } => Kind::Http,
        rest::Kind::HttpProxy { .. } => Kind::HttpProxy,
        rest::Kind::FunctionProxy(_) => Kind::FunctionProxy,
        rest::Kind::Function(_) => Kind::Function,
        rest::Kind::Service(_) => Kind::Service,
    };
    let request = request_map(integration, kind, stage)?;
    let mut required = Vec::new();
    for name in &method.required {
        required.push(parameter(name)?);
    }
    required.sort_by(|one, other| order(one).cmp(&order(other)));
    let models = match &method.models {
        Some(models) => Some(schemas.of_method(models)?),
        None => None,
    };
    // AWS does not support for streams what needs the whole answer: "Endpoint caching".
    let cache = match method.cache.as_ref().filter(|_| !integration.streams) {
        Some(cache) => Some(cache_rule(cache)?),
        None => None,
    };
    let mut replies = Vec::new();
    for response in &integration.responses {
        replies.push(reply(response, stage)?);
    }
    replies.sort_by_key(|reply| reply.status);
    let path = key.to_string();
    let (verb, path) = path.split_once(' ').unwrap_or(("ANY", "/"));
    let throttle_key = format!("{path}/{verb}");
    Ok(RestRoute {
        resource_id: method.resource_id.as_str().into(),
        resource_path: path.into(),
        throttle_key: throttle_key.trim_start_matches('/').into(),
        api_key_required: method.api_key_required,
        key_of_authorizer: method.key_of_authorizer,
        required: required.into(),
        kind,
        models,
        is_plain: false,
        streams: integration.streams,
        needs_body: matches!(kind, Kind::Http | Kind::Function | Kind::Service)
            || method.models.is_some()
            || !request.templates.is_empty()
            || request.sources().any(Source::needs_request_body),
        request,
        replies: replies.into(),
        cache,
        log: method.log.map(log),
        fault: None,
        timeout_ms: integration.timeout_ms,
    })
}

/// What of a request is moved, but for the URI.
fn request_map(
    integration: &rest::Integration,
    kind: Kind,
    stage: &Stage,
) -> Result<RequestMap, Fault> {
    let parameters = &integration.request_parameters;
    Ok(RequestMap {
        headers: map::headers(parameters, "integration.request.header.", stage)?,
        queries: map::headers(parameters, "integration.request.querystring.", stage)?,
        templates: match kind {
            Kind::HttpProxy | Kind::FunctionProxy => Box::default(),
            _ => map::templates(&integration.request_templates, "the request")?,
        },
        passthrough: match integration.passthrough {
            rest::Passthrough::WhenNoMatch => Passthrough::WhenNoMatch,
            rest::Passthrough::WhenNoTemplates => Passthrough::WhenNoTemplates,
            rest::Passthrough::Never => Passthrough::Never,
        },
        handling: integration.handling.map(map::handling),
        ..RequestMap::default()
    })
}

fn log(log: rest::ExecutionLog) -> ExecutionLog {
    match log {
        rest::ExecutionLog::Failures => ExecutionLog::Failures,
        rest::ExecutionLog::Steps => ExecutionLog::Steps,
        rest::ExecutionLog::Payloads => ExecutionLog::Payloads,
    }
}

fn cache_rule(cache: &rest::Cache) -> Result<CacheRule, Fault> {
    let parameters = cache.parameters.iter();
    let parameters = parameters
        // What the integration is sent follows from what the method was.
        .filter(|name| name.starts_with("method."))
        .map(|name| parameter(name));
    Ok(CacheRule {
        ttl_s: cache.ttl_s,
        namespace: cache.namespace.as_str().into(),
        parameters: parameters.collect::<Result<_, _>>()?,
        needs_authorization: cache.needs_authorization,
        unauthorized: match cache.unauthorized {
            rest::Unauthorized::Refused => Unauthorized::Refused,
            rest::Unauthorized::Warned => Unauthorized::Warned,
            rest::Unauthorized::Ignored => Unauthorized::Ignored,
        },
    })
}

/// AWS names what is missing in the order of headers, paths and queries, each by name.
fn order(parameter: &Parameter) -> (u8, &str) {
    match parameter {
        Parameter::Header(name) => (0, name),
        Parameter::Path(name) => (1, name),
        Parameter::Query(name) => (2, name),
    }
}

fn parameter(text: &str) -> Result<Parameter, Fault> {
    match Source::parse(text) {
        Some(Source::Request(Part::Header(name))) => Ok(Parameter::Header(name)),
        Some(Source::Request(Part::Path(name))) => Ok(Parameter::Path(name)),
        Some(Source::Request(Part::Query(name))) => Ok(Parameter::Query(name)),
        _ => Err(Fault::new(format!("`{text}` is not a parameter"))),
    }
}

fn reply(response: &rest::Response, stage: &Stage) -> Result<Reply, Fault> {
    let pattern = response.selection_pattern.as_deref();
    let pattern = pattern.filter(|pattern| !pattern.is_empty());
    let pattern = pattern.map(|pattern| {
        let wrong = |error| {
            let message = format!("the selection pattern `{pattern}` cannot be used: {error}");
            Fault::new(message)
        };
        Pattern::full(pattern).map_err(wrong)
    });
    let of = format!("the response {}", response.status);
    Ok(Reply {
        pattern: pattern.transpose()?,
        status: response.status,
        headers: map::headers(&response.parameters, "method.response.header.", stage)?,
        templates: map::templates(&response.templates, &of)?,
        handling: response.handling.map(map::handling),
    })
}

/// Whom a method with a URI asks.
fn asked(
    integration: &rest::Integration,
    key: &RouteKey,
    stage: &Stage,
    groups: &mut Groups<'_>,
    route: &mut RestRoute,
    written: &str,
) -> Result<(HttpTarget, Needs), Vec<Fault>> {
    let one = |fault: Fault| vec![fault];
    let mut read = uri::read(written, stage)?;
    read.uri.authority.trusts_any_authority = read.uri.tls && integration.trusts_any_authority;
    let parameters = &integration.request_parameters;
    let mapped = map::headers(parameters, "integration.request.path.", stage).map_err(one)?;
    let path = read.parts(&read.uri.path, key, &mapped).map_err(one)?;
    let query = read.parts(&read.uri.query, key, &mapped).map_err(one)?;
    let resolved = groups.resolve(read.uri.tls, &read.uri.authority);
    let resolved = resolved.map_err(one)?;
    let mut target = HttpTarget {
        group: resolved.group,
        host: resolved.host,
        path: Pieces::default(),
        query: Pieces::default(),
        method: None,
        timeout_ms: integration.timeout_ms,
    };
    let needs = Needs {
        lookup: resolved.lookup,
        key: resolved.key,
    };
    let is_plain = route.kind == Kind::HttpProxy && route.request.is_empty();
    match (uri::pieces(&path, key), uri::pieces(&query, key)) {
        (Some(path), Some(query)) if is_plain => {
            target.path = path;
            target.query = query;
        }
        _ => {
            route.request.path = path;
            route.request.query = query;
        }
    }
    let settings = stage.rest.as_deref();
    let compresses = settings.is_some_and(|own| own.minimum_compression_size.is_some());
    route.needs_body |= route.request.sources().any(Source::needs_request_body);
    route.is_plain = route.kind == Kind::HttpProxy
        && route.request.is_empty()
        && route.required.is_empty()
        && !route.api_key_required
        && route.cache.is_none()
        && route.models.is_none()
        && !route.streams
        && route.log.is_none()
        && !compresses;
    Ok((target, needs))
}

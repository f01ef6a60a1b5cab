//! Methods that ask services of AWS: the ARN of their URI to whom they ask, and for what.

use crate::aws::action::Protocol;
use crate::aws::arn::{Call, IntegrationUri};
use crate::aws::endpoint::Endpoint;
use crate::base::Method;
use crate::compile::function::with_variables;
use crate::compile::group::Groups;
use crate::compile::problem::Fault;
use crate::compile::rest::{map, uri};
use crate::compile::service;
use crate::compile::target::{Needs, method_of};
use crate::model::rest;
use crate::model::v2::{RouteKey, Stage};
use crate::plan::rest::RestRoute;
use crate::plan::service::{Action, ServiceTarget};

/// Whom a method asks. `route` learns the path and the query of its requests.
///
/// # Errors
/// What AWS finds out when the method is called.
pub fn target(
    (integration, asked): (&rest::Integration, &rest::Service),
    key: &RouteKey,
    stage: &Stage,
    groups: &mut Groups<'_>,
    route: &mut RestRoute,
) -> Result<(ServiceTarget, Needs), Vec<Fault>> {
    let one = |fault: Fault| vec![fault];
    let written = with_variables(&asked.uri, stage);
    let parsed = IntegrationUri::parse(&written);
    let parsed = parsed.map_err(|error| vec![Fault::new(error.to_string())])?;
    let endpoint = Endpoint {
        subdomain: parsed.subdomain,
        service: parsed.service,
        region: parsed.region,
    };
    let credentials = with_variables(&asked.credentials, stage);
    let (service, needs) = service::service(&endpoint, &credentials, groups).map_err(one)?;
    let (target, action) = match parsed.call {
        Call::Path(path) => (format!("/{}", path.trim_start_matches('/')), None),
        Call::Action(text) => {
            let (name, parameters) = text.split_once('&').unwrap_or((text, ""));
            acted(
                Protocol::of(&endpoint),
                name,
                parameters,
                &integration.request_parameters,
            )
        }
    };
    // The host is of no account here: it says how to read a path and a query.
    let read = uri::read(&format!("http://service{target}"), stage)?;
    let parameters = &integration.request_parameters;
    let mapped = map::headers(parameters, "integration.request.path.", stage).map_err(one)?;
    route.request.path = read.parts(&read.uri.path, key, &mapped).map_err(one)?;
    route.request.query = read.parts(&read.uri.query, key, &mapped).map_err(one)?;
    let method = match asked.method.as_deref() {
        None => None,
        Some("HEAD") => Some(Method::Head),
        Some(text) => Some(method_of(text).map_err(one)?),
    };
    let target = ServiceTarget {
        service,
        method,
        action,
    };
    Ok((target, needs))
}

/// Path and query of an action, and what else says which it is.
fn acted(
    protocol: Protocol,
    name: &str,
    parameters: &str,
    mapped: &[(String, String)],
) -> (String, Option<Action>) {
    match protocol {
        Protocol::Json {
            prefix,
            content_type,
        } => {
            let query = match parameters {
                "" => String::new(),
                parameters => format!("?{parameters}"),
            };
            let action = Action {
                target: format!("{prefix}.{name}").into(),
                content_type,
            };
            (format!("/{query}"), Some(action))
        }
        Protocol::Query { version } => {
            let says_version = parameters
                .split('&')
                .any(|pair| pair.split('=').next() == Some("Version"))
                || mapped
                    .iter()
                    .any(|(key, _)| key == "integration.request.querystring.Version");
            let mut target = format!("/?Action={name}");
            if let Some(version) = version.filter(|_| !says_version) {
                target.push_str("&Version=");
                target.push_str(version);
            }
            if !parameters.is_empty() {
                target.push('&');
                target.push_str(parameters);
            }
            (target, None)
        }
    }
}

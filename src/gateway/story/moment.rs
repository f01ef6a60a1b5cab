//! The moments of a call of a REST API, in the words of AWS's execution logs.
//! (Recorded from TestInvokeMethod; "Set up CloudWatch logging for REST APIs".)

use std::borrow::Cow;

use crate::gateway::asked::Asked;
use crate::gateway::http::rest_of_path;
use crate::gateway::story::{authorizing, explain, invocation, text};
use crate::gateway::{Answer, Call, Reject, Story};
use crate::plan::Guard;
use crate::plan::rest::ExecutionLog::{Failures, Payloads, Steps};
use crate::plan::rest::{Kind, RestRoute, RestStage};

/// What is told of a call that its method has answered.
pub const SUCCESS: &str = "Successfully completed execution";

/// What AWS calls a host that cannot be found.
pub const NO_ADDRESS: &str = "Invalid endpoint address";

/// A key was asked for, or need not be.
pub fn keys(call: &Call<'_>, (stage, route): (&RestStage, &RestRoute)) {
    let Some(story) = call.story().filter(|story| !story.is_test) else {
        return;
    };
    verifying(call, story, stage);
    let key = call
        .api_key
        .map_or(String::new(), |key| text::masked(&key.value));
    let (method, path) = (verb(route), &*route.resource_path);
    story.line(Steps, || match route.api_key_required {
        false => format!(
            "API Key {key} authorized because method '{method} {path}' does not require API Key. \
             Request will not contribute to throttle or quota limits"
        ),
        true => format!("API Key {key} authorized because it is associated with a usage plan"),
    });
    let scope = &stage.scope;
    story.line(Steps, || {
        format!("Usage Plan check succeeded for API Key {key} and API Stage {scope}")
    });
}

fn verifying(call: &Call<'_>, story: &Story, stage: &RestStage) {
    story.line(Steps, || {
        format!("Extended Request Id: {}", call.request_id.as_str())
    });
    let key = call
        .api_key
        .map_or(String::new(), |key| text::masked(&key.value));
    let (id, scope) = (id(call), &stage.scope);
    story.line(Steps, || {
        format!("Verifying Usage Plan for request: {id}. API Key: {key} API Stage: {scope}")
    });
}

/// The verb of a method, as its throttle key ends.
fn verb(route: &RestRoute) -> &str {
    let verb = route.throttle_key.rsplit('/').next();
    verb.unwrap_or_default()
}

pub(super) fn id<'c>(call: &'c Call<'_>) -> Cow<'c, str> {
    String::from_utf8_lossy(call.shown_request_id())
}

/// The method begins: nothing but itself can refuse the call from now on. `asked` has the body, if
/// that has been read.
pub fn started(call: &Call<'_>, asked: &Asked<'_>) {
    let Some(story) = call.story() else { return };
    let secrets = asked
        .all_headers()
        .filter(|(name, _)| text::is_secret(name));
    story.start(secrets.map(|(_, value)| value.into_owned()).collect());
    story.line(Steps, || {
        format!("Starting execution for request: {}", id(call))
    });
    story.line(Steps, || {
        let method = lossy(asked.head.method_token.of(asked.bytes));
        let path = rest_of_path(asked.head.path.of(asked.bytes), call.base);
        format!("HTTP Method: {method}, Resource Path: {}", lossy(path))
    });
    story.line(Payloads, || {
        let names = call.route.map_or(&[][..], |route| &route.param_names);
        let found = names.iter().filter_map(|name| {
            let value = asked.path_parameter(call, name)?;
            Some((&**name, value))
        });
        format!("Method request path: {}", text::map(found))
    });
    story.line(Payloads, || {
        format!(
            "Method request query string: {}",
            text::map(asked.queries())
        )
    });
    story.line(Payloads, || {
        format!(
            "Method request headers: {}",
            text::headers(asked.all_headers())
        )
    });
    story.line(Payloads, || {
        let body = text::payload(asked.body);
        format!("Method request body before transformations: {body}")
    });
}

/// A whole HTTP/1.1 request is about to go to an integration.
pub fn sending(call: &Call<'_>, is_tls: bool, head: &[u8], body: &[u8]) {
    let Some(story) = call.story() else { return };
    let scheme = if is_tls { "https" } else { "http" };
    let head = String::from_utf8_lossy(head);
    let mut lines = head.split("\r\n");
    let path = lines.next().and_then(|line| line.split(' ').nth(1));
    let fields = || lines.clone().filter_map(|line| line.split_once(": "));
    let host = fields().find(|(name, _)| name.eq_ignore_ascii_case("host"));
    let host = host.map_or("", |(_, host)| host);
    let uri = format!("{scheme}://{host}{}", path.unwrap_or_default());
    // A payload repeats what the client sent.
    let body = story.without_secrets(text::payload(body).into_owned());
    endpoint_request(story, &uri, fields(), &body);
}

pub(super) fn endpoint_request<N, V>(
    story: &Story,
    uri: &str,
    fields: impl IntoIterator<Item = (N, V)>,
    body: &str,
) where
    N: AsRef<str>,
    V: AsRef<str>,
{
    story.line(Payloads, || format!("Endpoint request URI: {uri}"));
    story.line(Payloads, || {
        format!("Endpoint request headers: {}", text::headers(fields))
    });
    story.line(Payloads, || {
        format!("Endpoint request body after transformations: {body}")
    });
    story.line(Steps, || format!("Sending request to {uri}"));
}

/// The integration has answered.
pub fn received(call: &Call<'_>, answer: &Answer) {
    received_of(call, answer.status, fields(answer), &answer.body);
}

/// The same of an answer in its parts.
pub(super) fn received_of<N, V>(
    call: &Call<'_>,
    status: u16,
    fields: impl IntoIterator<Item = (N, V)>,
    body: &[u8],
) where
    N: AsRef<str>,
    V: AsRef<str>,
{
    let Some(story) = call.story() else { return };
    story.line(Steps, || {
        let latency_ms = call.integration_us / 1000;
        format!("Received response. Status: {status}, Integration latency: {latency_ms} ms")
    });
    story.receive();
    story.fact(explain::INTEGRATION, || explain::integration(call));
    story.line(Payloads, || {
        format!("Endpoint response headers: {}", text::headers(fields))
    });
    story.line(Payloads, || {
        let body = text::payload(body);
        format!("Endpoint response body before transformations: {body}")
    });
}

fn fields(answer: &Answer) -> impl Iterator<Item = (&str, Cow<'_, str>)> {
    let fields = answer.headers.iter();
    fields.map(|field| (field.name, lossy(field.value)))
}

/// What the client gets.
pub fn answering(call: &Call<'_>, answer: &Answer) {
    let Some(story) = call.story() else { return };
    match (call.reject, story.has_started()) {
        (None, _) => {
            story.line(Payloads, || {
                let body = text::payload(&answer.body);
                format!("Method response body after transformations: {body}")
            });
            streaming(call, answer);
        }
        (Some(reject), false) => {
            refused(call, story, reject);
            let name = reject.rest().0.aws_name();
            let status = answer.status;
            story.line(Steps, || {
                format!("Gateway response type: {name} with status code: {status}")
            });
            story.line(Payloads, || {
                format!("Gateway response body: {}", text::payload(&answer.body))
            });
            story.line(Payloads, || {
                format!(
                    "Gateway response headers: {}",
                    text::headers(fields(answer))
                )
            });
        }
        // It is said at the end why the method failed.
        (Some(_), true) => {}
    }
}

/// What the client gets before its payload, which nobody holds.
pub fn streaming(call: &Call<'_>, answer: &Answer) {
    let Some(story) = call.story() else { return };
    story.line(Payloads, || {
        format!("Method response headers: {}", text::headers(fields(answer)))
    });
}

/// The call was refused before its method began.
fn refused(call: &Call<'_>, story: &Story, reject: Reject) {
    let own = call.stage.and_then(|stage| stage.rest.as_deref());
    let route = call.route.and_then(|route| route.rest.as_deref());
    let (Some(stage), Some(route)) = (own, route) else {
        return;
    };
    let guard = call.route.and_then(|route| route.guard.as_deref());
    if guard.is_some_and(Guard::asks_authorizer) && explain::CALLER_REFUSALS.contains(&reject) {
        return authorizing::refused(call, story, reject);
    }
    let key = call
        .api_key
        .map_or(String::new(), |key| text::masked(&key.value));
    let (scope, method, path) = (&stage.scope, verb(route), &*route.resource_path);
    if matches!(reject, Reject::InvalidApiKey | Reject::QuotaExceeded) {
        verifying(call, story, stage);
    }
    story.line(Failures, || match reject {
        Reject::InvalidApiKey => format!(
            "API Key {key} not authorized because method '{method} {path}' requires API Key and \
             API Key is not associated with a Usage Plan for API Stage {scope}: \
             send the value of an enabled key of such a plan as x-api-key"
        ),
        Reject::QuotaExceeded => format!(
            "Usage Plan check failed for API Key {key} and API Stage {scope}: \
             the quota of the plan is used up for this period"
        ),
        Reject::Throttled => format!(
            "Execution failed due to throttling: method '{method} {path}' of API Stage {scope} \
             has no tokens left; raise the rate or burst of the usage plan, method, stage or account"
        ),
        other => format!("Execution failed: {}", call.message(other)),
    });
}

/// The call is over.
pub fn ended(call: &Call<'_>, content_type: Option<&[u8]>) {
    let Some(story) = call.story().filter(|story| story.has_started()) else {
        return;
    };
    let asks = call.route.and_then(|route| route.rest.as_deref());
    let asks = asks.is_some_and(|rest| rest.kind != Kind::Mock);
    if call.integration_status != 0 && asks && !story.has_received() {
        story.line(Steps, || {
            let (status, latency_ms) = (call.integration_status, call.integration_us / 1000);
            format!("Received response. Status: {status}, Integration latency: {latency_ms} ms")
        });
    }
    let status = call.status;
    match call.reject {
        Some(reject) => {
            invocation::refused(call, story, reject);
            story.line(Failures, || failure(call, reject, content_type));
            story.line(Failures, || {
                format!("Method completed with status: {status}")
            });
        }
        None if status == 0 => {
            story.line(Failures, || {
                let why = call.integration_error.as_deref();
                let why = why.unwrap_or("the client closed its connection");
                format!("Execution broke off: {why}")
            });
        }
        None => {
            story.line(Steps, || SUCCESS.to_owned());
            story.line(Steps, || format!("Method completed with status: {status}"));
        }
    }
}

/// Why a method failed.
fn failure(call: &Call<'_>, reject: Reject, content_type: Option<&[u8]>) -> String {
    let why = call.integration_error.as_deref();
    let or = |usual: &'static str| why.unwrap_or(usual).to_owned();
    let media = || lossy(content_type.unwrap_or(b"application/json"));
    match reject {
        Reject::BadRequestBody => format!(
            "Request body does not match model schema for content type {}: {}",
            media(),
            call.validation_error.as_deref().unwrap_or_default()
        ),
        Reject::BadRequestParameters => call.message(reject).to_owned(),
        Reject::UnsupportedMediaType => format!(
            "Execution failed due to configuration error: there is no request template for content \
             type {}, and the passthrough behavior lets no body pass without one",
            media()
        ),
        Reject::MalformedAnswer if is_function_error(why) => {
            invocation::error(call, why.unwrap_or_default())
        }
        Reject::ApiConfigurationError | Reject::InvocationFailed
            if invocation::is_refused(call) =>
        {
            format!(
                "Execution failed due to configuration error: {}",
                invocation::message(why.unwrap_or_default())
            )
        }
        Reject::ApiConfigurationError | Reject::InvocationFailed | Reject::MalformedAnswer => {
            format!(
                "Execution failed due to configuration error: {}",
                or("the method cannot be run as it is configured")
            )
        }
        Reject::IntegrationTimeout => "Execution failed due to a timeout error".to_owned(),
        Reject::IntegrationFailure => format!(
            "Execution failed due to a network error communicating with endpoint: {}",
            or("it did not answer")
        ),
        Reject::InternalError => format!(
            "Execution failed due to an internal error: {}",
            or("the gateway has no part that could serve this method")
        ),
        other => format!("Execution failed: {}", call.message(other)),
    }
}

fn is_function_error(why: Option<&str>) -> bool {
    why.is_some_and(|why| why.starts_with('{'))
}

fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

//! Lambda authorizers: a function is asked who may call, and its decision remembered.
//! (AWS: "Use API Gateway Lambda authorizers", "Control access to HTTP APIs with AWS Lambda
//! authorizers".)

use std::borrow::Cow;
use std::rc::Rc;

use crate::base::json;
use crate::gateway::asked::Asked;
use crate::gateway::auth::said::Said;
use crate::gateway::context::Scene;
use crate::gateway::integrate::event::{Authorizing, Members};
use crate::gateway::integrate::{lambda, mapped, remote};
use crate::gateway::mapping::Form;
use crate::gateway::story::authorizing;
use crate::gateway::{Call, Reject, Stop, Worker};
use crate::lambda::{Invocation, InvokeError, Mode, Returned, Source as Caller};
use crate::lang::mapping::{Expression, Piece, Source as Place};
use crate::lang::params::{Part, Source};
use crate::net::Exchange;
use crate::plan::guard::{Authorizer, Kind, Sources};
use crate::plan::stage::StageKind;

/// What the function says of the caller of a request to `arn`, or has said not long ago.
///
/// # Errors
/// It says that it does not know the caller, or nothing that makes sense; or the request lacks what
/// it would be told.
pub(super) async fn authorize(
    worker: &'static Worker,
    call: &mut Call<'_>,
    exchange: &Exchange<'_>,
    (own, arn): (&Authorizer, &str),
) -> Result<Rc<Said>, Stop> {
    let identity = identity(worker, call, exchange, own);
    authorizing::started(call, &own.id, identity.as_deref().unwrap_or_default());
    let identity = identity.ok_or(Reject::Unauthorized)?;
    let key = (own.ttl_ms > 0 && !identity.is_empty()).then(|| key(own, &identity));
    if let Some(key) = &key
        && let Some(said) = known(worker, key).await
    {
        authorizing::decided(call, said.principal.as_deref());
        return Ok(said);
    }
    let _asking = key.as_deref().and_then(|key| Asking::begin(worker, key));
    let event = event(worker, call, exchange, own, (arn, &identity));
    let said = Rc::new(ask(worker, call, lambda::verb(exchange), own, event).await?);
    authorizing::decided(call, said.principal.as_deref());
    if let Some(key) = key {
        let until_ms = worker.monotonic_ms() + own.ttl_ms;
        worker.decisions.borrow_mut().keep(key, &said, until_ms);
    }
    Ok(said)
}

/// What the function has said of a caller, if need be once it has said it: callers like a browser
/// come with several calls at once. One that failed tells the others nothing, and each asks for itself.
async fn known(worker: &'static Worker, key: &[u8]) -> Option<Rc<Said>> {
    let find = || {
        let now_ms = worker.monotonic_ms();
        worker.decisions.borrow_mut().get(key, now_ms)
    };
    if let Some(said) = find() {
        return Some(said);
    }
    let awaited = worker.decisions.borrow().awaited(key);
    awaited?.raised().await;
    find()
}

/// While it lives others wait for what it is told, however it ends.
struct Asking {
    worker: &'static Worker,
    key: Box<[u8]>,
}

impl Asking {
    /// None where somebody asks already.
    fn begin(worker: &'static Worker, key: &[u8]) -> Option<Self> {
        let is_first = worker.decisions.borrow_mut().ask(key);
        is_first.then(|| Self {
            worker,
            key: key.into(),
        })
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.worker.decisions.borrow_mut().answered(&self.key);
    }
}

/// The values of all identity sources; none if one is missing or empty, or a token does not look
/// like one: "API Gateway returns a 401 Unauthorized response without calling the Lambda function".
fn identity(
    worker: &'static Worker,
    call: &Call<'_>,
    exchange: &Exchange<'_>,
    own: &Authorizer,
) -> Option<Vec<String>> {
    let told = match own.kind {
        // It is told of its token alone.
        Kind::Token => Vec::new(),
        Kind::Request | Kind::Simple => lambda::told(call, exchange, own.target.format),
    };
    let found: Option<Vec<String>> = match &own.sources {
        Sources::Rest(sources) => {
            let asked = &Asked::of(exchange, b"");
            let scene = Scene { call, asked };
            sources
                .iter()
                .map(|source| of_rest(&scene, &told, source))
                .collect()
        }
        Sources::Http(sources) => {
            let scene = mapped::scene(worker, call, exchange);
            let value = |source: &Expression| {
                if let [Piece::Value(Place::RequestHeader(name))] = &*source.pieces {
                    let all: Vec<&str> = values(&told, name).collect();
                    if !all.is_empty() {
                        return Some(all.join(","));
                    }
                }
                let value = scene.value(source, Form::Text)?;
                Some(String::from_utf8_lossy(&value).into_owned())
            };
            sources.iter().map(value).collect()
        }
    };
    let found = found?;
    if found.iter().any(String::is_empty) {
        return None;
    }
    match (&own.validation, found.first()) {
        (Some(pattern), Some(token)) if pattern.is_match(token) != Ok(true) => None,
        _ => Some(found),
    }
}

/// The headers that the function is told of: not all of them are the client's.
type Headers<'a> = [(&'a str, Cow<'a, str>)];

fn values<'a>(told: &'a Headers<'a>, name: &'a str) -> impl DoubleEndedIterator<Item = &'a str> {
    let found = told.iter();
    let found = found.filter(move |(other, _)| other.eq_ignore_ascii_case(name));
    found.map(|(_, value)| &**value)
}

/// Unlike in mappings the case of a header's name makes no difference.
fn of_rest(scene: &Scene<'_>, told: &Headers<'_>, source: &Source) -> Option<String> {
    let Source::Request(Part::Header(name)) = source else {
        return scene.values(source).pop();
    };
    if let Some(value) = values(told, name).next_back() {
        return Some(value.to_owned());
    }
    let (head, bytes) = (scene.asked.head, scene.asked.bytes);
    let mut found = head.fields.iter().rev();
    let found = found.find(|field| field.name.of(bytes).eq_ignore_ascii_case(name.as_bytes()))?;
    Some(String::from_utf8_lossy(found.value.of(bytes)).into_owned())
}

/// Nothing that one caller sends can look like what another one does.
fn key(own: &Authorizer, identity: &[String]) -> Box<[u8]> {
    let mut key = Vec::with_capacity(own.scope.len() + 64);
    let parts = identity.iter().map(String::as_str);
    for part in std::iter::once(&*own.scope).chain(parts) {
        key.extend_from_slice(&(part.len() as u64).to_le_bytes());
        key.extend_from_slice(part.as_bytes());
    }
    key.into()
}

fn event(
    worker: &'static Worker,
    call: &mut Call<'_>,
    exchange: &Exchange<'_>,
    own: &Authorizer,
    (arn, identity): (&str, &[String]),
) -> Vec<u8> {
    if own.kind != Kind::Token {
        let told = Authorizing { arn, identity };
        return lambda::authorizer_event(worker, call, exchange, &own.target, told);
    }
    let mut out = Vec::with_capacity(256);
    let mut members = Members::begin(&mut out);
    members.text("type", "TOKEN");
    members.text("methodArn", arn);
    let token = identity.first().map_or("", String::as_str);
    members.text("authorizationToken", token);
    members.end();
    out
}

async fn ask(
    worker: &'static Worker,
    call: &mut Call<'_>,
    verb: &str,
    own: &Authorizer,
    event: Vec<u8>,
) -> Result<Said, Stop> {
    let target = &*own.target;
    if target.as_caller {
        let why = "Authorizer error: nobody is known yet whose credentials could be used";
        call.authorizer_error = Some(why.into());
        return Err(Reject::AuthorizerConfigurationError.into());
    }
    authorizing::asking(call, &target.arn);
    let invocation = Invocation {
        function: target.arn.clone(),
        qualifier: target.qualifier.clone(),
        payload: event.into(),
        trace_id: call.trace.map(|trace| trace.text()),
        timeout_ms: target.timeout_ms,
        mode: Mode::Call,
        source: target.source.as_ref().map(|source| Caller {
            arn: source.with(verb).into(),
            account: target.facts.account_id.clone(),
        }),
        ..Invocation::default()
    };
    let asked_us = worker.core.now_us();
    // What is told of requests is of integrations, and the event has what the caller is known by.
    let story = call.story.take();
    let outcome = remote::invoke(worker, call, target, invocation).await;
    call.story = story;
    let latency_us = worker.core.now_us() - asked_us;
    let why = call.integration_error.take();
    forget(call);
    let read = match outcome {
        Ok(returned) => read(own, &returned, call.kind),
        Err(error) => Err(refusal(&error, why)),
    };
    if let Ok(returned) = &read {
        authorizing::said(call, &returned.0);
    }
    match read {
        Ok((_, said)) => Ok(Said {
            latency_ms: latency_us / 1_000,
            ..said
        }),
        Err((reject, why)) => {
            call.authorizer_error = why.map(Into::into);
            Err(reject.into())
        }
    }
}

/// What a call knows of whom it has asked is about its integration.
fn forget(call: &mut Call<'_>) {
    call.upstream = None;
    call.integration_status = 0;
    call.integration_us = 0;
    call.stream_us = None;
    call.endpoint_ids = None;
}

/// How a call is refused, and why, for the log.
type Refused = (Reject, Option<String>);

fn read(
    own: &Authorizer,
    returned: &Returned,
    kind: StageKind,
) -> Result<(Vec<u8>, Said), Refused> {
    if returned.function_error.is_some() {
        let payload = String::from_utf8_lossy(&returned.payload);
        let message = json::member(&payload, "errorMessage").unwrap_or_default();
        let message: String = json::read(message.as_bytes()).unwrap_or(message);
        // "The Lambda function … throws an error with the message Unauthorized."
        if message == UNAUTHORIZED {
            return Err((Reject::Unauthorized, None));
        }
        let why = format!(
            "Lambda execution failed with status 200 due to customer function error: {message}"
        );
        return Err((Reject::AuthorizerConfigurationError, Some(why)));
    }
    let said = Said::read(&returned.payload, own.kind, kind == StageKind::Rest);
    match said {
        Ok(said) => Ok((returned.payload.to_vec(), said)),
        Err(why) => Err((Reject::AuthorizerConfigurationError, Some(why))),
    }
}

const UNAUTHORIZED: &str = "Unauthorized";

/// AWS: AUTHORIZER_CONFIGURATION_ERROR for "failing to connect to a custom authorizer",
/// AUTHORIZER_FAILURE where one "failed to authenticate the caller".
fn refusal(error: &InvokeError, why: Option<Box<str>>) -> Refused {
    let reject = match error {
        InvokeError::Forbidden
        | InvokeError::NotFound(_)
        | InvokeError::Unavailable(_)
        | InvokeError::Refused {
            status: 401 | 403, ..
        } => Reject::AuthorizerConfigurationError,
        InvokeError::TimedOut
        | InvokeError::Throttled
        | InvokeError::Unreachable(_)
        | InvokeError::Refused { .. } => Reject::AuthorizerFailure,
    };
    let why = why.map_or_else(
        || Cow::from(error.to_string()),
        |why| why.to_string().into(),
    );
    (reject, Some(format!("Authorizer error: {why}")))
}

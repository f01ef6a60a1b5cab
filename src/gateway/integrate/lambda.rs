//! AWS_PROXY: a function is told of the request and says the answer.

use std::borrow::Cow;

use crate::base::ascii;
use crate::gateway::answer::{Answer, Header, Headers};
use crate::gateway::context::Scene;
use crate::gateway::headers::{self, Given, Rules};
use crate::gateway::http::rest_of_path;
use crate::gateway::integrate::event::{Asked, Authorizing};
use crate::gateway::integrate::event_mapped::Changed;
use crate::gateway::integrate::event_v1::{self, MALFORMED, Reading};
use crate::gateway::integrate::invoke::{self, EVENT_BYTES_MAX, Manner};
use crate::gateway::integrate::{event_v2, mapped};
use crate::gateway::transform::request::Moved;
use crate::gateway::{Call, Reject, Stop, Worker, asked as request, identify, respond};
use crate::lambda::{Mode, Outcome, Returned};
use crate::net::{Exchange, forwarded};
use crate::plan::FunctionTarget;
use crate::plan::function::Format;
use crate::wire::head::{Name, Version};

/// AWS: "Payload size 10 MB" of a request.
const BODY_BYTES_MAX: u64 = 10 << 20;

pub async fn run(
    worker: &'static Worker,
    call: &mut Call<'_>,
    exchange: &mut Exchange<'_>,
    target: &FunctionTarget,
) -> Result<(), Stop> {
    let told = ask(worker, call, exchange, target).await?;
    let mut answer = said(call, exchange, target, told)?;
    let changes = target.changes.as_deref();
    if let Some(changes) = changes.and_then(|changes| changes.reply(answer.status)) {
        mapped::change(worker, call, exchange, changes, &mut answer);
    }
    Ok(respond::answer(worker, call, exchange, &answer).await?)
}

/// The answer of the function of a REST API to a request with this body, for whoever keeps or
/// changes it.
pub(in crate::gateway) async fn answer(
    worker: &'static Worker,
    call: &mut Call<'_>,
    exchange: &Exchange<'_>,
    (target, body): (&FunctionTarget, &[u8]),
) -> Result<Answer, Stop> {
    let told = tell(worker, call, exchange, (target, body)).await?;
    said(call, exchange, target, told)
}

fn said(
    call: &mut Call<'_>,
    exchange: &Exchange<'_>,
    target: &FunctionTarget,
    told: Told,
) -> Result<Answer, Stop> {
    let answer = match told {
        Err(refused) => Err(refused),
        Ok((Mode::Call, Ok(returned))) => {
            let answer = read(target, exchange, &returned);
            call.function_status = answer.as_ref().map_or(0, |answer| answer.status);
            answer
        }
        Ok((Mode::Event | Mode::DryRun, Ok(_))) => Ok(accepted()),
        Ok((_, Err(error))) => Err(invoke::refusal(error)),
    };
    match answer {
        Ok(answer) => Ok(shown(call, target, answer)),
        Err((reject, why)) => {
            call.integration_error = Some(why.into());
            Err(reject.into())
        }
    }
}

/// How the function was asked and what came of it, or why it was not.
type Told = Result<(Mode, Outcome), (Reject, String)>;

/// Tells the function of the request.
async fn ask(
    worker: &'static Worker,
    call: &mut Call<'_>,
    exchange: &mut Exchange<'_>,
    target: &FunctionTarget,
) -> Result<Told, Stop> {
    gather(exchange).await?;
    let body = exchange.upload.gathered().unwrap_or_default();
    tell(worker, call, exchange, (target, body)).await
}

/// Waits for the whole body of the request.
pub(super) async fn gather(exchange: &mut Exchange<'_>) -> Result<(), Stop> {
    let gathered = exchange
        .upload
        .gather(exchange.client, exchange.message, BODY_BYTES_MAX);
    gathered.await.map_err(|error| Stop::from(&error))
}

/// Tells the function of a request whose body is here.
async fn tell(
    worker: &'static Worker,
    call: &mut Call<'_>,
    exchange: &Exchange<'_>,
    (target, body): (&FunctionTarget, &[u8]),
) -> Result<Told, Stop> {
    let (manner, event) = match question(worker, call, exchange, (target, body))? {
        Ok(question) => question,
        Err(refused) => return Ok(Err(refused)),
    };
    let mode = manner.mode;
    let verb = verb(exchange).to_owned();
    let outcome = invoke::run(worker, call, target, manner, &verb, event).await;
    Ok(Ok((mode, outcome)))
}

/// How the function is asked, and the event that it gets; or why it is not.
pub(super) type Question = Result<(Manner, Vec<u8>), (Reject, String)>;

/// The request as the function is asked of it.
pub(super) fn question(
    worker: &'static Worker,
    call: &mut Call<'_>,
    exchange: &Exchange<'_>,
    (target, body): (&FunctionTarget, &[u8]),
) -> Result<Question, Stop> {
    if call.trace.is_none() {
        // APIs of the config file have none, but functions know of traces.
        identify::trace(worker, call, exchange);
    }
    let manner = manner(call, exchange, body);
    let event = event(worker, call, exchange, (target, body), None);
    if event.len() > EVENT_BYTES_MAX {
        return Err(Reject::RequestTooLarge.into());
    }
    Ok(manner.map(|manner| (manner, event)))
}

/// Of what a REST API maps, only how the function is asked counts here.
fn manner(
    call: &Call<'_>,
    exchange: &Exchange<'_>,
    body: &[u8],
) -> Result<Manner, (Reject, String)> {
    let rest = call.route.and_then(|route| route.rest.as_deref());
    match rest {
        Some(rest) if !rest.request.headers.is_empty() => {
            let asked = &request::Asked::of(exchange, body);
            Manner::of(Moved::of(&rest.request), &Scene { call, asked })
        }
        _ => Ok(Manner::default()),
    }
}

pub(in crate::gateway) fn verb<'x>(exchange: &'x Exchange<'_>) -> &'x str {
    let token = exchange.head().method_token.of(exchange.bytes());
    std::str::from_utf8(token).unwrap_or_default()
}

/// The function will be run later, or not at all: nothing is known of its answer.
fn accepted() -> Answer {
    let mut answer = Answer {
        status: 200,
        ..Answer::default()
    };
    answer.headers.push("Content-Type", b"application/json");
    answer
}

/// The event that an authorizer gets.
pub(in crate::gateway) fn authorizer_event(
    worker: &'static Worker,
    call: &Call<'_>,
    exchange: &Exchange<'_>,
    target: &FunctionTarget,
    authorizing: Authorizing<'_>,
) -> Vec<u8> {
    event(worker, call, exchange, (target, b""), Some(authorizing))
}

/// The event in the words of the API.
fn event(
    worker: &'static Worker,
    call: &Call<'_>,
    exchange: &Exchange<'_>,
    (target, body): (&FunctionTarget, &[u8]),
    authorizing: Option<Authorizing<'_>>,
) -> Vec<u8> {
    let (head, bytes) = (exchange.head(), exchange.bytes());
    let lossless = |bytes| std::str::from_utf8(bytes).unwrap_or_default();
    let path = head.path.of(bytes);
    let own_path = rest_of_path(path, call.base);
    let names = call.route.map_or(&[][..], |route| &route.param_names);
    let params = names.iter().zip(0..).map(|(name, index)| {
        let value = lossless(call.params.get(index, own_path));
        // The greedy one ends without the slash that ends the path.
        (&**name, trimmed(target, value))
    });
    let request_id = ascii::text(call.shown_request_id());
    let mut source_ip = Vec::new();
    forwarded::address(&mut source_ip, exchange.client.peer.ip());
    let source_ip = ascii::owned_text(source_ip);
    let time = worker.log_time(call.epoch_ms);
    let said = call.authorized.as_ref();
    let authorizer = said.map(|said| said.event(target.format == Format::Http2));
    let changed = target.changes.as_deref().map(|changes| {
        let scene = mapped::scene(worker, call, exchange);
        Changed::of(&scene, changes)
    });
    let mut asked = Asked {
        facts: &target.facts,
        method: verb(exchange),
        path: lossless(path),
        keeps_base: target.facts.has_own_host || call.by_domain,
        own_path: lossless(own_path),
        mapped_path: None,
        query: head.query.map(|query| lossless(query.of(bytes))),
        headers: told(call, exchange, target.format),
        params: params.collect(),
        body,
        is_binary: is_binary(exchange, target, body),
        source_ip: &source_ip,
        protocol: match head.version {
            Version::Http10 => "HTTP/1.0",
            Version::Http11 => "HTTP/1.1",
        },
        domain: lossless(request::host_name(head.host.of(bytes))),
        request_id: &request_id,
        extended_request_id: call.request_id.as_str(),
        time: &time,
        epoch_ms: call.epoch_ms,
        authorizer: authorizer.as_deref(),
        authorizing,
        user: call.user.as_deref(),
        certificate: exchange.client.stream.client_certificate(),
    };
    if let Some(changed) = &changed {
        changed.apply(&mut asked);
    }
    let mut out = Vec::with_capacity(2_048 + body.len() * 4 / 3);
    match target.format {
        Format::Rest => event_v1::write(&mut out, &asked, false),
        Format::Http1 => event_v1::write(&mut out, &asked, true),
        Format::Http2 => event_v2::write(&mut out, &asked),
    }
    out
}

/// A trailing slash belongs to the path, not to its last parameter.
fn trimmed<'v>(target: &FunctionTarget, value: &'v str) -> &'v str {
    match target.format {
        Format::Rest => value.strip_suffix('/').unwrap_or(value),
        _ => value,
    }
}

/// The client's fields that functions are told of, and what is known of the client.
pub(in crate::gateway) fn told<'x>(
    call: &Call<'_>,
    exchange: &'x Exchange<'_>,
    format: Format,
) -> Vec<(&'x str, Cow<'x, str>)> {
    let (head, bytes) = (exchange.head(), exchange.bytes());
    let mut all = Vec::with_capacity(head.fields.len() + 4);
    for field in &head.fields {
        let name = field.name.of(bytes);
        let is_dropped = match format {
            Format::Http2 | Format::Http1 => field.hop && field.id != Name::Te,
            Format::Rest => field.hop || headers::HIDDEN.has(field.id),
        };
        // AWS: "dropped if it contains a Signature Version 4 signature".
        let is_signature = format == Format::Rest
            && field.id == Name::Authorization
            && Rules::RestProxy.withholds(field, bytes);
        let is_trace = field.id == Name::XAmznTraceId;
        if is_dropped || is_signature || is_trace || forwarded::is_of_client(field) {
            continue;
        }
        let name = std::str::from_utf8(name).unwrap_or_default();
        all.push((name, ascii::text(field.value.of(bytes))));
    }
    if let Some(trace) = &call.trace {
        let text = match format {
            // "HTTP APIs": the root alone.
            Format::Http1 | Format::Http2 => ["Root=", &ascii::text(trace.root())].concat(),
            Format::Rest => trace.text(),
        };
        all.push(("X-Amzn-Trace-Id", text.into()));
    }
    for (name, value) in forwarded::of_client(exchange) {
        all.push((name, value.into()));
    }
    all
}

/// Whether the request's body travels in base64.
fn is_binary(exchange: &Exchange<'_>, target: &FunctionTarget, body: &[u8]) -> bool {
    let (head, bytes) = (exchange.head(), exchange.bytes());
    let media = request::media_type(head.field(bytes, Name::ContentType));
    if target.format == Format::Rest {
        let media = media.as_deref().unwrap_or("application/json");
        return target.binary_types.iter().any(|own| covers(own, media));
    }
    // AWS: text types, JSON, XML and JavaScript are texts; all else is in base64.
    match media.as_deref() {
        None => std::str::from_utf8(body).is_err(),
        Some(media) => {
            let is_text = media.starts_with("text/")
                || matches!(
                    media,
                    "application/json" | "application/javascript" | "application/xml"
                );
            !is_text || head.header(bytes, b"content-encoding").is_some()
        }
    }
}

/// Whether an entry of `binaryMediaTypes` stands for this type: itself, or by a `*` on its right.
fn covers(entry: &str, media: &str) -> bool {
    if entry == media || entry == "*/*" {
        return true;
    }
    match entry.strip_suffix("/*") {
        Some(group) => {
            let rest = media.strip_prefix(group);
            rest.is_some_and(|rest| rest.starts_with('/') && rest != "/*")
        }
        None => false,
    }
}

/// The function's output as an answer, or what to refuse with and why.
fn read(
    target: &FunctionTarget,
    exchange: &Exchange<'_>,
    returned: &Returned,
) -> Result<Answer, (Reject, String)> {
    let malformed = match target.format {
        Format::Rest => Reject::MalformedAnswer,
        Format::Http1 | Format::Http2 => Reject::InternalError,
    };
    if returned.function_error.is_some() {
        let shown = String::from_utf8_lossy(&returned.payload).into_owned();
        return Err((malformed, shown));
    }
    let answer = match target.format {
        Format::Rest => {
            let (head, bytes) = (exchange.head(), exchange.bytes());
            let accept = head.field(bytes, Name::Accept).unwrap_or_default();
            let first = accept.split(|byte| *byte == b',').next();
            let accepted = request::media_type(first).unwrap_or_default();
            let mut types = target.binary_types.iter();
            let decodes = types.any(|own| covers(own, &accepted));
            event_v1::read(&returned.payload, Reading::Rest { decodes })
        }
        Format::Http1 => event_v1::read(&returned.payload, Reading::Http),
        Format::Http2 => event_v2::read(&returned.payload),
    };
    answer.map_err(|why| match (why, target.format) {
        (MALFORMED, _) | (_, Format::Http1 | Format::Http2) => (malformed, why.to_owned()),
        (_, Format::Rest) => (Reject::InternalError, why.to_owned()),
    })
}

/// The answer as the client may see it: REST APIs show some fields under another name, and the
/// trace.
pub(super) fn shown(call: &Call<'_>, target: &FunctionTarget, mut answer: Answer) -> Answer {
    if target.format != Format::Rest {
        return answer;
    }
    let is_as_it_is = |header: Header<'_>| {
        Rules::RestProxy.gives(Name::of(header.name.as_bytes())) == Given::AsIs
    };
    if !answer.headers.iter().all(is_as_it_is) {
        let mut given = Headers::default();
        for header in answer.headers.iter() {
            if let Some(name) = headers::given_name(Rules::RestProxy, header.name) {
                given.push(&name, header.value);
            }
        }
        answer.headers = given;
    }
    respond::add_trace(call, &mut answer);
    answer
}

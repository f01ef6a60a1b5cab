//! HTTP_PROXY: the request to an upstream, its answer to the client, both streamed.

use std::rc::Rc;

use crate::gateway::asked::Asked;
use crate::gateway::context::Scene;
use crate::gateway::headers::{Names, Rules};
use crate::gateway::http::rest_of_path;
use crate::gateway::integrate::attempt::{self, Attempt, Failed, Turn, note};
use crate::gateway::integrate::{mapped, whole};
use crate::gateway::transform::request::Moved;
use crate::gateway::{Call, Reject, Stop, Worker, cors, headers};
use crate::net::inbound::h1::Life;
use crate::net::outbound::deliver::{Delivered, deliver};
use crate::net::outbound::{GroupState, Reply, h1};
use crate::net::{Exchange, Message};
use crate::observe::Counter;
use crate::plan::{HttpTarget, MappedTarget};
use crate::wire::h1::encode;
use crate::wire::head::{Body, Field, Name, ResponseHead};

/// What mappings make of a request and its answer.
pub struct Changed<'m> {
    /// The whole head of the request; none: unchanged.
    pub head: Option<&'m [u8]>,
    pub target: &'m MappedTarget,
}

pub async fn run(
    worker: &'static Worker,
    call: &mut Call<'_>,
    exchange: &mut Exchange<'_>,
    target: &HttpTarget,
    changed: Option<&Changed<'_>>,
) -> Result<(), Stop> {
    let head = changed.and_then(|changed| changed.head);
    let Some(group) = worker.group(call, target.group.id.0) else {
        return Err(Reject::InternalError.into());
    };
    let mut attempt = Attempt::First;
    loop {
        let index = group.pick(worker.core.now_ms(), attempt.failed());
        call.upstream = Some((Rc::clone(&group), index));
        let turn = Turn::take(&group, index);
        let asked_us = match attempt {
            // Nothing that takes time has happened since.
            Attempt::First => exchange.started_us,
            _ => worker.core.now_us(),
        };
        let outcome = ask(worker, call, exchange, (target, head), &turn, &attempt).await;
        call.integration_us = worker.core.now_us() - asked_us;
        let failure = match outcome {
            Ok(reply) => {
                group.succeeded(index);
                call.note_endpoint(&reply.message.head, reply.message.bytes());
                let status = reply.message.head.status;
                let given = match changed.and_then(|changed| changed.target.changes.reply(status)) {
                    None => give(worker, call, exchange, &group, reply, |_| false, |_| ()).await,
                    Some(changes) => {
                        let timeout_ms = target.timeout_ms;
                        let given = mapped::give(
                            worker, call, exchange, &group, reply, changes, timeout_ms,
                        );
                        Box::pin(given).await
                    }
                };
                if let Some(first_us) = exchange.first_body_us {
                    time_stream(worker, call, (asked_us, first_us));
                }
                return given;
            }
            Err(failure) => failure,
        };
        note(worker, &group, index, &failure.kind);
        let method = target.method_for(exchange.head().method);
        let can_repeat = exchange.upload.can_repeat();
        match attempt.next(&group, can_repeat, method, index, &failure) {
            Some(next) => {
                worker.add(Counter::Retries, 1);
                exchange.upload.repeat();
                attempt = next;
            }
            None => {
                call.integration_error = Some(whole::why(call, &failure.kind));
                return Err(Stop::of(call.kind, &failure.kind));
            }
        }
    }
}

/// What the log says of the times of a stream. AWS: the latency is the time until it is complete.
#[cold]
fn time_stream(worker: &Worker, call: &mut Call<'_>, (asked_us, first_us): (u64, u64)) {
    let head_us = call.integration_us;
    let content_us = (first_us > 0).then(|| first_us.saturating_sub(asked_us));
    call.stream_us = Some((head_us, content_us));
    call.integration_us = worker.core.now_us() - asked_us;
}

/// One attempt: a connection, the request on it, the head of the answer.
async fn ask(
    worker: &'static Worker,
    call: &Call<'_>,
    exchange: &mut Exchange<'_>,
    (target, head): (&HttpTarget, Option<&[u8]>),
    turn: &Turn<'_>,
    attempt: &Attempt,
) -> Result<Reply, Failed> {
    let method = target.method_for(exchange.head().method);
    let connection = match attempt::kept(worker, turn, attempt, method) {
        Some(connection) => connection,
        None => Box::pin(attempt::connect(worker, turn, exchange.client.due(0))).await?,
    };
    let was_reused = connection.is_reused;
    h1::call(
        exchange,
        connection,
        target.timeout_ms,
        |out, exchange| match head {
            None => write_head(out, call, exchange, target),
            Some(head) => out.extend_from_slice(head),
        },
    )
    .await
    .map_err(|kind| Failed {
        kind,
        was_reused,
        was_sent: true,
    })
}

/// The head of the upstream request.
fn write_head(out: &mut Vec<u8>, call: &Call<'_>, exchange: &Exchange<'_>, target: &HttpTarget) {
    let (head, bytes) = (exchange.head(), exchange.bytes());
    match target.method_for(head.method).name() {
        Some(name) => out.extend_from_slice(name.as_bytes()),
        None => out.extend_from_slice(head.method_token.of(bytes)),
    }
    out.push(b' ');
    let rules = Rules::streamed(call.kind);
    let gathered = exchange.upload.gathered();
    let dropped = match gathered {
        Some(_) => rules.dropped(exchange.client).and(Names::LENGTH),
        None => rules.dropped(exchange.client),
    };
    let drops = |field: &Field| dropped.has(field.id) || rules.withholds(field, bytes);
    let map = call.route.and_then(|route| route.rest.as_deref());
    match map.map(|rest| &rest.request).filter(|map| !map.is_empty()) {
        None => {
            let path = rest_of_path(head.path.of(bytes), call.base);
            let query = head.query.map(|query| query.of(bytes));
            target.write_target(out, path, &call.params, query);
            out.extend_from_slice(b" HTTP/1.1\r\n");
            encode::field(out, b"Host", target.host_for(head.host.of(bytes)));
            encode::end_to_end_fields(out, bytes, &head.fields, drops);
        }
        Some(map) => write_mapped(out, call, exchange, target, Moved::of(map), drops),
    }
    match (gathered, head.body) {
        (Some(_), Body::None) => {}
        (Some(whole), _) => encode::content_length(out, whole.len() as u64),
        (None, Body::Chunked) => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
        (None, _) => {}
    }
    headers::append_sent(out, rules, call, exchange);
    out.extend_from_slice(b"\r\n");
}

/// Target and fields where a method of a REST API maps some of them.
fn write_mapped(
    out: &mut Vec<u8>,
    call: &Call<'_>,
    exchange: &Exchange<'_>,
    target: &HttpTarget,
    map: Moved<'_>,
    drops: impl Fn(&Field) -> bool,
) {
    let (head, bytes) = (exchange.head(), exchange.bytes());
    let asked = Asked::of(exchange, exchange.upload.gathered().unwrap_or_default());
    let scene = Scene {
        call,
        asked: &asked,
    };
    map.write_target(out, &scene, head.query.map(|query| query.of(bytes)));
    out.extend_from_slice(b" HTTP/1.1\r\n");
    if !map.maps_header(b"host") {
        encode::field(out, b"Host", target.host_for(head.host.of(bytes)));
    }
    encode::end_to_end_fields(out, bytes, &head.fields, |field: &Field| {
        drops(field) || map.maps_header(field.name.of(bytes))
    });
    map.write_headers(out, &scene);
}

/// The answer to the client; the connection goes back to rest if it can. Fields that `replaces`
/// names are left out, the lines that `write` appends are added.
pub(in crate::gateway::integrate) async fn give(
    worker: &'static Worker,
    call: &mut Call<'_>,
    exchange: &mut Exchange<'_>,
    group: &Rc<GroupState>,
    reply: Reply,
    replaces: impl Fn(&[u8]) -> bool,
    write: impl Fn(&mut Vec<u8>),
) -> Result<(), Stop> {
    call.status = reply.message.head.status;
    if call.integration_status == 0 {
        call.integration_status = call.status;
    }
    // The process may have begun to end while the upstream worked.
    exchange.close |= worker.is_draining();
    let rules = Rules::streamed(call.kind);
    let call_now: &Call<'_> = call;
    let changed = rules.changed();
    let id_name = headers::id_name(call.kind, exchange.client);
    let keep = |field: &Field, bytes: &[u8]| {
        let name = field.name.of(bytes);
        let is_id = name.len() == id_name.len() && name.eq_ignore_ascii_case(id_name);
        !changed.has(field.id) && !is_id && !cors::replaces(call_now, name) && !replaces(name)
    };
    let add = |out: &mut Vec<u8>, exchange: &Exchange<'_>, message: &Message<ResponseHead>| {
        // "A recipient with a clock that receives a response message without a Date header field
        // MUST [...] append a corresponding Date header field" (RFC 9110 section 6.6.1).
        let fields = &message.head.fields;
        if rules == Rules::RestProxy {
            rules.write_remapped(out, fields, message.bytes());
            worker.write_date(out);
        } else if message.head.field(message.bytes(), Name::Date).is_none() {
            worker.write_date(out);
        }
        write(out);
        headers::append_ids(out, call_now, exchange);
        cors::write(out, call_now, exchange);
    };
    match deliver(exchange, reply, keep, add).await {
        Delivered::Whole(connection) => {
            if let Some(connection) = connection {
                group.give_idle(connection, worker.core.now_ms());
            }
            Ok(())
        }
        Delivered::UpstreamBroke(why) => {
            worker.add(Counter::UpstreamReset, 1);
            call.integration_error = Some(why.into());
            Err(Stop::Gone)
        }
        Delivered::ClientGone => Err(Stop::Gone),
    }
}

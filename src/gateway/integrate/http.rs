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
use crate::net::outbound::deliver::{Begun, Delivered, Rest, deliver};
use crate::net::outbound::{Connection, GroupState, Reply, h1};
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

#[allow(clippy::manual_async_fn)] // An async fn would keep its arguments twice.
pub fn run<'a>(
    worker: &'static Worker,
    call: &'a mut Call<'_>,
    exchange: &'a mut Exchange<'_>,
    target: &'a HttpTarget,
    changed: Option<&'a Changed<'_>>,
) -> impl Future<Output = Result<(), Stop>> {
    async move {
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
            let method = target.method_for(exchange.head().method);
            let connected = match attempt::kept(worker, &turn, &attempt, method) {
                Some(connection) => Ok(connection),
                None => Box::pin(attempt::connect(worker, &turn, exchange.client.due(0))).await,
            };
            let replied = match connected {
                Ok(connection) => {
                    ask(call, exchange, &connection, target, changed);
                    let message = h1::response(exchange, &connection).await;
                    attempt::reply(connection, message)
                }
                Err(failed) => Err(failed),
            };
            call.integration_us = worker.core.now_us() - asked_us;
            let reply = match replied {
                Ok(reply) => reply,
                Err(failed) => {
                    attempt = again(worker, call, exchange, target, &turn, &attempt, &failed)?;
                    continue;
                }
            };
            group.succeeded(index);
            call.note_endpoint(&reply.message.head, reply.message.bytes());
            let changes = changed.map(|changed| &changed.target.changes);
            let given = match changes.and_then(|of| of.reply(reply.message.head.status)) {
                None => {
                    let begun = give(worker, call, exchange, reply, |_| false, |_| ());
                    let delivered = match begun.rest(exchange) {
                        Rest::Nothing(delivered) => delivered,
                        Rest::Some(rest) => rest.await,
                    };
                    conclude(worker, call, &group, delivered)
                }
                Some(changes) => {
                    let how = (changes, target.timeout_ms);
                    Box::pin(mapped::give(worker, call, exchange, &group, reply, how)).await
                }
            };
            if let Some(first_us) = exchange.first_body_us {
                time_stream(worker, call, (asked_us, first_us));
            }
            return given;
        }
    }
}

/// What to try behind an attempt that failed.
#[cold]
fn again(
    worker: &'static Worker,
    call: &mut Call<'_>,
    exchange: &mut Exchange<'_>,
    target: &HttpTarget,
    turn: &Turn<'_>,
    attempt: &Attempt,
    failed: &Failed,
) -> Result<Attempt, Stop> {
    note(worker, turn.group, turn.index, &failed.kind);
    let method = target.method_for(exchange.head().method);
    let can_repeat = exchange.upload.can_repeat();
    match attempt.next(turn.group, can_repeat, method, turn.index, failed) {
        Some(next) => {
            worker.add(Counter::Retries, 1);
            exchange.upload.repeat();
            Ok(next)
        }
        None => {
            call.integration_error = Some(whole::why(call, &failed.kind));
            Err(Stop::of(call.kind, &failed.kind))
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

/// Sends the request.
#[inline]
fn ask(
    call: &Call<'_>,
    exchange: &mut Exchange<'_>,
    connection: &Connection,
    target: &HttpTarget,
    changed: Option<&Changed<'_>>,
) {
    let head = changed.and_then(|changed| changed.head);
    h1::send(
        exchange,
        connection,
        target.timeout_ms,
        |out, exchange| match head {
            None => write_head(out, call, exchange, target),
            Some(head) => out.extend_from_slice(head),
        },
    );
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
#[cold]
#[inline(never)]
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

/// Begins the answer to the client. Fields that `replaces` names are left out, the lines that `write`
/// appends are added.
#[inline]
pub(in crate::gateway::integrate) fn give(
    worker: &'static Worker,
    call: &mut Call<'_>,
    exchange: &mut Exchange<'_>,
    reply: Reply,
    replaces: impl Fn(&[u8]) -> bool,
    write: impl Fn(&mut Vec<u8>),
) -> Begun {
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
    deliver(exchange, reply, keep, add)
}

/// Notes how an answer ended; the connection goes back to rest if it can.
#[inline]
pub(in crate::gateway::integrate) fn conclude(
    worker: &'static Worker,
    call: &mut Call<'_>,
    group: &GroupState,
    delivered: Delivered,
) -> Result<(), Stop> {
    match delivered {
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

//! HTTP_PROXY: the request to an upstream, its answer to the client, both streamed.

use std::rc::Rc;

use crate::base::Method;
use crate::gateway::http::rest_of_path;
use crate::gateway::headers::{Given, Rules};
use crate::gateway::{Call, Reject, Stop, Worker, cors, headers};
use crate::net::inbound::h1::Life;
use crate::net::outbound::deliver::{Delivered, deliver};
use crate::net::outbound::{Connection, Failure, GroupState, Reply, dial, h1};
use crate::net::{Exchange, Message, forwarded};
use crate::observe::Counter;
use crate::plan::HttpTarget;
use crate::wire::h1::encode;
use crate::wire::head::{Body, Field, Name, ResponseHead};

pub async fn run(
    worker: &'static Worker,
    call: &mut Call<'_>,
    exchange: &mut Exchange<'_>,
    target: &HttpTarget,
) -> Result<(), Stop> {
    let Some(group) = worker.group(target.group.id.0) else {
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
        let outcome = ask(worker, call, exchange, target, &turn, &attempt).await;
        call.integration_us = worker.core.now_us() - asked_us;
        let failure = match outcome {
            Ok(reply) => {
                group.succeeded(index);
                return give(worker, call, exchange, &group, reply).await;
            }
            Err(failure) => failure,
        };
        note(worker, &group, index, &failure.kind);
        let method = target.method_for(exchange.head().method);
        match attempt.next(&group, exchange, method, index, &failure) {
            Some(next) => {
                worker.add(Counter::Retries, 1);
                exchange.upload.repeat();
                attempt = next;
            }
            None => {
                call.integration_error = Some(failure.kind.to_string().into());
                return Err(Stop::from(&failure.kind));
            }
        }
    }
}

/// How often the upstream has been asked, and what is to be avoided this time.
enum Attempt {
    First,
    /// The kept connection had gone stale: a fresh one is made.
    Fresh,
    /// This target could not be reached: another one is asked.
    Elsewhere(usize),
}

struct Failed {
    kind: Failure,
    /// Nothing can have reached the upstream, or the connection was a kept one.
    was_reused: bool,
    was_sent: bool,
}

impl Attempt {
    fn failed(&self) -> Option<usize> {
        match self {
            Self::Elsewhere(index) => Some(*index),
            _ => None,
        }
    }

    /// One retry, where it is safe: nothing of an answer has come, the whole request is still
    /// here, and the upstream either has not seen it or may see it twice (RFC 9110 section 9.2.2).
    fn next(
        &self,
        group: &GroupState,
        exchange: &Exchange<'_>,
        method: Method,
        index: usize,
        failed: &Failed,
    ) -> Option<Self> {
        if !matches!(self, Self::First) || !exchange.upload.can_repeat() {
            return None;
        }
        match failed.kind {
            Failure::Closed if failed.was_reused && is_idempotent(method) => Some(Self::Fresh),
            _ if !failed.was_sent && group.targets.len() > 1 => Some(Self::Elsewhere(index)),
            _ => None,
        }
    }
}

fn is_idempotent(method: Method) -> bool {
    !matches!(method, Method::Post | Method::Patch | Method::Other)
}

/// One attempt: a connection, the request on it, the head of the answer.
async fn ask(
    worker: &'static Worker,
    call: &Call<'_>,
    exchange: &mut Exchange<'_>,
    target: &HttpTarget,
    turn: &Turn<'_>,
    attempt: &Attempt,
) -> Result<Reply, Failed> {
    let now_ms = worker.core.now_ms();
    let kept = match attempt {
        Attempt::Fresh => None,
        _ => {
            let surely = !is_idempotent(target.method_for(exchange.head().method));
            turn.group.take_idle(turn.index, now_ms, surely)
        }
    };
    let connection = match kept {
        Some(connection) => connection,
        // Boxed: dialling is rare and its state would make every connection's task larger.
        None => Box::pin(connect(worker, exchange, turn)).await?,
    };
    let was_reused = connection.is_reused;
    h1::call(exchange, connection, target.timeout_ms, |out, exchange| {
        write_head(out, call, exchange, target);
    })
    .await
    .map_err(|kind| Failed {
        kind,
        was_reused,
        was_sent: true,
    })
}

async fn connect(
    worker: &'static Worker,
    exchange: &Exchange<'_>,
    turn: &Turn<'_>,
) -> Result<Connection, Failed> {
    let until_ms = exchange.client.due(0);
    dial::dial(
        worker.core,
        &worker.groups,
        turn.group,
        turn.index,
        until_ms,
    )
    .await
    .map_err(|kind| Failed {
        kind,
        was_reused: false,
        was_sent: false,
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
    let path = rest_of_path(head.path.of(bytes), call.base);
    let query = head.query.map(|query| query.of(bytes));
    target.write_target(out, path, &call.params, query);
    out.extend_from_slice(b" HTTP/1.1\r\nHost: ");
    if target.host.is_empty() {
        out.extend_from_slice(head.host.of(bytes));
    } else {
        out.extend_from_slice(&target.host);
    }
    out.extend_from_slice(b"\r\n");
    let (client, rules) = (exchange.client, Rules::streamed(call.kind));
    encode::end_to_end_fields(out, bytes, &head.fields, |field: &Field| {
        !rules.sends(field, bytes)
            || (rules == Rules::File && forwarded::is_rewritten(client, field))
    });
    if matches!(head.body, Body::Chunked) {
        out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
    }
    headers::append_sent(out, rules, call, exchange);
    out.extend_from_slice(b"\r\n");
}

/// The answer to the client; the connection goes back to rest if it can.
async fn give(
    worker: &'static Worker,
    call: &mut Call<'_>,
    exchange: &mut Exchange<'_>,
    group: &Rc<GroupState>,
    reply: Reply,
) -> Result<(), Stop> {
    call.status = reply.message.head.status;
    call.integration_status = call.status;
    // The process may have begun to end while the upstream worked.
    exchange.close |= worker.is_draining();
    let rules = Rules::streamed(call.kind);
    let call_now: &Call<'_> = call;
    let client = exchange.client;
    let keep = |field: &Field, bytes: &[u8]| {
        let name = field.name.of(bytes);
        // The length is there under both names: this one frames the body that streams.
        let is_given = rules.gives(field.id) == Given::AsIs || field.id == Name::ContentLength;
        is_given && !headers::is_id(call_now, name, client) && !cors::replaces(call_now, name)
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

/// Counts a failure and leaves out a target that fails again and again.
fn note(worker: &Worker, group: &GroupState, index: usize, failure: &Failure) {
    let counter = match failure {
        Failure::Upload(_) => return,
        Failure::Unresolved => Counter::UpstreamDns,
        Failure::Connect(_) => Counter::UpstreamConnect,
        Failure::Tls(_) => Counter::UpstreamTls,
        Failure::ConnectTimeout | Failure::Timeout => Counter::UpstreamTimeout,
        Failure::Closed | Failure::Truncated => Counter::UpstreamReset,
        Failure::Malformed(_) | Failure::Upgraded => Counter::UpstreamProtocol,
    };
    worker.add(counter, 1);
    if group.failed(index, worker.core.now_ms()) {
        worker.add(Counter::Ejections, 1);
        let target = &group.settings.targets[index];
        tracing::warn!(
            upstream = %group.settings.name,
            target = %format_args!("{}:{}", target.host, target.port),
            %failure,
            "left out for a while after failures in a row"
        );
    }
}

/// Counts a request as under way at a target for as long as it is.
struct Turn<'g> {
    group: &'g GroupState,
    index: usize,
}

impl<'g> Turn<'g> {
    fn take(group: &'g GroupState, index: usize) -> Self {
        let outstanding = &group.targets[index].outstanding;
        outstanding.set(outstanding.get() + 1);
        Self { group, index }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let outstanding = &self.group.targets[self.index].outstanding;
        outstanding.set(outstanding.get() - 1);
    }
}

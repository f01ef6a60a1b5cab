//! HTTP_PROXY with parameter mapping: what the mappings ask for is looked up, all else streams.

use std::rc::Rc;

use crate::gateway::integrate::http::{self, Changed};
use crate::gateway::mapping::{self, Answered, Body, Edits, Form, Scene};
use crate::gateway::{Answer, Call, Reject, Stop, Worker, respond};
use crate::lang::mapping::{Mapping, Place};
use crate::net::Exchange;
use crate::net::outbound::deliver::Rest;
use crate::net::outbound::{Asking, Failure, GroupState, Reply, whole};
use crate::plan::{MappedTarget, ReplyMapping};
use crate::wire::head::Span;

/// AWS: "Maximum payload size: 10 MB". What is held in memory is not larger.
pub const BODY_BYTES_MAX: u64 = 10 * 1024 * 1024;

pub async fn run(
    worker: &'static Worker,
    call: &mut Call<'_>,
    exchange: &mut Exchange<'_>,
    target: &MappedTarget,
) -> Result<(), Stop> {
    if target.changes.needs_body {
        gather(call, exchange).await?;
    }
    let head = if target.changes.request.is_empty() {
        None
    } else {
        let scene = scene(worker, call, exchange);
        Some(mapping::head(&scene, target))
    };
    let changed = Changed {
        head: head.as_deref(),
        target,
    };
    http::run(worker, call, exchange, &target.http, Some(&changed)).await
}

/// Takes the body of the request into memory, for mappings that ask for it.
pub async fn gather(call: &Call<'_>, exchange: &mut Exchange<'_>) -> Result<(), Stop> {
    let most = call.route.map_or(0, |route| route.body_bytes_max);
    let most = most.min(BODY_BYTES_MAX);
    let (client, message) = (exchange.client, exchange.message);
    let gathered = exchange.upload.gather(client, message, most).await;
    gathered.map_err(|error| {
        exchange.close = true;
        Stop::from(&Failure::Upload(error))
    })
}

/// What mappings of a request may ask; its body if that is in memory.
pub fn scene<'a>(
    worker: &'static Worker,
    call: &'a Call<'_>,
    exchange: &'a Exchange<'_>,
) -> Scene<'a> {
    Scene {
        worker,
        call,
        exchange,
        body: Body::of(exchange.upload.gathered().unwrap_or_default()),
        answer: None,
    }
}

/// The answer to the client, changed.
pub async fn give(
    worker: &'static Worker,
    call: &mut Call<'_>,
    exchange: &mut Exchange<'_>,
    group: &Rc<GroupState>,
    mut reply: Reply,
    (changes, timeout_ms): (&ReplyMapping, u32),
) -> Result<(), Stop> {
    let head = &reply.message.head;
    call.integration_status = head.status;
    let (edits, status) = {
        let scene = Scene {
            answer: Some(Answered::head(head, reply.message.bytes())),
            ..scene(worker, call, exchange)
        };
        edits(&scene, &changes.mappings)
    };
    // A status without a body, or one that would have one, has to be framed anew.
    let is_reframed = is_bodyless(status) != is_bodyless(head.status);
    if changes.needs_body || is_reframed {
        return give_whole(worker, call, exchange, group, reply, changes, timeout_ms).await;
    }
    if status != head.status {
        reply.message.head.status = status;
        reply.message.head.reason = Span::default();
    }
    let (replaces, write) = (
        |name: &[u8]| edits.replaces(name),
        |out: &mut Vec<u8>| edits.write(out, ""),
    );
    let begun = http::give(worker, call, exchange, reply, replaces, write);
    let delivered = match begun.rest(exchange) {
        Rest::Nothing(delivered) => delivered,
        Rest::Some(rest) => rest.await,
    };
    http::conclude(worker, call, group, delivered)
}

/// The same for an answer that has to be in memory first.
async fn give_whole(
    worker: &'static Worker,
    call: &mut Call<'_>,
    exchange: &mut Exchange<'_>,
    group: &Rc<GroupState>,
    reply: Reply,
    changes: &ReplyMapping,
    timeout_ms: u32,
) -> Result<(), Stop> {
    let client = exchange.client;
    let asking = Asking {
        core: client.core,
        settings: &client.settings,
        pools: client.pools,
        until_ms: client.due(timeout_ms),
        bytes_max: BODY_BYTES_MAX as usize,
    };
    let whole = match whole::gather(&asking, reply).await {
        Ok(whole) => whole,
        Err(failure) => {
            call.integration_error = Some(failure.to_string().into());
            return Err(Stop::from(&failure));
        }
    };
    if let Some(connection) = whole.connection
        && exchange.upload.is_whole()
    {
        group.give_idle(connection, worker.core.now_ms());
    }
    let message = whole.message;
    let mut answer = Answer::of(&message.head, message.bytes(), whole.body);
    change(worker, call, exchange, changes, &mut answer);
    client.pools.responses.give(client.core, message);
    respond::answer(worker, call, exchange, &answer).await?;
    Ok(())
}

/// Changes an answer in memory.
pub fn change(
    worker: &'static Worker,
    call: &Call<'_>,
    exchange: &Exchange<'_>,
    changes: &ReplyMapping,
    answer: &mut Answer,
) {
    let scene = Scene {
        answer: Some(Answered::whole(answer)),
        ..scene(worker, call, exchange)
    };
    let (edits, status) = edits(&scene, &changes.mappings);
    answer.status = status;
    answer
        .headers
        .retain(|name| !edits.replaces(name.as_bytes()));
    for (name, value) in edits.fields() {
        answer.headers.push(name, value);
    }
}

/// What becomes of the headers and the status.
fn edits<'m>(scene: &Scene<'_>, mappings: &'m [Mapping]) -> (Edits<'m>, u16) {
    let Some(answer) = &scene.answer else {
        return (Edits::default(), Reject::InternalError.status());
    };
    let edits = Edits::of(
        mappings,
        |expression| scene.value(expression, Form::Text),
        |name| answer.header(&name.to_ascii_lowercase()),
    );
    let mut places = mappings.iter();
    let mapped = places.find(|mapping| mapping.target.place == Place::Status);
    let value = mapped.and_then(|mapping| scene.value(&mapping.value, Form::Text));
    let status = value.and_then(|value| std::str::from_utf8(&value).ok()?.trim().parse().ok());
    let status = status.filter(|status| (200..=599).contains(status));
    (edits, status.unwrap_or(answer.status))
}

fn is_bodyless(status: u16) -> bool {
    matches!(status, 204 | 304)
}

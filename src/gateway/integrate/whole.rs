//! An upstream asked with a request in memory; its response is gathered whole.

use std::rc::Rc;

use crate::base::Method;
use crate::gateway::answer::Answer;
use crate::gateway::integrate::attempt::{self, Attempt, Busy, Failed, Turn, note};
use crate::gateway::story::moment;
use crate::gateway::{Call, Worker};
use crate::net::outbound::whole::Request;
use crate::net::outbound::{Asking, Failure, Incoming, whole};
use crate::observe::Counter;
use crate::plan::GroupId;
use crate::plan::stage::StageKind;

/// Asks the group, once more where that is safe. `call` learns who was asked and how it went.
///
/// # Errors
/// Why there is no answer.
pub async fn run(
    worker: &'static Worker,
    call: &mut Call<'_>,
    group: GroupId,
    asking: &Asking<'_>,
    method: Method,
    request: Request<'_>,
) -> Result<Answer, Failure> {
    let opened = open(worker, call, group, asking, method, request).await?;
    // A body that came with its head took no time of its own.
    let asked_us = (!opened.incoming.came_at_once()).then_some(opened.asked_us);
    let outcome = gathered(worker, call, asking, opened).await;
    if let Some(asked_us) = asked_us {
        call.integration_us = worker.core.now_us() - asked_us;
    }
    outcome
}

/// The rest of a response.
///
/// # Errors
/// It is not whole.
pub async fn gathered(
    worker: &'static Worker,
    call: &mut Call<'_>,
    asking: &Asking<'_>,
    Opened { incoming, busy, .. }: Opened,
) -> Result<Answer, Failure> {
    let outcome = whole::read(asking, incoming).await;
    let whole = outcome.inspect_err(|kind| {
        note(worker, &busy.group, busy.index, kind);
        call.integration_error = Some(why(call, kind));
    })?;
    busy.group.succeeded(busy.index);
    let (message, body) = (whole.message, whole.body);
    if let Some(connection) = whole.connection {
        busy.group.give_idle(connection, worker.core.now_ms());
    }
    call.note_service(&message.head, message.bytes());
    let answer = Answer::of(&message.head, message.bytes(), body);
    asking.pools.responses.give(asking.core, message);
    call.integration_status = answer.status;
    Ok(answer)
}

/// A response whose head is here.
#[derive(Debug)]
pub struct Opened {
    pub incoming: Incoming,
    pub busy: Busy,
    /// When its request began, microseconds of the core's clock.
    pub asked_us: u64,
}

/// Asks the group, once more where that is safe, up to the head of the response. `call` learns who
/// was asked and, if there is no response, why.
///
/// # Errors
/// Why there is no response.
pub async fn open(
    worker: &'static Worker,
    call: &mut Call<'_>,
    group: GroupId,
    asking: &Asking<'_>,
    method: Method,
    request: Request<'_>,
) -> Result<Opened, Failure> {
    let group = worker.group(call, group.0).ok_or(Failure::Unresolved)?;
    let asked_us = worker.core.now_us();
    let mut attempt = Attempt::First;
    loop {
        let index = group.pick(worker.core.now_ms(), attempt.failed());
        call.upstream = Some((Rc::clone(&group), index));
        let turn = Turn::take(&group, index);
        let outcome = ask(worker, asking, method, request, &turn, &attempt).await;
        drop(turn);
        call.integration_us = worker.core.now_us() - asked_us;
        let failed = match outcome {
            Ok(incoming) => {
                let busy = Busy::take(group, index);
                return Ok(Opened {
                    incoming,
                    busy,
                    asked_us,
                });
            }
            Err(failed) => failed,
        };
        note(worker, &group, index, &failed.kind);
        match attempt.next(&group, true, method, index, &failed) {
            Some(next) => {
                worker.add(Counter::Retries, 1);
                attempt = next;
            }
            None => {
                call.integration_error = Some(why(call, &failed.kind));
                return Err(failed.kind);
            }
        }
    }
}

/// Why there is no answer, for the log.
pub fn why(call: &Call<'_>, failure: &Failure) -> Box<str> {
    match (call.kind, failure) {
        (StageKind::Rest, Failure::Unresolved) => moment::NO_ADDRESS.into(),
        (_, failure) => failure.to_string().into(),
    }
}

/// Whether any target of a group could be found.
pub fn has_address(worker: &Worker, call: &Call<'_>, group: GroupId) -> bool {
    let book = worker.groups.addresses.borrow();
    worker.group(call, group.0).is_some_and(|group| {
        let mut targets = group.settings.targets.iter();
        targets.any(|target| target.ip.is_some() || book.lookup(&target.host).is_some())
    })
}

async fn ask(
    worker: &'static Worker,
    asking: &Asking<'_>,
    method: Method,
    request: Request<'_>,
    turn: &Turn<'_>,
    attempt: &Attempt,
) -> Result<Incoming, Failed> {
    let connection = match attempt::kept(worker, turn, attempt, method) {
        Some(connection) => connection,
        None => Box::pin(attempt::connect(worker, turn, asking.until_ms)).await?,
    };
    let was_reused = connection.is_reused;
    let asked = whole::open(asking, connection, request).await;
    asked.map_err(|kind| Failed {
        kind,
        was_reused,
        was_sent: true,
    })
}

//! Attempts at an upstream: which target, which connection, and whether to ask once more.

use std::rc::Rc;

use crate::base::Method;
use crate::gateway::Worker;
use crate::net::Message;
use crate::net::outbound::{Connection, Failure, GroupState, Reply, dial};
use crate::observe::Counter;
use crate::wire::head::ResponseHead;

/// How often the upstream has been asked, and what is to be avoided this time.
pub enum Attempt {
    First,
    /// The kept connection had gone stale: a fresh one is made.
    Fresh,
    /// This target could not be reached: another one is asked.
    Elsewhere(usize),
}

pub struct Failed {
    pub kind: Failure,
    /// The connection was a kept one.
    pub was_reused: bool,
    /// Something of the request may have reached the upstream.
    pub was_sent: bool,
}

impl Attempt {
    /// The target that is to be avoided.
    pub fn failed(&self) -> Option<usize> {
        match self {
            Self::Elsewhere(index) => Some(*index),
            _ => None,
        }
    }

    /// One retry, where it is safe: nothing of an answer has come, the whole request is still
    /// here, and the upstream either has not seen it or may see it twice (RFC 9110 section 9.2.2).
    pub fn next(
        &self,
        group: &GroupState,
        can_repeat: bool,
        method: Method,
        index: usize,
        failed: &Failed,
    ) -> Option<Self> {
        if !matches!(self, Self::First) || !can_repeat {
            return None;
        }
        match failed.kind {
            Failure::Closed if failed.was_reused && is_idempotent(method) => Some(Self::Fresh),
            _ if !failed.was_sent && group.targets.len() > 1 => Some(Self::Elsewhere(index)),
            _ => None,
        }
    }
}

/// RFC 9110 section 9.2.2.
pub fn is_idempotent(method: Method) -> bool {
    !matches!(method, Method::Post | Method::Patch | Method::Other)
}

/// Counts a failure and leaves out a target that fails again and again.
pub fn note(worker: &Worker, group: &GroupState, index: usize, failure: &Failure) {
    let counter = match failure {
        Failure::Upload(_) => return,
        Failure::Unresolved => Counter::UpstreamDns,
        Failure::Connect(_) => Counter::UpstreamConnect,
        Failure::Tls(_) => Counter::UpstreamTls,
        Failure::ConnectTimeout | Failure::Timeout => Counter::UpstreamTimeout,
        Failure::Closed | Failure::Truncated => Counter::UpstreamReset,
        Failure::Malformed(_) | Failure::Upgraded | Failure::TooLarge(_) => {
            Counter::UpstreamProtocol
        }
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

/// A kept connection to the target of a turn, where the attempt allows it and there is one.
#[inline]
pub fn kept(
    worker: &'static Worker,
    turn: &Turn<'_>,
    attempt: &Attempt,
    method: Method,
) -> Option<Box<Connection>> {
    if matches!(attempt, Attempt::Fresh) {
        return None;
    }
    let surely = !is_idempotent(method);
    let now_ms = worker.core.now_ms();
    turn.group.take_idle(turn.index, now_ms, surely)
}

/// A new connection to the target of a turn. To be boxed: dialling is rare, and its state would
/// make every connection's task larger.
pub async fn connect(
    worker: &'static Worker,
    turn: &Turn<'_>,
    until_ms: u64,
) -> Result<Box<Connection>, Failed> {
    let (core, groups) = (worker.core, &worker.groups);
    let dialled = dial::dial(core, groups, turn.group, turn.index, until_ms).await;
    dialled.map_err(|kind| Failed {
        kind,
        was_reused: false,
        was_sent: false,
    })
}

/// What a request on `connection` has led to. After a failure the connection is of no more use.
#[inline]
pub fn reply(
    connection: Box<Connection>,
    message: Result<Box<Message<ResponseHead>>, Failure>,
) -> Result<Reply, Failed> {
    match message {
        Ok(message) => Ok(Reply {
            connection,
            message,
        }),
        Err(kind) => {
            connection.stream.break_off();
            Err(Failed {
                kind,
                was_reused: connection.is_reused,
                was_sent: true,
            })
        }
    }
}

/// Counts a request as under way at a target for as long as it is.
pub struct Turn<'g> {
    pub group: &'g GroupState,
    pub index: usize,
}

impl<'g> Turn<'g> {
    pub fn take(group: &'g GroupState, index: usize) -> Self {
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

/// As `Turn`, for a response that outlives the attempt.
#[derive(Debug)]
pub struct Busy {
    pub group: Rc<GroupState>,
    pub index: usize,
}

impl Busy {
    pub fn take(group: Rc<GroupState>, index: usize) -> Self {
        let outstanding = &group.targets[index].outstanding;
        outstanding.set(outstanding.get() + 1);
        Self { group, index }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let outstanding = &self.group.targets[self.index].outstanding;
        outstanding.set(outstanding.get() - 1);
    }
}

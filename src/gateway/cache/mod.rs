//! The response cache of a stage: answers kept for a time, one call for all who want the same.
//!
//! All cores share what is kept (`home`) and serve it from references of their own (`copies`).

pub mod copies;
pub mod home;
#[cfg(test)]
mod home_tests;
pub mod renew;

use std::cell::Cell;
use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::gateway::asked::Asked;
use crate::gateway::cache::copies::{Copies, Held};
use crate::gateway::cache::home::{Home, Lease, Look, Word};
use crate::gateway::context::Scene;
use crate::gateway::{Answer, Call, Reject, Worker};
use crate::net::Exchange;
use crate::net::outbound::Asking;
use crate::plan::rest::{CacheRule, Parameter, RestStage, Unauthorized};
use crate::plan::{Plan, Route};
use crate::rt::bridge::Bridge;
use crate::wire::head::Name;

/// Requests of a core that wait for answers that others have asked for; more ask themselves.
const WAITING_MAX: usize = 16_384;

/// A lease ends so long after the time that its holder has, if nobody has heard of it.
const LEASE_SLACK_MS: u64 = 1_000;

/// The homes of all stages that have a cache, by their scopes.
pub type Homes = HashMap<Box<str>, Arc<Home>>;

/// What a core has for the caches of all stages.
#[derive(Debug)]
pub struct Local {
    pub copies: Copies,
    waits: Rc<Bridge<Word>>,
    renewals: Cell<usize>,
}

impl Local {
    /// To be called on the core.
    ///
    /// # Errors
    /// When the event loop cannot watch one more descriptor.
    pub fn start() -> io::Result<Self> {
        Ok(Self {
            copies: Copies::default(),
            waits: Bridge::start(WAITING_MAX)?,
            renewals: Cell::new(0),
        })
    }
}

/// The homes that a plan needs; those of before that are as they should be stay.
///
/// A flush makes a new epoch, and AWS says that a change of its size empties a cache: both have
/// another home.
pub fn homes(plan: &Plan, before: Option<&Homes>) -> Homes {
    static IDS: AtomicU64 = AtomicU64::new(0);
    let stages = plan.stages.iter().filter_map(|stage| stage.rest.as_deref());
    let with_cache = stages.filter(|stage| stage.cache_bytes_max > 0);
    let homes = with_cache.map(|stage| {
        let (epoch, bytes_max) = (stage.cache_epoch, stage.cache_bytes_max);
        let same = before.and_then(|before| before.get(&stage.scope));
        let home = match same.filter(|home| home.serves(epoch, bytes_max)) {
            Some(home) => Arc::clone(home),
            None => {
                let id = IDS.fetch_add(1, Ordering::Relaxed);
                Arc::new(Home::new(id, epoch, bytes_max))
            }
        };
        (stage.scope.clone(), home)
    });
    homes.collect()
}

/// An answer for one client, or one that all share.
#[derive(Debug)]
pub enum Given {
    Own(Answer),
    Kept(Held),
}

impl Given {
    pub fn answer(&self) -> &Answer {
        match self {
            Self::Own(answer) => answer,
            Self::Kept(held) => &held.answer,
        }
    }

    /// An answer to be changed.
    pub fn into_own(self) -> Answer {
        match self {
            Self::Own(answer) => answer,
            Self::Kept(held) => held.answer.clone(),
        }
    }
}

/// How a call finds its answer.
#[derive(Debug)]
pub enum Found {
    Here(Held),
    /// It may be served although its time is over; whoever is served first renews it.
    Stale(Held, Lease),
    /// There is no cache to look into: a call outlives the one of its plan.
    Nowhere,
    /// To be asked for. What comes belongs to the lease, if there is one.
    Missing(Option<Lease>),
}

/// What is kept for a call; where others ask for the same right now, it waits for them.
///
/// # Errors
/// The client wants the entry forgotten and may not.
pub async fn look_up(
    worker: &'static Worker,
    call: &mut Call<'_>,
    (asked, asking): (&Asked<'_>, &Asking<'_>),
    (stage, rule): (&RestStage, &CacheRule),
) -> Result<Found, Reject> {
    let live = worker.live();
    let home = live.caches.get(&stage.scope);
    // A call that began before a flush knows nothing of what is kept behind it.
    let Some(home) = home.filter(|home| home.serves(stage.cache_epoch, stage.cache_bytes_max))
    else {
        return Ok(Found::Nowhere);
    };
    let key = key(&Scene { call, asked }, stage, rule);
    let left_ms = asking.until_ms.saturating_sub(worker.core.now_ms());
    let lease_ms = left_ms.saturating_add(LEASE_SLACK_MS);
    let takes_stale = asking.settings.stale_while_revalidate;
    if wants_fresh(asked) {
        if !rule.needs_authorization || call.may_invalidate {
            let until_ms = worker.monotonic_ms().saturating_add(lease_ms);
            return Ok(Found::Missing(Some(home.forget(&key, until_ms))));
        }
        // Nobody has shown a right to it.
        match rule.unauthorized {
            Unauthorized::Refused => return Err(Reject::AccessDenied),
            Unauthorized::Warned => call.warns_of_cache = true,
            Unauthorized::Ignored => {}
        }
    }
    let copies = &worker.caches.copies;
    loop {
        let now_ms = worker.monotonic_ms();
        let until_ms = now_ms.saturating_add(lease_ms);
        if let Some(held) = copies.get(home, &key, takes_stale, now_ms) {
            held.note_use();
            return Ok(renewed(home, held, &key, now_ms, until_ms));
        }
        match home.look(&key, takes_stale, now_ms, until_ms) {
            Look::Here(entry) => {
                copies.keep(home, entry);
            }
            Look::Missing(lease) => return Ok(Found::Missing(Some(lease))),
            Look::Asked => {
                let word = worker.caches.waits.ask(|reply| home.wait(&key, reply));
                match word.await {
                    Some(Word::Here(entry)) => return Ok(Found::Here(copies.keep(home, entry))),
                    Some(Word::Again) => {}
                    Some(Word::Alone) | None => return Ok(Found::Missing(None)),
                }
            }
        }
    }
}

/// What is over its time is renewed by the first who sees that, and served to all meanwhile.
fn renewed(home: &Arc<Home>, held: Held, key: &[u8], now_ms: u64, until_ms: u64) -> Found {
    if now_ms < held.fresh_until_ms || !held.is_to_renew(now_ms, until_ms) {
        return Found::Here(held);
    }
    match home.renew(key, now_ms, until_ms) {
        Some(lease) => Found::Stale(held, lease),
        None => Found::Here(held),
    }
}

/// Keeps an answer that is for all; says what the client gets.
pub fn settle(
    worker: &'static Worker,
    lease: Option<Lease>,
    asking: &Asking<'_>,
    rule: &CacheRule,
    answer: Answer,
) -> Given {
    let Some(lease) = lease else {
        return Given::Own(answer);
    };
    if !Lease::is_for_all(&answer) {
        lease.pass();
        return Given::Own(answer);
    }
    let stale_ms = match asking.settings.stale_while_revalidate {
        true => renew::stale_ms(&answer),
        false => 0,
    };
    let home = Arc::clone(lease.home());
    let fresh_ms = u64::from(rule.ttl_s) * 1000;
    let entry = lease.keep(answer, worker.monotonic_ms(), fresh_ms, stale_ms);
    Given::Kept(worker.caches.copies.keep(&home, entry))
}

/// Whether the client wants an answer of this route forgotten, for which it needs a right.
pub fn is_to_invalidate(route: &Route, exchange: &Exchange<'_>) -> bool {
    let rule = route.rest.as_deref().and_then(|rest| rest.cache.as_ref());
    rule.is_some_and(|rule| rule.needs_authorization) && wants_fresh(&Asked::of(exchange, b""))
}

/// `Cache-Control: max-age=0`
fn wants_fresh(asked: &Asked<'_>) -> bool {
    let said = asked.head.field(asked.bytes, Name::CacheControl);
    let said = String::from_utf8_lossy(said.unwrap_or_default()).to_ascii_lowercase();
    said.split(',').any(|one| one.trim() == "max-age=0")
}

/// Namespace, method and the parameters that make a difference, each with its length.
fn key(scene: &Scene<'_>, stage: &RestStage, rule: &CacheRule) -> Box<[u8]> {
    let (call, asked) = (scene.call, scene.asked);
    let mut key = Vec::with_capacity(128);
    let mut push = |part: &[u8]| {
        key.extend_from_slice(&(part.len() as u32).to_le_bytes());
        key.extend_from_slice(part);
    };
    let is_apart = call.is_canary == Some(true) && !stage.shares_cache;
    push(if is_apart { b"canary" } else { b"" });
    push(rule.namespace.as_bytes());
    push(asked.head.method_token.of(asked.bytes));
    let queries = asked.queries();
    for parameter in &rule.parameters {
        let values: Vec<String> = match parameter {
            Parameter::Header(name) => asked.headers(name).map(Into::into).collect(),
            Parameter::Path(name) => {
                let value = asked.path_parameter(call, name);
                value.map(Into::into).into_iter().collect()
            }
            Parameter::Query(name) => {
                let all = queries.iter().filter(|(other, _)| *other == **name);
                all.map(|(_, value)| value.clone()).collect()
            }
        };
        push(&(values.len() as u32).to_le_bytes());
        values.iter().for_each(|value| push(value.as_bytes()));
    }
    key.into()
}

//! The response cache of a stage: answers kept for a time, one call for all who want the same.
//!
//! Each core keeps its own, so that nothing is shared on the way of a request: what a stage may
//! keep is meant for each core.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use crate::gateway::asked::Asked;
use crate::gateway::context::Scene;
use crate::gateway::{Answer, Call, Reject, Worker};
use crate::plan::rest::{CacheRule, Parameter, RestStage, Unauthorized};
use crate::rt::task::Flag;
use crate::wire::head::Name;

/// AWS: a response of more bytes is not cached.
const ANSWER_BYTES_MAX: usize = 1_048_576;

/// What an entry costs besides its bytes, so that many small ones have a bound too.
const ENTRY_BYTES: usize = 512;

/// What a core has kept of all stages.
#[derive(Debug, Default)]
pub struct Caches(RefCell<HashMap<Box<str>, Cache>>);

/// Of one stage.
#[derive(Debug, Default)]
struct Cache {
    kept: HashMap<Box<[u8]>, Kept>,
    /// Keys in the order in which they came; some may be gone or renewed since.
    order: VecDeque<(Box<[u8]>, u64)>,
    bytes: usize,
    /// Keys that somebody asks for right now.
    asked: HashMap<Box<[u8]>, Rc<Flag>>,
    turn: u64,
}

#[derive(Debug)]
struct Kept {
    answer: Rc<Answer>,
    until_ms: u64,
    bytes: usize,
    turn: u64,
}

/// How a call finds its answer.
pub enum Found {
    Here(Rc<Answer>),
    /// To be asked for; what comes is to be kept by the lease.
    Missing(Lease),
}

/// The right, and the duty, to ask for an answer that others may wait for.
pub struct Lease {
    worker: &'static Worker,
    stage: Box<str>,
    key: Box<[u8]>,
    until_ms: u64,
    bytes_max: usize,
    flag: Rc<Flag>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut caches = self.worker.caches.0.borrow_mut();
        if let Some(cache) = caches.get_mut(&self.stage) {
            cache.asked.remove(&self.key);
        }
        drop(caches);
        self.flag.raise();
    }
}

impl Lease {
    /// Keeps an answer that is worth it.
    pub fn keep(self, answer: &Answer) {
        let bytes = self.key.len() * 2 + size_of(answer);
        if !(200..300).contains(&answer.status) || answer.body.len() > ANSWER_BYTES_MAX {
            return;
        }
        let mut caches = self.worker.caches.0.borrow_mut();
        let Some(cache) = caches.get_mut(&self.stage) else {
            return;
        };
        cache.turn += 1;
        let kept = Kept {
            answer: Rc::new(answer.clone()),
            until_ms: self.until_ms,
            bytes,
            turn: cache.turn,
        };
        cache.order.push_back((self.key.clone(), kept.turn));
        cache.bytes += bytes;
        if let Some(before) = cache.kept.insert(self.key.clone(), kept) {
            cache.bytes -= before.bytes;
        }
        cache.fit(self.bytes_max);
    }
}

impl Cache {
    /// Forgets the oldest until all fits, and old places of what was renewed.
    fn fit(&mut self, bytes_max: usize) {
        while self.bytes > bytes_max || self.order.len() > self.kept.len() * 2 + 16 {
            let Some((key, turn)) = self.order.pop_front() else {
                return;
            };
            if self.kept.get(&key).is_some_and(|kept| kept.turn == turn)
                && let Some(gone) = self.kept.remove(&key)
            {
                self.bytes -= gone.bytes;
            }
        }
    }
}

fn size_of(answer: &Answer) -> usize {
    let headers = answer.headers.iter();
    let headers: usize = headers.map(|one| one.name.len() + one.value.len()).sum();
    ENTRY_BYTES + headers + answer.body.len()
}

/// What is kept for a call; where others ask for the same right now, it waits for them.
///
/// # Errors
/// The client wants the entry forgotten and may not.
pub async fn look_up(
    worker: &'static Worker,
    call: &mut Call<'_>,
    asked: &Asked<'_>,
    (stage, rule): (&RestStage, &CacheRule),
) -> Result<Found, Reject> {
    let key = key(&Scene { call, asked }, stage, rule);
    let mut forgets = wants_fresh(asked);
    if forgets && rule.needs_authorization {
        // Nobody has shown a right to it.
        match rule.unauthorized {
            Unauthorized::Refused => return Err(Reject::AccessDenied),
            Unauthorized::Warned => call.warns_of_cache = true,
            Unauthorized::Ignored => {}
        }
        forgets = false;
    }
    loop {
        let now_ms = worker.core.now_ms();
        let waited = {
            let mut caches = worker.caches.0.borrow_mut();
            let cache = caches.entry(stage.scope.clone()).or_default();
            let kept = cache.kept.get(&key).filter(|kept| kept.until_ms > now_ms);
            match (kept, cache.asked.get(&key)) {
                (Some(kept), _) if !forgets => return Ok(Found::Here(Rc::clone(&kept.answer))),
                (_, Some(flag)) if !forgets => Rc::clone(flag),
                _ => {
                    let flag = Rc::new(Flag::default());
                    cache.asked.insert(key.clone(), Rc::clone(&flag));
                    return Ok(Found::Missing(Lease {
                        worker,
                        stage: stage.scope.clone(),
                        key,
                        until_ms: now_ms + u64::from(rule.ttl_s) * 1000,
                        bytes_max: stage.cache_bytes_max,
                        flag,
                    }));
                }
            }
        };
        waited.raised().await;
    }
}

/// `Cache-Control: max-age=0`
fn wants_fresh(asked: &Asked<'_>) -> bool {
    let said = asked.head.field(asked.bytes, Name::CacheControl);
    let said = String::from_utf8_lossy(said.unwrap_or_default()).to_ascii_lowercase();
    said.split(',').any(|one| one.trim() == "max-age=0")
}

/// Epoch, namespace, method and the parameters that make a difference, each with its length.
fn key(scene: &Scene<'_>, stage: &RestStage, rule: &CacheRule) -> Box<[u8]> {
    let (call, asked) = (scene.call, scene.asked);
    let mut key = Vec::with_capacity(128);
    let mut push = |part: &[u8]| {
        key.extend_from_slice(&(part.len() as u32).to_le_bytes());
        key.extend_from_slice(part);
    };
    push(&stage.cache_epoch.to_le_bytes());
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

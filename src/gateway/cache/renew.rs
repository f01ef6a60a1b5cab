//! Answers that are renewed while the old one is served (RFC 5861 section 3).

use std::rc::Rc;
use std::sync::Arc;

use crate::gateway::asked::Asked;
use crate::gateway::auth::{Said, User};
use crate::gateway::cache::copies::Held;
use crate::gateway::cache::home::Lease;
use crate::gateway::rest::{self, PAYLOAD_BYTES_MAX};
use crate::gateway::{Answer, Call, Published, Worker};
use crate::net::inbound::accept::Hall;
use crate::net::outbound::Asking;
use crate::plan::{Params, Route, Stage};
use crate::rt::task;
use crate::rt::tls::ClientCertificate;
use crate::wire::head::RequestHead;

/// Renewals under way on a core at most; what is not renewed now is renewed for a later request.
const RENEWALS_MAX: usize = 64;

/// After one that failed the next one waits, milliseconds.
const RETRY_MS: u64 = 1_000;

/// An upstream cannot have an answer served for longer than AWS would keep it, seconds.
const STALE_S_MAX: u32 = 3_600;

/// A request that goes on without its client.
#[derive(Debug)]
struct Renewal {
    #[allow(clippy::redundant_allocation)]
    live: Rc<Arc<Published>>,
    stage: usize,
    route: usize,
    is_canary: Option<bool>,
    params: Params,
    base: u32,
    head: RequestHead,
    bytes: Vec<u8>,
    body: Vec<u8>,
    peer: Option<std::net::IpAddr>,
    certificate: Option<ClientCertificate>,
    user: Option<Box<User>>,
    authorized: Option<Rc<Said>>,
}

/// Asks for `held` anew, in the background.
pub fn start(
    worker: &'static Worker,
    call: &Call<'_>,
    asked: &Asked<'_>,
    (held, lease): (&Held, Lease),
) {
    let under_way = &worker.caches.renewals;
    let Some(renewal) = Renewal::of(worker, call, asked) else {
        held.rest_until(0);
        return;
    };
    if under_way.get() >= RENEWALS_MAX {
        held.rest_until(worker.monotonic_ms() + RETRY_MS);
        return;
    }
    under_way.set(under_way.get() + 1);
    let (held, place) = (Rc::clone(held), Place(worker));
    let renewed = async move {
        let _place = place;
        if !renewal.run(worker, lease).await {
            held.rest_until(worker.monotonic_ms() + RETRY_MS);
        }
    };
    task::spawn(renewed, || ());
}

/// Gives the place of a renewal back however it ends.
struct Place(&'static Worker);

impl Drop for Place {
    fn drop(&mut self) {
        let under_way = &self.0.caches.renewals;
        under_way.set(under_way.get() - 1);
    }
}

impl Renewal {
    /// None: the plan has changed under the request.
    fn of(worker: &'static Worker, call: &Call<'_>, asked: &Asked<'_>) -> Option<Self> {
        let live = worker.live();
        let (stage, route) = (call.stage?, call.route?);
        let is_it = |own: &Arc<Stage>| {
            let canary = own.canary();
            std::ptr::eq(&raw const **own, stage)
                || canary.is_some_and(|canary| std::ptr::eq(&raw const *canary.stage, stage))
        };
        let index = live.plan.stages.iter().position(is_it)?;
        let is_it = |own: &Route| std::ptr::eq(own, route);
        Some(Self {
            live,
            stage: index,
            route: stage.routes.iter().position(is_it)?,
            is_canary: call.is_canary,
            params: call.params,
            base: call.base,
            head: asked.head.clone(),
            bytes: asked.bytes.to_vec(),
            body: asked.body.to_vec(),
            peer: asked.peer,
            certificate: asked.certificate.cloned(),
            user: call.user.clone(),
            authorized: call.authorized.clone(),
        })
    }

    /// Says whether there is a new answer.
    async fn run(&self, worker: &'static Worker, lease: Lease) -> bool {
        let mut stage: &Stage = &self.live.plan.stages[self.stage];
        if let (Some(true), Some(canary)) = (self.is_canary, stage.canary()) {
            stage = &canary.stage;
        }
        let route = &stage.routes[self.route];
        let Some(rest) = route.rest.as_deref() else {
            return false;
        };
        let Some(rule) = &rest.cache else {
            return false;
        };
        let mut call = Call {
            kind: stage.kind,
            epoch_ms: worker.epoch_ms(),
            stage: Some(stage),
            route: Some(route),
            is_canary: self.is_canary,
            params: self.params,
            base: self.base,
            user: self.user.clone(),
            authorized: self.authorized.clone(),
            ..Call::new(worker.ids.borrow_mut().next())
        };
        let asked = Asked {
            head: &self.head,
            bytes: &self.bytes,
            body: &self.body,
            peer: self.peer,
            certificate: self.certificate.as_ref(),
        };
        let settings = worker.settings();
        let asking = Asking {
            core: worker.core,
            settings: &settings,
            pools: worker.pools(),
            until_ms: worker.core.now_ms() + u64::from(rest.timeout_ms),
            bytes_max: PAYLOAD_BYTES_MAX as usize,
        };
        let work = rest::work(worker, &mut call, (&asked, &asking, None), (route, rest));
        match Box::pin(work).await {
            Ok(answer) if Lease::is_for_all(&answer) => {
                let home = Arc::clone(lease.home());
                let stale_ms = stale_ms(&answer);
                let fresh_ms = u64::from(rule.ttl_s) * 1000;
                let entry = lease.keep(answer, worker.monotonic_ms(), fresh_ms, stale_ms);
                worker.caches.copies.keep(&home, entry);
                true
            }
            outcome => {
                lease.pass();
                let why = call.integration_error.as_deref();
                let status = outcome.map_or(0, |answer| answer.status);
                let (api, stage) = (&*stage.api_id, &*stage.name);
                let route = &*route.key;
                tracing::debug!(
                    api,
                    stage,
                    route,
                    status,
                    why,
                    "a cached answer was not renewed"
                );
                false
            }
        }
    }
}

/// For how long an answer wants to be served while it is renewed:
/// `Cache-Control: stale-while-revalidate=30`.
pub fn stale_ms(answer: &Answer) -> u64 {
    let values = answer.headers.all("cache-control");
    let seconds = values.filter_map(|value| {
        let value = std::str::from_utf8(value).ok()?;
        let mut parts = value.split(',').map(str::trim);
        parts.find_map(|part| {
            let (name, seconds) = part.split_once('=')?;
            let is_it = name.trim().eq_ignore_ascii_case("stale-while-revalidate");
            let seconds = seconds.trim().trim_matches('"');
            is_it.then(|| seconds.parse::<u32>().ok())?
        })
    });
    u64::from(seconds.max().unwrap_or(0).min(STALE_S_MAX)) * 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_says_for_how_long_it_may_be_stale() {
        for (value, expected) in [
            ("max-age=60, stale-while-revalidate=30", 30_000),
            ("Stale-While-Revalidate = \"5\"", 5_000),
            ("stale-while-revalidate=99999", 3_600_000),
            ("stale-while-revalidate=-1", 0),
            ("stale-while-revalidate", 0),
            ("max-age=60", 0),
        ] {
            let mut answer = Answer::default();
            answer.headers.push("Cache-Control", value.as_bytes());
            assert_eq!(stale_ms(&answer), expected, "{value}");
        }
    }
}

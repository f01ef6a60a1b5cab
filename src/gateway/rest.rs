//! The REST API pipeline on one screen.

use crate::base::Method;
use crate::gateway::asked::Asked;
use crate::gateway::cache::{self, Found, Given, renew};
use crate::gateway::context::Scene;
use crate::gateway::integrate::invoke::{self, Manner};
use crate::gateway::integrate::{self, aws, lambda, mock, whole};
use crate::gateway::story::{self, explain, moment};
use crate::gateway::transform::request::{self, Moved};
use crate::gateway::transform::{proxy, response};
use crate::gateway::{
    Answer, Call, Published, Reject, Stop, Story, Worker, api_key, auth, compress, respond,
    throttle, validate,
};
use crate::net::Exchange;
use crate::net::outbound::Asking;
use crate::net::outbound::whole::Request;
use crate::plan::rest::{Kind, RestRoute, RestStage};
use crate::plan::{HttpTarget, Route, Stage, Target};

/// Serves one request of a method: each step is one verb, all branching is here.
pub async fn pass<'p>(
    worker: &'static Worker,
    live: &'p Published,
    call: &mut Call<'p>,
    exchange: &mut Exchange<'_>,
    (stage, route, rest): (&'p Stage, &'p Route, &'p RestRoute),
) -> Result<(), Stop> {
    let own = stage.rest.as_deref();
    let own = own.ok_or(Reject::ApiConfigurationError)?;
    story::log::begin(worker, call, rest);
    if let Some(guard) = &route.guard {
        // Boxed: its state would make every call's larger.
        Box::pin(auth::admit(worker, call, exchange, (stage, route, guard))).await?;
    }
    api_key::check(worker, live, call, exchange, (own, rest))?;
    throttle::admit(worker, live, stage, route)?;
    moment::keys(call, (own, rest));
    run(worker, call, exchange, (own, route, rest)).await
}

/// What follows on the checks of who calls and how often.
pub async fn run(
    worker: &'static Worker,
    call: &mut Call<'_>,
    exchange: &mut Exchange<'_>,
    (own, route, rest): (&RestStage, &Route, &RestRoute),
) -> Result<(), Stop> {
    // What streams is not told of, but for whoever tests a method.
    let tells = |story: &Story| story.wants_payloads() && (story.is_test || !rest.streams);
    let shows_payloads = call.story().is_some_and(tells);
    let streams = streams(own, rest, shows_payloads);
    if rest.needs_body || !streams || shows_payloads {
        gather(exchange, route).await?;
    }
    let body = exchange.upload.gathered().unwrap_or_default();
    moment::started(call, &Asked::of(exchange, body));
    validate::request(call, &Asked::of(exchange, body), rest)?;
    request::check(call, rest)?;
    if streams {
        if rest.streams {
            limit_stream(exchange, rest);
        }
        return integrate::run(worker, call, exchange, route).await;
    }
    let mut body = exchange.upload.take_gathered();
    if own.compress_from.is_some()
        && let Some(plain) =
            compress::request(&Asked::of(exchange, &body), PAYLOAD_BYTES_MAX).await?
    {
        body = plain;
    }
    let asking = asking(worker, exchange, rest);
    let asked = Asked::of(exchange, &body);
    let source = (&asked, &asking, Some(&*exchange));
    let given = cached(worker, call, source, (own, route, rest)).await?;
    if let Given::Kept(_) = &given {
        explain::cached(call, given.answer());
    }
    if own.compress_from.is_none() && !call.warns_of_cache {
        return Ok(respond::answer(worker, call, exchange, given.answer()).await?);
    }
    let mut answer = given.into_own();
    if let Some(from) = own.compress_from {
        compress::answer(&asked, from, &mut answer).await;
    }
    if call.warns_of_cache {
        answer.headers.push("Warning", CACHE_WARNING);
    }
    Ok(respond::answer(worker, call, exchange, &answer).await?)
}

/// Whether the answer goes from the integration to the client as it comes.
fn streams(stage: &RestStage, rest: &RestRoute, shows_payloads: bool) -> bool {
    match rest.kind {
        Kind::Http | Kind::Function | Kind::Service | Kind::Mock => false,
        Kind::HttpProxy if shows_payloads => false,
        Kind::HttpProxy | Kind::FunctionProxy => {
            let is_looked_at = rest.cache.is_some() || stage.compress_from.is_some();
            rest.streams || !is_looked_at
        }
    }
}

/// AWS: "Your streams are subject to idle timeouts. For Regional or private endpoints, the timeout
/// is 5 minutes."
const STREAM_PAUSE_MS: u32 = 300_000;

/// The timeout of an integration that streams is for the whole answer.
fn limit_stream(exchange: &mut Exchange<'_>, rest: &RestRoute) {
    exchange.first_body_us = Some(0);
    let client = exchange.client;
    client.exchange_until_ms.set(client.due(rest.timeout_ms));
    client.pause_ms.set(STREAM_PAUSE_MS);
}

const CACHE_WARNING: &[u8] = b"199 - \"the cached answer was not invalidated: not authorized\"";

/// The request, the means to ask others, and the exchange it came in, if its client still waits.
pub(in crate::gateway) type Source<'s, 'x> =
    (&'s Asked<'s>, &'s Asking<'s>, Option<&'s Exchange<'x>>);

/// What the cache has, or what the integration says.
async fn cached(
    worker: &'static Worker,
    call: &mut Call<'_>,
    source: Source<'_, '_>,
    (stage, route, rest): (&RestStage, &Route, &RestRoute),
) -> Result<Given, Stop> {
    let Some(rule) = &rest.cache else {
        let answer = work(worker, call, source, (route, rest)).await?;
        return Ok(Given::Own(answer));
    };
    let (asked, asking, _) = source;
    let found = cache::look_up(worker, call, (asked, asking), (stage, rule)).await?;
    let is_hit = match &found {
        Found::Nowhere => None,
        // Who waited for another's call was served without one of its own.
        Found::Here(_) => Some(true),
        Found::Stale(..) => Some(rest.kind != Kind::FunctionProxy),
        Found::Missing(_) => Some(false),
    };
    if let Some(is_hit) = is_hit {
        worker.numbers.borrow_mut().looked_up(route.id.0, is_hit);
    }
    let lease = match found {
        Found::Here(held) => return Ok(Given::Kept(held)),
        // What a function proxy is told of needs the client's own exchange: this one renews it.
        Found::Stale(_, lease) if rest.kind == Kind::FunctionProxy => Some(lease),
        Found::Stale(held, lease) => {
            renew::start(worker, call, asked, (&held, lease));
            return Ok(Given::Kept(held));
        }
        Found::Missing(lease) => lease,
        Found::Nowhere => None,
    };
    match work(worker, call, source, (route, rest)).await {
        Ok(answer) => Ok(cache::settle(worker, lease, asking, rule, answer)),
        Err(stop) => {
            lease.into_iter().for_each(cache::home::Lease::pass);
            Err(stop)
        }
    }
}

/// The part behind all checks: request, integration, response.
pub(in crate::gateway) async fn work(
    worker: &'static Worker,
    call: &mut Call<'_>,
    (asked, asking, exchange): Source<'_, '_>,
    (route, rest): (&Route, &RestRoute),
) -> Result<Answer, Stop> {
    if let (Kind::FunctionProxy, Target::Function(target), Some(exchange)) =
        (rest.kind, &route.target, exchange)
    {
        let answer = lambda::answer(worker, call, exchange, (target, asked.body));
        return Box::pin(answer).await;
    }
    if let (Kind::HttpProxy, Target::Http(target)) = (rest.kind, &route.target) {
        let moved = Moved::of(&rest.request);
        explain::request(call, asked, moved);
        let head = proxy::head(moved, target, &Scene { call, asked });
        let answer = ask(worker, call, asking, target, asked, (&head, asked.body)).await?;
        return Ok(proxy::answer(answer));
    }
    let (body, overrides) = request::body(call, asked, &rest.request)?;
    let moved = Moved {
        map: &rest.request,
        overrides: &overrides,
    };
    explain::request(call, asked, moved);
    let mut answered = match &route.target {
        Target::Http(target) => {
            let head = request::head(moved, target, &Scene { call, asked }, &body);
            let answer = ask(worker, call, asking, target, asked, (&head, &body)).await?;
            answer.into()
        }
        Target::Function(target) => {
            let manner = Manner::of(moved, &Scene { call, asked });
            invoke::answer(worker, call, target, manner, asked.verb(), &body).await?
        }
        Target::Service(target) => {
            // Boxed: its state would make every connection's task larger.
            let made = (moved, &*body);
            let answer = aws::answer(worker, call, asked, asking, target, made);
            Box::pin(answer).await?.into()
        }
        _ => mock::answer(call, &body)?.into(),
    };
    let reply = response::choose(call, rest, &answered)?;
    let mut answer = response::answer(call, asked, reply, &overrides, &mut answered)?;
    if rest.kind != Kind::Mock {
        respond::add_trace(call, &mut answer);
    }
    Ok(answer)
}

async fn ask(
    worker: &'static Worker,
    call: &mut Call<'_>,
    asking: &Asking<'_>,
    target: &HttpTarget,
    asked: &Asked<'_>,
    (head, body): (&[u8], &[u8]),
) -> Result<Answer, Stop> {
    let method = target.method_for(asked.head.method);
    let request = Request {
        head,
        body,
        is_head: method == Method::Head,
    };
    let group = target.group.id;
    if call.story.is_some() && whole::has_address(worker, call, group) {
        moment::sending(call, target.group.tls.is_some(), head, body);
    }
    let outcome = whole::run(worker, call, group, asking, method, request).await;
    let answer = outcome.map_err(|failure| Stop::of(call.kind, &failure))?;
    moment::received(call, &answer);
    Ok(answer)
}

/// AWS's largest payload, bytes.
pub const PAYLOAD_BYTES_MAX: u64 = 10_485_760;

async fn gather(exchange: &mut Exchange<'_>, route: &Route) -> Result<(), Stop> {
    let bytes_max = route.body_bytes_max.min(PAYLOAD_BYTES_MAX);
    let (client, message) = (exchange.client, exchange.message);
    let gathered = exchange.upload.gather(client, message, bytes_max).await;
    gathered.map_err(|error| Stop::from(&error))
}

fn asking<'e>(worker: &'static Worker, exchange: &'e Exchange<'_>, rest: &RestRoute) -> Asking<'e> {
    Asking {
        core: worker.core,
        settings: &exchange.client.settings,
        pools: exchange.client.pools,
        until_ms: exchange.client.due(rest.timeout_ms),
        bytes_max: PAYLOAD_BYTES_MAX as usize,
    }
}

//! The HTTP API pipeline on one screen.

use crate::gateway::{
    Call, Published, Reject, Stop, Worker, auth, canary, cors, identify, integrate, rest, throttle,
};
use crate::net::Exchange;
use crate::plan::host::{Hit, Miss};
use crate::plan::stage::StageKind;
use crate::plan::{Route, Stage};
use crate::wire::head::Body;

/// Serves one request: each step is one verb, all branching is here.
#[allow(clippy::manual_async_fn)] // An async fn would keep its arguments twice.
pub fn pass<'a, 'p>(
    worker: &'static Worker,
    live: &'p Published,
    call: &'a mut Call<'p>,
    exchange: &'a mut Exchange<'_>,
) -> impl Future<Output = Result<(), Stop>> {
    async move {
        let stage = choose_stage(worker, live, call, exchange)?;
        let stage = canary::choose(worker, call, stage);
        if let Some(cors) = &stage.cors
            && cors::is_preflight(exchange)
        {
            // Boxed: its state would make what every request remembers larger.
            return Ok(Box::pin(cors::preflight(worker, call, exchange, cors)).await?);
        }
        let route = choose_route(stage, call, exchange)?;
        if let Some(rest) = route.rest.as_deref()
            && (!rest.is_plain || call.story.is_some())
        {
            // Boxed: what is mapped is held in memory, which other routes should not have to reserve.
            let method = (stage, route, rest);
            return Box::pin(rest::pass(worker, live, call, exchange, method)).await;
        }
        if let Some(guard) = &route.guard {
            // Boxed, as the preflight is.
            Box::pin(auth::admit(worker, call, exchange, (stage, route, guard))).await?;
        }
        throttle::admit(worker, live, stage, route)?;
        limit_body(route, exchange)?;
        integrate::run(worker, call, exchange, route).await
    }
}

#[inline]
fn choose_stage<'p>(
    worker: &Worker,
    live: &'p Published,
    call: &mut Call<'p>,
    exchange: &Exchange<'_>,
) -> Result<&'p Stage, Stop> {
    let (head, bytes) = (exchange.head(), exchange.bytes());
    let (host, path) = (head.host.of(bytes), head.path.of(bytes));
    let hit = live
        .plan
        .hosts
        .find(host, path, |name| field(exchange, name))
        .ok_or_else(|| no_stage(worker, live, call, exchange))?;
    if hit.guard != 0 && !may_enter(live, exchange, hit) {
        identify::request(worker, call, exchange, StageKind::Rest);
        return Err(Reject::Forbidden.into());
    }
    let stage = &live.plan.stages[hit.stage as usize];
    call.base = hit.base;
    call.by_domain = hit.by_domain;
    call.stage = Some(stage);
    if stage.kind != StageKind::File {
        identify::request(worker, call, exchange, stage.kind);
    }
    Ok(stage)
}

/// Whether the client showed the domain of the request a certificate that it trusts. One that was
/// shown to another domain does not count, whoever signed it.
#[cold]
fn may_enter(live: &Published, exchange: &Exchange<'_>, hit: Hit) -> bool {
    let shown = exchange.client.stream.client_certificate();
    shown.is_some_and(|shown| *shown.name == *live.plan.hosts.guard(hit))
}

/// The value of a header, for domains and APIs that choose by it.
#[cold]
fn field<'e>(exchange: &'e Exchange<'_>, name: &str) -> Option<&'e [u8]> {
    let (head, bytes) = (exchange.head(), exchange.bytes());
    let mut fields = head.fields.iter();
    let found = fields.find(|field| {
        let own = field.name.of(bytes);
        own.eq_ignore_ascii_case(name.as_bytes())
    });
    found.map(|field| field.value.of(bytes))
}

/// REST APIs and custom domains have other answers for a stage that is not there.
#[cold]
fn no_stage(
    worker: &Worker,
    live: &Published,
    call: &mut Call<'_>,
    exchange: &Exchange<'_>,
) -> Stop {
    let (head, bytes) = (exchange.head(), exchange.bytes());
    let (host, path) = (head.host.of(bytes), head.path.of(bytes));
    let hosts = &live.plan.hosts;
    match hosts.miss(host, path, |name| field(exchange, name)) {
        Miss::NoApi => Reject::NotFound.into(),
        Miss::NoRestStage | Miss::NoMapping => {
            identify::request(worker, call, exchange, StageKind::Rest);
            Reject::Forbidden.into()
        }
        Miss::HealthCheck => Stop::HealthCheck,
    }
}

#[inline]
fn choose_route<'p>(
    stage: &'p Stage,
    call: &mut Call<'p>,
    exchange: &Exchange<'_>,
) -> Result<&'p Route, Reject> {
    let head = exchange.head();
    let path = rest_of_path(head.path.of(exchange.bytes()), call.base);
    let index = stage
        .router
        .find(head.method, path, &mut call.params)
        .ok_or(match stage.kind {
            StageKind::File | StageKind::Http => Reject::NotFound,
            StageKind::Rest => Reject::MissingAuthenticationToken,
        })?;
    let route = &stage.routes[index as usize];
    call.route = Some(route);
    Ok(route)
}

/// The path behind the base path and the stage name; that of the base path itself is `/`.
#[inline]
pub fn rest_of_path(path: &[u8], base: u32) -> &[u8] {
    match &path[base as usize..] {
        b"" => b"/",
        rest => rest,
    }
}

/// Announced bodies that are too large are refused before they are read, others while they come.
#[inline]
fn limit_body(route: &Route, exchange: &mut Exchange<'_>) -> Result<(), Reject> {
    match exchange.head().body {
        Body::Length(length) if length > route.body_bytes_max => Err(Reject::RequestTooLarge),
        Body::Chunked => {
            let limited = exchange.upload.limit(route.body_bytes_max);
            limited.map_err(|_| Reject::RequestTooLarge)
        }
        _ => Ok(()),
    }
}

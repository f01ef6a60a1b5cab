//! The REST API pipeline on one screen.

use crate::gateway::asked::Asked;
use crate::gateway::context::Scene;
use crate::gateway::integrate::{self, mock, whole};
use crate::gateway::transform::{request, response};
use crate::gateway::{
    Answer, Call, Published, Reject, Stop, Worker, api_key, respond, throttle, validate,
};
use crate::net::Exchange;
use crate::net::outbound::whole::Request;
use crate::net::outbound::{Asking, Failure};
use crate::plan::rest::{Kind, RestRoute};
use crate::plan::{Route, Stage, Target};

/// Serves one request of a method: each step is one verb, all branching is here.
pub async fn pass<'p>(
    worker: &'static Worker,
    live: &'p Published,
    call: &mut Call<'p>,
    exchange: &mut Exchange<'_>,
    (stage, route, rest): (&'p Stage, &'p Route, &'p RestRoute),
) -> Result<(), Stop> {
    if let Some(own) = stage.rest.as_deref() {
        api_key::check(worker, live, call, exchange, (own, rest))?;
    }
    throttle::admit(worker, live, stage, route)?;
    if rest.needs_body {
        gather(exchange, route).await?;
    }
    let body = exchange.upload.gathered().unwrap_or_default();
    validate::request(call, &Asked::of(exchange, body), rest)?;
    request::check(call, rest)?;
    if matches!(rest.kind, Kind::HttpProxy | Kind::FunctionProxy) {
        return integrate::run(worker, call, exchange, route).await;
    }
    let body = exchange.upload.take_gathered();
    let asking = asking(worker, exchange, rest);
    let asked = Asked::of(exchange, &body);
    let answer = work(worker, call, &asked, &asking, (route, rest)).await?;
    Ok(respond::answer(worker, call, exchange, &answer).await?)
}

/// The part behind all checks: request, integration, response.
async fn work(
    worker: &'static Worker,
    call: &mut Call<'_>,
    asked: &Asked<'_>,
    asking: &Asking<'_>,
    (route, rest): (&Route, &RestRoute),
) -> Result<Answer, Stop> {
    let body = request::body(&rest.request, asked)?;
    let answer = match &route.target {
        Target::Http(target) => {
            let head = request::head(rest, target, &Scene { call, asked }, &body);
            let method = target.method_for(asked.head.method);
            let request = Request {
                head: &head,
                body: &body,
                is_head: method == crate::base::Method::Head,
            };
            let group = target.group.id;
            let outcome = whole::run(worker, call, group, asking, method, request).await;
            outcome.map_err(|failure| refusal(&failure))?
        }
        _ => mock::answer(call, &body)?,
    };
    let reply = response::choose(call, rest, answer.status)?;
    Ok(response::answer(reply, &Scene { call, asked }, answer))
}

/// How a REST API says that its integration gave no answer.
fn refusal(failure: &Failure) -> Stop {
    match failure {
        // AWS: "Integration response of reported length … is larger than allowed maximum".
        Failure::TooLarge(_) => Reject::ApiConfigurationError.into(),
        other => Stop::from(other),
    }
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

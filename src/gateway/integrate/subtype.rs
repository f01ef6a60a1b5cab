//! First-class integrations: an action of a service of AWS, its parameters from the request.

use crate::aws::subtype::{Request, Unfit};
use crate::base::Method;
use crate::gateway::integrate::mapped::{self, BODY_BYTES_MAX};
use crate::gateway::integrate::signed::{self, Outgoing};
use crate::gateway::mapping::Scene;
use crate::gateway::{Answer, Call, Reject, Stop, Worker, respond};
use crate::net::Exchange;
use crate::net::outbound::Asking;
use crate::plan::SubtypeTarget;
use crate::plan::subtype::Given;

pub async fn run(
    worker: &'static Worker,
    call: &mut Call<'_>,
    exchange: &mut Exchange<'_>,
    target: &SubtypeTarget,
) -> Result<(), Stop> {
    if target.needs_body {
        mapped::gather(call, exchange).await?;
    }
    let made = request(&mapped::scene(worker, call, exchange), target);
    let request = made.map_err(|why| {
        call.integration_error = Some(why.into());
        Reject::BadRequest
    })?;
    let mut answer = ask(worker, call, exchange, target, &request).await?;
    if !(200..300).contains(&answer.status) {
        // As recorded of AWS: what a service refuses with is not for the client.
        call.integration_error = Some(String::from_utf8_lossy(&answer.body).into());
        return Err(Reject::InternalError.into());
    }
    if let Some(changes) = target.reply(answer.status) {
        mapped::change(worker, call, exchange, changes, &mut answer);
    }
    Ok(respond::answer(worker, call, exchange, &answer).await?)
}

/// The request with the values of all parameters.
///
/// # Errors
/// A parameter has no value, or none that it can have: why, for the log. As recorded of AWS, that
/// is so for optional parameters too.
fn request(scene: &Scene<'_>, target: &SubtypeTarget) -> Result<Request, String> {
    let mut values = Vec::with_capacity(target.parameters.len());
    for given in &target.parameters {
        let value = scene.parameter(&given.value, given.parameter.kind.is_json());
        let value = value.ok_or_else(|| unresolved(given))?;
        values.push((given.parameter, value));
    }
    target.subtype.request(&values).map_err(|Unfit(parameter)| {
        let mut all = target.parameters.iter();
        let given = all.find(|given| given.parameter.name == parameter.name);
        given.map(unresolved).unwrap_or_default()
    })
}

fn unresolved(given: &Given) -> String {
    let (name, written) = (given.parameter.name, &given.written);
    format!(
        "Unable to resolve property {name} from source {written}. Please make sure that the request \
         to API Gateway contains all the necessary fields specified in request parameters."
    )
}

async fn ask(
    worker: &'static Worker,
    call: &mut Call<'_>,
    exchange: &Exchange<'_>,
    target: &SubtypeTarget,
    request: &Request,
) -> Result<Answer, Stop> {
    let client = exchange.client;
    let asking = Asking {
        core: client.core,
        settings: &client.settings,
        pools: client.pools,
        until_ms: client.due(target.timeout_ms),
        bytes_max: BODY_BYTES_MAX as usize,
    };
    let headers = request.headers.iter();
    let headers: Vec<_> = headers
        .map(|(name, value)| (*name, value.as_bytes()))
        .collect();
    let outgoing = Outgoing {
        method: match request.is_get {
            true => Method::Get,
            false => Method::Post,
        },
        path: request.path.as_bytes(),
        query: request.query.as_bytes(),
        headers: &headers,
        body: &request.body,
    };
    let answered = signed::ask(worker, call, &asking, &target.service, outgoing).await;
    answered.map_err(|why| Stop::from(&why))
}

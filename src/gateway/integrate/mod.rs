//! One verb: ask the target of a route and give its answer to the client.

pub mod attempt;
pub mod aws;
pub mod event;
pub mod event_mapped;
pub mod event_v1;
pub mod event_v2;
pub mod http;
pub mod invoke;
pub mod lambda;
pub mod mapped;
pub mod mock;
pub mod remote;
pub mod remote_stream;
pub mod signed;
pub mod streamed;
pub mod subtype;
pub mod whole;

use crate::gateway::{Call, Reject, Stop, Worker, auth};
use crate::net::Exchange;
use crate::plan::{Route, Target};

#[inline]
pub async fn run(
    worker: &'static Worker,
    call: &mut Call<'_>,
    exchange: &mut Exchange<'_>,
    route: &Route,
) -> Result<(), Stop> {
    match &route.target {
        // Boxed, as all but the plain one: it would make what every request remembers larger.
        Target::Function(target) if target.streams => {
            Box::pin(streamed::run(worker, call, exchange, target)).await
        }
        Target::Function(target) => Box::pin(lambda::run(worker, call, exchange, target)).await,
        Target::Http(target) => http::run(worker, call, exchange, target, None).await,
        Target::Mapped(target) => Box::pin(mapped::run(worker, call, exchange, target)).await,
        Target::Subtype(target) => Box::pin(subtype::run(worker, call, exchange, target)).await,
        Target::Mock(target) => Box::pin(mock::run(worker, call, exchange, target)).await,
        Target::Unchecked(target) => Err(auth::unchecked(call, target).into()),
        // Only methods of REST APIs have such targets, and their pipeline does not come here.
        Target::Service(_) | Target::Nobody => Err(Reject::ApiConfigurationError.into()),
    }
}

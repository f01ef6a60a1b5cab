//! API keys: whether a request brings one that may call this stage, and what is left to it.

use crate::gateway::{Call, Published, Reject, Worker};
use crate::net::Exchange;
use crate::observe::Counter;
use crate::plan::rest::{RestRoute, RestStage};
use crate::wire::head::Name;

/// Methods that need no key count for no plan.
///
/// # Errors
/// No key, an unknown or a disabled one, one without a plan here, or a plan that is used up.
pub fn check<'p>(
    worker: &Worker,
    live: &'p Published,
    call: &mut Call<'p>,
    exchange: &Exchange<'_>,
    (stage, route): (&RestStage, &RestRoute),
) -> Result<(), Reject> {
    if !route.api_key_required {
        return Ok(());
    }
    let value = match route.key_of_authorizer {
        // What the client sends does not count.
        true => call
            .authorized
            .as_ref()
            .and_then(|said| said.usage_key.as_deref()),
        false => {
            let value = exchange.head().field(exchange.bytes(), Name::XApiKey);
            value.and_then(|value| std::str::from_utf8(value).ok())
        }
    };
    let value = value.ok_or(Reject::InvalidApiKey)?;
    let found = live.usage.table.find(&stage.scope, value);
    let key = found.filter(|key| key.is_enabled);
    let key = key.ok_or(Reject::InvalidApiKey)?;
    call.api_key = Some(key);
    let (member, method) = (key.member, &route.throttle_key);
    let admitted = live
        .usage
        .admit(member, &stage.scope, method, call.epoch_ms);
    admitted.inspect_err(|reject| {
        if *reject == Reject::Throttled {
            worker.add(Counter::ThrottledRoute, 1);
        }
    })
}

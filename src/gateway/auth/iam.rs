//! Who has signed a call (`AWS_IAM`): Signature Version 4 for `execute-api`, in headers or presigned.

use crate::aws::sigv4::{self, Family, Payload, Refusal, Wanted};
use crate::gateway::auth::asked::{fields, is_for, signed};
use crate::gateway::auth::callers::User;
use crate::gateway::auth::unproven::{self, Unread};
use crate::gateway::rest::PAYLOAD_BYTES_MAX;
use crate::gateway::{Call, Reject, Stop, Worker};
use crate::net::Exchange;
use crate::plan::host::API_ID;
use crate::plan::stage::StageKind;
use crate::plan::{Guard, Route};

/// As clients name the service in their signatures.
pub const SERVICE: &str = "execute-api";

/// Where a client says that its signature is not over the body.
const CONTENT_HASH: &[u8] = b"x-amz-content-sha256";
const UNSIGNED: &[u8] = b"UNSIGNED-PAYLOAD";

/// Whose key has signed the request, its body included: that is held in memory for it, as soon as
/// somebody claims to be known, or has proven it by the hash that it names.
///
/// # Errors
/// Nobody has, or nobody who is known; or the body did not come.
pub(super) async fn authenticate(
    worker: &'static Worker,
    call: &mut Call<'_>,
    exchange: &mut Exchange<'_>,
    (route, guard): (&Route, &Guard),
) -> Result<User, Stop> {
    let callers = worker.callers();
    let wanted = Wanted {
        service: SERVICE,
        region: Some(&guard.region),
    };
    let claimed = {
        let fields = fields(exchange);
        let request = signed(exchange, &fields);
        sigv4::claim(&request, &callers.keys, &wanted, worker.epoch_ms())
    };
    let claimed = claimed.map_err(|refusal| {
        callers.tell_of_lack();
        refuse(call, &refusal)
    })?;
    let api = call.stage.map_or("", |stage| &*stage.api_id);
    if !is_for(&worker.live(), api, exchange, &claimed.presented) {
        return Err(refuse(call, &Refusal::HeaderNotSigned { name: API_ID }).into());
    }
    let head = exchange.head();
    if head.header(exchange.bytes(), CONTENT_HASH) != Some(UNSIGNED) {
        let bytes_max = route.body_bytes_max.min(PAYLOAD_BYTES_MAX);
        let room = unproven::before_body(worker, exchange, &claimed, bytes_max);
        let _room = room.map_err(|unread| match unread {
            Unread::Refused(refusal) => refuse(call, &refusal),
            Unread::Full => Reject::Throttled,
        })?;
        let (client, message) = (exchange.client, exchange.message);
        let gathered = exchange.upload.gather(client, message, bytes_max).await;
        gathered.map_err(|error| Stop::from(&error))?;
    }
    let proven = {
        let fields = fields(exchange);
        let payload = Payload::Bytes(exchange.upload.gathered().unwrap_or_default());
        claimed.prove(&signed(exchange, &fields), &payload)
    };
    let verified = proven.map_err(|refusal| refuse(call, &refusal))?;
    let user = User::find(&callers, &verified.key.id, &guard.region);
    Ok(user.ok_or(Reject::AccessDenied)?)
}

/// AWS's words, and its name for the error. HTTP APIs say no more than that it is forbidden.
fn refuse(call: &mut Call<'_>, refusal: &Refusal) -> Reject {
    let fault = refusal.fault(Family::Json);
    let reject = match (refusal, call.kind) {
        (Refusal::Missing, StageKind::Rest) => Reject::MissingAuthenticationToken,
        (Refusal::Missing, _) => Reject::AccessDenied,
        (Refusal::ExpiredToken, _) => Reject::ExpiredToken,
        _ => Reject::InvalidSignature,
    };
    // The rest of it is what should have been signed.
    let first = fault.message.lines().next();
    call.authorizer_error = first.map(Into::into);
    call.exception = Some(fault.name.as_str());
    call.said = Some(fault.message.into());
    reject
}

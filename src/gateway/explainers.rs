//! Clients that want their call explained and may: `x-daemun-explain` on a request that a key of the
//! configuration has signed. To all others the header means nothing.

use std::net::IpAddr;

use tokio::sync::oneshot;

use crate::aws::sigv4::presented::Carrier;
use crate::aws::sigv4::{self, Claimed, Payload, Wanted};
use crate::aws::{AccessKey, arn};
use crate::base::date::iso8601;
use crate::base::json::{self, Value};
use crate::gateway::auth::asked::{fields, is_for, resource, signed};
use crate::gateway::auth::unproven::before_body;
use crate::gateway::auth::{Callers, SERVICE, Standing};
use crate::gateway::rest::PAYLOAD_BYTES_MAX;
use crate::gateway::trial::{self, Origin, Signed, Trial, Untold};
use crate::gateway::{Call, Published, Stop, Worker, http, identify, respond};
use crate::lang::policy::{self, Context, Decision, Inquiry};
use crate::net::{Exchange, Gone};
use crate::plan::host::Hit;
use crate::plan::stage::StageKind;
use crate::plan::{Params, Stage};
use crate::wire::head::{Body, Name};

/// What a policy has to allow, on the ARN that `execute-api:Invoke` is about.
const ACTION: &str = "execute-api:Explain";
const HEADER: &str = "x-daemun-explain";
const JSON: &[u8] = b"Content-Type: application/json\r\n";

/// Gives the explanation in the place of the answer, to whom it is due. None: this request is as any
/// other, and nothing of it has been answered.
pub async fn instead(
    worker: &'static Worker,
    exchange: &mut Exchange<'_>,
) -> Option<Result<(), Gone>> {
    let callers = worker.callers();
    let called = called(worker, &callers, exchange)?;
    // Nobody's body is held in memory who does not claim to be one of the few.
    let claimed = claimed(worker, &callers, exchange, &called)?;
    let signed_by = Signed {
        key: claimed.key.id.as_str().into(),
        region: claimed.presented.region.as_str().into(),
    };
    if !has_small_body(exchange, called.body_bytes_max) {
        return None;
    }
    let room = before_body(worker, exchange, &claimed, called.body_bytes_max).ok()?;
    let (client, message) = (exchange.client, exchange.message);
    let gathered = exchange
        .upload
        .gather(client, message, called.body_bytes_max);
    if let Err(error) = gathered.await {
        // What has been read of the body cannot be read again.
        return Some(refuse(worker, exchange, Stop::from(&error)).await);
    }
    drop(room);
    if !is_proven(claimed, exchange) {
        return None;
    }
    let (reply, told) = oneshot::channel();
    let trial = Trial {
        draft: None,
        origin: Some(Origin::of(client)),
        caller: Some(signed_by),
        request: again(exchange),
        reply,
    };
    trial::run(worker, trial).await;
    let (status, body) = match told.await.unwrap_or(Err(Untold::BrokenOff)) {
        Ok(told) => (200, json::pretty(&told.shown())),
        Err(untold) => {
            let why = Value::from_iter([("message", Value::from(untold.to_string()))]);
            (untold.status(), json::line(&why))
        }
    };
    let mut call = Call::new(worker.ids.borrow_mut().next());
    call.status = status;
    Some(respond::fixed(worker, &mut call, exchange, JSON, body.as_bytes()).await)
}

/// The stage that is called; none also where a client has to show a certificate, which it cannot do
/// a second time.
fn stage<'p>(live: &'p Published, exchange: &Exchange<'_>) -> Option<(&'p Stage, Hit)> {
    let (head, bytes) = (exchange.head(), exchange.bytes());
    let (host, path) = (head.host.of(bytes), head.path.of(bytes));
    let hosts = &live.plan.hosts;
    let hit = hosts.find(host, path, |name| {
        head.header(bytes, name.to_ascii_lowercase().as_bytes())
    })?;
    let stage = live.plan.stages.get(hit.stage as usize)?;
    (hit.guard == 0).then_some((stage, hit))
}

/// What a request is about, in the terms of those who may have it explained.
struct Called {
    account: String,
    region: String,
    api: Box<str>,
    /// The last part of its ARN.
    resource: String,
    /// A larger body is not looked at.
    body_bytes_max: u64,
}

fn called(worker: &'static Worker, callers: &Callers, exchange: &Exchange<'_>) -> Option<Called> {
    let live = worker.live();
    let (stage, hit) = stage(&live, exchange)?;
    let (head, bytes) = (exchange.head(), exchange.bytes());
    let (account, region) = match &*stage.account_id {
        "" => (&*callers.account, &*callers.region),
        account => (account, &*stage.region),
    };
    let path = http::rest_of_path(head.path.of(bytes), hit.base);
    let route = stage.router.find(head.method, path, &mut Params::default());
    let route = route.and_then(|index| stage.routes.get(index as usize));
    let behind = resource(stage, hit.base, exchange);
    Some(Called {
        account: account.to_owned(),
        region: region.to_owned(),
        api: stage.api_id.clone(),
        resource: format!("{}/{}/{behind}", stage.api_id, stage.name),
        body_bytes_max: route.map_or(PAYLOAD_BYTES_MAX, |route| {
            route.body_bytes_max.min(PAYLOAD_BYTES_MAX)
        }),
    })
}

fn has_small_body(exchange: &Exchange<'_>, bytes_max: u64) -> bool {
    match exchange.head().body {
        Body::None => true,
        Body::Length(length) => length <= bytes_max,
        Body::Chunked | Body::UntilClose => false,
    }
}

/// Refuses a request whose body did not come, as its API does.
async fn refuse(
    worker: &'static Worker,
    exchange: &mut Exchange<'_>,
    stop: Stop,
) -> Result<(), Gone> {
    let live = worker.live();
    let mut call = Call::new(worker.ids.borrow_mut().next());
    if let Some((stage, hit)) = stage(&live, exchange) {
        let (head, bytes) = (exchange.head(), exchange.bytes());
        call.base = hit.base;
        call.by_domain = hit.by_domain;
        call.stage = Some(stage);
        if stage.kind != StageKind::File {
            identify::request(worker, &mut call, exchange, stage.kind);
        }
        let path = http::rest_of_path(head.path.of(bytes), hit.base);
        let route = stage.router.find(head.method, path, &mut call.params);
        call.route = route.and_then(|index| stage.routes.get(index as usize));
    }
    let outcome = worker.settle(&mut call, exchange, Err(stop)).await;
    worker.finish(&call, exchange);
    outcome
}

/// Whether the key that a request claims has signed it, its body included.
fn is_proven(claimed: Claimed<'_>, exchange: &Exchange<'_>) -> bool {
    let fields = fields(exchange);
    let payload = Payload::Bytes(exchange.upload.gathered().unwrap_or_default());
    claimed.prove(&signed(exchange, &fields), &payload).is_ok()
}

/// The key that a request claims to be signed with, if that may have this explained. The wish has to
/// be signed too: neither who is handed a presigned URL nor who has seen a signed request can add it.
fn claimed<'k>(
    worker: &'static Worker,
    callers: &'k Callers,
    exchange: &Exchange<'_>,
    called: &Called,
) -> Option<Claimed<'k>> {
    let fields = fields(exchange);
    let signed = signed(exchange, &fields);
    let wanted = Wanted {
        service: SERVICE,
        region: Some(&called.region),
    };
    let epoch_ms = worker.epoch_ms();
    let claimed = sigv4::claim(&signed, &callers.keys, &wanted, epoch_ms).ok()?;
    let (key, presented) = (claimed.key, &claimed.presented);
    let is_wished = presented.carrier == Carrier::Header && presented.signs(HEADER);
    let is_for = is_for(&worker.live(), &called.api, exchange, presented);
    if !is_wished || !is_for || key.account != called.account {
        return None;
    }
    let peer = exchange.client.peer.ip().to_canonical();
    let standing = &callers.person(&key.id)?.standing;
    let may = allows(standing, key, called, (peer, epoch_ms));
    may.then_some(claimed)
}

fn allows(
    standing: &Standing,
    key: &AccessKey,
    called: &Called,
    (peer, epoch_ms): (IpAddr, u64),
) -> bool {
    let policy = match standing {
        Standing::Everything => return true,
        Standing::Policy(policy) => policy,
        Standing::Nothing => return false,
    };
    let region = called.region.as_str();
    let (partition, user) = (arn::partition_of(region), key.user_arn(region));
    let (account, resource) = (&called.account, &called.resource);
    let context = Context::new()
        .with("aws:username", &*key.name)
        .with("aws:userid", &*key.id)
        .with("aws:PrincipalType", "User")
        .with("aws:PrincipalArn", user.as_str())
        .with("aws:PrincipalAccount", &*key.account)
        .with("aws:RequestedRegion", region)
        .with("aws:CurrentTime", iso8601(epoch_ms))
        .with("aws:EpochTime", (epoch_ms / 1_000).to_string())
        .with("aws:SourceIp", peer.to_string());
    let inquiry = Inquiry {
        caller: policy::Caller::User {
            account: &key.account,
            arn: &user,
        },
        action: ACTION,
        resource: &format!("arn:{partition}:execute-api:{region}:{account}:{resource}"),
        context: &context,
    };
    let decision = policy::decide(std::iter::once(&**policy), &inquiry);
    matches!(decision, Decision::Allow(_))
}

/// The request once more, without the wish to have it explained.
fn again(exchange: &Exchange<'_>) -> Vec<u8> {
    let (head, bytes) = (exchange.head(), exchange.bytes());
    let body = exchange.upload.gathered().unwrap_or_default();
    let mut out = Vec::with_capacity(bytes.len() + body.len());
    for part in [
        head.method_token.of(bytes),
        b" ",
        head.target.of(bytes),
        b" HTTP/1.1\r\n",
    ] {
        out.extend_from_slice(part);
    }
    for field in &head.fields {
        let is_ours = matches!(field.id, Name::XDaemunExplain | Name::Expect);
        if !field.hop && !is_ours {
            for part in [field.name.of(bytes), b": ", field.value.of(bytes), b"\r\n"] {
                out.extend_from_slice(part);
            }
        }
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(body);
    out
}

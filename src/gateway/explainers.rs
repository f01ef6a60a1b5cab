//! Clients that want their call explained and may: `x-daemun-explain` on a request that a key of the
//! configuration has signed. To all others the header means nothing.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::aws::sigv4::{self, Payload, Presented, Wanted};
use crate::aws::{AccessKey, AccessKeys, arn};
use crate::base::date::iso8601;
use crate::base::json;
use crate::gateway::rest::PAYLOAD_BYTES_MAX;
use crate::gateway::trial::{self, Trial};
use crate::gateway::{Call, Worker, respond};
use crate::lang::policy::{self, Context, Decision, Inquiry, Policy};
use crate::net::{Exchange, Gone};
use crate::plan::Stage;
use crate::wire::head::{Body, Name};

/// The keys whose signature counts, and what their policies allow.
#[derive(Debug)]
pub struct Explainers {
    pub keys: AccessKeys,
    /// By the names that the keys have for them.
    pub policies: HashMap<String, Arc<Policy>>,
    /// Whose the APIs of the config file are.
    pub account: String,
}

/// What a policy has to allow, on the ARN that `execute-api:Invoke` is about.
const ACTION: &str = "execute-api:Explain";
/// As AWS's clients sign calls of APIs.
const SERVICE: &str = "execute-api";
const JSON: &[u8] = b"Content-Type: application/json\r\n";

/// Gives the explanation in the place of the answer, to whom it is due. None: this request is as any
/// other, and nothing of it has been answered.
pub async fn instead(
    worker: &'static Worker,
    exchange: &mut Exchange<'_>,
) -> Option<Result<(), Gone>> {
    let explainers = worker.explainers.borrow().clone()?;
    let account = account(worker, &explainers, exchange)?;
    if !explainers.knows(exchange) || !has_small_body(exchange) {
        return None;
    }
    let (client, message) = (exchange.client, exchange.message);
    let gathered = exchange.upload.gather(client, message, PAYLOAD_BYTES_MAX);
    if gathered.await.is_err() {
        // What has been read of the body cannot be read again.
        return Some(Err(Gone));
    }
    let peer = client.peer.ip().to_canonical();
    if !explainers.may(exchange, (&account, peer), worker.epoch_ms()) {
        return None;
    }
    let (reply, told) = oneshot::channel();
    let trial = Trial {
        draft: None,
        peer: Some(client.peer),
        request: again(exchange),
        reply,
    };
    trial::run(worker, trial).await;
    let Ok(told) = told.await else {
        return Some(Err(Gone));
    };
    let body = json::pretty(&told.shown());
    let mut call = Call::new(worker.ids.borrow_mut().next());
    call.status = 200;
    Some(respond::fixed(worker, &mut call, exchange, JSON, body.as_bytes()).await)
}

/// The account and the ARN of what is called, as far as the stage.
fn account(
    worker: &'static Worker,
    explainers: &Explainers,
    exchange: &Exchange<'_>,
) -> Option<Called> {
    let live = worker.live();
    let (head, bytes) = (exchange.head(), exchange.bytes());
    let (host, path) = (head.host.of(bytes), head.path.of(bytes));
    let hosts = &live.plan.hosts;
    let hit = hosts.find(host, path, |name| {
        head.header(bytes, name.to_ascii_lowercase().as_bytes())
    })?;
    // Who has to show a certificate cannot do so a second time.
    let stage: &Stage = live.plan.stages.get(hit.stage as usize)?;
    if hit.guard != 0 {
        return None;
    }
    let account = match &*stage.account_id {
        "" => &explainers.account,
        account => account,
    };
    let path = String::from_utf8_lossy(path.get(hit.base as usize..).unwrap_or_default());
    let verb = String::from_utf8_lossy(head.method_token.of(bytes));
    Some(Called {
        account: account.to_owned(),
        resource: format!("{}/{}/{verb}{path}", stage.api_id, stage.name),
    })
}

struct Called {
    account: String,
    /// The last part of its ARN.
    resource: String,
}

fn has_small_body(exchange: &Exchange<'_>) -> bool {
    match exchange.head().body {
        Body::None => true,
        Body::Length(length) => length <= PAYLOAD_BYTES_MAX,
        Body::Chunked | Body::UntilClose => false,
    }
}

type Fields<'a> = Vec<(&'a [u8], &'a [u8])>;

fn signed<'a>(exchange: &'a Exchange<'_>, fields: &'a Fields<'a>) -> Option<sigv4::Request<'a>> {
    let (head, bytes) = (exchange.head(), exchange.bytes());
    Some(sigv4::Request {
        method: std::str::from_utf8(head.method_token.of(bytes)).ok()?,
        path: head.path.of(bytes),
        query: head.query.map(|query| query.of(bytes)).unwrap_or_default(),
        headers: fields,
    })
}

fn fields<'a>(exchange: &'a Exchange<'_>) -> Fields<'a> {
    let (head, bytes) = (exchange.head(), exchange.bytes());
    let all = head.fields.iter();
    all.map(|field| (field.name.of(bytes), field.value.of(bytes)))
        .collect()
}

impl Explainers {
    /// Whether it presents one of the keys, rightly or not: others cost no more than this.
    fn knows(&self, exchange: &Exchange<'_>) -> bool {
        let fields = fields(exchange);
        let presented = signed(exchange, &fields).and_then(|signed| Presented::read(&signed).ok());
        presented.is_some_and(|presented| {
            presented.service == SERVICE && self.keys.find(&presented.access_key_id).is_some()
        })
    }

    /// Whether the signature is right, and its key may have this explained.
    fn may(
        &self,
        exchange: &Exchange<'_>,
        (called, peer): (&Called, IpAddr),
        epoch_ms: u64,
    ) -> bool {
        let fields = fields(exchange);
        let Some(signed) = signed(exchange, &fields) else {
            return false;
        };
        let payload = Payload::Bytes(exchange.upload.gathered().unwrap_or_default());
        let wanted = Wanted {
            service: SERVICE,
            region: None,
        };
        let verified = sigv4::verify(&signed, &payload, &self.keys, &wanted, epoch_ms);
        let Ok(verified) = verified else {
            return false;
        };
        let key = verified.key;
        key.account == called.account
            && self.allows(key, &verified.presented.region, called, peer, epoch_ms)
    }

    fn allows(
        &self,
        key: &AccessKey,
        region: &str,
        called: &Called,
        peer: IpAddr,
        epoch_ms: u64,
    ) -> bool {
        let Some(name) = &key.policy else {
            return true;
        };
        // A policy that is not there allows nothing.
        let Some(policy) = self.policies.get(name) else {
            return false;
        };
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

//! Requests that no client sent: tests of a method that is in no stage, and calls that an operator
//! wants explained. They pass through the pipeline that serves everybody, over a pair of sockets of
//! which a core has both ends.

use std::cell::Cell;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::base::json::Value;
use crate::gateway::auth::User;
use crate::gateway::story::{Event, Fact, explain, moment};
use crate::gateway::{
    Answer, Call, Published, Reject, Stop, Story, Worker, http, identify, integrate, rest,
};
use crate::net::inbound::accept::Hall;
use crate::net::inbound::h1;
use crate::net::outbound::whole::{self, Request};
use crate::net::outbound::{Asking, Connection, Failure, Groups};
use crate::net::{Client, Exchange, Message, Upload};
use crate::plan::Stage;
use crate::plan::rest::ExecutionLog;
use crate::plan::stage::StageKind;
use crate::rt::{Stream, task};
use crate::wire::head::{Name, RequestHead};

/// A request to be tried.
#[derive(Debug)]
pub struct Trial {
    /// A test of the only method of the only stage of a plan that is not published; none: a call of
    /// what is served, to be explained.
    pub draft: Option<Arc<Published>>,
    /// Whose call is to be explained; none: that of somebody on this machine.
    pub origin: Option<Origin>,
    /// Whose call it is as, if that is known.
    pub caller: Option<Signed>,
    /// A whole HTTP/1.1 request.
    pub request: Vec<u8>,
    pub reply: oneshot::Sender<Result<Told, Untold>>,
}

/// Whoever wants a call tried, by the access key and the region of that wish's signature.
#[derive(Clone, Debug)]
pub struct Signed {
    pub key: Box<str>,
    pub region: Box<str>,
}

/// The connection that a call came on, as APIs and upstreams are told of it.
#[derive(Clone, Copy, Debug)]
pub struct Origin {
    pub peer: SocketAddr,
    pub local: SocketAddr,
    pub is_tls: bool,
}

impl Origin {
    pub fn of(client: &Client) -> Self {
        Self {
            peer: client.peer,
            local: client.local,
            is_tls: client.is_tls,
        }
    }

    /// Somebody of this machine who came by that listener.
    pub const fn here(local: SocketAddr, is_tls: bool) -> Self {
        Self {
            peer: LOOPBACK,
            local,
            is_tls,
        }
    }

    const fn plain(peer: SocketAddr) -> Self {
        Self {
            peer,
            local: NOBODY,
            is_tls: false,
        }
    }
}

/// Why nothing can be told of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Untold {
    #[error("the answer has more than 16 MiB, too much to be held and shown")]
    TooLarge,
    #[error("the answer had not ended after 305 seconds")]
    Endless,
    #[error("the call broke off before it had an answer; the log may say why")]
    BrokenOff,
}

impl Untold {
    pub fn status(self) -> u16 {
        match self {
            Self::TooLarge | Self::BrokenOff => 502,
            Self::Endless => 504,
        }
    }
}

impl From<&Failure> for Untold {
    fn from(failure: &Failure) -> Self {
        match failure {
            Failure::TooLarge(_) => Self::TooLarge,
            Failure::Timeout => Self::Endless,
            _ => Self::BrokenOff,
        }
    }
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    pub request_id: String,
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub latency_ms: u64,
    /// What happened, in the words of execution logs.
    pub events: Vec<Event>,
    /// What happened besides, of a call that was to be explained.
    pub trace: Vec<Fact>,
}

/// The host of a test that names none, as AWS calls it.
pub const HOST: &str = "testPrefix.testDomainName";
/// Nobody's address.
const NOBODY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
/// Whoever asks for an explanation is on this machine.
const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
/// No integration may take longer.
const LIMIT_MS: u64 = 305_000;
/// Of an answer: no integration that is looked at may give more.
const ANSWER_BYTES_MAX: usize = 16 << 20;

/// Sends the request, serves it, and tells what came of it, or why that cannot be told.
pub async fn run(worker: &'static Worker, trial: Trial) {
    let Trial {
        draft,
        origin,
        caller,
        request,
        reply,
    } = trial;
    let told = tried(worker, (draft, origin, caller), &request).await;
    // Whoever asked may have given up.
    let _ = reply.send(told);
}

/// What is tried, on which connection, as whom.
type Try = (Option<Arc<Published>>, Option<Origin>, Option<Signed>);

async fn tried(
    worker: &'static Worker,
    (draft, origin, caller): Try,
    request: &[u8],
) -> Result<Told, Untold> {
    let pair = Stream::pair(worker.core);
    let (near, far) = pair.map_err(|_| Untold::BrokenOff)?;
    let (served, outcome) = oneshot::channel();
    let is_test = draft.is_some();
    let work = async move {
        if let Some(told) = serve(worker, far, (draft, origin, caller)).await {
            // Whoever asked may have given up.
            let _ = served.send(told);
        }
    };
    task::spawn(work, || ());
    let answer = ask(worker, near, request).await;
    let answer = answer.map_err(|failure| Untold::from(&failure))?;
    let told = outcome.await.map_err(|_| Untold::BrokenOff)?;
    Ok(with_answer(told, answer, is_test))
}

/// The client's side.
async fn ask(worker: &'static Worker, stream: Stream, request: &[u8]) -> Result<Answer, Failure> {
    let settings = worker.settings();
    let asking = Asking {
        core: worker.core,
        settings: &settings,
        pools: worker.pools(),
        until_ms: worker.core.now_ms() + LIMIT_MS,
        bytes_max: ANSWER_BYTES_MAX,
    };
    let connection = Box::new(Connection {
        stream,
        target: 0,
        idle_since_ms: 0,
        is_reused: false,
        expects_long: false,
    });
    let request = Request {
        head: request,
        body: b"",
        is_head: request.starts_with(b"HEAD "),
    };
    let whole = whole::ask(&asking, connection, request).await?;
    let message = whole.message;
    let answer = Answer::of(&message.head, message.bytes(), whole.body);
    asking.pools.responses.give(asking.core, message);
    Ok(answer)
}

/// What a test shows of an answer: not what only its connection is told, nor its ids.
fn with_answer(mut told: Told, answer: Answer, is_test: bool) -> Told {
    let shown = answer.headers.iter().filter(|header| {
        let name = Name::of(header.name.as_bytes());
        let is_ours = matches!(
            name,
            Name::Date | Name::ContentLength | Name::Connection | Name::XAmznRequestId
        ) || header.is("x-amz-apigw-id");
        !(is_test && is_ours)
    });
    let shown = shown.map(|header| {
        let value = String::from_utf8_lossy(header.value).into_owned();
        (header.name.to_string(), value)
    });
    let is_refusal = is_test && told.is_refusal();
    // As recorded: of the gateway's own answers AWS shows the type of the error alone.
    let shown = shown.filter(|(name, _)| !is_refusal || !name.eq_ignore_ascii_case("content-type"));
    told.headers = shown.collect();
    told.status = answer.status;
    told.body = answer.body;
    told
}

impl Told {
    /// As JSON: the answer, and how it came to be.
    pub fn shown(&self) -> Value {
        let headers = self.headers.iter();
        let headers = headers.map(|(name, value)| Value::from(vec![name.clone(), value.clone()]));
        let trace = self.trace.iter().map(|fact| {
            let mut members = vec![("step", Value::from(fact.topic))];
            if fact.at_us > 0 {
                members.push(("at_us", fact.at_us.into()));
            }
            let own = fact.members.iter();
            members.extend(own.map(|(name, value)| (*name, value.clone().into())));
            Value::from_iter(members)
        });
        let log = self.events.iter().map(|event| Value::from(&*event.line));
        let body = String::from_utf8_lossy(&self.body).into_owned();
        let answer = Value::from_iter([
            ("status", Value::from(self.status)),
            ("headers", headers.collect()),
            ("body", body.into()),
        ]);
        Value::from_iter([
            ("answer", answer),
            ("request_id", self.request_id.clone().into()),
            ("latency_ms", self.latency_ms.into()),
            ("trace", trace.collect()),
            ("log", log.collect()),
        ])
    }

    fn is_refusal(&self) -> bool {
        let mut events = self.events.iter();
        !events.any(|event| event.line.starts_with(moment::SUCCESS))
    }
}

/// The gateway's side.
async fn serve(
    worker: &'static Worker,
    stream: Stream,
    (draft, origin, caller): Try,
) -> Option<Told> {
    let settings = worker.settings();
    let origin = match draft {
        Some(_) => Origin::plain(NOBODY),
        None => origin.unwrap_or(Origin::plain(LOOPBACK)),
    };
    let client = Client {
        core: worker.core,
        stream,
        peer: origin.peer,
        local: origin.local,
        is_tls: origin.is_tls,
        pause_ms: Cell::new(settings.timeouts.body_ms),
        settings,
        pools: worker.pools(),
        exchange_until_ms: Cell::new(u64::MAX),
    };
    let mut message = h1::next_head(&client, worker, None, 0).await?;
    hide_host(&mut message);
    let upload = Upload::new(&message, &client.settings.limits).ok()?;
    let mut exchange = Exchange {
        client: &client,
        message: &message,
        upload,
        started_us: worker.core.now_us(),
        sent_bytes: 0,
        body_bytes: 0,
        first_body_us: None,
        close: true,
    };
    let user = caller.and_then(|own| User::find(&worker.callers(), &own.key, &own.region));
    let user = user.map(Box::new);
    let told = match &draft {
        Some(published) => test(worker, published, user, &mut exchange).await,
        None => explained(worker, user, &mut exchange).await,
    };
    client.pools.requests.give(client.core, message);
    told
}

/// The host that stands in for one that was not given is no header.
fn hide_host(message: &mut Message<RequestHead>) {
    let Message { head, buffer } = message;
    if head.host.of(buffer.unread()) == HOST.as_bytes() {
        head.fields.retain(|field| field.id != Name::Host);
    }
}

/// A call as any other, of which all is told.
async fn explained(
    worker: &'static Worker,
    user: Option<Box<User>>,
    exchange: &mut Exchange<'_>,
) -> Option<Told> {
    let live = worker.live();
    let mut call = Call::new(worker.ids.borrow_mut().next());
    call.vouched = user;
    call.story = Some(Box::new(Story::explaining(&worker.clock)));
    let outcome = http::pass(worker, &live, &mut call, exchange).await;
    let outcome = worker.settle(&mut call, exchange, outcome).await;
    worker.finish(&call, exchange);
    outcome.ok()?;
    let story = call.story()?;
    let mut trace = vec![explain::route(&live.plan, &call, exchange)];
    trace.extend(explain::checks(&call));
    trace.extend_from_slice(&story.facts());
    trace.extend(explain::ending(&call, story));
    Some(Told {
        request_id: String::from_utf8_lossy(call.shown_request_id()).into_owned(),
        latency_ms: story.since_us() / 1000,
        events: story.events().to_vec(),
        trace,
        ..Told::default()
    })
}

/// No key, authorizer or throttle is asked, nothing is counted, and no log of a stage hears of it.
async fn test(
    worker: &'static Worker,
    published: &Published,
    user: Option<Box<User>>,
    exchange: &mut Exchange<'_>,
) -> Option<Told> {
    let stage = published.plan.stages.first()?;
    let groups = Groups::default();
    groups.publish(&published.groups);
    let mut call = Call::new(worker.ids.borrow_mut().next());
    call.user = user;
    call.groups = Some(Rc::new(groups));
    call.stage = Some(stage);
    identify::request(worker, &mut call, exchange, StageKind::Rest);
    let mut story = Story::new(&worker.clock, ExecutionLog::Payloads);
    story.is_test = true;
    call.story = Some(Box::new(story));
    let outcome = execute(worker, stage, &mut call, exchange).await;
    let outcome = worker.settle(&mut call, exchange, outcome).await;
    let (head, bytes) = (exchange.head(), exchange.bytes());
    moment::ended(&call, head.field(bytes, Name::ContentType));
    let latency_us = worker.core.now_us().saturating_sub(exchange.started_us);
    outcome.ok()?;
    Some(Told {
        request_id: String::from_utf8_lossy(call.shown_request_id()).into_owned(),
        latency_ms: latency_us / 1000,
        events: call.story()?.events().to_vec(),
        ..Told::default()
    })
}

async fn execute<'p>(
    worker: &'static Worker,
    stage: &'p Stage,
    call: &mut Call<'p>,
    exchange: &mut Exchange<'_>,
) -> Result<(), Stop> {
    let (head, bytes) = (exchange.head(), exchange.bytes());
    let path = head.path.of(bytes);
    // A path that is none of the method's has no parameters.
    let _ = stage.router.find(head.method, path, &mut call.params);
    let route = stage.routes.first().ok_or(Reject::ApiConfigurationError)?;
    call.route = Some(route);
    match (stage.rest.as_deref(), route.rest.as_deref()) {
        (Some(own), Some(rest)) => rest::run(worker, call, exchange, (own, route, rest)).await,
        _ => integrate::run(worker, call, exchange, route).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_cannot_be_told_has_the_status_of_its_failure() {
        for (failure, status, word) in [
            (Failure::TooLarge(ANSWER_BYTES_MAX), 502, "16 MiB"),
            (Failure::Timeout, 504, "305 seconds"),
            (Failure::Upgraded, 502, "broke off"),
        ] {
            let untold = Untold::from(&failure);
            assert_eq!(untold.status(), status, "{failure}");
            assert!(untold.to_string().contains(word), "{untold}");
        }
        assert_eq!((ANSWER_BYTES_MAX >> 20, LIMIT_MS / 1000), (16, 305));
    }
}

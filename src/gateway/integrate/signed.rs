//! A request in memory to a service of AWS: signed, sent over this core's connections.

use std::sync::Arc;

use crate::aws::sigv4::{Payload, Request};
use crate::base::{Method, ascii};
use crate::gateway::integrate::whole::{self, Opened};
use crate::gateway::story::moment;
use crate::gateway::{Answer, Call, Reject, Stop, Worker};
use crate::net::outbound::{Asking, Failure, whole as outbound};
use crate::plan::Service;
use crate::plan::service::Credentials;
use crate::wire::h1::encode;

/// What is to be asked. Names and values of headers that could not stand in a head are left out.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    pub method: Method,
    /// Percent-encoded; begins with `/`.
    pub path: &'a [u8],
    /// Percent-encoded, without `?`.
    pub query: &'a [u8],
    /// Without `Host`, `Content-Length` and what belongs to signatures.
    pub headers: &'a [(&'a str, &'a [u8])],
    pub body: &'a [u8],
}

impl<'a> Outgoing<'a> {
    fn request(&self, head: &'a [u8]) -> outbound::Request<'a> {
        outbound::Request {
            head,
            body: self.body,
            is_head: self.method == Method::Head,
        }
    }
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Unanswered {
    /// There are no keys to sign with. The call has learned why.
    NoKeys,
    Failure(Failure),
}

/// For HTTP APIs; REST APIs have their own words for some failures.
impl From<&Unanswered> for Stop {
    fn from(why: &Unanswered) -> Self {
        match why {
            Unanswered::NoKeys => Reject::ApiConfigurationError.into(),
            Unanswered::Failure(failure) => failure.into(),
        }
    }
}

/// Signs and sends the request. `call` learns who was asked and how it went, for the log.
///
/// # Errors
/// Why there is no answer. An answer that is an error is an answer.
pub async fn ask(
    worker: &'static Worker,
    call: &mut Call<'_>,
    asking: &Asking<'_>,
    service: &Service,
    outgoing: Outgoing<'_>,
) -> Result<Answer, Unanswered> {
    let head = signed(worker, call, asking, service, &outgoing).await?;
    let request = outgoing.request(&head);
    let group = service.group.id;
    tell(worker, call, service, &head, outgoing.body);
    let answered = whole::run(worker, call, group, asking, outgoing.method, request);
    let answer = answered.await.map_err(Unanswered::Failure)?;
    moment::received(call, &answer);
    Ok(answer)
}

/// As `ask`, for an answer that is read as it comes.
///
/// # Errors
/// Why there is no answer.
pub async fn open(
    worker: &'static Worker,
    call: &mut Call<'_>,
    asking: &Asking<'_>,
    service: &Service,
    outgoing: Outgoing<'_>,
) -> Result<Opened, Unanswered> {
    let head = signed(worker, call, asking, service, &outgoing).await?;
    let request = outgoing.request(&head);
    let group = service.group.id;
    tell(worker, call, service, &head, outgoing.body);
    let opened = whole::open(worker, call, group, asking, outgoing.method, request);
    opened.await.map_err(Unanswered::Failure)
}

fn tell(worker: &Worker, call: &Call<'_>, service: &Service, head: &[u8], body: &[u8]) {
    if call.story.is_some() && whole::has_address(worker, call, service.group.id) {
        moment::sending(call, service.group.tls.is_some(), head, body);
    }
}

/// The head with its signature.
async fn signed(
    worker: &'static Worker,
    call: &mut Call<'_>,
    asking: &Asking<'_>,
    service: &Service,
    outgoing: &Outgoing<'_>,
) -> Result<Vec<u8>, Unanswered> {
    let now_ms = worker.epoch_ms();
    let wait_ms = asking.until_ms.saturating_sub(asking.core.now_ms());
    let own = call.user.as_ref().and_then(|user| user.keys());
    let keys = match (&service.credentials, own) {
        (Credentials::Caller, Some(own)) => Ok(Arc::clone(own)),
        (credentials, _) => {
            let keyring = &worker.keyring;
            let keys = keyring.keys(worker.core, credentials, now_ms / 1_000, wait_ms);
            keys.await
        }
    };
    let keys = keys.map_err(|why| {
        call.integration_error = Some(why);
        Unanswered::NoKeys
    })?;
    let signer = keys.signer(&service.name, &service.region);
    Ok(head(service, outgoing, |request, payload| {
        signer.sign(request, Some(payload), now_ms)
    }))
}

type Added = Vec<(&'static str, String)>;

/// The head with its blank line.
fn head(
    service: &Service,
    outgoing: &Outgoing<'_>,
    sign: impl FnOnce(&Request<'_>, &Payload<'_>) -> Added,
) -> Vec<u8> {
    let method = outgoing.method.name().unwrap_or("POST");
    let path = [service.base_path.as_bytes(), outgoing.path].concat();
    let mut headers: Vec<(&[u8], &[u8])> = Vec::with_capacity(outgoing.headers.len() + 6);
    headers.push((b"Host", service.host.as_bytes()));
    let given = outgoing.headers.iter();
    let given = given.map(|(name, value)| (name.as_bytes(), ascii::trim(value)));
    headers.extend(given.filter(|(name, value)| may_send(name, value)));
    let request = Request {
        method,
        path: &path,
        query: outgoing.query,
        headers: &headers,
    };
    let added = sign(&request, &Payload::Bytes(outgoing.body));
    let mut out = Vec::with_capacity(1_024);
    for part in [method.as_bytes(), b" ", &path] {
        out.extend_from_slice(part);
    }
    if !outgoing.query.is_empty() {
        out.push(b'?');
        out.extend_from_slice(outgoing.query);
    }
    out.extend_from_slice(b" HTTP/1.1\r\n");
    for (name, value) in &headers {
        encode::field(&mut out, name, value);
    }
    for (name, value) in &added {
        encode::field(&mut out, name.as_bytes(), value.as_bytes());
    }
    let has_body = !matches!(outgoing.method, Method::Get | Method::Head);
    if has_body || !outgoing.body.is_empty() {
        encode::content_length(&mut out, outgoing.body.len() as u64);
    }
    out.extend_from_slice(b"\r\n");
    out
}

/// Fields that this file writes itself, and what could not stand in a head.
fn may_send(name: &[u8], value: &[u8]) -> bool {
    const OWN: &[&str] = &[
        "authorization",
        "connection",
        "content-length",
        "host",
        "transfer-encoding",
        "x-amz-content-sha256",
        "x-amz-date",
        "x-amz-security-token",
    ];
    let is_own = |own: &&str| name.eq_ignore_ascii_case(own.as_bytes());
    ascii::is_token(name) && ascii::is_field_value(value) && !OWN.iter().any(is_own)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Group;

    #[test]
    fn what_is_signed_is_what_is_sent() {
        let service = Service {
            group: Arc::new(Group::default()),
            host: "127.0.0.1:5000".into(),
            base_path: "/base".into(),
            name: "sqs".into(),
            region: "eu-west-1".into(),
            credentials: Credentials::Own,
        };
        let outgoing = Outgoing {
            method: Method::Post,
            path: b"/a%20b",
            query: b"x=1",
            headers: &[
                ("X-A", b" 1 "),
                ("host", b"evil"),
                ("X-B", b"1\r\nX-C: 2"),
                ("authorization", b"mine"),
            ],
            body: b"{}",
        };
        let mut seen = Vec::new();
        let head = head(&service, &outgoing, |request, _| {
            let names = request.headers.iter();
            seen.extend(names.map(|(name, _)| String::from_utf8_lossy(name).into_owned()));
            assert_eq!(request.path, b"/base/a%20b");
            vec![("x-amz-date", "now".to_owned())]
        });
        assert_eq!(seen, ["Host", "X-A"]);
        assert_eq!(
            String::from_utf8_lossy(&head),
            "POST /base/a%20b?x=1 HTTP/1.1\r\nHost: 127.0.0.1:5000\r\nX-A: 1\r\n\
             x-amz-date: now\r\ncontent-length: 2\r\n\r\n"
        );
    }
}

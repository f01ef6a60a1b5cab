//! A response on its way from the upstream to the client, with back-pressure.

use std::future::{Future, poll_fn};
use std::io::{self, IoSlice};
use std::pin::pin;
use std::task::Poll;

use crate::base::{Buffer, Method};
use crate::net::exchange::COPY_BYTES_MAX;
use crate::net::flow::{self, Flow};
use crate::net::outbound::h1::SHORT_READ_BYTES;
use crate::net::outbound::{Connection, Reply};
use crate::net::{Client, Exchange, Gone, Message, Upload};
use crate::rt::Piped;
use crate::rt::task::Turns;
use crate::wire::h1::chunked::Chunked;
use crate::wire::h1::encode;
use crate::wire::head::{Body, Field, Name, ResponseHead, Version};

/// How a response ended.
#[derive(Debug)]
pub enum Delivered {
    /// All of it is with the client. The connection comes back when it can carry another request.
    Whole(Option<Box<Connection>>),
    /// The upstream broke off in the middle: the client's connection must be closed.
    UpstreamBroke(&'static str),
    ClientGone,
}

/// How far the first write of a response has come.
pub enum Begun {
    Ended(Delivered),
    Goes(Unfinished),
}

/// A response that could not be sent at once.
pub struct Unfinished {
    connection: Box<Connection>,
    download: Download,
}

/// What is left to do.
pub enum Rest<F> {
    Nothing(Delivered),
    Some(F),
}

impl Begun {
    /// What is not over lies in a pool: most responses are, and would have to make room for it.
    #[inline]
    pub fn rest<'a, 'c>(
        self,
        exchange: &'a mut Exchange<'c>,
    ) -> Rest<impl Future<Output = Delivered> + use<'a, 'c>> {
        match self {
            Self::Ended(delivered) => Rest::Nothing(delivered),
            Self::Goes(unfinished) => {
                let pool = &exchange.client.pools.downloads;
                Rest::Some(pool.run(|| rest(exchange, unfinished)))
            }
        }
    }
}

/// Sends `reply` to the client: its end-to-end headers that `keep` lets through, the lines that
/// `add` appends, and its body as it comes.
#[inline]
pub fn deliver(
    exchange: &mut Exchange<'_>,
    reply: Reply,
    keep: impl Fn(&Field, &[u8]) -> bool,
    add: impl Fn(&mut Vec<u8>, &Exchange<'_>, &Message<ResponseHead>),
) -> Begun {
    let Reply {
        mut connection,
        message,
    } = reply;
    let client = exchange.client;
    connection.note(message.head.body);
    let coding = coding(exchange, message.head.body);
    // A response before the end of its request: what is still to come will not be read.
    exchange.close |= matches!(coding, Coding::Raw(Body::UntilClose) | Coding::Unchunk(_))
        && exchange.message.head.method != Method::Head;
    exchange.close |= !exchange.upload.is_read();
    let mut download = Download::new(coding, exchange, &message);
    let started = {
        let mut out = client.core.out.borrow_mut();
        out.clear();
        write_head(&mut out, exchange, &message, &download.coding, keep, add);
        download.head_bytes = out.len() as u64;
        let behind = &message.bytes()[message.head.length as usize..];
        download.came(client, behind.len());
        download.begin(client, &connection, &mut out, behind)
    };
    client.pools.responses.give(client.core, message);
    match started {
        Ok(()) if !download.done || download.pending.is_some() => Begun::Goes(Unfinished {
            connection,
            download,
        }),
        outcome => Begun::Ended(end(exchange, connection, &download, outcome)),
    }
}

/// What became of a response that was sent to its end or broke off.
#[inline]
fn end(
    exchange: &mut Exchange<'_>,
    connection: Box<Connection>,
    download: &Download,
    outcome: Result<(), Broken>,
) -> Delivered {
    exchange.first_body_us = download.first_us;
    exchange.sent_bytes += download.sent_bytes;
    exchange.body_bytes += download.sent_bytes.saturating_sub(download.head_bytes);
    match outcome {
        Ok(()) => {
            let clean = download.keep_alive && !download.excess && exchange.upload.is_whole();
            Delivered::Whole(clean.then_some(connection))
        }
        Err(broken) => break_off(exchange, &connection, download, broken),
    }
}

#[cold]
fn break_off(
    exchange: &Exchange<'_>,
    connection: &Connection,
    download: &Download,
    broken: Broken,
) -> Delivered {
    connection.stream.break_off();
    match broken {
        Broken::Client => Delivered::ClientGone,
        Broken::Upstream(why) => {
            // Where the end of the connection is the end of the body, a clean one would lie.
            if matches!(
                download.coding,
                Coding::Raw(Body::UntilClose) | Coding::Unchunk(_)
            ) {
                exchange.client.stream.break_off();
            }
            Delivered::UpstreamBroke(why)
        }
    }
}

enum Broken {
    Client,
    Upstream(&'static str),
}

impl From<Gone> for Broken {
    fn from(_: Gone) -> Self {
        Self::Client
    }
}

/// How body bytes are changed on their way.
enum Coding {
    /// As they come; the framing is the upstream's.
    Raw(Body),
    /// Chunked as it comes, checked.
    Chunked(Chunked),
    /// A client of HTTP/1.0 gets the payload alone and the end of the connection.
    Unchunk(Chunked),
    /// A body that ends with the upstream's connection gets chunks, so that the client's lives on.
    Chunk,
}

fn coding(exchange: &Exchange<'_>, body: Body) -> Coding {
    let limits = &exchange.client.settings.limits;
    match (body, exchange.message.head.version) {
        (Body::Chunked, Version::Http11) => Coding::Chunked(Chunked::new(limits)),
        (Body::Chunked, Version::Http10) => Coding::Unchunk(Chunked::new(limits)),
        (Body::UntilClose, Version::Http11) => Coding::Chunk,
        (body, _) => Coding::Raw(body),
    }
}

fn write_head(
    out: &mut Vec<u8>,
    exchange: &Exchange<'_>,
    message: &Message<ResponseHead>,
    coding: &Coding,
    keep: impl Fn(&Field, &[u8]) -> bool,
    add: impl Fn(&mut Vec<u8>, &Exchange<'_>, &Message<ResponseHead>),
) {
    let (head, bytes) = (&message.head, message.bytes());
    encode::status_line(out, head.status, head.reason.of(bytes));
    // "A server MUST NOT send a Content-Length header field in any response with a status code
    // of 1xx or 204" (RFC 9110 section 8.6).
    let no_length = head.status == 204;
    encode::end_to_end_fields(out, bytes, &head.fields, |field| {
        (no_length && field.id == Name::ContentLength) || !keep(field, bytes)
    });
    if matches!(coding, Coding::Chunked(_) | Coding::Chunk) {
        out.extend_from_slice(b"Transfer-Encoding: chunked\r\n");
    }
    add(out, exchange, message);
    out.extend_from_slice(exchange.connection_line());
    out.extend_from_slice(b"\r\n");
}

/// The body on its way.
struct Download {
    coding: Coding,
    /// The upstream has said all of it.
    done: bool,
    /// It has said more than that.
    excess: bool,
    /// Written, not yet taken by the client.
    pending: Option<Buffer>,
    sent_bytes: u64,
    /// Of these, what the head has.
    head_bytes: u64,
    /// The upstream's connection can carry another request.
    keep_alive: bool,
    /// When the first bytes came; see `Exchange`.
    first_us: Option<u64>,
    /// The client's connection ends behind it.
    is_last: bool,
    flow: Flow,
}

impl Download {
    /// A body of which nothing has been sent; `message` is what the first read has found.
    fn new(coding: Coding, exchange: &Exchange<'_>, message: &Message<ResponseHead>) -> Self {
        Self {
            coding,
            done: false,
            excess: false,
            pending: None,
            sent_bytes: 0,
            head_bytes: 0,
            keep_alive: message.head.keep_alive,
            first_us: exchange.first_body_us,
            is_last: exchange.close,
            flow: Flow::new(message.bytes().len() >= SHORT_READ_BYTES),
        }
    }

    /// Notes when the first bytes came, if somebody asks.
    #[inline]
    fn came(&mut self, client: &Client, count: usize) {
        if let Some(first_us @ 0) = &mut self.first_us
            && count > 0
        {
            *first_us = client.core.now_us();
        }
    }

    /// Sends a head with what came behind it, and in one packet with it what else has come by now of
    /// a long body.
    fn begin(
        &mut self,
        client: &Client,
        connection: &Connection,
        out: &mut Vec<u8>,
        behind: &[u8],
    ) -> Result<(), Broken> {
        let has_come = !connection.stream.is_quiet();
        let held = behind.len() as u64;
        let piped = has_come.then(|| self.pull(client, connection, held));
        // How it ended, if it did, is seen when it is read on.
        let Some(piped) = piped.flatten() else {
            self.pass(client, out, behind)?;
            // A short read that was full does not say whether there is more.
            let is_open = self.done && !connection.stream.is_quiet();
            self.excess |= is_open && !connection.stream.is_drained();
            return Ok(());
        };
        client.stream.hold_back();
        let passed = self.pass(client, out, behind);
        client.stream.hold_no_more();
        passed?;
        self.forward(client, connection, piped)
    }

    /// Takes unread what has come of the body behind the next `held` bytes. None: it has to be read.
    fn pull(
        &mut self,
        client: &Client,
        connection: &Connection,
        held: u64,
    ) -> Option<Piped<'static>> {
        let Coding::Raw(Body::Length(rest)) = self.coding else {
            return None;
        };
        let rest = rest.saturating_sub(held);
        self.flow.pull(&connection.stream, &client.stream, rest)
    }

    /// Sends what was moved of the body; what the client does not take is kept.
    fn forward(
        &mut self,
        client: &Client,
        connection: &Connection,
        piped: Piped<'_>,
    ) -> Result<(), Broken> {
        let count = piped.len();
        self.came(client, count);
        if let Coding::Raw(Body::Length(rest)) = &mut self.coding {
            *rest -= count as u64;
            self.done = *rest == 0;
        }
        if self.is_last && self.done {
            client.stream.hold_back();
        }
        flow::push(piped, &client.stream, client.core, &mut self.pending)
            .map_err(|_| Broken::Client)?;
        self.sent_bytes += count as u64;
        // A piece that ends with the body does not say whether there is more behind it.
        self.excess |= self.done && !connection.stream.is_drained();
        Ok(())
    }

    /// Sends `out` (a head, or nothing) and then `bytes` of the body in one call; what the
    /// client does not take is kept. `out` may be used up.
    fn pass(&mut self, client: &Client, out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), Broken> {
        let mut tail: &[u8] = b"";
        let body: &[u8] = match &mut self.coding {
            Coding::Raw(Body::Length(rest)) => {
                let used = bytes
                    .len()
                    .min(usize::try_from(*rest).unwrap_or(usize::MAX));
                *rest -= used as u64;
                self.done = *rest == 0;
                self.excess = used < bytes.len();
                &bytes[..used]
            }
            Coding::Raw(Body::None) => {
                self.done = true;
                self.excess = !bytes.is_empty();
                b""
            }
            Coding::Raw(_) => bytes,
            Coding::Chunked(chunked) => {
                let scan = chunked.scan(bytes).map_err(|_| BAD_CHUNKS)?;
                self.done = scan.done;
                self.excess = scan.used < bytes.len();
                &bytes[..scan.used]
            }
            Coding::Unchunk(chunked) => {
                let scan = chunked
                    .decode(bytes, &mut |payload: &[u8]| out.extend_from_slice(payload))
                    .map_err(|_| BAD_CHUNKS)?;
                self.done = scan.done;
                self.excess = scan.used < bytes.len();
                b""
            }
            Coding::Chunk if bytes.is_empty() => b"",
            Coding::Chunk => {
                encode::chunk_start(out, bytes.len() as u64);
                tail = b"\r\n";
                bytes
            }
        };
        self.write(client, out, body, tail)
    }

    fn write(
        &mut self,
        client: &Client,
        out: &mut Vec<u8>,
        body: &[u8],
        tail: &[u8],
    ) -> Result<(), Broken> {
        let total = out.len() + body.len() + tail.len();
        if total == 0 {
            return Ok(());
        }
        let (body, tail): (&[u8], &[u8]) = if body.len() + tail.len() <= COPY_BYTES_MAX {
            out.extend_from_slice(body);
            out.extend_from_slice(tail);
            (b"", b"")
        } else {
            (body, tail)
        };
        let all = [IoSlice::new(out), IoSlice::new(body), IoSlice::new(tail)];
        let parts = match (out.is_empty(), tail.is_empty()) {
            (false, true) if body.is_empty() => &all[..1],
            (false, true) => &all[..2],
            (true, true) => &all[1..2],
            _ => &all[..],
        };
        if self.is_last && self.done {
            client.stream.hold_back();
        }
        let sent = client.stream.try_write(parts).map_err(|_| Broken::Client)?;
        self.sent_bytes += total as u64;
        if sent < total || client.stream.wants_flush() {
            let mut rest = client.core.buffers.take();
            crate::net::exchange::keep_unsent(&mut rest, parts, sent);
            self.pending = Some(rest);
        }
        Ok(())
    }

    /// The upstream closed: the end of some bodies, the breach of others.
    fn end(&mut self, client: &Client) -> Result<(), Broken> {
        self.done = true;
        match &self.coding {
            Coding::Raw(Body::UntilClose) => Ok(()),
            Coding::Chunk => {
                let out = &mut client.core.out.borrow_mut();
                out.clear();
                self.write(client, out, b"0\r\n\r\n", b"")
            }
            _ => Err(Broken::Upstream("the upstream closed within the body")),
        }
    }
}

const BAD_CHUNKS: Broken = Broken::Upstream("the upstream sent malformed chunks");

/// Everything behind the first write, with the rest of the request going up meanwhile.
async fn rest(exchange: &mut Exchange<'_>, unfinished: Unfinished) -> Delivered {
    let Unfinished {
        connection,
        mut download,
    } = unfinished;
    let (client, upload) = (exchange.client, &mut exchange.upload);
    let down = pass_all(client, &connection, &mut download);
    let outcome = if upload.is_done() {
        down.await
    } else {
        // Boxed: an answer before the end of its request is rare, and its state large.
        Box::pin(beside(down, upload, client, &connection)).await
    };
    end(exchange, connection, &download, outcome)
}

/// Runs `down` to its end and the upload for as long as it can.
async fn beside<T>(
    down: impl Future<Output = T>,
    upload: &mut Upload,
    client: &Client,
    connection: &Connection,
) -> T {
    let mut down = pin!(down);
    let mut up = pin!(upload.pump(client, &connection.stream));
    let mut up_ended = false;
    poll_fn(move |context| {
        if let Poll::Ready(value) = down.as_mut().poll(context) {
            return Poll::Ready(value);
        }
        // However the upload ends, the answer is under way and its end decides.
        if !up_ended && up.as_mut().poll(context).is_ready() {
            up_ended = true;
            // For as long as the client was waited for, the upstream had no time limit.
            let pause_ms = client.pause_ms.get();
            connection.stream.deadline.set(client.due(pause_ms));
        }
        Poll::Pending
    })
    .await
}

async fn pass_all(
    client: &Client,
    connection: &Connection,
    download: &mut Download,
) -> Result<(), Broken> {
    let stream = &connection.stream;
    let mut turns = Turns::default();
    loop {
        if let Some(mut pending) = download.pending.take() {
            // Meanwhile the upstream is not what is waited for.
            stream.deadline.set(client.due(0));
            let flushed = client.flush(&mut pending).await;
            client.core.buffers.give(pending);
            flushed?;
        }
        if download.done {
            return Ok(());
        }
        stream.deadline.set(client.due(client.pause_ms.get()));
        stream.readable().await;
        turns.count().await;
        if let Some(piped) = download.pull(client, connection, 0) {
            download.forward(client, connection, piped)?;
            continue;
        }
        let mut scratch = client.core.body.borrow_mut();
        match stream.try_read(&mut scratch) {
            Ok(0) if stream.deadline.expired() => {
                return Err(Broken::Upstream("the upstream paused for too long"));
            }
            Ok(0) => download.end(client)?,
            Ok(count) => {
                download.came(client, count);
                download.flow.was_read(count);
                let mut out = client.core.out.borrow_mut();
                out.clear();
                download.pass(client, &mut out, &scratch[..count])?;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => return Err(Broken::Upstream("the upstream connection broke")),
        }
    }
}

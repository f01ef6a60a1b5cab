//! One request on an HTTP/1 connection, up to the head of its response.

use std::fmt;
use std::io::{self, IoSlice};

use crate::base::Method;
use crate::net::exchange::{gathered, keep_unsent};
use crate::net::flow::LONG_BYTES_MIN;
use crate::net::{Client, Exchange, Message, UploadError};
use crate::rt::Stream;
use crate::rt::task::{Either, Turns, first};
use crate::wire::error::ResponseError;
use crate::wire::h1::encode;
use crate::wire::h1::head_may_be_complete;
use crate::wire::head::{Body, Parsed, ResponseHead, Version};
use crate::wire::limits::Limits;

/// A connection to a target of a group. It fits one line of the cache.
#[derive(Debug)]
#[repr(align(64))]
pub struct Connection {
    pub stream: Stream,
    /// Index of the target in its group.
    pub target: u32,
    pub idle_since_ms: u64,
    /// It has carried a request before.
    pub is_reused: bool,
    /// Its last response had a long body: of the next one the head is read alone, so that the body
    /// need not be.
    pub expects_long: bool,
}

const _: () = assert!(size_of::<Connection>() == 64);

impl Connection {
    /// Learns from a response what the next one may be like.
    #[inline]
    pub(super) fn note(&mut self, body: Body) {
        self.expects_long = matches!(body, Body::Length(LONG_BYTES_MIN..)) && !self.stream.is_tls();
    }
}

/// What is read at first of a response that is expected to be long: its head, and little more.
pub(super) const SHORT_READ_BYTES: usize = 2048;

/// A response whose head has arrived; its body is still on the way.
#[derive(Debug)]
pub struct Reply {
    pub connection: Box<Connection>,
    pub message: Box<Message<ResponseHead>>,
}

/// Why there is no response.
#[derive(Debug)]
pub enum Failure {
    /// The name of the target has no address.
    Unresolved,
    Connect(io::Error),
    ConnectTimeout,
    Tls(io::Error),
    /// The connection ended before the first byte of a response.
    Closed,
    /// The connection ended in the middle of the head.
    Truncated,
    /// No head within the timeout.
    Timeout,
    Malformed(ResponseError),
    /// A switch of protocols that nobody asked for.
    Upgraded,
    /// Gathered in memory, the response would have more bytes than this.
    TooLarge(usize),
    /// The request body broke off: the client's fault.
    Upload(UploadError),
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unresolved => out.write_str("the host name of the target has no address"),
            Self::Connect(error) => write!(out, "cannot connect: {error}"),
            Self::ConnectTimeout => out.write_str("no connection within the connect timeout"),
            Self::Tls(error) => write!(out, "TLS handshake failed: {error}"),
            Self::Closed => out.write_str("the upstream closed before it answered"),
            Self::Truncated => out.write_str("the upstream closed within the response head"),
            Self::Timeout => out.write_str("no response within the timeout"),
            Self::Malformed(error) => write!(out, "malformed response: {error}"),
            Self::Upgraded => out.write_str("the upstream switched protocols unasked"),
            Self::TooLarge(bytes_max) => {
                write!(out, "the response has more than {bytes_max} bytes")
            }
            Self::Upload(_) => out.write_str("the request body broke off"),
        }
    }
}

/// Sends a request, its head written by `write_head`, with the first bytes of its body in one call;
/// what does not fit goes out while the response is waited for.
#[inline]
pub fn send(
    exchange: &mut Exchange<'_>,
    connection: &Connection,
    timeout_ms: u32,
    write_head: impl Fn(&mut Vec<u8>, &Exchange<'_>),
) {
    exchange.upload.upstream_timeout_ms = timeout_ms;
    let core = exchange.client.core;
    let mut out = core.out.borrow_mut();
    out.clear();
    write_head(&mut out, exchange);
    let message = exchange.message;
    let start = message.head.length as usize;
    let held = match exchange.upload.gathered() {
        Some(whole) => whole,
        None => &message.bytes()[start..start + exchange.upload.held_bytes as usize],
    };
    let total = out.len() + held.len();
    let held = gathered(&mut out, held);
    let both = [IoSlice::new(&out), IoSlice::new(held)];
    let parts = if held.is_empty() { &both[..1] } else { &both };
    // An upstream that stopped reading may still have answered: what it said is read first.
    let sent = connection.stream.try_write(parts).unwrap_or(total);
    if sent < total || connection.stream.wants_flush() {
        let mut unsent = core.buffers.take();
        keep_unsent(&mut unsent, parts, sent);
        exchange.upload.keep(unsent);
    }
    let until_ms = exchange.client.due(timeout_ms);
    connection.stream.deadline.set(until_ms);
}

/// Waits for the head of the response to what was sent, and sends the rest of the request meanwhile.
/// Interim responses are passed on to a client that can read them.
///
/// # Errors
/// Why there is no response. The connection is of no more use then.
#[allow(clippy::manual_async_fn)] // An async fn would keep its arguments twice.
pub fn response<'a>(
    exchange: &'a mut Exchange<'_>,
    connection: &'a Connection,
) -> impl Future<Output = Result<Box<Message<ResponseHead>>, Failure>> {
    async move {
        loop {
            if exchange.upload.is_done() {
                connection.stream.readable().await;
            } else {
                // Boxed: most requests go out whole, and this would double what one remembers.
                Box::pin(upload_until_readable(exchange, &connection.stream)).await?;
            }
            match first_read(exchange, connection)? {
                First::Nothing => {}
                First::Whole(message) => return Ok(message),
                // Boxed: most heads come whole.
                First::Partly(message) => {
                    return Box::pin(whole_head(exchange, &connection.stream, message)).await;
                }
            }
        }
    }
}

/// What the first read of a response has found.
enum First {
    Nothing,
    /// The head of a final response.
    Whole(Box<Message<ResponseHead>>),
    /// Less than that, or an interim response.
    Partly(Box<Message<ResponseHead>>),
}

/// Takes memory for a response now that it is there: the same for one response after the other, so
/// that it is warm, however many are waited for.
#[inline]
fn first_read(exchange: &Exchange<'_>, connection: &Connection) -> Result<First, Failure> {
    let client = exchange.client;
    let bytes_max = match connection.expects_long && !client.stream.is_tls() {
        true => SHORT_READ_BYTES,
        false => usize::MAX,
    };
    let mut message = client.pools.responses.take(client.core);
    let is_head = exchange.message.head.method == Method::Head;
    let seen = match fill(&connection.stream, &mut message, bytes_max) {
        Ok(true) => look(&mut message, 0, is_head, &client.settings.limits)
            .map(Some)
            .map_err(Failure::Malformed),
        Ok(false) => Ok(None),
        Err(failure) => Err(failure),
    };
    match seen {
        Ok(Some(Parsed::Complete)) if message.head.status >= 200 => Ok(First::Whole(message)),
        Ok(Some(_)) => Ok(First::Partly(message)),
        Ok(None) => {
            client.pools.responses.give(client.core, message);
            Ok(First::Nothing)
        }
        Err(failure) => {
            client.pools.responses.give(client.core, message);
            Err(failure)
        }
    }
}

/// The rest of a head whose first bytes have come, and what comes before it.
async fn whole_head(
    exchange: &mut Exchange<'_>,
    stream: &Stream,
    mut message: Box<Message<ResponseHead>>,
) -> Result<Box<Message<ResponseHead>>, Failure> {
    match await_head(exchange, stream, &mut message).await {
        Ok(()) => Ok(message),
        Err(failure) => {
            let client = exchange.client;
            client.pools.responses.give(client.core, message);
            Err(failure)
        }
    }
}

async fn await_head(
    exchange: &mut Exchange<'_>,
    stream: &Stream,
    message: &mut Message<ResponseHead>,
) -> Result<(), Failure> {
    let is_head = exchange.message.head.method == Method::Head;
    let mut seen = 0;
    // Interim responses may come faster than they are read, for as long as an upstream likes.
    let mut turns = Turns::default();
    loop {
        let limits = &exchange.client.settings.limits;
        loop {
            match look(message, seen, is_head, limits).map_err(Failure::Malformed)? {
                Parsed::Partial => break,
                Parsed::Complete if message.head.status >= 200 => return Ok(()),
                Parsed::Complete => {
                    interim(exchange.client, exchange.message.head.version, message).await?;
                    seen = 0;
                }
            }
        }
        seen = message.bytes().len();
        more(exchange, stream, message).await?;
        turns.count().await;
    }
}

/// Whether the head is there, of which `seen` bytes have been looked at before.
#[inline]
pub(super) fn look(
    message: &mut Message<ResponseHead>,
    seen: usize,
    is_head: bool,
    limits: &Limits,
) -> Result<Parsed, ResponseError> {
    let Message { head, buffer } = message;
    let bytes = buffer.unread();
    if seen == 0 && head.parse_ordinary(bytes, is_head, limits) {
        return Ok(Parsed::Complete);
    }
    if head_may_be_complete(bytes, seen) || bytes.len() > limits.head_bytes_max as usize {
        return head.parse(bytes, is_head, limits);
    }
    Ok(Parsed::Partial)
}

/// Passes on a 1xx response and takes it out of the buffer. 100 has been said already.
async fn interim(
    client: &Client,
    version: Version,
    message: &mut Message<ResponseHead>,
) -> Result<(), Failure> {
    let (status, length) = (message.head.status, message.head.length as usize);
    if status == 101 {
        return Err(Failure::Upgraded);
    }
    if status != 100 && version == Version::Http11 {
        let mut head = Vec::with_capacity(length + 16);
        encode::status_line(&mut head, status, message.head.reason.of(message.bytes()));
        encode::end_to_end_fields(&mut head, message.bytes(), &message.head.fields, |_| false);
        head.extend_from_slice(b"\r\n");
        let sent = client.send(&[IoSlice::new(&head)]).await;
        sent.map_err(|_| Failure::Upload(UploadError::ClientGone))?;
    }
    message.buffer.consume(length);
    message.buffer.compact();
    Ok(())
}

/// One read of the response, sending the rest of the request in the meantime.
async fn more(
    exchange: &mut Exchange<'_>,
    stream: &Stream,
    message: &mut Message<ResponseHead>,
) -> Result<(), Failure> {
    loop {
        if exchange.upload.is_done() {
            stream.readable().await;
        } else {
            upload_until_readable(exchange, stream).await?;
        }
        if fill(stream, message, usize::MAX)? {
            return Ok(());
        }
    }
}

/// One read of a response's head, of at most `bytes_max`; says whether something came.
#[inline]
pub(super) fn fill(
    stream: &Stream,
    message: &mut Message<ResponseHead>,
    bytes_max: usize,
) -> Result<bool, Failure> {
    match stream.try_fill_some(&mut message.buffer, bytes_max) {
        Ok(0) | Err(_) if stream.deadline.expired() => Err(Failure::Timeout),
        Ok(1..) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
        Ok(0) | Err(_) if message.buffer.is_empty() => Err(Failure::Closed),
        Ok(0) | Err(_) => Err(Failure::Truncated),
    }
}

async fn upload_until_readable(
    exchange: &mut Exchange<'_>,
    stream: &Stream,
) -> Result<(), Failure> {
    let (client, upload) = (exchange.client, &mut exchange.upload);
    match first(stream.readable(), upload.pump(client, stream)).await {
        Either::A(()) => Ok(()),
        Either::B(Ok(())) => {
            // The whole request is there: the time of the upstream begins.
            stream.deadline.set(client.due(upload.upstream_timeout_ms));
            stream.readable().await;
            Ok(())
        }
        // It may have answered before it stopped reading, so its answer is waited for.
        Either::B(Err(UploadError::UpstreamGone)) => {
            upload.abandon();
            stream.deadline.set(client.due(upload.upstream_timeout_ms));
            stream.readable().await;
            Ok(())
        }
        Either::B(Err(error)) => Err(Failure::Upload(error)),
    }
}

//! A request whose body is in memory, and a response that is gathered whole before anybody sees it.

use std::io::IoSlice;

use crate::net::exchange::gathered;
use crate::net::outbound::h1::{fill, look};
use crate::net::outbound::{Connection, Failure, Incoming, Reply};
use crate::net::{Message, Pools, Settings};
use crate::rt::task::{Either, Turns, first};
use crate::rt::{Core, Stream};
use crate::wire::head::{Body, Parsed, ResponseHead};

/// What it takes to ask an upstream, whoever wants to know.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    pub core: &'static Core,
    pub settings: &'a Settings,
    pub pools: &'static Pools,
    /// When the response must be whole, milliseconds of the core's clock.
    pub until_ms: u64,
    /// A larger response is refused.
    pub bytes_max: usize,
}

/// A request as it goes out.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// With its blank line; it announces the length of `body`.
    pub head: &'a [u8],
    pub body: &'a [u8],
    /// Its response has no body.
    pub is_head: bool,
}

/// A response with its payload, chunks decoded.
#[derive(Debug)]
pub struct Whole {
    /// To be given back to the pool of responses.
    pub message: Box<Message<ResponseHead>>,
    pub body: Vec<u8>,
    /// It can carry another request.
    pub connection: Option<Box<Connection>>,
}

/// Sends a request and gathers the response. Interim responses are skipped.
///
/// # Errors
/// Why there is no response. The connection is gone then.
pub async fn ask(
    asking: &Asking<'_>,
    connection: Box<Connection>,
    request: Request<'_>,
) -> Result<Whole, Failure> {
    let incoming = open(asking, connection, request).await?;
    read(asking, incoming).await
}

/// Sends a request and waits for the head of the response. Interim responses are skipped.
///
/// # Errors
/// Why there is no response. The connection is gone then.
pub async fn open(
    asking: &Asking<'_>,
    connection: Box<Connection>,
    request: Request<'_>,
) -> Result<Incoming, Failure> {
    connection.stream.deadline.set(asking.until_ms);
    let is_sent = send(asking.core, &connection.stream, request).await;
    let mut message = asking.pools.responses.take(asking.core);
    match read_head(asking, &connection.stream, &mut message, request.is_head).await {
        Ok(()) => {
            let reply = Reply {
                connection,
                message,
            };
            Ok(Incoming::of(reply, &asking.settings.limits, is_sent))
        }
        Err(failure) => {
            connection.stream.break_off();
            asking.pools.responses.give(asking.core, message);
            Err(failure)
        }
    }
}

/// The rest of a response whose head has come, for one who needs it whole.
///
/// # Errors
/// It broke off, took too long or is too large. The connection is gone then.
pub async fn gather(asking: &Asking<'_>, reply: Reply) -> Result<Whole, Failure> {
    reply.connection.stream.deadline.set(asking.until_ms);
    let incoming = Incoming::of(reply, &asking.settings.limits, true);
    read(asking, incoming).await
}

/// Gathers a response whose head has come.
///
/// # Errors
/// It broke off, took too long or is too large. The connection is gone then.
pub async fn read(asking: &Asking<'_>, mut incoming: Incoming) -> Result<Whole, Failure> {
    match read_body(asking, &mut incoming).await {
        Ok(body) => {
            let (message, connection) = incoming.end();
            Ok(Whole {
                message,
                body,
                connection,
            })
        }
        Err(failure) => {
            asking
                .pools
                .responses
                .give(asking.core, incoming.break_off());
            Err(failure)
        }
    }
}

/// An upstream that has said something and reads nothing for so long has answered.
const ANSWERED_MS: u32 = 500;

/// The first write; what is left of head and body then. None: the upstream reads no more.
fn send_at_once<'r>(
    core: &Core,
    stream: &Stream,
    request: Request<'r>,
) -> Option<(&'r [u8], &'r [u8])> {
    let Request { head, body, .. } = request;
    let mut out = core.out.borrow_mut();
    out.clear();
    out.extend_from_slice(head);
    let rest = gathered(&mut out, body);
    let both = [IoSlice::new(&out), IoSlice::new(rest)];
    let parts = if rest.is_empty() { &both[..1] } else { &both };
    let sent = stream.try_write(parts).ok()?;
    let of_head = sent.min(head.len());
    Some((head.get(of_head..)?, body.get(sent - of_head..)?))
}

/// Says whether all has gone out: an upstream may answer before it has read everything.
async fn send(core: &Core, stream: &Stream, request: Request<'_>) -> bool {
    let (mut head, mut body) = match request.body.is_empty() {
        true => (request.head, request.body),
        // What is short goes out of one buffer, which the kernel takes faster than two.
        false => match send_at_once(core, stream, request) {
            Some(unsent) => unsent,
            None => return false,
        },
    };
    while !head.is_empty() || !body.is_empty() || stream.wants_flush() {
        let parts = [IoSlice::new(head), IoSlice::new(body)];
        let parts = if head.is_empty() { &parts[1..] } else { &parts };
        // An upstream that stopped reading may still have answered: what it said is read first.
        let Ok(sent) = stream.try_write(parts) else {
            return false;
        };
        let of_head = sent.min(head.len());
        head = &head[of_head..];
        body = &body[sent - of_head..];
        let is_done = head.is_empty() && body.is_empty() && !stream.wants_flush();
        if sent == 0 && !is_done {
            let has_answered = match first(stream.writable(), stream.readable()).await {
                Either::A(()) => false,
                // It may be an interim response, behind which it goes on reading.
                Either::B(()) => {
                    let patience = core.pause(ANSWERED_MS);
                    matches!(first(stream.writable(), patience).await, Either::B(()))
                }
            };
            if has_answered || stream.deadline.expired() {
                return false;
            }
        }
    }
    true
}

async fn read_head(
    asking: &Asking<'_>,
    stream: &Stream,
    message: &mut Message<ResponseHead>,
    is_head: bool,
) -> Result<(), Failure> {
    let limits = &asking.settings.limits;
    let mut seen = 0;
    let mut turns = Turns::default();
    loop {
        stream.readable().await;
        if !fill(stream, message, usize::MAX)? {
            continue;
        }
        turns.count().await;
        loop {
            match look(message, seen, is_head, limits).map_err(Failure::Malformed)? {
                Parsed::Partial => break,
                Parsed::Complete if message.head.status >= 200 => return Ok(()),
                Parsed::Complete if message.head.status == 101 => return Err(Failure::Upgraded),
                Parsed::Complete => {
                    let length = message.head.length as usize;
                    message.buffer.consume(length);
                    message.buffer.compact();
                    seen = 0;
                }
            }
        }
        seen = message.bytes().len();
    }
}

/// What is made room for before it has come: an upstream may announce more than it sends.
const RESERVED_BYTES_MAX: usize = 64 * 1024;

async fn read_body(asking: &Asking<'_>, incoming: &mut Incoming) -> Result<Vec<u8>, Failure> {
    let too_large = || Failure::TooLarge(asking.bytes_max);
    let mut payload = match incoming.message.head.body {
        Body::Length(length) if length > asking.bytes_max as u64 => return Err(too_large()),
        Body::Length(length) => {
            let length = usize::try_from(length).unwrap_or(0);
            Vec::with_capacity(length.min(RESERVED_BYTES_MAX))
        }
        _ => Vec::new(),
    };
    while !incoming.is_done() {
        incoming.more(asking.core, &mut payload).await?;
        if payload.len() > asking.bytes_max {
            return Err(too_large());
        }
    }
    Ok(payload)
}

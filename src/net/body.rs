//! `Upload`: the request body on its way from the client to whoever takes it, with back-pressure.

use std::io::{self, IoSlice};

use crate::base::Buffer;
use crate::net::exchange::keep_unsent;
use crate::net::flow::{self, Flow};
use crate::net::{Client, Message};
use crate::rt::Stream;
use crate::rt::task::Turns;
use crate::wire::ChunkError;
use crate::wire::h1::Chunked;
use crate::wire::head::{Body, RequestHead};
use crate::wire::limits::Limits;

/// How far a request body has come. At most one buffer of it is held at any time.
#[derive(Debug)]
pub struct Upload {
    rest: Rest,
    /// Body bytes that have been read, as they came (chunk lines included).
    pub received_bytes: u64,
    /// Payload of the chunks that came with the head.
    held_payload_bytes: u64,
    payload_bytes_max: u64,
    /// Boxed: most bodies never have any of it, and all requests under way lie in memory at once.
    kept: Option<Box<Kept>>,
    /// Bytes behind the head that belong to the body and came along with it.
    pub held_bytes: u32,
    /// Longest wait for the upstream to take more, milliseconds.
    pub upstream_timeout_ms: u32,
    awaits_continue: bool,
    /// Something was read from the client behind what came with the head.
    has_moved: bool,
    is_abandoned: bool,
    flow: Flow,
}

/// What has been read of a body and around it.
#[derive(Debug, Default)]
struct Kept {
    /// Read from the client, not yet taken by the upstream.
    pending: Option<Buffer>,
    /// Came behind the body: the start of the next request.
    leftover: Option<Buffer>,
    /// The whole payload, once it has been gathered.
    gathered: Option<Vec<u8>>,
}

/// What is still to be read from the client.
#[derive(Debug)]
enum Rest {
    Nothing,
    Length(u64),
    /// Boxed: its state is larger than all others.
    Chunked(Box<Chunked>),
}

#[derive(Debug)]
pub enum UploadError {
    /// The client closed or broke its connection in the middle of the body.
    ClientGone,
    /// The client sent nothing for the body timeout.
    ClientSlow,
    Malformed(ChunkError),
    TooLarge,
    /// Whoever takes the body does so no more. Its answer may still be worth reading.
    UpstreamGone,
}

impl Upload {
    /// The body that `message` announces, counting what came with the head.
    pub fn new(message: &Message<RequestHead>, limits: &Limits) -> Result<Self, ChunkError> {
        let head = &message.head;
        let behind = &message.bytes()[head.length as usize..];
        let mut held_payload_bytes = 0;
        let (rest, held_bytes) = match head.body {
            Body::None | Body::UntilClose => (Rest::Nothing, 0),
            Body::Length(length) => match length.checked_sub(behind.len() as u64) {
                None | Some(0) => (Rest::Nothing, length as usize),
                Some(rest) => (Rest::Length(rest), behind.len()),
            },
            Body::Chunked => {
                let mut chunked = Chunked::new(limits);
                let scan = chunked.scan(behind)?;
                held_payload_bytes = chunked.payload_bytes();
                let rest = if scan.done {
                    Rest::Nothing
                } else {
                    Rest::Chunked(Box::new(chunked))
                };
                (rest, scan.used)
            }
        };
        Ok(Self {
            awaits_continue: head.expect_continue && behind.is_empty(),
            received_bytes: held_bytes as u64,
            held_payload_bytes,
            rest,
            held_bytes: held_bytes as u32,
            kept: None,
            payload_bytes_max: u64::MAX,
            upstream_timeout_ms: 0,
            has_moved: false,
            is_abandoned: false,
            flow: Flow::of_held(held_bytes),
        })
    }

    /// Chunked bodies that turn out larger than `bytes` are refused while they come.
    ///
    /// # Errors
    /// What came with the head is too large already.
    pub fn limit(&mut self, bytes: u64) -> Result<(), UploadError> {
        self.payload_bytes_max = bytes;
        match self.held_payload_bytes > bytes {
            true => Err(UploadError::TooLarge),
            false => Ok(()),
        }
    }

    #[inline]
    fn has_pending(&self) -> bool {
        let kept = self.kept.as_ref();
        kept.is_some_and(|kept| kept.pending.is_some())
    }

    fn keep_some(&mut self) -> &mut Kept {
        self.kept.get_or_insert_default()
    }

    /// Nothing more has to be moved: all is with the upstream, or it takes no more.
    #[inline]
    pub fn is_done(&self) -> bool {
        self.is_abandoned || (matches!(self.rest, Rest::Nothing) && !self.has_pending())
    }

    /// All of the body has gone to whoever takes it: nothing is left over on that side.
    pub fn is_whole(&self) -> bool {
        self.is_read() && !self.has_pending() && !self.is_abandoned
    }

    /// All of the body has been read from the client: the connection is at a request's border.
    pub fn is_read(&self) -> bool {
        matches!(self.rest, Rest::Nothing)
    }

    /// Whoever took the body does so no more; what the client still sends is not read.
    pub fn abandon(&mut self) {
        self.drop_pending();
        self.is_abandoned = true;
    }

    /// Nothing but what is still at hand has been used, so the request can be sent once more.
    pub fn can_repeat(&self) -> bool {
        self.gathered().is_some() || (self.is_read() && !self.has_moved)
    }

    /// Forgets a first attempt at sending.
    pub fn repeat(&mut self) {
        self.drop_pending();
    }

    fn drop_pending(&mut self) {
        if let Some(kept) = &mut self.kept {
            kept.pending = None;
        }
    }

    /// What came behind the body: the start of the next request.
    #[inline]
    pub fn take_leftover(&mut self) -> Option<Buffer> {
        self.kept.as_mut()?.leftover.take()
    }

    /// Keeps what the first write left over; it goes out before anything else.
    pub fn keep(&mut self, unsent: Buffer) {
        self.keep_some().pending = Some(unsent);
    }

    /// The payload, if it has been gathered. It is what an upstream gets then.
    #[inline]
    pub fn gathered(&self) -> Option<&[u8]> {
        self.kept.as_ref()?.gathered.as_deref()
    }

    /// Takes the payload out; nothing is left to be sent.
    pub fn take_gathered(&mut self) -> Vec<u8> {
        let gathered = &mut self.keep_some().gathered;
        gathered.replace(Vec::new()).unwrap_or_default()
    }

    /// Reads the whole body into memory, chunks decoded: at most `bytes_max` of payload. `message`
    /// is the one that this upload is of.
    ///
    /// # Errors
    /// `TooLarge`, or how the client broke off. The connection must be closed then.
    pub async fn gather(
        &mut self,
        client: &Client,
        message: &Message<RequestHead>,
        bytes_max: u64,
    ) -> Result<(), UploadError> {
        if self.gathered().is_some() {
            return Ok(());
        }
        let start = message.head.length as usize;
        let held = &message.bytes()[start..start + self.held_bytes as usize];
        let mut payload = Vec::new();
        match message.head.body {
            Body::Length(length) if length > bytes_max => return Err(UploadError::TooLarge),
            Body::Chunked => {
                let mut chunked = Chunked::new(&client.settings.limits);
                let scan = chunked.decode(held, &mut |run| payload.extend_from_slice(run));
                if !scan.map_err(UploadError::Malformed)?.done {
                    self.rest = Rest::Chunked(Box::new(chunked));
                }
            }
            _ => payload.extend_from_slice(held),
        }
        let mut turns = Turns::default();
        loop {
            if payload.len() as u64 > bytes_max {
                return Err(UploadError::TooLarge);
            }
            if self.is_read() {
                self.keep_some().gathered = Some(payload);
                return Ok(());
            }
            self.ask_for_body(client).await?;
            turns.count().await;
            let mut scratch = client.core.body.borrow_mut();
            let count = self.read(client, &mut scratch)?;
            self.take(client, &scratch[..count], |run| {
                payload.extend_from_slice(run)
            })?;
        }
    }

    /// Moves the rest of the body to `upstream`. Safe to drop and to call again.
    pub async fn pump(&mut self, client: &Client, upstream: &Stream) -> Result<(), UploadError> {
        let mut turns = Turns::default();
        loop {
            while let Some(kept) = &mut self.kept
                && let Some(pending) = &mut kept.pending
            {
                let sent = upstream
                    .try_write(&[IoSlice::new(pending.unread())])
                    .map_err(|_| UploadError::UpstreamGone)?;
                pending.consume(sent);
                if pending.is_empty() && !upstream.wants_flush() {
                    let sent = kept.pending.take().unwrap_or_default();
                    client.core.buffers.give(sent);
                } else if sent == 0 {
                    upstream.writable().await;
                }
            }
            if matches!(self.rest, Rest::Nothing) {
                return Ok(());
            }
            // Until the client goes on, nobody waits for the upstream, but for the whole exchange.
            upstream.deadline.set(client.due(0));
            self.ask_for_body(client).await?;
            turns.count().await;
            self.step(client, upstream)?;
        }
    }

    /// Waits for more of the body, telling a client that waits for leave to send it.
    async fn ask_for_body(&mut self, client: &Client) -> Result<(), UploadError> {
        if std::mem::take(&mut self.awaits_continue) {
            client
                .send(&[IoSlice::new(b"HTTP/1.1 100 Continue\r\n\r\n")])
                .await
                .map_err(|_| UploadError::ClientGone)?;
        }
        let deadline = &client.stream.deadline;
        deadline.set_read(client.due(client.settings.timeouts.body_ms));
        client.stream.readable().await;
        deadline.clear();
        Ok(())
    }

    /// Moves what has come of a long body on to the upstream without reading it; false: it has to be
    /// read, or is not worth it.
    fn move_on(&mut self, client: &Client, upstream: &Stream) -> Result<bool, UploadError> {
        let Rest::Length(rest) = self.rest else {
            return Ok(false);
        };
        let Some(piped) = self.flow.pull(&client.stream, upstream, rest) else {
            return Ok(false);
        };
        let count = piped.len() as u64;
        self.has_moved = true;
        self.received_bytes += count;
        self.rest = match rest - count {
            0 => Rest::Nothing,
            rest => Rest::Length(rest),
        };
        flow::push(piped, upstream, client.core, &mut self.keep_some().pending)
            .map_err(|_| UploadError::UpstreamGone)?;
        upstream.deadline.set(client.due(self.upstream_timeout_ms));
        Ok(true)
    }

    /// One read from the client and one write to the upstream.
    fn step(&mut self, client: &Client, upstream: &Stream) -> Result<(), UploadError> {
        if self.move_on(client, upstream)? {
            return Ok(());
        }
        let mut scratch = client.core.body.borrow_mut();
        let count = self.read(client, &mut scratch)?;
        if count == 0 {
            return Ok(());
        }
        self.flow.was_read(count);
        let used = self.take(client, &scratch[..count], |_| ())?;
        let part = [IoSlice::new(&scratch[..used])];
        let sent = upstream
            .try_write(&part)
            .map_err(|_| UploadError::UpstreamGone)?;
        // The upstream's time to answer runs from the last progress of the request.
        upstream.deadline.set(client.due(self.upstream_timeout_ms));
        if sent < used || upstream.wants_flush() {
            let mut unsent = client.core.buffers.take();
            keep_unsent(&mut unsent, &part, sent);
            self.keep(unsent);
        }
        Ok(())
    }

    /// One read of at most what still belongs to the body; 0 when nothing has come yet.
    fn read(&mut self, client: &Client, scratch: &mut [u8]) -> Result<usize, UploadError> {
        let room = match self.rest {
            Rest::Length(rest) => scratch
                .len()
                .min(usize::try_from(rest).unwrap_or(usize::MAX)),
            _ => scratch.len(),
        };
        match client.stream.try_read(&mut scratch[..room]) {
            Ok(0) if client.stream.deadline.expired() => Err(UploadError::ClientSlow),
            Ok(0) => Err(UploadError::ClientGone),
            Ok(count) => Ok(count),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            Err(_) => Err(UploadError::ClientGone),
        }
    }

    /// Counts bytes that were read and hands their payload out; returns how many belong to the
    /// body. What came behind it is kept for the next request.
    fn take(
        &mut self,
        client: &Client,
        bytes: &[u8],
        mut sink: impl FnMut(&[u8]),
    ) -> Result<usize, UploadError> {
        self.has_moved |= !bytes.is_empty();
        let (used, done) = match &mut self.rest {
            Rest::Nothing => (0, true),
            Rest::Length(rest) => {
                *rest -= bytes.len() as u64;
                sink(bytes);
                (bytes.len(), *rest == 0)
            }
            Rest::Chunked(chunked) => {
                let scan = chunked.decode(bytes, &mut sink);
                let scan = scan.map_err(UploadError::Malformed)?;
                if chunked.payload_bytes() > self.payload_bytes_max {
                    return Err(UploadError::TooLarge);
                }
                (scan.used, scan.done)
            }
        };
        self.received_bytes += used as u64;
        if done {
            self.rest = Rest::Nothing;
        }
        if used < bytes.len() {
            let mut leftover = client.core.buffers.take();
            leftover.append(&bytes[used..]);
            self.keep_some().leftover = Some(leftover);
        }
        Ok(used)
    }
}

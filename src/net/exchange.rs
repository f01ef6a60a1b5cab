//! `Exchange`: one request and its response.

use std::cell::Cell;
use std::io::IoSlice;
use std::net::SocketAddr;
use std::rc::Rc;

use crate::base::Buffer;
use crate::net::{Gone, Message, Pools, Settings, Upload};
use crate::rt::{Core, Stream};
use crate::wire::head::{RequestHead, Version};

/// The connection a request came on.
#[derive(Debug)]
pub struct Client {
    pub core: &'static Core,
    pub stream: Stream,
    pub peer: SocketAddr,
    /// The address that was connected to.
    pub local: SocketAddr,
    /// It came over TLS.
    pub is_tls: bool,
    /// The settings of when the connection was accepted.
    pub settings: Rc<Settings>,
    pub pools: &'static Pools,
    /// When the exchange under way must be over, milliseconds of the core's clock.
    pub exchange_until_ms: Cell<u64>,
    /// How long the response under way may pause, milliseconds; 0 is for ever.
    pub pause_ms: Cell<u32>,
}

impl Client {
    /// Writes all of `parts`, waiting for a slow client at most the write timeout.
    pub async fn send(&self, parts: &[IoSlice<'_>]) -> Result<(), Gone> {
        let total: usize = parts.iter().map(|part| part.len()).sum();
        let sent = self.stream.try_write(parts).map_err(|_| Gone)?;
        if sent == total && !self.stream.wants_flush() {
            return Ok(());
        }
        let mut rest = self.core.buffers.take();
        keep_unsent(&mut rest, parts, sent);
        let result = self.flush(&mut rest).await;
        self.core.buffers.give(rest);
        result
    }

    /// Writes all of `rest`, waiting for a slow client at most the write timeout between two steps.
    pub async fn flush(&self, rest: &mut Buffer) -> Result<(), Gone> {
        self.stream.hold_no_more();
        while !rest.is_empty() || self.stream.wants_flush() {
            let sent = self
                .stream
                .try_write(&[IoSlice::new(rest.unread())])
                .map_err(|_| Gone)?;
            rest.consume(sent);
            if sent == 0 {
                self.await_room().await?;
            }
        }
        Ok(())
    }

    /// Waits until the client takes more, at most the write timeout.
    pub async fn await_room(&self) -> Result<(), Gone> {
        self.stream
            .deadline
            .set(self.due(self.settings.timeouts.write_ms));
        self.stream.writable().await;
        if self.stream.deadline.expired() {
            return Err(Gone);
        }
        self.stream.deadline.clear();
        Ok(())
    }

    /// The time of the core's clock that is `timeout_ms` from now, 0 being never, but not behind
    /// the end of the exchange.
    pub fn due(&self, timeout_ms: u32) -> u64 {
        let until = self.exchange_until_ms.get();
        match timeout_ms {
            0 => until,
            some => until.min(self.core.now_ms() + u64::from(some)),
        }
    }
}

/// A body that is not larger is copied behind its head: one piece of memory costs less to send than
/// two do.
pub const COPY_BYTES_MAX: usize = 2048;

/// Appends a small body to `out`; returns what is left to be sent from where it lies.
#[inline]
pub fn gathered<'b>(out: &mut Vec<u8>, body: &'b [u8]) -> &'b [u8] {
    if body.len() > COPY_BYTES_MAX {
        return body;
    }
    out.extend_from_slice(body);
    b""
}

/// Appends what `sent` bytes of `parts` leave over.
pub fn keep_unsent(rest: &mut Buffer, parts: &[IoSlice<'_>], mut sent: usize) {
    for part in parts {
        let skipped = sent.min(part.len());
        rest.append(&part[skipped..]);
        sent -= skipped;
    }
}

/// One request being answered.
#[derive(Debug)]
pub struct Exchange<'c> {
    pub client: &'c Client,
    pub message: &'c Message<RequestHead>,
    /// The part of the request body that is still to be forwarded or read.
    pub upload: Upload,
    /// Microseconds of the core's clock when the head was complete.
    pub started_us: u64,
    /// Bytes written to the client, heads included.
    pub sent_bytes: u64,
    /// Of these, what was body, chunk lines included.
    pub body_bytes: u64,
    /// When the first bytes of a response's body came, by the core's clock, microseconds; 0: not yet.
    /// None: nobody asks.
    pub first_body_us: Option<u64>,
    /// The connection must not be used for another request.
    pub close: bool,
}

impl Exchange<'_> {
    #[inline]
    pub fn head(&self) -> &RequestHead {
        &self.message.head
    }

    #[inline]
    pub fn bytes(&self) -> &[u8] {
        self.message.bytes()
    }

    /// What the `Connection` header of the answer must say, as a whole line, if anything.
    #[inline]
    pub fn connection_line(&self) -> &'static [u8] {
        match (self.close, self.message.head.version) {
            (true, _) => b"Connection: close\r\n",
            (false, Version::Http10) => b"Connection: keep-alive\r\n",
            (false, Version::Http11) => b"",
        }
    }

    /// Sends a whole answer: the head that `write` appends, with its blank line, and `body`.
    pub async fn answer(
        &mut self,
        write: impl FnOnce(&mut Vec<u8>, &Self),
        body: &[u8],
    ) -> Result<(), Gone> {
        let client = self.client;
        let unsent = {
            let mut out = client.core.out.borrow_mut();
            out.clear();
            write(&mut out, self);
            let total = out.len() + body.len();
            self.sent_bytes += total as u64;
            self.body_bytes += body.len() as u64;
            let body = gathered(&mut out, body);
            let both = [IoSlice::new(&out), IoSlice::new(body)];
            let parts = if body.is_empty() { &both[..1] } else { &both };
            if self.close {
                client.stream.hold_back();
            }
            let sent = client.stream.try_write(parts).map_err(|_| Gone)?;
            (sent < total || client.stream.wants_flush()).then(|| {
                let mut rest = client.core.buffers.take();
                keep_unsent(&mut rest, parts, sent);
                rest
            })
        };
        let Some(mut rest) = unsent else {
            return Ok(());
        };
        let flushed = client.flush(&mut rest).await;
        client.core.buffers.give(rest);
        flushed
    }
}

//! A response that is sent while it is made: a head, then payload in parts, then the end.

use std::io::IoSlice;

use crate::base::Method;
use crate::net::{Client, Exchange, Gone};
use crate::wire::h1::encode;
use crate::wire::head::Version;

/// How the payload is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outgoing {
    Chunked,
    /// To a client of HTTP/1.0: it ends with the connection.
    UntilClose,
    /// The answer has no body, whatever is made.
    Nothing,
}

impl Outgoing {
    /// For an answer with this status.
    pub fn of(exchange: &mut Exchange<'_>, status: u16) -> Self {
        let head = &exchange.message.head;
        if head.method == Method::Head || matches!(status, 204 | 304) {
            return Self::Nothing;
        }
        match head.version {
            Version::Http11 => Self::Chunked,
            Version::Http10 => {
                exchange.close = true;
                Self::UntilClose
            }
        }
    }

    /// The line that says how the payload is framed, if one has to.
    pub fn write_line(self, out: &mut Vec<u8>) {
        if self == Self::Chunked {
            encode::transfer_encoding_chunked(out);
        }
    }

    /// Sends `head`, unless it is empty, and a part of the payload.
    ///
    /// # Errors
    /// When the client has gone or takes nothing for too long.
    pub async fn send(
        self,
        exchange: &mut Exchange<'_>,
        mut head: Vec<u8>,
        payload: &[u8],
    ) -> Result<(), Gone> {
        let head_bytes = head.len();
        let (payload, tail): (&[u8], &[u8]) = match self {
            Self::Nothing => (b"", b""),
            Self::Chunked if !payload.is_empty() => {
                encode::chunk_start(&mut head, payload.len() as u64);
                (payload, b"\r\n")
            }
            _ => (payload, b""),
        };
        let total = head.len() + payload.len() + tail.len();
        exchange.sent_bytes += total as u64;
        exchange.body_bytes += (total - head_bytes) as u64;
        exchange.client.send_from(&[&head, payload, tail]).await
    }

    /// Sends the end of the payload.
    ///
    /// # Errors
    /// As `send`.
    pub async fn end(self, exchange: &mut Exchange<'_>) -> Result<(), Gone> {
        let mut last = Vec::new();
        if self == Self::Chunked {
            encode::last_chunk(&mut last);
        }
        exchange.sent_bytes += last.len() as u64;
        exchange.body_bytes += last.len() as u64;
        exchange.client.send_from(&[&last]).await
    }
}

impl Client {
    /// Writes all of `parts` from where they lie, waiting for a slow client at most the write timeout
    /// between two steps.
    async fn send_from(&self, parts: &[&[u8]]) -> Result<(), Gone> {
        let total: usize = parts.iter().map(|part| part.len()).sum();
        let mut sent = 0;
        while sent < total || self.stream.wants_flush() {
            let step = self
                .stream
                .try_write(&unsent(parts, sent))
                .map_err(|_| Gone)?;
            sent += step;
            if step == 0 {
                self.await_room().await?;
            }
        }
        Ok(())
    }
}

/// What `sent` bytes of `parts` leave over. No part is left out, so that there are always as many.
fn unsent<'p>(parts: &[&'p [u8]], mut sent: usize) -> Vec<IoSlice<'p>> {
    let rest = parts.iter().map(|part| {
        let skipped = sent.min(part.len());
        sent -= skipped;
        IoSlice::new(&part[skipped..])
    });
    rest.collect()
}

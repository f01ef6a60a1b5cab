//! A response whose head is here: its payload as it comes, chunks decoded, for one who asked with a
//! request in memory.

use std::io;

use crate::net::Message;
use crate::net::outbound::{Connection, Failure, Reply};
use crate::rt::Core;
use crate::rt::task::Turns;
use crate::wire::h1::Chunked;
use crate::wire::head::{Body, ResponseHead};
use crate::wire::limits::Limits;

#[derive(Debug)]
pub struct Incoming {
    pub message: Box<Message<ResponseHead>>,
    connection: Box<Connection>,
    rest: Rest,
    /// What came with the head has been taken.
    has_begun: bool,
    is_done: bool,
    /// Nothing came behind the body, and the whole request has gone out.
    is_clean: bool,
    turns: Turns,
}

/// How much of a body is still to come.
#[derive(Debug)]
enum Rest {
    Length(u64),
    Chunked(Chunked),
    UntilClose,
}

impl Incoming {
    /// `is_sent`: the whole request has gone out.
    pub fn of(reply: Reply, limits: &Limits, is_sent: bool) -> Self {
        let Reply {
            connection,
            message,
        } = reply;
        let rest = match message.head.body {
            Body::None => Rest::Length(0),
            Body::Length(length) => Rest::Length(length),
            Body::Chunked => Rest::Chunked(Chunked::new(limits)),
            Body::UntilClose => Rest::UntilClose,
        };
        Self {
            message,
            connection,
            rest,
            has_begun: false,
            is_done: false,
            is_clean: is_sent,
            turns: Turns::default(),
        }
    }

    /// Nothing more will come.
    pub fn is_done(&self) -> bool {
        self.is_done
    }

    /// All of it came together with its head, and nothing will be waited for.
    pub fn came_at_once(&self) -> bool {
        let behind = self.message.bytes().len() - self.message.head.length as usize;
        matches!(self.rest, Rest::Length(length) if !self.has_begun && length <= behind as u64)
    }

    /// Until when the next bytes must come, milliseconds of the core's clock.
    pub fn set_deadline(&self, until_ms: u64) {
        self.connection.stream.deadline.set(until_ms);
    }

    /// Waits for more and appends it to `payload`, at most a core's buffer full. What comes may
    /// have no payload in it.
    ///
    /// # Errors
    /// It broke off or took too long.
    pub async fn more(&mut self, core: &Core, payload: &mut Vec<u8>) -> Result<(), Failure> {
        if !self.has_begun {
            self.has_begun = true;
            let message = &self.message;
            let behind = &message.bytes()[message.head.length as usize..];
            let (used, done) = self.rest.take(behind, payload)?;
            self.is_clean &= used == behind.len();
            self.is_done = done;
            // What is behind the head may be nothing, and the end.
            if done || used > 0 {
                return Ok(());
            }
        }
        let stream = &self.connection.stream;
        stream.readable().await;
        self.turns.count().await;
        let mut scratch = core.body.borrow_mut();
        match stream.try_read(&mut scratch) {
            Ok(0) | Err(_) if stream.deadline.expired() => Err(Failure::Timeout),
            Ok(0) if matches!(self.rest, Rest::UntilClose) => {
                self.is_done = true;
                self.is_clean = false;
                Ok(())
            }
            Ok(0) => Err(Failure::Truncated),
            Ok(count) => {
                let (used, done) = self.rest.take(&scratch[..count], payload)?;
                self.is_clean &= used == count;
                self.is_done = done;
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(_) => Err(Failure::Truncated),
        }
    }

    /// The head, and the connection if it can carry another request.
    pub fn end(self) -> (Box<Message<ResponseHead>>, Option<Box<Connection>>) {
        self.connection.stream.deadline.clear();
        let is_clean = self.is_done && self.is_clean && self.message.head.keep_alive;
        (self.message, is_clean.then_some(self.connection))
    }

    /// Gives up on what is still to come.
    pub fn break_off(self) -> Box<Message<ResponseHead>> {
        self.connection.stream.break_off();
        self.message
    }
}

impl Rest {
    /// How many of the bytes belong to the body, and whether it has ended.
    fn take(&mut self, bytes: &[u8], payload: &mut Vec<u8>) -> Result<(usize, bool), Failure> {
        Ok(match self {
            Self::Length(rest) => {
                let used = bytes
                    .len()
                    .min(usize::try_from(*rest).unwrap_or(usize::MAX));
                payload.extend_from_slice(&bytes[..used]);
                *rest -= used as u64;
                (used, *rest == 0)
            }
            Self::Chunked(chunked) => {
                let scan = chunked.decode(bytes, &mut |run| payload.extend_from_slice(run));
                let scan = scan.map_err(|_| Failure::Truncated)?;
                (scan.used, scan.done)
            }
            Self::UntilClose => {
                payload.extend_from_slice(bytes);
                (bytes.len(), false)
            }
        })
    }
}

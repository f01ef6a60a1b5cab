//! An answer on its way from a function, wherever that is.
//!
//! ```text
//! Lambda ── PayloadChunk, PayloadChunk …, InvokeComplete ──▶ RemoteStream ── piece, piece … ──▶ client
//! ```
//!
//! No more is read of the connection to Lambda before the client has taken what came.

use bytes::Bytes;

use crate::aws::event_stream::{Decoder, Event};
use crate::base::{crypto, json};
use crate::gateway::Worker;
use crate::gateway::integrate::attempt;
use crate::gateway::integrate::whole::Opened;
use crate::lambda::{Ending, Piece, StreamFault, Streamed};
use crate::net::outbound::Failure;

#[derive(Debug)]
pub enum Flow {
    Here(Streamed),
    There(Box<RemoteStream>),
}

impl Flow {
    /// Waits for the next piece.
    pub async fn next(&mut self, worker: &'static Worker) -> Piece {
        match self {
            Self::Here(streamed) => worker.next_piece(streamed).await,
            // Boxed: its state would make every connection's task larger.
            Self::There(stream) => Box::pin(stream.next(worker)).await,
        }
    }

    /// The stream has ended and the client has all of it.
    pub async fn close(self, worker: &'static Worker) {
        if let Self::There(stream) = self {
            Box::pin(stream.close(worker)).await;
        }
    }
}

/// The events in the body of a response.
#[derive(Debug)]
pub struct RemoteStream {
    opened: Opened,
    decoder: Decoder,
    /// What has been read last.
    held: Vec<u8>,
    until_ms: u64,
}

/// AWS: "Your streams are subject to idle timeouts. For Regional or private endpoints, the timeout
/// is 5 minutes."
const IDLE_MS_MAX: u64 = 300_000;
/// How long the end of the body may come behind the last event.
const END_MS_MAX: u64 = 50;

impl RemoteStream {
    pub fn new(opened: Opened, until_ms: u64) -> Self {
        Self {
            opened,
            decoder: Decoder::default(),
            held: Vec::new(),
            until_ms,
        }
    }

    async fn next(&mut self, worker: &'static Worker) -> Piece {
        loop {
            match self.decoder.take() {
                Err(why) => return broken(why.to_string()),
                Ok(Some(event)) => {
                    if let Some(piece) = piece(event) {
                        return piece;
                    }
                    continue;
                }
                Ok(None) => {}
            }
            let incoming = &mut self.opened.incoming;
            if incoming.is_done() {
                return broken("there is no InvokeComplete".to_owned());
            }
            let idle_ms = worker.core.now_ms() + IDLE_MS_MAX;
            incoming.set_deadline(self.until_ms.min(idle_ms));
            self.held.clear();
            match incoming.more(worker.core, &mut self.held).await {
                Ok(()) => self.decoder.push(&self.held),
                Err(failure) => {
                    let busy = &self.opened.busy;
                    attempt::note(worker, &busy.group, busy.index, &failure);
                    return match failure {
                        Failure::Timeout => ended(StreamFault::TimedOut),
                        failure => broken(failure.to_string()),
                    };
                }
            }
        }
    }

    /// Keeps the connection if the body ends where the events do.
    async fn close(self, worker: &'static Worker) {
        let Opened {
            mut incoming, busy, ..
        } = self.opened;
        incoming.set_deadline(worker.core.now_ms() + END_MS_MAX);
        let mut behind = self.held;
        behind.clear();
        while !incoming.is_done() && behind.is_empty() {
            match incoming.more(worker.core, &mut behind).await {
                Ok(()) => {}
                // All that matters has come: an end that is late is no failure.
                Err(Failure::Timeout) => break,
                Err(failure) => {
                    attempt::note(worker, &busy.group, busy.index, &failure);
                    return;
                }
            }
        }
        busy.group.succeeded(busy.index);
        if let (_, Some(connection)) = incoming.end()
            && behind.is_empty()
            && self.decoder.is_empty()
        {
            busy.group.give_idle(connection, worker.core.now_ms());
        }
    }
}

/// What an event means for the reader; none for one that is not known.
fn piece(event: Event) -> Option<Piece> {
    let said = || String::from_utf8_lossy(&event.payload).into_owned();
    match event.kind.as_str() {
        kind if event.is_error => Some(broken(format!("{kind}: {}", said()))),
        "PayloadChunk" if event.payload.is_empty() => None,
        "PayloadChunk" => Some(Piece::Bytes(event.payload.into())),
        "InvokeComplete" => Some(Piece::End(ending(&event.payload))),
        _ => None,
    }
}

/// `{"ErrorCode": …, "ErrorDetails": …, "LogResult": …}`, all of it optional.
fn ending(text: &[u8]) -> Ending {
    let members = json::read::<json::Value>(text).unwrap_or_default();
    let member = |name: &str| match members.get(name) {
        Some(json::Value::String(value)) if !value.is_empty() => Some(value.clone()),
        _ => None,
    };
    let fault = member("ErrorCode").map(|code| {
        let details = member("ErrorDetails");
        let shown = match details {
            // The error of the function itself, as an invocation without a stream gives it.
            Some(details) if details.starts_with('{') => details,
            Some(details) => format!("{code}: {details}"),
            None => code,
        };
        StreamFault::Function(Bytes::from(shown))
    });
    Ending {
        fault,
        log: member("LogResult").and_then(|log| crypto::base64_decoded(&log)),
    }
}

fn broken(why: String) -> Piece {
    ended(StreamFault::Broken(why))
}

fn ended(fault: StreamFault) -> Piece {
    Piece::End(Ending {
        fault: Some(fault),
        log: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_stream_says_how_it_went() {
        let check = |text: &str, fault: Option<&str>, log: Option<&[u8]>| {
            let found = ending(text.as_bytes());
            let shown = found.fault.map(|fault| fault.to_string());
            assert_eq!(shown.as_deref(), fault, "{text}");
            assert_eq!(found.log.as_deref(), log, "{text}");
        };
        check("", None, None);
        check("{}", None, None);
        check(r#"{"LogResult":"YWI="}"#, None, Some(b"ab"));
        check(r#"{"ErrorCode":null,"ErrorDetails":""}"#, None, None);
        check(
            r#"{"ErrorCode":"Unhandled","ErrorDetails":"{\"errorMessage\":\"no\"}"}"#,
            Some(r#"{"errorMessage":"no"}"#),
            None,
        );
        check(
            r#"{"ErrorCode":"Sandbox.Timedout","ErrorDetails":"3 seconds"}"#,
            Some("Sandbox.Timedout: 3 seconds"),
            None,
        );
        check(r#"{"ErrorCode":"X"}"#, Some("X"), None);
    }

    #[test]
    fn events_that_are_not_known_are_passed_over() {
        let event = |kind: &str, is_error, payload: &[u8]| Event {
            kind: kind.to_owned(),
            is_error,
            payload: payload.to_vec(),
        };
        assert!(piece(event("initial-response", false, b"x")).is_none());
        assert!(piece(event("PayloadChunk", false, b"")).is_none());
        let chunk = piece(event("PayloadChunk", false, b"x"));
        assert!(matches!(chunk, Some(Piece::Bytes(bytes)) if &*bytes == b"x"));
        let error = piece(event("ServiceException", true, b"{}"));
        let Some(Piece::End(Ending {
            fault: Some(fault), ..
        })) = error
        else {
            unreachable!("an error ends a stream");
        };
        assert!(fault.to_string().ends_with("ServiceException: {}"));
    }
}

//! The conversation with a worker on one connection, by whoever has its turn: a core that brought an
//! invocation, or the thread of the functions.
//!
//! ```text
//! worker: next ──▶ a job waits ── told, answered, 202 ─┐
//!           ▲        none: the seat is parked          │
//!           └──────────────────────────────────────────┘
//! ```
//!
//! What is said here is what nearly every runtime says (`phrase`). A connection on which anything else
//! comes is handed to the HTTP server of `runtime_api`, which has it from then on.

use std::io::{self, IoSlice};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use crate::lambda::answer::Home;
use crate::lambda::desk::{Desk, Seat};
use crate::lambda::lane::Turn;
use crate::lambda::link::Link;
use crate::lambda::outcome::{self, UNHANDLED};
use crate::lambda::phrase::{self, Answer, Begun, Heard};
use crate::rt::sys::{self, Push};

/// How a conversation on one connection ends.
enum End {
    /// The connection broke, or was closed.
    Gone,
    /// The worker asks for a job and there is none.
    Asks,
    /// Something unusual has come.
    Strange,
}

/// What is read at least at once; a longer body takes more.
const ROOM_BYTES: usize = 4 * 1024;
const ROOM_BYTES_MAX: usize = 256 * 1024;
/// Steps of a long transfer in a row, before others have a turn.
const STEPS_IN_A_ROW: u32 = 16;

/// What a worker is told of its job.
struct Words {
    head: String,
    payload: Bytes,
    /// Bytes of both that have been sent.
    sent: usize,
}

/// A worker that has been told of its job, as far as its connection has room.
pub struct Told {
    desk: Arc<Desk>,
    connection: OwnedFd,
    words: Words,
}

impl Words {
    fn new(begun: Begun) -> Self {
        Self {
            head: phrase::next_head(&begun),
            payload: begun.payload,
            sent: 0,
        }
    }

    fn rest(&self) -> [&[u8]; 2] {
        let of_head = self.sent.min(self.head.len());
        let of_payload = self.sent - of_head;
        [
            &self.head.as_bytes()[of_head..],
            &self.payload[of_payload..],
        ]
    }
}

/// Tells a worker of its job.
pub fn tell(turn: Turn) -> Told {
    let mut words = Words::new(turn.begun);
    let parts = words.rest().map(IoSlice::new);
    let sent = sys::send_parts(turn.connection.as_raw_fd(), &parts, Push::Now);
    // Whether there was no room or an error, the next attempt tells.
    words.sent = sent.unwrap_or(0);
    Told {
        desk: turn.desk,
        connection: turn.connection,
        words,
    }
}

/// Speaks with a worker that has been told of its job, until it waits without one.
pub async fn take<L: Link>(told: Told, home: Home) {
    let mut told = told;
    loop {
        let Ok(link) = L::open(told.connection) else {
            // Without a connection the worker is of no use; its end answers the caller.
            told.desk.end.notify_one();
            return;
        };
        match speak(link, told.desk, Some(told.words), &home).await {
            Some(turn) => told = tell(turn),
            None => return,
        }
    }
}

/// Serves a connection that a worker has just made.
pub async fn receive<L: Link>(link: L, desk: Arc<Desk>, home: Home) {
    if let Some(turn) = speak(link, desk, None, &home).await {
        take::<L>(tell(turn), home).await;
    }
}

/// Speaks until the worker waits for a job without one: then somebody's turn may come of it.
async fn speak<L: Link>(
    link: L,
    desk: Arc<Desk>,
    words: Option<Words>,
    home: &Home,
) -> Option<Turn> {
    let mut heard = BytesMut::new();
    let end = {
        let _reading = desk.reading(link.fd());
        converse(&link, (&desk, home), words, &mut heard).await
    };
    match end {
        End::Gone => None,
        End::Asks => {
            let connection = link.close().ok()?;
            desk.lane.park(&desk, Seat::Here(connection))
        }
        End::Strange => {
            let connection = link.close().ok()?;
            desk.hand_over(connection, heard.freeze());
            None
        }
    }
}

async fn converse<L: Link>(
    link: &L,
    (desk, home): (&Arc<Desk>, &Home),
    mut words: Option<Words>,
    heard: &mut BytesMut,
) -> End {
    loop {
        if let Some(words) = words.take()
            && write(link, words.rest()).await.is_err()
        {
            return End::Gone;
        }
        match phrase::heard(heard) {
            Heard::Strange => return End::Strange,
            Heard::Partial => {
                if !matches!(read(link, heard, ROOM_BYTES).await, Ok(count) if count > 0) {
                    return End::Gone;
                }
            }
            Heard::Next(length) if length == heard.len() => {
                heard.clear();
                words = desk.lane.next(desk).map(Words::new);
                if words.is_none() && desk.may_ask() {
                    return End::Asks;
                }
                if words.is_none() && refuse_next(link).await.is_err() {
                    return End::Gone;
                }
            }
            // More has come than the worker may say before it is answered.
            Heard::Next(_) => return End::Strange,
            Heard::Answer(_) if desk.is_streaming() => return End::Strange,
            Heard::Answer(answer) => {
                if !answered(link, (desk, home), &answer, heard).await {
                    return End::Gone;
                }
            }
        }
    }
}

/// Reads the rest of an answer, passes it on and acknowledges it; false when the connection is gone.
async fn answered<L: Link>(
    link: &L,
    (desk, home): (&Arc<Desk>, &Home),
    answer: &Answer,
    heard: &mut BytesMut,
) -> bool {
    let whole = answer.head_bytes + answer.body_bytes;
    let mut steps = 0;
    while heard.len() < whole {
        let room = (whole - heard.len()).clamp(ROOM_BYTES, ROOM_BYTES_MAX);
        if !matches!(read(link, heard, room).await, Ok(count) if count > 0) {
            break_off((desk, home), &heard[answer.id.clone()]);
            return false;
        }
        count::<L>(&mut steps).await;
    }
    let message = heard.split_to(whole).freeze();
    let payload = message.slice(answer.head_bytes..);
    let error = answer.is_error.then_some(UNHANDLED);
    let Some(run) = desk.take_run(&message[answer.id.clone()]) else {
        let text = outcome::error_payload("InvalidRequestID", "Invalid request ID");
        let refusal = phrase::refusal("400 Bad Request", &text);
        return write(link, [&refusal, &[]]).await.is_ok();
    };
    let finished = desk.finish(*run, payload, error);
    finished.give(&desk.function.version, home);
    // Whoever waited for it goes first.
    L::give_way().await;
    write(link, [phrase::ACCEPTED, &[]]).await.is_ok()
}

/// The connection broke in the middle of an answer.
fn break_off((desk, home): (&Arc<Desk>, &Home), request_id: &[u8]) {
    if let Some(run) = desk.take_run(request_id) {
        let text = "the runtime broke off its response";
        let payload = outcome::error_payload("Runtime.TruncatedResponse", text);
        let finished = desk.finish(*run, payload, Some(UNHANDLED));
        finished.give(&desk.function.version, home);
    }
}

async fn refuse_next<L: Link>(link: &L) -> io::Result<()> {
    let text = "the invocation before has not been answered";
    let payload = outcome::error_payload("InvalidStateTransition", text);
    let refusal = phrase::refusal("403 Forbidden", &payload);
    write(link, [&refusal, &[]]).await
}

/// Appends what has come: 0 is the end.
async fn read<L: Link>(link: &L, heard: &mut BytesMut, room: usize) -> io::Result<usize> {
    heard.reserve(room);
    loop {
        link.readable().await;
        match link.receive(heard) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            read => return read,
        }
    }
}

async fn write<L: Link>(link: &L, [mut head, mut payload]: [&[u8]; 2]) -> io::Result<()> {
    let mut steps = 0;
    while !head.is_empty() || !payload.is_empty() {
        let sent = match payload {
            [] => link.send(&[IoSlice::new(head)]),
            _ => link.send(&[IoSlice::new(head), IoSlice::new(payload)]),
        };
        match sent {
            Ok(count) => {
                let of_head = count.min(head.len());
                head = &head[of_head..];
                payload = &payload[count - of_head..];
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => link.writable().await,
            Err(error) => return Err(error),
        }
        count::<L>(&mut steps).await;
    }
    Ok(())
}

async fn count<L: Link>(steps: &mut u32) {
    *steps += 1;
    if steps.is_multiple_of(STEPS_IN_A_ROW) {
        L::give_way().await;
    }
}

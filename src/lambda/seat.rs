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
use std::sync::Arc;

use bytes::BytesMut;

use crate::lambda::desk::{Desk, Seat};
use crate::lambda::lane::Turn;
use crate::lambda::link::Link;
use crate::lambda::outcome::{self, UNHANDLED};
use crate::lambda::phrase::{self, Answer, Begun, Heard};

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

/// Tells a worker of its job, and speaks with it until it waits without one.
pub async fn take<L: Link>(turn: Turn) {
    let mut turn = turn;
    loop {
        let Ok(link) = L::open(turn.connection) else {
            // Without a connection the worker is of no use; its end answers the caller.
            turn.desk.end.notify_one();
            return;
        };
        match speak(link, turn.desk, Some(turn.begun)).await {
            Some(next) => turn = next,
            None => return,
        }
    }
}

/// Serves a connection that a worker has just made.
pub async fn receive<L: Link>(link: L, desk: Arc<Desk>) {
    if let Some(turn) = speak(link, desk, None).await {
        take::<L>(turn).await;
    }
}

/// Speaks until the worker waits for a job without one: then somebody's turn may come of it.
async fn speak<L: Link>(link: L, desk: Arc<Desk>, begun: Option<Begun>) -> Option<Turn> {
    let mut heard = BytesMut::new();
    let end = {
        let _reading = desk.reading(link.fd());
        converse(&link, &desk, begun, &mut heard).await
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
    desk: &Arc<Desk>,
    mut begun: Option<Begun>,
    heard: &mut BytesMut,
) -> End {
    loop {
        if let Some(begun) = begun.take() {
            let head = phrase::next_head(&begun);
            if write(link, head.as_bytes(), &begun.payload).await.is_err() {
                return End::Gone;
            }
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
                begun = desk.lane.next(desk);
                if begun.is_none() && desk.may_ask() {
                    return End::Asks;
                }
                if begun.is_none() && refuse_next(link).await.is_err() {
                    return End::Gone;
                }
            }
            // More has come than the worker may say before it is answered.
            Heard::Next(_) => return End::Strange,
            Heard::Answer(_) if desk.is_streaming() => return End::Strange,
            Heard::Answer(answer) => {
                if !answered(link, desk, &answer, heard).await {
                    return End::Gone;
                }
            }
        }
    }
}

/// Reads the rest of an answer, passes it on and acknowledges it; false when the connection is gone.
async fn answered<L: Link>(link: &L, desk: &Desk, answer: &Answer, heard: &mut BytesMut) -> bool {
    let whole = answer.head_bytes + answer.body_bytes;
    let mut steps = 0;
    while heard.len() < whole {
        let room = (whole - heard.len()).clamp(ROOM_BYTES, ROOM_BYTES_MAX);
        if !matches!(read(link, heard, room).await, Ok(count) if count > 0) {
            break_off(desk, &heard[answer.id.clone()]);
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
        return write(link, &refusal, &[]).await.is_ok();
    };
    let finished = desk.finish(*run, payload, error);
    finished.give(&desk.function.version);
    // Whoever waited for it goes first.
    L::give_way().await;
    write(link, phrase::ACCEPTED, &[]).await.is_ok()
}

/// The connection broke in the middle of an answer.
fn break_off(desk: &Desk, request_id: &[u8]) {
    if let Some(run) = desk.take_run(request_id) {
        let text = "the runtime broke off its response";
        let payload = outcome::error_payload("Runtime.TruncatedResponse", text);
        let finished = desk.finish(*run, payload, Some(UNHANDLED));
        finished.give(&desk.function.version);
    }
}

async fn refuse_next<L: Link>(link: &L) -> io::Result<()> {
    let text = "the invocation before has not been answered";
    let payload = outcome::error_payload("InvalidStateTransition", text);
    write(link, &phrase::refusal("403 Forbidden", &payload), &[]).await
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

async fn write<L: Link>(link: &L, head: &[u8], payload: &[u8]) -> io::Result<()> {
    let (mut head, mut payload, mut steps) = (head, payload, 0);
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

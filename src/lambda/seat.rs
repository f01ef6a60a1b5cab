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
use std::ops::Range;
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
#[derive(Debug)]
enum End {
    /// The connection broke, or was closed.
    Gone,
    /// It broke before the worker had been told of its job.
    Untold(Words),
    /// The worker asks for a job and there is none.
    Asks,
    /// Something unusual has come.
    Strange,
}

/// What is read at least at once; a longer body takes more.
const ROOM_BYTES: usize = 4 * 1024;
const ROOM_BYTES_MAX: usize = 256 * 1024;
/// Steps in a row, before others have a turn.
const STEPS_IN_A_ROW: u32 = 16;
/// What is refused in a row, before the connection is closed.
const REFUSALS_MAX: u32 = 16;

/// What a worker is told.
#[derive(Debug)]
struct Words {
    /// Of the invocation, if it is one.
    id: String,
    head: Bytes,
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
    fn of(begun: Begun) -> Self {
        Self {
            head: phrase::next_head(&begun).into(),
            id: begun.request_id,
            payload: begun.payload,
            sent: 0,
        }
    }

    fn plain(head: Bytes) -> Self {
        Self {
            id: String::new(),
            head,
            payload: Bytes::new(),
            sent: 0,
        }
    }

    fn rest(&self) -> [&[u8]; 2] {
        let of_head = self.sent.min(self.head.len());
        let of_payload = self.sent - of_head;
        [&self.head[of_head..], &self.payload[of_payload..]]
    }

    fn is_said(&self) -> bool {
        self.sent >= self.head.len() + self.payload.len()
    }
}

/// Tells a worker of its job.
pub fn tell(turn: Turn) -> Told {
    turn.desk.say_start(&turn.begun);
    let mut words = Words::of(turn.begun);
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
        let turn = match L::open(told.connection) {
            Ok(link) => speak(link, told.desk, Some(told.words), &home).await,
            // Without a connection the worker is of no use.
            Err(_) => untold(&told.desk, &told.words),
        };
        match turn {
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
    let (end, heard) = {
        let _reading = desk.reading(link.fd());
        let mut talk = Talk::new(&link, &desk, home);
        (talk.converse(words).await, talk.heard)
    };
    match end {
        End::Gone => None,
        End::Untold(words) => untold(&desk, &words),
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

/// A worker that knows nothing of its job leaves it to another; one that may know some of it ends,
/// which answers the caller.
fn untold(desk: &Arc<Desk>, words: &Words) -> Option<Turn> {
    if words.sent == 0 {
        return desk.lane.put_back(desk, &words.id);
    }
    if desk.has_run(words.id.as_bytes()) {
        desk.kill();
    }
    None
}

/// One conversation, from the first word to its end.
struct Talk<'t, L> {
    link: &'t L,
    desk: &'t Arc<Desk>,
    home: &'t Home,
    /// What has come and is not understood yet.
    heard: BytesMut,
    steps: u32,
    /// In a row.
    refusals: u32,
}

impl<'t, L: Link> Talk<'t, L> {
    fn new(link: &'t L, desk: &'t Arc<Desk>, home: &'t Home) -> Self {
        Self {
            link,
            desk,
            home,
            heard: BytesMut::new(),
            steps: 0,
            refusals: 0,
        }
    }

    async fn converse(&mut self, mut words: Option<Words>) -> End {
        let mut told = None;
        loop {
            self.step().await;
            if let Some(mut words) = words.take() {
                if self.write(&mut words).await.is_err() {
                    return End::Untold(words);
                }
                told = Some(words);
            }
            match phrase::heard(&self.heard) {
                Heard::Strange => return End::Strange,
                Heard::Partial => match self.read(ROOM_BYTES).await {
                    Ok(0) => return End::Gone,
                    Ok(_) => {}
                    // Reset: it has not read all that it was told.
                    Err(_) => return told.take().map_or(End::Gone, End::Untold),
                },
                // What comes of it is for somebody who stays.
                Heard::Next(_) if self.home.is_draining() => return End::Strange,
                Heard::Next(length) if length == self.heard.len() => {
                    let asked = self.heard.split();
                    if let Some(begun) = self.desk.lane.next(self.desk) {
                        self.desk.say_start(&begun);
                        words = Some(Words::of(begun));
                    } else if self.desk.may_ask() {
                        return End::Asks;
                    } else {
                        // That is for the HTTP server to refuse, if it stays so.
                        self.heard.extend_from_slice(&asked);
                        return End::Strange;
                    }
                }
                // More has come than the worker may say before it is answered.
                Heard::Next(_) => return End::Strange,
                Heard::Answer(_) if self.desk.is_streaming() => return End::Strange,
                Heard::Answer(answer) => {
                    told = None;
                    if !self.answered(&answer).await {
                        return End::Gone;
                    }
                }
            }
        }
    }

    /// Reads the rest of an answer, passes it on and acknowledges it; false when the connection is
    /// gone.
    async fn answered(&mut self, answer: &Answer) -> bool {
        let whole = answer.head_bytes + answer.body_bytes;
        // Before the body is read: it may have megabytes.
        let is_own = self
            .desk
            .claim(&self.heard[answer.id.clone()], answer.is_error);
        if !is_own && whole > self.heard.len().max(ROOM_BYTES) {
            self.refuse_answer().await;
            return false;
        }
        while self.heard.len() < whole {
            let room = (whole - self.heard.len()).clamp(ROOM_BYTES, ROOM_BYTES_MAX);
            if !matches!(self.read(room).await, Ok(count) if count > 0) {
                if is_own {
                    self.break_off(&answer.id);
                }
                return false;
            }
        }
        let message = self.heard.split_to(whole).freeze();
        let payload = message.slice(answer.head_bytes..);
        let error = answer.is_error.then_some(UNHANDLED);
        // Its time may have been up meanwhile.
        let run = is_own.then(|| self.desk.take_run(&message[answer.id.clone()]));
        let Some(run) = run.flatten() else {
            return self.refuse_answer().await;
        };
        let finished = self.desk.finish(*run, payload, error);
        finished.give(&self.desk.function.version, self.home);
        self.refusals = 0;
        // Whoever waited for it goes first.
        L::give_way().await;
        let mut accepted = Words::plain(Bytes::from_static(phrase::ACCEPTED));
        self.write(&mut accepted).await.is_ok()
    }

    /// The connection broke in the middle of an answer.
    fn break_off(&self, id: &Range<usize>) {
        if let Some(run) = self.desk.take_run(&self.heard[id.clone()]) {
            let text = "the runtime broke off its response";
            let payload = outcome::error_payload("Runtime.TruncatedResponse", text);
            let finished = self.desk.finish(*run, payload, Some(UNHANDLED));
            finished.give(&self.desk.function.version, self.home);
        }
    }

    /// False when the connection is gone, or is to be closed since nothing else comes of it.
    async fn refuse_answer(&mut self) -> bool {
        let text = outcome::error_payload("InvalidRequestID", "Invalid request ID");
        let mut refusal = Words::plain(phrase::refusal("400 Bad Request", &text).into());
        self.refusals += 1;
        self.write(&mut refusal).await.is_ok() && self.refusals < REFUSALS_MAX
    }

    /// Appends what has come: 0 is the end.
    async fn read(&mut self, room: usize) -> io::Result<usize> {
        self.heard.reserve(room);
        loop {
            self.step().await;
            self.link.readable().await;
            match self.link.receive(&mut self.heard) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return read,
            }
        }
    }

    async fn write(&mut self, words: &mut Words) -> io::Result<()> {
        while !words.is_said() {
            let sent = match words.rest() {
                [head, []] => self.link.send(&[IoSlice::new(head)]),
                [head, payload] => self.link.send(&[IoSlice::new(head), IoSlice::new(payload)]),
            };
            match sent {
                Ok(count) => words.sent += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.link.writable().await;
                }
                Err(error) => return Err(error),
            }
            self.step().await;
        }
        Ok(())
    }

    /// Whatever a worker sends, the others have a turn now and then.
    async fn step(&mut self) {
        self.steps = self.steps.wrapping_add(1);
        if self.steps.is_multiple_of(STEPS_IN_A_ROW) {
            L::give_way().await;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::collections::VecDeque;
    use std::os::fd::RawFd;
    use std::rc::Rc;
    use std::task::{Context, Waker};

    use super::*;
    use crate::lambda::answer::Post;
    use crate::lambda::lane::{Job, Lane};
    use crate::rt::Driver;
    use crate::rt::bridge::Bridge;

    const NEXT: &[u8] = b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n\r\n";

    thread_local! {
        static WAYS: Cell<usize> = const { Cell::new(0) };
    }

    /// A connection that never makes anybody wait.
    struct Fake {
        said: RefCell<VecDeque<io::Result<Vec<u8>>>>,
        /// What comes behind it again and again; nothing: the end.
        endless: Vec<u8>,
        sent: RefCell<Vec<u8>>,
        /// Bytes that can be sent before it is reset.
        room: Cell<usize>,
    }

    impl Fake {
        fn new(said: Vec<io::Result<Vec<u8>>>, endless: &[u8]) -> Self {
            WAYS.set(0);
            Self {
                said: RefCell::new(said.into()),
                endless: endless.to_vec(),
                sent: RefCell::default(),
                room: Cell::new(usize::MAX),
            }
        }

        fn refusals(&self) -> usize {
            let sent = String::from_utf8(self.sent.borrow().clone()).unwrap();
            sent.matches("400 Bad Request").count()
        }
    }

    impl Link for Fake {
        fn open(_: OwnedFd) -> io::Result<Self> {
            Err(reset())
        }

        fn close(self) -> io::Result<OwnedFd> {
            Err(reset())
        }

        fn fd(&self) -> RawFd {
            -1
        }

        async fn readable(&self) {}

        async fn writable(&self) {}

        fn receive(&self, into: &mut BytesMut) -> io::Result<usize> {
            let said = self.said.borrow_mut().pop_front();
            let said = said.unwrap_or_else(|| Ok(self.endless.clone()))?;
            into.extend_from_slice(&said);
            Ok(said.len())
        }

        fn send(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
            let all: Vec<u8> = parts.iter().flat_map(|part| part.to_vec()).collect();
            let count = all.len().min(self.room.get());
            if count == 0 {
                return Err(reset());
            }
            self.room.set(self.room.get() - count);
            self.sent.borrow_mut().extend_from_slice(&all[..count]);
            Ok(count)
        }

        async fn give_way() {
            WAYS.set(WAYS.get() + 1);
        }
    }

    fn reset() -> io::Error {
        io::ErrorKind::ConnectionReset.into()
    }

    /// How a conversation ends, and what of it is not understood.
    fn conversed(link: &Fake, desk: &Arc<Desk>, words: Option<Words>) -> (End, BytesMut) {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.build().unwrap();
        let mut talk = Talk::new(link, desk, &Home::Functions);
        let end = runtime.block_on(talk.converse(words));
        (end, talk.heard)
    }

    fn answer(id: &str, length: usize) -> Vec<u8> {
        let path = format!("/2018-06-01/runtime/invocation/{id}/response");
        format!("POST {path} HTTP/1.1\r\nContent-Length: {length}\r\n\r\n").into_bytes()
    }

    #[test]
    fn what_comes_without_end_keeps_nobody_waiting() {
        let desk = Lane::sample().worker();
        let flood = [answer("other", 2), b"{}".to_vec()].concat().repeat(3);
        let link = Fake::new(Vec::new(), &flood);
        assert!(matches!(conversed(&link, &desk, None).0, End::Gone));
        assert_eq!(link.refusals(), REFUSALS_MAX as usize);
        assert!(WAYS.get() >= 2, "{}", WAYS.get());
        // Byte by byte, and never a whole request.
        let trickle = (0..4_000).map(|_| Ok(b"x".to_vec())).collect();
        let link = Fake::new(trickle, b"");
        assert!(matches!(conversed(&link, &desk, None).0, End::Gone));
        assert!(WAYS.get() >= 250, "{}", WAYS.get());
    }

    #[test]
    fn the_answer_of_another_invocation_is_refused_before_it_is_read() {
        let desk = Lane::sample().worker();
        let link = Fake::new(vec![Ok(answer("other", 6_000_000))], &[b'x'; 4_096]);
        let (end, heard) = conversed(&link, &desk, None);
        assert!(matches!(end, End::Gone));
        assert_eq!(
            (link.refusals(), heard.len()),
            (1, answer("other", 6_000_000).len())
        );
        // A short one is passed over, and the next request is understood.
        let said = vec![
            Ok(answer("other", 3)),
            Ok(b"{} ".to_vec()),
            Ok(NEXT.to_vec()),
        ];
        let link = Fake::new(said, b"");
        assert!(matches!(conversed(&link, &desk, None).0, End::Asks));
        assert_eq!(link.refusals(), 1);
    }

    #[test]
    fn a_job_that_was_not_told_goes_to_another_worker() {
        let lane = Lane::sample();
        let (first, second) = (lane.worker(), lane.worker());
        let (job, _outcome) = Job::sample("one");
        lane.ask(job).unwrap();
        let words = Words::of(lane.next(&first).unwrap());
        let link = Fake::new(Vec::new(), b"");
        link.room.set(0);
        let (End::Untold(words), _) = conversed(&link, &first, Some(words)) else {
            panic!("nothing could be sent");
        };
        assert!(untold(&first, &words).is_none());
        assert!(!first.may_begin());
        assert_eq!(lane.next(&second).unwrap().request_id, "one");
    }

    #[test]
    fn a_worker_that_may_know_a_part_of_its_job_ends() {
        let check = |link: &Fake| {
            let lane = Lane::sample();
            let desk = lane.worker();
            let (job, _outcome) = Job::sample("one");
            lane.ask(job).unwrap();
            let words = Words::of(lane.next(&desk).unwrap());
            let (End::Untold(words), _) = conversed(link, &desk, Some(words)) else {
                panic!("the connection was reset");
            };
            assert!(untold(&desk, &words).is_none());
            let ends = std::pin::pin!(desk.end.notified());
            let ends = ends.poll(&mut Context::from_waker(Waker::noop()));
            assert!(ends.is_ready() && desk.has_run(b"one"));
        };
        let link = Fake::new(Vec::new(), b"");
        link.room.set(10);
        check(&link);
        check(&Fake::new(vec![Err(reset())], b""));
    }

    #[test]
    fn a_core_that_drains_leaves_what_comes_next_to_others() {
        let done = Driver::best().run(async {
            let post = Post::new(Bridge::start(4).unwrap());
            let (lane, talk) = (Lane::sample(), post.talk());
            let desk = lane.worker();
            let (job, _outcome) = Job::sample("one");
            lane.ask(job).unwrap();
            post.drain();
            let home = Home::Core(Rc::clone(&post));
            let link = Fake::new(vec![Ok(NEXT.to_vec())], b"");
            let mut conversation = Talk::new(&link, &desk, &home);
            assert!(matches!(conversation.converse(None).await, End::Strange));
            // Whoever has the connection then reads the request again.
            assert_eq!(conversation.heard, NEXT);
            assert_eq!(lane.next(&desk).unwrap().request_id, "one");
            assert_eq!(post.talks(), 1);
            drop(talk);
            post.talks()
        });
        assert_eq!(done.unwrap(), 0);
    }
}

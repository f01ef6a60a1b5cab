//! `Desk`: one worker as all threads see it: what it does now, and what is said of that.
//!
//! ```text
//!            asks next          is given a job         answers
//! Starting ────────────▶ Idle ─────────────────▶ Busy ────────▶ Between ─▶ Idle …
//!     │                    │                       │
//!     └─ never came up     └─ retired              └─ ended, or took too long
//! ```
//!
//! Any thread that speaks with the worker moves it on; the thread of the functions starts it, watches
//! its deadlines and ends it. Of the locks `phase` alone is taken while a lane's is held, never the
//! other way round; `story` and `open` are taken by themselves.

use std::os::fd::{OwnedFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use tokio::sync::{Notify, mpsc, oneshot};

use crate::lambda::answer::{Answer, Home};
use crate::lambda::commons::lock;
use crate::lambda::function::Function;
use crate::lambda::lane::{Job, Lane};
use crate::lambda::log::{self, Story};
use crate::lambda::outcome::{InvokeError, Returned};
use crate::lambda::phrase::Begun;
use crate::lambda::process;
use crate::rt::sys;

#[derive(Debug)]
pub struct Desk {
    pub lane: Arc<Lane>,
    pub function: Arc<Function>,
    phase: Mutex<Phase>,
    pub story: Mutex<Story>,
    retired: AtomicBool,
    /// Raised when the process is to end.
    pub end: Notify,
    /// Connections on which something unusual is said go there, with what was read of it.
    strange: mpsc::UnboundedSender<(OwnedFd, Bytes)>,
    /// Connections that somebody reads, to be shut when the worker has ended.
    open: Mutex<Vec<RawFd>>,
    pub started: Instant,
    /// Has begun something since somebody last asked.
    was_used: AtomicBool,
    pid: AtomicI32,
    memory_mib: AtomicU64,
    /// How long the start took, in microseconds, until an invocation has reported it; then 0.
    init_us: AtomicU64,
}

/// Where a worker waits for a job.
#[derive(Debug)]
pub enum Seat {
    /// Whoever has a job writes it to this connection.
    Here(OwnedFd),
    /// The HTTP server of the thread of the functions writes it.
    Served(oneshot::Sender<Begun>),
}

#[derive(Debug)]
enum Phase {
    Starting,
    Idle {
        /// None: it is about to be given a job, or to end.
        seat: Option<Seat>,
        since: Instant,
    },
    Busy(Box<Run>),
    /// It has answered, and will ask for the next.
    Between(Instant),
    Ended,
}

#[derive(Debug)]
pub struct Run {
    pub job: Job,
    started: Instant,
    /// When the function's own time is up.
    deadline: Instant,
    /// The answer goes to its caller while it is made.
    is_streamed: bool,
    /// A connection is bringing its answer.
    is_claimed: bool,
}

/// An invocation that is over.
#[derive(Debug)]
pub struct Finished {
    pub job: Job,
    pub payload: Bytes,
    pub error: Option<&'static str>,
    /// The end of its log, if wanted.
    pub log: Option<Vec<u8>>,
    pub is_streamed: bool,
}

/// What is due.
#[derive(Debug)]
pub enum Due {
    Nothing,
    /// Something will be.
    Later,
    /// The invocation took too long: here it is.
    Run(Box<Run>),
}

/// How a worker was found when it ended.
#[derive(Debug)]
pub enum Left {
    Starting,
    Busy(Box<Run>),
    Other,
}

/// A runtime that has answered asks for the next invocation within this time, or is busy.
const NEXT_SOON: Duration = Duration::from_millis(50);

impl Desk {
    pub fn new(lane: &Arc<Lane>, strange: mpsc::UnboundedSender<(OwnedFd, Bytes)>) -> Arc<Self> {
        Arc::new(Self {
            lane: Arc::clone(lane),
            function: lane.function(),
            phase: Mutex::new(Phase::Starting),
            story: Mutex::default(),
            retired: AtomicBool::new(false),
            end: Notify::new(),
            strange,
            open: Mutex::default(),
            started: Instant::now(),
            was_used: AtomicBool::new(false),
            pid: AtomicI32::new(0),
            memory_mib: AtomicU64::new(0),
            init_us: AtomicU64::new(0),
        })
    }

    fn is_retired(&self) -> bool {
        self.retired.load(Ordering::SeqCst)
    }

    /// Whether it will ask for work soon: it starts, or has just answered.
    pub fn is_coming(&self) -> bool {
        let comes = match &*lock(&self.phase) {
            Phase::Starting => true,
            Phase::Between(since) => since.elapsed() < NEXT_SOON,
            _ => false,
        };
        comes && !self.is_retired()
    }

    pub fn is_starting(&self) -> bool {
        matches!(*lock(&self.phase), Phase::Starting)
    }

    pub fn idle_since(&self) -> Option<Instant> {
        match *lock(&self.phase) {
            Phase::Idle { since, .. } => Some(since),
            _ => None,
        }
    }

    /// Whether the process may ask for a job: it has answered the one before.
    pub fn may_ask(&self) -> bool {
        !matches!(*lock(&self.phase), Phase::Busy(_) | Phase::Ended)
    }

    /// Whether a job may be given to it.
    pub fn may_begin(&self) -> bool {
        !self.is_retired() && self.may_ask()
    }

    /// Takes the place where it waits. True: it counts as one that waits from now on. Who asks a second
    /// time, on another connection, has only moved.
    pub fn wait(&self, seat: Seat) -> bool {
        let mut phase = lock(&self.phase);
        if matches!(*phase, Phase::Busy(_) | Phase::Ended) {
            return false;
        }
        self.has_come_up(&phase);
        let waited = matches!(*phase, Phase::Idle { seat: Some(_), .. });
        *phase = Phase::Idle {
            seat: Some(seat),
            since: Instant::now(),
        };
        if self.is_retired() {
            self.end.notify_one();
        }
        !waited && !self.is_retired()
    }

    fn has_come_up(&self, phase: &Phase) {
        if matches!(phase, Phase::Starting) {
            let took = self.started.elapsed().as_micros().max(1);
            let took = u64::try_from(took).unwrap_or(u64::MAX);
            self.init_us.store(took, Ordering::Relaxed);
        }
    }

    /// The place where it waits, if it waits and may be given a job.
    pub fn take_seat(&self) -> Option<Seat> {
        match &mut *lock(&self.phase) {
            Phase::Idle { seat, .. } if !self.is_retired() => seat.take(),
            _ => None,
        }
    }

    /// Gives it a job, which it has to be told of by whoever calls this. To be called by its lane.
    ///
    /// # Errors
    /// It has another, or has ended: here is the job.
    pub fn begin(&self, job: Job) -> Result<Begun, Box<Job>> {
        let mut phase = lock(&self.phase);
        if matches!(*phase, Phase::Busy(_) | Phase::Ended) {
            return Err(Box::new(job));
        }
        let (now, function) = (Instant::now(), &*self.function);
        let epoch = SystemTime::now().duration_since(UNIX_EPOCH);
        let epoch_ms = epoch.map_or(0, |epoch| epoch.as_millis() as u64);
        let invocation = &job.invocation;
        let arn = match &invocation.qualifier {
            Some(qualifier) => format!("{}:{qualifier}", function.arn),
            None => function.arn.clone(),
        };
        let begun = Begun {
            request_id: job.request_id.clone(),
            deadline_ms: epoch_ms + u64::from(function.timeout_ms),
            arn,
            trace_id: invocation.trace_id.clone(),
            client_context: invocation.client_context.clone(),
            payload: invocation.payload.clone(),
            wants_log: invocation.wants_log,
        };
        self.was_used.store(true, Ordering::Relaxed);
        self.has_come_up(&phase);
        *phase = Phase::Busy(Box::new(Run {
            job,
            started: now,
            deadline: now + Duration::from_millis(function.timeout_ms.into()),
            is_streamed: false,
            is_claimed: false,
        }));
        Ok(begun)
    }

    /// The first log line of an invocation, before the worker is told of it.
    pub fn say_start(&self, begun: &Begun) {
        let is_read = self.lane.commons.is_logged();
        if !is_read && !begun.wants_log {
            return;
        }
        let (id, version) = (&begun.request_id, &self.function.version);
        let line = format!("START RequestId: {id} Version: {version}");
        let mut story = lock(&self.story);
        if !is_read {
            // Nobody has read what came before.
            story.read_output(is_read);
        }
        story.begin();
        story.line(is_read, &line);
    }

    /// The job that it was given and could not be told of.
    pub fn take_back(&self, request_id: &str) -> Option<Job> {
        self.take_run(request_id.as_bytes()).map(|run| run.job)
    }

    /// Whether the run of this id is under way.
    pub fn has_run(&self, request_id: &[u8]) -> bool {
        matches!(&*lock(&self.phase), Phase::Busy(run) if run.is(request_id))
    }

    /// Whether a whole answer to the invocation of this id may come: it is under way, and neither
    /// streamed nor being answered. From then on nobody else may. A stream may end with an error.
    pub fn claim(&self, request_id: &[u8], is_error: bool) -> bool {
        match &mut *lock(&self.phase) {
            Phase::Busy(run)
                if run.is(request_id) && !run.is_claimed && (is_error || !run.is_streamed) =>
            {
                run.is_claimed = true;
                true
            }
            _ => false,
        }
    }

    /// Ends the run of this id; none: it has another, or none.
    pub fn take_run(&self, request_id: &[u8]) -> Option<Box<Run>> {
        let mut phase = lock(&self.phase);
        match &*phase {
            Phase::Busy(run) if run.is(request_id) => {}
            _ => return None,
        }
        match std::mem::replace(&mut *phase, Phase::Between(Instant::now())) {
            Phase::Busy(run) => Some(run),
            _ => None,
        }
    }

    /// Whether the invocation under way is answered while its answer is made.
    pub fn is_streaming(&self) -> bool {
        matches!(&*lock(&self.phase), Phase::Busy(run) if run.is_streamed)
    }

    /// Begins to stream the answer to an invocation. None: that is not the one it has, or its caller
    /// takes only whole answers; else who waits for it, and until when.
    pub fn begin_stream(&self, request_id: &str) -> Option<(Option<Answer>, Instant)> {
        let mut phase = lock(&self.phase);
        let Phase::Busy(run) = &mut *phase else {
            return None;
        };
        let job = &mut run.job;
        let is_answered = run.is_streamed || run.is_claimed;
        if job.request_id != request_id || !job.invocation.streams || is_answered {
            return None;
        }
        run.is_streamed = true;
        Some((job.answer.take(), job.expires))
    }

    /// The last log lines of an invocation, and what it leaves.
    pub fn finish(&self, run: Run, payload: Bytes, error: Option<&'static str>) -> Finished {
        let Run {
            job,
            started,
            is_streamed,
            ..
        } = run;
        let commons = &self.lane.commons;
        let (wants_log, is_read) = (job.invocation.wants_log, commons.is_logged());
        let mut log = None;
        if wants_log || is_read {
            let init = match self.init_us.swap(0, Ordering::Relaxed) {
                0 => None,
                took => Some(Duration::from_micros(took)),
            };
            let end = format!("END RequestId: {}", job.request_id);
            let report = log::report(
                &job.request_id,
                started.elapsed(),
                self.function.memory_mib,
                self.memory_mib(),
                init,
            );
            let mut story = lock(&self.story);
            // What it wrote before it answered belongs to this invocation.
            story.read_output(is_read);
            story.line(is_read, &end);
            story.line(is_read, &report);
            log = wants_log.then(|| story.tail());
        }
        self.lane.release(&job);
        if self.is_retired() {
            self.end.notify_one();
        }
        Finished {
            job,
            payload,
            error,
            log,
            is_streamed,
        }
    }

    /// Hands a connection to the HTTP server of the thread of the functions.
    pub fn hand_over(&self, connection: OwnedFd, read: Bytes) {
        // A worker that has ended has nobody there any more.
        let _ = self.strange.send((connection, read));
    }

    /// Somebody reads this connection until the end of what is returned.
    pub fn reading(&self, connection: RawFd) -> Reading<'_> {
        lock(&self.open).push(connection);
        // Whoever comes behind `shut` is not seen by it.
        if matches!(*lock(&self.phase), Phase::Ended) {
            sys::shutdown(connection, libc::SHUT_RDWR);
        }
        Reading {
            desk: self,
            connection,
        }
    }

    /// Takes no more invocations and ends when the one under way has. To be called by its lane.
    pub fn retire(&self) {
        self.retired.store(true, Ordering::SeqCst);
        if !matches!(*lock(&self.phase), Phase::Busy(_)) {
            self.end.notify_one();
        }
    }

    /// Ends at once.
    pub fn kill(&self) {
        self.retired.store(true, Ordering::SeqCst);
        self.end.notify_one();
    }

    /// The process has ended. To be called by its lane.
    pub fn ended(&self) -> Left {
        match std::mem::replace(&mut *lock(&self.phase), Phase::Ended) {
            // A worker that was sent away while it started has not failed.
            Phase::Starting if !self.is_retired() => Left::Starting,
            Phase::Busy(run) => Left::Busy(run),
            _ => Left::Other,
        }
    }

    /// Whether somebody reads one of its connections.
    pub fn is_read(&self) -> bool {
        !lock(&self.open).is_empty()
    }

    /// Shuts the connections of a worker that has ended: what it left behind may hold them open, and
    /// nobody is to wait for that.
    pub fn shut(&self) {
        for connection in lock(&self.open).iter() {
            sys::shutdown(*connection, libc::SHUT_RDWR);
        }
    }

    /// What is due at `now`; a caller whose time is up is told so.
    pub fn due(&self, now: Instant) -> Due {
        let mut phase = lock(&self.phase);
        let Phase::Busy(run) = &mut *phase else {
            return Due::Nothing;
        };
        if now >= run.job.expires {
            // The function goes on: only its caller has gone.
            run.job.give(Err(InvokeError::TimedOut));
        }
        if now < run.deadline {
            return Due::Later;
        }
        match std::mem::replace(&mut *phase, Phase::Between(now)) {
            Phase::Busy(run) => Due::Run(run),
            _ => Due::Nothing,
        }
    }

    /// Whether it has run something since the last question.
    pub fn was_used(&self) -> bool {
        self.was_used.swap(false, Ordering::Relaxed)
    }

    pub fn set_pid(&self, pid: i32) {
        self.pid.store(pid, Ordering::Relaxed);
    }

    /// Asks the system, which takes a while: the thread of the functions does it now and then.
    pub fn look_at_memory(&self) {
        if let Some(mib) = process::resident_mib(self.pid.load(Ordering::Relaxed)) {
            self.memory_mib.store(mib, Ordering::Relaxed);
        }
    }

    fn memory_mib(&self) -> u64 {
        if self.memory_mib.load(Ordering::Relaxed) == 0 {
            self.look_at_memory();
        }
        self.memory_mib.load(Ordering::Relaxed)
    }
}

impl Run {
    fn is(&self, request_id: &[u8]) -> bool {
        self.job.request_id.as_bytes() == request_id
    }
}

impl Finished {
    /// Gives the outcome to whoever waits for it.
    pub fn give(self, version: &str, home: &Home) {
        let outcome = Returned {
            payload: self.payload,
            stream: None,
            function_error: self.error,
            version: version.into(),
            log: self.log,
        };
        if let Some(answer) = self.job.answer {
            home.give(answer, Ok(outcome));
        }
    }
}

/// A connection that somebody reads, to be dropped before it is closed.
#[derive(Debug)]
pub struct Reading<'d> {
    desk: &'d Desk,
    connection: RawFd,
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        let mut open = lock(&self.desk.open);
        if let Some(at) = open.iter().position(|other| *other == self.connection) {
            open.swap_remove(at);
        }
    }
}

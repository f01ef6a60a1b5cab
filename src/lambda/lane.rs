//! `Lane`: one version of a function as all threads see it: the queue of its invocations, and who of
//! its workers waits for one.
//!
//! ```text
//! core ─── ask ──▶ queue ─┐                   ┌─▶ whoever came with either of the two
//! core ─── ask ──▶        ├─ the first of each ─┤   has the turn: it speaks with the worker
//! worker ─ park ─▶ idle ──┘                   └─▶ and takes the next job when it has answered
//! ```
//!
//! There is one queue, so callers of all cores are served in the order in which they came; and never
//! are there both a job and a worker that wait. Only starting and ending workers is left to the
//! thread of the functions.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::lambda::answer::Answer;
use crate::lambda::code::Live;
use crate::lambda::commons::{Commons, lock};
use crate::lambda::desk::{Desk, Left, Seat};
use crate::lambda::function::Function;
use crate::lambda::outcome::{Invocation, InvokeError, Outcome, Returned};
use crate::lambda::phrase::Begun;
use crate::rt::sys;

/// An invocation on its way.
#[derive(Debug)]
pub struct Job {
    pub invocation: Invocation,
    pub request_id: String,
    /// None once the caller has been told something.
    pub answer: Option<Answer>,
    /// When the caller gives up.
    pub expires: Instant,
}

impl Job {
    /// `fresh_id` is for an invocation that has no id yet.
    pub fn new(fresh_id: String, invocation: Invocation, answer: Answer) -> Self {
        let wait = Duration::from_millis(invocation.timeout_ms.into());
        let chosen = invocation.request_id.as_deref();
        Self {
            request_id: chosen.map_or(fresh_id, str::to_owned),
            invocation,
            answer: Some(answer),
            expires: Instant::now() + wait,
        }
    }

    pub fn give(&mut self, outcome: Outcome) {
        if let Some(answer) = self.answer.take() {
            answer.give(outcome);
        }
    }
}

/// A worker and what it is to be told, for whoever speaks with it.
#[derive(Debug)]
pub struct Turn {
    pub desk: Arc<Desk>,
    pub connection: OwnedFd,
    pub begun: Begun,
}

/// What became of a job.
#[derive(Debug)]
pub enum Asked {
    /// It is up to whoever asked to speak with the worker.
    Begun(Turn),
    /// It waits, or somebody else has it. True: a worker is to be started for it.
    Taken { wants_worker: bool },
}

#[derive(Debug)]
pub struct Lane {
    pub number: u64,
    pub commons: Arc<Commons>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    function: Arc<Function>,
    /// None: the function is gone.
    live: Option<Arc<Live>>,
    queue: VecDeque<Job>,
    /// Those of all workers.
    desks: Vec<Arc<Desk>>,
    /// Those that may wait for a job; the last one waits the shortest.
    idle: Vec<Arc<Desk>>,
    /// The thread of the functions has been called and has not looked yet.
    is_called: bool,
}

/// Invocations of one function that may wait.
const QUEUE_MAX: usize = 4_096;

impl Lane {
    pub fn new(commons: &Arc<Commons>, function: Function, live: Live) -> Arc<Self> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        Arc::new(Self {
            number: NUMBER.fetch_add(1, Ordering::Relaxed),
            commons: Arc::clone(commons),
            state: Mutex::new(State {
                function: Arc::new(function),
                live: Some(Arc::new(live)),
                queue: VecDeque::new(),
                desks: Vec::new(),
                idle: Vec::new(),
                is_called: false,
            }),
        })
    }

    pub fn function(&self) -> Arc<Function> {
        Arc::clone(&lock(&self.state).function)
    }

    /// None: the function is gone.
    pub fn live(&self) -> Option<Arc<Live>> {
        lock(&self.state).live.clone()
    }

    pub fn set_function(&self, function: Function) {
        lock(&self.state).function = Arc::new(function);
    }

    /// Code and function are others now; the workers of before are to retire.
    pub fn renew(&self, live: Live) -> Vec<Arc<Desk>> {
        let mut state = lock(&self.state);
        state.live = Some(Arc::new(live));
        state.idle.clear();
        state.desks.clone()
    }

    /// The function is gone: what waited, and the workers that are to retire.
    pub fn close(&self) -> (VecDeque<Job>, Vec<Arc<Desk>>) {
        let mut state = lock(&self.state);
        state.live = None;
        state.idle.clear();
        (std::mem::take(&mut state.queue), state.desks.clone())
    }

    /// A worker that starts.
    pub fn join(&self, desk: &Arc<Desk>) {
        lock(&self.state).desks.push(Arc::clone(desk));
    }

    /// A worker that has ended.
    pub fn leave(&self, desk: &Arc<Desk>) {
        let mut state = lock(&self.state);
        state.desks.retain(|other| !Arc::ptr_eq(other, desk));
        state.idle.retain(|other| !Arc::ptr_eq(other, desk));
    }

    /// The process of a worker has ended. Under the lock, so that no job is given to it meanwhile.
    pub fn ended(&self, desk: &Desk) -> Left {
        let left = {
            let _state = lock(&self.state);
            desk.ended()
        };
        desk.shut();
        left
    }

    pub fn desks(&self) -> Vec<Arc<Desk>> {
        lock(&self.state).desks.clone()
    }

    /// Takes an invocation in; it is answered when its time is up at the latest. `Err`: the code is
    /// another by now, and the workers are to be renewed first.
    pub fn ask(&self, job: Job) -> Result<Asked, Box<Job>> {
        self.take_in(job, true)
    }

    /// As `ask`, when the workers have just been renewed: code that is written all the time runs, too.
    pub fn ask_anew(&self, job: Job) -> Result<Asked, Box<Job>> {
        self.take_in(job, false)
    }

    fn take_in(&self, mut job: Job, is_checked: bool) -> Result<Asked, Box<Job>> {
        let done = Ok(Asked::Taken {
            wants_worker: false,
        });
        if !job.invocation.can_be_told() {
            job.give(Ok(Returned::unspeakable()));
            return done;
        }
        // Asks the system, so without the lock.
        if is_checked && self.live().is_some_and(|live| live.has_changed()) {
            return Err(Box::new(job));
        }
        let mut state = lock(&self.state);
        let refusal = match &state.live {
            None => Some(InvokeError::NotFound(state.function.name.clone())),
            Some(_) if state.function.workers_max == 0 => Some(InvokeError::Throttled),
            Some(_) => {
                let bytes = job.invocation.payload.len();
                let fits = state.queue.len() < QUEUE_MAX && self.commons.hold_within_bounds(bytes);
                (!fits).then_some(InvokeError::Throttled)
            }
        };
        if let Some(error) = refusal {
            drop(state);
            job.give(Err(error));
            return done;
        }
        state.queue.push_back(job);
        match state.pair() {
            Some(turn) => Ok(Asked::Begun(turn)),
            None => {
                let wants_worker = !state.is_called && state.missing() > 0;
                state.is_called |= wants_worker;
                Ok(Asked::Taken { wants_worker })
            }
        }
    }

    /// The first job for a worker that waits, if there are both.
    pub fn pair(&self) -> Option<Turn> {
        lock(&self.state).pair()
    }

    /// A worker waits for a job. What comes of it may be another worker's turn.
    pub fn park(&self, desk: &Arc<Desk>, seat: Seat) -> Option<Turn> {
        let mut state = lock(&self.state);
        if desk.wait(seat) {
            state.idle.push(Arc::clone(desk));
        }
        state.pair()
    }

    /// A job for a worker that asks for one, if one waits.
    pub fn next(&self, desk: &Arc<Desk>) -> Option<Begun> {
        let mut state = lock(&self.state);
        if state.queue.is_empty() || !desk.may_begin() {
            return None;
        }
        let job = state.queue.pop_front()?;
        let begun = desk.begin(job);
        begun.map_err(|job| state.queue.push_front(*job)).ok()
    }

    /// A worker could not be told of the job of this id: another one gets it, before all that wait.
    /// What comes of it may be that worker's turn.
    pub fn put_back(&self, desk: &Desk, request_id: &str) -> Option<Turn> {
        let mut state = lock(&self.state);
        let mut job = desk.take_back(request_id)?;
        desk.retire();
        if state.live.is_none() {
            let gone = InvokeError::NotFound(state.function.name.clone());
            drop(state);
            self.release(&job);
            job.give(Err(gone));
            return None;
        }
        state.queue.push_front(job);
        state.pair()
    }

    /// A worker takes no more jobs: it ends when the one under way has.
    pub fn retire(&self, desk: &Desk) {
        let _state = lock(&self.state);
        desk.retire();
    }

    /// Whoever waits longest, where somebody has to be told that no worker starts.
    pub fn first(&self) -> Option<Job> {
        lock(&self.state).queue.pop_front()
    }

    /// How many workers are to be started.
    pub fn missing(&self) -> usize {
        let mut state = lock(&self.state);
        state.is_called = false;
        state.missing()
    }

    /// Those whose callers have waited too long, and whether others wait.
    pub fn expired(&self, now: Instant) -> (Vec<Job>, bool) {
        let mut state = lock(&self.state);
        let mut expired = Vec::new();
        // Callers give different times, so any of them may be over.
        if state.queue.iter().any(|job| job.expires <= now) {
            let all = std::mem::take(&mut state.queue);
            let (late, rest): (VecDeque<_>, VecDeque<_>) =
                all.into_iter().partition(|job| job.expires <= now);
            state.queue = rest;
            expired.extend(late);
        }
        (expired, !state.queue.is_empty())
    }

    /// The job is neither waiting nor running any more.
    pub fn release(&self, job: &Job) {
        self.commons.let_go(job.invocation.payload.len());
    }
}

impl State {
    fn pair(&mut self) -> Option<Turn> {
        while !self.queue.is_empty() {
            let desk = self.idle.pop()?;
            let Some(seat) = desk.take_seat() else {
                continue;
            };
            if is_gone(&seat) {
                // Its connection is gone; so will it be.
                desk.retire();
                continue;
            }
            let begun = match desk.begin(self.queue.pop_front()?) {
                Ok(begun) => begun,
                Err(job) => {
                    self.queue.push_front(*job);
                    continue;
                }
            };
            match seat {
                Seat::Here(connection) => {
                    return Some(Turn {
                        desk,
                        connection,
                        begun,
                    });
                }
                Seat::Served(next) => {
                    if let Err(begun) = next.send(begun) {
                        // First, since a worker that is busy goes on.
                        if let Some(job) = desk.take_back(&begun.request_id) {
                            self.queue.push_front(job);
                        }
                        desk.retire();
                    }
                }
            }
        }
        None
    }

    fn missing(&self) -> usize {
        let room = (self.function.workers_max as usize).saturating_sub(self.desks.len());
        if room == 0 || self.live.is_none() {
            return 0;
        }
        let coming = self.desks.iter().filter(|desk| desk.is_coming()).count();
        self.queue.len().saturating_sub(coming).min(room)
    }
}

/// Whether nobody is there any more to be told something.
fn is_gone(seat: &Seat) -> bool {
    match seat {
        Seat::Here(connection) => match sys::peek(connection.as_raw_fd()) {
            Ok(count) => count == 0,
            Err(error) => error.kind() != io::ErrorKind::WouldBlock,
        },
        Seat::Served(next) => oneshot::Sender::is_closed(next),
    }
}

#[cfg(test)]
impl Lane {
    /// Of a function that is never started.
    pub fn sample() -> Arc<Self> {
        use crate::lambda::function::{Code, Runtime, RuntimeKind};
        let code = Code::Zip("none.zip".into());
        let live = Live::new(&code, "none".as_ref());
        let function = Function {
            name: "f".to_owned(),
            version: "$LATEST".to_owned(),
            arn: "arn:aws:lambda:::function:f".to_owned(),
            runtime: Runtime {
                kind: RuntimeKind::Provided,
                name: "provided".to_owned(),
                program: None,
            },
            handler: String::new(),
            code,
            environment: Vec::new(),
            timeout_ms: 60_000,
            memory_mib: 128,
            workers_max: 2,
            workers_warm: 0,
        };
        Self::new(&Arc::default(), function, live)
    }

    /// One of its workers, which has no process.
    pub fn worker(self: &Arc<Self>) -> Arc<Desk> {
        let (handed, _) = tokio::sync::mpsc::unbounded_channel();
        let desk = Desk::new(self, handed);
        self.join(&desk);
        desk
    }
}

#[cfg(test)]
impl Job {
    /// An invocation of this id that takes a stream, and its outcome.
    pub fn sample(id: &str) -> (Self, oneshot::Receiver<Outcome>) {
        let (answer, outcome) = oneshot::channel();
        let invocation = Invocation {
            payload: b"{}".as_slice().into(),
            timeout_ms: 60_000,
            streams: true,
            ..Invocation::default()
        };
        (
            Self::new(id.to_owned(), invocation, Answer::Task(answer)),
            outcome,
        )
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn no_job_is_given_to_a_worker_that_has_ended() {
        let lane = Lane::sample();
        let (first, second) = (lane.worker(), lane.worker());
        let (job, mut outcome) = Job::sample("one");
        lane.ask(job).unwrap();
        assert!(matches!(lane.ended(&first), Left::Starting));
        assert!(lane.next(&first).is_none());
        let (other, _) = Job::sample("two");
        let given_back = first.begin(other).unwrap_err();
        assert_eq!(given_back.request_id, "two");
        assert!(outcome.try_recv().is_err(), "it still waits");
        assert_eq!(lane.next(&second).unwrap().request_id, "one");
        let (other, _) = Job::sample("two");
        assert!(second.begin(other).is_err(), "it is busy");
        assert_eq!(lane.commons.held_bytes(), 2);
        let run = second.take_run(b"one").unwrap();
        second.finish(*run, "1".into(), None);
        assert_eq!(lane.commons.held_bytes(), 0);
    }

    #[test]
    fn an_answer_comes_once_and_whole_or_as_a_stream() {
        let lane = Lane::sample();
        let desk = lane.worker();
        let (job, _outcome) = Job::sample("one");
        lane.ask(job).unwrap();
        lane.next(&desk).unwrap();
        assert!(!desk.claim(b"other", false));
        assert!(desk.claim(b"one", false));
        assert!(desk.begin_stream("one").is_none() && !desk.claim(b"one", true));
        desk.take_run(b"one").unwrap();
        let (job, _outcome) = Job::sample("two");
        lane.ask(job).unwrap();
        lane.next(&desk).unwrap();
        assert!(desk.begin_stream("two").is_some());
        assert!(!desk.claim(b"two", false), "the stream would have no end");
        assert!(desk.claim(b"two", true), "a stream may fail");
    }

    #[test]
    fn a_job_of_a_function_that_is_gone_is_not_put_back() {
        let lane = Lane::sample();
        let desk = lane.worker();
        let (job, mut outcome) = Job::sample("one");
        lane.ask(job).unwrap();
        lane.next(&desk).unwrap();
        lane.close();
        assert!(lane.put_back(&desk, "one").is_none());
        assert!(matches!(
            outcome.try_recv(),
            Ok(Err(InvokeError::NotFound(_)))
        ));
        assert_eq!(lane.commons.held_bytes(), 0);
    }
}

//! One version of a function: its queue, its workers, its code of now.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::oneshot;
use tokio::task::spawn_local;

use crate::lambda::code::Live;
use crate::lambda::function::Function;
use crate::lambda::hall::{HELD_BYTES_MAX, Hall};
use crate::lambda::outcome::{Invocation, InvokeError, Outcome, Returned, UNHANDLED};
use crate::lambda::worker::Worker;
use crate::rt::bridge::Reply;

/// Where an outcome goes, or a piece of one.
#[derive(Debug)]
pub enum Answer<A = Outcome> {
    Core(Reply<A>),
    Task(oneshot::Sender<A>),
}

impl<A> Answer<A> {
    pub fn give(self, outcome: A) {
        match self {
            Self::Core(reply) => reply.send(outcome),
            // Who asked may have gone away.
            Self::Task(sender) => drop(sender.send(outcome)),
        }
    }
}

/// An invocation on its way through a pool.
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
    pub fn give(&mut self, outcome: Outcome) {
        if let Some(answer) = self.answer.take() {
            answer.give(outcome);
        }
    }
}

#[derive(Debug)]
pub struct Pool {
    pub hall: Rc<Hall>,
    state: RefCell<State>,
}

#[derive(Debug)]
struct State {
    function: Rc<Function>,
    live: Rc<Live>,
    queue: VecDeque<Job>,
    workers: Vec<Rc<Worker>>,
}

/// Invocations of one function that may wait.
const QUEUE_MAX: usize = 4_096;
/// A worker that had nothing to do for so long ends, unless it is to be kept warm.
const IDLE_MAX: Duration = Duration::from_secs(600);

impl Pool {
    pub fn new(hall: &Rc<Hall>, function: Function) -> Rc<Self> {
        let live = Rc::new(Live::new(&function.code, &hall.scratch));
        Rc::new(Self {
            hall: Rc::clone(hall),
            state: RefCell::new(State {
                function: Rc::new(function),
                live,
                queue: VecDeque::new(),
                workers: Vec::new(),
            }),
        })
    }

    pub fn function(&self) -> Rc<Function> {
        Rc::clone(&self.state.borrow().function)
    }

    pub fn live(&self) -> Rc<Live> {
        Rc::clone(&self.state.borrow().live)
    }

    /// Starts the workers that are to be warm.
    pub fn warm(self: &Rc<Self>) {
        let missing = {
            let state = self.state.borrow();
            let wanted = state.function.workers_warm.min(state.function.workers_max);
            (wanted as usize).saturating_sub(state.workers.len())
        };
        for _ in 0..missing {
            self.start_worker();
        }
    }

    /// The function is another now: workers of the one before take nothing more.
    pub fn replace(self: &Rc<Self>, function: Function) {
        if *self.state.borrow().function == function {
            return;
        }
        self.state.borrow_mut().function = Rc::new(function);
        self.renew();
        self.warm();
    }

    /// Code or function have changed.
    fn renew(&self) {
        let workers = {
            let mut state = self.state.borrow_mut();
            state.live = Rc::new(Live::new(&state.function.code, &self.hall.scratch));
            state.workers.clone()
        };
        workers.iter().for_each(|worker| worker.retire());
    }

    /// Ends all workers and refuses what waits: the function is gone.
    pub fn close(&self) {
        let (queue, workers, name) = {
            let mut state = self.state.borrow_mut();
            let queue = std::mem::take(&mut state.queue);
            (queue, state.workers.clone(), state.function.name.clone())
        };
        for mut job in queue {
            self.release(&job);
            job.give(Err(InvokeError::NotFound(name.clone())));
        }
        workers.iter().for_each(|worker| worker.retire());
    }

    /// Ends all workers, busy or not: the gateway ends.
    pub fn end(&self) {
        let workers = self.state.borrow().workers.clone();
        workers.iter().for_each(|worker| worker.kill());
    }

    pub fn has_workers(&self) -> bool {
        !self.state.borrow().workers.is_empty()
    }

    /// Takes an invocation in; it is answered when its time is up at the latest.
    pub fn invoke(self: &Rc<Self>, invocation: Invocation, answer: Answer) {
        if self.live().has_changed() {
            let name = &self.function().name;
            tracing::info!(function = name, "the code has changed");
            self.renew();
        }
        let bytes = self.hall.held_bytes.get() + invocation.payload.len();
        let is_full = self.state.borrow().queue.len() >= QUEUE_MAX || bytes > HELD_BYTES_MAX;
        if is_full {
            return answer.give(Err(InvokeError::Throttled));
        }
        self.hall.held_bytes.set(bytes);
        let wait = Duration::from_millis(invocation.timeout_ms.into());
        let job = Job {
            request_id: match &invocation.request_id {
                Some(chosen) => chosen.to_string(),
                None => self.hall.ids.borrow_mut().uuid(),
            },
            invocation,
            answer: Some(answer),
            expires: Instant::now() + wait,
        };
        self.state.borrow_mut().queue.push_back(job);
        self.dispatch();
        self.hall.stirred.notify_one();
    }

    /// Whether somebody will read what is said of the job.
    pub fn is_logged(&self, job: &Job) -> bool {
        job.invocation.wants_log || self.hall.log.is_read()
    }

    /// The job is neither waiting nor running any more.
    pub fn release(&self, job: &Job) {
        let held = &self.hall.held_bytes;
        held.set(held.get() - job.invocation.payload.len());
    }

    /// Gives what waits to workers that wait, first come, first served; starts workers if there
    /// are too few.
    pub fn dispatch(self: &Rc<Self>) {
        while let Some((worker, job)) = self.next_pair() {
            if let Err(job) = worker.begin(job) {
                // Its connection is gone; so will it be.
                worker.retire();
                self.state.borrow_mut().queue.push_front(*job);
            }
        }
        let missing = {
            let state = self.state.borrow();
            let coming = state.workers.iter().filter(|worker| worker.is_coming());
            let wanted = state.queue.len().saturating_sub(coming.count());
            let room = state.function.workers_max as usize;
            wanted.min(room.saturating_sub(state.workers.len()))
        };
        for _ in 0..missing {
            if !self.start_worker() {
                break;
            }
        }
    }

    fn next_pair(&self) -> Option<(Rc<Worker>, Job)> {
        let mut state = self.state.borrow_mut();
        let worker = state
            .workers
            .iter()
            .find(|worker| worker.is_idle())
            .cloned()?;
        let job = state.queue.pop_front()?;
        Some((worker, job))
    }

    fn start_worker(self: &Rc<Self>) -> bool {
        if !self.hall.admit_worker() {
            return false;
        }
        let worker = Worker::new(self);
        self.state.borrow_mut().workers.push(Rc::clone(&worker));
        spawn_local(worker.live());
        true
    }

    /// A worker has ended. `init_error` when it never asked for work: whoever waits longest is told
    /// so, and the next one gets another worker.
    pub fn left(self: &Rc<Self>, worker: &Rc<Worker>, init_error: Option<Bytes>) {
        self.hall.worker_left();
        let (job, version) = {
            let mut state = self.state.borrow_mut();
            state.workers.retain(|other| !Rc::ptr_eq(other, worker));
            let job = init_error.is_some().then(|| state.queue.pop_front());
            (job.flatten(), state.function.version.clone())
        };
        if let (Some(mut job), Some(payload)) = (job, init_error) {
            self.release(&job);
            job.give(Ok(Returned {
                payload,
                stream: None,
                function_error: Some(UNHANDLED),
                version: version.into(),
                log: job.invocation.wants_log.then(|| worker.tail()),
            }));
        }
        self.dispatch();
    }

    /// Looks at all deadlines; true when there is one to look at again soon.
    pub fn sweep(self: &Rc<Self>, now: Instant) -> bool {
        let (expired, workers) = {
            let mut state = self.state.borrow_mut();
            let mut expired = Vec::new();
            // Callers give different times, so any of them may be over.
            if state.queue.iter().any(|job| job.expires <= now) {
                let all = std::mem::take(&mut state.queue);
                let (late, rest): (VecDeque<_>, VecDeque<_>) =
                    all.into_iter().partition(|job| job.expires <= now);
                state.queue = rest;
                expired.extend(late);
            }
            (expired, state.workers.clone())
        };
        for mut job in expired {
            self.release(&job);
            job.give(Err(InvokeError::TimedOut));
        }
        // Who was about to ask for work may not have done so.
        self.dispatch();
        let warm = self.function().workers_warm as usize;
        let mut pending = false;
        for (index, worker) in workers.iter().enumerate() {
            pending |= worker.sweep(now);
            if index >= warm
                && worker
                    .idle_since()
                    .is_some_and(|since| now - since > IDLE_MAX)
            {
                worker.retire();
            }
        }
        pending || !self.state.borrow().queue.is_empty()
    }
}

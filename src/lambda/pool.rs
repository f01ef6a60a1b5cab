//! One version of a function on the thread that has all functions: which workers run, and which are
//! to be started or ended.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::net::TcpStream;
use tokio::task::spawn_local;

use crate::lambda::answer::{Answer, Home};
use crate::lambda::code::Live;
use crate::lambda::function::Function;
use crate::lambda::hall::Hall;
use crate::lambda::lane::{Asked, Job, Lane, Turn};
use crate::lambda::outcome::{Invocation, InvokeError, Returned, UNHANDLED};
use crate::lambda::seat;
use crate::lambda::worker::Worker;

#[derive(Debug)]
pub struct Pool {
    pub hall: Rc<Hall>,
    pub lane: Arc<Lane>,
    workers: RefCell<Vec<Rc<Worker>>>,
}

/// A worker that had nothing to do for so long ends, unless it is to be kept warm.
const IDLE_MAX: Duration = Duration::from_secs(600);

impl Pool {
    pub fn new(hall: &Rc<Hall>, function: Function) -> Rc<Self> {
        let live = Live::new(&function.code, &hall.scratch);
        Rc::new(Self {
            hall: Rc::clone(hall),
            lane: Lane::new(&hall.commons, function, live),
            workers: RefCell::default(),
        })
    }

    /// Starts the workers that are to be warm.
    pub fn warm(self: &Rc<Self>) {
        let function = self.lane.function();
        let wanted = function.workers_warm.min(function.workers_max) as usize;
        let missing = wanted.saturating_sub(self.workers.borrow().len());
        for _ in 0..missing {
            self.start_worker();
        }
    }

    /// The function is another now: workers of the one before take nothing more.
    pub fn replace(self: &Rc<Self>, function: Function) {
        if *self.lane.function() == function {
            return;
        }
        self.lane.set_function(function);
        self.renew();
        self.warm();
    }

    /// Code or function have changed.
    fn renew(&self) {
        let live = Live::new(&self.lane.function().code, &self.hall.scratch);
        let desks = self.lane.renew(live);
        desks.iter().for_each(|desk| self.lane.retire(desk));
    }

    /// Ends all workers and refuses what waits: the function is gone.
    pub fn close(&self) {
        let (queue, desks) = self.lane.close();
        let name = &self.lane.function().name;
        for mut job in queue {
            self.lane.release(&job);
            job.give(Err(InvokeError::NotFound(name.clone())));
        }
        desks.iter().for_each(|desk| self.lane.retire(desk));
    }

    /// Ends all workers, busy or not, and refuses what waits: the gateway ends.
    pub fn end(&self, why: &InvokeError) {
        while let Some(mut job) = self.lane.first() {
            self.lane.release(&job);
            job.give(Err(why.clone()));
        }
        self.lane.desks().iter().for_each(|desk| desk.kill());
    }

    pub fn has_workers(&self) -> bool {
        !self.workers.borrow().is_empty()
    }

    /// Takes an invocation in; it is answered when its time is up at the latest.
    pub fn invoke(self: &Rc<Self>, invocation: Invocation, answer: Answer) {
        let id = self.hall.ids.borrow_mut().uuid();
        let asked = self.lane.ask(Job::new(id, invocation, answer));
        let asked = asked.or_else(|job| {
            let name = &self.lane.function().name;
            tracing::info!(function = name, "the code has changed");
            self.renew();
            self.lane.ask_anew(*job)
        });
        match asked {
            Ok(Asked::Begun(turn)) => take(turn),
            Ok(Asked::Taken { .. }) => self.dispatch(),
            // Never: the code was not looked at again.
            Err(mut job) => job.give(Err(InvokeError::Throttled)),
        }
        self.hall.commons.stir();
    }

    /// Gives what waits to workers that wait, first come, first served; starts workers if there
    /// are too few.
    pub fn dispatch(self: &Rc<Self>) {
        while let Some(turn) = self.lane.pair() {
            take(turn);
        }
        for _ in 0..self.lane.missing() {
            if !self.start_worker() {
                break;
            }
        }
    }

    fn start_worker(self: &Rc<Self>) -> bool {
        // A function that is gone has no code to start.
        let Some(code) = self.lane.live() else {
            return false;
        };
        if !self.hall.admit_worker() {
            return false;
        }
        let worker = Worker::new(self, code);
        self.lane.join(&worker.desk);
        self.workers.borrow_mut().push(Rc::clone(&worker));
        spawn_local(worker.live());
        true
    }

    /// A worker has ended. `init_error` when it never asked for work: whoever waits longest is told
    /// so, and the next one gets another worker.
    pub fn left(self: &Rc<Self>, worker: &Rc<Worker>, init_error: Option<Bytes>) {
        self.hall.worker_left();
        self.lane.leave(&worker.desk);
        let is_other = |other: &Rc<Worker>| !Rc::ptr_eq(other, worker);
        self.workers.borrow_mut().retain(is_other);
        if let Some(payload) = init_error
            && let Some(mut job) = self.lane.first()
        {
            self.lane.release(&job);
            job.give(Ok(Returned {
                payload,
                stream: None,
                function_error: Some(UNHANDLED),
                version: self.lane.function().version.as_str().into(),
                log: job.invocation.wants_log.then(|| worker.tail()),
            }));
        }
        self.dispatch();
    }

    /// Looks at all deadlines; true when there is one to look at again soon.
    pub fn sweep(self: &Rc<Self>, now: Instant) -> bool {
        let (expired, mut pending) = self.lane.expired(now);
        for mut job in expired {
            self.lane.release(&job);
            job.give(Err(InvokeError::TimedOut));
        }
        // Who was about to ask for work may not have done so.
        self.dispatch();
        let warm = self.lane.function().workers_warm as usize;
        let workers = self.workers.borrow().clone();
        for (index, worker) in workers.iter().enumerate() {
            pending |= worker.sweep(now);
            let idle_since = worker.desk.idle_since();
            let is_bored =
                |since: Instant| now.saturating_duration_since(since) > IDLE_MAX && index >= warm;
            if idle_since.is_some_and(is_bored) {
                self.lane.retire(&worker.desk);
            }
        }
        pending
    }
}

fn take(turn: Turn) {
    spawn_local(seat::take::<TcpStream>(seat::tell(turn), Home::Functions));
}

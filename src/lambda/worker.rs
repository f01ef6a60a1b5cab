//! The life of one worker: a process, the door it asks for work at, one invocation at a time.
//!
//! ```text
//!            asks next          is given a job         answers
//! Starting ────────────▶ Idle ─────────────────▶ Busy ────────▶ Between ─▶ Idle …
//!     │                    │                       │
//!     └─ never came up     └─ retired              └─ ended, or took too long
//! ```

use std::cell::{Cell, RefCell};
use std::net::Ipv4Addr;
use std::rc::{Rc, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::sync::{Notify, oneshot};
use tokio::task::spawn_local;

use crate::base::date;
use crate::lambda::code::Live;
use crate::lambda::function::Function;
use crate::lambda::hall::Hall;
use crate::lambda::log::{self, Story};
use crate::lambda::outcome::{self, InvokeError, Outcome, Returned, UNHANDLED};
use crate::lambda::pool::{Job, Pool};
use crate::lambda::process::{Process, Start};
use crate::lambda::runtime_api::{self, Begun};
use crate::lambda::stream::{Ending, StreamFault, Window};

#[derive(Debug)]
pub struct Worker {
    pool: Weak<Pool>,
    function: Rc<Function>,
    code: Rc<Live>,
    state: RefCell<State>,
    process: RefCell<Option<Rc<Process>>>,
    story: RefCell<Story>,
    /// The payload of an error that hindered the start.
    init_error: RefCell<Option<Bytes>>,
    started: Instant,
    /// How long the start took, until an invocation has reported it.
    init: Cell<Option<Duration>>,
    retired: Cell<bool>,
    end: Notify,
    memory: Cell<(Instant, u64)>,
}

#[derive(Debug)]
enum State {
    Starting,
    Idle {
        next: oneshot::Sender<Begun>,
        since: Instant,
    },
    Busy(Box<Run>),
    /// It has answered, and will ask for the next.
    Between(Instant),
    Ended,
}

#[derive(Debug)]
struct Run {
    job: Job,
    started: Instant,
    /// When the function's own time is up.
    deadline: Instant,
    /// Where the answer goes while it is made.
    stream: Option<Rc<Window>>,
}

/// AWS: "The Init phase is limited to 10 seconds".
const INIT_MAX: Duration = Duration::from_secs(10);
/// How often the memory of a worker is asked for at most: it costs a few system calls.
const MEMORY_EVERY: Duration = Duration::from_millis(100);
/// A runtime that has answered asks for the next invocation within this time, or is busy.
const NEXT_SOON: Duration = Duration::from_millis(50);
/// Output that is read in a row before others have a turn.
const OUTPUT_ROUNDS_MAX: usize = 16;

impl Worker {
    pub fn new(pool: &Rc<Pool>) -> Rc<Self> {
        let now = Instant::now();
        Rc::new(Self {
            pool: Rc::downgrade(pool),
            function: pool.function(),
            code: pool.live(),
            state: RefCell::new(State::Starting),
            process: RefCell::default(),
            story: RefCell::default(),
            init_error: RefCell::default(),
            started: now,
            init: Cell::new(None),
            retired: Cell::new(false),
            end: Notify::new(),
            memory: Cell::new((now, 0)),
        })
    }

    /// From the start of the process to its end.
    pub fn live(self: &Rc<Self>) -> impl Future<Output = ()> + 'static {
        let worker = Rc::clone(self);
        async move {
            let Some(pool) = worker.pool.upgrade() else {
                return;
            };
            let how = worker.run(&pool).await;
            worker.ended(&pool, how);
        }
    }

    /// How the process ended; an error when it could not be started.
    async fn run(self: &Rc<Self>, pool: &Pool) -> Result<Option<String>, String> {
        let hall = &pool.hall;
        let text = |error: std::io::Error| error.to_string();
        let folder = self.code.folder().await?.to_owned();
        let plan = hall.interpreters.plan(&self.function, &folder).await?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.map_err(text)?;
        let door = listener.local_addr().map_err(text)?;
        let keeper = hall.keeper().map_err(text)?;
        let mut environment = self.environment(hall, &folder.display().to_string());
        environment.push(("AWS_LAMBDA_RUNTIME_API".to_owned(), door.to_string()));
        environment.extend(plan.environment.iter().cloned());
        let process = Process::start(
            &Start {
                program: &plan.program,
                arguments: &plan.arguments,
                folder: &folder,
                environment,
                data_mib_max: plan.data_mib_max,
            },
            keeper,
        );
        let process = Rc::new(process.map_err(text)?);
        *self.process.borrow_mut() = Some(Rc::clone(&process));
        let mut has_output = true;
        loop {
            tokio::select! {
                () = process.ended() => break,
                () = self.end.notified() => process.kill(),
                accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                    spawn_local(runtime_api::serve(stream, Rc::clone(self)));
                },
                ready = process.output.readable(), if has_output => {
                    has_output = ready.is_ok() && self.read_output(pool, &process);
                }
            }
        }
        self.read_output(pool, &process);
        Ok(process.reap(keeper))
    }

    /// Lambda's own names, then the function's.
    fn environment(&self, hall: &Hall, folder: &str) -> Vec<(String, String)> {
        let (function, region) = (&*self.function, &*hall.region);
        // As CloudWatch's streams are named: `2026/11/22/[$LATEST]…`.
        let day = date::iso8601(hall.clock.epoch_ms())[..10].replace('-', "/");
        let number = hall.ids.borrow_mut().next(16);
        let memory = function.memory_mib.to_string();
        let group = function.log_group();
        let execution = format!("AWS_Lambda_{}", function.runtime.name);
        let stream = format!("{day}/[{}]{number}", function.version);
        let own = [
            ("PATH", "/usr/local/bin:/usr/bin:/bin:/opt/bin"),
            ("LANG", "en_US.UTF-8"),
            ("TZ", ":UTC"),
            ("HOME", "/tmp"),
            ("_HANDLER", &function.handler),
            ("LAMBDA_TASK_ROOT", folder),
            ("LAMBDA_RUNTIME_DIR", folder),
            ("AWS_REGION", region),
            ("AWS_DEFAULT_REGION", region),
            ("AWS_EXECUTION_ENV", &execution),
            ("AWS_LAMBDA_FUNCTION_NAME", &function.name),
            ("AWS_LAMBDA_FUNCTION_VERSION", &function.version),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", &memory),
            ("AWS_LAMBDA_LOG_GROUP_NAME", &group),
            ("AWS_LAMBDA_LOG_STREAM_NAME", &stream),
            ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ];
        let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let theirs = function.environment.iter().cloned();
        own.into_iter().chain(theirs).collect()
    }

    /// Reads what the function has written; false when there will be no more.
    fn read_output(&self, pool: &Pool, process: &Process) -> bool {
        let mut bytes = [0; 16 * 1024];
        for _ in 0..OUTPUT_ROUNDS_MAX {
            match process.output.try_read(&mut bytes) {
                Ok(0) => return false,
                Ok(count) => {
                    let mut story = self.story.borrow_mut();
                    story.output(&pool.hall.log, &self.function.name, &bytes[..count]);
                }
                Err(_) => return true,
            }
        }
        true
    }

    pub fn is_idle(&self) -> bool {
        matches!(*self.state.borrow(), State::Idle { .. }) && !self.retired.get()
    }

    /// Whether it will ask for work soon: it starts, or has just answered.
    pub fn is_coming(&self) -> bool {
        let comes = match *self.state.borrow() {
            State::Starting => true,
            State::Between(since) => since.elapsed() < NEXT_SOON,
            _ => false,
        };
        comes && !self.retired.get()
    }

    pub fn idle_since(&self) -> Option<Instant> {
        match *self.state.borrow() {
            State::Idle { since, .. } => Some(since),
            _ => None,
        }
    }

    /// Takes no more invocations and ends when the one under way has.
    pub fn retire(&self) {
        self.retired.set(true);
        if !matches!(*self.state.borrow(), State::Busy(_)) {
            self.end.notify_one();
        }
    }

    /// Ends at once.
    pub fn kill(&self) {
        self.retired.set(true);
        self.end.notify_one();
    }

    /// The process asks for an invocation. None: it may not, since it has not answered the last.
    pub fn next(&self) -> Option<oneshot::Receiver<Begun>> {
        let (next, begun) = oneshot::channel();
        {
            let mut state = self.state.borrow_mut();
            match *state {
                State::Busy(_) | State::Ended => return None,
                State::Starting => self.init.set(Some(self.started.elapsed())),
                State::Between(_) | State::Idle { .. } => {}
            }
            let since = Instant::now();
            *state = State::Idle { next, since };
        }
        if self.retired.get() {
            self.end.notify_one();
        } else if let Some(pool) = self.pool.upgrade() {
            pool.dispatch();
        }
        Some(begun)
    }

    /// Gives an invocation to a process that waits for one, or the invocation back.
    pub fn begin(&self, job: Job) -> Result<(), Box<Job>> {
        let Some(pool) = self.pool.upgrade() else {
            return Err(Box::new(job));
        };
        let mut state = self.state.borrow_mut();
        let State::Idle { next, .. } =
            std::mem::replace(&mut *state, State::Between(Instant::now()))
        else {
            return Err(Box::new(job));
        };
        let (now, timeout_ms) = (Instant::now(), self.function.timeout_ms);
        let invocation = &job.invocation;
        let mut arn = self.function.arn.clone();
        if let Some(qualifier) = &invocation.qualifier {
            arn = format!("{arn}:{qualifier}");
        }
        let begun = Begun {
            request_id: job.request_id.clone(),
            deadline_ms: pool.hall.clock.epoch_ms() + u64::from(timeout_ms),
            arn,
            trace_id: invocation.trace_id.clone(),
            client_context: invocation.client_context.clone(),
            payload: invocation.payload.clone(),
        };
        if next.send(begun).is_err() {
            return Err(Box::new(job));
        }
        self.story.borrow_mut().begin();
        if pool.is_logged(&job) {
            let (id, version) = (&job.request_id, &self.function.version);
            self.say(&pool, &format!("START RequestId: {id} Version: {version}"));
        }
        *state = State::Busy(Box::new(Run {
            job,
            started: now,
            deadline: now + Duration::from_millis(timeout_ms.into()),
            stream: None,
        }));
        Ok(())
    }

    /// The process begins to stream its answer to the invocation `request_id`. None: that is not the
    /// one it has, or its caller takes only whole answers.
    pub fn begin_stream(&self, request_id: &str) -> Option<Rc<Window>> {
        let pool = self.pool.upgrade()?;
        let mut state = self.state.borrow_mut();
        let State::Busy(run) = &mut *state else {
            return None;
        };
        let job = &mut run.job;
        if job.request_id != request_id || !job.invocation.streams || run.stream.is_some() {
            return None;
        }
        let (window, streamed) = Window::open(&pool.hall, job.expires);
        run.stream = Some(Rc::clone(&window));
        // A caller that has gone drops it, and nothing is kept.
        job.give(Ok(Returned {
            payload: Bytes::new(),
            stream: Some(streamed),
            function_error: None,
            version: self.function.version.as_str().into(),
            log: None,
        }));
        Some(window)
    }

    /// The process has answered the invocation `request_id`; false if that is not the one it has.
    pub fn answer(&self, request_id: &str, payload: Bytes, error: Option<&'static str>) -> bool {
        let is_it = match &*self.state.borrow() {
            State::Busy(run) => run.job.request_id == request_id,
            _ => false,
        };
        if is_it && let Some(pool) = self.pool.upgrade() {
            self.finish(&pool, payload, error);
        }
        is_it
    }

    /// The process says why it cannot start.
    pub fn init_failed(&self, payload: Bytes) {
        *self.init_error.borrow_mut() = Some(payload);
        self.end.notify_one();
    }

    /// Ends the invocation under way: its last log lines, its answer.
    fn finish(&self, pool: &Pool, payload: Bytes, error: Option<&'static str>) {
        let State::Busy(mut run) = self.state.replace(State::Between(Instant::now())) else {
            return;
        };
        if let Some(process) = &*self.process.borrow() {
            // What it wrote before it answered belongs to this invocation.
            self.read_output(pool, process);
        }
        let job = &mut run.job;
        if pool.is_logged(job) {
            self.say(pool, &format!("END RequestId: {}", job.request_id));
            let report = log::report(
                &job.request_id,
                run.started.elapsed(),
                self.function.memory_mib,
                self.memory_mib(),
                self.init.take(),
            );
            self.say(pool, &report);
        }
        pool.release(job);
        let log = job.invocation.wants_log.then(|| self.tail());
        if let Some(window) = run.stream.take() {
            let fault = error.map(|_| StreamFault::Function(payload));
            window.end(Ending { fault, log });
            if self.retired.get() {
                self.end.notify_one();
            }
            return;
        }
        let outcome: Outcome = Ok(Returned {
            payload,
            stream: None,
            function_error: error,
            version: self.function.version.as_str().into(),
            log,
        });
        job.give(outcome);
        if self.retired.get() {
            self.end.notify_one();
        }
    }

    /// A line of ours in the log.
    fn say(&self, pool: &Pool, line: &str) {
        let mut story = self.story.borrow_mut();
        story.line(&pool.hall.log, &self.function.name, line);
    }

    /// The end of the log of the last invocation.
    pub fn tail(&self) -> Vec<u8> {
        self.story.borrow().tail()
    }

    fn memory_mib(&self) -> u64 {
        let (asked, known) = self.memory.get();
        if known != 0 && asked.elapsed() < MEMORY_EVERY {
            return known;
        }
        let process = self.process.borrow();
        let resident = process.as_ref().and_then(|process| process.resident_mib());
        let mib = resident.unwrap_or(known);
        self.memory.set((Instant::now(), mib));
        mib
    }

    fn ended(self: &Rc<Self>, pool: &Rc<Pool>, how: Result<Option<String>, String>) {
        let reported = self.init_error.take();
        if let Err(why) = &how {
            let function = &self.function.name;
            tracing::error!(function, why, "a function cannot be started");
        }
        let payload = |request_id: &str| match (&reported, &how) {
            (Some(reported), _) => reported.clone(),
            (None, Ok(how)) => outcome::exited(request_id, how.as_deref()),
            (None, Err(why)) => outcome::error_payload("Runtime.InvalidEntrypoint", why),
        };
        let busy = match &*self.state.borrow() {
            State::Busy(run) => Some(payload(&run.job.request_id)),
            _ => None,
        };
        let init_error = match (&*self.state.borrow(), self.retired.get()) {
            // A worker that was sent away while it started has not failed.
            (State::Starting, false) => Some(payload(&pool.hall.ids.borrow_mut().uuid())),
            _ => None,
        };
        if let Some(payload) = busy {
            self.finish(pool, payload, Some(UNHANDLED));
        }
        *self.state.borrow_mut() = State::Ended;
        pool.left(self, init_error);
    }

    /// Looks at the deadlines; true when there is one to look at again soon.
    pub fn sweep(&self, now: Instant) -> bool {
        let late = match &mut *self.state.borrow_mut() {
            State::Starting => now >= self.started + INIT_MAX,
            State::Busy(run) => {
                if now >= run.job.expires {
                    // The function goes on: only its caller has gone.
                    run.job.give(Err(InvokeError::TimedOut));
                }
                now >= run.deadline
            }
            _ => return false,
        };
        if late && let Some(pool) = self.pool.upgrade() {
            self.took_too_long(&pool);
        }
        true
    }

    fn took_too_long(&self, pool: &Pool) {
        let (request_id, limit_ms) = match &*self.state.borrow() {
            State::Busy(run) => (run.job.request_id.clone(), self.function.timeout_ms),
            _ => (
                String::new(),
                u32::try_from(INIT_MAX.as_millis()).unwrap_or(u32::MAX),
            ),
        };
        let payload = outcome::timed_out(&request_id, limit_ms);
        if request_id.is_empty() {
            *self.init_error.borrow_mut() = Some(payload);
        } else {
            let now = date::iso8601(pool.hall.clock.epoch_ms());
            let seconds = f64::from(limit_ms) / 1_000.0;
            let line = format!("{now} {request_id} Task timed out after {seconds:.2} seconds");
            let mut story = self.story.borrow_mut();
            story.line(&pool.hall.log, &self.function.name, &line);
            drop(story);
            self.finish(pool, payload, Some(UNHANDLED));
        }
        self.end.notify_one();
    }
}

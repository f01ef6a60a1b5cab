//! The life of one worker's process, on the thread that has all functions: its start, the door it asks
//! for work at, its deadlines, its end. What it does meanwhile stands at its `Desk`.

use std::cell::{Cell, RefCell};
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_local;
use tokio::time::sleep;

use crate::base::date;
use crate::lambda::answer::Home;
use crate::lambda::code::Live;
use crate::lambda::commons::lock;
use crate::lambda::desk::{Desk, Due, Left, Run, Seat};
use crate::lambda::function::Function;
use crate::lambda::hall::Hall;
use crate::lambda::outcome::{self, Returned, UNHANDLED};
use crate::lambda::phrase::Begun;
use crate::lambda::pool::Pool;
use crate::lambda::process::{Process, Start};
use crate::lambda::stream::{Ending, StreamFault, Window};
use crate::lambda::{runtime_api, seat};
use crate::rt::socket;

#[derive(Debug)]
pub struct Worker {
    pool: Weak<Pool>,
    pub desk: Arc<Desk>,
    function: Arc<Function>,
    code: Arc<Live>,
    /// Where the answer under way goes while it is made.
    stream: RefCell<Option<Rc<Window>>>,
    /// Connections that need a whole HTTP server, and what was read of them.
    strange: RefCell<Option<mpsc::UnboundedReceiver<(OwnedFd, Bytes)>>>,
    /// The payload of an error that hindered the start.
    init_error: RefCell<Option<Bytes>>,
    memory_asked: Cell<Option<Instant>>,
}

/// AWS: "The Init phase is limited to 10 seconds".
const INIT_MAX: Duration = Duration::from_secs(10);
/// How often the memory of a worker is asked for at most: it costs a few system calls.
const MEMORY_EVERY: Duration = Duration::from_millis(100);
/// As long as nobody reads the log.
const MEMORY_SELDOM: Duration = Duration::from_secs(2);
/// The connections of a process that has ended are read on for so long at most.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// How often it is looked whether they are all at their ends, and how often in a row they have to be.
const LOOK: Duration = Duration::from_millis(1);
const QUIET_LOOKS: u32 = 5;

impl Worker {
    pub fn new(pool: &Rc<Pool>, code: Arc<Live>) -> Rc<Self> {
        let (handed, strange) = mpsc::unbounded_channel();
        let desk = Desk::new(&pool.lane, handed);
        Rc::new(Self {
            pool: Rc::downgrade(pool),
            function: Arc::clone(&desk.function),
            desk,
            code,
            stream: RefCell::default(),
            strange: RefCell::new(Some(strange)),
            init_error: RefCell::default(),
            memory_asked: Cell::new(None),
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
        // Of what it accepts, too, as for clients and upstreams.
        socket::prefer_cheap_congestion(listener.as_fd());
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
        let process = process.map_err(text)?;
        lock(&self.desk.story).output = Some(process.own_output().map_err(text)?);
        self.desk.set_pid(process.pid);
        let Some(mut strange) = self.strange.take() else {
            return Err("it is running already".to_owned());
        };
        self.serve(pool, &process, &listener, &mut strange).await;
        self.hear_out(&listener, &mut strange).await;
        lock(&self.desk.story).read_output(hall.commons.is_logged());
        self.ship(hall);
        Ok(process.reap(keeper))
    }

    /// Lets the process in at its door and listens to what it prints, until it has ended.
    async fn serve(
        self: &Rc<Self>,
        pool: &Pool,
        process: &Process,
        listener: &TcpListener,
        strange: &mut mpsc::UnboundedReceiver<(OwnedFd, Bytes)>,
    ) {
        let mut has_output = true;
        loop {
            tokio::select! {
                () = process.ended() => break,
                () = self.desk.end.notified() => process.kill(),
                accepted = listener.accept() => if let Ok((stream, _)) = accepted {
                    self.receive(stream);
                },
                Some(handed) = strange.recv() => self.go_on(handed),
                ready = process.output.readable(), if has_output => {
                    let is_logged = pool.hall.commons.is_logged();
                    let read = |into: &mut [u8]| process.output.try_read(into);
                    has_output = ready.is_ok() && lock(&self.desk.story).read_from(is_logged, read);
                    self.ship(&pool.hall);
                }
            }
        }
    }

    fn receive(&self, stream: TcpStream) {
        // Only a matter of speed.
        let _ = stream.set_nodelay(true);
        let desk = Arc::clone(&self.desk);
        spawn_local(seat::receive(stream, desk, Home::Functions));
    }

    /// Goes on with a connection that somebody handed over.
    fn go_on(self: &Rc<Self>, (connection, read): (OwnedFd, Bytes)) {
        if let Ok(stream) = TcpStream::from_std(std::net::TcpStream::from(connection)) {
            spawn_local(runtime_api::serve(stream, read, Rc::clone(self)));
        }
    }

    /// What the process said before it ended still counts: its connections are read to their ends.
    /// Not for long, since whatever it left behind may hold them open.
    async fn hear_out(
        self: &Rc<Self>,
        listener: &TcpListener,
        strange: &mut mpsc::UnboundedReceiver<(OwnedFd, Bytes)>,
    ) {
        let (until, mut quiet) = (Instant::now() + LAST_WORDS, 0);
        // A connection on its way from one thread to another is seen by nobody for a moment.
        while quiet < QUIET_LOOKS && Instant::now() < until {
            tokio::select! {
                biased;
                Some(handed) = strange.recv() => self.go_on(handed),
                Ok((stream, _)) = listener.accept() => self.receive(stream),
                () = sleep(LOOK) => {}
            }
            quiet = if self.desk.is_read() { 0 } else { quiet + 1 };
        }
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

    /// Whether it has answered the last invocation.
    pub fn may_ask(&self) -> bool {
        self.desk.may_ask()
    }

    /// The process asks for an invocation by way of the HTTP server. None: it may not, since it has
    /// not answered the last.
    pub fn next(&self) -> Option<oneshot::Receiver<Begun>> {
        if !self.may_ask() {
            return None;
        }
        let (next, begun) = oneshot::channel();
        let turn = self.desk.lane.park(&self.desk, Seat::Served(next));
        if let Some(turn) = turn {
            spawn_local(seat::take::<TcpStream>(seat::tell(turn), Home::Functions));
        }
        Some(begun)
    }

    /// The process begins to stream its answer to the invocation `request_id`. None: that is not the
    /// one it has, or its caller takes only whole answers.
    pub fn begin_stream(&self, request_id: &str) -> Option<Rc<Window>> {
        let pool = self.pool.upgrade()?;
        let (answer, until) = self.desk.begin_stream(request_id)?;
        let (window, streamed) = Window::open(&pool.hall.commons, until);
        *self.stream.borrow_mut() = Some(Rc::clone(&window));
        // A caller that has gone drops it, and nothing is kept.
        if let Some(answer) = answer {
            answer.give(Ok(Returned {
                payload: Bytes::new(),
                stream: Some(streamed),
                function_error: None,
                version: self.function.version.as_str().into(),
                log: None,
            }));
        }
        Some(window)
    }

    /// The process has answered the invocation `request_id`; false if that is not the one it has.
    pub fn answer(&self, request_id: &str, payload: Bytes, error: Option<&'static str>) -> bool {
        let run = self.desk.take_run(request_id.as_bytes());
        run.map(|run| self.finish(*run, payload, error)).is_some()
    }

    /// The process says why it cannot start.
    pub fn init_failed(&self, payload: Bytes) {
        *self.init_error.borrow_mut() = Some(payload);
        self.desk.end.notify_one();
    }

    /// Ends an invocation: its last log lines, its answer.
    fn finish(&self, run: Run, payload: Bytes, error: Option<&'static str>) {
        let finished = self.desk.finish(run, payload, error);
        let window = self.stream.take();
        match window.filter(|_| finished.is_streamed) {
            Some(window) => {
                let fault = finished
                    .error
                    .map(|_| StreamFault::Function(finished.payload));
                window.end(Ending {
                    fault,
                    log: finished.log,
                });
            }
            None => finished.give(&self.function.version, &Home::Functions),
        }
    }

    /// The end of the log of the last invocation.
    pub fn tail(&self) -> Vec<u8> {
        lock(&self.desk.story).tail()
    }

    fn ship(&self, hall: &Hall) {
        // Whoever ends an invocation need not wait until all is written.
        let waiting = lock(&self.desk.story).take_waiting();
        hall.log.write(&self.function.name, &waiting);
    }

    /// Asks for the memory of the process, now and then.
    fn look_at_memory(&self, now: Instant, is_logged: bool) {
        let every = if is_logged {
            MEMORY_EVERY
        } else {
            MEMORY_SELDOM
        };
        let asked = self.memory_asked.get();
        if asked.is_some_and(|asked| now < asked + every) || !self.desk.was_used() {
            return;
        }
        self.desk.look_at_memory();
        self.memory_asked.set(Some(now));
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
        let init_error = match self.desk.lane.ended(&self.desk) {
            Left::Starting => {
                if how.is_ok() {
                    self.say_init_failed(pool);
                }
                Some(payload(&pool.hall.ids.borrow_mut().uuid()))
            }
            Left::Busy(run) => {
                let payload = payload(&run.job.request_id);
                self.finish(*run, payload, Some(UNHANDLED));
                None
            }
            Left::Other => None,
        };
        self.ship(&pool.hall);
        pool.left(self, init_error);
    }

    /// As AWS logs it. No invocation is told of by it: where nobody waits, this line alone tells.
    fn say_init_failed(&self, pool: &Pool) {
        let took = self.desk.started.elapsed();
        let status = if took >= INIT_MAX { "timeout" } else { "error" };
        let took_ms = took.as_secs_f64() * 1_000.0;
        let line =
            format!("INIT_REPORT Init Duration: {took_ms:.2} ms\tPhase: init\tStatus: {status}");
        lock(&self.desk.story).line(pool.hall.commons.is_logged(), &line);
    }

    /// Looks at the deadlines; true when there is one to look at again soon.
    pub fn sweep(&self, now: Instant) -> bool {
        let Some(pool) = self.pool.upgrade() else {
            return false;
        };
        self.ship(&pool.hall);
        self.look_at_memory(now, pool.hall.commons.is_logged());
        if self.desk.is_starting() {
            if now >= self.desk.started + INIT_MAX {
                let limit_ms = u32::try_from(INIT_MAX.as_millis()).unwrap_or(u32::MAX);
                let id = pool.hall.ids.borrow_mut().uuid();
                *self.init_error.borrow_mut() = Some(outcome::timed_out(&id, limit_ms));
                self.desk.end.notify_one();
            }
            return true;
        }
        match self.desk.due(now) {
            Due::Nothing => false,
            Due::Later => true,
            Due::Run(run) => {
                self.took_too_long(&pool, *run);
                true
            }
        }
    }

    fn took_too_long(&self, pool: &Pool, run: Run) {
        let (request_id, limit_ms) = (&run.job.request_id, self.function.timeout_ms);
        let payload = outcome::timed_out(request_id, limit_ms);
        let now = date::iso8601(pool.hall.clock.epoch_ms());
        let seconds = f64::from(limit_ms) / 1_000.0;
        let line = format!("{now} {request_id} Task timed out after {seconds:.2} seconds");
        lock(&self.desk.story).line(pool.hall.commons.is_logged(), &line);
        self.finish(run, payload, Some(UNHANDLED));
        self.desk.lane.retire(&self.desk);
    }
}

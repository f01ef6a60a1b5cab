//! The way in: a handle for any thread, and the thread that has all functions.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, RwLockReadGuard, RwLockWriteGuard};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{LocalSet, spawn_local};

use crate::base::id::ResourceIds;
use crate::lambda::answer::{Answer, Home, Post};
use crate::lambda::commons::Commons;
use crate::lambda::function::Function;
use crate::lambda::hall::Hall;
use crate::lambda::lane::{Asked, Job, Lane};
use crate::lambda::outcome::{Invocation, InvokeError, Mode, Outcome, Returned};
use crate::lambda::permit::Permit;
use crate::lambda::pool::Pool;
use crate::lambda::register::Register;
use crate::lambda::seat;
use crate::lambda::stream::{Ending, Piece, StreamFault, Streamed};
use crate::observe::Lines;
use crate::rt::bridge::{Bridge, Reply};
use crate::rt::{Ready, signal, task};

/// What holds for all functions.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What functions find as AWS_REGION.
    pub region: String,
    /// A folder for what has to be unpacked.
    pub scratch: PathBuf,
}

/// All functions of this machine. Clones are the same.
#[derive(Clone, Debug)]
pub struct Functions {
    orders: mpsc::UnboundedSender<Order>,
    commons: Arc<Commons>,
}

/// The functions as one core asks them.
#[derive(Debug)]
pub struct Caller {
    functions: Functions,
    ids: RefCell<ResourceIds>,
    post: Rc<Post>,
    pieces: Rc<Bridge<Piece>>,
}

#[derive(Debug)]
enum Order {
    Invoke(Invocation, Answer),
    /// Somebody waits at this lane for whom there is no worker.
    Look(Arc<Lane>),
    /// All functions of the config file.
    Configure(Vec<Function>),
    Put(Function),
    /// One version, or all of them and the aliases.
    Remove(String, Option<String>),
    /// An alias and the version it stands for now; none: no such alias any more.
    Alias(String, String, Option<String>),
    /// What of the policy of a function lets APIs in.
    Permit(String, Vec<Permit>),
    Log(Option<Lines>),
    Stop(oneshot::Sender<()>),
}

/// Invocations that one core may have under way.
const CALLS_MAX: usize = 65_536;
/// Events that may wait for their turn or their next attempt.
const EVENTS_MAX: usize = 1_000;
/// AWS retries failed events after one minute and after two; here it is seconds, since whoever
/// runs functions on a machine of their own waits for it.
const RETRY_AFTER: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(2)];
/// An event may wait this long for a worker.
const EVENT_TIMEOUT_MS: u32 = 3_600_000;

/// How often deadlines are looked at while there are some, and otherwise.
const SWEEP: Duration = Duration::from_millis(20);
const SWEEP_IDLE: Duration = Duration::from_secs(1);
/// How many times they are looked at in vain before it counts as idle: cores that invoke again and
/// again need not wake the thread each time.
const SWEEPS_IN_VAIN: u32 = 50;

impl Functions {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system has no thread, descriptor or randomness left.
    pub fn start(settings: Settings) -> io::Result<Self> {
        let (orders, inbox) = mpsc::unbounded_channel();
        let commons = Arc::new(Commons::default());
        let shared = Arc::clone(&commons);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let build = move || {
            signal::block_in_this_thread()?;
            Hall::new(settings.region, settings.scratch, shared)
        };
        let (told, outcome) = std::sync::mpsc::channel();
        thread::Builder::new()
            .name("functions".to_owned())
            .spawn(move || match build() {
                Ok(hall) => {
                    let _ = told.send(Ok(()));
                    let table = Table::new(hall);
                    LocalSet::new().block_on(&runtime, table.serve(inbox));
                }
                Err(error) => {
                    let _ = told.send(Err(error));
                }
            })?;
        match outcome.recv() {
            Ok(started) => started.map(|()| Self { orders, commons }),
            Err(_) => Err(io::Error::other(
                "the functions thread ended before it began",
            )),
        }
    }

    /// Runs a function and waits for its answer.
    ///
    /// # Errors
    /// Why it was not run to its end.
    pub async fn invoke(&self, invocation: Invocation) -> Outcome {
        let (answer, outcome) = oneshot::channel();
        self.order(Order::Invoke(invocation, Answer::Task(answer)));
        outcome.await.unwrap_or_else(|_| Err(gone()))
    }

    /// Waits for the next piece of an answer.
    pub async fn next(streamed: &Streamed) -> Piece {
        let (answer, piece) = oneshot::channel();
        streamed.pull(Answer::Task(answer));
        piece.await.unwrap_or_else(|_| broken())
    }

    /// The functions of the config file, in the place of those before.
    pub fn configure(&self, functions: Vec<Function>) {
        self.change(Order::Configure(functions));
    }

    /// A version of a function, new or changed.
    pub fn put(&self, function: Function) {
        self.change(Order::Put(function));
    }

    /// One version, or all of the function of this ARN.
    pub fn remove(&self, arn: &str, version: Option<&str>) {
        self.change(Order::Remove(arn.to_owned(), version.map(str::to_owned)));
    }

    /// Whether the function of this ARN is one of the config file.
    pub fn is_configured(&self, arn: &str) -> bool {
        let register = self.commons.register.read();
        let register = register.unwrap_or_else(PoisonError::into_inner);
        register.is_configured(arn)
    }

    /// What an alias stands for; none: it is gone.
    pub fn alias(&self, arn: &str, alias: &str, version: Option<&str>) {
        let version = version.map(str::to_owned);
        self.change(Order::Alias(arn.to_owned(), alias.to_owned(), version));
    }

    /// Which APIs the function of this ARN lets in, where they are asked for it.
    pub fn permit(&self, arn: &str, permits: Vec<Permit>) {
        self.change(Order::Permit(arn.to_owned(), permits));
    }

    /// Where the lines of all functions go from now on; none: nowhere.
    pub fn log(&self, lines: Option<Lines>) {
        self.order(Order::Log(lines));
    }

    /// Ends all workers, and returns when they have.
    pub async fn stop(&self) {
        let (done, ended) = oneshot::channel();
        self.change(Order::Stop(done));
        let _ = ended.await;
    }

    /// Until it is carried out, invocations go the way of the orders: those that are asked for after a
    /// change see it.
    fn change(&self, order: Order) {
        self.commons.changes.fetch_add(1, Ordering::SeqCst);
        self.order(order);
    }

    /// A thread that has ended answers nobody, which callers see by their dropped answers.
    fn order(&self, order: Order) {
        let _ = self.orders.send(order);
    }
}

/// Nobody answers for a stream any more.
fn broken() -> Piece {
    let fault = Some(StreamFault::Gone);
    Piece::End(Ending { fault, log: None })
}

fn gone() -> InvokeError {
    InvokeError::Unavailable("the thread of the functions has ended".to_owned())
}

impl Caller {
    /// To be called on the core that will ask.
    ///
    /// # Errors
    /// When the event loop cannot watch one more descriptor, or the system gives no randomness.
    pub fn start(functions: Functions) -> io::Result<Self> {
        Ok(Self {
            functions,
            ids: RefCell::new(ResourceIds::from_system()?),
            post: Post::new(Bridge::start(CALLS_MAX)?),
            pieces: Bridge::start(CALLS_MAX)?,
        })
    }

    /// Runs a function and waits for its answer, at most as long as the invocation says.
    ///
    /// # Errors
    /// Why it was not run to its end.
    pub async fn invoke(&self, invocation: Invocation) -> Outcome {
        let send = |reply: Reply<Outcome>| self.begin(invocation, Answer::Core(reply));
        let answered = self.post.bridge.ask(send).await;
        answered.unwrap_or(Err(InvokeError::Throttled))
    }

    /// Where a worker waits, this core speaks with it; else the invocation waits in the queue.
    fn begin(&self, invocation: Invocation, answer: Answer) {
        let Functions { commons, .. } = &self.functions;
        let Some(lane) = self.lane(&invocation) else {
            return self.functions.order(Order::Invoke(invocation, answer));
        };
        let id = self.ids.borrow_mut().uuid();
        match lane.ask(Job::new(id, invocation, answer)) {
            Ok(Asked::Begun(turn)) => {
                // The worker begins while this core makes itself ready to listen.
                let told = seat::tell(turn);
                let (home, talk) = (Home::Core(Rc::clone(&self.post)), self.post.talk());
                let speak = async move {
                    seat::take::<Ready>(told, home).await;
                    drop(talk);
                };
                task::spawn(speak, || ());
            }
            Ok(Asked::Taken { wants_worker: true }) => self.functions.order(Order::Look(lane)),
            Ok(Asked::Taken { .. }) => {}
            Err(job) => {
                let Job {
                    invocation, answer, ..
                } = *job;
                if let Some(answer) = answer {
                    self.functions.order(Order::Invoke(invocation, answer));
                }
            }
        }
        commons.stir();
    }

    /// None: it is for the thread of the functions to say what becomes of it.
    fn lane(&self, invocation: &Invocation) -> Option<Arc<Lane>> {
        let commons = &self.functions.commons;
        if invocation.mode != Mode::Call || commons.changes.load(Ordering::SeqCst) > 0 {
            return None;
        }
        let register = commons.register.read();
        let register = register.unwrap_or_else(PoisonError::into_inner);
        register.find(invocation).ok()
    }

    /// Conversations with workers on this core, which may be about calls of other cores.
    pub fn talks(&self) -> usize {
        self.post.talks()
    }

    /// This core will end: what workers ask for next is no longer looked for here.
    pub fn drain(&self) {
        self.post.drain();
    }

    /// Waits for the next piece of an answer.
    pub async fn next(&self, streamed: &Streamed) -> Piece {
        let send = |reply: Reply<Piece>| streamed.pull(Answer::Core(reply));
        self.pieces.ask(send).await.unwrap_or_else(broken)
    }
}

/// All functions, on their thread.
struct Table {
    hall: Rc<Hall>,
    /// By the number of their lane.
    pools: RefCell<HashMap<u64, Rc<Pool>>>,
    /// Of functions that are gone, until their last worker has ended.
    closed: RefCell<Vec<Rc<Pool>>>,
    events: RefCell<usize>,
}

impl Table {
    fn new(hall: Hall) -> Rc<Self> {
        Rc::new(Self {
            hall: Rc::new(hall),
            pools: RefCell::default(),
            closed: RefCell::default(),
            events: RefCell::default(),
        })
    }

    fn register(&self) -> RwLockReadGuard<'_, Register> {
        let register = self.hall.commons.register.read();
        register.unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Register> {
        let register = self.hall.commons.register.write();
        register.unwrap_or_else(PoisonError::into_inner)
    }

    async fn serve(self: Rc<Self>, mut inbox: mpsc::UnboundedReceiver<Order>) {
        spawn_local(Rc::clone(&self).sweep());
        while let Some(order) = inbox.recv().await {
            match order {
                Order::Stop(done) => {
                    self.stop().await;
                    let _ = done.send(());
                    return;
                }
                order => self.obey(order),
            }
        }
    }

    fn obey(self: &Rc<Self>, order: Order) {
        match order {
            Order::Invoke(invocation, answer) => match self.find(&invocation) {
                Err(error) => answer.give(Err(error)),
                Ok(pool) => match invocation.mode {
                    Mode::Call => pool.invoke(invocation, answer),
                    Mode::Event => answer.give(self.later(invocation)),
                    Mode::DryRun => answer.give(Ok(Returned::empty())),
                },
            },
            Order::Look(lane) => {
                if let Some(pool) = self.pool(&lane) {
                    pool.dispatch();
                }
            }
            Order::Log(lines) => {
                let is_logged = lines.is_some();
                self.hall.log.set(lines);
                let commons = &self.hall.commons;
                commons.is_logged.store(is_logged, Ordering::Relaxed);
            }
            Order::Stop(_) => {}
            change => {
                self.change(change);
                self.hall.commons.changes.fetch_sub(1, Ordering::SeqCst);
            }
        }
    }

    fn change(&self, order: Order) {
        match order {
            Order::Configure(functions) => self.configure(functions),
            Order::Put(function) => self.put(function, false),
            Order::Remove(name, _) if self.register().is_configured(&name) => {}
            Order::Remove(name, version) => self.remove(&name, version.as_deref()),
            Order::Alias(name, alias, version) => {
                if let Some(entry) = self.write().entries.get_mut(&name) {
                    match version {
                        Some(version) => entry.aliases.insert(alias, version),
                        None => entry.aliases.remove(&alias),
                    };
                }
            }
            Order::Permit(name, permits) => {
                if let Some(entry) = self.write().entries.get_mut(&name) {
                    entry.permits = permits;
                }
            }
            _ => {}
        }
    }

    /// The version that is to be run.
    fn find(&self, invocation: &Invocation) -> Result<Rc<Pool>, InvokeError> {
        let lane = self.register().find(invocation)?;
        let missing = || InvokeError::NotFound(invocation.named());
        self.pool(&lane).ok_or_else(missing)
    }

    fn pool(&self, lane: &Lane) -> Option<Rc<Pool>> {
        self.pools.borrow().get(&lane.number).cloned()
    }

    fn put(&self, function: Function, is_configured: bool) {
        let (arn, version) = (function.arn.clone(), function.version.clone());
        let lane = {
            let mut register = self.write();
            let entry = register.entries.entry(arn.clone()).or_default();
            if entry.is_configured && !is_configured {
                let name = &function.name;
                tracing::warn!(
                    function = name,
                    "the config file has a function of this name, which is run in the place of \
                     the one that was made by Lambda's API"
                );
                return;
            }
            entry.is_configured = is_configured;
            entry.versions.get(&version).cloned()
        };
        if let Some(pool) = lane.and_then(|lane| self.pool(&lane)) {
            return pool.replace(function);
        }
        let pool = Pool::new(&self.hall, function);
        let lane = Arc::clone(&pool.lane);
        self.pools
            .borrow_mut()
            .insert(lane.number, Rc::clone(&pool));
        if let Some(entry) = self.write().entries.get_mut(&arn) {
            entry.versions.insert(version, lane);
        }
        pool.warm();
    }

    fn configure(&self, functions: Vec<Function>) {
        let gone: Vec<String> = {
            let register = self.register();
            let configured = register.entries.iter();
            let configured = configured.filter(|(_, entry)| entry.is_configured);
            let gone = configured
                .filter(|(arn, _)| !functions.iter().any(|function| function.arn == **arn));
            gone.map(|(arn, _)| arn.clone()).collect()
        };
        for name in gone {
            self.remove(&name, None);
        }
        for function in functions {
            self.put(function, true);
        }
    }

    fn remove(&self, name: &str, version: Option<&str>) {
        let closed: Vec<Arc<Lane>> = {
            let entries = &mut self.write().entries;
            match (version, entries.get_mut(name)) {
                (Some(version), Some(entry)) => {
                    entry.versions.remove(version).into_iter().collect()
                }
                (None, Some(_)) => entries
                    .remove(name)
                    .into_iter()
                    .flat_map(|entry| entry.versions.into_values())
                    .collect(),
                (_, None) => Vec::new(),
            }
        };
        for lane in closed {
            let pool = self.pools.borrow_mut().remove(&lane.number);
            if let Some(pool) = pool {
                pool.close();
                self.closed.borrow_mut().push(pool);
            }
        }
    }

    /// Takes an event in and runs it until it succeeds, three times at most.
    fn later(self: &Rc<Self>, mut invocation: Invocation) -> Outcome {
        if *self.events.borrow() >= EVENTS_MAX {
            return Err(InvokeError::Throttled);
        }
        *self.events.borrow_mut() += 1;
        // Let in once, it is run, whatever the policy says later.
        invocation.source = None;
        spawn_local(Rc::clone(self).run_event(invocation));
        Ok(Returned::empty())
    }

    async fn run_event(self: Rc<Self>, invocation: Invocation) {
        let mut waits = RETRY_AFTER.into_iter();
        loop {
            let Ok(pool) = self.find(&invocation) else {
                break;
            };
            let (answer, outcome) = oneshot::channel();
            let attempt = Invocation {
                function: invocation.function.clone(),
                qualifier: invocation.qualifier.clone(),
                payload: Bytes::clone(&invocation.payload),
                trace_id: invocation.trace_id.clone(),
                client_context: invocation.client_context.clone(),
                timeout_ms: EVENT_TIMEOUT_MS,
                ..Invocation::default()
            };
            pool.invoke(attempt, Answer::Task(answer));
            let failed = match outcome.await {
                Ok(Ok(returned)) => returned.function_error.map(str::to_owned),
                Ok(Err(error)) => Some(error.to_string()),
                Err(_) => Some(gone().to_string()),
            };
            let Some(why) = failed else { break };
            let function = &*invocation.function;
            match waits.next() {
                Some(wait) => tokio::time::sleep(wait).await,
                None => {
                    tracing::warn!(function, why, "an event is given up after three attempts");
                    break;
                }
            }
        }
        *self.events.borrow_mut() -= 1;
    }

    fn pools(&self) -> Vec<Rc<Pool>> {
        self.closed.borrow_mut().retain(|pool| pool.has_workers());
        let (open, closed) = (self.pools.borrow(), self.closed.borrow());
        open.values().chain(closed.iter()).cloned().collect()
    }

    async fn sweep(self: Rc<Self>) {
        let commons = &self.hall.commons;
        let mut in_vain = 0;
        loop {
            // Said before the look: what begins after it raises an alarm.
            let is_idle = in_vain >= SWEEPS_IN_VAIN;
            commons.is_drowsy.store(is_idle, Ordering::SeqCst);
            let now = Instant::now();
            let mut pending = false;
            for pool in self.pools() {
                pending |= pool.sweep(now);
            }
            self.hall.log.flush();
            if pending {
                in_vain = 0;
            }
            if is_idle && !pending {
                let stirred = commons.stirred.notified();
                let _ = tokio::time::timeout(SWEEP_IDLE, stirred).await;
                if !commons.is_drowsy.load(Ordering::SeqCst) {
                    in_vain = 0;
                }
            } else {
                in_vain += 1;
                tokio::time::sleep(SWEEP).await;
            }
        }
    }

    /// Ends all workers; what they still say is logged.
    async fn stop(&self) {
        const LIMIT: Duration = Duration::from_millis(500);
        let pools = self.pools();
        pools.iter().for_each(|pool| pool.end(&gone()));
        let all_ended = async {
            while pools.iter().any(|pool| pool.has_workers()) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let _ = tokio::time::timeout(LIMIT, all_ended).await;
        self.hall.log.set(None);
    }
}

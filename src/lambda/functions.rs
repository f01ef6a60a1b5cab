//! The way in: a handle for any thread, and the thread that has all functions.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::PathBuf;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};
use tokio::task::{LocalSet, spawn_local};

use crate::lambda::function::{Function, VERSION_LATEST};
use crate::lambda::hall::Hall;
use crate::lambda::outcome::{Invocation, InvokeError, Mode, Outcome, Returned};
use crate::lambda::permit::{Permit, Source};
use crate::lambda::pool::{Answer, Pool};
use crate::lambda::stream::{Ending, Piece, StreamFault, Streamed};
use crate::observe::Lines;
use crate::rt::bridge::{Bridge, Reply};
use crate::rt::signal;

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
}

/// The functions as one core asks them.
#[derive(Debug)]
pub struct Caller {
    functions: Functions,
    bridge: Rc<Bridge<Outcome>>,
    pieces: Rc<Bridge<Piece>>,
}

#[derive(Debug)]
enum Order {
    Invoke(Invocation, Answer),
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

impl Functions {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the system has no thread, descriptor or randomness left.
    pub fn start(settings: Settings) -> io::Result<Self> {
        let (orders, inbox) = mpsc::unbounded_channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let build = move || {
            signal::block_in_this_thread()?;
            Hall::new(settings.region, settings.scratch)
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
            Ok(started) => started.map(|()| Self { orders }),
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
        self.order(Order::Configure(functions));
    }

    /// A version of a function, new or changed.
    pub fn put(&self, function: Function) {
        self.order(Order::Put(function));
    }

    /// One version, or all of the function of this ARN.
    pub fn remove(&self, arn: &str, version: Option<&str>) {
        self.order(Order::Remove(arn.to_owned(), version.map(str::to_owned)));
    }

    /// What an alias stands for; none: it is gone.
    pub fn alias(&self, arn: &str, alias: &str, version: Option<&str>) {
        let version = version.map(str::to_owned);
        self.order(Order::Alias(arn.to_owned(), alias.to_owned(), version));
    }

    /// Which APIs the function of this ARN lets in, where they are asked for it.
    pub fn permit(&self, arn: &str, permits: Vec<Permit>) {
        self.order(Order::Permit(arn.to_owned(), permits));
    }

    /// Where the lines of all functions go from now on; none: nowhere.
    pub fn log(&self, lines: Option<Lines>) {
        self.order(Order::Log(lines));
    }

    /// Ends all workers, and returns when they have.
    pub async fn stop(&self) {
        let (done, ended) = oneshot::channel();
        self.order(Order::Stop(done));
        let _ = ended.await;
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
    /// When the event loop cannot watch one more descriptor.
    pub fn start(functions: Functions) -> io::Result<Self> {
        Ok(Self {
            functions,
            bridge: Bridge::start(CALLS_MAX)?,
            pieces: Bridge::start(CALLS_MAX)?,
        })
    }

    /// Runs a function and waits for its answer, at most as long as the invocation says.
    ///
    /// # Errors
    /// Why it was not run to its end.
    pub async fn invoke(&self, invocation: Invocation) -> Outcome {
        let send = |reply: Reply<Outcome>| {
            let order = Order::Invoke(invocation, Answer::Core(reply));
            self.functions.order(order);
        };
        let answered = self.bridge.ask(send).await;
        answered.unwrap_or(Err(InvokeError::Throttled))
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
    /// By ARN, without a qualifier.
    functions: RefCell<HashMap<String, Entry>>,
    events: RefCell<usize>,
}

#[derive(Default)]
struct Entry {
    versions: BTreeMap<String, Rc<Pool>>,
    aliases: HashMap<String, String>,
    permits: Vec<Permit>,
    is_configured: bool,
}

impl Entry {
    /// Whoever writes the config file has its functions called by its APIs.
    fn lets_in(&self, qualifier: Option<&str>, source: &Source) -> bool {
        let mut permits = self.permits.iter();
        self.is_configured || permits.any(|permit| permit.allows(qualifier, source))
    }
}

impl Table {
    fn new(hall: Hall) -> Rc<Self> {
        Rc::new(Self {
            hall: Rc::new(hall),
            functions: RefCell::default(),
            events: RefCell::default(),
        })
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
            Order::Configure(functions) => self.configure(functions),
            Order::Put(function) => self.put(function, false),
            Order::Remove(name, version) => self.remove(&name, version.as_deref()),
            Order::Alias(name, alias, version) => {
                if let Some(entry) = self.functions.borrow_mut().get_mut(&name) {
                    match version {
                        Some(version) => entry.aliases.insert(alias, version),
                        None => entry.aliases.remove(&alias),
                    };
                }
            }
            Order::Permit(name, permits) => {
                if let Some(entry) = self.functions.borrow_mut().get_mut(&name) {
                    entry.permits = permits;
                }
            }
            Order::Log(lines) => self.hall.log.set(lines),
            Order::Stop(_) => {}
        }
    }

    /// The version that is to be run.
    fn find(&self, invocation: &Invocation) -> Result<Rc<Pool>, InvokeError> {
        let missing = || InvokeError::NotFound(invocation.function.to_string());
        let functions = self.functions.borrow();
        let named = functions.get(&*invocation.function);
        let entry = named.or_else(|| {
            // One of the config file may be named by the ARN that it has elsewhere.
            let (_, name) = invocation.function.rsplit_once(':')?;
            let mut configured = functions.iter().filter(|(_, entry)| entry.is_configured);
            let same = |arn: &str| arn.rsplit_once(':').is_some_and(|(_, own)| own == name);
            configured
                .find(|(arn, _)| same(arn))
                .map(|(_, entry)| entry)
        });
        let entry = entry.ok_or_else(missing)?;
        let qualifier = invocation.qualifier.as_deref();
        if let Some(source) = &invocation.source
            && !entry.lets_in(qualifier, source)
        {
            return Err(InvokeError::Forbidden);
        }
        let qualifier = qualifier.unwrap_or(VERSION_LATEST);
        let version = entry
            .aliases
            .get(qualifier)
            .map_or(qualifier, String::as_str);
        entry.versions.get(version).cloned().ok_or_else(missing)
    }

    fn put(&self, function: Function, is_configured: bool) {
        let mut functions = self.functions.borrow_mut();
        let entry = functions.entry(function.arn.clone()).or_default();
        entry.is_configured = is_configured;
        match entry.versions.get(&function.version) {
            Some(pool) => pool.replace(function),
            None => {
                let version = function.version.clone();
                let pool = Pool::new(&self.hall, function);
                pool.warm();
                entry.versions.insert(version, pool);
            }
        }
    }

    fn configure(&self, functions: Vec<Function>) {
        let gone: Vec<String> = {
            let known = self.functions.borrow();
            let configured = known.iter().filter(|(_, entry)| entry.is_configured);
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
        let mut functions = self.functions.borrow_mut();
        let closed: Vec<Rc<Pool>> = match (version, functions.get_mut(name)) {
            (Some(version), Some(entry)) => entry.versions.remove(version).into_iter().collect(),
            (None, Some(_)) => functions
                .remove(name)
                .into_iter()
                .flat_map(|entry| entry.versions.into_values())
                .collect(),
            (_, None) => Vec::new(),
        };
        drop(functions);
        closed.iter().for_each(|pool| pool.close());
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
        let functions = self.functions.borrow();
        let pools = functions.values().flat_map(|entry| entry.versions.values());
        pools.cloned().collect()
    }

    async fn sweep(self: Rc<Self>) {
        loop {
            let now = Instant::now();
            let mut pending = false;
            for pool in self.pools() {
                pending |= pool.sweep(now);
            }
            self.hall.log.flush();
            if pending {
                tokio::time::sleep(SWEEP).await;
            } else {
                let stirred = self.hall.stirred.notified();
                let _ = tokio::time::timeout(SWEEP_IDLE, stirred).await;
            }
        }
    }

    /// Ends all workers; what they still say is logged.
    async fn stop(&self) {
        const LIMIT: Duration = Duration::from_millis(500);
        let pools = self.pools();
        pools.iter().for_each(|pool| pool.end());
        let all_ended = async {
            while pools.iter().any(|pool| pool.has_workers()) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let _ = tokio::time::timeout(LIMIT, all_ended).await;
        self.hall.log.set(None);
    }
}

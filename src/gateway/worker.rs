//! `Worker`: what one core serves with: the plan of now, its upstream connections, its numbers.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::base::date::Style;
use crate::base::{Clock, DateCache, RequestIds};
use crate::gateway::auth::unproven::Unproven;
use crate::gateway::auth::{Callers, Memory};
use crate::gateway::cache;
use crate::gateway::credentials::{Keyring, Wishes};
use crate::gateway::explainers;
use crate::gateway::serve::Logs;
use crate::gateway::story::log;
use crate::gateway::{Call, Published, Reject, Stop, access_log, http, respond};
use crate::lambda::{
    Caller, Ending, Functions, Invocation, InvokeError, Outcome, Piece, StreamFault, Streamed,
};
use crate::net::inbound::accept::Hall;
use crate::net::inbound::h1::Life;
use crate::net::outbound::{GroupState, Groups};
use crate::net::{Client, Exchange, Gone, Handler, Pools, Settings};
use crate::observe::{CoreNumbers, Counter, UNROUTED};
use crate::rt::Core;
use crate::rt::task::Flag;
use crate::wire::head::Name;

/// What the cores of a process share besides the plan.
#[derive(Debug, Default)]
pub struct Shared {
    /// Client connections of all cores.
    pub connections: AtomicUsize,
    /// 0 is no limit.
    pub connections_max: AtomicUsize,
    /// Those of this machine; none: there can be none.
    pub functions: Option<Functions>,
    /// Who makes keys of roles; none: there are no keys of roles.
    pub wishes: Option<Wishes>,
}

/// One for each core, living as long as the process.
#[derive(Debug)]
// The outer count is the core's own: the inner one is shared by all cores, and touching it for each
// request would send its cache line from core to core.
#[allow(clippy::redundant_allocation)]
pub struct Worker {
    pub core: &'static Core,
    pub groups: Groups,
    pub stopping: Flag,
    /// Listening sockets that still take connections.
    pub(in crate::gateway) doors: Cell<usize>,
    shared: Arc<Shared>,
    /// A reference of the core's own, so that a request counts it without touching other cores.
    #[allow(clippy::redundant_allocation)]
    live: RefCell<Rc<Arc<Published>>>,
    settings: RefCell<Rc<Settings>>,
    pools: Pools,
    pub(in crate::gateway) ids: RefCell<RequestIds>,
    pub(in crate::gateway) clock: Clock,
    date: RefCell<DateCache>,
    pub(in crate::gateway) log_date: RefCell<DateCache>,
    pub(in crate::gateway) logs: RefCell<Logs>,
    pub(in crate::gateway) numbers: RefCell<CoreNumbers>,
    pub(in crate::gateway) caches: cache::Local,
    functions: Option<Caller>,
    pub(in crate::gateway) keyring: Keyring,
    /// Some clients may have their calls explained.
    explains: Cell<bool>,
    /// Those whose signature counts. The outer count is the core's own, as that of the plan.
    #[allow(clippy::redundant_allocation)]
    callers: RefCell<Rc<Arc<Callers>>>,
    /// What authorizers have said of callers.
    pub(in crate::gateway) decisions: RefCell<Memory>,
    pub(in crate::gateway) unproven: Unproven,
    open: Cell<usize>,
    draining: Cell<bool>,
}

impl Worker {
    /// # Errors
    /// When the system gives no randomness, or has no descriptor left.
    pub fn new(core: &'static Core, shared: Arc<Shared>) -> io::Result<&'static Self> {
        let functions = shared.functions.clone().map(Caller::start).transpose()?;
        let keyring = Keyring::start(shared.wishes.clone())?;
        Ok(Box::leak(Box::new(Self {
            core,
            groups: Groups::default(),
            stopping: Flag::default(),
            doors: Cell::new(0),
            shared,
            live: RefCell::default(),
            settings: RefCell::default(),
            pools: Pools::default(),
            ids: RefCell::new(RequestIds::from_system()?),
            clock: Clock::real(),
            date: RefCell::new(DateCache::new(Style::Http)),
            log_date: RefCell::new(DateCache::new(Style::Clf)),
            logs: RefCell::default(),
            numbers: RefCell::default(),
            caches: cache::Local::start()?,
            functions,
            keyring,
            explains: Cell::new(false),
            callers: RefCell::default(),
            decisions: RefCell::default(),
            unproven: Unproven::default(),
            open: Cell::new(0),
            draining: Cell::new(false),
        })))
    }

    /// The plan of now, to be held for as long as a request takes.
    #[inline]
    #[allow(clippy::redundant_allocation)]
    pub fn live(&self) -> Rc<Arc<Published>> {
        Rc::clone(&self.live.borrow())
    }

    /// Serves new requests by `next`; those under way end as they began.
    pub fn publish(&self, next: Arc<Published>) {
        {
            let mut numbers = self.numbers.borrow_mut();
            numbers.reserve(next.plan.route_ids);
            numbers.forget(&next.retired_routes);
        }
        self.groups.publish(&next.groups);
        if **self.settings.borrow() != next.settings {
            *self.settings.borrow_mut() = Rc::new(next.settings.clone());
        }
        let before = self.live.replace(Rc::new(next));
        drop(before);
    }

    /// Whose signatures count from now on.
    pub fn set_callers(&self, callers: Arc<Callers>) {
        self.explains.set(callers.may_explain);
        *self.callers.borrow_mut() = Rc::new(callers);
    }

    #[allow(clippy::redundant_allocation)]
    pub(in crate::gateway) fn callers(&self) -> Rc<Arc<Callers>> {
        Rc::clone(&self.callers.borrow())
    }

    #[inline]
    pub fn group(&self, call: &Call<'_>, id: u32) -> Option<Rc<GroupState>> {
        match &call.groups {
            None => self.groups.get(id),
            Some(own) => own.get(id),
        }
    }

    #[inline]
    pub fn add(&self, counter: Counter, count: u64) {
        self.numbers.borrow_mut().add(counter, count);
    }

    /// Appends a `Date` line.
    #[inline]
    pub fn write_date(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"Date: ");
        out.extend_from_slice(self.date.borrow_mut().at(self.clock.epoch_ms()));
        out.extend_from_slice(b"\r\n");
    }

    /// Milliseconds since 1970.
    pub fn epoch_ms(&self) -> u64 {
        self.clock.epoch_ms()
    }

    /// Milliseconds since a moment that is the same for all cores.
    pub fn monotonic_ms(&self) -> u64 {
        self.clock.monotonic_ms()
    }

    /// Runs a function of this machine.
    ///
    /// # Errors
    /// Why it was not run to its end.
    pub async fn invoke(&self, invocation: Invocation) -> Outcome {
        match &self.functions {
            Some(functions) => functions.invoke(invocation).await,
            None => Err(InvokeError::NotFound(invocation.function.into())),
        }
    }

    /// Waits for the next piece of an answer that a function streams.
    pub async fn next_piece(&self, streamed: &Streamed) -> Piece {
        match &self.functions {
            Some(functions) => functions.next(streamed).await,
            None => Piece::End(Ending {
                fault: Some(StreamFault::Gone),
                log: None,
            }),
        }
    }

    /// A moment in Common Log Format.
    pub fn log_time(&self, epoch_ms: u64) -> String {
        String::from_utf8_lossy(self.log_date.borrow_mut().at(epoch_ms)).into_owned()
    }

    /// Client connections of this core.
    pub fn open(&self) -> usize {
        self.open.get()
    }

    /// Conversations with workers of functions on this core.
    pub fn talks(&self) -> usize {
        self.functions.as_ref().map_or(0, Caller::talks)
    }

    /// No new connections, no further request on those that are open.
    pub fn drain(&self) {
        self.draining.set(true);
        self.stopping.raise();
        self.functions.iter().for_each(Caller::drain);
    }

    /// Tells the client why a pipeline ended early, if it did.
    pub async fn settle(
        &'static self,
        call: &mut Call<'_>,
        exchange: &mut Exchange<'_>,
        outcome: Result<(), Stop>,
    ) -> Result<(), Gone> {
        match outcome {
            Ok(()) => Ok(()),
            Err(Stop::Reject(reject)) => respond::reject(self, call, exchange, reject).await,
            Err(Stop::HealthCheck) => respond::health(self, call, exchange).await,
            Err(Stop::Gone) => Err(Gone),
        }
    }

    pub fn finish(&self, call: &Call<'_>, exchange: &Exchange<'_>) {
        let latency_us = self.core.now_us().saturating_sub(exchange.started_us);
        let received = u64::from(exchange.head().length) + exchange.upload.received_bytes;
        {
            let mut numbers = self.numbers.borrow_mut();
            if let Some(counter) = call.reject.and_then(|reject| reject.counter()) {
                numbers.add(counter, 1);
            }
            let route = call.route.map_or(UNROUTED, |route| route.id.0);
            numbers.finish(
                route,
                call.status,
                (latency_us, call.integration_us),
                received,
                exchange.sent_bytes,
            );
        }
        if let Some(stage) = call.stage
            && let Some(format) = &stage.access_log
        {
            access_log::write(self, format, call, exchange, latency_us);
        }
        if call.story.is_some() {
            log::end(self, call, exchange);
        }
    }
}

fn wants_explanation(exchange: &Exchange<'_>) -> bool {
    let mut fields = exchange.head().fields.iter();
    fields.any(|field| field.id == Name::XDaemunExplain)
}

impl Handler for Worker {
    #[allow(clippy::manual_async_fn)] // An async fn would keep its arguments twice.
    fn handle(
        &'static self,
        exchange: &mut Exchange<'_>,
    ) -> impl Future<Output = Result<(), Gone>> {
        async move {
            if self.explains.get() && wants_explanation(exchange) {
                // Boxed: its state would make every connection's task larger.
                let explained = Box::pin(explainers::instead(self, exchange));
                if let Some(outcome) = explained.await {
                    return outcome;
                }
            }
            let live = self.live();
            let mut call = Call::new(self.ids.borrow_mut().next());
            let outcome = http::pass(self, &live, &mut call, exchange).await;
            let outcome = match outcome {
                Ok(()) => Ok(()),
                // Boxed: refusals are rare, and their state larger than that of what is passed on.
                outcome => Box::pin(self.settle(&mut call, exchange, outcome)).await,
            };
            self.finish(&call, exchange);
            outcome
        }
    }

    fn refuse(&self, client: &Client, status: u16, why: &str) -> Vec<u8> {
        let reject = Reject::of_status(status);
        tracing::debug!(peer = %client.peer, status, why, "refused a request");
        let answer = respond::malformed(self, reject);
        let mut numbers = self.numbers.borrow_mut();
        if let Some(counter) = reject.counter() {
            numbers.add(counter, 1);
        }
        numbers.finish(UNROUTED, reject.status(), (0, 0), 0, answer.len() as u64);
        answer
    }
}

impl Life for Worker {
    #[inline]
    fn is_draining(&self) -> bool {
        self.draining.get()
    }
}

impl Hall for Worker {
    fn core(&self) -> &'static Core {
        self.core
    }

    fn pools(&'static self) -> &'static Pools {
        &self.pools
    }

    fn settings(&self) -> Rc<Settings> {
        Rc::clone(&self.settings.borrow())
    }

    fn admits(&self) -> bool {
        let most = self.shared.connections_max.load(Ordering::Relaxed);
        most == 0 || self.shared.connections.load(Ordering::Relaxed) < most
    }

    fn opened(&self) {
        self.open.set(self.open.get() + 1);
        self.shared.connections.fetch_add(1, Ordering::Relaxed);
        self.add(Counter::ConnectionsAccepted, 1);
    }

    fn closed(&self) {
        self.open.set(self.open.get() - 1);
        self.shared.connections.fetch_sub(1, Ordering::Relaxed);
        self.add(Counter::ConnectionsClosed, 1);
    }

    fn panicked(&self) {
        self.add(Counter::ConnectionsPanicked, 1);
    }

    fn tls_failed(&self, client: &Client, error: &io::Error) {
        self.add(Counter::TlsHandshakesFailed, 1);
        tracing::debug!(peer = %client.peer, %error, "a TLS handshake failed");
    }

    fn tls_done(&self) {
        self.add(Counter::TlsHandshakes, 1);
    }
}

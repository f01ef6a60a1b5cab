//! Order of starting: inheritance, config, sockets, cores, then the word that all is ready.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::watch;

use crate::gateway::credentials::Book;
use crate::gateway::trial::Origin;
use crate::gateway::{Command, Logs, Published, Shared};
use crate::net::inbound::accept::Door;
use crate::observe::{Drain, Lines, lines};
use crate::rt::address::AddressBook;
use crate::rt::dns;
use crate::rt::signal::Signals;
use crate::rt::{Driver, sys};
use crate::server::admin::{self, Phase};
use crate::server::config::{self, AccessLog, Logging, Memory, Report, Settings};
use crate::server::cores::{Cores, First, Seat};
use crate::server::credentials::{self, Desk};
use crate::server::diagnostics::Diagnostics;
use crate::server::export::{Destination, Exporter};
use crate::server::functions::FunctionRoom;
use crate::server::keys;
use crate::server::listeners::Listeners;
use crate::server::management::ManagementError;
use crate::server::observer::Observer;
use crate::server::outlet::StageFiles;
use crate::server::prepare::{self, Current, Made};
use crate::server::publish::Making;
use crate::server::reception;
use crate::server::source::Source;
use crate::server::vault::Vault;
use crate::server::watch::FileWatch;

/// Why a gateway could not be started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0}")]
    Config(Box<Report>),
    #[error("{}", .0.join("\n"))]
    Listeners(Vec<String>),
    #[error(
        "cannot listen on {address} for the operator: {error}; choose another address in `admin.address`, or \"off\""
    )]
    Admin {
        address: SocketAddr,
        error: io::Error,
    },
    #[error(
        "`driver = \"io_uring\"`, but this system does not allow it; write \"auto\" or \"epoll\""
    )]
    NoRing,
    #[error("{0}")]
    Log(String),
    #[error("{0}")]
    Management(#[from] ManagementError),
    #[error("the APIs that were made cannot be served: {0}")]
    Made(String),
    #[error("cannot start: {0}")]
    System(#[from] io::Error),
}

impl From<Report> for Error {
    fn from(report: Report) -> Self {
        Self::Config(Box::new(report))
    }
}

/// A gateway that serves. `server::control` takes it from here.
#[derive(Debug)]
pub struct Running {
    pub source: Source,
    /// What it was read into last.
    pub memory: Memory,
    pub settings: Settings,
    /// Those of the start, some of which hold until the end.
    pub started: Settings,
    pub making: Making,
    pub current: Current,
    pub cores: Cores,
    pub shared: Arc<Shared>,
    pub listeners: Listeners,
    pub admin: Option<Admin>,
    pub exporters: Exporters,
    pub functions: FunctionRoom,
    pub vault: Vault,
    /// What the vault knows; the cores get every new one.
    pub credentials: watch::Receiver<Arc<Book>>,
    pub diagnostics: Diagnostics,
    pub observer: Observer,
    pub names: dns::Watcher,
    pub book: watch::Receiver<Arc<AddressBook>>,
    pub files: FileWatch,
    pub signals: Signals,
    pub driver: Driver,
}

/// The writers of what the cores log.
#[derive(Debug)]
pub struct Exporters {
    pub access: Exporter,
    pub execution: Exporter,
}

impl Exporters {
    fn start(settings: &Logging) -> Result<Self, Error> {
        let start = |log| Exporter::start(log).map_err(|error| Error::Log(error.to_string()));
        Ok(Self {
            access: start(&destination(&settings.access_log))?,
            execution: start(&of_stages(&settings.execution_log))?,
        })
    }

    /// Opens their files anew.
    pub fn reopen(&self) {
        self.access.reopen();
        self.execution.reopen();
    }

    /// Lines from now on go where `next` says.
    ///
    /// # Errors
    /// A new destination cannot be opened.
    pub fn renew(&self, next: &Logging, before: &Logging) -> Result<(), String> {
        if next.access_log != before.access_log {
            let set = self.access.set_destination(&destination(&next.access_log));
            set.map_err(|error| error.to_string())?;
        }
        if next.execution_log != before.execution_log {
            let place = of_stages(&next.execution_log);
            let set = self.execution.set_destination(&place);
            set.map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// A core's queues.
    fn logs(&self, settings: &Logging) -> Logs {
        let is_on = |log: &AccessLog| *log != AccessLog::Off;
        Logs {
            access: is_on(&settings.access_log).then(|| log_lines(&self.access)),
            execution: is_on(&settings.execution_log).then(|| log_lines(&self.execution)),
        }
    }

    /// Writes the last lines.
    pub async fn finish(self) {
        self.access.finish().await;
        self.execution.finish().await;
    }
}

/// The operator's listener.
#[derive(Debug)]
pub struct Admin {
    pub local: SocketAddr,
    pub stop: watch::Sender<bool>,
}

/// Names of upstreams that are slow to resolve do not hold up the start for longer.
pub const NAMES_LIMIT: Duration = Duration::from_secs(3);

/// Buffers of 32 KiB between a core and the writer of the access log.
const LOG_BUFFERS: usize = 64;

impl Running {
    /// Starts everything. Inside a tokio runtime, on the thread that will call `control`.
    /// `sockets` are inherited ones; `takes_over` when an older process still serves.
    ///
    /// # Errors
    /// What hinders it; nothing is left running then.
    pub async fn start(
        source: Source,
        sockets: Vec<(SocketAddr, OwnedFd)>,
        takes_over: bool,
        diagnostics: Diagnostics,
    ) -> Result<Self, Error> {
        let signals = Signals::listen()?;
        let files = FileWatch::new(source.file().cloned());
        let prepared = prepare::prepare(&source, &Made::default(), (None, None))?;
        let (config, mut current) = (prepared.config, prepared.next);
        let settings = config.settings;
        diagnostics.set_level(&settings.logging.level);
        let driver = driver(settings.driver)?;
        let cpus = sys::allowed_cpus();
        let workers = settings.workers.map_or(cpus.len(), usize::from).max(1);
        let (listeners, doors) =
            Listeners::open(&settings.listeners, sockets, workers).map_err(Error::Listeners)?;
        let functions = FunctionRoom::start(&settings, config.functions)?;
        let making = Making::open(&settings, config.snapshot, takes_over, &functions).await?;
        if !making.made.is_empty() {
            let joined = making.join(&settings, &current);
            current = joined.map_err(Error::Made)?;
        }
        listeners.set_domains(&making.made);
        let exporters = Exporters::start(&settings.logging)?;
        let mut names = dns::Watcher::start(dns_settings(&settings.dns));
        names.names(hosts(&current.published));
        names.settled(NAMES_LIMIT).await;
        let book = names.subscribe();
        let (vault, credentials) = Vault::start(Desk::of(&settings, &making.snapshot.upstreams));
        let shared = shared(&functions, &vault, &settings);
        let seats = seats(doors, &cpus, &settings, &exporters);
        let first = First {
            published: Arc::clone(&current.published),
            addresses: names.book(),
            credentials: Arc::clone(&credentials.borrow()),
            callers: keys::callers(&settings).map_err(ManagementError::Keys)?,
        };
        let cores = Cores::start(driver, &shared, &first, seats).await?;
        let observer = Observer::new(cores.mailboxes(), workers, exporters.access.written());
        observer.facts().explains = !is_strict(&settings);
        let admin = open_admin(settings.admin, takes_over, &observer)
            .inspect_err(|_| cores.tell(|_| Command::Stop))?;
        let mut running = Self {
            admin,
            source,
            memory: prepared.memory,
            started: settings.clone(),
            settings,
            making,
            current,
            cores,
            shared,
            listeners,
            exporters,
            functions,
            vault,
            credentials,
            diagnostics,
            observer,
            names,
            book,
            files,
            signals,
            driver,
        };
        running.watch_files();
        running.say_ready();
        Ok(running)
    }

    fn say_ready(&self) {
        let mut facts = self.observer.facts();
        facts.ledger = Arc::clone(&self.current.ledger);
        facts.certificates = self.listeners.certificates();
        let first = self.listeners.open.first();
        facts.door = first.map(|open| Origin::here(open.local, open.listener.tls.is_some()));
        facts.plan_version = self.current.published.plan.version;
        facts.phase = Phase::Ready;
    }

    /// Watches all files that the config depends on.
    pub fn watch_files(&mut self) {
        let mut files: Vec<PathBuf> = self.source.file().cloned().into_iter().collect();
        files.extend(self.listeners.files());
        files.extend(authorities(&self.current.published));
        files.extend(self.settings.management.iter().flat_map(keys::files));
        files.extend(credentials::files(&self.settings));
        self.files.watch(files);
    }

    /// Gives each core its queues to the exporters, or takes them away.
    pub fn connect_logs(&self) {
        let logging = &self.settings.logging;
        self.cores
            .tell(|_| Command::Log(self.exporters.logs(logging)));
    }
}

/// What each core starts with. Where there are more cores than processors none is bound to one.
fn seats(
    doors: Vec<Vec<Door>>,
    cpus: &[usize],
    settings: &Settings,
    exporters: &Exporters,
) -> Vec<Seat> {
    let bound = doors.len() <= cpus.len();
    let seats = doors.into_iter().enumerate().map(|(index, doors)| Seat {
        cpu: bound.then(|| cpus[index]),
        doors,
        logs: exporters.logs(&settings.logging),
    });
    seats.collect()
}

pub fn log_lines(exporter: &Exporter) -> Lines {
    let (lines, drain): (Lines, Drain) = lines(LOG_BUFFERS);
    exporter.add(drain);
    lines
}

fn driver(wanted: config::Driver) -> Result<Driver, Error> {
    match (wanted, Driver::best()) {
        (config::Driver::Epoll, _) => Ok(Driver::Epoll),
        (config::Driver::IoUring, Driver::Epoll) => Err(Error::NoRing),
        (_, best) => Ok(best),
    }
}

fn shared(functions: &FunctionRoom, vault: &Vault, settings: &Settings) -> Arc<Shared> {
    let shared = Shared {
        functions: Some(functions.all.clone()),
        wishes: Some(vault.wishes()),
        ..Shared::default()
    };
    apply_shared(&shared, settings);
    Arc::new(shared)
}

/// What cores look at without a plan.
pub fn apply_shared(shared: &Shared, settings: &Settings) {
    let most = settings.limits.connections_max.unwrap_or(0) as usize;
    shared.connections_max.store(most, Ordering::Relaxed);
}

/// As `destination`, for lines that say whose they are.
fn of_stages(log: &AccessLog) -> Destination {
    match log {
        AccessLog::File(path) if StageFiles::is_template(path) => Destination::Stages(path.clone()),
        log => destination(log),
    }
}

pub fn destination(log: &AccessLog) -> Destination {
    match log {
        AccessLog::Off => Destination::Nowhere,
        AccessLog::Stdout => Destination::Stdout,
        AccessLog::File(path) => Destination::File(path.clone()),
    }
}

pub fn dns_settings(dns: &config::Dns) -> dns::Settings {
    let ms = |ms: u32| Duration::from_millis(ms.into());
    dns::Settings {
        servers: dns.servers.clone(),
        timeout: ms(dns.timeout_ms),
        minimum_ttl: ms(dns.minimum_ttl_ms),
        maximum_ttl: ms(dns.maximum_ttl_ms),
        ..dns::Settings::default()
    }
}

/// The host names of all upstream targets.
pub fn hosts(published: &Published) -> impl Iterator<Item = &str> {
    let groups = published.groups.iter().flatten();
    let targets = groups.flat_map(|group| &group.targets);
    targets
        .filter(|target| target.ip.is_none())
        .map(|target| &*target.host)
}

fn authorities(published: &Published) -> impl Iterator<Item = PathBuf> {
    let groups = published.plan.groups.iter().flatten();
    groups.filter_map(|group| match &group.tls.as_ref()?.trust {
        crate::plan::target::Trust::File(file) => Some(PathBuf::from(&**file)),
        _ => None,
    })
}

fn is_strict(settings: &Settings) -> bool {
    let management = settings.management.as_ref();
    management.is_some_and(|own| own.strict)
}

fn open_admin(
    address: Option<SocketAddr>,
    beside: bool,
    observer: &Observer,
) -> Result<Option<Admin>, Error> {
    let Some(address) = address else {
        return Ok(None);
    };
    let fail = |error| Error::Admin { address, error };
    let listener = reception::bind(address, beside).map_err(fail)?;
    let local = listener.local_addr().map_err(fail)?;
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(admin::serve(listener, observer.clone(), stopped));
    Ok(Some(Admin { local, stop }))
}

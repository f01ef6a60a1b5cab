//! The cores as the control thread sees them: a thread and a mailbox each.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep};

use crate::gateway::auth::Callers;
use crate::gateway::credentials::Book;
use crate::gateway::{Command, Logs, Published, Shared, Worker, serve};
use crate::net::inbound::accept::Door;
use crate::observe::Numbers;
use crate::rt::address::AddressBook;
use crate::rt::{Core, Driver, Mailbox, mailbox, signal};

/// Letters that may wait for one core. A core reads them all in one turn, so more than a few
/// waiting means that it is stuck.
const MAILBOX_LETTERS: usize = 1024;
/// Routes whose numbers a core copies before it serves again.
const COUNT_ROUTES_MAX: u32 = 256;
/// How often ended threads are looked for.
const JOIN_POLL: Duration = Duration::from_millis(5);

/// What a core starts with.
#[derive(Debug)]
pub struct Seat {
    pub cpu: Option<usize>,
    pub doors: Vec<Door>,
    pub logs: Logs,
}

/// What all cores begin with.
#[derive(Debug)]
pub struct First {
    pub published: Arc<Published>,
    pub addresses: Arc<AddressBook>,
    pub credentials: Arc<Book>,
    pub callers: Arc<Callers>,
}

/// The running cores.
#[derive(Debug)]
pub struct Cores {
    mailboxes: Vec<Mailbox<Command>>,
    threads: Vec<JoinHandle<io::Result<()>>>,
    /// True from when the first of the threads begins to end.
    ending: watch::Sender<bool>,
    turn: AtomicUsize,
}

/// Tells that its thread ends, also by a panic.
struct Ending(watch::Sender<bool>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.send_replace(true);
    }
}

/// A way to speak to the cores that can be kept anywhere.
#[derive(Clone, Debug)]
pub struct Mailboxes(Vec<Mailbox<Command>>);

impl Cores {
    /// Starts a core for each seat and returns when all accept connections.
    ///
    /// # Errors
    /// When a thread or its event loop cannot be made; those that were are ended again.
    pub async fn start(
        driver: Driver,
        shared: &Arc<Shared>,
        first: &First,
        seats: Vec<Seat>,
    ) -> io::Result<Self> {
        let mut cores = Self {
            mailboxes: Vec::new(),
            threads: Vec::new(),
            ending: watch::Sender::new(false),
            turn: AtomicUsize::new(0),
        };
        for (index, seat) in seats.into_iter().enumerate() {
            let started = cores.add(index, driver, shared, first, seat).await;
            if let Err(error) = started {
                cores.tell(|_| Command::Stop);
                return Err(error);
            }
        }
        Ok(cores)
    }

    async fn add(
        &mut self,
        index: usize,
        driver: Driver,
        shared: &Arc<Shared>,
        first: &First,
        seat: Seat,
    ) -> io::Result<()> {
        let (sender, letters) = mailbox(MAILBOX_LETTERS)?;
        // What the core begins with is in its mailbox before it looks there.
        for command in [
            Command::Publish(Arc::clone(&first.published)),
            Command::Addresses(Arc::clone(&first.addresses)),
            Command::Credentials(Arc::clone(&first.credentials)),
            Command::Callers(Arc::clone(&first.callers)),
            Command::Log(seat.logs),
        ] {
            let _ = sender.send(command);
        }
        let (ready, is_ready) = oneshot::channel();
        let shared = Arc::clone(shared);
        let doors = seat.doors;
        let ending = Ending(self.ending.clone());
        let thread = Core::start(index, seat.cpu, driver, move |core| async move {
            let _ending = ending;
            let begin = || {
                signal::block_in_this_thread()?;
                Ok((Worker::new(core, shared)?, letters.open()?))
            };
            match begin() {
                Ok((worker, inbox)) => {
                    let _ = ready.send(Ok(()));
                    serve::serve(worker, doors, inbox).await;
                }
                Err(error) => {
                    let _ = ready.send(Err(error));
                }
            }
        })?;
        self.mailboxes.push(sender);
        self.threads.push(thread);
        match is_ready.await {
            Ok(outcome) => outcome,
            // The event loop could not be made: the thread itself knows why.
            Err(_) => match self.threads.pop().map(JoinHandle::join) {
                Some(Ok(Err(error))) => Err(error),
                _ => Err(io::Error::other("a core ended before it began")),
            },
        }
    }

    pub fn count(&self) -> usize {
        self.threads.len()
    }

    pub fn mailboxes(&self) -> Mailboxes {
        Mailboxes(self.mailboxes.clone())
    }

    /// Tells every core what `make` makes for its index.
    pub fn tell(&self, mut make: impl FnMut(usize) -> Command) {
        for (index, mailbox) in self.mailboxes.iter().enumerate() {
            if mailbox.send(make(index)).is_err() {
                tracing::error!(core = index, "a core does not read its mailbox");
            }
        }
    }

    /// Tells one of the cores, each in its turn.
    pub fn tell_one(&self, command: Command) {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let index = turn % self.mailboxes.len().max(1);
        let mailbox = self.mailboxes.get(index);
        if mailbox.is_none_or(|mailbox| mailbox.send(command).is_err()) {
            tracing::error!(core = index, "a core does not read its mailbox");
        }
    }

    /// Waits until every core has obeyed what it was told before. A core that does not answer is
    /// not waited for any longer.
    pub async fn obeyed(&self) {
        for mailbox in &self.mailboxes {
            let (reply, answer) = oneshot::channel();
            if mailbox.send(Command::Echo(reply)).is_ok() {
                let _ = tokio::time::timeout(ANSWER_LIMIT, answer).await;
            }
        }
    }

    /// Waits until `deadline` for all cores to end; false when some have not.
    pub async fn ended(&self, deadline: Instant) -> bool {
        while !self.threads.iter().all(JoinHandle::is_finished) {
            if Instant::now() >= deadline {
                return false;
            }
            sleep(JOIN_POLL).await;
        }
        true
    }

    /// Returns when a core has ended, which none should while the process serves.
    pub async fn broken(&self) -> usize {
        // There is a sender as long as there is `self`.
        let _ = self.ending.subscribe().wait_for(|begun| *begun).await;
        loop {
            if let Some(core) = self.threads.iter().position(JoinHandle::is_finished) {
                return core;
            }
            sleep(JOIN_POLL).await;
        }
    }
}

impl Mailboxes {
    /// Tells one of the cores.
    pub fn tell_one(&self, command: Command) {
        if let Some(mailbox) = self.0.first()
            && mailbox.send(command).is_err()
        {
            tracing::error!("the first core does not read its mailbox");
        }
    }

    /// The numbers of all cores, merged. Cores that do not answer are left out.
    pub async fn numbers(&self) -> Numbers {
        let mut all = Numbers::default();
        for mailbox in &self.0 {
            let mut next = Some(0);
            while let Some(first) = next {
                let (reply, answer) = oneshot::channel();
                let asked = mailbox.send(Command::Count {
                    first,
                    routes_max: COUNT_ROUTES_MAX,
                    reply,
                });
                let answer = match asked {
                    Ok(()) => tokio::time::timeout(ANSWER_LIMIT, answer).await,
                    Err(_) => break,
                };
                let Ok(Ok((numbers, rest))) = answer else {
                    break;
                };
                all.merge(numbers);
                next = rest;
            }
        }
        all
    }
}

/// A core that says nothing for so long has ended or is stuck.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);

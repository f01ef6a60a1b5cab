//! The main task of a core: opens its doors, obeys the control thread, ends when all is served.

use std::sync::Arc;

use tokio::sync::oneshot;

use crate::gateway::auth::Callers;
use crate::gateway::credentials::Book;
use crate::gateway::trial::{self, Trial};
use crate::gateway::{Published, Worker};
use crate::net::inbound::accept::{Door, LAST_WORDS_MS, listen};
use crate::observe::{Counter, Lines, Numbers};
use crate::rt::address::AddressBook;
use crate::rt::{Inbox, Mailbox, task};

/// What the control thread tells a core.
#[derive(Debug)]
pub enum Command {
    Publish(Arc<Published>),
    Addresses(Arc<AddressBook>),
    /// What signs requests to AWS.
    Credentials(Arc<Book>),
    /// Whose signatures count.
    Callers(Arc<Callers>),
    /// Where lines go from now on.
    Log(Logs),
    /// A copy of the numbers of at most `routes_max` routes from the id `first` on, and the id to
    /// go on with.
    Count {
        first: u32,
        routes_max: u32,
        reply: oneshot::Sender<(Numbers, Option<u32>)>,
    },
    /// A request of nobody, answered by its letter.
    Try(Box<Trial>),
    /// Answered when all letters before it have been obeyed.
    Echo(oneshot::Sender<()>),
    /// No new connections and no further requests; the core ends when those under way are done.
    Drain,
    /// Ends now.
    Stop,
}

/// Where a core's lines go; none: nowhere.
#[derive(Debug, Default)]
pub struct Logs {
    /// One for each call.
    pub access: Option<Lines>,
    /// What happened in a call.
    pub execution: Option<Lines>,
}

impl Logs {
    fn all(&mut self) -> impl Iterator<Item = &mut Lines> {
        self.access.iter_mut().chain(&mut self.execution)
    }
}

/// How often lines are shipped and idle upstream connections looked at, milliseconds.
const TIDY_MS: u32 = 200;
/// How often a draining core looks whether all is done.
const DRAIN_POLL_MS: u32 = 20;

/// Serves until told to end.
pub async fn serve(worker: &'static Worker, doors: Vec<Door>, inbox: Inbox<Command>) {
    for door in doors {
        task::spawn(attend(worker, door), || ());
    }
    task::spawn(tidy(worker), || ());
    loop {
        match inbox.next().await {
            Command::Drain => {
                worker.drain();
                // An idle client that is about to send its next request gets this long, too.
                let grace_ms = worker.core.now_ms() + u64::from(LAST_WORDS_MS);
                worker.core.deadlines.end_idle_by(grace_ms);
                task::spawn(drained(worker, inbox.own_mailbox()), || ());
            }
            Command::Stop => break,
            command => obey(worker, command),
        }
    }
    worker.stopping.raise();
    // What the last requests said is shipped when the lines are dropped.
    worker.set_logs(Logs::default());
}

async fn attend(worker: &'static Worker, door: Door) {
    worker.doors.set(worker.doors.get() + 1);
    listen(worker, door, worker.stopping.raised()).await;
    worker.doors.set(worker.doors.get() - 1);
}

fn obey(worker: &'static Worker, command: Command) {
    match command {
        Command::Publish(next) => worker.publish(next),
        Command::Addresses(book) => worker.groups.set_addresses(book),
        Command::Credentials(book) => worker.keyring.publish(book),
        Command::Callers(callers) => worker.set_callers(callers),
        Command::Log(logs) => worker.set_logs(logs),
        Command::Count {
            first,
            routes_max,
            reply,
        } => {
            let mut numbers = worker.numbers.borrow_mut();
            // Whoever asked may have given up.
            let _ = reply.send(numbers.snapshot_part(first, routes_max));
        }
        Command::Try(trial) => task::spawn(trial::run(worker, *trial), || ()),
        Command::Echo(reply) => {
            // Whoever asked may have given up.
            let _ = reply.send(());
        }
        Command::Drain | Command::Stop => {}
    }
}

/// Tells the core to stop once its doors are shut, its last connection is closed, and no worker of a
/// function speaks with it: that may be about a call of another core.
async fn drained(worker: &'static Worker, mailbox: Mailbox<Command>) {
    let is_busy = || worker.doors.get() > 0 || worker.open() > 0 || worker.talks() > 0;
    while is_busy() || mailbox.send(Command::Stop).is_err() {
        worker.core.pause(DRAIN_POLL_MS).await;
    }
}

async fn tidy(worker: &'static Worker) {
    loop {
        worker.core.lull(TIDY_MS).await;
        worker.groups.tidy(worker.core.now_ms());
        worker.caches.copies.tidy();
        worker.ship_lines();
    }
}

impl Worker {
    /// Lines of a destination that is given up are shipped to it.
    fn set_logs(&self, logs: Logs) {
        *self.logs.borrow_mut() = logs;
    }

    fn ship_lines(&self) {
        let mut logs = self.logs.borrow_mut();
        logs.all().for_each(Lines::flush);
        let dropped = logs.all().map(|lines| lines.dropped()).sum();
        self.numbers
            .borrow_mut()
            .set(Counter::LogLinesDropped, dropped);
    }
}

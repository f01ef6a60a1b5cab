//! Moves what the write-ahead log holds into the database, on a thread of its own: SQLite would
//! do it inside of a commit, which then takes several times as long as its neighbours.

use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::store::StoreError;
use crate::store::sqlite::{fault, schema};

/// So much is written before the log is looked at.
const BYTES: usize = 2 << 20;
const COMMITS: usize = 256;
/// A moment without commits is waited for, but not for long.
const QUIET: Duration = Duration::from_millis(50);
const PATIENCE: Duration = Duration::from_secs(2);

/// The thread; it ends, and is waited for, when this is dropped.
pub(crate) struct Checkpoints {
    bytes: usize,
    commits: usize,
    /// None once it is to end.
    commands: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpoints {
    /// # Errors
    /// When the system has no thread left.
    pub fn start(path: &Path) -> Result<Self, StoreError> {
        let (commands, waiting) = sync_channel(1);
        let own = path.to_path_buf();
        let thread = thread::Builder::new()
            .name("checkpoint".to_owned())
            .spawn(move || run(&own, &waiting))
            .map_err(|error| fault::of_file(path, &error))?;
        Ok(Self {
            bytes: 0,
            commits: 0,
            commands: Some(commands),
            thread: Some(thread),
        })
    }

    /// So many bytes have been committed.
    pub fn count(&mut self, bytes: usize) {
        self.bytes += bytes;
        self.commits += 1;
        let is_due = self.bytes >= BYTES || self.commits >= COMMITS;
        let commands = self.commands.as_ref().filter(|_| is_due);
        // A full queue: it knows already, and will see this commit too or be told again.
        if commands.is_some_and(|commands| commands.try_send(()).is_ok()) {
            (self.bytes, self.commits) = (0, 0);
        }
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        self.commands = None;
        if let Some(thread) = self.thread.take() {
            // It has nothing to tell.
            let _ = thread.join();
        }
    }
}

fn run(path: &Path, commands: &Receiver<()>) {
    let mut kept = None;
    while commands.recv().is_ok() {
        let until = Instant::now() + PATIENCE;
        loop {
            match commands.recv_timeout(QUIET) {
                Ok(()) if Instant::now() < until => {}
                Ok(()) | Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
        let connection = match kept.take() {
            Some(connection) => connection,
            None => match schema::open_checkpointer(path) {
                Ok(connection) => connection,
                Err(error) => {
                    tracing::warn!(%error, "the write-ahead log is left to the commits");
                    continue;
                }
            },
        };
        // "PASSIVE: checkpoint as many frames as possible without waiting for any database readers
        // or writers to finish." Whatever goes wrong, the commits see it too, and tell.
        let done = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        kept = done.is_ok().then_some(connection);
    }
}

//! The thread that writes: groups of changes, one commit for each group.

use std::path::PathBuf;
use std::sync::Arc;

use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::mpsc;

use crate::store::change::Change;
use crate::store::feed::Feed;
use crate::store::job::Job;
use crate::store::sqlite::checkpoint::Checkpoints;
use crate::store::sqlite::fault;
use crate::store::sqlite::lock::FolderLock;
use crate::store::sqlite::rows::Tables;
use crate::store::{Key, StoreError};

/// So many changes share a commit at most; more would let the first wait for long.
const GROUP_JOBS_MAX: usize = 128;

pub(crate) enum Message {
    Job(Box<dyn Job>),
    /// Provokes faults.
    #[cfg(test)]
    Sql(&'static str),
}

pub(crate) struct Writer {
    pub(crate) connection: Connection,
    pub(crate) path: PathBuf,
    pub(crate) messages: mpsc::Receiver<Message>,
    pub(crate) feed: Arc<Feed>,
    pub(crate) checkpoints: Checkpoints,
    /// Goes last, after the connections.
    pub(crate) _lock: FolderLock,
}

/// Versions and keys of the changes of one group that wrote something.
type Changes = Vec<(u64, Vec<Key>)>;

impl Writer {
    /// Works until the last sender is gone and every change that waited is answered.
    pub(crate) fn run(mut self) {
        let mut group = Vec::new();
        while self.messages.blocking_recv_many(&mut group, GROUP_JOBS_MAX) > 0 {
            let mut jobs: Vec<Box<dyn Job>> = group
                .drain(..)
                .filter_map(|message| self.job(message))
                .collect();
            let kept = self.commit(&mut jobs).map(|(changes, bytes)| {
                if !changes.is_empty() {
                    self.checkpoints.count(bytes);
                }
                // First the feed, then the answers: who was answered finds the new version.
                self.feed.publish(changes);
            });
            for job in jobs {
                job.finish(kept.clone());
            }
        }
    }

    #[cfg_attr(test, allow(clippy::expect_used))]
    fn job(&self, message: Message) -> Option<Box<dyn Job>> {
        match message {
            Message::Job(job) => Some(job),
            #[cfg(test)]
            Message::Sql(sql) => {
                // Settings answer with a row, which `execute_batch` steps over.
                self.connection.execute_batch(sql).expect("valid SQL");
                None
            }
        }
    }

    /// All jobs in one SQL transaction, and how many bytes that were. An error means that none of
    /// them was kept.
    fn commit(&mut self, jobs: &mut [Box<dyn Job>]) -> Result<(Changes, usize), StoreError> {
        let path = &self.path;
        let failed = |error: rusqlite::Error| fault::of_sqlite(path, &error);
        // Rolls back when it is dropped.
        let group = Transaction::new(&mut self.connection, TransactionBehavior::Immediate)
            .map_err(failed)?;
        let before = self.feed.version();
        let mut version = before;
        let mut changes = Changes::new();
        let mut bytes = 0;
        for job in jobs {
            group.execute_batch("SAVEPOINT change").map_err(failed)?;
            let mut tables = Tables::new(&group, path);
            let mut change = Change::new(&mut tables, version + 1);
            let keep = job.run(&mut change);
            let touched = change.into_touched();
            bytes += tables.written_bytes();
            // A change may swallow an error, but the engine's own are not its to judge.
            if let Some(fault) = tables.into_fault() {
                return Err(fault);
            }
            let end = if keep {
                "RELEASE change"
            } else {
                "ROLLBACK TO change; RELEASE change"
            };
            group.execute_batch(end).map_err(failed)?;
            if keep && !touched.is_empty() {
                version += 1;
                changes.push((version, touched));
            }
        }
        if version > before {
            Tables::new(&group, path).set_head(version)?;
            group.commit().map_err(failed)?;
        }
        Ok((changes, bytes))
    }
}

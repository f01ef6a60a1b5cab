//! The engine: its thread, its readers, its end.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::mpsc;

use crate::store::StoreError;
use crate::store::change::View;
use crate::store::feed::{Feed, lock};
use crate::store::job::Job;
use crate::store::sqlite::checkpoint::Checkpoints;
use crate::store::sqlite::lock::FolderLock;
use crate::store::sqlite::rows::Tables;
use crate::store::sqlite::writer::{Message, Writer};
use crate::store::sqlite::{fault, file, schema};

/// Changes that may wait for the writer; further callers wait to hand theirs in.
const WAITING_MAX: usize = 1_024;
/// Connections kept for the next reader.
const READERS_MAX: usize = 8;

#[derive(Debug)]
pub(crate) struct Sqlite {
    path: PathBuf,
    open: Mutex<Option<Open>>,
}

/// What there is until the store is closed.
#[derive(Debug)]
struct Open {
    messages: mpsc::Sender<Message>,
    writer: JoinHandle<()>,
    readers: Vec<Connection>,
}

impl Sqlite {
    pub(crate) fn open(data_dir: &Path) -> Result<(Self, Arc<Feed>), StoreError> {
        file::make_folder(data_dir)?;
        let folder = FolderLock::take(data_dir)?;
        let path = file::database(data_dir);
        let connection = schema::open_writer(&path)?;
        let feed = Arc::new(Feed::new(Tables::new(&connection, &path).head()?));
        let (messages, waiting) = mpsc::channel(WAITING_MAX);
        let writer = Writer {
            connection,
            path: path.clone(),
            messages: waiting,
            feed: feed.clone(),
            checkpoints: Checkpoints::start(&path)?,
            _lock: folder,
        };
        let writer = thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || writer.run())
            .map_err(|error| fault::of_file(&path, &error))?;
        let open = Open {
            messages,
            writer,
            readers: Vec::new(),
        };
        let sqlite = Self {
            path,
            open: Mutex::new(Some(open)),
        };
        Ok((sqlite, feed))
    }

    pub(crate) async fn submit(&self, job: Box<dyn Job>) -> Result<(), StoreError> {
        self.send(Message::Job(job)).await
    }

    async fn send(&self, message: Message) -> Result<(), StoreError> {
        let messages = lock(&self.open)
            .as_ref()
            .map(|open| open.messages.clone())
            .ok_or(StoreError::Closed)?;
        messages.send(message).await.map_err(|_| StoreError::Closed)
    }

    pub(crate) fn read<T, E: From<StoreError>>(
        &self,
        work: impl FnOnce(&View<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let kept = match lock(&self.open).as_mut() {
            Some(open) => open.readers.pop(),
            None => return Err(StoreError::Closed.into()),
        };
        let mut connection = match kept {
            Some(connection) => connection,
            None => schema::open_reader(&self.path)?,
        };
        let result = self.read_with(&mut connection, work);
        if let Some(open) = lock(&self.open).as_mut()
            && open.readers.len() < READERS_MAX
        {
            open.readers.push(connection);
        }
        result
    }

    /// One SQL transaction, so that all of it is of one moment.
    fn read_with<T, E: From<StoreError>>(
        &self,
        connection: &mut Connection,
        work: impl FnOnce(&View<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let moment = connection
            .transaction_with_behavior(TransactionBehavior::Deferred)
            .map_err(|error| fault::of_sqlite(&self.path, &error))?;
        let tables = Tables::new(&moment, &self.path);
        // The first statement fixes the moment.
        let version = tables.head()?;
        work(&View::new(&tables, version))
    }

    pub(crate) fn close(&self) {
        let Some(open) = lock(&self.open).take() else {
            return;
        };
        // The writer's connection goes last and takes the write-ahead log with it.
        drop(open.readers);
        drop(open.messages);
        // The last clone of a store may go inside a change, on the writer's own thread.
        if open.writer.thread().id() != thread::current().id() {
            // Its panics were caught and answered; there is nothing to learn from it.
            let _ = open.writer.join();
        }
    }

    /// Runs `sql` on the connection that writes, before the next change.
    #[cfg(test)]
    #[allow(clippy::expect_used)]
    pub(crate) async fn provoke(&self, sql: &'static str) {
        self.send(Message::Sql(sql)).await.expect("an open store");
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        self.close();
    }
}

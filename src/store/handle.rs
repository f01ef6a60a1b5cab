//! `Store`: what the other rooms hold, whatever the engine.

use std::path::Path;
use std::sync::Arc;

use tokio::sync::watch;

use crate::store::feed::Feed;
use crate::store::job::job;
use crate::store::memory::Memory;
use crate::store::sqlite::Sqlite;
use crate::store::{Change, Entry, Key, Page, Prefix, StoreError, View};

/// Records with versions. Clones are the same store.
///
/// A change that was answered with `Ok` is durable, and every read that begins afterwards sees it.
/// Changes are serialised: they never interleave.
#[derive(Clone, Debug)]
pub struct Store {
    engine: Engine,
    feed: Arc<Feed>,
}

#[derive(Clone, Debug)]
enum Engine {
    Memory(Arc<Memory>),
    Sqlite(Arc<Sqlite>),
}

impl Store {
    /// Lost when the last clone goes.
    pub fn memory() -> Self {
        let feed = Arc::new(Feed::new(0));
        Self {
            engine: Engine::Memory(Arc::new(Memory::new(feed.clone()))),
            feed,
        }
    }

    /// Opens the database in `data_dir`, which is made when it is not there. One process may hold
    /// it; the last clone that goes, or `close`, lets go.
    ///
    /// # Errors
    /// `Locked`, `NewerSchema`, `Foreign`, `Damaged`, `NotWritable`, `Full` or `Io`.
    pub fn open(data_dir: &Path) -> Result<Self, StoreError> {
        let (sqlite, feed) = Sqlite::open(data_dir)?;
        Ok(Self {
            engine: Engine::Sqlite(Arc::new(sqlite)),
            feed,
        })
    }

    /// Runs `work` as one transaction: all it writes is kept when it returns `Ok`, nothing when it
    /// returns `Err` or panics.
    ///
    /// `work` runs on the engine's thread, while no other change runs; it should be short. It runs
    /// even if the caller stops waiting.
    ///
    /// # Errors
    /// That of `work`, or the engine's own.
    pub async fn change<T, E>(
        &self,
        work: impl FnOnce(&mut Change<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let (job, answer) = job(work);
        match &self.engine {
            Engine::Memory(memory) => memory.submit(job),
            Engine::Sqlite(sqlite) => sqlite.submit(job).await?,
        }
        answer.await.unwrap_or(Err(E::from(StoreError::Closed)))
    }

    /// Runs `work` over the records of one moment, with every acknowledged change.
    ///
    /// # Errors
    /// That of `work`, or the engine's own.
    #[allow(clippy::unused_async)] // An engine over the network will wait here.
    pub async fn read<T, E>(
        &self,
        work: impl FnOnce(&View<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        match &self.engine {
            Engine::Memory(memory) => memory.read(work),
            Engine::Sqlite(sqlite) => sqlite.read(work),
        }
    }

    /// # Errors
    /// When the engine cannot read.
    pub async fn get(&self, key: Key) -> Result<Option<Entry>, StoreError> {
        self.read(move |view| view.get(&key)).await
    }

    /// One page; see `View::list`.
    ///
    /// # Errors
    /// When the engine cannot read.
    pub async fn list(
        &self,
        prefix: Prefix,
        after: Option<Key>,
        limit: usize,
    ) -> Result<Page, StoreError> {
        self.read(move |view| view.list(&prefix, after.as_ref(), limit))
            .await
    }

    /// Grows with every change that wrote something, also from one process to the next.
    pub fn version(&self) -> u64 {
        self.feed.version()
    }

    /// Tells of new versions, after they can be read.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.feed.watch()
    }

    /// The keys that were written or deleted after `version`, sorted; `None` when that is too long
    /// ago to know (before this process, for one) and everything has to be read again.
    #[allow(clippy::unused_async)] // An engine over the network will wait here.
    pub async fn touched_since(&self, version: u64) -> Result<Option<Vec<Key>>, StoreError> {
        Ok(self.feed.touched_since(version))
    }

    /// Finishes the changes under way and lets go of the folder, so that another process may open
    /// it (a handover). Every later call is answered with `StoreError::Closed`.
    pub fn close(&self) {
        match &self.engine {
            Engine::Memory(memory) => memory.close(),
            Engine::Sqlite(sqlite) => sqlite.close(),
        }
    }

    /// The SQLite engine, for tests that provoke its faults.
    #[cfg(test)]
    #[allow(clippy::panic)]
    pub(crate) fn sqlite(&self) -> &Sqlite {
        match &self.engine {
            Engine::Sqlite(sqlite) => sqlite,
            Engine::Memory(_) => panic!("not SQLite"),
        }
    }
}

//! In memory: for tests, and for whoever wants to forget.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex};

use crate::store::change::{Change, Draft, Entry, Rows, View};
use crate::store::feed::{Feed, lock};
use crate::store::job::Job;
use crate::store::{Key, Prefix, StoreError};

#[derive(Debug)]
pub(crate) struct Memory {
    /// `None` once closed.
    records: Mutex<Option<Records>>,
    feed: Arc<Feed>,
}

type Records = BTreeMap<Key, Entry>;

impl Memory {
    pub(crate) fn new(feed: Arc<Feed>) -> Self {
        Self {
            records: Mutex::new(Some(Records::new())),
            feed,
        }
    }

    pub(crate) fn submit(&self, mut job: Box<dyn Job>) {
        let mut guard = lock(&self.records);
        let Some(records) = guard.as_mut() else {
            job.finish(Err(StoreError::Closed));
            return;
        };
        let version = self.feed.version() + 1;
        let mut draft = Undoable {
            records,
            before: Vec::new(),
        };
        let mut change = Change::new(&mut draft, version);
        let keep = job.run(&mut change);
        let touched = change.into_touched();
        if !keep {
            draft.undo();
        } else if !touched.is_empty() {
            self.feed.publish(vec![(version, touched)]);
        }
        drop(guard);
        job.finish(Ok(()));
    }

    pub(crate) fn read<T, E: From<StoreError>>(
        &self,
        work: impl FnOnce(&View<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let guard = lock(&self.records);
        let records = guard.as_ref().ok_or(StoreError::Closed)?;
        work(&View::new(records, self.feed.version()))
    }

    pub(crate) fn close(&self) {
        *lock(&self.records) = None;
    }
}

/// Writes in place and remembers what was there.
struct Undoable<'a> {
    records: &'a mut Records,
    before: Vec<(Key, Option<Entry>)>,
}

impl Undoable<'_> {
    fn undo(self) {
        for (key, entry) in self.before.into_iter().rev() {
            match entry {
                Some(entry) => self.records.insert(key, entry),
                None => self.records.remove(&key),
            };
        }
    }
}

impl Rows for Records {
    fn get(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        Ok(Self::get(self, key).cloned())
    }

    fn version(&self, key: &Key) -> Result<Option<u64>, StoreError> {
        Ok(Self::get(self, key).map(|entry| entry.version))
    }

    fn list(
        &self,
        prefix: &Prefix,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        let start = match after {
            Some(after) if after >= prefix.first() => Bound::Excluded(after),
            _ => Bound::Included(prefix.first()),
        };
        Ok(self
            .range::<Key, _>((start, Bound::Unbounded))
            .take_while(|(key, _)| prefix.contains(key))
            .take(limit)
            .map(|(_, entry)| entry.clone())
            .collect())
    }
}

impl Rows for Undoable<'_> {
    fn get(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        Rows::get(self.records, key)
    }

    fn version(&self, key: &Key) -> Result<Option<u64>, StoreError> {
        self.records.version(key)
    }

    fn list(
        &self,
        prefix: &Prefix,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        self.records.list(prefix, after, limit)
    }
}

impl Draft for Undoable<'_> {
    fn put(&mut self, key: &Key, version: u64, bytes: &[u8]) -> Result<(), StoreError> {
        let entry = Entry {
            key: key.clone(),
            version,
            bytes: bytes.to_vec(),
        };
        let before = self.records.insert(key.clone(), entry);
        self.before.push((key.clone(), before));
        Ok(())
    }

    fn delete(&mut self, key: &Key) -> Result<(), StoreError> {
        let before = self.records.remove(key);
        self.before.push((key.clone(), before));
        Ok(())
    }
}

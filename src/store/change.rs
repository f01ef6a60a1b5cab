//! What a transaction sees: `View` to read, `Change` to read and write.

use crate::store::{Key, Prefix, StoreError};

/// A record as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub key: Key,
    /// The store's version that wrote it last. No two writes of a key have the same, not even
    /// when it was deleted in between.
    pub version: u64,
    pub bytes: Vec<u8>,
}

/// Some neighbouring records, in the order of their keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    pub entries: Vec<Entry>,
    /// Where the next page starts (after this key), if there is one.
    pub next: Option<Key>,
}

/// What a write asks of the record it replaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Nothing.
    Any,
    /// There is none.
    Absent,
    /// There is one.
    Present,
    /// There is one, of this version.
    Version(u64),
}

impl Expect {
    fn holds(self, version: Option<u64>) -> bool {
        match self {
            Self::Any => true,
            Self::Absent => version.is_none(),
            Self::Present => version.is_some(),
            Self::Version(wanted) => version == Some(wanted),
        }
    }
}

/// What an engine offers to read. Everything seen through one of these is of one moment.
pub(crate) trait Rows {
    fn get(&self, key: &Key) -> Result<Option<Entry>, StoreError>;
    fn version(&self, key: &Key) -> Result<Option<u64>, StoreError>;
    /// At most `limit` records that `prefix` contains, beginning after `after`.
    fn list(
        &self,
        prefix: &Prefix,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError>;
}

/// What an engine offers to write, seen at once by the same `Rows`.
pub(crate) trait Draft: Rows {
    fn put(&mut self, key: &Key, version: u64, bytes: &[u8]) -> Result<(), StoreError>;
    fn delete(&mut self, key: &Key) -> Result<(), StoreError>;
}

/// The records of one moment, with all acknowledged changes.
#[derive(Clone, Copy)]
pub struct View<'a> {
    rows: &'a dyn Rows,
    version: u64,
}

impl<'a> View<'a> {
    pub(crate) fn new(rows: &'a dyn Rows, version: u64) -> Self {
        Self { rows, version }
    }

    /// The store's version of this moment.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// # Errors
    /// When the engine cannot read.
    pub fn get(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        self.rows.get(key)
    }

    /// At most `limit` records below `prefix`, in the order of their keys, beginning after the
    /// key `after` (a `Page::next`). `usize::MAX` gives all at once.
    ///
    /// # Errors
    /// When the engine cannot read.
    pub fn list(
        &self,
        prefix: &Prefix,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Page, StoreError> {
        // One more than asked for tells whether there is a next page.
        let mut entries = self.rows.list(prefix, after, limit.saturating_add(1))?;
        let more = entries.len() > limit;
        entries.truncate(limit);
        let last = entries.last().filter(|_| more);
        let next = last.map(|entry| entry.key.clone());
        Ok(Page { entries, next })
    }
}

/// One transaction: what it reads is what all changes before it left, and nobody else changes
/// anything until it ends.
pub struct Change<'a> {
    draft: &'a mut dyn Draft,
    version: u64,
    touched: Vec<Key>,
}

impl<'a> Change<'a> {
    pub(crate) fn new(draft: &'a mut dyn Draft, version: u64) -> Self {
        Self {
            draft,
            version,
            touched: Vec::new(),
        }
    }

    /// The keys that were written, for the feed.
    pub(crate) fn into_touched(self) -> Vec<Key> {
        self.touched
    }

    /// The version that the store, and every record written here, has once this is kept.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// All records as this change has left them so far.
    pub fn view(&self) -> View<'_> {
        View::new(&*self.draft, self.version)
    }

    /// Writes a record whole.
    ///
    /// # Errors
    /// `StoreError::Conflict` when `expect` does not hold; the change may go on. Any other is the
    /// end of the change.
    pub fn put(&mut self, key: &Key, expect: Expect, bytes: &[u8]) -> Result<(), StoreError> {
        self.check(key, expect)?;
        self.draft.put(key, self.version, bytes)?;
        self.touched.push(key.clone());
        Ok(())
    }

    /// Deletes a record; `Expect::Any` does not mind when there is none. Says whether there was.
    ///
    /// # Errors
    /// As `put`.
    pub fn delete(&mut self, key: &Key, expect: Expect) -> Result<bool, StoreError> {
        if self.check(key, expect)?.is_none() {
            return Ok(false);
        }
        self.draft.delete(key)?;
        self.touched.push(key.clone());
        Ok(true)
    }

    /// Deletes everything below `prefix` and says how many records that were.
    ///
    /// # Errors
    /// When the engine cannot.
    pub fn delete_all(&mut self, prefix: &Prefix) -> Result<usize, StoreError> {
        let page = self.view().list(prefix, None, usize::MAX)?;
        for entry in &page.entries {
            self.delete(&entry.key, Expect::Any)?;
        }
        Ok(page.entries.len())
    }

    fn check(&self, key: &Key, expect: Expect) -> Result<Option<u64>, StoreError> {
        let version = self.draft.version(key)?;
        if expect.holds(version) {
            Ok(version)
        } else {
            Err(StoreError::Conflict { key: key.clone() })
        }
    }
}

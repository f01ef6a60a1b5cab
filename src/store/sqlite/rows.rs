//! Records as rows: the only file with SQL for them.

use std::cell::RefCell;
use std::path::Path;

use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, params};

use crate::store::change::{Draft, Entry, Rows};
use crate::store::sqlite::fault;
use crate::store::{Key, Prefix, StoreError};

/// One connection inside a transaction.
pub(crate) struct Tables<'a> {
    connection: &'a Connection,
    path: &'a Path,
    /// The first error of the engine, after which the transaction cannot be trusted any more:
    /// SQLite ends it by itself when the disk is full.
    fault: RefCell<Option<StoreError>>,
    written_bytes: usize,
}

impl<'a> Tables<'a> {
    pub(crate) fn new(connection: &'a Connection, path: &'a Path) -> Self {
        Self {
            connection,
            path,
            fault: RefCell::new(None),
            written_bytes: 0,
        }
    }

    pub(crate) fn into_fault(self) -> Option<StoreError> {
        self.fault.into_inner()
    }

    /// Of the records that were put.
    pub(crate) fn written_bytes(&self) -> usize {
        self.written_bytes
    }

    pub(crate) fn head(&self) -> Result<u64, StoreError> {
        self.run("SELECT version FROM head", |statement| {
            statement.query_row([], |row| version_at(row, 0))
        })
    }

    pub(crate) fn set_head(&self, version: u64) -> Result<(), StoreError> {
        self.run("UPDATE head SET version = ?1", |statement| {
            statement.execute(params![version as i64]).map(drop)
        })
    }

    fn run<T>(
        &self,
        sql: &str,
        work: impl FnOnce(&mut CachedStatement<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        self.connection
            .prepare_cached(sql)
            .and_then(|mut statement| work(&mut statement))
            .map_err(|error| {
                let error = fault::of_sqlite(self.path, &error);
                self.fault.borrow_mut().get_or_insert_with(|| error.clone());
                error
            })
    }
}

impl Rows for Tables<'_> {
    fn get(&self, key: &Key) -> Result<Option<Entry>, StoreError> {
        self.run(GET, |statement| {
            let Key {
                account,
                region,
                kind,
                id,
            } = key;
            statement
                .query_row(params![account, region, kind, id], |row| {
                    Ok(Entry {
                        key: key.clone(),
                        version: version_at(row, 0)?,
                        bytes: row.get(1)?,
                    })
                })
                .optional()
        })
    }

    fn version(&self, key: &Key) -> Result<Option<u64>, StoreError> {
        self.run(VERSION, |statement| {
            let Key {
                account,
                region,
                kind,
                id,
            } = key;
            statement
                .query_row(params![account, region, kind, id], |row| version_at(row, 0))
                .optional()
        })
    }

    fn list(
        &self,
        prefix: &Prefix,
        after: Option<&Key>,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        let (sql, start) = match after {
            Some(after) if after >= prefix.first() => (LIST_AFTER, after),
            _ => (LIST_FROM, prefix.first()),
        };
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.run(sql, |statement| {
            let Key {
                account,
                region,
                kind,
                id,
            } = start;
            let mut entries = Vec::new();
            let mut rows = statement.query(params![account, region, kind, id, limit])?;
            while let Some(row) = rows.next()? {
                let key = Key::new(
                    row.get::<_, String>(0)?,
                    row.get::<_, String>(1)?,
                    row.get::<_, String>(2)?,
                    row.get::<_, String>(3)?,
                );
                // What belongs stands together, so the first that does not ends the list.
                if !prefix.contains(&key) {
                    break;
                }
                entries.push(Entry {
                    key,
                    version: version_at(row, 4)?,
                    bytes: row.get(5)?,
                });
            }
            Ok(entries)
        })
    }
}

impl Draft for Tables<'_> {
    fn put(&mut self, key: &Key, version: u64, bytes: &[u8]) -> Result<(), StoreError> {
        self.written_bytes += bytes.len();
        self.run(PUT, |statement| {
            let Key {
                account,
                region,
                kind,
                id,
            } = key;
            statement
                .execute(params![account, region, kind, id, version as i64, bytes])
                .map(drop)
        })
    }

    fn delete(&mut self, key: &Key) -> Result<(), StoreError> {
        self.run(DELETE, |statement| {
            let Key {
                account,
                region,
                kind,
                id,
            } = key;
            statement
                .execute(params![account, region, kind, id])
                .map(drop)
        })
    }
}

/// SQLite's integers have a sign; at a million changes a second the versions last 292,000 years.
fn version_at(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(|version| version as u64)
}

const GET: &str = "SELECT version, bytes FROM record
    WHERE account = ?1 AND region = ?2 AND kind = ?3 AND id = ?4";

const VERSION: &str = "SELECT version FROM record
    WHERE account = ?1 AND region = ?2 AND kind = ?3 AND id = ?4";

const LIST_FROM: &str = "SELECT account, region, kind, id, version, bytes FROM record
    WHERE (account, region, kind, id) >= (?1, ?2, ?3, ?4)
    ORDER BY account, region, kind, id LIMIT ?5";

const LIST_AFTER: &str = "SELECT account, region, kind, id, version, bytes FROM record
    WHERE (account, region, kind, id) > (?1, ?2, ?3, ?4)
    ORDER BY account, region, kind, id LIMIT ?5";

const PUT: &str = "INSERT INTO record (account, region, kind, id, version, bytes)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)
    ON CONFLICT (account, region, kind, id)
    DO UPDATE SET version = excluded.version, bytes = excluded.bytes";

const DELETE: &str = "DELETE FROM record
    WHERE account = ?1 AND region = ?2 AND kind = ?3 AND id = ?4";

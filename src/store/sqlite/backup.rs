//! A whole store into one file, while it is in use, and back.

use std::fs;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use crate::store::StoreError;
use crate::store::sqlite::lock::FolderLock;
use crate::store::sqlite::rows::Tables;
use crate::store::sqlite::{fault, file, schema};

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    pub records: u64,
    /// The store's version that the copy is of.
    pub version: u64,
    pub bytes: u64,
}

/// Copies the store in `data_dir` to `target`, which is replaced at once when the copy is whole and
/// on disk. The store may be in use: the copy is of one moment, and nobody waits.
///
/// # Errors
/// As `Store::open`, but never `Locked`; the one of `data_dir` has to be there.
pub fn backup(data_dir: &Path, target: &Path) -> Result<Copied, StoreError> {
    copy(&file::database(data_dir), target, || Ok(()))
}

/// Puts a backup in the place of the store in `data_dir`. The store that was there is kept beside
/// it as `daemun.db.replaced`; nothing changes if `source` is not a sound backup.
///
/// # Errors
/// As `Store::open`; `Locked` while a daemun uses the folder.
pub fn restore(data_dir: &Path, source: &Path) -> Result<Copied, StoreError> {
    file::make_folder(data_dir)?;
    let _lock = FolderLock::take(data_dir)?;
    let database = file::database(data_dir);
    copy(source, &database, || set_aside(&database))
}

/// Copies one database file to another, with `before` between the copying and the replacing.
fn copy(
    source: &Path,
    target: &Path,
    before: impl FnOnce() -> Result<(), StoreError>,
) -> Result<Copied, StoreError> {
    let partial = file::beside(target, ".partial");
    file::remove_if_there(&partial)?;
    // Made by us, so that only its owner may read it; SQLite accepts an empty file.
    file::make(&partial)?;
    let copied = vacuum(source, &partial).and_then(|()| look(&partial));
    let copied = match copied {
        Ok(copied) => copied,
        Err(error) => {
            file::remove_if_there(&partial)?;
            return Err(error);
        }
    };
    before()?;
    file::publish(&partial, target)?;
    Ok(copied)
}

fn vacuum(source: &Path, target: &Path) -> Result<(), StoreError> {
    let Some(text) = target.to_str() else {
        return Err(StoreError::Io {
            path: target.to_path_buf(),
            what: "the path is not UTF-8".to_owned(),
        });
    };
    // Without the right to write, SQLite cannot read a log that nobody else has open.
    let connection = Connection::open_with_flags(
        source,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
    .map_err(|error| fault::of_sqlite(source, &error))?;
    schema::check(source, &connection)?;
    let sound: String = connection
        .query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        .map_err(|error| fault::of_sqlite(source, &error))?;
    if sound != "ok" {
        return Err(StoreError::Damaged {
            path: source.to_path_buf(),
            what: sound,
        });
    }
    connection
        .execute("VACUUM INTO ?1", [text])
        .map(drop)
        .map_err(|error| match fault::of_sqlite(source, &error) {
            StoreError::Full { .. } => StoreError::Full {
                path: target.to_path_buf(),
            },
            other => other,
        })
}

/// What a finished copy holds. Fails on a file without our tables.
fn look(path: &Path) -> Result<Copied, StoreError> {
    let failed = |error: rusqlite::Error| fault::of_sqlite(path, &error);
    let connection = schema::open_reader(path)?;
    let records: i64 = connection
        .query_row("SELECT count(*) FROM record", [], |row| row.get(0))
        .map_err(failed)?;
    let bytes = fs::metadata(path).map_err(|error| fault::of_file(path, &error))?;
    Ok(Copied {
        records: records as u64,
        version: Tables::new(&connection, path).head()?,
        bytes: bytes.len(),
    })
}

/// Makes the database one file, without a log that would be taken for the new one's, and gives it
/// a second name.
fn set_aside(database: &Path) -> Result<(), StoreError> {
    if !database.exists() {
        return Ok(());
    }
    let replaced = file::beside(database, ".replaced");
    for suffix in ["", "-wal", "-shm"] {
        file::remove_if_there(&file::beside(&replaced, suffix))?;
    }
    // A damaged store is no reason not to replace it: then its log is set aside as it is.
    if let Ok(connection) = Connection::open(database) {
        let _ = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
    }
    let failed = |error| fault::of_file(database, &error);
    fs::hard_link(database, &replaced)
        .or_else(|_| fs::copy(database, &replaced).map(drop))
        .map_err(failed)?;
    for suffix in ["-wal", "-shm"] {
        let log = file::beside(database, suffix);
        if log.exists() {
            fs::rename(&log, file::beside(&replaced, suffix)).map_err(failed)?;
        }
    }
    Ok(())
}

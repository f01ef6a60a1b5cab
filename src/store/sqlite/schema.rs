//! Connections as we want them, and the tables with their history.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use crate::store::StoreError;
use crate::store::sqlite::{fault, file};

/// `daem`: tells our files from those of other programs.
const APPLICATION_ID: i64 = 0x6461_656d;

/// Each step leads from the schema of its index to the next. A step that was released is never
/// edited; a new one is added at the end.
const MIGRATIONS: &[&str] = &["
    CREATE TABLE record (
        account TEXT NOT NULL,
        region TEXT NOT NULL,
        kind TEXT NOT NULL,
        id TEXT NOT NULL,
        version INTEGER NOT NULL,
        bytes BLOB NOT NULL,
        PRIMARY KEY (account, region, kind, id)
    ) STRICT;
    CREATE TABLE head (
        only INTEGER PRIMARY KEY CHECK (only = 1),
        version INTEGER NOT NULL
    ) STRICT;
    INSERT INTO head (only, version) VALUES (1, 0);
"];

/// Another process touches the file only for a backup, and then for a moment.
const BUSY_MAX: Duration = Duration::from_secs(5);

/// The one connection that writes, with the tables of today.
pub(crate) fn open_writer(path: &Path) -> Result<Connection, StoreError> {
    file::make(path)?;
    let open = || -> rusqlite::Result<Connection> {
        let connection = Connection::open_with_flags(
            path,
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        connection.busy_timeout(BUSY_MAX)?;
        Ok(connection)
    };
    let mut connection = open().map_err(|error| fault::of_sqlite(path, &error))?;
    // What is not ours is not touched: this comes before the first write.
    check(path, &connection)?;
    let mode = arrange(&connection).map_err(|error| fault::of_sqlite(path, &error))?;
    if mode != "wal" {
        return Err(StoreError::Io {
            path: path.to_path_buf(),
            what: format!(
                "the file system does not let SQLite keep a write-ahead log (mode is {mode})"
            ),
        });
    }
    migrate(&mut connection, MIGRATIONS).map_err(|error| fault::of_sqlite(path, &error))?;
    Ok(connection)
}

pub(crate) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let open = || -> rusqlite::Result<Connection> {
        let connection = Connection::open_with_flags(
            path,
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        connection.busy_timeout(BUSY_MAX)?;
        Ok(connection)
    };
    open().map_err(|error| fault::of_sqlite(path, &error))
}

/// A connection that only moves the write-ahead log into the database.
pub(crate) fn open_checkpointer(path: &Path) -> Result<Connection, StoreError> {
    let open = || -> rusqlite::Result<Connection> {
        let connection = Connection::open_with_flags(
            path,
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        connection.execute_batch(
            "PRAGMA synchronous = FULL;
             PRAGMA fullfsync = ON;
             PRAGMA checkpoint_fullfsync = ON;",
        )?;
        Ok(connection)
    };
    open().map_err(|error| fault::of_sqlite(path, &error))
}

/// Whether this is a database of ours, of a schema that we know. An empty one is.
pub(crate) fn check(path: &Path, connection: &Connection) -> Result<(), StoreError> {
    let number = |sql: &str| -> Result<i64, StoreError> {
        connection
            .query_row(sql, [], |row| row.get(0))
            .map_err(|error| fault::of_sqlite(path, &error))
    };
    let known = MIGRATIONS.len() as i64;
    let found = number("PRAGMA user_version")?;
    match number("PRAGMA application_id")? {
        APPLICATION_ID if found > known => Err(StoreError::NewerSchema {
            path: path.to_path_buf(),
            found,
            known,
        }),
        APPLICATION_ID => Ok(()),
        0 if number("SELECT count(*) FROM sqlite_schema")? == 0 => Ok(()),
        _ => Err(StoreError::Foreign {
            path: path.to_path_buf(),
        }),
    }
}

/// Settings of a connection that writes; says the journal mode it got.
fn arrange(connection: &Connection) -> rusqlite::Result<String> {
    let mode = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    // "In WAL mode … FULL [is] the setting that adds a sync of the WAL file after each transaction
    // commit": what was acknowledged survives a power cut. A commit moves the log into the database
    // only if `Checkpoints` does not come to it before there are 64 MiB.
    connection.execute_batch(
        "PRAGMA synchronous = FULL;
         PRAGMA fullfsync = ON;
         PRAGMA checkpoint_fullfsync = ON;
         PRAGMA trusted_schema = OFF;
         PRAGMA temp_store = MEMORY;
         PRAGMA journal_size_limit = 67108864;
         PRAGMA wal_autocheckpoint = 16384;",
    )?;
    Ok(mode)
}

/// Runs the steps that are missing, all or none.
fn migrate(connection: &mut Connection, steps: &[&str]) -> rusqlite::Result<()> {
    let change = Transaction::new(connection, TransactionBehavior::Immediate)?;
    let from: i64 = change.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let missing = usize::try_from(from)
        .ok()
        .and_then(|from| steps.get(from..))
        .unwrap_or_default();
    if missing.is_empty() {
        return Ok(());
    }
    for step in missing {
        change.execute_batch(step)?;
    }
    change.pragma_update(None, "application_id", APPLICATION_ID)?;
    change.pragma_update(None, "user_version", steps.len() as i64)?;
    change.commit()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn user_version(connection: &Connection) -> i64 {
        connection
            .query_row("PRAGMA user_version", [], |row| row.get(0))
            .unwrap()
    }

    #[test]
    fn missing_steps_run_once_and_all_or_none() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, MIGRATIONS).unwrap();
        assert_eq!(user_version(&connection), 1);
        let more = [
            MIGRATIONS[0],
            "ALTER TABLE head ADD COLUMN node TEXT;",
            "CREATE TABLE lease (name TEXT) STRICT;",
        ];
        let broken = [more[0], more[1], "CREATE TABLE head (only TEXT);"];
        assert!(migrate(&mut connection, &broken).is_err());
        assert_eq!(user_version(&connection), 1);
        assert!(connection.prepare("SELECT node FROM head").is_err());
        migrate(&mut connection, &more).unwrap();
        migrate(&mut connection, &more).unwrap();
        assert_eq!(user_version(&connection), 3);
        connection.prepare("SELECT node FROM head").unwrap();
    }
}

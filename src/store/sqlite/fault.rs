//! SQLite's and the file system's errors in the store's words.

use std::io;
use std::path::Path;

use rusqlite::ErrorCode;

use crate::store::StoreError;

pub(crate) fn of_sqlite(path: &Path, error: &rusqlite::Error) -> StoreError {
    let path = path.to_path_buf();
    let what = error.to_string();
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => StoreError::Full { path },
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            StoreError::NotWritable { path, what }
        }
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            StoreError::Damaged { path, what }
        }
        _ => StoreError::Io { path, what },
    }
}

pub(crate) fn of_file(path: &Path, error: &io::Error) -> StoreError {
    let path = path.to_path_buf();
    let what = error.to_string();
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full { path },
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            StoreError::NotWritable { path, what }
        }
        _ => StoreError::Io { path, what },
    }
}

//! What may go wrong with a store, in words for the person who runs it.

use std::path::PathBuf;

use crate::store::Key;

/// Whatever it is, nothing of the change that met it was kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The expectation of a `put` or `delete` did not hold.
    #[error("the record {key} was changed in the meantime")]
    Conflict { key: Key },
    #[error("the record {key} cannot be read: {what}")]
    Malformed { key: Key, what: String },
    #[error(
        "the record {key} has format {found}, this version of daemun reads up to {known}; start a newer one"
    )]
    NewerRecord { key: Key, found: u64, known: u64 },
    #[error(
        "{} is in use by another daemun{}; give each its own data_dir, or stop the other",
        data_dir.display(),
        holder.as_ref().map(|pid| format!(" (process {pid})")).unwrap_or_default()
    )]
    Locked {
        data_dir: PathBuf,
        holder: Option<String>,
    },
    #[error(
        "{} was written by a newer daemun (schema {found}, this one knows {known}); start the newer one or restore a backup",
        path.display()
    )]
    NewerSchema {
        path: PathBuf,
        found: i64,
        known: i64,
    },
    #[error("{} is a database, but not one of daemun's", path.display())]
    Foreign { path: PathBuf },
    #[error("no space left for {}; nothing was changed", path.display())]
    Full { path: PathBuf },
    #[error("{} cannot be written: {what}; nothing was changed", path.display())]
    NotWritable { path: PathBuf, what: String },
    #[error("{} is damaged: {what}; restore a backup with `daemun restore`", path.display())]
    Damaged { path: PathBuf, what: String },
    #[error("{}: {what}", path.display())]
    Io { path: PathBuf, what: String },
    /// `Store::close` was called, or the process ends.
    #[error("the store is closed")]
    Closed,
    /// The function given to `Store::change` or `Store::read` panicked.
    #[error("the change was abandoned by a fault of daemun; nothing was changed")]
    Abandoned,
}

//! Where the files of a `data_dir` are, and how they are made: for their owner only, since keys
//! and certificates are in them.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::store::StoreError;
use crate::store::sqlite::fault;

const DATABASE: &str = "daemun.db";
const LOCK: &str = "daemun.lock";

pub(crate) fn database(data_dir: &Path) -> PathBuf {
    data_dir.join(DATABASE)
}

pub(crate) fn lock(data_dir: &Path) -> PathBuf {
    data_dir.join(LOCK)
}

/// The same path with `suffix` after its file name.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

pub(crate) fn make_folder(data_dir: &Path) -> Result<(), StoreError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(data_dir)
        .map_err(|error| fault::of_file(data_dir, &error))
}

/// Makes the file if it is not there, and waits until its name is on disk.
pub(crate) fn make(path: &Path) -> Result<File, StoreError> {
    let make = || -> io::Result<File> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)?;
        sync_folder_of(path)?;
        Ok(file)
    };
    make().map_err(|error| fault::of_file(path, &error))
}

/// Waits until the file's bytes are on disk, then gives it another name, at once and for good.
pub(crate) fn publish(from: &Path, to: &Path) -> Result<(), StoreError> {
    let publish = || -> io::Result<()> {
        File::open(from)?.sync_all()?;
        fs::rename(from, to)?;
        sync_folder_of(to)
    };
    publish().map_err(|error| fault::of_file(to, &error))
}

pub(crate) fn remove_if_there(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(fault::of_file(path, &error)),
        _ => Ok(()),
    }
}

fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    File::open(folder)?.sync_all()
}

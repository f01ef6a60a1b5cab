//! One process per `data_dir`: a lock that the system lets go when the process ends.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use crate::store::StoreError;
use crate::store::sqlite::{fault, file};

/// Held as long as it lives. The file stays: deleting it would let two processes lock two files.
#[derive(Debug)]
pub(crate) struct FolderLock {
    _file: File,
}

impl FolderLock {
    pub(crate) fn take(data_dir: &Path) -> Result<Self, StoreError> {
        let path = file::lock(data_dir);
        let mut file = file::make(&path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                // The number is for the message only.
                let _ = (&mut file).take(20).read_to_string(&mut pid);
                let pid = pid.trim();
                return Err(StoreError::Locked {
                    data_dir: data_dir.to_path_buf(),
                    holder: (!pid.is_empty()).then(|| pid.to_owned()),
                });
            }
            Err(TryLockError::Error(error)) => return Err(fault::of_file(&path, &error)),
        }
        let write = |file: &mut File| -> std::io::Result<()> {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "{}", std::process::id())
        };
        write(&mut file).map_err(|error| fault::of_file(&path, &error))?;
        Ok(Self { _file: file })
    }
}

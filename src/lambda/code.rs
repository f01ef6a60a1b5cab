//! The code of a function as it is on disk now.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use tokio::sync::OnceCell;

use crate::lambda::commons::lock;
use crate::lambda::function::Code;
use crate::lambda::watch::Watch;
use crate::lambda::zip;

/// One state of the code; when it changes another one is made, and workers of this one retire.
#[derive(Debug)]
pub struct Live {
    source: Code,
    watch: Option<Watch>,
    stamp: Option<(SystemTime, u64)>,
    /// It has changed: the system tells that only once, so whoever asks meanwhile waits for the answer.
    has_changed: Mutex<bool>,
    /// Where a zip is unpacked to; it goes with this.
    unpacked: PathBuf,
    folder: OnceCell<Result<PathBuf, String>>,
}

impl Live {
    /// `scratch` is a folder for what has to be unpacked.
    pub fn new(source: &Code, scratch: &Path) -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        // Taken before the watch, so that nothing falls between the two.
        let stamp = stamp(source);
        let watch = match source {
            Code::Folder(folder) if stamp.is_some() => Watch::folder(folder)
                .inspect_err(|error| {
                    let folder = folder.display();
                    tracing::warn!(%folder, %error, "changes of the code will not be noticed");
                })
                .ok(),
            _ => None,
        };
        Self {
            watch,
            stamp,
            has_changed: Mutex::new(false),
            source: source.clone(),
            unpacked: scratch.join(format!("code-{number}")),
            folder: OnceCell::new(),
        }
    }

    /// Whether the code is another by now.
    pub fn has_changed(&self) -> bool {
        let mut has_changed = lock(&self.has_changed);
        *has_changed = *has_changed
            || match &self.watch {
                Some(watch) => watch.has_changed(),
                None => stamp(&self.source) != self.stamp,
            };
        *has_changed
    }

    /// The folder with the code, unpacked if need be.
    pub async fn folder(&self) -> Result<&Path, &str> {
        let folder = self.folder.get_or_init(async || match &self.source {
            Code::Folder(folder) if self.stamp.is_none() => {
                Err(format!("there is no folder {}", folder.display()))
            }
            Code::Folder(folder) => Ok(folder.clone()),
            Code::Zip(file) => unpack(file.clone(), self.unpacked.clone()).await,
        });
        match folder.await {
            Ok(folder) => Ok(folder),
            Err(error) => Err(error),
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        if matches!(self.source, Code::Zip(_)) && self.folder.initialized() {
            let folder = std::mem::take(&mut self.unpacked);
            // Thousands of files may take a while to remove.
            if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                runtime.spawn_blocking(move || std::fs::remove_dir_all(folder));
            }
        }
    }
}

async fn unpack(file: PathBuf, target: PathBuf) -> Result<PathBuf, String> {
    let work = move || {
        let archive = std::fs::read(&file).map_err(|error| {
            let file = file.display();
            format!("{file} cannot be read: {error}")
        })?;
        zip::unpack(&archive, &target)?;
        Ok(target)
    };
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err("the code could not be unpacked".to_owned()))
}

/// Time of the last change and size of a zip, of a folder alone; none for what is missing.
fn stamp(source: &Code) -> Option<(SystemTime, u64)> {
    let (path, is_folder) = match source {
        Code::Zip(file) => (file, false),
        Code::Folder(folder) => (folder, true),
    };
    let meta = std::fs::metadata(path).ok()?;
    if is_folder && !meta.is_dir() {
        return None;
    }
    Some((meta.modified().ok()?, meta.len()))
}

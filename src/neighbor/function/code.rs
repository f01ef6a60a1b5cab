//! Uploaded code: checked, written beside the store, removed when no version has it any more.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::base::crypto;
use crate::control::{Error, Outcome};
use crate::lambda;
use crate::neighbor::function::{FunctionApi, invalid};

/// Code that has been written.
#[derive(Debug)]
pub struct Uploaded {
    /// The name of the file.
    pub file: String,
    pub bytes: u64,
    /// Base64, as the API shows it.
    pub sha256: String,
}

impl FunctionApi {
    /// Writes the zip of a request for the function `owner`, whose name goes into the file's.
    ///
    /// # Errors
    /// When it is no zip, or cannot be written.
    pub(super) async fn upload(&self, owner: &str, zip: &Value) -> Outcome<Uploaded> {
        let (uploaded, bytes) = read(owner, zip)?;
        let file = uploaded.file.clone();
        let folder = self.code_dir.clone();
        let written = tokio::task::spawn_blocking(move || write(&folder, &file, &bytes)).await;
        let written = written.unwrap_or_else(|_| Err(std::io::Error::other("interrupted")));
        written.map_err(|error| {
            let folder = self.code_dir.display();
            Error::internal(format!("the code cannot be kept in {folder}: {error}"))
        })?;
        Ok(uploaded)
    }

    /// Removes files that were code of a function and are not any more.
    pub(super) fn forget(&self, before: &[String], now: &[String]) {
        let gone = before.iter().filter(|file| !now.contains(file));
        let gone: Vec<PathBuf> = gone.map(|file| self.code_dir.join(file)).collect();
        if !gone.is_empty() {
            tokio::task::spawn_blocking(move || {
                for file in gone {
                    // A worker that starts at this moment finds none, and its caller asks again.
                    let _ = std::fs::remove_file(file);
                }
            });
        }
    }
}

/// What the zip of a request would be kept as, and its bytes.
///
/// # Errors
/// When it is no zip.
pub(super) fn read(owner: &str, zip: &Value) -> Outcome<(Uploaded, Vec<u8>)> {
    let text = zip.as_str().ok_or_else(|| {
        invalid("Only code that is uploaded with the request (ZipFile) is served")
    })?;
    let bytes = crypto::base64_decoded(text)
        .ok_or_else(|| Error::serialization("ZipFile is not base64"))?;
    lambda::check_archive(&bytes).map_err(invalid)?;
    let hash = crypto::sha256(&bytes);
    let uploaded = Uploaded {
        file: format!("{owner}-{}.zip", &crypto::hex(&hash)[..24]),
        bytes: bytes.len() as u64,
        sha256: crypto::base64(&hash),
    };
    Ok((uploaded, bytes))
}

/// Under another name first, so that nobody unpacks half of it.
fn write(folder: &Path, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let (draft, file) = (folder.join(format!("{name}.new")), folder.join(name));
    let mut options = std::fs::OpenOptions::new();
    let mut open = options
        .write(true)
        .create(true)
        .truncate(true)
        .open(&draft)?;
    std::io::Write::write_all(&mut open, bytes)?;
    open.sync_all()?;
    std::fs::rename(draft, file)
}

//! Whether something in a folder has changed, told at once and for one system call.

use std::collections::VecDeque;
use std::ffi::{CString, OsStr};
use std::fs;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// A folder with all folders below it, as they were when the watch began. The kernel tells what
/// was written (inotify(7)), in the order of the calls: a change that has returned is seen.
#[derive(Debug)]
pub struct Watch {
    fd: OwnedFd,
}

/// More folders are not watched; a system gives a user some thousands to a million.
const FOLDERS_MAX: usize = 4_096;

/// A file that is being written counts when it is closed, so that nobody runs half of it.
const EVENTS: u32 = libc::IN_CLOSE_WRITE
    | libc::IN_CREATE
    | libc::IN_DELETE
    | libc::IN_MOVED_FROM
    | libc::IN_MOVED_TO
    | libc::IN_DELETE_SELF
    | libc::IN_MOVE_SELF;

/// The head of an event: watch, mask, cookie and the length of the name behind it.
const EVENT_BYTES: usize = 16;

impl Watch {
    /// # Errors
    /// When the system has no watch left, or the folder cannot be read.
    pub fn folder(root: &Path) -> io::Result<Self> {
        // SAFETY: no memory is passed.
        let fd = unsafe { libc::inotify_init1(libc::IN_NONBLOCK | libc::IN_CLOEXEC) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the call returned this descriptor, nobody else owns it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        let watch = Self { fd };
        let mut waiting = VecDeque::from([root.to_owned()]);
        let mut watched = 0;
        while let Some(folder) = waiting.pop_front() {
            watch.add(&folder)?;
            watched += 1;
            if watched + waiting.len() < FOLDERS_MAX {
                waiting.extend(folders_in(&folder));
            }
        }
        Ok(watch)
    }

    fn add(&self, folder: &Path) -> io::Result<()> {
        let path = CString::new(folder.as_os_str().as_bytes())?;
        // SAFETY: the path lives through the call.
        let result = unsafe { libc::inotify_add_watch(self.fd.as_raw_fd(), path.as_ptr(), EVENTS) };
        match result {
            -1 => Err(io::Error::last_os_error()),
            _ => Ok(()),
        }
    }

    /// Whether something has changed since the last call.
    pub fn has_changed(&self) -> bool {
        let mut bytes = [0_u8; 4_096];
        let mut changed = false;
        loop {
            // SAFETY: the memory lives through the call.
            let count =
                unsafe { libc::read(self.fd.as_raw_fd(), bytes.as_mut_ptr().cast(), bytes.len()) };
            match usize::try_from(count) {
                Ok(count) if count > 0 => changed |= tells_a_change(&bytes[..count]),
                _ => return changed,
            }
        }
    }
}

/// Interpreters keep what they compiled beside the source; that is no change of it.
fn is_made(name: &OsStr) -> bool {
    name == "__pycache__" || name.as_bytes().ends_with(b".pyc")
}

fn folders_in(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| {
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        is_folder && entry.file_name() != ".git" && !is_made(&entry.file_name())
    });
    folders.map(|entry| entry.path()).collect()
}

fn tells_a_change(mut bytes: &[u8]) -> bool {
    while let Some(head) = bytes.get(..EVENT_BYTES) {
        let word =
            |at: usize| u32::from_ne_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let (mask, length) = (word(4), word(12) as usize);
        let rest = &bytes[EVENT_BYTES..];
        let Some(name) = rest.get(..length) else {
            return true;
        };
        let end = name.iter().position(|byte| *byte == 0).unwrap_or(length);
        // The kernel tells that a watch was taken off; that is no change by itself.
        if mask & libc::IN_IGNORED == 0 && !is_made(OsStr::from_bytes(&name[..end])) {
            return true;
        }
        bytes = &rest[length..];
    }
    false
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_seen_at_once_and_what_interpreters_write_is_none() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("below")).unwrap();
        let watch = Watch::folder(root.path()).unwrap();
        let check = |expected: bool, what: &str| {
            assert_eq!(watch.has_changed(), expected, "{what}");
        };
        check(false, "nothing");
        fs::write(root.path().join("app.py"), "1").unwrap();
        check(true, "a file");
        check(false, "told once");
        fs::write(root.path().join("below/lib.py"), "1").unwrap();
        check(true, "a file below");
        fs::create_dir(root.path().join("__pycache__")).unwrap();
        fs::write(root.path().join("below/lib.pyc"), "1").unwrap();
        check(false, "compiled files");
        fs::rename(root.path().join("app.py"), root.path().join("b.py")).unwrap();
        check(true, "a new name");
        fs::remove_file(root.path().join("b.py")).unwrap();
        check(true, "a file removed");
    }
}

//! Whether something in a folder has changed, told at once and for one system call.

use std::collections::{HashMap, HashSet, VecDeque};
use std::ffi::{CString, OsStr, OsString};
use std::fs;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// A folder with all folders below it, as they were when the watch began. The kernel tells what
/// was written (inotify(7)), in the order of the calls: a change that has returned is seen. So is
/// a symbolic link on the way to the folder that leads elsewhere now, as many deployments end.
#[derive(Debug)]
pub struct Watch {
    fd: OwnedFd,
    /// Of folders that are watched for the links in them alone: the names of these.
    links: HashMap<i32, Vec<OsString>>,
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

/// More are not followed, as in the kernel.
const LINKS_MAX: usize = 40;

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
        let mut watch = Self {
            fd,
            links: HashMap::new(),
        };
        // First, so that a link that changes meanwhile is noticed.
        for (folder, name) in links_to(root) {
            // A folder that may not be read is one that is not watched.
            if let Ok(number) = watch.add(&folder) {
                watch.links.entry(number).or_default().push(name);
            }
        }
        let mut waiting = VecDeque::from([root.to_owned()]);
        let mut watched = HashSet::new();
        while let Some(folder) = waiting.pop_front() {
            watched.insert(watch.add(&folder)?);
            if watched.len() + waiting.len() < FOLDERS_MAX {
                waiting.extend(folders_in(&folder));
            }
        }
        watch.links.retain(|number, _| !watched.contains(number));
        Ok(watch)
    }

    /// The number of the watch, which is the same for the same folder.
    fn add(&self, folder: &Path) -> io::Result<i32> {
        let path = CString::new(folder.as_os_str().as_bytes())?;
        // SAFETY: the path lives through the call.
        let result = unsafe { libc::inotify_add_watch(self.fd.as_raw_fd(), path.as_ptr(), EVENTS) };
        match result {
            -1 => Err(io::Error::last_os_error()),
            number => Ok(number),
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
                Ok(count) if count > 0 => changed |= self.tells_a_change(&bytes[..count]),
                _ => return changed,
            }
        }
    }

    fn tells_a_change(&self, mut bytes: &[u8]) -> bool {
        while let Some(head) = bytes.get(..EVENT_BYTES) {
            let word = |at: usize| [head[at], head[at + 1], head[at + 2], head[at + 3]];
            let number = i32::from_ne_bytes(word(0));
            let mask = u32::from_ne_bytes(word(4));
            let length = u32::from_ne_bytes(word(12)) as usize;
            let rest = &bytes[EVENT_BYTES..];
            let Some(name) = rest.get(..length) else {
                return true;
            };
            let end = name.iter().position(|byte| *byte == 0).unwrap_or(length);
            let name = OsStr::from_bytes(&name[..end]);
            let is_meant = match self.links.get(&number) {
                Some(names) => names.iter().any(|link| link == name),
                None => !is_made(name),
            };
            // The kernel tells that a watch was taken off; that is no change by itself.
            if mask & libc::IN_IGNORED == 0 && is_meant {
                return true;
            }
            bytes = &rest[length..];
        }
        false
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

/// The symbolic links on the way to `path`, each as its folder and its name.
fn links_to(path: &Path) -> Vec<(PathBuf, OsString)> {
    let mut links = Vec::new();
    let mut at = PathBuf::new();
    let parts = |path: &Path| -> Vec<PathBuf> {
        let parts = path.components().rev();
        parts.map(|part| PathBuf::from(part.as_os_str())).collect()
    };
    // The next one stands last.
    let mut waiting = parts(path);
    while let Some(part) = waiting.pop() {
        let next = at.join(&part);
        match fs::read_link(&next) {
            Ok(target) if links.len() < LINKS_MAX => {
                links.push((at.clone(), part.into_os_string()));
                waiting.extend(parts(&target));
            }
            _ => at = next,
        }
    }
    links
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

    #[test]
    fn a_link_that_leads_elsewhere_is_a_change_and_its_neighbours_are_none() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        fs::create_dir_all(at("releases/1/code")).unwrap();
        fs::create_dir_all(at("releases/2/code")).unwrap();
        let lead = |to: &str| {
            std::os::unix::fs::symlink(to, at("next")).unwrap();
            fs::rename(at("next"), at("current")).unwrap();
        };
        lead("releases/1");
        let code = at("current/code");
        let watch = Watch::folder(&code).unwrap();
        fs::write(at("other"), "1").unwrap();
        assert!(!watch.has_changed(), "a file beside the link");
        fs::write(at("releases/1/code/app.py"), "1").unwrap();
        assert!(watch.has_changed(), "a file behind the link");
        lead("releases/2");
        assert!(watch.has_changed(), "the link");
        let watch = Watch::folder(&code).unwrap();
        fs::write(at("releases/1/code/app.py"), "2").unwrap();
        assert!(!watch.has_changed(), "what it led to before");
        fs::write(at("releases/2/code/app.py"), "2").unwrap();
        assert!(watch.has_changed(), "what it leads to now");
    }
}

//! Tells when one of a set of files changed: the config and the certificates.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior, interval};

/// Looks at the files twice a second.
///
/// Polling rather than inotify: it follows symlinks at every look, so an edit in place, a
/// replacement by rename and the symlink swap of a Kubernetes ConfigMap all look the same, and it
/// works on network and overlay file systems. Half a second for a handful of `stat` calls is cheap.
#[derive(Debug)]
pub struct FileWatch {
    /// What each file was when last reported; none: it never was there.
    reported: BTreeMap<PathBuf, Option<Fingerprint>>,
    /// The last look, to see whether the files have come to rest.
    seen: BTreeMap<PathBuf, Option<Fingerprint>>,
    interval: Interval,
}

impl FileWatch {
    /// Watches `files` from their present state on: to be created before they are read, so that no
    /// edit falls between. Missing ones are reported when they appear.
    ///
    /// # Panics
    /// Outside a tokio runtime with its timer: a bug of the caller.
    pub fn new(files: impl IntoIterator<Item = PathBuf>) -> Self {
        Self::with_interval(files, Duration::from_millis(500))
    }

    fn with_interval(files: impl IntoIterator<Item = PathBuf>, period: Duration) -> Self {
        let mut interval = interval(period);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut watch = Self {
            reported: BTreeMap::new(),
            seen: BTreeMap::new(),
            interval,
        };
        watch.watch(files);
        watch
    }

    /// Replaces the set. Files that were watched already keep their last reported state, so a
    /// change that falls into a reload is not lost; new ones start from their present state.
    pub fn watch(&mut self, files: impl IntoIterator<Item = PathBuf>) {
        let mut before = std::mem::take(&mut self.reported);
        self.reported = files
            .into_iter()
            .map(|file| {
                let state = before.remove(&file).unwrap_or_else(|| fingerprint(&file));
                (file, state)
            })
            .collect();
        self.seen = self.reported.clone();
    }

    /// Waits for the next change and says which files it touched (at least one).
    ///
    /// A change is reported when two looks in a row agree about it, so a file in the middle of
    /// being written is left alone. A file that vanishes is no change: it will come back, and
    /// until then its last content holds. May be dropped and called again without loss.
    pub async fn changed(&mut self) -> Vec<PathBuf> {
        loop {
            self.interval.tick().await;
            let changed = self.look();
            if !changed.is_empty() {
                return changed;
            }
        }
    }

    /// Takes a file for reported as it was when it was read, whoever asked for that. `state` is from
    /// before it was read, so that a later edit is news.
    pub fn settle(&mut self, file: &Path, state: Option<Fingerprint>) {
        if let Some(reported) = self.reported.get_mut(file)
            && state.is_some()
        {
            *reported = state;
        }
    }

    fn look(&mut self) -> Vec<PathBuf> {
        let now: BTreeMap<PathBuf, Option<Fingerprint>> = self
            .reported
            .iter()
            .map(|(file, reported)| (file.clone(), fingerprint(file).or(*reported)))
            .collect();
        let at_rest = now == self.seen;
        self.seen = now;
        if !at_rest {
            return Vec::new();
        }
        let mut changed = Vec::new();
        for (file, state) in &self.seen {
            let reported = self.reported.get_mut(file);
            if let Some(reported) = reported.filter(|reported| *reported != state) {
                *reported = *state;
                changed.push(file.clone());
            }
        }
        changed
    }
}

/// Differs after every edit: the time alone has the file system's grain, the size alone misses a
/// changed digit, and a replaced file may carry an old time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
}

/// None when the file is missing or cannot be looked at.
pub fn fingerprint(file: &Path) -> Option<Fingerprint> {
    let meta = fs::metadata(file).ok()?;
    Some(Fingerprint {
        device: meta.dev(),
        inode: meta.ino(),
        bytes: meta.len(),
        modified: (meta.mtime(), meta.mtime_nsec()),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A folder with `a` and `b` in it; `check` runs on what `FileWatch::look` says, without time.
    fn with_watch(check: impl FnOnce(&mut FileWatch, &Path)) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        let _entered = runtime.enter();
        let folder = tempfile::tempdir().unwrap();
        for name in ["a", "b"] {
            fs::write(folder.path().join(name), name).unwrap();
        }
        let files = ["a", "b"].map(|name| folder.path().join(name));
        check(&mut FileWatch::new(files), folder.path());
    }

    /// Names of the changed files after enough looks for them to be at rest.
    fn settled(watch: &mut FileWatch) -> Vec<String> {
        let mut changed = watch.look();
        changed.append(&mut watch.look());
        assert!(watch.look().is_empty(), "a change is reported once");
        changed
            .iter()
            .map(|file| file.file_name().unwrap().to_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn nothing_is_reported_while_nothing_changes() {
        with_watch(|watch, _| assert!(settled(watch).is_empty()));
    }

    #[test]
    fn an_edit_in_place_is_reported_once() {
        with_watch(|watch, folder| {
            fs::write(folder.join("a"), "longer").unwrap();
            assert_eq!(settled(watch), ["a"]);
        });
    }

    #[test]
    fn a_file_still_being_written_is_left_alone() {
        with_watch(|watch, folder| {
            for text in ["x1", "x12", "x123"] {
                fs::write(folder.join("a"), text).unwrap();
                assert!(watch.look().is_empty());
            }
            assert_eq!(watch.look(), [folder.join("a")]);
        });
    }

    #[test]
    fn a_replacement_by_rename_is_reported_even_with_the_same_time_and_size() {
        with_watch(|watch, folder| {
            let time = fs::metadata(folder.join("a")).unwrap().modified().unwrap();
            fs::write(folder.join("new"), "z").unwrap();
            let new = fs::File::options()
                .write(true)
                .open(folder.join("new"))
                .unwrap();
            new.set_modified(time).unwrap();
            fs::rename(folder.join("new"), folder.join("a")).unwrap();
            assert_eq!(settled(watch), ["a"]);
        });
    }

    #[test]
    fn the_symlink_swap_of_a_config_map_is_reported() {
        with_watch(|watch, folder| {
            for version in ["v1", "v2"] {
                fs::create_dir(folder.join(version)).unwrap();
                fs::write(folder.join(version).join("config"), version).unwrap();
            }
            symlink("v1", folder.join("data")).unwrap();
            symlink("data/config", folder.join("config")).unwrap();
            watch.watch([folder.join("config")]);
            assert!(settled(watch).is_empty());
            symlink("v2", folder.join("data_tmp")).unwrap();
            fs::rename(folder.join("data_tmp"), folder.join("data")).unwrap();
            assert_eq!(settled(watch), ["config"]);
        });
    }

    #[test]
    fn a_file_that_is_gone_for_a_moment_is_no_change_until_it_is_back() {
        with_watch(|watch, folder| {
            fs::remove_file(folder.join("a")).unwrap();
            assert!(settled(watch).is_empty());
            fs::write(folder.join("a"), "back again").unwrap();
            assert_eq!(settled(watch), ["a"]);
        });
    }

    #[test]
    fn a_file_that_appears_later_is_a_change() {
        with_watch(|watch, folder| {
            watch.watch([folder.join("later")]);
            assert!(settled(watch).is_empty());
            fs::write(folder.join("later"), "now").unwrap();
            assert_eq!(settled(watch), ["later"]);
        });
    }

    #[test]
    fn several_files_that_changed_together_are_one_report() {
        with_watch(|watch, folder| {
            fs::write(folder.join("a"), "certificate").unwrap();
            fs::write(folder.join("b"), "its key").unwrap();
            assert_eq!(settled(watch), ["a", "b"]);
        });
    }

    #[test]
    fn replacing_the_set_keeps_a_change_not_yet_reported() {
        with_watch(|watch, folder| {
            fs::write(folder.join("a"), "changed meanwhile").unwrap();
            watch.watch([folder.join("a")]);
            assert_eq!(settled(watch), ["a"]);
        });
    }

    #[test]
    fn what_was_read_already_is_not_reported_but_what_came_after_is() {
        with_watch(|watch, folder| {
            let file = folder.join("a");
            fs::write(&file, "read at once").unwrap();
            let state = fingerprint(&file);
            watch.settle(&file, state);
            assert!(settled(watch).is_empty());
            fs::write(&file, "edited before it was read").unwrap();
            watch.settle(&file, state);
            assert_eq!(settled(watch), ["a"]);
            watch.settle(&file, None);
            assert!(settled(watch).is_empty());
        });
    }

    #[test]
    fn changed_waits_for_the_change() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("a");
            fs::write(&file, "a").unwrap();
            let mut watch = FileWatch::with_interval([file.clone()], Duration::from_millis(5));
            let quiet = tokio::time::timeout(Duration::from_millis(50), watch.changed()).await;
            assert!(quiet.is_err());
            fs::write(&file, "changed").unwrap();
            assert_eq!(watch.changed().await, [file]);
        });
    }
}

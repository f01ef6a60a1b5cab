//! The store's version for those who watch it, and which keys the latest versions touched.

use std::collections::VecDeque;
use std::sync::Mutex;

use tokio::sync::watch;

use crate::store::Key;

/// How many touched keys are remembered. Who falls behind further reads everything again.
const KEYS_MAX: usize = 65_536;

#[derive(Debug)]
pub(crate) struct Feed {
    version: watch::Sender<u64>,
    recent: Mutex<Recent>,
}

#[derive(Debug)]
struct Recent {
    /// Everything after this version is in `keys`.
    complete_after: u64,
    keys: VecDeque<(u64, Key)>,
}

impl Feed {
    pub(crate) fn new(version: u64) -> Self {
        Self {
            version: watch::Sender::new(version),
            recent: Mutex::new(Recent {
                complete_after: version,
                keys: VecDeque::new(),
            }),
        }
    }

    pub(crate) fn version(&self) -> u64 {
        *self.version.borrow()
    }

    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// Tells of changes that are kept, oldest first.
    pub(crate) fn publish(&self, changes: Vec<(u64, Vec<Key>)>) {
        let Some(&(newest, _)) = changes.last() else {
            return;
        };
        {
            let mut recent = lock(&self.recent);
            for (version, keys) in changes {
                recent
                    .keys
                    .extend(keys.into_iter().map(|key| (version, key)));
            }
            while recent.keys.len() > KEYS_MAX {
                if let Some((version, _)) = recent.keys.pop_front() {
                    recent.complete_after = version;
                }
            }
        }
        self.version.send_replace(newest);
    }

    /// The keys that were written or deleted after `version`, each once, in order; `None` when
    /// that is too long ago.
    pub(crate) fn touched_since(&self, version: u64) -> Option<Vec<Key>> {
        let recent = lock(&self.recent);
        if version < recent.complete_after {
            return None;
        }
        let start = recent.keys.partition_point(|(at, _)| *at <= version);
        let mut keys: Vec<Key> = recent
            .keys
            .range(start..)
            .map(|(_, key)| key.clone())
            .collect();
        keys.sort_unstable();
        keys.dedup();
        Some(keys)
    }
}

/// Nobody panics while holding it; if somebody did, the value is still whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: &str) -> Key {
        Key::new("1", "r", "k", id)
    }

    #[test]
    fn touched_keys_are_told_once_and_only_while_they_are_remembered() {
        let feed = Feed::new(7);
        assert_eq!(feed.touched_since(7), Some(vec![]));
        assert_eq!(feed.touched_since(6), None, "before this process");
        feed.publish(vec![(8, vec![key("b"), key("a")]), (9, vec![key("a")])]);
        assert_eq!(feed.version(), 9);
        assert_eq!(feed.touched_since(7), Some(vec![key("a"), key("b")]));
        assert_eq!(feed.touched_since(8), Some(vec![key("a")]));
        feed.publish(vec![(10, vec![key("c"); KEYS_MAX])]);
        assert_eq!(feed.touched_since(8), None);
        assert_eq!(feed.touched_since(9), Some(vec![key("c")]));
    }
}

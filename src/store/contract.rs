//! What every engine promises, as tests: one suite, run for each of them.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::store::{Change, Expect, Key, Page, Prefix, Store, StoreError};

/// One test for each promise and engine.
macro_rules! promises {
    ($($promise:ident)*) => {
        mod memory {
            $(#[test] fn $promise() { super::run(super::$promise(super::Store::memory())); })*
        }
        mod sqlite {
            $(#[test] fn $promise() {
                let dir = tempfile::tempdir().unwrap();
                let store = super::Store::open(dir.path()).unwrap();
                super::run(super::$promise(store));
            })*
        }
    };
}

promises! {
    a_record_comes_back_as_it_was
    a_change_is_kept_whole_or_not_at_all
    expectations_hold_or_nothing_happens
    a_change_reads_what_it_wrote
    lists_are_ordered_and_paged
    prefixes_take_whole_levels
    versions_grow_and_never_repeat
    watchers_learn_of_each_version_and_what_it_touched
    a_view_is_of_one_moment
    changes_never_interleave
    a_change_that_panics_leaves_no_trace
    a_random_history_agrees_with_a_map
    after_close_everything_is_refused
}

type Outcome<T> = Result<T, StoreError>;

fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(test);
}

fn key(id: &str) -> Key {
    Key::new("111122223333", "eu-west-1", "api", id)
}

async fn put(store: &Store, id: &str, bytes: &str) {
    let (key, bytes) = (key(id), bytes.to_owned());
    store
        .change(move |change| change.put(&key, Expect::Any, bytes.as_bytes()))
        .await
        .unwrap();
}

async fn text(store: &Store, id: &str) -> Option<String> {
    let entry = store.get(key(id)).await.unwrap();
    entry.map(|entry| String::from_utf8(entry.bytes).unwrap())
}

fn ids(page: &Page) -> Vec<&str> {
    page.entries.iter().map(|e| e.key.id.as_str()).collect()
}

async fn a_record_comes_back_as_it_was(store: Store) {
    let key = Key::new("", "'; --", "k\0i", "ünï/%2F\u{10ffff}");
    assert_eq!(store.get(key.clone()).await.unwrap(), None);
    let bytes: Vec<u8> = (0..=255).collect();
    let (to, what) = (key.clone(), bytes.clone());
    let version = store
        .change(move |change| {
            change.put(&to, Expect::Any, &what)?;
            Outcome::Ok(change.version())
        })
        .await
        .unwrap();
    let entry = store.get(key.clone()).await.unwrap().unwrap();
    assert_eq!(
        (entry.key, entry.version, entry.bytes),
        (key.clone(), version, bytes)
    );
    let gone = key.clone();
    let deleted = store
        .change(move |change| {
            Outcome::Ok((
                change.delete(&gone, Expect::Any)?,
                change.delete(&gone, Expect::Any)?,
            ))
        })
        .await;
    assert_eq!(deleted, Ok((true, false)));
    assert_eq!(store.get(key).await.unwrap(), None);
}

async fn a_change_is_kept_whole_or_not_at_all(store: Store) {
    put(&store, "a", "1").await;
    let version = store.version();
    let refused: Outcome<()> = store
        .change(|change| {
            change.put(&key("a"), Expect::Any, b"2")?;
            change.put(&key("b"), Expect::Any, b"2")?;
            change.delete(&key("a"), Expect::Any)?;
            Err(StoreError::Closed)
        })
        .await;
    assert_eq!(refused, Err(StoreError::Closed));
    assert_eq!(text(&store, "a").await.as_deref(), Some("1"));
    assert_eq!(text(&store, "b").await, None);
    assert_eq!(store.version(), version);
}

async fn expectations_hold_or_nothing_happens(store: Store) {
    async fn attempt(store: &Store, expect: Expect) -> bool {
        let result = store
            .change(move |change| change.put(&key("a"), expect, b"x"))
            .await;
        match result {
            Ok(()) => true,
            Err(StoreError::Conflict { key: found }) if found == key("a") => false,
            Err(other) => panic!("{other}"),
        }
    }
    for expect in [Expect::Present, Expect::Version(0), Expect::Version(1)] {
        assert!(!attempt(&store, expect).await, "{expect:?}");
    }
    assert!(attempt(&store, Expect::Absent).await);
    assert!(!attempt(&store, Expect::Absent).await);
    let first = store.get(key("a")).await.unwrap().unwrap().version;
    assert!(attempt(&store, Expect::Version(first)).await);
    assert!(!attempt(&store, Expect::Version(first)).await);
    assert!(attempt(&store, Expect::Present).await);
    let deleted = store
        .change(move |change| change.delete(&key("a"), Expect::Version(first)))
        .await;
    assert_eq!(deleted, Err(StoreError::Conflict { key: key("a") }));
    // A change may take a conflict for an answer and go on.
    let other = store
        .change(|change| {
            if change.put(&key("a"), Expect::Absent, b"no").is_err() {
                change.put(&key("b"), Expect::Absent, b"yes")?;
            }
            Outcome::Ok(())
        })
        .await;
    assert_eq!(other, Ok(()));
    assert_eq!(text(&store, "b").await.as_deref(), Some("yes"));
}

async fn a_change_reads_what_it_wrote(store: Store) {
    put(&store, "b", "old").await;
    put(&store, "c", "old").await;
    let seen = store
        .change(|change| {
            change.put(&key("a"), Expect::Absent, b"new")?;
            change.put(&key("c"), Expect::Present, b"new")?;
            change.delete(&key("b"), Expect::Present)?;
            assert_eq!(change.view().get(&key("b"))?, None);
            let version = change.version();
            let entry = change.view().get(&key("a"))?.unwrap();
            assert_eq!(
                (entry.version, entry.bytes.as_slice()),
                (version, &b"new"[..])
            );
            change.view().list(&Prefix::everything(), None, 9)
        })
        .await
        .unwrap();
    assert_eq!(ids(&seen), ["a", "c"]);
    assert_eq!(
        store.list(Prefix::everything(), None, 9).await.unwrap(),
        seen
    );
}

async fn lists_are_ordered_and_paged(store: Store) {
    // Ordered by bytes: upper case first, then lower case, then the rest of the world.
    for id in ["b", "a", "é", "B", "a/1", "a0", "aa"] {
        put(&store, id, id).await;
    }
    let all = Prefix::kind("111122223333", "eu-west-1", "api");
    let whole = store.list(all.clone(), None, usize::MAX).await.unwrap();
    assert_eq!(ids(&whole), ["B", "a", "a/1", "a0", "aa", "b", "é"]);
    assert_eq!(whole.next, None);
    for limit in 1..9 {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = store.list(all.clone(), after, limit).await.unwrap();
            assert!(page.entries.len() <= limit);
            found.extend(page.entries);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(found, whole.entries, "{limit} at a time");
    }
    // A place to go on from need not be there any more, nor below the prefix.
    let page = store.list(all.clone(), Some(key("a/")), 2).await.unwrap();
    assert_eq!(ids(&page), ["a/1", "a0"]);
    let early = Key::new("", "", "", "");
    assert_eq!(ids(&store.list(all, Some(early), 1).await.unwrap()), ["B"]);
}

async fn prefixes_take_whole_levels(store: Store) {
    let keys = [
        ("1", "r", "k", "a"),
        ("1", "r", "k", "a/x"),
        ("1", "r", "k", "a/y"),
        ("1", "r", "k", "ab"),
        ("1", "r", "k2", "a"),
        ("1", "r2", "k", "a"),
        ("12", "r", "k", "a"),
    ];
    store
        .change(move |change| {
            for (account, region, kind, id) in keys {
                change.put(&Key::new(account, region, kind, id), Expect::Any, b"")?;
            }
            Outcome::Ok(())
        })
        .await
        .unwrap();
    for (prefix, count) in [
        (Prefix::everything(), 7),
        (Prefix::account("1"), 6),
        (Prefix::account("2"), 0),
        (Prefix::region("1", "r"), 5),
        (Prefix::kind("1", "r", "k"), 4),
        (Prefix::id("1", "r", "k", "a"), 4),
        (Prefix::id("1", "r", "k", "a/"), 2),
        (Prefix::id("1", "r", "k", "b"), 0),
    ] {
        let page = store.list(prefix.clone(), None, 99).await.unwrap();
        assert_eq!(page.entries.len(), count, "{prefix:?}");
    }
    let gone = store
        .change(|change| change.delete_all(&Prefix::id("1", "r", "k", "a/")))
        .await;
    assert_eq!(gone, Ok(2));
    let left = store.list(Prefix::everything(), None, 99).await.unwrap();
    assert_eq!(left.entries.len(), 5);
}

async fn versions_grow_and_never_repeat(store: Store) {
    let start = store.version();
    put(&store, "a", "1").await;
    put(&store, "a", "2").await;
    assert_eq!(store.version(), start + 2);
    let idle = store
        .change(|change| {
            change.view().get(&key("a"))?;
            change.delete(&key("none"), Expect::Any)
        })
        .await;
    assert_eq!((idle, store.version()), (Ok(false), start + 2));
    let before = store.get(key("a")).await.unwrap().unwrap().version;
    store
        .change(|change| change.delete(&key("a"), Expect::Any))
        .await
        .unwrap();
    put(&store, "a", "2").await;
    let after = store.get(key("a")).await.unwrap().unwrap().version;
    assert_eq!((before, after), (start + 2, start + 4));
}

async fn watchers_learn_of_each_version_and_what_it_touched(store: Store) {
    let mut watch = store.watch();
    let start = *watch.borrow_and_update();
    assert_eq!(start, store.version());
    let writer = store.clone();
    let write = async move {
        put(&writer, "a", "1").await;
        writer
            .change(|change| {
                change.put(&key("b"), Expect::Any, b"2")?;
                change.delete(&key("a"), Expect::Any)
            })
            .await
            .unwrap();
    };
    let see = async {
        while *watch.borrow_and_update() < start + 2 {
            watch.changed().await.unwrap();
        }
        // What is told of can be read.
        assert_eq!(text(&store, "b").await.as_deref(), Some("2"));
    };
    tokio::join!(write, see);
    let touched = |since| store.touched_since(since);
    assert_eq!(
        touched(start).await.unwrap(),
        Some(vec![key("a"), key("b")])
    );
    assert_eq!(touched(start + 2).await.unwrap(), Some(vec![]));
}

async fn a_view_is_of_one_moment(store: Store) {
    put(&store, "a", "1").await;
    let seen = store
        .read(|view| {
            let page = view.list(&Prefix::everything(), None, 9)?;
            Outcome::Ok((
                view.version(),
                page.entries[0].version,
                view.get(&key("a"))?,
            ))
        })
        .await
        .unwrap();
    assert_eq!((seen.0, seen.1), (store.version(), store.version()));
    assert_eq!(seen.2.unwrap().bytes, b"1");
}

async fn changes_never_interleave(store: Store) {
    fn increment(change: &mut Change<'_>) -> Outcome<u64> {
        let count = match change.view().get(&key("count"))? {
            Some(entry) => std::str::from_utf8(&entry.bytes).unwrap().parse().unwrap(),
            None => 0_u64,
        };
        let next = (count + 1).to_string();
        change.put(&key("count"), Expect::Any, next.as_bytes())?;
        Ok(count + 1)
    }
    let failures = Arc::new(AtomicU64::new(0));
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            let (store, failures) = (store.clone(), failures.clone());
            std::thread::spawn(move || {
                run(async {
                    for round in 0..50 {
                        let fails = (round + thread) % 5 == 0;
                        let result: Outcome<u64> = store
                            .change(move |change| {
                                let count = increment(change)?;
                                if fails {
                                    return Err(StoreError::Closed);
                                }
                                Ok(count)
                            })
                            .await;
                        if fails {
                            failures.fetch_add(1, Ordering::Relaxed);
                            assert_eq!(result, Err(StoreError::Closed));
                        } else {
                            let seen = text(&store, "count").await.unwrap();
                            assert!(seen.parse::<u64>().unwrap() >= result.unwrap());
                        }
                    }
                });
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let kept = 200 - failures.load(Ordering::Relaxed);
    assert_eq!(text(&store, "count").await, Some(kept.to_string()));
    assert_eq!(store.version(), kept);
}

async fn a_change_that_panics_leaves_no_trace(store: Store) {
    put(&store, "a", "1").await;
    let result: Outcome<()> = store
        .change(|change| {
            change.put(&key("a"), Expect::Any, b"2")?;
            std::panic::resume_unwind(Box::new("a fault of ours"));
        })
        .await;
    assert_eq!(result, Err(StoreError::Abandoned));
    assert_eq!(text(&store, "a").await.as_deref(), Some("1"));
    put(&store, "a", "3").await;
    assert_eq!(text(&store, "a").await.as_deref(), Some("3"));
}

async fn a_random_history_agrees_with_a_map(store: Store) {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move |below: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % below
    };
    let mut map = BTreeMap::new();
    for round in 0..200 {
        let steps: Vec<(String, bool)> = (0..=next(4))
            .map(|_| (format!("{}/{}", next(4), next(8)), next(3) == 0))
            .collect();
        let fails = next(4) == 0;
        let doing = steps.clone();
        let result: Outcome<()> = store
            .change(move |change| {
                for (id, deletes) in &doing {
                    if *deletes {
                        change.delete(&key(id), Expect::Any)?;
                    } else {
                        change.put(&key(id), Expect::Any, round.to_string().as_bytes())?;
                    }
                }
                if fails {
                    Err(StoreError::Closed)
                } else {
                    Ok(())
                }
            })
            .await;
        assert_eq!(result.is_err(), fails);
        for (id, deletes) in steps.into_iter().filter(|_| !fails) {
            if deletes {
                map.remove(&id);
            } else {
                map.insert(id, round.to_string());
            }
        }
        let level = format!("{}/", next(4));
        let prefix = Prefix::id("111122223333", "eu-west-1", "api", &level);
        let page = store.list(prefix, None, 99).await.unwrap();
        let found: Vec<(String, String)> = page
            .entries
            .into_iter()
            .map(|entry| (entry.key.id, String::from_utf8(entry.bytes).unwrap()))
            .collect();
        let wanted: Vec<(String, String)> = map
            .range(level.clone()..)
            .take_while(|(id, _)| id.starts_with(&level))
            .map(|(id, bytes)| (id.clone(), bytes.clone()))
            .collect();
        assert_eq!(found, wanted, "round {round}");
    }
}

async fn after_close_everything_is_refused(store: Store) {
    put(&store, "a", "1").await;
    store.close();
    store.close();
    let change = store
        .change(|change| change.put(&key("a"), Expect::Any, b"2"))
        .await;
    assert_eq!(change, Err(StoreError::Closed));
    assert_eq!(store.get(key("a")).await, Err(StoreError::Closed));
}

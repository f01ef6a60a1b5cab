//! What SQLite's engine does when the world is against it.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::Path;

use rusqlite::Connection;

use crate::store::sqlite::backup::{backup, restore};
use crate::store::sqlite::file;
use crate::store::{Expect, Key, Prefix, Store, StoreError};

fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(test)
}

fn key(id: &str) -> Key {
    Key::new("1", "r", "k", id)
}

async fn put(store: &Store, id: &str, bytes: Vec<u8>) -> Result<(), StoreError> {
    let key = key(id);
    store
        .change(move |change| change.put(&key, Expect::Any, &bytes))
        .await
}

async fn ids(store: &Store) -> Vec<String> {
    let page = store.list(Prefix::everything(), None, 999).await.unwrap();
    page.entries.into_iter().map(|entry| entry.key.id).collect()
}

fn open_error(data_dir: &Path) -> StoreError {
    Store::open(data_dir).map(drop).unwrap_err()
}

/// A store in `dir` with the records `a` and `b`, closed.
fn two_records(dir: &Path) {
    let store = Store::open(dir).unwrap();
    run(async {
        put(&store, "a", b"1".to_vec()).await.unwrap();
        put(&store, "b", b"2".to_vec()).await.unwrap();
    });
}

#[test]
fn records_and_version_are_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let nested = dir.path().join("made/on/the/way");
    two_records(&nested);
    let store = Store::open(&nested).unwrap();
    assert_eq!(store.version(), 2);
    assert_eq!(run(ids(&store)), ["a", "b"]);
    assert_eq!(
        run(store.touched_since(1)),
        Ok(None),
        "not known any more: read all"
    );
    assert_eq!(run(store.touched_since(2)), Ok(Some(vec![])));
}

#[test]
fn only_the_owner_may_look_into_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let data_dir = dir.path().join("data");
    let store = Store::open(&data_dir).unwrap();
    run(put(&store, "a", b"secret".to_vec())).unwrap();
    backup(&data_dir, &data_dir.join("copy")).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data_dir), 0o700);
    for entry in fs::read_dir(&data_dir).unwrap() {
        let path = entry.unwrap().path();
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

#[test]
fn a_folder_in_use_is_refused_until_it_is_closed() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let holder = Some(std::process::id().to_string());
    let locked = StoreError::Locked {
        data_dir: dir.path().to_path_buf(),
        holder,
    };
    assert_eq!(open_error(dir.path()), locked);
    assert!(locked.to_string().contains("in use by another daemun"));
    assert_eq!(restore(dir.path(), Path::new("any")), Err(locked));
    store.close();
    drop(Store::open(dir.path()).unwrap());
}

#[test]
fn a_database_of_a_newer_daemun_or_of_somebody_else_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    two_records(dir.path());
    let path = file::database(dir.path());
    let sql = |path: &Path, sql: &str| Connection::open(path).unwrap().execute_batch(sql).unwrap();
    sql(&path, "PRAGMA user_version = 9");
    let newer = open_error(dir.path());
    assert!(
        matches!(
            newer,
            StoreError::NewerSchema {
                found: 9,
                known: 1,
                ..
            }
        ),
        "{newer}"
    );
    assert!(matches!(
        backup(dir.path(), &dir.path().join("copy")),
        Err(StoreError::NewerSchema { .. })
    ));
    let other = tempfile::tempdir().unwrap();
    sql(&file::database(other.path()), "CREATE TABLE mine (x)");
    assert!(matches!(
        open_error(other.path()),
        StoreError::Foreign { .. }
    ));
    let noise = tempfile::tempdir().unwrap();
    fs::write(file::database(noise.path()), [b'x'; 4096]).unwrap();
    assert!(matches!(
        open_error(noise.path()),
        StoreError::Damaged { .. }
    ));
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let error = open_error(&file.join("data"));
    assert!(
        error.to_string().contains(&file.display().to_string()),
        "{error}"
    );
}

#[test]
fn a_full_disk_refuses_the_change_and_keeps_the_rest() {
    let dir = tempfile::tempdir().unwrap();
    two_records(dir.path());
    let store = Store::open(dir.path()).unwrap();
    run(async {
        store.sqlite().provoke("PRAGMA max_page_count = 8").await;
        let error = put(&store, "large", vec![b'x'; 100_000]).await.unwrap_err();
        assert!(matches!(error, StoreError::Full { .. }), "{error}");
        assert_eq!((ids(&store).await, store.version()), (two(), 2));
        // What still fits is taken, and everything once there is room.
        put(&store, "small", b"3".to_vec()).await.unwrap();
        store.sqlite().provoke("PRAGMA max_page_count = 9999").await;
        put(&store, "large", vec![b'x'; 100_000]).await.unwrap();
    });
    drop(store);
    let store = Store::open(dir.path()).unwrap();
    assert_eq!(run(ids(&store)), ["a", "b", "large", "small"]);
}

#[test]
fn a_change_cannot_hide_that_the_disk_is_full() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    run(async {
        store.sqlite().provoke("PRAGMA max_page_count = 8").await;
        let result: Result<(), StoreError> = store
            .change(|change| {
                change.put(&key("a"), Expect::Any, b"1")?;
                let _ = change.put(&key("b"), Expect::Any, &vec![b'x'; 100_000]);
                Ok(())
            })
            .await;
        assert!(matches!(result, Err(StoreError::Full { .. })), "{result:?}");
        assert!(ids(&store).await.is_empty());
    });
}

#[test]
fn a_disk_that_turned_read_only_refuses_changes_and_still_reads() {
    let dir = tempfile::tempdir().unwrap();
    two_records(dir.path());
    let store = Store::open(dir.path()).unwrap();
    run(async {
        store.sqlite().provoke("PRAGMA query_only = ON").await;
        let error = put(&store, "c", b"3".to_vec()).await.unwrap_err();
        assert!(matches!(error, StoreError::NotWritable { .. }), "{error}");
        assert_eq!(ids(&store).await, two());
        store.sqlite().provoke("PRAGMA query_only = OFF").await;
        put(&store, "c", b"3".to_vec()).await.unwrap();
    });
}

fn two() -> Vec<String> {
    vec!["a".to_owned(), "b".to_owned()]
}

#[test]
fn a_backup_is_taken_while_the_store_is_in_use_and_restores_to_its_moment() {
    let dir = tempfile::tempdir().unwrap();
    let (data_dir, copy) = (dir.path().join("data"), dir.path().join("copy"));
    two_records(&data_dir);
    let store = Store::open(&data_dir).unwrap();
    run(put(&store, "c", b"3".to_vec())).unwrap();
    let copied = backup(&data_dir, &copy).unwrap();
    assert_eq!((copied.records, copied.version), (3, 3));
    assert_eq!(copied.bytes, fs::metadata(&copy).unwrap().len());
    run(put(&store, "d", b"4".to_vec())).unwrap();
    // A later backup takes the place of the earlier.
    assert_eq!(backup(&data_dir, &copy).unwrap().records, 4);
    run(put(&store, "e", b"5".to_vec())).unwrap();
    drop(store);
    assert_eq!(restore(&data_dir, &copy).unwrap().records, 4);
    let store = Store::open(&data_dir).unwrap();
    assert_eq!(run(ids(&store)), ["a", "b", "c", "d"]);
    drop(store);
    // What was replaced is still a store, with its last record.
    let replaced = file::beside(&file::database(&data_dir), ".replaced");
    assert_eq!(restore(&data_dir, &replaced).unwrap().records, 5);
    // And an empty place can be filled.
    let fresh = dir.path().join("fresh");
    assert_eq!(restore(&fresh, &copy).unwrap().version, 4);
    assert_eq!(run(ids(&Store::open(&fresh).unwrap())).len(), 4);
}

#[test]
fn what_is_no_backup_is_refused_and_replaces_nothing() {
    let dir = tempfile::tempdir().unwrap();
    two_records(dir.path());
    let other = dir.path().join("other");
    let refuses = |what: &str| {
        let error = restore(dir.path(), &other).map(drop).unwrap_err();
        assert!(
            error.to_string().contains(&other.display().to_string()),
            "{what}: {error}"
        );
        let left = Store::open(dir.path()).unwrap();
        assert_eq!(run(ids(&left)), two(), "{what}");
    };
    refuses("nothing there");
    fs::write(&other, [b'x'; 4096]).unwrap();
    refuses("noise");
    Connection::open(dir.path().join("x"))
        .unwrap()
        .execute_batch("CREATE TABLE mine (x)")
        .unwrap();
    fs::rename(dir.path().join("x"), &other).unwrap();
    refuses("another program's");
    backup(dir.path(), &other).unwrap();
    let mut bytes = fs::read(&other).unwrap();
    let page = bytes.len() / 4096 - 1;
    bytes[page * 4096..].fill(b'y');
    fs::write(&other, &bytes).unwrap();
    refuses("a torn copy");
    let partial = file::beside(&file::database(dir.path()), ".partial");
    assert!(!partial.exists());
}

#[test]
fn changes_that_wait_share_a_commit() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let mut watch = store.watch();
    run(async {
        watch.borrow_and_update();
        let (held, hold) = std::sync::mpsc::channel::<()>();
        let first = store.change(move |_| {
            // Lets the others line up behind this one.
            let _ = hold.recv();
            Ok::<(), StoreError>(())
        });
        let others = async {
            let all = (0..64).map(|id| {
                let store = store.clone();
                tokio::spawn(async move { put(&store, &id.to_string(), b"x".to_vec()).await })
            });
            let all: Vec<_> = all.collect();
            tokio::task::yield_now().await;
            drop(held);
            for one in all {
                one.await.unwrap().unwrap();
            }
        };
        let (first, ()) = tokio::join!(first, others);
        first.unwrap();
    });
    assert_eq!(store.version(), 64);
    assert!(watch.has_changed().unwrap());
}

//! `kill -9` at any moment: what was acknowledged is there at the next start.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::store::{Expect, Key, Prefix, Store, StoreError};

/// Where the child finds the folder, and how it knows that it is the child.
const DATA_DIR: &str = "DAEMUN_TEST_CRASH_DATA_DIR";
const KILLS: u64 = 50;
/// Writers of the child; each change writes two records that belong together.
const WRITERS: usize = 8;

#[test]
fn nothing_acknowledged_is_lost_by_kill_nine() {
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = Vec::new();
    for kill in 0..KILLS {
        acknowledged.extend(write_until_killed(dir.path(), kill));
        let store = Store::open(dir.path()).expect("opens after a kill");
        let found = runtime()
            .block_on(store.list(Prefix::everything(), None, usize::MAX))
            .unwrap();
        let there = |kind: &str, id: &str| {
            let key = Key::new("1", "r", kind, id);
            found
                .entries
                .binary_search_by(|entry| entry.key.cmp(&key))
                .is_ok()
        };
        for id in &acknowledged {
            assert!(there("left", id), "{id} is lost after kill {kill}");
        }
        for entry in &found.entries {
            let id = &entry.key.id;
            assert!(there("left", id) && there("right", id), "{id} is torn");
            assert!(entry.version <= store.version());
        }
    }
    assert!(acknowledged.len() as u64 > KILLS, "hardly anything written");
}

/// Starts the child, kills it after a while and returns the ids it printed as acknowledged.
fn write_until_killed(data_dir: &Path, round: u64) -> Vec<String> {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", "store::crash_tests::the_child"])
        .env(DATA_DIR, data_dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let is_ack = |line: &String| line.starts_with("ack ");
    let first = lines
        .by_ref()
        .map(Result::unwrap)
        .find(is_ack)
        .expect("a first write");
    // The moment of the kill is the subject of the test, so this is a wait on purpose.
    std::thread::sleep(Duration::from_micros(round * 997 % 20_000));
    child.kill().unwrap();
    child.wait().unwrap();
    // A last line without its end was cut by the kill: nobody read it as an acknowledgement.
    let rest = lines.map_while(Result::ok).filter(is_ack);
    std::iter::once(first)
        .chain(rest)
        .filter_map(|line| Some(line.strip_prefix("ack ")?.strip_suffix('.')?.to_owned()))
        .collect()
}

/// Not a test of its own: what the other one starts and kills.
#[test]
fn the_child() {
    let Some(data_dir) = std::env::var_os(DATA_DIR) else {
        return;
    };
    let store = Store::open(Path::new(&data_dir)).unwrap();
    runtime().block_on(async {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| tokio::spawn(write(store.clone(), writer)))
            .collect();
        for writer in writers {
            writer.await.unwrap();
        }
    });
}

async fn write(store: Store, writer: usize) {
    loop {
        let id = store
            .change(move |change| {
                let id = format!("{}-{writer}", change.version());
                for kind in ["left", "right"] {
                    let key = Key::new("1", "r", kind, &id);
                    change.put(&key, Expect::Absent, &[b'x'; 700])?;
                }
                Ok::<_, StoreError>(id)
            })
            .await
            .unwrap();
        // Past the test harness's capture, in one write.
        let line = format!("ack {id}.\n");
        if std::io::stdout().write_all(line.as_bytes()).is_err() {
            return;
        }
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
}

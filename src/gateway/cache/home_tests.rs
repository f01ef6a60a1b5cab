//! Who is lent a key, who waits for it, and what is kept for how long.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::gateway::Answer;
use crate::gateway::cache::copies::Copies;
use crate::gateway::cache::home::{Home, Lease, Look, Word};
use crate::rt::Driver;
use crate::rt::bridge::Bridge;
use crate::rt::task::{Flag, give_way, spawn};

fn home(bytes_max: usize) -> Arc<Home> {
    Arc::new(Home::new(0, 0, bytes_max))
}

fn answer(bytes: usize) -> Answer {
    Answer {
        status: 200,
        body: vec![b'x'; bytes],
        ..Answer::default()
    }
}

fn lease(home: &Arc<Home>, key: &[u8], now_ms: u64) -> Lease {
    match home.look(key, false, now_ms, now_ms + 100) {
        Look::Missing(lease) => lease,
        other => panic!("{other:?}"),
    }
}

fn is_here(home: &Arc<Home>, key: &[u8], now_ms: u64) -> bool {
    matches!(home.look(key, false, now_ms, now_ms), Look::Here(_))
}

#[test]
fn a_key_is_lent_once_and_again_when_its_holder_has_gone() {
    let home = home(10_000);
    let first = lease(&home, b"a", 0);
    assert!(matches!(home.look(b"a", false, 1, 100), Look::Asked));
    drop(first);
    let second = lease(&home, b"a", 2);
    // A holder of whom nothing was heard for too long counts no more, and neither does its answer.
    let third = lease(&home, b"a", 200);
    second.keep(answer(1), 201, 1_000, 0);
    assert!(matches!(home.look(b"a", false, 202, 300), Look::Asked));
    third.keep(answer(2), 203, 1_000, 0);
    match home.look(b"a", false, 1_202, 1_300) {
        Look::Here(entry) => assert_eq!(entry.answer.body.len(), 2),
        other => panic!("{other:?}"),
    }
    assert!(!is_here(&home, b"a", 1_203), "its time is over");
}

#[test]
fn those_who_wait_hear_what_became_of_the_lease() {
    for driver in [Driver::best(), Driver::Epoll] {
        let heard = driver.run(async {
            let bridge: Rc<Bridge<Word>> = Bridge::start(8).unwrap();
            let (home, heard) = (home(10_000), Rc::new(RefCell::new(Vec::new())));
            for end in ["kept", "passed", "dropped"] {
                let lease = lease(&home, end.as_bytes(), 0);
                let (asking, waiting) = (Rc::clone(&bridge), Arc::clone(&home));
                let (hears, told) = (Rc::clone(&heard), Rc::new(Flag::default()));
                let tells = Rc::clone(&told);
                let waits = async move {
                    let send = |reply| waiting.wait(end.as_bytes(), reply);
                    let word = asking.ask(send).await;
                    hears.borrow_mut().push(word);
                    tells.raise();
                };
                spawn(waits, || ());
                give_way().await;
                match end {
                    "kept" => drop(lease.keep(answer(7), 0, 1_000, 0)),
                    "passed" => lease.pass(),
                    _ => drop(lease),
                }
                told.raised().await;
            }
            // Nobody asks: there is nothing to wait for.
            let word = bridge.ask(|reply| home.wait(b"none", reply)).await;
            heard.borrow_mut().push(word);
            heard.take()
        });
        let heard = heard.unwrap();
        assert!(matches!(&heard[0], Some(Word::Here(entry)) if entry.answer.body.len() == 7));
        assert!(matches!(heard[1], Some(Word::Alone)));
        assert!(matches!(heard[2], Some(Word::Again)));
        assert!(matches!(heard[3], Some(Word::Again)));
    }
}

#[test]
fn cores_that_ask_at_once_make_one_call() {
    const CORES: usize = 3;
    let (home, calls) = (home(100_000), Arc::new(AtomicUsize::new(0)));
    let at_once = Arc::new(std::sync::Barrier::new(CORES));
    let mut cores = Vec::new();
    for _ in 0..CORES {
        let (home, calls, at_once) = (home.clone(), calls.clone(), at_once.clone());
        cores.push(std::thread::spawn(move || {
            Driver::Epoll.run(async move {
                let bridge: Rc<Bridge<Word>> = Bridge::start(8).unwrap();
                for round in 0..200_u32 {
                    let key = round.to_le_bytes();
                    at_once.wait();
                    loop {
                        match home.look(&key, false, 0, 100) {
                            Look::Here(_) => break,
                            Look::Missing(lease) => {
                                calls.fetch_add(1, Ordering::Relaxed);
                                give_way().await;
                                drop(lease.keep(answer(1), 0, 1_000, 0));
                            }
                            Look::Asked => {
                                bridge.ask(|reply| home.wait(&key, reply)).await;
                            }
                        }
                    }
                }
            })
        }));
    }
    for core in cores {
        core.join().unwrap().unwrap();
    }
    assert_eq!(calls.load(Ordering::Relaxed), 200);
}

#[test]
fn what_is_not_used_makes_room_first() {
    // Room for three: an entry costs about 512 bytes more than its body.
    let home = home(5_000);
    let (keys, copies) = ([b"a", b"b", b"c", b"d"], Copies::default());
    for key in &keys[..3] {
        let entry = lease(&home, *key, 0).keep(answer(1_000), 0, 1_000, 0);
        copies.keep(&home, entry);
    }
    copies.get(&home, b"a", false, 1).unwrap().note_use();
    lease(&home, b"d", 1).keep(answer(1_000), 1, 1_000, 0);
    assert!(is_here(&home, b"a", 2) && is_here(&home, b"c", 2) && is_here(&home, b"d", 2));
    assert!(!is_here(&home, b"b", 2));
    // The copy of what has gone is not served, and let go.
    assert!(copies.get(&home, b"b", false, 2).is_none());
    copies.tidy();
    // What is over its time goes before anything else, and what is too large for all stays out.
    lease(&home, b"e", 3).keep(answer(100), 3, 5, 0);
    lease(&home, b"huge", 2_000).keep(answer(9_000), 2_000, 1_000, 0);
    assert!(!is_here(&home, b"huge", 2_001) && !is_here(&home, b"a", 2_001));
}

#[test]
fn copies_end_with_what_they_are_copies_of() {
    let (home, copies) = (home(10_000), Copies::default());
    let entry = lease(&home, b"a", 0).keep(answer(1), 0, 1_000, 0);
    let weak = Arc::downgrade(&entry);
    drop(copies.keep(&home, entry));
    assert!(copies.get(&home, b"a", false, 999).is_some());
    assert!(copies.get(&home, b"a", false, 1_000).is_none());
    let renewed = home.forget(b"a", 2_000);
    assert!(
        copies.get(&home, b"a", false, 1).is_none(),
        "forgotten for all"
    );
    copies.tidy();
    assert!(weak.upgrade().is_none(), "nobody holds it any more");
    drop(copies.keep(&home, renewed.keep(answer(1), 1, 1_000, 0)));
    let weak = Arc::downgrade(&home);
    drop(home);
    copies.tidy();
    assert!(weak.upgrade().is_none());
}

#[test]
fn a_stale_answer_is_renewed_by_one() {
    let home = home(10_000);
    let entry = lease(&home, b"a", 0).keep(answer(1), 0, 100, 50);
    assert!(entry.serves(false, 99) && !entry.serves(false, 100));
    assert!(entry.serves(true, 149) && !entry.serves(true, 150));
    assert!(entry.is_to_renew(100, 300) && !entry.is_to_renew(110, 300));
    let lease = home.renew(b"a", 100, 300).unwrap();
    assert!(home.renew(b"a", 110, 300).is_none());
    assert!(matches!(home.look(b"a", true, 120, 300), Look::Here(_)));
    lease.pass();
    entry.rest_until(130);
    assert!(!entry.is_to_renew(129, 300) && entry.is_to_renew(130, 300));
    home.renew(b"a", 130, 300)
        .unwrap()
        .keep(answer(2), 131, 100, 0);
    assert!(entry.is_gone());
}

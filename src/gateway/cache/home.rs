//! `Home`: what a stage has kept of answers for all cores, and who asks for what is missing.
//!
//! ```text
//!           copies of this core          home of the stage             integration
//! hit    ── found, no lock
//! miss   ── not found ────────────────── found: now a copy
//!        ── not found ────────────────── asked for: wait for the word
//!        ── not found ────────────────── lent to us ────────────────── one call
//! ```
//!
//! Its lock is held for a look into a map and only by those whose core has no copy.

use std::borrow::Borrow;
use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::gateway::Answer;
use crate::rt::bridge::Reply;

/// AWS: a response of more bytes is not cached.
const ANSWER_BYTES_MAX: usize = 1_048_576;

/// What an entry costs besides its bytes, so that many small ones have a bound too.
const ENTRY_BYTES: usize = 512;

/// Entries in use that are spared while one has to go.
const SPARED_MAX: usize = 16;

#[derive(Debug)]
pub struct Home {
    /// Of this process, never given twice.
    pub id: u64,
    epoch: u64,
    bytes_max: usize,
    /// Grows when entries are no longer to be served, so that cores look through their copies.
    gone: AtomicU64,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    kept: HashSet<ByKey<Arc<Entry>>>,
    /// In the order in which they came or were spared; some may be gone.
    order: VecDeque<Weak<Entry>>,
    bytes: usize,
    /// What somebody asks for right now.
    asked: HashMap<Box<[u8]>, Asked>,
    turn: u64,
}

#[derive(Debug)]
struct Asked {
    /// Of the lease that counts: it may have been lent anew.
    turn: u64,
    /// Whoever had the lease for so long has gone with its core.
    until_ms: u64,
    waiting: Vec<Reply<Word>>,
}

/// An answer that is kept. It never changes: a newer one is another entry.
#[derive(Debug)]
pub struct Entry {
    pub answer: Answer,
    key: Box<[u8]>,
    /// Times are of the clock that all cores share.
    pub fresh_until_ms: u64,
    stale_until_ms: u64,
    bytes: usize,
    is_used: AtomicBool,
    is_gone: AtomicBool,
    /// Somebody asks anew, or nobody should yet.
    renewing_until_ms: AtomicU64,
}

/// What those who wait are told.
#[derive(Debug)]
pub enum Word {
    Here(Arc<Entry>),
    /// Nobody asks any more: look again.
    Again,
    /// The answer is not for others: each asks for itself.
    Alone,
}

/// What the home has for a key.
#[derive(Debug)]
pub enum Look {
    Here(Arc<Entry>),
    Asked,
    Missing(Lease),
}

/// The right, and the duty, to ask for an answer that others may wait for.
#[derive(Debug)]
pub struct Lease {
    home: Arc<Home>,
    key: Box<[u8]>,
    turn: u64,
    is_over: bool,
}

impl Home {
    pub fn new(id: u64, epoch: u64, bytes_max: usize) -> Self {
        Self {
            id,
            epoch,
            bytes_max,
            gone: AtomicU64::new(0),
            table: Mutex::default(),
        }
    }

    /// Whether what it has kept is of use where these hold.
    pub fn serves(&self, epoch: u64, bytes_max: usize) -> bool {
        (self.epoch, self.bytes_max) == (epoch, bytes_max)
    }

    pub fn gone(&self) -> u64 {
        self.gone.load(Ordering::Relaxed)
    }

    /// What there is at `now_ms`. A lease is over at `until_ms`, whatever became of it.
    pub fn look(
        self: &Arc<Self>,
        key: &[u8],
        takes_stale: bool,
        now_ms: u64,
        until_ms: u64,
    ) -> Look {
        let mut table = self.table();
        let kept = table.kept.get(key);
        if let Some(ByKey(kept)) = kept.filter(|kept| kept.0.serves(takes_stale, now_ms)) {
            return Look::Here(Arc::clone(kept));
        }
        match table.asked.get(key) {
            Some(asked) if asked.until_ms > now_ms => Look::Asked,
            _ => Look::Missing(self.lend(&mut table, key, until_ms)),
        }
    }

    /// Tells `reply` once whoever asks for the key has an answer.
    pub fn wait(&self, key: &[u8], reply: Reply<Word>) {
        let mut table = self.table();
        match table.asked.get_mut(key) {
            Some(asked) => asked.waiting.push(reply),
            // It has come meanwhile.
            None => {
                drop(table);
                reply.send(Word::Again);
            }
        }
    }

    /// The right to ask anew for what is kept, if nobody does.
    pub fn renew(self: &Arc<Self>, key: &[u8], now_ms: u64, until_ms: u64) -> Option<Lease> {
        let mut table = self.table();
        let asked = table.asked.get(key);
        if asked.is_some_and(|asked| asked.until_ms > now_ms) {
            return None;
        }
        Some(self.lend(&mut table, key, until_ms))
    }

    /// Forgets what is kept. Those who ask already ask for themselves only.
    pub fn forget(self: &Arc<Self>, key: &[u8], until_ms: u64) -> Lease {
        let mut table = self.table();
        if table.forget(key) {
            self.gone.fetch_add(1, Ordering::Relaxed);
        }
        self.lend(&mut table, key, until_ms)
    }

    fn lend(self: &Arc<Self>, table: &mut Table, key: &[u8], until_ms: u64) -> Lease {
        table.turn += 1;
        let turn = table.turn;
        match table.asked.get_mut(key) {
            Some(asked) => (asked.turn, asked.until_ms) = (turn, until_ms),
            None => {
                let asked = Asked {
                    turn,
                    until_ms,
                    waiting: Vec::new(),
                };
                table.asked.insert(key.into(), asked);
            }
        }
        Lease {
            home: Arc::clone(self),
            key: key.into(),
            turn,
            is_over: false,
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease {
    /// Whether an answer is worth keeping.
    pub fn is_for_all(answer: &Answer) -> bool {
        (200..300).contains(&answer.status) && answer.body.len() <= ANSWER_BYTES_MAX
    }

    pub fn home(&self) -> &Arc<Home> {
        &self.home
    }

    /// Keeps an answer for all who ask or will ask; `stale_ms` more than the others that it is
    /// fresh it may be served while it is renewed.
    pub fn keep(mut self, answer: Answer, now_ms: u64, fresh_ms: u64, stale_ms: u64) -> Arc<Entry> {
        self.is_over = true;
        let entry = Arc::new(Entry {
            bytes: self.key.len() * 2 + size_of(&answer),
            key: std::mem::take(&mut self.key),
            answer,
            fresh_until_ms: now_ms + fresh_ms,
            stale_until_ms: now_ms + fresh_ms + stale_ms,
            is_used: AtomicBool::new(false),
            is_gone: AtomicBool::new(false),
            renewing_until_ms: AtomicU64::new(0),
        });
        let waiting = {
            let mut table = self.home.table();
            let waiting = table.end(&entry.key, self.turn);
            if waiting.is_some() {
                let gone = table.insert(&entry, self.home.bytes_max, now_ms);
                self.home.gone.fetch_add(gone, Ordering::Relaxed);
            }
            waiting
        };
        for reply in waiting.into_iter().flatten() {
            reply.send(Word::Here(Arc::clone(&entry)));
        }
        entry
    }

    /// There is no answer for others. They ask at once and not one after the other: what fails
    /// slowly would otherwise keep the last of them waiting for the sum of all.
    pub fn pass(mut self) {
        self.end(|| Word::Alone);
    }

    fn end(&mut self, word: impl Fn() -> Word) {
        if std::mem::replace(&mut self.is_over, true) {
            return;
        }
        let waiting = self.home.table().end(&self.key, self.turn);
        for reply in waiting.into_iter().flatten() {
            reply.send(word());
        }
    }
}

/// Whoever asked has gone without a word: the next one asks.
impl Drop for Lease {
    fn drop(&mut self) {
        self.end(|| Word::Again);
    }
}

impl Table {
    /// Ends a lease; none if it does not count any more.
    fn end(&mut self, key: &[u8], turn: u64) -> Option<Vec<Reply<Word>>> {
        let counts = self.asked.get(key).is_some_and(|asked| asked.turn == turn);
        counts.then(|| self.asked.remove(key).map(|asked| asked.waiting))?
    }

    fn forget(&mut self, key: &[u8]) -> bool {
        let Some(ByKey(gone)) = self.kept.take(key) else {
            return false;
        };
        self.bytes -= gone.bytes;
        gone.is_gone.store(true, Ordering::Relaxed);
        true
    }

    /// Makes room; says how many entries have gone for it.
    fn insert(&mut self, entry: &Arc<Entry>, bytes_max: usize, now_ms: u64) -> u64 {
        let mut gone = u64::from(self.forget(&entry.key));
        self.bytes += entry.bytes;
        self.kept.insert(ByKey(Arc::clone(entry)));
        self.order.push_back(Arc::downgrade(entry));
        let mut spared = 0;
        while let Some(first) = self.order.front() {
            let Some(oldest) = first.upgrade().filter(|entry| !entry.is_gone()) else {
                self.order.pop_front();
                continue;
            };
            let is_over = oldest.stale_until_ms <= now_ms;
            if self.bytes <= bytes_max && !is_over {
                break;
            }
            let place = self.order.pop_front();
            let is_used = !is_over && oldest.is_used.swap(false, Ordering::Relaxed);
            if is_used && spared < SPARED_MAX {
                spared += 1;
                self.order.extend(place);
                continue;
            }
            gone += u64::from(self.forget(&oldest.key));
        }
        if self.order.len() > self.kept.len() * 2 + 64 {
            let is_kept = |entry: Arc<Entry>| !entry.is_gone();
            self.order.retain(|one| one.upgrade().is_some_and(is_kept));
        }
        gone
    }
}

impl Entry {
    /// Whether it may be given to a client at `now_ms`.
    pub fn serves(&self, takes_stale: bool, now_ms: u64) -> bool {
        let until_ms = match takes_stale {
            true => self.stale_until_ms,
            false => self.fresh_until_ms,
        };
        now_ms < until_ms && !self.is_gone()
    }

    pub fn is_gone(&self) -> bool {
        self.is_gone.load(Ordering::Relaxed)
    }

    /// Notes that somebody was served: it stays longer than others. Written once only, since
    /// other cores read the same line of memory.
    pub fn note_use(&self) {
        if !self.is_used.load(Ordering::Relaxed) {
            self.is_used.store(true, Ordering::Relaxed);
        }
    }

    /// Whether the caller, alone among all, is to renew it until `until_ms`.
    pub fn is_to_renew(&self, now_ms: u64, until_ms: u64) -> bool {
        let before = self.renewing_until_ms.load(Ordering::Relaxed);
        before <= now_ms
            && self
                .renewing_until_ms
                .compare_exchange(before, until_ms, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    /// Nobody renews it before `until_ms`.
    pub fn rest_until(&self, until_ms: u64) {
        self.renewing_until_ms.store(until_ms, Ordering::Relaxed);
    }
}

/// An entry in a set of those that differ by their keys.
#[derive(Debug)]
pub struct ByKey<T>(pub T);

impl<T: AsEntry> PartialEq for ByKey<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0.entry().key == other.0.entry().key
    }
}

impl<T: AsEntry> Eq for ByKey<T> {}

impl<T: AsEntry> Hash for ByKey<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // As a slice hashes, by which it is looked for.
        self.0.entry().key.hash(state);
    }
}

impl<T: AsEntry> Borrow<[u8]> for ByKey<T> {
    fn borrow(&self) -> &[u8] {
        &self.0.entry().key
    }
}

/// What holds an entry.
pub trait AsEntry {
    fn entry(&self) -> &Entry;
}

impl AsEntry for Arc<Entry> {
    fn entry(&self) -> &Entry {
        self
    }
}

impl AsEntry for std::rc::Rc<Arc<Entry>> {
    fn entry(&self) -> &Entry {
        self
    }
}

fn size_of(answer: &Answer) -> usize {
    let headers = answer.headers.iter();
    let headers: usize = headers.map(|one| one.name.len() + one.value.len()).sum();
    ENTRY_BYTES + headers + answer.body.len()
}

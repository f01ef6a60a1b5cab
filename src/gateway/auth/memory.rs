//! Decisions of authorizers that a core remembers, within a bound whatever callers send.

use std::collections::HashMap;
use std::rc::Rc;

use crate::gateway::auth::said::Said;
use crate::rt::task::Flag;

/// Two generations: what is asked for moves to the young one, and when that is full, the old one is
/// forgotten as a whole.
#[derive(Debug, Default)]
pub struct Memory {
    young: HashMap<Box<[u8]>, Decision>,
    old: HashMap<Box<[u8]>, Decision>,
    young_bytes: usize,
    /// What is being asked for right now: no more than there are calls.
    asked: HashMap<Box<[u8]>, Rc<Flag>>,
}

#[derive(Clone, Debug)]
struct Decision {
    said: Rc<Said>,
    /// On the clock of the process, milliseconds.
    until_ms: u64,
}

/// Of a generation.
const ENTRIES_MAX: usize = 8_192;
const BYTES_MAX: usize = 8 << 20;

impl Memory {
    pub fn get(&mut self, key: &[u8], now_ms: u64) -> Option<Rc<Said>> {
        if let Some(decision) = self.young.get(key) {
            let is_good = decision.until_ms > now_ms;
            return is_good.then(|| Rc::clone(&decision.said));
        }
        let (key, decision) = self.old.remove_entry(key)?;
        if decision.until_ms <= now_ms {
            return None;
        }
        let said = Rc::clone(&decision.said);
        self.put(key, decision);
        Some(said)
    }

    /// Raised when the call ends that asks for this.
    pub fn awaited(&self, key: &[u8]) -> Option<Rc<Flag>> {
        self.asked.get(key).map(Rc::clone)
    }

    /// Others may wait for this until it is `answered`. False: somebody asks for it already.
    pub fn ask(&mut self, key: &[u8]) -> bool {
        let is_first = !self.asked.contains_key(key);
        if is_first {
            self.asked.insert(key.into(), Rc::default());
        }
        is_first
    }

    pub fn answered(&mut self, key: &[u8]) {
        if let Some(flag) = self.asked.remove(key) {
            flag.raise();
        }
    }

    pub fn keep(&mut self, key: Box<[u8]>, said: &Rc<Said>, until_ms: u64) {
        let said = Rc::clone(said);
        self.old.remove(&key);
        self.put(key, Decision { said, until_ms });
    }

    fn put(&mut self, key: Box<[u8]>, decision: Decision) {
        let bytes = key.len() + decision.said.bytes;
        let is_full = self.young.len() >= ENTRIES_MAX || self.young_bytes + bytes > BYTES_MAX;
        if is_full {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        self.young_bytes += bytes;
        let key_bytes = key.len();
        if let Some(before) = self.young.insert(key, decision) {
            self.young_bytes -= key_bytes + before.said.bytes;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::plan::guard::Kind;

    fn said() -> Rc<Said> {
        let output = br#"{"isAuthorized":true}"#;
        Rc::new(Said::read(output, Kind::Simple, false).unwrap())
    }

    fn key(number: usize) -> Box<[u8]> {
        number.to_le_bytes().into()
    }

    #[test]
    fn one_asks_and_the_others_wait_for_its_end() {
        let mut memory = Memory::default();
        assert!(memory.awaited(&key(1)).is_none());
        assert!(memory.ask(&key(1)) && !memory.ask(&key(1)) && memory.ask(&key(2)));
        assert!(memory.awaited(&key(1)).is_some());
        memory.answered(&key(1));
        assert!(memory.awaited(&key(1)).is_none() && memory.awaited(&key(2)).is_some());
        assert!(memory.ask(&key(1)));
    }

    #[test]
    fn decisions_end_with_their_time() {
        let mut memory = Memory::default();
        memory.keep(key(1), &said(), 1_000);
        assert!(memory.get(&key(1), 999).is_some());
        assert!(memory.get(&key(1), 1_000).is_none());
        assert!(memory.get(&key(2), 0).is_none());
    }

    #[test]
    fn what_is_asked_for_stays_and_the_rest_is_forgotten() {
        let mut memory = Memory::default();
        for number in 0..10 * ENTRIES_MAX {
            memory.keep(key(number), &said(), u64::MAX);
            assert!(memory.get(&key(0), 0).is_some(), "{number}");
            assert!(memory.young.len() <= ENTRIES_MAX && memory.old.len() <= ENTRIES_MAX);
        }
        assert!(memory.get(&key(1), 0).is_none());
        assert!(memory.young_bytes <= BYTES_MAX);
    }

    #[test]
    fn a_decision_that_replaces_another_is_counted_once() {
        let mut memory = Memory::default();
        for _ in 0..3 {
            memory.keep(key(1), &said(), 1);
        }
        assert_eq!(memory.young_bytes, 8 + said().bytes);
    }
}

//! What a core serves without asking anybody: its own references to what the homes have kept.

use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::{Arc, Weak};

use crate::gateway::cache::home::{ByKey, Entry, Home};

/// Of one stage and generation: what was used lately stands in one of the two youngest.
const GENERATION_MAX: usize = 16_384;

/// An entry that requests of this core hold. The outer count is the core's own: the inner one is
/// shared by all cores, and touching it for each request would send it from core to core.
#[allow(clippy::redundant_allocation)]
pub type Held = Rc<Arc<Entry>>;

#[derive(Debug, Default)]
pub struct Copies(RefCell<HashMap<u64, Generations>>);

/// Copies of the entries of one home.
#[derive(Debug)]
struct Generations {
    home: Weak<Home>,
    /// What the home had lost when we looked last.
    gone: u64,
    young: HashSet<ByKey<Held>>,
    old: HashSet<ByKey<Held>>,
}

impl Copies {
    /// The copy of a key that may be served at `now_ms`.
    pub fn get(&self, home: &Home, key: &[u8], takes_stale: bool, now_ms: u64) -> Option<Held> {
        let mut all = self.0.borrow_mut();
        let own = all.get_mut(&home.id)?;
        if let Some(ByKey(held)) = own.young.get(key) {
            return held.serves(takes_stale, now_ms).then(|| Rc::clone(held));
        }
        let ByKey(held) = own.old.take(key)?;
        if !held.serves(takes_stale, now_ms) {
            return None;
        }
        own.add(Rc::clone(&held));
        Some(held)
    }

    /// A copy of what the home has.
    pub fn keep(&self, home: &Arc<Home>, entry: Arc<Entry>) -> Held {
        let held = Rc::new(entry);
        let mut all = self.0.borrow_mut();
        let own = all.entry(home.id).or_insert_with(|| Generations {
            home: Arc::downgrade(home),
            gone: home.gone(),
            young: HashSet::new(),
            old: HashSet::new(),
        });
        own.add(Rc::clone(&held));
        held
    }

    /// Lets go what no home keeps any more: copies must not be memory that nobody counts.
    pub fn tidy(&self) {
        let mut all = self.0.borrow_mut();
        all.retain(|_, own| {
            let Some(home) = own.home.upgrade() else {
                return false;
            };
            let gone = home.gone();
            if gone != own.gone {
                own.gone = gone;
                own.young.retain(|copy| !copy.0.is_gone());
                own.old.retain(|copy| !copy.0.is_gone());
            }
            true
        });
    }
}

impl Generations {
    fn add(&mut self, held: Held) {
        if self.young.len() >= GENERATION_MAX {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.replace(ByKey(held));
    }
}

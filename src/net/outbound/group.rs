//! Groups of targets as one core sees them: whose turn it is, who is out, which connections rest.

use std::cell::{Cell, RefCell};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use crate::net::outbound::{Connection, balance};
use crate::rt::address::AddressBook;
use crate::rt::tls;

/// What the configuration says about a group.
#[derive(Clone, Debug)]
pub struct GroupSettings {
    pub name: Box<str>,
    pub targets: Vec<TargetSettings>,
    pub least_outstanding: bool,
    /// Failures in a row after which a target is left out; 0 never.
    pub eject_after: u32,
    pub eject_ms: u32,
    pub connect_timeout_ms: u32,
    pub idle_timeout_ms: u32,
    /// For each target.
    pub idle_connections_max: usize,
    pub tls: Option<TlsSettings>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetSettings {
    pub host: Box<str>,
    /// Set when `host` is an address.
    pub ip: Option<IpAddr>,
    pub port: u16,
    pub weight: u32,
}

#[derive(Clone, Debug)]
pub struct TlsSettings {
    pub client: Arc<tls::Client>,
    /// Empty: the target's own host.
    pub server_name: Box<str>,
}

/// A group on one core.
#[derive(Debug)]
pub struct GroupState {
    pub settings: Arc<GroupSettings>,
    pub targets: Vec<TargetState>,
    pub ejections: Cell<u64>,
}

#[derive(Debug, Default)]
pub struct TargetState {
    /// Last in, first out: the warmest connection is used first, the others may age away.
    /// Boxed: each moves between here and its exchanges all the time.
    #[allow(clippy::vec_box)]
    pub idle: RefCell<Vec<Box<Connection>>>,
    pub outstanding: Cell<u32>,
    pub failures: Cell<u32>,
    pub ejected_until_ms: Cell<u64>,
    pub turn: Cell<i64>,
    /// Which of several addresses was dialled last.
    pub address_turn: Cell<usize>,
}

impl GroupState {
    pub fn new(settings: Arc<GroupSettings>) -> Self {
        Self {
            targets: settings
                .targets
                .iter()
                .map(|_| TargetState::default())
                .collect(),
            settings,
            ejections: Cell::new(0),
        }
    }

    /// The target for the next request; `not` is one that has just failed.
    #[inline]
    pub fn pick(&self, now_ms: u64, not: Option<usize>) -> usize {
        if self.targets.len() == 1 {
            return 0;
        }
        balance::pick(self, now_ms, not)
    }

    /// A resting connection on which nothing has arrived unasked. `surely`: so says the kernel now,
    /// not only the loop a moment ago; for requests that cannot be repeated.
    #[inline]
    pub fn take_idle(&self, target: usize, now_ms: u64, surely: bool) -> Option<Box<Connection>> {
        let idle_ms = u64::from(self.settings.idle_timeout_ms);
        let mut idle = self.targets[target].idle.borrow_mut();
        while let Some(mut connection) = idle.pop() {
            // Whatever an upstream says unasked would be taken for the next answer.
            let is_quiet = match surely {
                true => connection.stream.is_quiet_now(),
                false => connection.stream.is_quiet(),
            };
            if connection.idle_since_ms + idle_ms > now_ms && is_quiet {
                connection.is_reused = true;
                return Some(connection);
            }
        }
        None
    }

    /// Keeps a connection whose last exchange ended cleanly.
    #[inline]
    pub fn give_idle(&self, mut connection: Box<Connection>, now_ms: u64) {
        connection.stream.deadline.clear();
        connection.idle_since_ms = now_ms;
        let mut idle = self.targets[connection.target as usize].idle.borrow_mut();
        if idle.len() < self.settings.idle_connections_max {
            idle.push(connection);
        }
    }

    /// Closes connections that are too old, closed by the upstream, or have spoken unasked.
    pub fn tidy(&self, now_ms: u64) {
        let idle_ms = u64::from(self.settings.idle_timeout_ms);
        for target in &self.targets {
            target.idle.borrow_mut().retain(|connection| {
                connection.idle_since_ms + idle_ms > now_ms && connection.stream.is_quiet()
            });
        }
    }

    /// Takes over what `before` knows about the targets that both have.
    pub fn inherit(&self, before: &GroupState) {
        for (index, settings) in self.settings.targets.iter().enumerate() {
            let same = before
                .settings
                .targets
                .iter()
                .position(|other| other.host == settings.host && other.port == settings.port);
            let Some(from) = same else { continue };
            let (mine, theirs) = (&self.targets[index], &before.targets[from]);
            mine.failures.set(theirs.failures.get());
            mine.ejected_until_ms.set(theirs.ejected_until_ms.get());
            let mut idle = theirs.idle.take();
            for connection in &mut idle {
                connection.target = index as u32;
            }
            *mine.idle.borrow_mut() = idle;
        }
    }
}

/// All groups of a core and what they share.
#[derive(Debug, Default)]
pub struct Groups {
    states: RefCell<Vec<Option<Rc<GroupState>>>>,
    pub addresses: RefCell<Arc<AddressBook>>,
}

impl Groups {
    #[inline]
    pub fn get(&self, id: u32) -> Option<Rc<GroupState>> {
        self.states.borrow().get(id as usize)?.clone()
    }

    /// Takes over new settings. Groups whose settings are the very same keep all their state,
    /// others what their targets have in common with the ones before.
    pub fn publish(&self, next: &[Option<Arc<GroupSettings>>]) {
        let mut states = self.states.borrow_mut();
        let fresh = next.iter().enumerate().map(|(index, settings)| {
            let settings = settings.as_ref()?;
            let before = states.get(index).and_then(Option::as_ref);
            if let Some(before) = before
                && Arc::ptr_eq(&before.settings, settings)
            {
                return Some(Rc::clone(before));
            }
            let state = GroupState::new(Arc::clone(settings));
            // Connections made under other rules of trust are not worth keeping.
            if let Some(before) = before
                && before.settings.name == settings.name
                && before.settings.tls.is_none()
                && settings.tls.is_none()
            {
                state.inherit(before);
            }
            Some(Rc::new(state))
        });
        let fresh = fresh.collect();
        *states = fresh;
    }

    pub fn set_addresses(&self, book: Arc<AddressBook>) {
        *self.addresses.borrow_mut() = book;
    }

    /// Closes resting connections that are of no more use.
    pub fn tidy(&self, now_ms: u64) {
        for state in self.states.borrow().iter().flatten() {
            state.tidy(now_ms);
        }
    }
}

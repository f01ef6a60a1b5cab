//! Whose keys sign what this core sends to AWS: a snapshot that is read without a lock, and a
//! question to the control thread for the keys of a role that is not in it yet.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::aws::SessionKeys;
use crate::plan::service::Credentials;
use crate::rt::Core;
use crate::rt::bridge::{Bridge, Reply};
use crate::rt::task::{Either, first};

/// All keys that are known; the control thread makes a new one when there are others.
#[derive(Debug)]
pub struct Book {
    /// Those of the gateway, or why there are none.
    pub own: Keys,
    /// Where there are none, they may be asked for; they are then under `OWN`.
    pub asks_for_own: bool,
    /// By ARN.
    pub roles: HashMap<Box<str>, Arc<SessionKeys>>,
}

/// In the place of an ARN: the gateway's own keys, of the machine that it runs on.
pub const OWN: &str = "";

/// The keys of a role, or why there are none.
pub type Keys = Result<Arc<SessionKeys>, Box<str>>;

/// What a core wants of the control thread.
#[derive(Debug)]
pub enum Wish {
    /// Somebody waits for the keys of a role.
    Keys(Box<str>, Reply<Keys>),
    /// The keys of a role end soon.
    Renew(Box<str>),
}

/// Where wishes go. Clones are the same.
pub type Wishes = mpsc::UnboundedSender<Wish>;

/// The keys as one core sees them.
#[derive(Debug)]
pub struct Keyring {
    book: RefCell<Arc<Book>>,
    wishes: Option<Wishes>,
    bridge: Rc<Bridge<Keys>>,
    /// When this core last wished for a renewal, seconds since 1970.
    renewed_s: Cell<u64>,
}

/// Requests of a core that may wait for keys.
const WAITING_MAX: usize = 1_024;
/// Keys that end within so many seconds are renewed, and not used within so many.
const RENEW_S: u64 = 300;
const USE_S: u64 = 5;
/// AWS's answer for the keys of a role takes tens of milliseconds.
const WAIT_MS_MAX: u32 = 6_000;

impl Default for Book {
    fn default() -> Self {
        Self {
            own: Err("the gateway has no AWS credentials".into()),
            asks_for_own: false,
            roles: HashMap::new(),
        }
    }
}

impl Book {
    /// What is known of these keys; none: they have to be asked for.
    fn find(&self, credentials: &Credentials, now_s: u64) -> Option<Keys> {
        let of = |role: &str| {
            let keys = self.roles.get(role)?;
            keys.last(now_s, USE_S).then(|| Ok(Arc::clone(keys)))
        };
        match credentials {
            Credentials::Own if self.own.is_err() && self.asks_for_own => of(OWN),
            Credentials::Own => Some(self.own.clone()),
            Credentials::Role(role) => of(role),
            Credentials::Caller => Some(Err(NO_CALLER.into())),
        }
    }
}

/// Whoever has signed a call has its keys with it.
const NO_CALLER: &str = "the caller's own credentials can only sign where the authorization of the \
                         method or route is AWS_IAM";

impl Keyring {
    /// To be called on the core. Without `wishes` there are no keys of roles.
    ///
    /// # Errors
    /// When the event loop cannot watch one more descriptor.
    pub fn start(wishes: Option<Wishes>) -> io::Result<Self> {
        Ok(Self {
            book: RefCell::default(),
            wishes,
            bridge: Bridge::start(WAITING_MAX)?,
            renewed_s: Cell::new(0),
        })
    }

    pub fn publish(&self, book: Arc<Book>) {
        *self.book.borrow_mut() = book;
    }

    /// The keys to sign with. Waits for those of a role that are not known yet, `wait_ms` at most.
    ///
    /// # Errors
    /// Why there are none, for the log.
    pub async fn keys(
        &self,
        core: &'static Core,
        credentials: &Credentials,
        now_s: u64,
        wait_ms: u64,
    ) -> Keys {
        let known = self.book.borrow().find(credentials, now_s);
        let role = match credentials {
            Credentials::Role(role) => role,
            _ => OWN,
        };
        match known {
            Some(Ok(keys)) => {
                self.renew(role, &keys, now_s);
                Ok(keys)
            }
            Some(known) => known,
            None => {
                let wait_ms = u32::try_from(wait_ms).unwrap_or(WAIT_MS_MAX);
                // Asking is rare, and its state would make every connection's task larger.
                Box::pin(self.ask(core, role, wait_ms.min(WAIT_MS_MAX))).await
            }
        }
    }

    /// At most one wish a second from each core: the keys are good still.
    fn renew(&self, role: &str, keys: &SessionKeys, now_s: u64) {
        if keys.last(now_s, RENEW_S) || self.renewed_s.get() == now_s {
            return;
        }
        self.renewed_s.set(now_s);
        if let Some(wishes) = &self.wishes {
            // Nobody is there to renew them when the process ends.
            let _ = wishes.send(Wish::Renew(role.into()));
        }
    }

    async fn ask(&self, core: &'static Core, role: &str, wait_ms: u32) -> Keys {
        let Some(wishes) = &self.wishes else {
            return Err("roles cannot be assumed here".into());
        };
        let asked = self.bridge.ask(|reply| {
            let _ = wishes.send(Wish::Keys(role.into(), reply));
        });
        match first(asked, core.pause(wait_ms)).await {
            Either::A(Some(keys)) => keys,
            Either::A(None) => Err("too many requests wait for the keys of roles".into()),
            Either::B(()) if role == OWN => Err("no keys of the machine in time".into()),
            Either::B(()) => Err(format!("no keys of {role} in time").into()),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_end_are_not_used() {
        let keys = Arc::new(SessionKeys {
            access_key_id: "ASIA1".to_owned(),
            secret: "s".to_owned(),
            session_token: None,
            expires_s: Some(1_000),
        });
        let role = Credentials::Role("r".into());
        let book = Book {
            roles: HashMap::from([("r".into(), Arc::clone(&keys))]),
            ..Book::default()
        };
        assert_eq!(book.find(&role, 990), Some(Ok(keys)));
        assert_eq!(book.find(&role, 996), None);
        assert_eq!(book.find(&Credentials::Role("other".into()), 0), None);
        let own = book.find(&Credentials::Own, 0).unwrap();
        assert!(own.unwrap_err().contains("no AWS credentials"));
        let machine = Book {
            asks_for_own: true,
            ..Book::default()
        };
        assert_eq!(machine.find(&Credentials::Own, 0), None);
        let caller = book.find(&Credentials::Caller, 0).unwrap();
        assert!(caller.unwrap_err().contains("AWS_IAM"));
    }
}

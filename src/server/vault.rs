//! The keys that sign requests to AWS: found, made of roles, renewed; all on the control thread.
//!
//! ```text
//! core ── Wish ──▶ vault ── AssumeRole ──▶ STS
//!   ▲                │  └─── GET ─────────▶ metadata of the machine or the container
//!   └─── Book ◀──────┘      to all cores, whenever there are other keys
//! ```

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::aws::sigv4::{Payload, Request};
use crate::aws::{SessionKeys, session};
use crate::base::Clock;
use crate::gateway::credentials::{Book, Keys, OWN, Wish, Wishes};
use crate::rt::bridge::Reply;
use crate::rt::errand::{self, Errand};
use crate::rt::tls;
use crate::server::credentials::{Desk, own_keys};
use crate::server::metadata;

/// The vault as the control thread sees it.
#[derive(Debug)]
pub struct Vault {
    wishes: Wishes,
    desks: mpsc::UnboundedSender<Desk>,
}

/// What is known of a role.
#[derive(Debug, Default)]
struct Role {
    keys: Option<Arc<SessionKeys>>,
    /// STS is being asked.
    is_asked: bool,
    waiting: Vec<Reply<Keys>>,
    /// Why there are no keys, and until when that is believed.
    refused: Option<(Box<str>, Instant)>,
}

struct Keeper {
    desk: Arc<Desk>,
    own: Keys,
    roles: HashMap<Box<str>, Role>,
    asked: JoinSet<(Box<str>, Result<SessionKeys, String>)>,
    book: watch::Sender<Arc<Book>>,
    clock: Clock,
}

/// How often a shared credentials file is read again, and keys that ended are forgotten.
const LOOK: Duration = Duration::from_secs(20);
/// STS answers within tens of milliseconds.
const STS_LIMIT: Duration = Duration::from_secs(5);
/// An answer with keys has about two thousand bytes.
const STS_BYTES_MAX: usize = 64 << 10;
/// A refusal is not asked for again so soon.
const REFUSED_FOR: Duration = Duration::from_secs(2);
/// A machine without metadata will not have them soon.
const NO_METADATA_FOR: Duration = Duration::from_secs(20);
/// Roles that are known at once.
const ROLES_MAX: usize = 1_000;
/// Keys that last so long are not renewed.
const FRESH_S: u64 = 300;

impl Vault {
    /// Inside a tokio runtime. What is known of keys is in the book, now and whenever it changes.
    pub fn start(desk: Desk) -> (Self, watch::Receiver<Arc<Book>>) {
        let (wishes, wished) = mpsc::unbounded_channel();
        let (desks, changed) = mpsc::unbounded_channel();
        let (sender, book) = watch::channel(Arc::default());
        let mut keeper = Keeper {
            own: found(&desk),
            desk: Arc::new(desk),
            roles: HashMap::new(),
            asked: JoinSet::new(),
            book: sender,
            clock: Clock::real(),
        };
        keeper.publish();
        tokio::spawn(keeper.run(wished, changed));
        (Self { wishes, desks }, book)
    }

    /// Where cores ask for keys.
    pub fn wishes(&self) -> Wishes {
        self.wishes.clone()
    }

    /// The config has been read again.
    pub fn configure(&self, desk: Desk) {
        // The task ends with the process.
        let _ = self.desks.send(desk);
    }
}

fn found(desk: &Desk) -> Keys {
    let found = own_keys(&desk.sources).map(Arc::new);
    found.map_err(Into::into)
}

impl Keeper {
    async fn run(
        mut self,
        mut wished: mpsc::UnboundedReceiver<Wish>,
        mut desks: mpsc::UnboundedReceiver<Desk>,
    ) {
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                desk = desks.recv() => match desk {
                    Some(desk) => self.move_to(desk),
                    None => return,
                },
                Some(wish) = wished.recv() => self.wished(wish),
                Some(done) = self.asked.join_next() => {
                    // The task has no way to panic; if it did, its role would be asked no more.
                    if let Ok((role, outcome)) = done {
                        self.answered(&role, outcome);
                    }
                }
                _ = look.tick() => self.look(),
            }
        }
    }

    fn now_s(&self) -> u64 {
        self.clock.epoch_ms() / 1_000
    }

    fn publish(&mut self) {
        let roles = self.roles.iter();
        let roles = roles.filter_map(|(role, known)| Some((role.clone(), known.keys.clone()?)));
        let book = Book {
            own: self.own.clone(),
            asks_for_own: self.desk.place.is_some(),
            roles: roles.collect(),
        };
        self.book.send_replace(Arc::new(book));
    }

    fn move_to(&mut self, desk: Desk) {
        if *self.desk == desk {
            return;
        }
        self.desk = Arc::new(desk);
        // What another STS or other keys made is of no use.
        for role in self.roles.values_mut() {
            role.keys = None;
            role.refused = None;
        }
        self.own = found(&self.desk);
        self.publish();
    }

    /// Files may hold other keys by now, and some keys have ended.
    fn look(&mut self) {
        let own = found(&self.desk);
        let is_other = own != self.own;
        self.own = own;
        let (known, now_s) = (self.roles.len(), self.now_s());
        self.roles.retain(|_, role| {
            let keys = role.keys.as_ref();
            role.is_asked || keys.is_some_and(|keys| keys.last(now_s, 0))
        });
        if is_other || self.roles.len() != known {
            self.publish();
        }
    }

    fn wished(&mut self, wish: Wish) {
        let (arn, reply) = match wish {
            Wish::Keys(role, reply) => (role, Some(reply)),
            Wish::Renew(role) => (role, None),
        };
        if self.roles.len() >= ROLES_MAX && !self.roles.contains_key(&arn) {
            if let Some(reply) = reply {
                reply.send(Err("too many roles are in use".into()));
            }
            return;
        }
        let now_s = self.now_s();
        let role = self.roles.entry(arn.clone()).or_default();
        let fresh = role.keys.as_ref().filter(|keys| keys.last(now_s, FRESH_S));
        let refused = role
            .refused
            .as_ref()
            .filter(|(_, until)| *until > Instant::now());
        match (fresh, refused, reply) {
            (Some(keys), _, Some(reply)) => reply.send(Ok(Arc::clone(keys))),
            (None, Some((why, _)), Some(reply)) => reply.send(Err(why.clone())),
            (Some(_), ..) | (_, Some(_), None) => {}
            (None, None, reply) => {
                role.waiting.extend(reply);
                if !role.is_asked {
                    role.is_asked = true;
                    self.ask(arn);
                }
            }
        }
    }

    fn ask(&mut self, role: Box<str>) {
        let (desk, own, now_ms) = (
            Arc::clone(&self.desk),
            self.own.clone(),
            self.clock.epoch_ms(),
        );
        let known = self.roles.get(OWN).and_then(|own| own.keys.clone());
        let known = known.filter(|keys| keys.last(now_ms / 1_000, FRESH_S));
        self.asked.spawn(async move {
            let own = match (own, known) {
                (Ok(own), _) => Ok(own),
                (Err(_), Some(known)) if &*role != OWN => Ok(known),
                (Err(why), _) => of_place(&desk, &why).await,
            };
            let outcome = match own {
                Ok(own) if &*role == OWN => Ok(SessionKeys::clone(&own)),
                Ok(own) => assume(&desk, &own, &role, now_ms).await,
                Err(why) => Err(why),
            };
            (role, outcome)
        });
    }

    fn answered(&mut self, arn: &str, outcome: Result<SessionKeys, String>) {
        let Some(role) = self.roles.get_mut(arn) else {
            return;
        };
        role.is_asked = false;
        let keys: Keys = match outcome {
            Ok(keys) => {
                let keys = Arc::new(keys);
                role.keys = Some(Arc::clone(&keys));
                role.refused = None;
                Ok(keys)
            }
            Err(why) => {
                let pause = match arn {
                    OWN => {
                        tracing::warn!(why, "there are no keys");
                        NO_METADATA_FOR
                    }
                    _ => {
                        tracing::warn!(role = arn, why, "a role cannot be assumed");
                        REFUSED_FOR
                    }
                };
                let why: Box<str> = why.into();
                role.refused = Some((why.clone(), Instant::now() + pause));
                Err(why)
            }
        };
        for reply in role.waiting.drain(..) {
            reply.send(keys.clone());
        }
        if keys.is_ok() {
            self.publish();
        }
    }
}

/// The keys of the machine, where there are no others.
async fn of_place(desk: &Desk, no_others: &str) -> Result<Arc<SessionKeys>, String> {
    match &desk.place {
        None => Err(no_others.to_owned()),
        Some(place) => {
            let keys = metadata::keys(place).await.map(Arc::new);
            keys.map_err(|why| format!("{no_others}; {why}"))
        }
    }
}

/// Asks STS for keys of a role.
async fn assume(
    desk: &Desk,
    own: &SessionKeys,
    role: &str,
    now_ms: u64,
) -> Result<SessionKeys, String> {
    let body = session::assume_role(role);
    let form = "application/x-www-form-urlencoded; charset=utf-8";
    let headers: &[(&[u8], &[u8])] = &[
        (b"Host", desk.sts_host.as_bytes()),
        (b"Content-Type", form.as_bytes()),
    ];
    let request = Request {
        method: "POST",
        path: desk.sts_path.as_bytes(),
        query: b"",
        headers,
    };
    let signer = own.signer("sts", &desk.sts_region);
    let signed = signer.sign(&request, Some(&Payload::Bytes(body.as_bytes())), now_ms);
    let mut sent = vec![
        ("Host".to_owned(), desk.sts_host.clone()),
        ("Content-Type".to_owned(), form.to_owned()),
        ("Accept".to_owned(), "application/xml".to_owned()),
    ];
    sent.extend(
        signed
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value)),
    );
    let errand = Errand {
        method: "POST",
        url: desk.sts_url.clone(),
        through: desk.sts_through.clone(),
        headers: sent,
        body,
    };
    let tls = || tls::Client::new(&desk.sts_trust, None, &[b"http/1.1"]).map_err(|e| e.to_string());
    let fetched = errand::run(errand, tls, STS_LIMIT, STS_BYTES_MAX).await?;
    let text = String::from_utf8_lossy(&fetched.body);
    match fetched.status {
        200 => session::of_role(&text),
        status => {
            let said = session::refusal(&text).unwrap_or_else(|| format!("status {status}"));
            Err(format!(
                "API Gateway does not have permission to assume the provided role {role}: {said}"
            ))
        }
    }
}

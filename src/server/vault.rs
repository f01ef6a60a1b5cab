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

impl Role {
    /// Keys that still last, if not for long.
    fn usable(&self, now_s: u64) -> Option<Arc<SessionKeys>> {
        let keys = self.keys.as_ref();
        keys.filter(|keys| keys.last(now_s, 0)).cloned()
    }
}

struct Keeper {
    desk: Arc<Desk>,
    own: Keys,
    roles: HashMap<Box<str>, Role>,
    asked: JoinSet<(Box<str>, Result<SessionKeys, String>)>,
    /// Roles that wait for the keys of the machine.
    hungry: Vec<Box<str>>,
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
            hungry: Vec::new(),
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
            (None, Some((why, _)), Some(reply)) => {
                reply.send(role.usable(now_s).ok_or(why.clone()))
            }
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

    /// Looks for keys of a role, or for those of the machine, which are asked for once for all roles.
    fn ask(&mut self, role: Box<str>) {
        let no_others = match (&self.own, &*role) {
            (Ok(own), OWN) => {
                let own = SessionKeys::clone(own);
                self.asked.spawn(async { (OWN.into(), Ok(own)) });
                return;
            }
            (Ok(own), _) => return self.assume(role, Arc::clone(own)),
            (Err(why), _) => why.clone(),
        };
        if &*role == OWN {
            let desk = Arc::clone(&self.desk);
            self.asked.spawn(async move {
                let keys = of_place(&desk, &no_others).await;
                (role, keys)
            });
            return;
        }
        let (now_s, now) = (self.now_s(), Instant::now());
        let machine = self.roles.entry(OWN.into()).or_default();
        let fresh = machine
            .keys
            .clone()
            .filter(|keys| keys.last(now_s, FRESH_S));
        let refused = machine.refused.clone().filter(|(_, until)| *until > now);
        match (fresh, refused) {
            (Some(keys), _) => self.assume(role, keys),
            (None, Some((why, until))) => match machine.usable(now_s) {
                Some(keys) => self.assume(role, keys),
                None => {
                    let _ = self.refused(&role, why, until);
                }
            },
            (None, None) => {
                let is_asked = std::mem::replace(&mut machine.is_asked, true);
                self.hungry.push(role);
                if !is_asked {
                    self.ask(OWN.into());
                }
            }
        }
    }

    fn assume(&mut self, role: Box<str>, own: Arc<SessionKeys>) {
        let (desk, now_ms) = (Arc::clone(&self.desk), self.clock.epoch_ms());
        self.asked.spawn(async move {
            let outcome = assume(&desk, &own, &role, now_ms).await;
            (role, outcome)
        });
    }

    /// There are no new keys; those of before go on as long as they last.
    fn refused(&mut self, arn: &str, why: Box<str>, until: Instant) -> Keys {
        let now_s = self.now_s();
        let Some(role) = self.roles.get_mut(arn) else {
            return Err(why);
        };
        role.is_asked = false;
        let keys = role.usable(now_s).ok_or(why.clone());
        role.refused = Some((why, until));
        for reply in role.waiting.drain(..) {
            reply.send(keys.clone());
        }
        keys
    }

    fn answered(&mut self, arn: &str, outcome: Result<SessionKeys, String>) {
        let keys = match outcome {
            Ok(keys) => self.granted(arn, keys),
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
                self.refused(arn, why.into(), Instant::now() + pause)
            }
        };
        if arn != OWN {
            return;
        }
        for role in std::mem::take(&mut self.hungry) {
            match &keys {
                Ok(keys) => self.assume(role, Arc::clone(keys)),
                Err(why) => {
                    let until = Instant::now() + NO_METADATA_FOR;
                    let _ = self.refused(&role, why.clone(), until);
                }
            }
        }
    }

    fn granted(&mut self, arn: &str, keys: SessionKeys) -> Keys {
        let keys = Arc::new(keys);
        if let Some(role) = self.roles.get_mut(arn) {
            role.is_asked = false;
            role.keys = Some(Arc::clone(&keys));
            role.refused = None;
            for reply in role.waiting.drain(..) {
                reply.send(Ok(Arc::clone(&keys)));
            }
            self.publish();
        }
        Ok(keys)
    }
}

/// The keys of the machine, where there are no others.
async fn of_place(desk: &Desk, no_others: &str) -> Result<SessionKeys, String> {
    match &desk.place {
        None => Err(no_others.to_owned()),
        Some(place) => {
            let keys = metadata::keys(place).await;
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::server::config::AwsKeys;
    use crate::server::metadata::Place;

    const OF_ROLE: &str = "<AssumeRoleResponse><AssumeRoleResult><Credentials>\
        <SessionToken>t</SessionToken><SecretAccessKey>s</SecretAccessKey>\
        <Expiration>2099-01-02T03:04:05Z</Expiration><AccessKeyId>ASIA1</AccessKeyId>\
        </Credentials></AssumeRoleResult></AssumeRoleResponse>";
    const OF_MACHINE: &str = r#"{"AccessKeyId":"A","SecretAccessKey":"s","Token":"t"}"#;

    /// Metadata and STS in one: counts the questions for the keys of the machine, and refuses all but
    /// the first.
    fn server(asked: &Arc<AtomicUsize>) -> String {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let asked = Arc::clone(asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut reader = BufReader::new(stream.unwrap());
                let mut head = String::new();
                while !head.ends_with("\r\n\r\n") {
                    if reader.read_line(&mut head).unwrap_or(0) == 0 {
                        break;
                    }
                }
                let (status, body) = match head.starts_with("POST") {
                    true => (200, OF_ROLE),
                    false if asked.fetch_add(1, Ordering::SeqCst) == 0 => (200, OF_MACHINE),
                    false => (500, ""),
                };
                let length = body.len();
                let answer = format!(
                    "HTTP/1.1 {status} X\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
                );
                reader.get_mut().write_all(answer.as_bytes()).unwrap();
            }
        });
        url
    }

    fn keeper(url: &str) -> Keeper {
        let desk = Desk {
            sources: AwsKeys::Shared {
                profile: None,
                file: Some("none".into()),
            },
            place: Some(Place::Container {
                url: url.to_owned(),
            }),
            sts_url: url.to_owned(),
            sts_host: "sts".to_owned(),
            sts_path: "/".to_owned(),
            sts_region: "us-east-1".to_owned(),
            sts_through: None,
            sts_trust: tls::Trust::System,
        };
        Keeper {
            own: found(&desk),
            desk: Arc::new(desk),
            roles: HashMap::new(),
            asked: JoinSet::new(),
            hungry: Vec::new(),
            book: watch::channel(Arc::default()).0,
            clock: Clock::real(),
        }
    }

    async fn all_answered(keeper: &mut Keeper) {
        while let Some(done) = keeper.asked.join_next().await {
            let (role, outcome) = done.unwrap();
            keeper.answered(&role, outcome);
        }
    }

    #[tokio::test]
    async fn the_machine_is_asked_once_for_all_roles_and_old_keys_go_on() {
        let asked = Arc::default();
        let mut keeper = keeper(&server(&asked));
        for role in ["one", "two", "three", OWN] {
            keeper.wished(Wish::Renew(role.into()));
        }
        all_answered(&mut keeper).await;
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        let now_s = keeper.now_s();
        for role in ["one", "two", "three", OWN] {
            assert!(keeper.roles[role].usable(now_s).is_some(), "{role}");
        }
        // All of them end soon, and the machine says no more.
        for role in keeper.roles.values_mut() {
            let mut keys = SessionKeys::clone(role.keys.as_ref().unwrap());
            keys.expires_s = Some(now_s + 60);
            role.keys = Some(Arc::new(keys));
        }
        keeper.wished(Wish::Renew("one".into()));
        all_answered(&mut keeper).await;
        assert_eq!(asked.load(Ordering::SeqCst), 2);
        // With the machine's keys of before, so long as they last.
        assert_eq!(
            &*keeper.roles["one"].keys.as_ref().unwrap().access_key_id,
            "ASIA1"
        );
        assert!(
            keeper.roles["one"]
                .keys
                .as_ref()
                .unwrap()
                .last(now_s, 3_600)
        );
        assert!(keeper.roles[OWN].refused.is_some());
        keeper.wished(Wish::Renew("two".into()));
        all_answered(&mut keeper).await;
        assert_eq!(asked.load(Ordering::SeqCst), 2, "not so soon again");
        assert!(
            keeper.roles["two"]
                .keys
                .as_ref()
                .unwrap()
                .last(now_s, 3_600)
        );
    }
}

//! Host names to addresses, kept fresh by their TTL on the control thread; cores only read.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{self, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{debug, info, warn};

use crate::rt::address::literal;
use crate::rt::resolve::{Answer, Resolver};

pub use crate::rt::address::{AddressBook, Addresses};

/// How names are looked up and how long the answers hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Name servers; none: those of `/etc/resolv.conf`. `/etc/hosts` comes before either.
    pub servers: Vec<SocketAddr>,
    /// How long one question to one server may take.
    pub timeout: Duration,
    /// How often a question is asked before the lookup fails.
    pub attempts: usize,
    /// An answer holds for its TTL, but for no less than this,
    pub minimum_ttl: Duration,
    /// and for no more than this.
    pub maximum_ttl: Duration,
    /// The wait after the first failed lookup of a name; it doubles with each further one,
    pub retry_first: Duration,
    /// up to this.
    pub retry_last: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            timeout: Duration::from_secs(2),
            attempts: 2,
            minimum_ttl: Duration::from_secs(1),
            maximum_ttl: Duration::from_secs(300),
            retry_first: Duration::from_secs(1),
            retry_last: Duration::from_secs(30),
        }
    }
}

/// Keeps the addresses of a set of names fresh, until it is dropped.
///
/// A lookup that fails, or says that the name does not exist, leaves the last good addresses in
/// place: an upstream that still answers is not taken down by its name server.
#[derive(Debug)]
pub struct Watcher {
    wanted: watch::Sender<Wanted>,
    settled: watch::Receiver<u64>,
    book: watch::Receiver<Arc<AddressBook>>,
}

impl Watcher {
    /// Starts with no names.
    ///
    /// # Panics
    /// Outside a tokio runtime: a bug of the caller.
    pub fn start(settings: Settings) -> Self {
        let (wanted, wanted_receiver) = watch::channel(Wanted::default());
        let (settled_sender, settled) = watch::channel(0);
        let (book_sender, book) = watch::channel(Arc::default());
        let keeper = Keeper {
            resolver: Resolver::new(settings.clone()),
            settings,
            entries: HashMap::new(),
            lookups: JoinSet::new(),
            asked: HashMap::new(),
            book: book_sender,
        };
        tokio::spawn(keeper.run(wanted_receiver, settled_sender));
        Self {
            wanted,
            settled,
            book,
        }
    }

    /// Replaces the set of names. Names that were watched before keep their addresses; literal
    /// addresses need not be in it.
    pub fn names<Name: AsRef<str>>(&mut self, names: impl IntoIterator<Item = Name>) {
        let names = names
            .into_iter()
            .filter(|name| literal(name.as_ref()).is_none())
            .map(|name| name.as_ref().to_ascii_lowercase().into_boxed_str())
            .collect();
        self.wanted.send_modify(|wanted| {
            wanted.version += 1;
            wanted.names = names;
        });
    }

    /// Waits until each name of the present set has been looked up once, with or without success.
    /// False when `limit` was over first.
    pub async fn settled(&mut self, limit: Duration) -> bool {
        let version = self.wanted.borrow().version;
        let all = self.settled.wait_for(|settled| *settled >= version);
        timeout(limit, all).await.is_ok_and(|seen| seen.is_ok())
    }

    /// The addresses known now.
    pub fn book(&self) -> Arc<AddressBook> {
        Arc::clone(&self.book.borrow())
    }

    /// Wakes whenever an address changed, was added or removed; holds the latest book only.
    pub fn subscribe(&self) -> watch::Receiver<Arc<AddressBook>> {
        self.book.clone()
    }
}

/// Lookups under way at once; others wait for their turn.
const LOOKUPS_MAX: usize = 32;

/// More addresses of one name than this are left out: no name server may make us hold more.
const ADDRESSES_MAX: usize = 256;

#[derive(Clone, Debug, Default)]
struct Wanted {
    version: u64,
    names: BTreeSet<Box<str>>,
}

/// What is known of one name.
#[derive(Debug)]
struct Entry {
    /// The last good answer; none yet: empty.
    addresses: Arc<[IpAddr]>,
    /// When to look again; none while a lookup is under way.
    due: Option<Instant>,
    /// Lookups that failed since the last good one.
    failures: u32,
    /// Looked up at least once.
    tried: bool,
}

/// The task behind a [`Watcher`].
struct Keeper {
    settings: Settings,
    resolver: Resolver,
    entries: HashMap<Box<str>, Entry>,
    lookups: JoinSet<Result<Answer, String>>,
    /// The name each lookup is for, kept outside of it so that even a panic in it is noticed.
    asked: HashMap<task::Id, Box<str>>,
    book: watch::Sender<Arc<AddressBook>>,
}

impl Keeper {
    async fn run(mut self, mut wanted: watch::Receiver<Wanted>, settled: watch::Sender<u64>) {
        let mut version = 0;
        loop {
            self.ask_what_is_due();
            if self.entries.values().all(|entry| entry.tried) {
                settled.send_if_modified(|settled| std::mem::replace(settled, version) != version);
            }
            let due = self.next_due();
            let far = Instant::now() + Duration::from_secs(3600);
            let changed = tokio::select! {
                alive = wanted.changed() => {
                    if alive.is_err() {
                        return;
                    }
                    let next = wanted.borrow_and_update().clone();
                    version = next.version;
                    self.replace(next.names)
                }
                Some(done) = self.lookups.join_next_with_id() => {
                    let mut changed = self.record(done);
                    while let Some(done) = self.lookups.try_join_next_with_id() {
                        changed |= self.record(done);
                    }
                    changed
                }
                () = sleep_until(due.unwrap_or(far)) => false,
            };
            if changed {
                self.publish();
            }
        }
    }

    /// When the next lookup may start; none while all places are taken.
    fn next_due(&self) -> Option<Instant> {
        if self.lookups.len() >= LOOKUPS_MAX {
            return None;
        }
        self.entries.values().filter_map(|entry| entry.due).min()
    }

    fn ask_what_is_due(&mut self) {
        let now = Instant::now();
        for (name, entry) in &mut self.entries {
            if self.lookups.len() >= LOOKUPS_MAX {
                return;
            }
            if entry.due.is_some_and(|due| due <= now) {
                entry.due = None;
                let lookup = self.resolver.lookup(name);
                let id = self.lookups.spawn(lookup).id();
                self.asked.insert(id, name.clone());
            }
        }
    }

    /// True when the book changed.
    fn replace(&mut self, names: BTreeSet<Box<str>>) -> bool {
        let now = Instant::now();
        let before = self.entries.len();
        self.entries.retain(|name, _| names.contains(name));
        let changed = self.entries.len() != before;
        for name in names {
            self.entries.entry(name).or_insert_with(|| Entry {
                addresses: Arc::from([]),
                due: Some(now),
                failures: 0,
                tried: false,
            });
        }
        changed
    }

    /// True when the book changed.
    fn record(&mut self, done: Result<(task::Id, Result<Answer, String>), JoinError>) -> bool {
        let (id, result) = match done {
            Ok(done) => done,
            Err(error) => (error.id(), Err(format!("the lookup broke: {error}"))),
        };
        let Some(name) = self.asked.remove(&id) else {
            return false;
        };
        // Nobody asks for it any more if it has no entry.
        let Some(entry) = self.entries.get_mut(&name) else {
            return false;
        };
        entry.tried = true;
        match result {
            Ok(answer) => {
                if entry.failures > 0 {
                    info!(name = &*name, "the name can be looked up again");
                }
                entry.failures = 0;
                let ttl = answer.ttl.max(self.settings.minimum_ttl);
                entry.due = Some(Instant::now() + ttl.min(self.settings.maximum_ttl));
                let addresses = tidy(answer.addresses);
                let changed = addresses != *entry.addresses;
                if changed {
                    debug!(name = &*name, ?addresses, "the addresses changed");
                    entry.addresses = addresses.into();
                }
                changed
            }
            Err(reason) => {
                let known = entry.addresses.len();
                if entry.failures == 0 {
                    warn!(name = &*name, known, reason, "the lookup failed");
                } else {
                    debug!(name = &*name, known, reason, "the lookup failed again");
                }
                entry.due = Some(Instant::now() + backoff(&self.settings, entry.failures));
                entry.failures = entry.failures.saturating_add(1);
                false
            }
        }
    }

    fn publish(&self) {
        let names = self
            .entries
            .iter()
            .filter(|(_, entry)| !entry.addresses.is_empty())
            .map(|(name, entry)| (name.clone(), Arc::clone(&entry.addresses)))
            .collect();
        self.book.send_replace(Arc::new(AddressBook { names }));
    }
}

/// The wait after a failure that followed `failures` others.
fn backoff(settings: &Settings, failures: u32) -> Duration {
    settings
        .retry_first
        .saturating_mul(1 << failures.min(16))
        .min(settings.retry_last)
}

/// Sorted, each once, bounded: an answer in another order is the same answer.
fn tidy(mut addresses: Vec<IpAddr>) -> Vec<IpAddr> {
    addresses.sort_unstable();
    addresses.dedup();
    addresses.truncate(ADDRESSES_MAX);
    addresses
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::net::UdpSocket;
    use tokio::task::JoinHandle;

    use super::*;

    /// What the name server says: the TTL in seconds and the addresses; a name not in it does not
    /// exist.
    type Zone = Arc<Mutex<HashMap<&'static str, (u32, &'static str)>>>;

    /// A name server on loopback, for A and AAAA.
    struct Server {
        address: SocketAddr,
        zone: Zone,
        asked: Arc<AtomicUsize>,
        task: JoinHandle<()>,
    }

    impl Server {
        async fn start() -> Self {
            let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            let address = socket.local_addr().unwrap();
            let (zone, asked) = (Zone::default(), Arc::default());
            let task = tokio::spawn(serve(socket, Arc::clone(&zone), Arc::clone(&asked)));
            Self {
                address,
                zone,
                asked,
                task,
            }
        }

        fn says(&self, name: &'static str, ttl: u32, addresses: &'static str) {
            self.zone.lock().unwrap().insert(name, (ttl, addresses));
        }

        /// Answers hold 30 ms at least; failures are retried after 30 ms.
        fn watcher(&self) -> Watcher {
            let blink = Duration::from_millis(30);
            Watcher::start(Settings {
                servers: vec![self.address],
                timeout: Duration::from_millis(200),
                attempts: 1,
                minimum_ttl: blink,
                maximum_ttl: Duration::from_secs(3600),
                retry_first: blink,
                retry_last: blink,
            })
        }
    }

    async fn serve(socket: UdpSocket, zone: Zone, asked: Arc<AtomicUsize>) {
        let mut query = [0; 512];
        loop {
            let (length, peer) = socket.recv_from(&mut query).await.unwrap();
            asked.fetch_add(1, Ordering::SeqCst);
            let reply = answer(&query[..length], &zone.lock().unwrap());
            socket.send_to(&reply, peer).await.unwrap();
        }
    }

    /// RFC 1035, 4.1: header, question as asked, answers that point back to it.
    fn answer(query: &[u8], zone: &HashMap<&'static str, (u32, &'static str)>) -> Vec<u8> {
        let (mut name, mut at) = (String::new(), 12);
        while query[at] != 0 {
            let label = &query[at + 1..=at + usize::from(query[at])];
            name.push_str(std::str::from_utf8(label).unwrap());
            name.push('.');
            at += 1 + label.len();
        }
        let kind = query[at + 2];
        let found = zone.get(name.trim_end_matches('.'));
        let records: Vec<Vec<u8>> = found
            .map_or("", |(_, addresses)| addresses)
            .split_whitespace()
            .filter_map(|address| match address.parse().unwrap() {
                IpAddr::V4(address) => (kind == 1).then(|| address.octets().to_vec()),
                IpAddr::V6(address) => (kind == 28).then(|| address.octets().to_vec()),
            })
            .collect();
        let code = if found.is_some() { 0x80 } else { 0x83 };
        let mut reply = vec![query[0], query[1], 0x81, code, 0, 1, 0];
        reply.push(u8::try_from(records.len()).unwrap());
        reply.extend([0; 4]);
        reply.extend(&query[12..at + 5]);
        for data in records {
            reply.extend([0xc0, 12, 0, kind, 0, 1]);
            reply.extend(found.unwrap().0.to_be_bytes());
            reply.extend([0, u8::try_from(data.len()).unwrap()]);
            reply.extend(data);
        }
        reply
    }

    fn block_on(test: impl Future<Output = ()>) {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(async { timeout(Duration::from_secs(20), test).await.unwrap() });
    }

    fn known(book: &AddressBook, host: &str) -> String {
        let addresses = book.lookup(host);
        addresses.map_or("none".to_owned(), |found| format!("{:?}", &*found))
    }

    const SOON: Duration = Duration::from_secs(5);

    #[test]
    fn names_are_known_when_settled() {
        block_on(async {
            let server = Server::start().await;
            server.says("a.test", 60, "10.0.0.2 10.0.0.1 10.0.0.2");
            server.says("both.test", 60, "fd00::1 10.0.0.3");
            server.says("six.test", 60, "fd00::2");
            server.says("empty.test", 60, "");
            let mut watcher = server.watcher();
            let names = "A.test both.test six.test empty.test gone.test localhost 10.9.9.9";
            watcher.names(names.split(' '));
            assert!(watcher.settled(SOON).await);
            let book = watcher.book();
            let check = |host, expected: &str| assert_eq!(known(&book, host), expected, "{host}");
            check("a.test", "[10.0.0.1, 10.0.0.2]");
            check("A.TEST", "[10.0.0.1, 10.0.0.2]");
            check("both.test", "[10.0.0.3, fd00::1]");
            check("six.test", "[fd00::2]");
            check("empty.test", "none");
            check("gone.test", "none");
            assert!(known(&book, "localhost").contains("127.0.0.1"));
        });
    }

    #[test]
    fn a_changed_answer_is_picked_up_when_its_ttl_is_over() {
        block_on(async {
            let server = Server::start().await;
            server.says("a.test", 1, "10.0.0.1");
            let mut watcher = server.watcher();
            watcher.names(["a.test"]);
            assert!(watcher.settled(SOON).await);
            let asked = server.asked.load(Ordering::SeqCst);
            let started = Instant::now();
            server.says("a.test", 1, "10.0.0.2");
            let mut books = watcher.subscribe();
            let changed = books.wait_for(|book| known(book, "a.test") == "[10.0.0.2]");
            changed.await.unwrap();
            assert!(started.elapsed() >= Duration::from_millis(900));
            // Once a second and family, and not more often.
            assert_eq!(server.asked.load(Ordering::SeqCst), asked + 2);
        });
    }

    #[test]
    fn ttls_are_kept_within_their_bounds() {
        block_on(async {
            let server = Server::start().await;
            server.says("short.test", 0, "10.0.0.1");
            server.says("long.test", 86_400, "10.0.0.1");
            let mut watcher = Watcher::start(Settings {
                servers: vec![server.address],
                minimum_ttl: Duration::from_millis(50),
                maximum_ttl: Duration::from_millis(100),
                ..Settings::default()
            });
            watcher.names(["short.test", "long.test"]);
            assert!(watcher.settled(SOON).await);
            let started = Instant::now();
            server.says("long.test", 86_400, "10.0.0.2");
            let mut books = watcher.subscribe();
            let changed = books.wait_for(|book| known(book, "long.test") == "[10.0.0.2]");
            changed.await.unwrap();
            assert!(started.elapsed() < SOON);
            // Two names, two families; at the lower bound that is 80 questions a second.
            let asked = server.asked.load(Ordering::SeqCst);
            let most = 8 + 4 * (started.elapsed().as_millis() / 50 + 1);
            assert!(asked as u128 <= most, "{asked} questions");
        });
    }

    #[test]
    fn failures_keep_the_last_good_addresses_and_end_by_themselves() {
        block_on(async {
            let mut server = Server::start().await;
            server.says("a.test", 0, "10.0.0.1");
            let mut watcher = server.watcher();
            watcher.names(["a.test"]);
            assert!(watcher.settled(SOON).await);

            // The name is gone: ask often enough to be sure that this was seen.
            server.zone.lock().unwrap().clear();
            let asked = server.asked.load(Ordering::SeqCst);
            while server.asked.load(Ordering::SeqCst) < asked + 6 {
                task::yield_now().await;
            }
            assert_eq!(known(&watcher.book(), "a.test"), "[10.0.0.1]");

            // The server is gone, and comes back with another answer.
            server.task.abort();
            assert!((&mut server.task).await.unwrap_err().is_cancelled());
            let mut books = watcher.subscribe();
            books.mark_unchanged();
            let quiet = timeout(Duration::from_millis(300), books.changed()).await;
            assert!(quiet.is_err());
            let socket = UdpSocket::bind(server.address).await.unwrap();
            server.says("a.test", 0, "10.0.0.2");
            let zone = Arc::clone(&server.zone);
            let _task = tokio::spawn(serve(socket, zone, Arc::default()));
            let changed = books.wait_for(|book| known(book, "a.test") == "[10.0.0.2]");
            changed.await.unwrap();
        });
    }

    #[test]
    fn a_dead_server_does_not_hold_up_the_start_beyond_the_limit() {
        block_on(async {
            // Bound, so that nobody else gets the port; never read, so that questions time out.
            let silent = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            let mut watcher = Watcher::start(Settings {
                servers: vec![silent.local_addr().unwrap()],
                timeout: Duration::from_secs(10),
                ..Settings::default()
            });
            watcher.names(["a.test"]);
            assert!(!watcher.settled(Duration::from_millis(50)).await);
            // Without names there is nothing to wait for.
            watcher.names([""; 0]);
            assert!(watcher.settled(SOON).await);
        });
    }

    #[test]
    fn names_come_and_go_and_the_rest_keep_their_addresses() {
        block_on(async {
            let server = Server::start().await;
            server.says("a.test", 3600, "10.0.0.1");
            server.says("b.test", 3600, "10.0.0.2");
            server.says("c.test", 3600, "10.0.0.3");
            let mut watcher = server.watcher();
            watcher.names(["a.test", "b.test"]);
            assert!(watcher.settled(SOON).await);
            let asked = server.asked.load(Ordering::SeqCst);
            watcher.names(["b.test", "c.test"]);
            assert!(watcher.settled(SOON).await);
            let book = watcher.book();
            assert_eq!(known(&book, "a.test"), "none");
            assert_eq!(known(&book, "b.test"), "[10.0.0.2]");
            assert_eq!(known(&book, "c.test"), "[10.0.0.3]");
            // Only the new name was asked for.
            assert_eq!(server.asked.load(Ordering::SeqCst), asked + 2);
        });
    }

    #[test]
    fn more_names_than_places_are_all_looked_up() {
        block_on(async {
            let server = Server::start().await;
            let names: Vec<&'static str> = (0..LOOKUPS_MAX * 4)
                .map(|index| &*format!("host{index}.test").leak())
                .collect();
            for name in &names {
                server.says(name, 3600, "10.0.0.1");
            }
            let mut watcher = server.watcher();
            watcher.names(&names);
            assert!(watcher.settled(SOON).await);
            let book = watcher.book();
            assert!(names.iter().all(|name| known(&book, name) == "[10.0.0.1]"));
        });
    }

    #[test]
    fn waits_grow_up_to_their_bound() {
        let settings = Settings::default();
        let seconds = [0, 1, 2, 4, 5, 40, u32::MAX].map(|n| backoff(&settings, n).as_secs());
        assert_eq!(seconds, [1, 2, 4, 16, 30, 30, 30]);
    }

    #[test]
    fn an_answer_cannot_grow_without_bound() {
        let many = (0..100_000_u32).map(|n| IpAddr::V4(n.into())).collect();
        assert_eq!(tidy(many).len(), ADDRESSES_MAX);
    }
}

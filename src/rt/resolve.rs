//! One lookup of one name: `/etc/hosts` first, then the name servers.

use std::collections::HashMap;
use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use hickory_resolver::config::{
    LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::name_server::TokioConnectionProvider;
use hickory_resolver::proto::xfer::Protocol;
use hickory_resolver::{ResolveError, TokioResolver};

use crate::rt::dns::Settings;

/// Addresses in any order, at least one, and for how long they hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) ttl: Duration,
}

/// Looks names up. The system's files are read again when they change, so neither an edit of
/// `/etc/hosts` nor a new `/etc/resolv.conf` needs a restart.
pub(crate) struct Resolver {
    settings: Settings,
    hosts: Watched<Hosts>,
    /// Why there is none, otherwise.
    servers: Watched<Result<TokioResolver, String>>,
}

impl Resolver {
    pub(crate) fn new(settings: Settings) -> Self {
        Self::with_files(settings, "/etc/hosts", "/etc/resolv.conf")
    }

    fn with_files(settings: Settings, hosts: &str, servers: &str) -> Self {
        Self {
            settings,
            hosts: Watched::new(hosts),
            servers: Watched::new(servers),
        }
    }

    /// The lookup of `name` as a future of its own. A name in `/etc/hosts` is not asked for
    /// elsewhere, and `localhost` never leaves the machine (RFC 6761, 6.3).
    ///
    /// The error is a text for people.
    pub(crate) fn lookup(
        &mut self,
        name: &str,
    ) -> impl Future<Output = Result<Answer, String>> + Send + 'static {
        let hosts = self.hosts.fresh(|text| Arc::new(parse_hosts(text)));
        let own = name.strip_suffix('.').unwrap_or(name);
        let here = hosts.get(own).cloned().or_else(|| {
            let is_local = own == "localhost" || own.ends_with(".localhost");
            is_local.then(|| vec![IpAddr::V4(Ipv4Addr::LOCALHOST)])
        });
        let settings = &self.settings;
        let servers = match here {
            Some(_) => None,
            None => Some(self.servers.fresh(|_| resolver(settings)).clone()),
        };
        let name = name.to_owned();
        async move {
            match (here, servers) {
                (Some(addresses), _) => Ok(Answer {
                    addresses,
                    ttl: HOSTS_TTL,
                }),
                (None, Some(servers)) => ask(servers?, &name).await,
                (None, None) => Err("nobody to ask".to_owned()),
            }
        }
    }
}

/// How long an answer from `/etc/hosts` holds.
const HOSTS_TTL: Duration = Duration::from_secs(5);

/// More of `/etc/hosts` is not read; block lists put a megabyte or two there.
const HOSTS_BYTES_MAX: usize = 16 << 20;

/// Name in lower case to its addresses.
type Hosts = Arc<HashMap<Box<str>, Vec<IpAddr>>>;

async fn ask(servers: TokioResolver, name: &str) -> Result<Answer, String> {
    let found = servers.lookup_ip(name).await.map_err(|e| explain(&e))?;
    let addresses: Vec<IpAddr> = found.iter().collect();
    if addresses.is_empty() {
        return Err("the name has no address".to_owned());
    }
    let ttl = found
        .valid_until()
        .saturating_duration_since(Instant::now());
    Ok(Answer { addresses, ttl })
}

fn explain(error: &ResolveError) -> String {
    if error.is_nx_domain() {
        "the name does not exist".to_owned()
    } else if error.is_no_records_found() {
        "the name has no address".to_owned()
    } else {
        error.to_string()
    }
}

fn resolver(settings: &Settings) -> Result<TokioResolver, String> {
    let provider = TokioConnectionProvider::default();
    let mut builder = if settings.servers.is_empty() {
        TokioResolver::builder(provider).map_err(|error| format!("/etc/resolv.conf: {error}"))?
    } else {
        let mut config = ResolverConfig::new();
        for server in &settings.servers {
            add_server(&mut config, *server);
        }
        TokioResolver::builder_with_config(config, provider)
    };
    let options: &mut ResolverOpts = builder.options_mut();
    options.timeout = settings.timeout;
    options.attempts = settings.attempts;
    // Both families are asked for the same name, search list and all, so that the addresses of
    // two different names are never mixed.
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    options.use_hosts_file = ResolveHosts::Never;
    // The watcher remembers; a second memory would give it answers older than `maximum_ttl`.
    options.cache_size = 0;
    Ok(builder.build())
}

/// UDP first, TCP for what does not fit.
fn add_server(config: &mut ResolverConfig, server: SocketAddr) {
    for protocol in [Protocol::Udp, Protocol::Tcp] {
        config.add_name_server(NameServerConfig::new(server, protocol));
    }
}

/// Lines of an address and its names; what cannot be read is skipped, as everywhere.
fn parse_hosts(text: &str) -> HashMap<Box<str>, Vec<IpAddr>> {
    let mut hosts: HashMap<Box<str>, Vec<IpAddr>> = HashMap::new();
    for line in text.lines() {
        let line = line.split_once('#').map_or(line, |(line, _comment)| line);
        let mut words = line.split_whitespace();
        let Some(Ok(address)) = words.next().map(str::parse::<IpAddr>) else {
            continue;
        };
        for name in words {
            let name = name.to_ascii_lowercase().into_boxed_str();
            hosts.entry(name).or_default().push(address);
        }
    }
    hosts
}

/// What was made of a file, made again when the file changes.
struct Watched<T> {
    path: PathBuf,
    made: Option<(Stamp, T)>,
}

/// Time of the last change and size; none for a missing file.
type Stamp = Option<(SystemTime, u64)>;

impl<T> Watched<T> {
    fn new(path: &str) -> Self {
        Self {
            path: PathBuf::from(path),
            made: None,
        }
    }

    /// `make` gets the text; that of a missing file is empty.
    fn fresh(&mut self, make: impl FnOnce(&str) -> T) -> &T {
        let stamp = stamp(&self.path);
        let made = match self.made.take() {
            Some(made) if made.0 == stamp => made,
            _ => (stamp, make(&read(&self.path))),
        };
        &self.made.insert(made).1
    }
}

fn stamp(path: &Path) -> Stamp {
    let meta = fs::metadata(path).ok()?;
    Some((meta.modified().ok()?, meta.len()))
}

fn read(path: &Path) -> String {
    let mut bytes = fs::read(path).unwrap_or_default();
    bytes.truncate(HOSTS_BYTES_MAX);
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn look_up(resolver: &mut Resolver, name: &str) -> Result<Answer, String> {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(resolver.lookup(name))
    }

    /// A resolver with this hosts file and no name server at all.
    fn offline(folder: &Path, hosts: &str) -> Resolver {
        fs::write(folder.join("hosts"), hosts).unwrap();
        let settings = Settings {
            servers: vec!["127.0.0.1:9".parse().unwrap()],
            timeout: Duration::from_millis(20),
            attempts: 1,
            ..Settings::default()
        };
        Resolver::with_files(
            settings,
            folder.join("hosts").to_str().unwrap(),
            folder.join("resolv.conf").to_str().unwrap(),
        )
    }

    #[test]
    fn the_hosts_file_answers_alone_and_localhost_always() {
        let folder = tempfile::tempdir().unwrap();
        let hosts = "# comment\n10.0.0.1 db DB.internal # main\n::1 db\nnonsense db\n10.0.0.2\n";
        let mut resolver = offline(folder.path(), hosts);
        let mut check = |name: &str, expected: &str| {
            let addresses = match look_up(&mut resolver, name) {
                Ok(answer) => format!("{:?}", answer.addresses),
                Err(_) => "failed".to_owned(),
            };
            assert_eq!(addresses, expected, "{name}");
        };
        check("db", "[10.0.0.1, ::1]");
        check("db.internal", "[10.0.0.1]");
        check("db.internal.", "[10.0.0.1]");
        check("localhost", "[127.0.0.1]");
        check("api.localhost", "[127.0.0.1]");
        check("unknown.example", "failed");
    }

    #[test]
    fn a_changed_hosts_file_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut resolver = offline(folder.path(), "10.0.0.1 db\n");
        let first = look_up(&mut resolver, "db").unwrap();
        fs::write(
            folder.path().join("hosts"),
            "10.0.0.1 other\n10.0.0.22 db\n",
        )
        .unwrap();
        let second = look_up(&mut resolver, "db").unwrap();
        assert_ne!(first, second);
        assert_eq!(second.addresses, ["10.0.0.22".parse::<IpAddr>().unwrap()]);
    }

    #[test]
    fn names_no_server_could_know_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        let mut resolver = offline(folder.path(), "");
        for name in [
            "",
            ".",
            "a..b",
            &"x".repeat(300),
            "bücher\u{0}.example",
            "a b",
        ] {
            look_up(&mut resolver, name).unwrap_err();
        }
    }
}

//! The listeners of the config: their sockets on the cores and their certificates.

use std::fmt::Display;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;

use crate::base::Clock;
use crate::net::inbound::accept::Door;
use crate::rt::socket::{self, Listening};
use crate::rt::{arrange, tls};
use crate::server::config::{Listener, TlsVersion};
use crate::server::prepare::Made;

/// One listener that is open.
#[derive(Debug)]
pub struct Open {
    /// As configured.
    pub listener: Listener,
    /// As it came out: with the port that the system chose.
    pub local: SocketAddr,
    tls: Option<Tls>,
}

/// How a listener speaks TLS.
#[derive(Clone, Debug)]
struct Tls {
    server: Arc<tls::Server>,
    certificates: Arc<tls::Certificates>,
}

/// All open listeners, and what a hand-over passes on.
#[derive(Debug, Default)]
pub struct Listeners {
    pub open: Vec<Open>,
    pub kept: Vec<Listening>,
}

/// The protocols we speak behind TLS.
const ALPN: &[&[u8]] = &[b"http/1.1"];

impl Listeners {
    /// Opens sockets for `cores` cores, inherited ones first, and reads the certificates. Returns
    /// what each core accepts on.
    ///
    /// # Errors
    /// What cannot be opened or read, in words for people, all of it.
    pub fn open(
        listeners: &[Listener],
        inherited: Vec<(SocketAddr, OwnedFd)>,
        cores: usize,
    ) -> Result<(Self, Vec<Vec<Door>>), Vec<String>> {
        let servers = servers(listeners)?;
        lapses(listeners, &servers).for_each(|lapse| tracing::warn!("{lapse}"));
        let addresses: Vec<_> = listeners.iter().map(|listener| listener.address).collect();
        let one = |error: io::Error| vec![error.to_string()];
        let seats = arrange::arrange(&addresses, inherited, cores).map_err(one)?;
        let kept = arrange::keep(&addresses, &seats).map_err(one)?;
        let mut doors = Vec::new();
        let mut locals = addresses.clone();
        for seats in seats {
            let mut own = Vec::new();
            for (index, fd) in seats {
                socket::prefer_cheap_congestion(fd.as_fd());
                let local = socket::local_address(fd.as_fd()).map_err(one)?;
                locals[index] = local;
                own.push(Door {
                    fd,
                    local,
                    tls: servers[index].as_ref().map(|own| Arc::clone(&own.server)),
                });
            }
            doors.push(own);
        }
        let open = listeners.iter().zip(locals).zip(servers);
        let open = open.map(|((listener, local), tls)| Open {
            listener: listener.clone(),
            local,
            tls,
        });
        let open = open.collect();
        Ok((Self { open, kept }, doors))
    }

    /// The certificate and key files in use.
    pub fn files(&self) -> impl Iterator<Item = PathBuf> {
        let tls = self
            .open
            .iter()
            .filter_map(|open| open.listener.tls.as_ref());
        let files = tls.flat_map(|tls| &tls.certificates);
        files.flat_map(|files| [files.certificate.clone(), files.private_key.clone()])
    }

    /// The certificates by the name of their listener; what is in them changes with their files.
    pub fn certificates(&self) -> Vec<(String, Arc<tls::Certificates>)> {
        let all = self.open.iter().filter_map(|open| {
            let own = open.tls.as_ref()?;
            Some((open.listener.name.clone(), Arc::clone(&own.certificates)))
        });
        all.collect()
    }

    /// Takes over the certificates of listeners that a new config still has. What it says else
    /// about listeners holds after a restart; the answer says what that is.
    ///
    /// # Errors
    /// Certificates that cannot be used; then nothing has changed.
    pub fn renew(&mut self, next: &[Listener]) -> Result<Vec<String>, Vec<String>> {
        let unread = next.iter().filter(|next| {
            let is_new = |open: &Open| open.listener.name == next.name && open.listener != **next;
            self.open.iter().any(is_new)
        });
        let unread: Vec<Listener> = unread.cloned().collect();
        servers(&unread)?;
        let mut later = Vec::new();
        let mut problems = Vec::new();
        for open in &mut self.open {
            match next.iter().find(|next| next.name == open.listener.name) {
                Some(next) => renew_one(open, next, &mut later, &mut problems),
                None => later.push(format!("listener `{}` is closed", open.listener.name)),
            }
        }
        for next in next {
            if !self.open.iter().any(|open| open.listener.name == next.name) {
                later.push(format!("listener `{}` is opened", next.name));
            }
        }
        if problems.is_empty() {
            self.warn_of_lapses();
            Ok(later)
        } else {
            Err(problems)
        }
    }

    /// Whoever reloads is told each time, not only of certificates that are new.
    fn warn_of_lapses(&self) {
        for open in &self.open {
            let lapses = lapses_of(&open.listener, &open.tls);
            lapses.for_each(|lapse| tracing::warn!("{lapse}"));
        }
    }

    /// Answers for custom domains with the certificates that came with them, and on their terms.
    pub fn set_domains(&self, made: &Made) {
        let (given, terms) = (made.certificates(), made.terms());
        for tls in self.open.iter().filter_map(|open| open.tls.as_ref()) {
            for problem in tls.certificates.set_given(&given) {
                tracing::error!(%problem, "a domain has no certificate");
            }
            for problem in tls.server.set_terms(&terms) {
                tracing::error!(%problem, "a domain lets nobody in");
            }
        }
    }

    /// Reads certificate files again that have changed, and says so in the log.
    pub fn reread_certificates(&self) {
        for open in &self.open {
            let Some(tls) = &open.tls else {
                continue;
            };
            let report = tls.certificates.reload();
            for file in &report.renewed {
                tracing::info!(listener = open.listener.name, certificate = %file.display(), "certificate renewed");
            }
            let renewed = tls.certificates.validities().into_iter();
            let renewed = renewed.filter(|one| report.renewed.contains(&one.chain));
            for lapse in renewed.filter_map(|one| one.lapse(now_ms())) {
                tracing::warn!("{}", of_listener(&open.listener, &lapse));
            }
            for problem in report.problems {
                tracing::error!(listener = open.listener.name, %problem, "certificate not renewed; the one before stays");
            }
        }
    }
}

fn renew_one(
    open: &mut Open,
    next: &Listener,
    later: &mut Vec<String>,
    problems: &mut Vec<String>,
) {
    if open.listener.address != next.address {
        later.push(format!(
            "listener `{}` moves to {}",
            next.name, next.address
        ));
    }
    match (&open.tls, &next.tls) {
        (Some(own), Some(tls)) => {
            let before = open.listener.tls.as_ref();
            if before.is_some_and(|before| before.minimum_version != tls.minimum_version) {
                later.push(format!(
                    "listener `{}` has another minimum TLS version",
                    next.name
                ));
            }
            if before.is_some_and(|before| before.client_authorities != tls.client_authorities) {
                later.push(format!(
                    "listener `{}` asks for other client certificates",
                    next.name
                ));
            }
            if let Err(errors) = own.certificates.replace(&certificate_files(tls)) {
                problems.extend(errors.iter().map(ToString::to_string));
            } else if let Some(current) = &mut open.listener.tls {
                current.certificates.clone_from(&tls.certificates);
            }
        }
        (None, None) => {}
        _ => later.push(format!(
            "listener `{}` begins or ends to speak TLS",
            next.name
        )),
    }
}

/// Reads the certificates of all listeners and forgets them. The answer names those that do not hold
/// at this time: clients would refuse them, yet a clock may be wrong.
///
/// # Errors
/// All that is wrong with them.
pub fn check(listeners: &[Listener]) -> Result<Vec<String>, Vec<String>> {
    Ok(lapses(listeners, &servers(listeners)?).collect())
}

fn lapses<'l>(
    listeners: &'l [Listener],
    servers: &'l [Option<Tls>],
) -> impl Iterator<Item = String> + 'l {
    let all = listeners.iter().zip(servers);
    all.flat_map(|(listener, tls)| lapses_of(listener, tls))
}

fn lapses_of<'l>(
    listener: &'l Listener,
    tls: &'l Option<Tls>,
) -> impl Iterator<Item = String> + 'l {
    let all = tls.iter().flat_map(|tls| tls.certificates.validities());
    let all = all.filter_map(|one| one.lapse(now_ms()));
    all.map(|lapse| of_listener(listener, &lapse))
}

fn of_listener(listener: &Listener, what: &dyn Display) -> String {
    format!("listeners.{}.tls: {what}", listener.name)
}

fn now_ms() -> i64 {
    i64::try_from(Clock::real().epoch_ms()).unwrap_or(i64::MAX)
}

/// Reads the certificates of all listeners.
///
/// # Errors
/// All that is wrong with them.
fn servers(listeners: &[Listener]) -> Result<Vec<Option<Tls>>, Vec<String>> {
    let (mut servers, mut problems) = (Vec::new(), Vec::new());
    for listener in listeners {
        match server(listener) {
            Ok(server) => servers.push(server),
            Err(errors) => problems.extend(errors.iter().map(|error| of_listener(listener, error))),
        }
    }
    if problems.is_empty() {
        Ok(servers)
    } else {
        Err(problems)
    }
}

fn server(listener: &Listener) -> Result<Option<Tls>, Vec<tls::Error>> {
    let Some(config) = &listener.tls else {
        return Ok(None);
    };
    let certificates = Arc::new(tls::Certificates::load(&certificate_files(config))?);
    let minimum = match config.minimum_version {
        TlsVersion::Tls12 => tls::Version::Tls12,
        TlsVersion::Tls13 => tls::Version::Tls13,
    };
    let truststore = match &config.client_authorities {
        Some(file) => Some(tls::read_truststore(file).map_err(|error| vec![error])?),
        None => None,
    };
    let server = tls::Server::new(
        Arc::clone(&certificates),
        minimum,
        ALPN,
        truststore.as_deref(),
    );
    let server = server.map_err(|error| vec![error])?;
    Ok(Some(Tls {
        server: Arc::new(server),
        certificates,
    }))
}

fn certificate_files(tls: &crate::server::config::ListenerTls) -> Vec<tls::CertificateFiles> {
    let files = tls.certificates.iter();
    files
        .map(|files| tls::CertificateFiles {
            chain: files.certificate.clone(),
            key: files.private_key.clone(),
        })
        .collect()
}

//! The server's side: what a listener offers to everybody who connects, and to some names.

use std::sync::Arc;

use arc_swap::ArcSwapOption;
use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::server::NoServerSessionStorage;
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, SupportedProtocolVersion};

use crate::rt::tls::certificate::Certificates;
use crate::rt::tls::error::Error;
use crate::rt::tls::provider::provider;
use crate::rt::tls::terms::{Names, Terms};
use crate::rt::tls::trust;

/// The oldest protocol a listener speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    Tls12,
    Tls13,
}

/// How a listener accepts. Clones share certificates and the keys of session tickets, so that a
/// client may come back to another core.
#[derive(Clone, Debug)]
pub struct Server {
    config: Arc<ServerConfig>,
    offer: Arc<Offer>,
    names: Arc<ArcSwapOption<Names>>,
}

/// What configurations are made of.
#[derive(Debug)]
pub(super) struct Offer {
    certificates: Arc<Certificates>,
    minimum: Version,
    alpn: Vec<Vec<u8>>,
    /// The authorities of all clients, in PEM.
    truststore: Option<Arc<str>>,
}

impl Server {
    /// `alpn` names the application protocols, most wanted first; empty: none are negotiated.
    /// `truststore` holds certificates in PEM, one of which must have signed that of a client.
    ///
    /// Sessions resume by tickets (RFC 5077 and RFC 8446, section 4.6.1) whose keys live in this
    /// process and change every six hours. Nothing is stored per session, and early data, which
    /// can be replayed, is off.
    pub fn new(
        certificates: Arc<Certificates>,
        minimum: Version,
        alpn: &[&[u8]],
        truststore: Option<&str>,
    ) -> Result<Self, Error> {
        let offer = Offer {
            certificates,
            minimum,
            alpn: alpn.iter().map(|protocol| protocol.to_vec()).collect(),
            truststore: truststore.map(Arc::from),
        };
        let config = offer.config(minimum, offer.truststore.as_deref(), "the listener")?;
        Ok(Self {
            config,
            offer: Arc::new(offer),
            names: Arc::default(),
        })
    }

    /// From now on these hold for the clients of these names, and no others. Those that cannot
    /// be used are left out, the answer says why: their names must not be served then.
    pub fn set_terms(&self, terms: &[Terms]) -> Vec<Error> {
        let before = self.names.load();
        let (names, problems) = Names::new(terms, &self.offer, before.as_deref());
        self.names.store(names.map(Arc::new));
        problems
    }

    pub(super) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }

    /// None if all names are alike, so that nobody has to know which one a client asks for.
    pub(super) fn names(&self) -> Option<Arc<Names>> {
        self.names.load_full()
    }
}

impl Offer {
    /// None if these terms are everybody's.
    pub fn config_for(&self, terms: &Terms) -> Result<Option<Arc<ServerConfig>>, Error> {
        if terms.truststore.is_none() && terms.minimum <= self.minimum {
            return Ok(None);
        }
        let truststore = terms.truststore.as_ref().or(self.truststore.as_ref());
        let minimum = terms.minimum.max(self.minimum);
        let config = self.config(minimum, truststore.map(|text| &**text), &terms.name)?;
        Ok(Some(config))
    }

    fn config(
        &self,
        minimum: Version,
        truststore: Option<&str>,
        name: &str,
    ) -> Result<Arc<ServerConfig>, Error> {
        let versions: &[&SupportedProtocolVersion] = match minimum {
            Version::Tls12 => &[&TLS13, &TLS12],
            Version::Tls13 => &[&TLS13],
        };
        let builder =
            ServerConfig::builder_with_provider(provider()).with_protocol_versions(versions)?;
        let builder = match truststore {
            None => builder.with_no_client_auth(),
            Some(text) => builder.with_client_cert_verifier(trust::verifier(name, text)?),
        };
        let certificates: Arc<Certificates> = Arc::clone(&self.certificates);
        let mut config = builder.with_cert_resolver(certificates);
        // A stored session would be found only behind a lock that all cores share.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        match truststore {
            None => config.ticketer = Ticketer::new()?,
            // A ticket would let in whose certificate has expired since, or is trusted no more.
            Some(_) => config.send_tls13_tickets = 0,
        }
        config.alpn_protocols.clone_from(&self.alpn);
        Ok(Arc::new(config))
    }
}

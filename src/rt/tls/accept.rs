//! The server's side: what a listener offers to everybody who connects.

use std::sync::Arc;

use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::server::NoServerSessionStorage;
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, SupportedProtocolVersion};

use crate::rt::tls::certificate::Certificates;
use crate::rt::tls::error::Error;
use crate::rt::tls::provider::provider;

/// The oldest protocol a listener speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    Tls12,
    Tls13,
}

/// How a listener accepts. Clones share certificates and the keys of session tickets, so that a
/// client may come back to another core.
#[derive(Clone, Debug)]
pub struct Server {
    config: Arc<ServerConfig>,
}

impl Server {
    /// `alpn` names the application protocols, most wanted first; empty: none are negotiated.
    ///
    /// Sessions resume by tickets (RFC 5077 and RFC 8446, section 4.6.1) whose keys live in this
    /// process and change every six hours. Nothing is stored per session, and early data, which
    /// can be replayed, is off.
    pub fn new(
        certificates: Arc<Certificates>,
        minimum: Version,
        alpn: &[&[u8]],
    ) -> Result<Self, Error> {
        let versions: &[&SupportedProtocolVersion] = match minimum {
            Version::Tls12 => &[&TLS13, &TLS12],
            Version::Tls13 => &[&TLS13],
        };
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(versions)?
            .with_no_client_auth()
            .with_cert_resolver(certificates);
        config.ticketer = Ticketer::new()?;
        // A stored session would be found only behind a lock that all cores share.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
        Ok(Self {
            config: Arc::new(config),
        })
    }

    pub(super) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }
}

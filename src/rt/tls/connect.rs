//! The client's side: whom an upstream group trusts.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::version::{TLS12, TLS13};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore,
    SignatureScheme,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::rt::tls::certificate::read_certificates;
use crate::rt::tls::error::Error;
use crate::rt::tls::given;
use crate::rt::tls::provider::provider;

/// Whose certificates are believed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Trust {
    /// Those signed by the machine's own authorities, read once per process.
    System,
    /// Those signed by the authorities in this PEM file, and no others.
    File(PathBuf),
    /// Those of any authority that the server shows with its own certificate: dates and names count,
    /// who the authority is does not.
    AnyAuthority,
    /// Any: for tests and closed networks. The line is still encrypted.
    Anybody,
}

/// How an upstream group connects. Clones share the sessions that can be resumed.
#[derive(Clone, Debug)]
pub struct Client {
    config: Arc<ClientConfig>,
}

impl Client {
    /// `identity` is a certificate with its key, both PEM, for servers that ask who we are. `alpn` names the application protocols to offer, most wanted first.
    ///
    /// Reads files: call it off the cores.
    pub fn new(
        trust: &Trust,
        identity: Option<(&str, &str)>,
        alpn: &[&[u8]],
    ) -> Result<Self, Error> {
        let builder = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&TLS13, &TLS12])?;
        let builder = match trust {
            Trust::System => builder.with_root_certificates(system_roots()?),
            Trust::File(file) => builder.with_root_certificates(Arc::new(file_roots(file)?)),
            Trust::AnyAuthority | Trust::Anybody => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(Lenient {
                    provider: provider(),
                    wants_authority: *trust == Trust::AnyAuthority,
                })),
        };
        let mut config = match identity {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => {
                let (chain, key) = given::pair(chain, key).map_err(Error::Identity)?;
                builder.with_client_auth_cert(chain, key)?
            }
        };
        config.alpn_protocols = alpn.iter().map(|protocol| protocol.to_vec()).collect();
        Ok(Self {
            config: Arc::new(config),
        })
    }

    /// TLS over a connection of the control thread; `name` is whom its certificate has to name.
    ///
    /// # Errors
    /// The other side is not who it should be, or does not speak TLS.
    pub async fn secure(
        &self,
        stream: TcpStream,
        name: &str,
    ) -> io::Result<impl AsyncRead + AsyncWrite + Unpin + Send + 'static> {
        let name = ServerName::try_from(name.to_owned()).map_err(io::Error::other)?;
        TlsConnector::from(self.config())
            .connect(name, stream)
            .await
    }

    pub(super) fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.config)
    }
}

fn system_roots() -> Result<Arc<RootCertStore>, Error> {
    static ROOTS: OnceLock<Result<Arc<RootCertStore>, Error>> = OnceLock::new();
    ROOTS
        .get_or_init(|| {
            let found = rustls_native_certs::load_native_certs();
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(found.certs);
            if roots.is_empty() {
                let why = found.errors.first();
                let why = why.map_or(String::new(), |error| format!(": {error}"));
                return Err(Error::NoAuthorities(why));
            }
            Ok(Arc::new(roots))
        })
        .clone()
}

fn file_roots(file: &Path) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    for (index, authority) in read_certificates(file)?.1.into_iter().enumerate() {
        roots.add(authority).map_err(|error| {
            let what = format!("certificate {} cannot be an authority: {error}", index + 1);
            Error::file(file, what)
        })?;
    }
    Ok(roots)
}

/// Believes certificates of people it does not know, but wants the peer to own its key.
#[derive(Debug)]
struct Lenient {
    provider: Arc<CryptoProvider>,
    /// The chain must end with an authority, and all of it be valid for the name.
    wants_authority: bool,
}

impl Lenient {
    /// AWS: "API Gateway still performs basic certificate validation, which includes checking the
    /// certificate's expiration date, hostname, and presence of a root certificate authority."
    fn check(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), webpki::Error> {
        let own = webpki::EndEntityCert::try_from(end_entity)?;
        let shown = intermediates.iter().chain([end_entity]);
        let mut roots = Vec::new();
        for one in shown.filter(|one| is_self_issued(one)) {
            roots.push(webpki::anchor_from_trusted_cert(one)?);
        }
        let verified = own.verify_for_usage(
            self.provider.signature_verification_algorithms.all,
            &roots,
            intermediates,
            now,
            webpki::KeyUsage::server_auth(),
            None,
            None,
        );
        match verified.map(|_| is_self_issued(end_entity)) {
            Ok(false) => {}
            // "The root certificate … must have CA:TRUE."
            Ok(true) => return Err(webpki::Error::UnknownIssuer),
            // An authority that signs itself; its dates were looked at before.
            Err(webpki::Error::CaUsedAsEndEntity) if is_self_issued(end_entity) => {}
            Err(error) => return Err(error),
        }
        own.verify_is_valid_for_subject_name(name)
    }
}

fn is_self_issued(certificate: &CertificateDer<'_>) -> bool {
    let parsed = webpki::EndEntityCert::try_from(certificate);
    parsed.is_ok_and(|parsed| parsed.subject() == parsed.issuer())
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.wants_authority {
            let checked = self.check(end_entity, intermediates, server_name, now);
            checked.map_err(|error| {
                let error = CertificateError::Other(OtherError(Arc::new(error)));
                rustls::Error::InvalidCertificate(error)
            })?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}

//! Everything that can go wrong with TLS, in words that say who has to change what.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use rustls::{CertificateError, InvalidMessage};

/// A fault of a file, of this machine, or of the peer.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// A certificate, key or authority file that cannot be used.
    #[error("{}: {what}", file.display())]
    File { file: PathBuf, what: String },
    /// A certificate that was given for a name and cannot be used.
    #[error("the certificate of {name}: {what}")]
    Given { name: String, what: String },
    /// Authorities that the clients of a name were to be held against and that cannot be used.
    #[error("the truststore of {name}: {what}")]
    Truststore { name: String, what: String },
    /// A certificate that we were to show and cannot.
    #[error("the client certificate cannot be used: {0}")]
    Identity(String),
    /// A listener without any certificate.
    #[error("a TLS listener needs at least one certificate")]
    NoCertificate,
    /// The machine's own authorities were asked for and there are none.
    #[error("no certificate authorities are installed on this machine{0}")]
    NoAuthorities(String),
    /// What we were told to call the server is not a name.
    #[error("`{0}` is neither a host name nor an IP address")]
    ServerName(String),
    /// The peer has not finished a message although we hold as much of it as we are willing to.
    #[error("the peer's TLS message is too large")]
    MessageTooLarge,
    /// The peer keeps the line busy with records that carry no data.
    #[error("the peer sends TLS records without data")]
    NoData,
    /// The peer broke the protocol, did not prove who it is, or refused us.
    #[error("{}", Explained(.0))]
    Tls(#[from] rustls::Error),
}

impl Error {
    pub(super) fn file(file: &Path, what: impl Into<String>) -> Self {
        Self::File {
            file: file.to_owned(),
            what: what.into(),
        }
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        Self::new(io::ErrorKind::InvalidData, error)
    }
}

struct Explained<'a>(&'a rustls::Error);

impl fmt::Display for Explained<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            rustls::Error::InvalidCertificate(why) => explain_certificate(why, f),
            rustls::Error::AlertReceived(alert) => {
                write!(f, "the peer ended TLS with the alert {alert:?}")
            }
            rustls::Error::NoCertificatesPresented => f.write_str("the peer shows no certificate"),
            rustls::Error::NoApplicationProtocol => {
                f.write_str("the peer speaks none of the offered application protocols (ALPN)")
            }
            rustls::Error::DecryptError => {
                f.write_str("a TLS record of the peer is damaged or forged")
            }
            rustls::Error::InvalidMessage(
                InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion,
            ) => f.write_str("the peer does not speak TLS"),
            other => fmt::Display::fmt(other, f),
        }
    }
}

fn explain_certificate(why: &CertificateError, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("the peer's certificate ")?;
    match why {
        CertificateError::UnknownIssuer => f.write_str("is signed by no authority we trust"),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            f.write_str("has expired")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            f.write_str("is not valid yet")
        }
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => {
            write!(f, "is not for `{}`", expected.to_str())?;
            match presented.as_slice() {
                [] => f.write_str(": it names nobody"),
                names => {
                    let names: Vec<&str> = names.iter().map(|name| bare(name)).collect();
                    write!(f, ": it is for {}", names.join(", "))
                }
            }
        }
        CertificateError::BadSignature => f.write_str("has a wrong signature"),
        other => write!(f, "cannot be accepted: {other}"),
    }
}

/// The name alone of `DnsName("a.test")`, as rustls shows one.
fn bare(shown: &str) -> &str {
    let inner = shown
        .split_once('(')
        .and_then(|(_, rest)| rest.strip_suffix(')'));
    inner.unwrap_or(shown).trim_matches('"')
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn errors_say_what_is_wrong_in_plain_words() {
        let check = |error: rustls::Error, expected: &str| {
            assert_eq!(Error::Tls(error).to_string(), expected);
        };
        check(
            CertificateError::UnknownIssuer.into(),
            "the peer's certificate is signed by no authority we trust",
        );
        let names = CertificateError::NotValidForNameContext {
            expected: rustls::pki_types::ServerName::try_from("a.test").unwrap(),
            presented: vec![
                "DnsName(\"b.test\")".to_owned(),
                "IpAddress(::1)".to_owned(),
            ],
        };
        check(
            names.into(),
            "the peer's certificate is not for `a.test`: it is for b.test, ::1",
        );
        check(
            rustls::Error::AlertReceived(rustls::AlertDescription::UnknownCA),
            "the peer ended TLS with the alert UnknownCA",
        );
        check(
            rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType),
            "the peer does not speak TLS",
        );
        assert_eq!(
            Error::file(Path::new("/a/b.pem"), "is empty").to_string(),
            "/a/b.pem: is empty",
        );
    }
}

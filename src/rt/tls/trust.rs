//! Who signs the certificates of clients, and what a client's certificate says of it.

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{CertificateError, RootCertStore};

use crate::base::crypto;
use crate::rt::tls::certificate::read_certificates;
use crate::rt::tls::der;
use crate::rt::tls::error::Error;
use crate::rt::tls::provider::provider;

/// The certificate that a client showed and that was found to be good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The name whose truststore it was held against, as its `Terms` have it; empty: the
    /// listener's own.
    pub name: Arc<str>,
    pub pem: String,
    pub subject: String,
    pub issuer: String,
    pub serial: String,
    /// `Aug 29 00:28:21 2020 GMT`.
    pub not_before: String,
    pub not_after: String,
}

impl ClientCertificate {
    pub(super) fn of(name: Arc<str>, certificate: &[u8]) -> Option<Self> {
        let fields = der::fields(certificate)?;
        Some(Self {
            name,
            pem: pem(certificate),
            subject: der::name(fields.subject),
            issuer: der::name(fields.issuer),
            serial: der::serial(fields.serial),
            not_before: moment(fields.begin_ms),
            not_after: moment(fields.end_ms),
        })
    }
}

/// Letters of a line of PEM (RFC 7468, section 2).
const PEM_LINE: usize = 64;

fn pem(certificate: &[u8]) -> String {
    let text = crypto::base64(certificate);
    let mut pem = "-----BEGIN CERTIFICATE-----\n".to_owned();
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, more) = rest.split_at(rest.len().min(PEM_LINE));
        pem.push_str(line);
        pem.push('\n');
        rest = more;
    }
    pem + "-----END CERTIFICATE-----\n"
}

/// As OpenSSL writes it, which is what AWS shows.
pub(super) fn moment(ms: i64) -> String {
    let moment = Timestamp::from_millisecond(ms).unwrap_or_default();
    moment.strftime("%b %e %H:%M:%S %Y GMT").to_string()
}

/// The authorities in a PEM text that can be used, and what is wrong with the others.
struct Authorities {
    roots: RootCertStore,
    warnings: Vec<String>,
}

/// No truststore in its right mind names more; AWS takes a thousand.
const AUTHORITIES_MAX: usize = 10_000;

fn authorities(text: &str, now_ms: Option<i64>) -> Authorities {
    let mut found = Authorities {
        roots: RootCertStore::empty(),
        warnings: Vec::new(),
    };
    let all = CertificateDer::pem_slice_iter(text.as_bytes()).take(AUTHORITIES_MAX);
    for (number, certificate) in (1..).zip(all) {
        let added = match &certificate {
            Ok(certificate) => match lapse(certificate, now_ms) {
                Some(lapse) => Err(lapse.to_owned()),
                None => found
                    .roots
                    .add(certificate.clone())
                    .map_err(|error| match error {
                        rustls::Error::InvalidCertificate(CertificateError::BadEncoding) => {
                            "is not valid X.509".to_owned()
                        }
                        other => format!("cannot be used: {other}"),
                    }),
            },
            Err(error) => Err(format!("is not valid PEM: {error}")),
        };
        if let Err(why) = added {
            found.warnings.push(format!("Certificate {number} {why}"));
        }
    }
    found
}

/// Why a certificate is not to be trusted at this time.
fn lapse(certificate: &[u8], now_ms: Option<i64>) -> Option<&'static str> {
    let now_ms = now_ms?;
    match der::validity(certificate)? {
        [_, end] if end < now_ms => Some("has expired"),
        [begin, _] if begin > now_ms => Some("is not valid yet"),
        _ => None,
    }
}

/// Whether clients can be held against the authorities in a PEM text, at `now_ms`, milliseconds
/// since 1970: what is wrong with some of them.
///
/// # Errors
/// When not one of them can be used.
pub fn inspect_truststore(text: &str, now_ms: i64) -> Result<Vec<String>, String> {
    let found = authorities(text, Some(now_ms));
    match (found.roots.is_empty(), found.warnings.first()) {
        (false, _) => Ok(found.warnings),
        (true, Some(_)) => Err(format!(
            "the truststore holds no certificate that can be used: {}",
            found.warnings.join("; ")
        )),
        (true, None) => {
            Err("there is no `-----BEGIN CERTIFICATE-----` in the truststore".to_owned())
        }
    }
}

/// The truststore in a file, all of whose certificates must be good.
///
/// # Errors
/// The first thing that hinders it.
pub fn read_truststore(file: &Path) -> Result<String, Error> {
    let (text, certificates) = read_certificates(file)?;
    let text = String::from_utf8(text).map_err(|_| Error::file(file, "is not a text"))?;
    let found = authorities(&text, None);
    match found.warnings.first() {
        Some(warning) => Err(Error::file(file, warning.as_str())),
        None if certificates.len() > AUTHORITIES_MAX => {
            Err(Error::file(file, "holds too many certificates"))
        }
        None => Ok(text),
    }
}

/// Lets clients in whose certificate one of these signed, and nobody else.
pub(super) fn verifier(name: &str, text: &str) -> Result<Arc<dyn ClientCertVerifier>, Error> {
    let fail = |what: String| Error::Truststore {
        name: name.to_owned(),
        what,
    };
    let roots = Arc::new(authorities(text, None).roots);
    let builder = WebPkiClientVerifier::builder_with_provider(roots, provider());
    let verifier = builder.build().map_err(|error| fail(error.to_string()))?;
    Ok(verifier)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn authority(years: [i32; 2]) -> String {
        let mut params = rcgen::CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.not_before = rcgen::date_time_ymd(years[0], 1, 1);
        params.not_after = rcgen::date_time_ymd(years[1], 1, 1);
        let key = rcgen::KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().pem()
    }

    /// The first of January 2021.
    const NOW_MS: i64 = 1_609_459_200_000;

    #[test]
    fn what_is_wrong_with_a_truststore_is_said() {
        let good = authority([2020, 2030]);
        let mixed = format!(
            "{}{}{good}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            authority([2010, 2020]),
            authority([2025, 2030]),
        );
        assert_eq!(inspect_truststore(&good, NOW_MS), Ok(Vec::new()));
        let warnings = inspect_truststore(&mixed, NOW_MS).unwrap();
        let expected = [
            "Certificate 1 has expired",
            "Certificate 2 is not valid yet",
            "Certificate 4 is not valid X.509",
        ];
        assert_eq!(warnings, expected);
        let check = |text: &str, expected: &str| {
            let error = inspect_truststore(text, NOW_MS).unwrap_err();
            assert!(error.contains(expected), "{error}");
        };
        check("", "BEGIN CERTIFICATE");
        check(&authority([2010, 2020]), "Certificate 1 has expired");
        verifier("a", &good).unwrap();
        assert!(verifier("a", "").is_err());
    }

    #[test]
    fn a_certificate_is_shown_as_openssl_writes_it() {
        assert_eq!(moment(1_598_660_901_000), "Aug 29 00:28:21 2020 GMT");
        assert_eq!(moment(1_596_587_301_000), "Aug  5 00:28:21 2020 GMT");
        let text = authority([2020, 2030]);
        let (_, der) = text.split_once('\n').unwrap();
        let certificate = CertificateDer::from_pem_slice(text.as_bytes()).unwrap();
        let shown = ClientCertificate::of("a".into(), &certificate).unwrap();
        assert_eq!(shown.pem.replace('\n', ""), text.replace(['\r', '\n'], ""));
        assert!(!der.is_empty() && shown.not_after == "Jan  1 00:00:00 2030 GMT");
    }
}

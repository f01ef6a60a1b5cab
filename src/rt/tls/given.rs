//! Certificates that arrive as text, not as files: checked, and kept by the name they serve.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use rustls::InconsistentKeys;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use crate::rt::tls::certificate::dns_names;
use crate::rt::tls::der::validity;
use crate::rt::tls::error::Error;
use crate::rt::tls::provider::provider;

/// A certificate for one name; both texts are PEM.
// Not `Debug`: a key in a log is a key lost.
#[derive(Clone)]
pub struct GivenCertificate {
    /// A host name or `*.example.com`, in lower case.
    pub name: String,
    /// The certificate first, then those that sign it.
    pub chain: String,
    /// Its private key: PKCS #8, PKCS #1 or SEC 1, not encrypted.
    pub key: String,
}

/// What a certificate says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The DNS names that it is for, in lower case.
    pub names: Vec<String>,
    /// Milliseconds since 1970.
    pub not_after_ms: i64,
}

/// Whether a certificate can serve its name at `now_ms`, milliseconds since 1970.
///
/// # Errors
/// The first thing that hinders it, for people.
pub fn inspect(given: &GivenCertificate, now_ms: i64) -> Result<Facts, String> {
    let (chain, _) = parse(given)?;
    let names = dns_names(&chain[0])?;
    let names: Vec<String> = names.into_iter().map(String::from).collect();
    if !names.iter().any(|own| covers(own, &given.name)) {
        let names = names.join(", ");
        return Err(format!(
            "the certificate is not for {}; its names are [{names}]",
            given.name
        ));
    }
    for (index, certificate) in chain.iter().enumerate() {
        let which = format!("certificate {} of the chain", index + 1);
        let [begin, end] =
            validity(certificate).ok_or_else(|| format!("{which} is not valid X.509"))?;
        if end < now_ms {
            return Err(format!("{which} has expired"));
        }
        if begin > now_ms {
            return Err(format!("{which} is not valid yet"));
        }
    }
    let [_, not_after_ms] = validity(&chain[0]).unwrap_or_default();
    Ok(Facts {
        names,
        not_after_ms,
    })
}

/// A `*.` stands for one label (RFC 6125, section 6.4.3).
fn covers(own: &str, name: &str) -> bool {
    own == name
        || own.strip_prefix("*.").is_some_and(|parent| {
            let rest = name.split_once('.');
            rest.is_some_and(|(label, rest)| label != "*" && rest == parent)
        })
}

/// Certificates and the private key in two PEM texts.
pub(super) fn pair(
    chain: &str,
    key: &str,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), String> {
    let certificates: Result<Vec<_>, _> =
        CertificateDer::pem_slice_iter(chain.as_bytes()).collect();
    let certificates =
        certificates.map_err(|error| format!("the certificate is not valid PEM: {error}"))?;
    if certificates.is_empty() {
        return Err("there is no `-----BEGIN CERTIFICATE-----` in the certificate".to_owned());
    }
    let is_encrypted = key.contains("BEGIN ENCRYPTED PRIVATE KEY");
    let private = PrivateKeyDer::from_pem_slice(key.as_bytes());
    let private = private.map_err(|error| match is_encrypted {
        true => "the private key is encrypted; give it decrypted".to_owned(),
        false => format!("the private key is not valid PEM: {error}"),
    })?;
    Ok((certificates, private))
}

fn parse(given: &GivenCertificate) -> Result<(Vec<CertificateDer<'static>>, CertifiedKey), String> {
    let (chain, key) = pair(&given.chain, &given.key)?;
    let certified = CertifiedKey::from_der(chain.clone(), key, &provider());
    let certified = certified.map_err(|error| match error {
        rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
            "the private key does not belong to the certificate".to_owned()
        }
        other => format!("the certificate and its private key cannot be used: {other}"),
    })?;
    Ok((chain, certified))
}

/// A certificate in use, and the name it was given for.
#[derive(Debug)]
pub(super) struct Given {
    pub name: Box<str>,
    pub key: Arc<CertifiedKey>,
    /// Of the texts, to notice a change.
    digest: u64,
}

impl Given {
    /// Those of `before` are used again where nothing changed.
    pub fn take_all(given: &[GivenCertificate], before: &[Given]) -> (Vec<Self>, Vec<Error>) {
        let (mut taken, mut problems) = (Vec::with_capacity(given.len()), Vec::new());
        for own in given {
            let known = before.iter().find(|known| known.is_of(own));
            let key = match known {
                Some(known) => Ok(Arc::clone(&known.key)),
                None => parse(own).map(|(_, key)| Arc::new(key)),
            };
            match key {
                Ok(key) => taken.push(Self {
                    name: own.name.as_str().into(),
                    key,
                    digest: digest(own),
                }),
                Err(what) => problems.push(Error::Given {
                    name: own.name.clone(),
                    what,
                }),
            }
        }
        (taken, problems)
    }

    pub fn is_of(&self, given: &GivenCertificate) -> bool {
        *self.name == *given.name && self.digest == digest(given)
    }
}

fn digest(given: &GivenCertificate) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&given.chain, &given.key).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn made(names: &[&str], days: i64) -> GivenCertificate {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = rcgen::CertificateParams::new(names.clone()).unwrap();
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after =
            rcgen::date_time_ymd(2020, 1, 1) + std::time::Duration::from_secs(86_400 * days as u64);
        let key = rcgen::KeyPair::generate().unwrap();
        GivenCertificate {
            name: names[0].clone(),
            chain: params.self_signed(&key).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }

    /// The first of January 2021.
    const NOW_MS: i64 = 1_609_459_200_000;

    #[test]
    fn what_cannot_serve_its_name_is_said() {
        let good = made(&["api.example.com"], 1_000);
        let facts = inspect(&good, NOW_MS).unwrap();
        assert_eq!(facts.names, ["api.example.com"]);
        assert_eq!(facts.not_after_ms, 1_577_836_800_000 + 1_000 * 86_400_000);
        let check = |change: &dyn Fn(&mut GivenCertificate), expected: &str| {
            let mut given = good.clone();
            change(&mut given);
            let error = inspect(&given, NOW_MS).unwrap_err();
            assert!(error.contains(expected), "{error}");
        };
        check(
            &|given| given.name = "b.example.com".to_owned(),
            "not for b.example.com",
        );
        check(&|given| given.chain = "x".to_owned(), "BEGIN CERTIFICATE");
        check(&|given| given.key = "x".to_owned(), "private key");
        check(&|given| given.key = made(&["a"], 1).key, "does not belong");
        let old = made(&["api.example.com"], 100);
        assert!(inspect(&old, NOW_MS).unwrap_err().contains("expired"));
        assert!(inspect(&old, 0).unwrap_err().contains("not valid yet"));
    }

    #[test]
    fn a_wildcard_is_for_one_label() {
        let check = |own: &str, name: &str, expected: bool| {
            assert_eq!(covers(own, name), expected, "{own} {name}");
        };
        check("*.example.com", "a.example.com", true);
        check("*.example.com", "a.b.example.com", false);
        check("*.example.com", "*.example.com", true);
        check("a.example.com", "a.example.com", true);
        check("*.com", "*.example.com", false);
        check("*.example.com", "example.com", false);
    }
}

//! Certificates made here: with them the gateway shows its upstreams who asks.

use std::time::Duration;

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair,
    KeyUsagePurpose, PKCS_RSA_SHA256, RsaKeySize, date_time_ymd,
};

/// A certificate that signs itself, and its key, both PEM.
#[derive(Clone)]
pub struct Generated {
    pub certificate: String,
    pub key: String,
    /// Milliseconds since 1970.
    pub not_after_ms: u64,
}

/// AWS's client certificates live so long.
const YEAR_S: u64 = 365 * 24 * 60 * 60;

/// A client's certificate with an RSA key of 2048 bits, as AWS makes them, valid for a year from
/// `now_ms`, milliseconds since 1970. Takes some tens of milliseconds.
///
/// # Errors
/// When the system gives no randomness.
pub fn generate(name: &str, unit: &str, now_ms: u64) -> Result<Generated, String> {
    let now_s = now_ms / 1000;
    let words = |error: rcgen::Error| error.to_string();
    let moment = |seconds: u64| date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds);
    let mut params = CertificateParams::default();
    params.not_before = moment(now_s);
    params.not_after = moment(now_s + YEAR_S);
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
        .distinguished_name
        .push(DnType::OrganizationalUnitName, unit);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).map_err(words)?;
    let certificate = params.self_signed(&key).map_err(words)?;
    Ok(Generated {
        certificate: certificate.pem(),
        key: key.serialize_pem(),
        not_after_ms: (now_s + YEAR_S) * 1000,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::rt::tls::{GivenCertificate, inspect};

    #[test]
    fn a_certificate_belongs_to_its_key_and_ends_after_a_year() {
        let now_ms = 1_700_000_000_000;
        let made = generate("ApiGateway", "a", now_ms).unwrap();
        let mut given = GivenCertificate {
            name: "a.example.com".to_owned(),
            chain: made.certificate,
            key: made.key,
        };
        // It is for no host; that the key fits is looked at first.
        assert!(
            inspect(&given, now_ms as i64)
                .unwrap_err()
                .contains("not for")
        );
        given.key = generate("b", "b", now_ms).unwrap().key;
        assert!(
            inspect(&given, now_ms as i64)
                .unwrap_err()
                .contains("does not belong")
        );
        assert_eq!(made.not_after_ms, 1_731_536_000_000);
    }
}

//! The key of one day, region and service, and what it signs.

use crate::base::crypto::{self, hex, hmac_sha256, sha256};

/// "The only supported algorithm is AWS4-HMAC-SHA256" for keys with a secret.
pub(crate) const ALGORITHM: &str = "AWS4-HMAC-SHA256";
pub(crate) const TERMINATOR: &str = "aws4_request";

/// What a signature is good for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope<'a> {
    /// `20150830`.
    pub day: &'a str,
    pub region: &'a str,
    pub service: &'a str,
}

impl Scope<'_> {
    pub(crate) fn text(&self) -> String {
        let Self {
            day,
            region,
            service,
        } = self;
        format!("{day}/{region}/{service}/{TERMINATOR}")
    }
}

pub(crate) fn string_to_sign(moment: &str, scope: &Scope<'_>, canonical_request: &[u8]) -> String {
    let hash = hex(&sha256(canonical_request));
    format!("{ALGORITHM}\n{moment}\n{}\n{hash}", scope.text())
}

/// `HMAC(HMAC(HMAC(HMAC("AWS4" + secret, day), region), service), "aws4_request")` over the text.
pub(crate) fn signature(secret: &str, scope: &Scope<'_>, string_to_sign: &str) -> String {
    let mut key = hmac_sha256(format!("AWS4{secret}").as_bytes(), scope.day.as_bytes());
    for part in [scope.region, scope.service, TERMINATOR] {
        key = hmac_sha256(&key, part.as_bytes());
    }
    hex(&hmac_sha256(&key, string_to_sign.as_bytes()))
}

/// Compares in constant time, so that an answer's time tells nothing of the right signature.
pub(crate) fn is_same(expected: &str, presented: &str) -> bool {
    crypto::equal(expected.as_bytes(), presented.as_bytes())
}

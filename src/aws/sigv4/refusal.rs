//! Every way to refuse a signature, in the words of AWS.
//!
//! The texts are those that AWS's services have been seen to answer with; what is checked first
//! is told first, in the order in which these variants stand.

use crate::aws::error::{ErrorName, Fault};
use crate::aws::sigv4::moment;
use crate::base::crypto::{base64, sha256};

/// How a service names its errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// JSON services: `apigateway`, `execute-api`, `lambda`.
    Json,
    /// Query services: `sts`, `iam`, `cloudformation`.
    Query,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No signature at all.
    Missing,
    /// One in the header and one in the query.
    Twice,
    /// A part of the `Authorization` header is no `key=value`.
    Pair {
        part: Vec<u8>,
    },
    /// Parts are missing in the `Authorization` header.
    Header {
        missing: Vec<&'static str>,
        no_date: bool,
        authorization: Vec<u8>,
    },
    /// Parameters are missing in the query.
    Query {
        missing: Vec<&'static str>,
    },
    /// The date is none.
    Date {
        text: String,
    },
    /// `X-Amz-Expires` is no number, or more than a week.
    Expires,
    /// Signed too long ago, or the presigned URL's time is over. Seconds since 1970.
    Expired {
        signed: u64,
        now: u64,
        allowed: u64,
    },
    /// Signed in the future.
    NotYet {
        signed: u64,
        now: u64,
    },
    HostNotSigned,
    /// A header that decides whom the request is for is not among what was signed.
    HeaderNotSigned {
        name: &'static str,
    },
    Algorithm {
        text: String,
    },
    /// Not `id/day/region/service/aws4_request`.
    Credential {
        text: String,
    },
    /// One sentence for each part of the scope that is wrong.
    Scope {
        sentences: Vec<String>,
    },
    /// Nobody has this key, or the session token is not the key's.
    UnknownKey,
    /// The key has ended.
    ExpiredToken,
    /// What we would have signed, to compare.
    Mismatch {
        canonical_request: String,
        string_to_sign: String,
    },
}

impl Refusal {
    pub fn fault(&self, family: Family) -> Fault {
        Fault::new(self.name(family), self.message(family))
    }

    fn name(&self, family: Family) -> ErrorName {
        let (json, query) = match self {
            Self::Missing => (
                ErrorName::MissingAuthenticationTokenException,
                ErrorName::MissingAuthenticationToken,
            ),
            Self::Pair { .. }
            | Self::Header { .. }
            | Self::Query { .. }
            | Self::Date { .. }
            | Self::Expires
            | Self::Algorithm { .. }
            | Self::Credential { .. } => (
                ErrorName::IncompleteSignatureException,
                ErrorName::IncompleteSignature,
            ),
            Self::UnknownKey => (
                ErrorName::UnrecognizedClientException,
                ErrorName::InvalidClientTokenId,
            ),
            Self::ExpiredToken => (ErrorName::ExpiredTokenException, ErrorName::ExpiredToken),
            Self::Twice
            | Self::Expired { .. }
            | Self::NotYet { .. }
            | Self::HostNotSigned
            | Self::HeaderNotSigned { .. }
            | Self::Scope { .. }
            | Self::Mismatch { .. } => (
                ErrorName::InvalidSignatureException,
                ErrorName::SignatureDoesNotMatch,
            ),
        };
        match family {
            Family::Json => json,
            Family::Query => query,
        }
    }

    fn message(&self, family: Family) -> String {
        match self {
            Self::Missing if family == Family::Query => {
                "Request is missing Authentication Token".to_owned()
            }
            Self::Missing => "Missing Authentication Token".to_owned(),
            Self::Twice => "Found both 'X-Amz-Algorithm' as a query-string param and \
                            'Authorization' as HTTP header."
                .to_owned(),
            Self::Pair { part } => format!(
                "Invalid key=value pair (missing equal-sign) in Authorization header (hashed with \
                 SHA-256 and encoded with Base64): '{}'.",
                hidden(part)
            ),
            Self::Header {
                missing,
                no_date,
                authorization,
            } => header_message(missing, *no_date, authorization),
            Self::Query { missing } => query_message(missing),
            Self::Date { text } => format!(
                "Date must be in ISO-8601 'basic format'. Got '{text}'. See \
                 http://en.wikipedia.org/wiki/ISO_8601"
            ),
            Self::Expires => "X-Amz-Expires must be less than a week (in seconds); that is, the \
                              given X-Amz-Expires must be less than 604800 seconds"
                .to_owned(),
            Self::Expired {
                signed,
                now,
                allowed,
            } => expired_message(*signed, *now, *allowed),
            Self::NotYet { signed, now } => format!(
                "Signature not yet current: {} is still later than {} ({} + {})",
                moment::format(*signed),
                moment::format(now + SKEW_SECONDS),
                moment::format(*now),
                span(SKEW_SECONDS),
            ),
            Self::HostNotSigned => "'Host' or ':authority' must be a 'SignedHeader' in the AWS \
                                    Authorization."
                .to_owned(),
            Self::HeaderNotSigned { name } => {
                format!("'{name}' must be a 'SignedHeader' in the AWS Authorization.")
            }
            Self::Algorithm { text } => {
                format!("Unsupported AWS 'algorithm': '{text}' (only AWS4-HMAC-SHA256 for now). ")
            }
            Self::Credential { text } => format!(
                "Credential must have exactly 5 slash-delimited elements, e.g. \
                 keyid/date/region/service/term, got '{text}'"
            ),
            Self::Scope { sentences } => sentences.iter().fold(String::new(), |all, sentence| {
                // With a space after each, the last one too: seen so.
                all + sentence + " "
            }),
            Self::ExpiredToken => {
                "The security token included in the request is expired".to_owned()
            }
            Self::UnknownKey => "The security token included in the request is invalid.".to_owned(),
            Self::Mismatch {
                canonical_request,
                string_to_sign,
            } => mismatch_message(canonical_request, string_to_sign),
        }
    }
}

/// How far the clocks of client and server may be apart.
pub(crate) const SKEW_SECONDS: u64 = 5 * 60;

fn header_message(missing: &[&str], no_date: bool, authorization: &[u8]) -> String {
    let mut text: String = missing
        .iter()
        .map(|name| format!("Authorization header requires '{name}' parameter. "))
        .collect();
    if no_date {
        text += "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' \
                 header. ";
    }
    text + "(Hashed with SHA-256 and encoded with Base64) Authorization=" + &hidden(authorization)
}

fn mismatch_message(canonical_request: &str, string_to_sign: &str) -> String {
    format!(
        "The request signature we calculated does not match the signature you provided. Check \
         your AWS Secret Access Key and signing method. Consult the service documentation for \
         details.\n\nThe Canonical String for this request should have been\n\
         '{canonical_request}'\n\nThe String-to-Sign should have been\n'{string_to_sign}'\n"
    )
}

fn expired_message(signed: u64, now: u64, allowed: u64) -> String {
    format!(
        "Signature expired: {} is now earlier than {} ({} - {})",
        moment::format(signed),
        moment::format(now.saturating_sub(allowed)),
        moment::format(now),
        span(allowed),
    )
}

fn query_message(missing: &[&str]) -> String {
    let text: String = missing
        .iter()
        .map(|name| format!("AWS query-string parameters must include '{name}'. "))
        .collect();
    text + "Re-examine the query-string parameters."
}

/// What a client sent may be a secret of another system, so AWS shows its hash only.
fn hidden(text: &[u8]) -> String {
    base64(&sha256(text))
}

fn span(seconds: u64) -> String {
    if seconds.is_multiple_of(60) {
        format!("{} min.", seconds / 60)
    } else {
        format!("{seconds} sec.")
    }
}

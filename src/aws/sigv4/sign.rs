//! Signing what we send: headers, or a presigned query.

use std::fmt;

use crate::aws::sigv4::canonical::{
    self, CONTENT_HASH_HEADER, Payload, Request, SIGNATURE_PARAMETER, UNSIGNED_PAYLOAD, is_s3,
    percent_encode,
};
use crate::aws::sigv4::key::{self, ALGORITHM, Scope};
use crate::aws::sigv4::moment;

/// Who signs, and for whom.
#[derive(Clone, Copy)]
pub struct Signer<'a> {
    pub access_key_id: &'a str,
    pub secret: &'a str,
    pub session_token: Option<&'a str>,
    pub region: &'a str,
    pub service: &'a str,
}

/// Secrets stay out of logs.
impl fmt::Debug for Signer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer")
            .field("access_key_id", &self.access_key_id)
            .field("region", &self.region)
            .field("service", &self.service)
            .finish_non_exhaustive()
    }
}

/// Headers that hops on the way may change, or that name the hop: never signed.
const UNSIGNED_HEADERS: &[&str] = &[
    "authorization",
    "baggage",
    "connection",
    "expect",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "x-amzn-trace-id",
];

impl Signer<'_> {
    /// The headers to add to `request`, which has its `Host` already and none of these. A payload
    /// of `None` is not signed.
    pub fn sign(
        &self,
        request: &Request<'_>,
        payload: Option<&Payload<'_>>,
        epoch_ms: u64,
    ) -> Vec<(&'static str, String)> {
        let moment = moment::format(epoch_ms / 1_000);
        let hash = payload.map_or(UNSIGNED_PAYLOAD.to_owned(), Payload::hash);
        let mut added = vec![("x-amz-date", moment.clone())];
        if let Some(token) = self.session_token {
            added.push(("x-amz-security-token", token.to_owned()));
        }
        // S3 wants it always; the others have to be told when it is not the body's hash.
        if payload.is_none() || is_s3(self.service) {
            added.push((CONTENT_HASH_HEADER, hash.clone()));
        }
        let mut headers = request.headers.to_vec();
        for (name, value) in &added {
            headers.push((name.as_bytes(), value.as_bytes()));
        }
        let whole = Request {
            headers: &headers,
            ..*request
        };
        let signed = to_sign(&headers);
        let (scope, signature) = self.signature(&whole, &signed, &hash, &moment);
        let (id, signed) = (self.access_key_id, signed.join(";"));
        let authorization = format!(
            "{ALGORITHM} Credential={id}/{scope}, SignedHeaders={signed}, Signature={signature}"
        );
        added.push(("authorization", authorization));
        added
    }

    /// The query that makes `request` good for `expires_seconds`, with the query it has. The
    /// headers of `request` have to be sent as they are; usually there is only `Host`.
    pub fn presign(
        &self,
        request: &Request<'_>,
        payload: &Payload<'_>,
        expires_seconds: u64,
        epoch_ms: u64,
    ) -> String {
        let moment = moment::format(epoch_ms / 1_000);
        let scope = self.scope(&moment).text();
        let signed = to_sign(request.headers);
        let mut query = request.query.to_vec();
        let mut add = |name: &str, value: &str| {
            if !query.is_empty() {
                query.push(b'&');
            }
            query.extend_from_slice(name.as_bytes());
            query.push(b'=');
            percent_encode(&mut query, value.as_bytes());
        };
        add("X-Amz-Algorithm", ALGORITHM);
        add(
            "X-Amz-Credential",
            &format!("{}/{scope}", self.access_key_id),
        );
        add("X-Amz-Date", &moment);
        add("X-Amz-Expires", &expires_seconds.to_string());
        add("X-Amz-SignedHeaders", &signed.join(";"));
        if let Some(token) = self.session_token {
            add("X-Amz-Security-Token", token);
        }
        let hash = if is_s3(self.service) {
            UNSIGNED_PAYLOAD.to_owned()
        } else {
            payload.hash()
        };
        let whole = Request {
            query: &query,
            ..*request
        };
        let (_, signature) = self.signature(&whole, &signed, &hash, &moment);
        let query = String::from_utf8_lossy(&query);
        format!("{query}&{SIGNATURE_PARAMETER}={signature}")
    }

    fn signature(
        &self,
        request: &Request<'_>,
        signed: &[String],
        hash: &str,
        moment: &str,
    ) -> (String, String) {
        let canonical_request = canonical::request(request, self.service, signed, hash);
        let scope = self.scope(moment);
        let string_to_sign = key::string_to_sign(moment, &scope, &canonical_request);
        let signature = key::signature(self.secret, &scope, &string_to_sign);
        (scope.text(), signature)
    }

    fn scope<'s>(&'s self, moment: &'s str) -> Scope<'s> {
        Scope {
            day: moment.get(..8).unwrap_or_default(),
            region: self.region,
            service: self.service,
        }
    }
}

fn to_sign(headers: &[(&[u8], &[u8])]) -> Vec<String> {
    let mut names: Vec<String> = headers
        .iter()
        .map(|(name, _)| String::from_utf8_lossy(name).to_ascii_lowercase())
        .filter(|name| !UNSIGNED_HEADERS.contains(&name.as_str()))
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

//! botocore is the oracle: what it signs is accepted, and we sign the same.

#![allow(clippy::unwrap_used)]

use serde::Deserialize;

use crate::aws::sigv4::canonical::{self, AMPERSAND, pairs};
use crate::aws::sigv4::{Payload, Presented, Request, Signer, Wanted, key, verify};
use crate::aws::{AccessKey, AccessKeys};
use crate::base::json;

#[derive(Deserialize)]
struct Document {
    access_key_id: String,
    secret: String,
    epoch_seconds: u64,
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    name: String,
    method: String,
    path: String,
    query: String,
    /// Headers before signing, without `Host`.
    given: Vec<(String, String)>,
    host: String,
    body: String,
    service: String,
    region: String,
    token: Option<String>,
    expires: Option<u64>,
    unsigned: bool,
    /// Signed with a `Date` header, which we never send.
    dated: bool,
    wire_query: String,
    wire_headers: Vec<(String, String)>,
    canonical_request: String,
    string_to_sign: String,
}

fn document() -> Document {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/golden/sigv4/vectors.json"
    );
    json::read(&std::fs::read(path).unwrap()).unwrap()
}

fn keys(document: &Document, token: Option<&String>) -> AccessKeys {
    AccessKeys::new([AccessKey {
        id: document.access_key_id.clone(),
        secret: document.secret.clone(),
        session_token: token.cloned(),
        expires_s: None,
        account: "111122223333".to_owned(),
        name: "oracle".to_owned(),
        policy: None,
    }])
    .unwrap()
}

fn bytes(headers: &[(String, String)]) -> Vec<(&[u8], &[u8])> {
    headers
        .iter()
        .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
        .collect()
}

#[test]
fn what_botocore_signs_is_accepted() {
    let document = document();
    assert!(document.vectors.len() > 150);
    for vector in &document.vectors {
        let name = &vector.name;
        let headers = bytes(&vector.wire_headers);
        let request = Request {
            method: &vector.method,
            path: vector.path.as_bytes(),
            query: vector.wire_query.as_bytes(),
            headers: &headers,
        };
        let payload = Payload::Bytes(vector.body.as_bytes());
        let presented = Presented::read(&request).unwrap();
        // Text by text first, so that a difference shows where it begins.
        let hash = vector.canonical_request.rsplit('\n').next().unwrap();
        let ours = canonical::request(&request, &vector.service, &presented.signed_headers, hash);
        assert_eq!(
            String::from_utf8_lossy(&ours),
            vector.canonical_request,
            "{name}"
        );
        let to_sign = key::string_to_sign(&presented.moment, &presented.scope(), &ours);
        assert_eq!(to_sign, vector.string_to_sign, "{name}");
        let wanted = Wanted {
            service: &vector.service,
            region: Some(&vector.region),
        };
        let keys = keys(&document, vector.token.as_ref());
        let now = document.epoch_seconds * 1_000;
        let verified = verify(&request, &payload, &keys, &wanted, now);
        assert_eq!(
            verified.map(|v| v.key.name.clone()),
            Ok("oracle".to_owned()),
            "{name}"
        );
    }
}

#[test]
fn we_sign_as_botocore_does() {
    let document = document();
    for vector in document.vectors.iter().filter(|vector| !vector.dated) {
        let name = &vector.name;
        let mut headers = bytes(&vector.given);
        headers.push((b"host", vector.host.as_bytes()));
        let request = Request {
            method: &vector.method,
            path: vector.path.as_bytes(),
            query: vector.query.as_bytes(),
            headers: &headers,
        };
        let signer = Signer {
            access_key_id: &document.access_key_id,
            secret: &document.secret,
            session_token: vector.token.as_deref(),
            region: &vector.region,
            service: &vector.service,
        };
        let payload = Payload::Bytes(vector.body.as_bytes());
        let now = document.epoch_seconds * 1_000;
        if let Some(expires) = vector.expires {
            let query = signer.presign(&request, &payload, expires, now);
            let sorted = |query: &str| {
                let mut pairs: Vec<_> = pairs(query.as_bytes(), AMPERSAND).collect();
                pairs.sort();
                pairs
            };
            assert_eq!(sorted(&query), sorted(&vector.wire_query), "{name}");
            continue;
        }
        let added = signer.sign(&request, (!vector.unsigned).then_some(&payload), now);
        for (header, value) in added {
            let theirs = vector
                .wire_headers
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(header));
            assert_eq!(theirs.map(|(_, value)| value), Some(&value), "{name}");
        }
    }
}

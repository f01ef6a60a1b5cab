//! What is refused, and in which words.

#![allow(clippy::unwrap_used)]

use crate::aws::sigv4::presented::Carrier;
use crate::aws::sigv4::{
    Family, Payload, Presented, Refusal, Request, Signer, Wanted, claim, verify,
};
use crate::aws::{AccessKey, AccessKeys};

/// 2015-08-30T12:36:00Z.
const NOW_MS: u64 = 1_440_938_160_000;
const ID: &str = "AKIDEXAMPLEEXAMPLE01";
const HOST: (&[u8], &[u8]) = (b"Host", b"example.amazonaws.com");

type Headers = Vec<(String, String)>;

fn keys(session_token: Option<&str>) -> AccessKeys {
    AccessKeys::new([AccessKey {
        id: ID.to_owned(),
        secret: "secret".to_owned(),
        session_token: session_token.map(str::to_owned),
        expires_s: None,
        account: "111122223333".to_owned(),
        name: "alice".to_owned(),
        policy: None,
    }])
    .unwrap()
}

const SIGNER: Signer<'static> = Signer {
    access_key_id: ID,
    secret: "secret",
    session_token: None,
    region: "us-east-1",
    service: "apigateway",
};

const WANTED: Wanted<'static> = Wanted {
    service: "apigateway",
    region: Some("us-east-1"),
};

fn request<'a>(query: &'a str, headers: &'a [(&'a [u8], &'a [u8])]) -> Request<'a> {
    Request {
        method: "GET",
        path: b"/restapis",
        query: query.as_bytes(),
        headers,
    }
}

fn signed_headers(signer: &Signer<'_>) -> Headers {
    let mut headers: Headers = vec![("Host".to_owned(), "example.amazonaws.com".to_owned())];
    let added = signer.sign(&request("", &[HOST]), Some(&Payload::Bytes(b"")), NOW_MS);
    headers.extend(
        added
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value)),
    );
    headers
}

fn outcome(query: &str, headers: &Headers, keys: &AccessKeys, now_ms: u64) -> Result<(), Refusal> {
    let headers: Vec<(&[u8], &[u8])> = headers
        .iter()
        .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
        .collect();
    let payload = Payload::Bytes(b"");
    verify(&request(query, &headers), &payload, keys, &WANTED, now_ms).map(drop)
}

/// The headers of a good request with one value changed, or taken away.
fn with(name: &str, change: impl Fn(&str) -> Option<String>) -> Headers {
    signed_headers(&SIGNER)
        .into_iter()
        .filter_map(|(header, value)| {
            let value = if header == name {
                change(&value)?
            } else {
                value
            };
            Some((header, value))
        })
        .collect()
}

fn authorization(from: &str, to: &str) -> Headers {
    with("authorization", |value| {
        assert!(value.contains(from), "{value}");
        Some(value.replace(from, to))
    })
}

#[test]
fn refusals_carry_the_names_and_words_of_aws() {
    let cases: Vec<(Headers, &str, &str)> = vec![
        (
            vec![],
            "MissingAuthenticationTokenException",
            "Missing Authentication Token",
        ),
        (
            vec![("authorization".to_owned(), "Bearer abc".to_owned())],
            "IncompleteSignatureException",
            "Invalid key=value pair (missing equal-sign) in Authorization header (hashed with SHA-256 and encoded with Base64): 'ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0='.",
        ),
        (
            vec![("authorization".to_owned(), "Basic YTpiYw==".to_owned())],
            "IncompleteSignatureException",
            "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. (Hashed with SHA-256 and encoded with Base64) Authorization=",
        ),
        (
            with("x-amz-date", |_| None),
            "IncompleteSignatureException",
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. (Hashed",
        ),
        (
            with("x-amz-date", |_| Some("now".to_owned())),
            "IncompleteSignatureException",
            "Date must be in ISO-8601 'basic format'. Got 'now'. See http://en.wikipedia.org/wiki/ISO_8601",
        ),
        (
            authorization("SignedHeaders=host;", "SignedHeaders="),
            "InvalidSignatureException",
            "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
        ),
        (
            authorization("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"),
            "IncompleteSignatureException",
            "Unsupported AWS 'algorithm': 'AWS4-ECDSA-P256-SHA256' (only AWS4-HMAC-SHA256 for now). ",
        ),
        (
            authorization("/us-east-1", ""),
            "IncompleteSignatureException",
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got 'AKIDEXAMPLEEXAMPLE01/20150830/apigateway/aws4_request'",
        ),
        (
            authorization(
                "20150830/us-east-1/apigateway/aws4_request",
                "20150829/eu-west-1/s3/aws3",
            ),
            "InvalidSignatureException",
            "Credential should be scoped to a valid region, not 'eu-west-1'. Credential should be scoped to correct service: 'apigateway'. Credential should be scoped with a valid terminator: 'aws4_request', not 'aws3'. Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20150829' != '20150830', from '20150830T123600Z'. ",
        ),
        (
            authorization(ID, "AKIDEXAMPLEEXAMPLE02"),
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
        ),
        (
            authorization("Signature=", "Signature=0"),
            "InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.\n\nThe Canonical String for this request should have been\n'GET\n/restapis\n\nhost:example.amazonaws.com\n",
        ),
    ];
    for (headers, name, message) in cases {
        let refusal = outcome("", &headers, &keys(None), NOW_MS).unwrap_err();
        let fault = refusal.fault(Family::Json);
        assert_eq!((fault.name.as_str(), fault.status()), (name, 403));
        assert!(fault.message.starts_with(message), "{}", fault.message);
    }
}

#[test]
fn query_services_have_names_of_their_own() {
    for (refusal, name) in [
        (Refusal::Missing, "MissingAuthenticationToken"),
        (Refusal::UnknownKey, "InvalidClientTokenId"),
        (Refusal::HostNotSigned, "SignatureDoesNotMatch"),
        (Refusal::Expires, "IncompleteSignature"),
    ] {
        assert_eq!(refusal.fault(Family::Query).name.as_str(), name);
    }
}

#[test]
fn clocks_may_be_five_minutes_apart() {
    let headers = signed_headers(&SIGNER);
    let at = |now_ms| outcome("", &headers, &keys(None), now_ms);
    for seconds in [0, 1, 299, 300] {
        assert_eq!(at(NOW_MS + seconds * 1_000), Ok(()));
        assert_eq!(at(NOW_MS - seconds * 1_000), Ok(()));
    }
    let message = |now_ms| at(now_ms).unwrap_err().fault(Family::Json).message;
    assert_eq!(
        message(NOW_MS + 301_000),
        "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T124101Z - 5 min.)"
    );
    assert_eq!(
        message(NOW_MS - 301_000),
        "Signature not yet current: 20150830T123600Z is still later than 20150830T123559Z (20150830T123059Z + 5 min.)"
    );
}

#[test]
fn a_presigned_request_is_good_until_it_expires() {
    let headers: Headers = vec![("host".to_owned(), "example.amazonaws.com".to_owned())];
    let payload = Payload::Bytes(b"");
    let query = SIGNER.presign(&request("a=b%20c", &[HOST]), &payload, 3_600, NOW_MS);
    let at = |query: &str, now_ms| outcome(query, &headers, &keys(None), now_ms);
    assert_eq!(at(&query, NOW_MS), Ok(()));
    assert_eq!(at(&query, NOW_MS + 3_600_000), Ok(()));
    assert!(matches!(
        at(&query, NOW_MS + 3_601_000),
        Err(Refusal::Expired { allowed: 3_600, .. })
    ));
    assert!(matches!(
        at(&query, NOW_MS - 301_000),
        Err(Refusal::NotYet { .. })
    ));
    // Another lifetime is another text to sign.
    let longer = query.replace("Expires=3600", "Expires=7200");
    assert!(matches!(at(&longer, NOW_MS), Err(Refusal::Mismatch { .. })));
    for bad in ["604801", "0", "-1", "x", ""] {
        let query = query.replace("Expires=3600", &format!("Expires={bad}"));
        assert_eq!(at(&query, NOW_MS), Err(Refusal::Expires), "{bad}");
    }
    // Without a lifetime the five minutes of the clocks count.
    let bare = query.replace("&X-Amz-Expires=3600", "");
    assert!(matches!(at(&bare, NOW_MS), Err(Refusal::Mismatch { .. })));
    assert!(matches!(
        at(&bare, NOW_MS + 301_000),
        Err(Refusal::Expired { allowed: 300, .. })
    ));
    let missing = at("X-Amz-Signature=0", NOW_MS).unwrap_err();
    assert_eq!(
        missing.fault(Family::Json).message,
        "AWS query-string parameters must include 'X-Amz-Algorithm'. AWS query-string parameters must include 'X-Amz-Credential'. AWS query-string parameters must include 'X-Amz-SignedHeaders'. AWS query-string parameters must include 'X-Amz-Date'. Re-examine the query-string parameters."
    );
    let twice = outcome(&query, &signed_headers(&SIGNER), &keys(None), NOW_MS);
    assert_eq!(twice, Err(Refusal::Twice));
}

#[test]
fn a_key_ends() {
    let ends = |expires_s| {
        let key = keys(None).find(ID).cloned().unwrap();
        let key = AccessKey { expires_s, ..key };
        let keys = AccessKeys::new([key]).unwrap();
        outcome("", &signed_headers(&SIGNER), &keys, NOW_MS)
    };
    assert_eq!(ends(Some(NOW_MS / 1_000 + 1)), Ok(()));
    assert_eq!(ends(Some(NOW_MS / 1_000)), Err(Refusal::ExpiredToken));
    let fault = Refusal::ExpiredToken.fault(Family::Query);
    assert_eq!(fault.name.as_str(), "ExpiredToken");
}

#[test]
fn a_session_token_has_to_be_that_of_the_key() {
    let with_token = Signer {
        session_token: Some("token"),
        ..SIGNER
    };
    let try_with = |signer: &Signer<'_>, keys| outcome("", &signed_headers(signer), &keys, NOW_MS);
    assert_eq!(try_with(&with_token, keys(Some("token"))), Ok(()));
    for (signer, wanted) in [
        (&with_token, Some("other")),
        (&with_token, None),
        (&SIGNER, Some("token")),
    ] {
        assert_eq!(try_with(signer, keys(wanted)), Err(Refusal::UnknownKey));
    }
}

#[test]
fn the_hash_that_a_client_names_is_not_believed() {
    let payload = Payload::Bytes(b"body");
    let named = b"230d8358dc8e8890b4c58deeb62912ee2f20357ae92a5cc861b98e68fe31acb5";
    let check = |hash: &'static [u8], signed: Option<&Payload<'_>>, body: &[u8]| {
        let mut given = vec![HOST];
        if signed.is_some() {
            given.push((b"x-amz-content-sha256", hash));
        }
        let added = SIGNER.sign(&request("", &given), signed, NOW_MS);
        let mut headers = given.clone();
        headers.extend(
            added
                .iter()
                .map(|(name, v)| (name.as_bytes(), v.as_bytes())),
        );
        let body = Payload::Bytes(body);
        verify(&request("", &headers), &body, &keys(None), &WANTED, NOW_MS).is_ok()
    };
    assert!(check(named, Some(&payload), b"body"));
    assert!(!check(named, Some(&payload), b"other"));
    assert!(check(b"", None, b"whatever"), "UNSIGNED-PAYLOAD");
    // A body that was hashed on the way in is as good as its bytes.
    let hash = Payload::Sha256(crate::base::crypto::sha256(b"body"));
    assert!(check(named, Some(&hash), b"body"));
}

#[test]
fn a_scope_can_be_read_before_anything_is_verified() {
    let headers = signed_headers(&SIGNER);
    let headers: Vec<(&[u8], &[u8])> = headers
        .iter()
        .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
        .collect();
    let presented = Presented::read(&request("", &headers)).unwrap();
    assert_eq!(
        (
            presented.access_key_id.as_str(),
            presented.service.as_str(),
            presented.region.as_str(),
            presented.carrier
        ),
        (ID, "apigateway", "us-east-1", Carrier::Header)
    );
}

#[test]
fn what_a_request_claims_is_judged_before_its_signature() {
    let keys = keys(None);
    let mut headers = signed_headers(&SIGNER);
    for (name, value) in &mut headers {
        if name.eq_ignore_ascii_case("authorization") {
            value.pop();
        }
    }
    let headers: Vec<(&[u8], &[u8])> = headers
        .iter()
        .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
        .collect();
    let request = request("", &headers);
    let claimed = claim(&request, &keys, &WANTED, NOW_MS).unwrap();
    assert_eq!(claimed.key.name, "alice");
    assert!(claimed.presented.signs("host") && !claimed.presented.signs("x-own"));
    let proven = claimed.prove(&request, &Payload::Bytes(b""));
    assert!(matches!(proven, Err(Refusal::Mismatch { .. })));
    let late = claim(&request, &keys, &WANTED, NOW_MS + 3_600_000);
    assert!(matches!(late, Err(Refusal::Expired { .. })));
    let none = AccessKeys::new([]).unwrap();
    let unknown = claim(&request, &none, &WANTED, NOW_MS);
    assert!(matches!(unknown, Err(Refusal::UnknownKey)));
}

#[test]
fn who_names_the_hash_of_its_body_is_proven_before_it_comes() {
    let body = b"hello";
    let hash = crate::base::crypto::hex(&crate::base::crypto::sha256(body));
    let named: (&[u8], &[u8]) = (b"x-amz-content-sha256", hash.as_bytes());
    let short: (&[u8], &[u8]) = (b"x-amz-content-sha256", &hash.as_bytes()[1..]);
    let keys = keys(None);
    // What is named, with which secret it is signed, and whether that is proven.
    for (named, secret, expected) in [
        (Some(named), "secret", Some(true)),
        (Some(named), "other", Some(false)),
        (Some(short), "secret", None),
        (None, "secret", None),
    ] {
        let mut headers = vec![HOST];
        headers.extend(named);
        let signer = Signer { secret, ..SIGNER };
        let payload = Payload::Bytes(body);
        let added = signer.sign(&request("", &headers), Some(&payload), NOW_MS);
        let added = added.iter();
        headers.extend(added.map(|(name, value)| (name.as_bytes(), value.as_bytes())));
        let request = request("", &headers);
        let claimed = claim(&request, &keys, &WANTED, NOW_MS).unwrap();
        let proven = claimed.prove_named(&request);
        assert_eq!(proven.map(|proven| proven.is_ok()), expected, "{named:?}");
        // It is no proof of what comes.
        let other = claimed.clone().prove(&request, &Payload::Bytes(b"other"));
        assert!(other.is_err(), "{named:?}");
        let own = claimed.prove(&request, &payload);
        assert_eq!(own.is_ok(), secret == "secret", "{named:?}");
    }
}

//! For requests made at random: what we sign is accepted, and no byte of it may change.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use crate::aws::sigv4::{Payload, Request, Signer, Wanted, verify};
use crate::aws::{AccessKey, AccessKeys};

const NOW_MS: u64 = 1_440_938_160_000;
const ID: &str = "AKIDEXAMPLEEXAMPLE01";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

#[derive(Clone, Debug)]
struct Wire {
    method: String,
    path: Vec<u8>,
    query: Vec<u8>,
    headers: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
}

impl Wire {
    fn with<T>(&self, work: impl FnOnce(&Request<'_>) -> T) -> T {
        let headers: Vec<(&[u8], &[u8])> = self
            .headers
            .iter()
            .map(|(name, value)| (name.as_bytes(), value.as_slice()))
            .collect();
        work(&Request {
            method: &self.method,
            path: &self.path,
            query: &self.query,
            headers: &headers,
        })
    }

    fn is_accepted(&self) -> bool {
        let keys = AccessKeys::new([AccessKey {
            id: ID.to_owned(),
            secret: SECRET.to_owned(),
            session_token: None,
            expires_s: None,
            account: "111122223333".to_owned(),
            name: "x".to_owned(),
            policy: None,
        }])
        .unwrap();
        let wanted = Wanted {
            service: "execute-api",
            region: None,
        };
        self.with(|request| {
            verify(request, &Payload::Bytes(&self.body), &keys, &wanted, NOW_MS).is_ok()
        })
    }

    /// All bytes that a signature covers, those of the signature included.
    fn covered(&mut self) -> Vec<&mut u8> {
        let mut bytes: Vec<&mut u8> = Vec::new();
        bytes.extend(&mut self.path);
        bytes.extend(&mut self.query);
        bytes.extend(&mut self.body);
        for (_, value) in &mut self.headers {
            bytes.extend(value);
        }
        bytes
    }
}

/// Requests in every spelling whose single bytes all mean something: no dot segments, which may
/// swallow their neighbours.
fn wires() -> impl Strategy<Value = Wire> {
    let method = prop::sample::select(vec!["GET", "POST", "PATCH"]);
    let path = "(/{1,2}([a-zA-Z0-9_~:@!$&'()*,;=é|]|%[0-9A-F]{2}){1,5}){0,4}/?";
    let query = "([a-z%-]{1,3}(=[a-zA-Z0-9+/?%:é-]{0,6})?){0,1}(&[a-z]{1,3}=[a-z0-9%+]{0,3}){0,3}";
    let value = "[a-zA-Z0-9;,=\" \té/-]{0,12}";
    let headers = prop::collection::vec(("(X|x)-[a-zA-Z]{1,4}", value), 0..4);
    let body = prop::collection::vec(any::<u8>(), 0..64);
    (method, path, query, headers, body).prop_map(|(method, path, query, headers, body)| {
        let mut headers: Vec<(String, Vec<u8>)> = headers
            .into_iter()
            .map(|(name, value)| (name, value.into_bytes()))
            .collect();
        headers.push(("Host".to_owned(), b"a1.execute-api.local:8080".to_vec()));
        Wire {
            method: method.to_owned(),
            path: path.into_bytes(),
            query: query.into_bytes(),
            headers,
            body,
        }
    })
}

fn signed(wire: &Wire, presigned: bool) -> Wire {
    let signer = Signer {
        access_key_id: ID,
        secret: SECRET,
        session_token: None,
        region: "eu-west-1",
        service: "execute-api",
    };
    let payload = Payload::Bytes(&wire.body);
    let mut out = wire.clone();
    if presigned {
        out.query = wire
            .with(|request| signer.presign(request, &payload, 60, NOW_MS))
            .into_bytes();
    } else {
        let added = wire.with(|request| signer.sign(request, Some(&payload), NOW_MS));
        out.headers.extend(
            added
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.into_bytes())),
        );
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_we_sign_is_accepted_and_nothing_else(
        wire in wires(),
        presigned: bool,
        at: prop::sample::Index,
        with in 0_usize..36,
    ) {
        let wire = signed(&wire, presigned);
        prop_assert!(wire.is_accepted());

        let mut changed = wire.clone();
        {
            let mut bytes = changed.covered();
            let at = at.index(bytes.len());
            let byte: &mut u8 = bytes[at];
            // Another letter or digit, not only in case: hexadecimal digits are blind to it.
            let other = b"abcdefghijklmnopqrstuvwxyz0123456789";
            let with = other[with];
            *byte = if byte.eq_ignore_ascii_case(&with) { b'_' } else { with };
        }
        prop_assert!(!changed.is_accepted(), "{changed:?}");

        let mut method = wire.clone();
        method.method = "PUT".to_owned();
        prop_assert!(!method.is_accepted());
        let mut longer = wire.clone();
        longer.body.push(b' ');
        prop_assert!(!longer.is_accepted());
        let mut more = wire;
        more.query.extend_from_slice(b"&new");
        prop_assert!(!more.is_accepted());
    }

    #[test]
    fn nothing_that_is_sent_can_hurt(
        authorization in "(AWS4-HMAC-SHA256 )?.{0,80}",
        query in "(X-Amz-(Algorithm|Credential|Signature|Date|Expires|SignedHeaders)=.{0,9}&){0,6}",
        path in prop::collection::vec(any::<u8>(), 0..20),
        date in "[0-9TZ]{0,17}",
    ) {
        let wire = Wire {
            method: "GET".to_owned(),
            path,
            query: query.into_bytes(),
            headers: vec![
                ("authorization".to_owned(), authorization.into_bytes()),
                ("x-amz-date".to_owned(), date.into_bytes()),
            ],
            body: Vec::new(),
        };
        prop_assert!(!wire.is_accepted());
    }
}

//! Request heads: a part says what the whole says, what is taken is clean and framed once, and
//! what is sent on reads the same again.

use daemun::wire::h1::encode;
use daemun::wire::head::{Body, Name};
use daemun::wire::{Limits, Parsed, RequestError, RequestHead, Version};

use super::Target;
use super::head::{LIMITS, TOKENS, WIDE, cuts, framing, hold_fields, hold_lines};

pub const TARGET: Target = Target {
    name: "request_head",
    run,
    seeds: &[
        b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /a/b%20c?d=e HTTP/1.1\r\nHost: a.example:80\r\nAccept: */*\r\nX-A:\t b \t\r\n\r\nrest",
        b"\r\nPOST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello",
        b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: x\r\nTE: trailers\r\n\r\n0\r\n\r\n",
        b"GET http://a.example/b HTTP/1.1\r\nHost: b\r\nConnection: close, X-A\r\nX-A: 1\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n",
        b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        b"GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: a\n b\r\nY : c\r\n\r\n",
    ],
    tokens: TOKENS,
};

pub fn run(bytes: &[u8]) {
    for limits in &LIMITS {
        let mut head = RequestHead::default();
        let verdict = head.parse(bytes, limits);
        let mut ordinary = RequestHead::default();
        if ordinary.parse_ordinary(bytes, limits) {
            assert_eq!((verdict, &ordinary), (Ok(Parsed::Complete), &head));
        }
        for cut in cuts(bytes.len()) {
            hold_part(&bytes[..cut], limits, (verdict, &head));
        }
        match verdict {
            Ok(Parsed::Complete) => {
                hold_taken(bytes, limits, &head);
                hold_forwarded(bytes, &head);
            }
            Ok(Parsed::Partial) => assert!(bytes.len() < limits.head_bytes_max as usize),
            Err(error) => {
                assert!(matches!(error.status(), 400 | 414 | 417 | 431 | 501 | 505));
                assert!(!error.to_string().is_empty());
            }
        }
    }
}

fn hold_part(
    part: &[u8],
    limits: &Limits,
    (verdict, head): (Result<Parsed, RequestError>, &RequestHead),
) {
    let mut again = RequestHead::default();
    match again.parse(part, limits) {
        Ok(Parsed::Partial) => {
            let complete = verdict == Ok(Parsed::Complete) && part.len() >= head.length as usize;
            assert!(!complete, "complete, but not by itself");
        }
        Ok(Parsed::Complete) => {
            assert_eq!(verdict, Ok(Parsed::Complete));
            assert_eq!(&again, head);
        }
        Err(error) => assert_eq!(verdict, Err(error), "after {} bytes", part.len()),
    }
}

fn hold_taken(bytes: &[u8], limits: &Limits, head: &RequestHead) {
    assert!(head.length <= limits.head_bytes_max);
    assert!(head.target.len() <= limits.target_bytes_max as usize);
    assert!(head.fields.len() <= limits.fields_max.into());
    let taken = &bytes[..head.length as usize];
    hold_lines(taken);
    hold_fields(taken, &head.fields);
    let body = framing(taken, &head.fields, head.version).unwrap_or(Body::None);
    assert_eq!(head.body, body);
    let path = head.path.of(taken);
    assert!(path.starts_with(b"/") || path == b"*");
    assert!(path.iter().all(|byte| (0x21..0x7f).contains(byte)));
    assert!(!path.contains(&b'?') && !path.contains(&b'#'));
    let hosts = head.fields.iter().filter(|field| field.id == Name::Host);
    match (hosts.count(), head.version) {
        (0, Version::Http11) => panic!("HTTP/1.1 without Host"),
        (0 | 1, _) => {}
        (hosts, _) => panic!("{hosts} hosts"),
    }
    assert!(!head.expect_continue || !matches!(head.body, Body::None | Body::Length(0)));
}

/// Writes the head as the gateway sends it on and reads it as an upstream would.
fn hold_forwarded(bytes: &[u8], head: &RequestHead) {
    let (path, query) = (head.path.of(bytes), head.query.map(|query| query.of(bytes)));
    let host: &[u8] = if head.host.is_empty() {
        b"a"
    } else {
        head.host.of(bytes)
    };
    let mut out = Vec::new();
    encode::request_line(&mut out, head.method_token.of(bytes), path, query);
    encode::field(&mut out, b"host", host);
    encode::end_to_end_fields(&mut out, bytes, &head.fields, |field| {
        field.id == Name::Host
    });
    if head.body == Body::Chunked {
        encode::transfer_encoding_chunked(&mut out);
    }
    out.extend_from_slice(b"\r\n");
    let mut again = RequestHead::default();
    let verdict = again.parse(&out, &WIDE);
    assert_eq!(verdict, Ok(Parsed::Complete), "{}", out.escape_ascii());
    assert_eq!(again.length as usize, out.len());
    assert_eq!(again.method, head.method);
    assert_eq!(again.path.of(&out), path);
    assert_eq!(again.query.map(|query| query.of(&out)), query);
    assert_eq!(again.host.of(&out), host);
    assert_eq!(again.body, head.body);
    let chunked = usize::from(head.body == Body::Chunked);
    let hops = again.fields.iter().filter(|field| field.hop).count();
    assert_eq!(hops, chunked, "{}", out.escape_ascii());
}

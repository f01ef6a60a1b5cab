//! Response heads: a part says what the whole says, what is taken is clean and framed once, and
//! what the client gets reads the same again.

use daemun::wire::h1::encode;
use daemun::wire::head::Body;
use daemun::wire::{Limits, Parsed, ResponseError, ResponseHead};

use super::Target;
use super::head::{LIMITS, TOKENS, WIDE, cuts, framing, hold_fields, hold_lines};

pub const TARGET: Target = Target {
    name: "response_head",
    run,
    seeds: &[
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.0 404 Not Found\r\nConnection: keep-alive\r\n\r\nuntil close",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: x\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\nContent-Length: 7\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade, x-a\r\nUpgrade: a\r\nX-A: b\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 caf\xe9\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\n\r\n",
        b"HTTP/1.1 200 OK\nContent-Length: 1\n\n",
    ],
    tokens: TOKENS,
};

pub fn run(bytes: &[u8]) {
    for limits in &LIMITS {
        for request_was_head in [false, true] {
            let mut head = ResponseHead::default();
            let verdict = head.parse(bytes, request_was_head, limits);
            let mut ordinary = ResponseHead::default();
            if ordinary.parse_ordinary(bytes, request_was_head, limits) {
                assert_eq!((verdict, &ordinary), (Ok(Parsed::Complete), &head));
            }
            for cut in cuts(bytes.len()) {
                hold_part(&bytes[..cut], request_was_head, limits, (verdict, &head));
            }
            match verdict {
                Ok(Parsed::Complete) => {
                    hold_taken(bytes, request_was_head, limits, &head);
                    hold_forwarded(bytes, request_was_head, &head);
                }
                Ok(Parsed::Partial) => assert!(bytes.len() < limits.head_bytes_max as usize),
                Err(error) => assert!(!error.to_string().is_empty()),
            }
        }
    }
}

fn hold_part(
    part: &[u8],
    request_was_head: bool,
    limits: &Limits,
    (verdict, head): (Result<Parsed, ResponseError>, &ResponseHead),
) {
    let mut again = ResponseHead::default();
    match again.parse(part, request_was_head, limits) {
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

fn hold_taken(bytes: &[u8], request_was_head: bool, limits: &Limits, head: &ResponseHead) {
    assert!(head.length <= limits.head_bytes_max);
    assert!(head.fields.len() <= limits.fields_max.into());
    assert!((100..600).contains(&head.status));
    let taken = &bytes[..head.length as usize];
    hold_lines(taken);
    hold_fields(taken, &head.fields);
    let framed = framing(taken, &head.fields, head.version).unwrap_or(Body::UntilClose);
    let bodiless = request_was_head || matches!(head.status, 100..=199 | 204 | 304);
    assert_eq!(head.body, if bodiless { Body::None } else { framed });
    assert!(!head.keep_alive || head.body != Body::UntilClose);
    assert!(
        head.reason
            .of(taken)
            .iter()
            .all(|byte| *byte == b'\t' || *byte >= b' ')
    );
}

/// Writes the head as the gateway sends it on and reads it as a client would.
fn hold_forwarded(bytes: &[u8], request_was_head: bool, head: &ResponseHead) {
    let mut out = Vec::new();
    encode::status_line(&mut out, head.status, head.reason.of(bytes));
    encode::end_to_end_fields(&mut out, bytes, &head.fields, |_| false);
    if head.body == Body::Chunked {
        encode::transfer_encoding_chunked(&mut out);
    }
    out.extend_from_slice(b"\r\n");
    let mut again = ResponseHead::default();
    let verdict = again.parse(&out, request_was_head, &WIDE);
    assert_eq!(verdict, Ok(Parsed::Complete), "{}", out.escape_ascii());
    assert_eq!(again.length as usize, out.len());
    assert_eq!((again.status, again.body), (head.status, head.body));
    assert_eq!(again.reason.of(&out), head.reason.of(bytes));
    let chunked = usize::from(head.body == Body::Chunked);
    let hops = again.fields.iter().filter(|field| field.hop).count();
    assert_eq!(hops, chunked, "{}", out.escape_ascii());
}

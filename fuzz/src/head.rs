//! What must hold of any head that was taken, request or response.

use daemun::base::ascii;
use daemun::wire::head::{Body, Field, Name};
use daemun::wire::{Limits, Version};

/// Heads are read under these: the usual ones, and some that any input can reach.
pub const LIMITS: [Limits; 2] = [
    Limits {
        head_bytes_max: 16_384,
        target_bytes_max: 10_240,
        fields_max: 100,
        trailer_bytes_max: 8_192,
        chunk_line_bytes_max: 256,
    },
    Limits {
        head_bytes_max: 96,
        target_bytes_max: 24,
        fields_max: 3,
        trailer_bytes_max: 32,
        chunk_line_bytes_max: 12,
    },
];

/// Wide enough for all that a head taken under `LIMITS` becomes when it is written again.
pub const WIDE: Limits = Limits {
    head_bytes_max: 1 << 20,
    target_bytes_max: 1 << 20,
    fields_max: Limits::FIELDS_CEILING as u16,
    trailer_bytes_max: 8_192,
    chunk_line_bytes_max: 256,
};

/// Tokens of both kinds of heads.
pub const TOKENS: &[&[u8]] = &[
    b"\r\n",
    b"\r\n\r\n",
    b"\n",
    b"\r",
    b"\0",
    b": ",
    b" :",
    b"\t",
    b"HTTP/1.0",
    b"HTTP/1.1",
    b"HTTP/2.0",
    b"Host: a",
    b"Content-Length: 0",
    b"Content-Length: 5\r\n",
    b"content-length:+5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Transfer-Encoding: gzip, chunked\r\n",
    b"Connection: close\r\n",
    b"Connection: upgrade, x-a\r\n",
    b"Connection: content-length\r\n",
    b"X-A: b\r\n",
    b"Upgrade: websocket\r\n",
    b"Expect: 100-continue\r\n",
    b"http://a:1/b",
    b"%2e%2E/",
    b"/../",
    b"?q",
    b"#",
    b"\xc3\xa9",
];

/// Where to cut an input to see whether a part of it says the same as the whole.
pub fn cuts(length: usize) -> impl Iterator<Item = usize> {
    let step = (length / 64).max(1);
    (0..length).rev().step_by(step).chain([0, length])
}

/// The head's bytes hold lines that end in CRLF, an empty one last, and nothing that a reader
/// with other habits would take for a line end.
pub fn hold_lines(head: &[u8]) {
    assert!(head.ends_with(b"\r\n\r\n"));
    for (at, byte) in head.iter().enumerate() {
        match byte {
            b'\n' => assert_eq!(head[at - 1], b'\r', "bare line feed at {at}"),
            b'\r' => assert_eq!(head[at + 1], b'\n', "bare carriage return at {at}"),
            0 => panic!("NUL at {at}"),
            _ => {}
        }
    }
}

/// Fields lie in order within the head, are clean, known by their names, and hop-by-hop if
/// they or `Connection` say so. (`close` is no field: RFC 9110 section 18.4 reserves the name.)
pub fn hold_fields(head: &[u8], fields: &[Field]) {
    let nominated: Vec<Vec<u8>> = fields
        .iter()
        .filter(|field| field.id == Name::Connection)
        .flat_map(|field| field.value.of(head).split(|byte| *byte == b','))
        .map(|name| name.trim_ascii().to_ascii_lowercase())
        .filter(|name| name != b"close")
        .collect();
    let mut line = None;
    for field in fields {
        let (name, value) = (field.name.of(head), field.value.of(head));
        assert!(ascii::is_token(name), "{}", name.escape_ascii());
        assert!(ascii::is_field_value(value), "{}", value.escape_ascii());
        assert!(value == value.trim_ascii(), "{}", value.escape_ascii());
        assert!(
            line.is_none_or(|line| line == field.name.start),
            "a gap between lines"
        );
        assert!(field.name.end < field.value.start && field.value.end < field.end);
        assert_eq!(head[field.name.end as usize], b':');
        assert!(head[..field.end as usize].ends_with(b"\r\n"));
        line = Some(field.end);
        let lower = name.to_ascii_lowercase();
        assert_eq!(Name::of(name), field.id);
        assert!(field.id == Name::Other || field.id.text().as_bytes() == lower);
        let hop = field.id.is_hop() || nominated.contains(&lower);
        assert_eq!(field.hop, hop, "{}", name.escape_ascii());
    }
    if let Some(line) = line {
        assert_eq!(
            line as usize + 2,
            head.len(),
            "something behind the last field"
        );
    }
}

/// What the framing fields say, read again in the plainest way.
pub fn framing(head: &[u8], fields: &[Field], version: Version) -> Option<Body> {
    let values = |id| {
        let of = fields.iter().filter(move |field| field.id == id);
        of.map(|field| field.value.of(head)).collect::<Vec<_>>()
    };
    match (
        values(Name::ContentLength).as_slice(),
        values(Name::TransferEncoding).as_slice(),
    ) {
        ([], []) => None,
        ([length], []) => {
            assert!(length.iter().all(u8::is_ascii_digit));
            let length = std::str::from_utf8(length).map(str::parse);
            match length {
                Ok(Ok(length)) => Some(Body::Length(length)),
                other => panic!("{other:?} was taken for a length"),
            }
        }
        ([], [coding]) => {
            assert!(coding.eq_ignore_ascii_case(b"chunked") && version == Version::Http11);
            Some(Body::Chunked)
        }
        other => panic!("two framings were taken: {other:?}"),
    }
}

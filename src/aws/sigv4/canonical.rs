//! The canonical request: one text for all the ways to write the same request.

use crate::base::ascii::{self, percent_decode, trim};
use crate::base::crypto::{hex, sha256};

/// A request as it is on the wire.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    pub method: &'a str,
    /// Not decoded, not normalised.
    pub path: &'a [u8],
    /// Not decoded, without `?`.
    pub query: &'a [u8],
    /// In the order of the wire, names in any case. `Host` has to be among them.
    pub headers: &'a [(&'a [u8], &'a [u8])],
}

impl<'a> Request<'a> {
    /// The values of a header, in order. `name` is in lower case.
    pub(crate) fn values(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.headers
            .iter()
            .filter(move |(other, _)| other.eq_ignore_ascii_case(name.as_bytes()))
            .map(|&(_, value)| value)
    }

    pub(crate) fn value(&self, name: &str) -> Option<&'a [u8]> {
        self.values(name).next()
    }
}

/// What is known of the body.
#[derive(Clone, Copy, Debug)]
pub enum Payload<'a> {
    Bytes(&'a [u8]),
    /// The SHA-256 of a body that was read before.
    Sha256([u8; 32]),
}

impl Payload<'_> {
    pub(crate) fn hash(&self) -> String {
        match self {
            Self::Bytes(bytes) => hex(&sha256(bytes)),
            Self::Sha256(hash) => hex(hash),
        }
    }
}

/// Where a client says what it put for the payload's hash.
pub(crate) const CONTENT_HASH_HEADER: &str = "x-amz-content-sha256";
pub(crate) const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";
pub(crate) const SIGNATURE_PARAMETER: &str = "X-Amz-Signature";

/// "Each path segment must be URI-encoded twice (except for Amazon S3 which only gets URI-encoded
/// once)", and only S3's paths are not normalised.
pub(crate) fn is_s3(service: &str) -> bool {
    matches!(
        service,
        "s3" | "s3express" | "s3-outposts" | "s3-object-lambda"
    )
}

/// The canonical request. `signed` holds names in lower case, sorted, each once.
pub(crate) fn request(
    request: &Request<'_>,
    service: &str,
    signed: &[String],
    payload_hash: &str,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    out.extend_from_slice(request.method.as_bytes());
    out.push(b'\n');
    if is_s3(service) {
        path_once(&mut out, request.path);
    } else {
        path_twice(&mut out, request.path);
    }
    out.push(b'\n');
    query(&mut out, request.query, borders(service));
    out.push(b'\n');
    for name in signed {
        out.extend_from_slice(name.as_bytes());
        out.push(b':');
        for (index, value) in request.values(name).enumerate() {
            if index > 0 {
                out.push(b',');
            }
            header_value(&mut out, value);
        }
        out.push(b'\n');
    }
    out.push(b'\n');
    out.extend_from_slice(signed.join(";").as_bytes());
    out.push(b'\n');
    out.extend_from_slice(payload_hash.as_bytes());
    out
}

/// Dot segments and repeated slashes go (RFC 3986 section 5.2.4, and stricter), then what is on
/// the wire, encoded already, is encoded once more: `%2F` becomes `%252F`.
fn path_twice(out: &mut Vec<u8>, path: &[u8]) {
    let mut segments: Vec<&[u8]> = Vec::new();
    for segment in path.split(|&byte| byte == b'/') {
        match segment {
            b"" | b"." => {}
            b".." => {
                segments.pop();
            }
            _ => segments.push(segment),
        }
    }
    if path.is_empty() || path.starts_with(b"/") {
        out.push(b'/');
    }
    for (index, segment) in segments.iter().enumerate() {
        if index > 0 {
            out.push(b'/');
        }
        percent_encode(out, segment);
    }
    if path.ends_with(b"/") && !segments.is_empty() {
        out.push(b'/');
    }
}

/// The same bytes, encoded in the one canonical way.
fn path_once(out: &mut Vec<u8>, path: &[u8]) {
    if path.is_empty() {
        out.push(b'/');
    }
    for (index, segment) in path.split(|&byte| byte == b'/').enumerate() {
        if index > 0 {
            out.push(b'/');
        }
        let mut decoded = Vec::with_capacity(segment.len());
        percent_decode(&mut decoded, segment);
        percent_encode(out, &decoded);
    }
}

/// All pairs but the signature, decoded, encoded in the one canonical way, and sorted by name,
/// then value. A name without `=` has an empty value.
fn query(out: &mut Vec<u8>, query: &[u8], borders: &'static [u8]) {
    let mut pairs: Vec<(Vec<u8>, Vec<u8>)> = pairs(query, borders)
        .filter(|(name, _)| name != SIGNATURE_PARAMETER.as_bytes())
        .map(|(name, value)| (percent_encoded(&name), percent_encoded(&value)))
        .collect();
    pairs.sort_unstable();
    for (index, (name, value)) in pairs.iter().enumerate() {
        if index > 0 {
            out.push(b'&');
        }
        out.extend_from_slice(name);
        out.push(b'=');
        out.extend_from_slice(value);
    }
}

/// What stands between the pairs of a query. APIs read `;` so, and what is signed is what they read.
fn borders(service: &str) -> &'static [u8] {
    match service {
        "execute-api" => b"&;",
        _ => AMPERSAND,
    }
}

pub(crate) const AMPERSAND: &[u8] = b"&";

/// The pairs of a query, decoded. `+` is a space, as in forms.
pub(crate) fn pairs<'q>(
    query: &'q [u8],
    borders: &'static [u8],
) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> + use<'q> {
    let decode = |text: &[u8]| {
        let spaced: Vec<u8> = text
            .iter()
            .map(|&byte| if byte == b'+' { b' ' } else { byte })
            .collect();
        let mut out = Vec::with_capacity(spaced.len());
        percent_decode(&mut out, &spaced);
        out
    };
    query
        .split(move |byte| borders.contains(byte))
        .filter(|pair| !pair.is_empty())
        .map(
            move |pair| match pair.iter().position(|&byte| byte == b'=') {
                Some(at) => (decode(&pair[..at]), decode(&pair[at + 1..])),
                None => (decode(pair), Vec::new()),
            },
        )
}

/// "Remove leading and trailing spaces, convert sequential spaces to a single space."
fn header_value(out: &mut Vec<u8>, value: &[u8]) {
    let mut space = false;
    for &byte in trim(value) {
        let blank = byte == b' ' || byte == b'\t';
        if !blank {
            out.push(byte);
        } else if !space {
            out.push(b' ');
        }
        space = blank;
    }
}

fn percent_encoded(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    percent_encode(&mut out, text);
    out
}

/// "URI-encode every byte except the unreserved characters", with upper-case digits.
pub(crate) fn percent_encode(out: &mut Vec<u8>, text: &[u8]) {
    ascii::percent_encode(out, text, b"");
}

//! A request as signatures and policies see it.

use crate::aws::sigv4::{self, Presented};
use crate::base::ascii;
use crate::gateway::Published;
use crate::gateway::http::rest_of_path;
use crate::net::Exchange;
use crate::plan::Stage;
use crate::plan::host::API_ID;
use crate::wire::head::Name;

/// Names and values of all headers; the host is the one that the request is routed by.
pub type Fields<'a> = Vec<(&'a [u8], &'a [u8])>;

pub fn fields<'a>(exchange: &'a Exchange<'_>) -> Fields<'a> {
    let (head, bytes) = (exchange.head(), exchange.bytes());
    let host: (&[u8], &[u8]) = (b"host", head.host.of(bytes));
    let others = head.fields.iter().filter(|field| field.id != Name::Host);
    let others = others.map(|field| (field.name.of(bytes), field.value.of(bytes)));
    std::iter::once(host).chain(others).collect()
}

pub fn signed<'a>(exchange: &'a Exchange<'_>, fields: &'a Fields<'a>) -> sigv4::Request<'a> {
    let (head, bytes) = (exchange.head(), exchange.bytes());
    sigv4::Request {
        method: std::str::from_utf8(head.method_token.of(bytes)).unwrap_or_default(),
        path: head.path.of(bytes),
        query: head.query.map(|query| query.of(bytes)).unwrap_or_default(),
        headers: fields,
    }
}

/// Whether a signature is for this API. Host and path always are part of what is signed; the header
/// that names a private API has to be where it is what leads here.
pub fn is_for(live: &Published, api: &str, exchange: &Exchange<'_>, presented: &Presented) -> bool {
    let (head, bytes) = (exchange.head(), exchange.bytes());
    let field = |name: &str| head.header(bytes, name.to_ascii_lowercase().as_bytes());
    if field(API_ID).is_none() || presented.signs(API_ID) {
        return true;
    }
    let others = |name: &str| field(name).filter(|_| !name.eq_ignore_ascii_case(API_ID));
    let hosts = &live.plan.hosts;
    let hit = hosts.find(head.host.of(bytes), head.path.of(bytes), others);
    let stage = hit.and_then(|hit| live.plan.stages.get(hit.stage as usize));
    stage.is_some_and(|stage| *stage.api_id == *api)
}

/// What a policy is asked about, behind the stage of its ARN: `GET/pets/7`. `base` bytes of the path
/// lead to the stage.
pub fn resource(stage: &Stage, base: u32, exchange: &Exchange<'_>) -> String {
    let (head, bytes) = (exchange.head(), exchange.bytes());
    let mut verb = Vec::new();
    literal(&mut verb, head.method_token.of(bytes));
    let verb = String::from_utf8_lossy(&verb);
    let path = rest_of_path(head.path.of(bytes), base);
    format!("{verb}{}", routed(stage.router.trimmed(path)))
}

/// A path as the router understands it, so that no spelling of a path evades a policy: decoded, but
/// for slashes, which would be borders of segments otherwise, and for what policies take for more
/// than itself.
fn routed(path: &[u8]) -> String {
    let mut out = Vec::with_capacity(path.len());
    for (index, segment) in path.split(|&byte| byte == b'/').enumerate() {
        if index > 0 {
            out.push(b'/');
        }
        let mut decoded = Vec::with_capacity(segment.len());
        ascii::percent_decode(&mut decoded, segment);
        literal(&mut out, &decoded);
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Functions let callers in by ARNs that they were told, so nothing in one may be a wildcard or a
/// variable of policies that was in the request.
fn literal(out: &mut Vec<u8>, text: &[u8]) {
    for byte in text {
        match byte {
            b'/' => out.extend_from_slice(b"%2F"),
            b'*' => out.extend_from_slice(b"%2A"),
            b'?' => out.extend_from_slice(b"%3F"),
            b'$' => out.extend_from_slice(b"%24"),
            byte => out.push(*byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_read_as_the_router_reads_it() {
        for (path, expected) in [
            ("/", "/"),
            ("/secret", "/secret"),
            ("/s%65cret", "/secret"),
            ("/%73%65%63%72%65%74/x", "/secret/x"),
            // Decoded once, as there.
            ("/s%2565cret", "/s%65cret"),
            ("/a%2fb", "/a%2Fb"),
            // No wildcards, no variables.
            ("/me*/%2A/%3f", "/me%2A/%2A/%3F"),
            ("/${aws:username}/%24{*}", "/%24{aws:username}/%24{%2A}"),
            ("/a%zz%", "/a%zz%"),
            ("//a/", "//a/"),
        ] {
            assert_eq!(routed(path.as_bytes()), expected, "{path}");
        }
    }
}

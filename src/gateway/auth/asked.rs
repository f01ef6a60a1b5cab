//! A request as signatures and policies see it.

use crate::aws::sigv4;
use crate::base::ascii;
use crate::gateway::http::rest_of_path;
use crate::net::Exchange;
use crate::plan::Stage;

/// Names and values of all headers.
pub type Fields<'a> = Vec<(&'a [u8], &'a [u8])>;

pub fn fields<'a>(exchange: &'a Exchange<'_>) -> Fields<'a> {
    let (head, bytes) = (exchange.head(), exchange.bytes());
    let all = head.fields.iter();
    all.map(|field| (field.name.of(bytes), field.value.of(bytes)))
        .collect()
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

/// What a policy is asked about, behind the stage of its ARN: `GET/pets/7`. `base` bytes of the path
/// lead to the stage.
pub fn resource(stage: &Stage, base: u32, exchange: &Exchange<'_>) -> String {
    let (head, bytes) = (exchange.head(), exchange.bytes());
    let verb = String::from_utf8_lossy(head.method_token.of(bytes));
    let path = rest_of_path(head.path.of(bytes), base);
    format!("{verb}{}", routed(stage.router.trimmed(path)))
}

/// A path as the router understands it, so that no spelling of a path evades a policy: decoded, but
/// for slashes, which would be borders of segments otherwise.
fn routed(path: &[u8]) -> String {
    let mut out = Vec::with_capacity(path.len());
    for (index, segment) in path.split(|&byte| byte == b'/').enumerate() {
        if index > 0 {
            out.push(b'/');
        }
        let mut decoded = Vec::with_capacity(segment.len());
        ascii::percent_decode(&mut decoded, segment);
        for byte in decoded {
            match byte {
                b'/' => out.extend_from_slice(b"%2F"),
                byte => out.push(byte),
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
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
            ("/a%zz%", "/a%zz%"),
            ("//a/", "//a/"),
        ] {
            assert_eq!(routed(path.as_bytes()), expected, "{path}");
        }
    }
}

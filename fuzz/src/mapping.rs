//! Parameter mappings: what a user writes is understood or refused, what a client sends is found or
//! not.

use daemun::lang::mapping::{Document, Mapping, Place, Side, Source};
use serde_json::Value;

use super::Target;

// A target up to the first line feed, a value up to the second, and a body.
pub const TARGET: Target = Target {
    name: "mapping",
    run,
    seeds: &[
        b"append:header.x\n$request.header.X-Own\n",
        b"overwrite:path\n/a/${request.path.id}-${context.stage}${stageVariables.v}\n",
        b"remove:querystring.a b\n''\n",
        b"overwrite:statuscode\n$response.body.status\n{\"status\":403}",
        b"append:header.y\n$request.body.a['b.c'][0][*].d\n{\"a\":{\"b.c\":[[{\"d\":1},{\"d\":null}]]}}",
        b"overwrite:header.z\n${request.body.list[-1]}${request.body}\n{\"list\":[1,\"\\u0000\"]}",
    ],
    tokens: &[
        b"append:",
        b"overwrite:",
        b"remove:",
        b"header.",
        b"querystring.",
        b"statuscode",
        b"$request.body",
        b"${response.body",
        b"$context.requestId",
        b"$stageVariables.a",
        b"['",
        b"']",
        b"[0]",
        b"[*]",
        b"..",
        b"}",
        b"\n",
        b"{\"a\":",
        b"\xff",
    ],
};

pub fn run(bytes: &[u8]) {
    let mut parts = bytes.splitn(3, |byte| *byte == b'\n');
    let mut text = || String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    let (target, value) = (text(), text());
    let body = parts.next().unwrap_or_default();
    for side in [Side::Request, Side::Response] {
        match Mapping::parse(&target, &value, side) {
            Ok(mapping) => hold(&mapping, side, body),
            Err(message) => {
                let is_shown = message.len() > value.len() || message.len() > target.len();
                assert!(is_shown, "{message:?} of {target:?} {value:?}");
            }
        }
    }
}

fn hold(mapping: &Mapping, side: Side, body: &[u8]) {
    match (&mapping.target.place, side) {
        (Place::Header(name), _) => {
            let is_name =
                |byte: u8| byte.is_ascii_graphic() && !b"\"(),/:;<=>?@[\\]{}".contains(&byte);
            assert!(!name.is_empty() && name.bytes().all(is_name), "{name:?}");
            let lower = name.to_ascii_lowercase();
            assert!(!lower.starts_with("x-amzn-") && lower != "content-length");
        }
        (Place::Query(name), Side::Request) => assert!(!name.is_empty()),
        (Place::Path, Side::Request) | (Place::Status, Side::Response) => {}
        (place, side) => panic!("{place:?} on {side:?}"),
    }
    let document = Document::read(body);
    for source in mapping.value.sources() {
        let pick = match (source, side) {
            (Source::RequestBody(pick), Side::Request) => pick.as_ref(),
            (Source::ResponseBody(pick), Side::Response) => pick.as_ref(),
            (Source::RequestBody(_) | Source::ResponseBody(_), side) => {
                panic!("{source:?} on {side:?}")
            }
            _ => None,
        };
        let found = pick.and_then(|pick| document.find(pick));
        if found.is_some() {
            let is_json = serde_json::from_slice::<Value>(body).is_ok();
            assert!(is_json, "something was found in nothing");
        }
    }
    let settled = mapping.value.settled(|_| Some("v"));
    let is_left = |source: &Source| matches!(source, Source::StageVariable(_));
    assert!(!settled.sources().any(is_left));
}

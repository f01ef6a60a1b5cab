//! The router's meaning, written as plainly as it can be: try every route, rank what fits.
//!
//! The property tests and the fuzz target hold the tree against it.

use std::ops::Range;

use crate::base::Method;
use crate::plan::router::{Order, Params, Router, Rules, TrailingSlash};
use crate::plan::trie::{Part, Pattern};

/// The route that should serve, and where its parameters lie in the path.
pub fn find(
    routes: &[(Pattern<'_>, u32)],
    rules: Rules,
    method: Method,
    path: &[u8],
) -> Option<(u32, Vec<Range<usize>>)> {
    let mut best: Option<(Vec<u8>, u32, Vec<Range<usize>>)> = None;
    for (pattern, route) in routes {
        let Some((rank, spans)) = fit(pattern, rules, method, path) else {
            continue;
        };
        if best.as_ref().is_none_or(|(other, ..)| rank < *other) {
            best = Some((rank, *route, spans));
        }
    }
    best.map(|(_, route, spans)| (route, spans))
}

/// Panics with the whole story if the compiled router disagrees.
pub fn hold(router: &Router, routes: &[(Pattern<'_>, u32)], method: Method, path: &[u8]) {
    let expected = find(routes, router.rules(), method, path);
    let mut params = Params::default();
    let found = router.find(method, path, &mut params).map(|route| {
        let spans = (0..params.len() as u8).filter_map(|index| params.span(index));
        (route, spans.collect::<Vec<_>>())
    });
    let path = String::from_utf8_lossy(path);
    assert!(
        found == expected,
        "{method:?} {path}: found {found:?}, expected {expected:?} of {routes:?} by {:?}",
        router.rules()
    );
}

/// What ranks a fitting route: lower is better, compared number by number.
fn fit(
    pattern: &Pattern<'_>,
    rules: Rules,
    wanted: Method,
    path: &[u8],
) -> Option<(Vec<u8>, Vec<Range<usize>>)> {
    let Pattern::Path { method, parts } = pattern else {
        return Some((vec![9], Vec::new()));
    };
    if wanted == Method::Other || method.is_some_and(|method| method != wanted) {
        return None;
    }
    let ignored = rules.slash == TrailingSlash::Ignored;
    let path = match path {
        [head @ .., b'/'] if ignored && !head.is_empty() => head,
        _ => path,
    };
    let parts = match parts.as_slice() {
        [head @ .., Part::Literal("")] if ignored => head,
        parts => parts,
    };
    let segments = segments(path)?;
    let greedy = parts.last() == Some(&Part::Greedy);
    if segments.len() < parts.len() || (!greedy && segments.len() > parts.len()) {
        return None;
    }
    let late = u8::from(greedy && rules.order == Order::FullFirst);
    let (mut rank, mut spans) = (vec![late], Vec::new());
    for (part, segment) in parts.iter().zip(segments) {
        match part {
            Part::Literal(text) if decoded(&path[segment.clone()]) == decoded(text.as_bytes()) => {
                rank.push(0);
            }
            Part::Param if !segment.is_empty() => {
                rank.push(1);
                spans.push(segment);
            }
            Part::Greedy if segment.start < path.len() => {
                rank.push(2);
                spans.push(segment.start..path.len());
            }
            _ => return None,
        }
    }
    rank.push(u8::from(method.is_none()));
    Some((rank, spans))
}

fn segments(path: &[u8]) -> Option<Vec<Range<usize>>> {
    if path.is_empty() || path == b"/" {
        return Some(Vec::new());
    }
    if path[0] != b'/' || path.len() >= usize::from(u16::MAX) {
        return None;
    }
    let mut start = 1;
    let lengths = path[1..].split(|byte| *byte == b'/').map(<[u8]>::len);
    Some(
        lengths
            .map(|length| {
                let segment = start..start + length;
                start += length + 1;
                segment
            })
            .collect(),
    )
}

fn decoded(raw: &[u8]) -> Vec<u8> {
    let (mut text, mut at) = (Vec::new(), 0);
    while at < raw.len() {
        let pair = raw.get(at + 1..at + 3).filter(|_| raw[at] == b'%');
        let pair = pair.filter(|pair| pair.iter().all(u8::is_ascii_hexdigit));
        let pair = pair.and_then(|pair| std::str::from_utf8(pair).ok());
        match pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            Some(byte) => {
                text.push(byte);
                at += 3;
            }
            None => {
                text.push(raw[at]);
                at += 1;
            }
        }
    }
    text
}

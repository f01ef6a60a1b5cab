//! Targets from bytes through the request parser, and routers from bytes held against the naive
//! oracle on their paths.

use daemun::base::Method;
use daemun::plan::router::{Order, Router, Rules, TrailingSlash};
use daemun::plan::trie::{Part, Pattern, RouterError};
use daemun::wire::{Limits, Parsed, RequestError, RequestHead, target};

use super::{Target, oracle};

// The first byte chooses the rules; then come routes, each ended by 0xff; after a second 0xff in a
// row everything is one path.
pub const TARGET: Target = Target {
    name: "target_and_router",
    run,
    seeds: &[
        b"\0\x01d\x10\xff\x01d\xff\x01e\x64\xff\xff/a/b",
        b"\x03\0aa\x60\xff\0aa\xff\0a\x10\x10\xff\0\x62\xff\xff/a/a/c/d",
        b"\x01\x02hij\xff\x02\x10hij\xff\0\x10\x10\x10\x10\xff\xff//%61/%2F/%2561/?x=y",
        b"\x02\xff\x01\xff\xffhttp://a.example:80/b/../c",
        b"\0\0\x62\xff\xff/%2e%2e/%c3%a9/a;b",
    ],
    tokens: &[
        b"\xff\xff",
        b"/",
        b"//",
        b"/a/b/ab",
        b"%2F",
        b"%61",
        b"%25",
        b"%2e.",
        b"/..",
        b"?",
        b"#",
        b"pets/",
        b"a-longer-literal",
        b"http://",
    ],
};

const WORDS: [&str; 12] = [
    "a",
    "b",
    "ab",
    "%61",
    "%2F",
    "%25",
    "%2561",
    "%",
    "pets",
    "a-longer-literal",
    "é",
    "a%",
];
const METHODS: [Option<Method>; 4] = [
    None,
    Some(Method::Get),
    Some(Method::Post),
    Some(Method::Head),
];
const ROUTES_MAX: usize = 32;

pub fn run(data: &[u8]) {
    let Some((&first, rest)) = data.split_first() else {
        return;
    };
    let rules = Rules {
        slash: [TrailingSlash::Exact, TrailingSlash::Ignored][usize::from(first & 1)],
        order: [Order::FullFirst, Order::Tree][usize::from(first >> 1 & 1)],
    };
    let cut = rest.windows(2).position(|pair| pair == [0xff, 0xff]);
    let (described, path) = rest.split_at(cut.unwrap_or(rest.len()));
    let path = path.get(2..).unwrap_or_default();
    let mut routes: Vec<(Pattern<'_>, u32)> = described
        .split(|byte| *byte == 0xff)
        .take(ROUTES_MAX)
        .map(pattern)
        .zip(0..)
        .collect();
    if let Err(errors) = Router::build(&routes, rules) {
        routes.retain(|(_, index)| !errors.iter().any(|error| at(error) == *index));
    }
    let Ok(router) = Router::build(&routes, rules) else {
        panic!("refused again: {routes:?}");
    };
    let hold = |path: &[u8]| {
        for method in [Method::Get, Method::Post, Method::Head, Method::Other] {
            oracle::hold(&router, &routes, method, path);
        }
    };
    hold(path);
    hold(&[b"/", path].concat());
    if let Some(path) = path_of_target(path) {
        hold(&path);
    }
}

/// The path of a request for `target`, which `check_path` must judge as the parser does.
fn path_of_target(target: &[u8]) -> Option<Vec<u8>> {
    let bytes = [b"GET ", target, b" HTTP/1.1\r\nHost: a\r\n\r\n"].concat();
    let mut head = RequestHead::default();
    let verdict = head.parse(&bytes, &Limits::default());
    let is_word = target.iter().all(|byte| *byte > b' ' && *byte != 0x7f);
    let is_path = target.first() == Some(&b'/') && !target.iter().any(|byte| b"?#".contains(byte));
    let fits = target.len() <= Limits::default().target_bytes_max as usize;
    if is_word && is_path && fits {
        let alone = target::check_path(target);
        match (alone, verdict) {
            (Ok(()), Ok(Parsed::Complete)) => assert_eq!(head.path.of(&bytes), target),
            // httparse has its own opinion on bytes outside of ASCII; both refuse them.
            (Err(_), Err(RequestError::TargetBytes)) => {}
            (alone, verdict) => assert_eq!(alone.err(), verdict.err()),
        }
    }
    let path = head.path;
    (verdict == Ok(Parsed::Complete)).then(|| path.of(&bytes).to_vec())
}

fn pattern(bytes: &[u8]) -> Pattern<'static> {
    let Some((&first, rest)) = bytes.split_first() else {
        return Pattern::Default;
    };
    let parts = rest.iter().map(|byte| match byte {
        0..0x60 => Part::Param,
        0x60..0x68 => Part::Greedy,
        other => Part::Literal(WORDS[usize::from(*other) % WORDS.len()]),
    });
    Pattern::Path {
        method: METHODS[usize::from(first) % METHODS.len()],
        parts: parts.collect(),
    }
}

fn at(error: &RouterError) -> u32 {
    match error {
        RouterError::Clash { route, .. }
        | RouterError::TooDeep { route }
        | RouterError::TooManyParams { route }
        | RouterError::LiteralTooLong { route }
        | RouterError::GreedyNotLast { route }
        | RouterError::UnknownMethod { route } => *route,
    }
}

//! Routers built from bytes, held against the naive oracle on paths from bytes.

#![no_main]

use daemun::{base, plan};
use libfuzzer_sys::fuzz_target;

use base::Method;
use plan::router::{Order, Router, Rules, TrailingSlash};
use plan::trie::{Part, Pattern, RouterError};

#[path = "../../src/plan/oracle.rs"]
mod oracle;

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

// The first byte chooses the rules; then come routes, each ended by 0xff; after a second 0xff in a
// row everything is one path.
fuzz_target!(|data: &[u8]| {
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
    for method in [Method::Get, Method::Post, Method::Head, Method::Other] {
        oracle::hold(&router, &routes, method, path);
        let slashed = [b"/".as_slice(), path].concat();
        oracle::hold(&router, &routes, method, &slashed);
        let _ = router.explain(method, &slashed);
    }
});

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

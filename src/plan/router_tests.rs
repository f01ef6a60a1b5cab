//! The promises of the router: rankings by hand, against the naive oracle, against matchit.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::HashSet;

use proptest::prelude::*;

use crate::base::Method;
use crate::plan::oracle;
use crate::plan::router::{Order, Params, Router, Rules, TrailingSlash};
use crate::plan::trie::{Part, Pattern, RouterError};

const HTTP: Rules = Rules {
    slash: TrailingSlash::Exact,
    order: Order::FullFirst,
};
const REST: Rules = Rules {
    slash: TrailingSlash::Ignored,
    order: Order::Tree,
};

pub(in crate::plan) fn pattern(key: &str) -> Pattern<'_> {
    let Some((method, path)) = key.split_once(' ') else {
        return Pattern::Default;
    };
    let parts = path[1..].split('/').map(|segment| match segment {
        greedy if greedy.ends_with("+}") => Part::Greedy,
        param if param.starts_with('{') => Part::Param,
        literal => Part::Literal(literal),
    });
    Pattern::Path {
        method: (method != "ANY").then(|| Method::of(method.as_bytes())),
        parts: if path == "/" {
            Vec::new()
        } else {
            parts.collect()
        },
    }
}

pub(in crate::plan) fn numbered<'a>(keys: &[&'a str]) -> Vec<(Pattern<'a>, u32)> {
    let keys = keys.iter().enumerate();
    keys.map(|(index, key)| (pattern(key), index as u32))
        .collect()
}

/// `expected` is the route key and the parameters in order, or nothing for no match.
fn check(rules: Rules, keys: &[&str], request: &str, expected: Option<(&str, &[&str])>) {
    let routes = numbered(keys);
    let router = Router::build(&routes, rules).unwrap();
    let (method, path) = request.split_once(' ').unwrap();
    let method = Method::of(method.as_bytes());
    let mut params = Params::default();
    let found = router.find(method, path.as_bytes(), &mut params);
    let texts: Vec<&str> = (0..params.len() as u8)
        .map(|index| std::str::from_utf8(params.get(index, path.as_bytes())).unwrap())
        .collect();
    let found = found.map(|route| (keys[route as usize], texts.as_slice()));
    assert_eq!(found, expected, "{request} of {keys:?}");
    oracle::hold(&router, &routes, method, path.as_bytes());
}

#[test]
fn a_full_match_beats_a_greedy_one_and_default_is_last() {
    let keys = &[
        "$default",
        "ANY /{proxy+}",
        "GET /pets",
        "GET /pets/{id}",
        "GET /pets/dog",
        "ANY /pets/dog",
        "GET /pets/{rest+}",
        "POST /",
    ];
    let cases: &[(&str, &str, &[&str])] = &[
        ("GET /pets", "GET /pets", &[]),
        ("GET /pets/dog", "GET /pets/dog", &[]),
        ("POST /pets/dog", "ANY /pets/dog", &[]),
        ("GET /pets/7", "GET /pets/{id}", &["7"]),
        ("POST /pets/7", "ANY /{proxy+}", &["pets/7"]),
        ("GET /pets/7/8", "GET /pets/{rest+}", &["7/8"]),
        ("PUT /pets/7/8", "ANY /{proxy+}", &["pets/7/8"]),
        ("GET /pets/", "ANY /{proxy+}", &["pets/"]),
        ("GET /", "$default", &[]),
        ("POST /", "POST /", &[]),
        ("PROPFIND /pets", "$default", &[]),
        ("GET /x%2Fy/z", "ANY /{proxy+}", &["x%2Fy/z"]),
    ];
    for (request, key, params) in cases {
        check(HTTP, keys, request, Some((key, params)));
    }
}

#[test]
fn get_does_not_serve_head_and_any_covers_the_seven() {
    check(HTTP, &["GET /x"], "HEAD /x", None);
    for method in ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"] {
        check(
            HTTP,
            &["ANY /x"],
            &format!("{method} /x"),
            Some(("ANY /x", &[])),
        );
    }
    for method in ["TRACE", "CONNECT", "get", "PROPFIND"] {
        check(HTTP, &["ANY /x"], &format!("{method} /x"), None);
    }
}

#[test]
fn a_literal_branch_that_fails_gives_way_to_the_parameter() {
    let keys = &["GET /a/b/c", "GET /{x}/b/{y}", "POST /a/{z}/c", "PUT /a/b"];
    check(HTTP, keys, "GET /a/b/c", Some(("GET /a/b/c", &[])));
    check(
        HTTP,
        keys,
        "GET /a/b/d",
        Some(("GET /{x}/b/{y}", &["a", "d"])),
    );
    check(HTTP, keys, "POST /a/b/c", Some(("POST /a/{z}/c", &["b"])));
    check(HTTP, keys, "GET /a/b", None);
    check(HTTP, keys, "GET /a//c", None);
}

#[test]
fn the_orders_differ_when_a_greedy_route_has_more_literals() {
    let keys = &["GET /a/{rest+}", "GET /{x}/b"];
    check(HTTP, keys, "GET /a/b", Some(("GET /{x}/b", &["a"])));
    check(REST, keys, "GET /a/b", Some(("GET /a/{rest+}", &["b"])));
    check(HTTP, keys, "GET /a/b/c", Some(("GET /a/{rest+}", &["b/c"])));
}

#[test]
fn greedy_routes_take_something_and_the_most_specific_wins() {
    let keys = &["ANY /{all+}", "ANY /f/{rest+}", "GET /f/{x}/g/{rest+}"];
    check(HTTP, keys, "GET /f", Some(("ANY /{all+}", &["f"])));
    check(HTTP, keys, "GET /f/", Some(("ANY /{all+}", &["f/"])));
    check(HTTP, keys, "GET /f//", Some(("ANY /f/{rest+}", &["/"])));
    check(
        HTTP,
        keys,
        "GET /f/1/g/2/3",
        Some(("GET /f/{x}/g/{rest+}", &["1", "2/3"])),
    );
    check(
        HTTP,
        keys,
        "POST /f/1/g/2/3",
        Some(("ANY /f/{rest+}", &["1/g/2/3"])),
    );
    check(HTTP, keys, "GET /", None);
}

#[test]
fn a_trailing_slash_counts_for_http_apis_only() {
    let keys = &["GET /pets", "GET /proxy/{proxy+}", "GET /", "GET /x/{id}"];
    check(HTTP, keys, "GET /pets/", None);
    check(REST, keys, "GET /pets/", Some(("GET /pets", &[])));
    check(REST, keys, "GET /pets//", None);
    check(REST, keys, "GET /x/7/", Some(("GET /x/{id}", &["7"])));
    check(
        REST,
        keys,
        "GET /proxy/value//more/",
        Some(("GET /proxy/{proxy+}", &["value//more"])),
    );
    check(REST, keys, "GET /", Some(("GET /", &[])));
    let both = &["GET /pets", "GET /pets/"];
    check(HTTP, both, "GET /pets", Some(("GET /pets", &[])));
    check(HTTP, both, "GET /pets/", Some(("GET /pets/", &[])));
}

#[test]
fn literals_are_compared_decoded() {
    let keys = &["GET /pets", "GET /caf%C3%A9/{x}", "GET /100%25"];
    check(HTTP, keys, "GET /p%65ts", Some(("GET /pets", &[])));
    check(
        HTTP,
        keys,
        "GET /caf%c3%a9/a%2Fb",
        Some(("GET /caf%C3%A9/{x}", &["a%2Fb"])),
    );
    check(HTTP, keys, "GET /100%25", Some(("GET /100%25", &[])));
    check(HTTP, keys, "GET /100%2525", None);
    check(HTTP, keys, "GET /pets%2F", None);
    check(HTTP, &["GET /%2541"], "GET /%41", None);
    check(
        HTTP,
        &["GET /%2541"],
        "GET /%2541",
        Some(("GET /%2541", &[])),
    );
}

#[test]
fn a_path_that_is_no_path_reaches_default_only() {
    for request in ["OPTIONS *", "GET x", "GET x/pets"] {
        check(HTTP, &["ANY /{all+}"], request, None);
        check(
            HTTP,
            &["ANY /{all+}", "$default"],
            request,
            Some(("$default", &[])),
        );
    }
    let long = format!("GET /{}", "x".repeat(70_000));
    check(HTTP, &["ANY /{all+}"], &long, None);
    check(HTTP, &["GET /"], "GET ", Some(("GET /", &[])));
}

#[test]
fn a_path_that_fits_every_way_at_every_depth_is_still_cheap() {
    let words = ["a", "{x}"];
    let mut keys = Vec::new();
    for bits in 0..1_u32 << 12 {
        let parts = (0..12).map(|bit| words[(bits >> bit & 1) as usize]);
        keys.push(format!("GET /{}", parts.collect::<Vec<_>>().join("/")));
    }
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let router = Router::build(&numbered(&keys), HTTP).unwrap();
    let path = "/a".repeat(13);
    let started = std::time::Instant::now();
    for _ in 0..100 {
        let found = router.find(Method::Get, path.as_bytes(), &mut Params::default());
        assert_eq!(found, None);
    }
    assert!(started.elapsed() < std::time::Duration::from_secs(5));
}

#[test]
fn all_faults_of_a_set_of_routes_are_told() {
    let deep = format!("GET {}", "/a".repeat(65));
    let wide = format!("GET {}", "/{x}".repeat(17));
    let long = format!("GET /{}", "a".repeat(256));
    let keys = [
        "GET /a/{x}",
        "GET /a/{y}",
        "$default",
        "$default",
        &deep,
        &wide,
        &long,
        "GET /{x+}/a",
        "BREW /a",
        "GET /%61/{z}",
        "ANY /a/{x}",
    ];
    assert_eq!(
        Router::build(&numbered(&keys), HTTP).unwrap_err(),
        [
            RouterError::Clash { first: 0, route: 1 },
            RouterError::Clash { first: 2, route: 3 },
            RouterError::TooDeep { route: 4 },
            RouterError::TooManyParams { route: 5 },
            RouterError::LiteralTooLong { route: 6 },
            RouterError::GreedyNotLast { route: 7 },
            RouterError::UnknownMethod { route: 8 },
            RouterError::Clash { first: 0, route: 9 },
        ]
    );
}

fn part() -> impl Strategy<Value = Part<'static>> {
    prop_oneof![
        6 => prop::sample::select(vec!["a", "b", "%61", "a%2Fb", "%2561", "%", "pets-and-more"])
            .prop_map(Part::Literal),
        3 => Just(Part::Param),
    ]
}

pub(in crate::plan) fn route() -> impl Strategy<Value = Pattern<'static>> {
    let method = prop::sample::select(vec![
        None,
        None,
        Some(Method::Get),
        Some(Method::Get),
        Some(Method::Post),
    ]);
    let last = prop_oneof![
        5 => Just(None),
        2 => Just(Some(Part::Greedy)),
        1 => Just(Some(Part::Literal(""))),
    ];
    let path = (method, prop::collection::vec(part(), 0..5), last).prop_map(
        |(method, mut parts, last)| {
            if !parts.is_empty() || last == Some(Part::Greedy) {
                parts.extend(last);
            }
            Pattern::Path { method, parts }
        },
    );
    prop_oneof![12 => path, 1 => Just(Pattern::Default)]
}

pub(in crate::plan) fn request_path() -> impl Strategy<Value = String> {
    let words = vec!["a", "b", "%61", "a%2Fb", "%2561", "%25", "c", "", "%41"];
    prop::collection::vec(prop::sample::select(words), 0..6)
        .prop_map(|words| format!("/{}", words.join("/")))
}

/// Drops the routes that the router would refuse as clashing.
pub(in crate::plan) fn without_clashes<'a>(
    patterns: Vec<Pattern<'a>>,
    rules: Rules,
) -> (Router, Vec<(Pattern<'a>, u32)>) {
    let mut routes: Vec<_> = patterns.into_iter().zip(0..).collect();
    if let Err(errors) = Router::build(&routes, rules) {
        let clashing: HashSet<u32> = errors
            .iter()
            .map(|error| match error {
                RouterError::Clash { route, .. } => *route,
                other => panic!("{other}"),
            })
            .collect();
        routes.retain(|(_, route)| !clashing.contains(route));
    }
    (
        Router::build(&routes, rules).expect("no clash is left"),
        routes,
    )
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 512,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_tree_and_the_oracle_agree(
        patterns in prop::collection::vec(route(), 0..24),
        paths in prop::collection::vec(request_path(), 1..12),
        ignored in any::<bool>(),
        tree in any::<bool>(),
    ) {
        let rules = Rules {
            slash: if ignored { TrailingSlash::Ignored } else { TrailingSlash::Exact },
            order: if tree { Order::Tree } else { Order::FullFirst },
        };
        let (router, routes) = without_clashes(patterns, rules);
        for path in &paths {
            for method in [Method::Get, Method::Post, Method::Head, Method::Other] {
                oracle::hold(&router, &routes, method, path.as_bytes());
            }
        }
    }

    #[test]
    fn the_tree_and_matchit_agree_where_matchit_can_hold_the_routes(
        shapes in prop::collection::vec(
            prop::collection::vec(prop::sample::select(vec!["a", "b", "cc", "{p}"]), 1..5), 1..24),
        paths in prop::collection::vec(
            prop::collection::vec(prop::sample::select(vec!["a", "b", "cc", "d"]), 1..5), 1..24),
    ) {
        let mut rival = matchit::Router::new();
        let mut keys = Vec::new();
        for shape in &shapes {
            let path = format!("/{}", shape.join("/"));
            let mut count = 0;
            let named = path.split("{p}").collect::<Vec<_>>();
            let named = named.iter().enumerate().fold(String::new(), |text, (index, piece)| {
                count += 1;
                if index == 0 { (*piece).to_owned() } else { format!("{text}{{p{count}}}{piece}") }
            });
            if rival.insert(named, keys.len() as u32).is_ok() {
                keys.push(format!("GET {path}"));
            }
        }
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let router = Router::build(&numbered(&keys), HTTP).expect("matchit took them");
        for path in &paths {
            let path = format!("/{}", path.join("/"));
            let mut params = Params::default();
            let found = router.find(Method::Get, path.as_bytes(), &mut params);
            let expected = rival.at(&path).ok();
            prop_assert_eq!(found, expected.as_ref().map(|hit| *hit.value));
            if let Some(hit) = expected {
                let values: Vec<&str> = hit.params.iter().map(|(_, value)| value).collect();
                let ours: Vec<&[u8]> = (0..params.len() as u8)
                    .map(|index| params.get(index, path.as_bytes()))
                    .collect();
                prop_assert_eq!(ours, values.iter().map(|v| v.as_bytes()).collect::<Vec<_>>());
            }
        }
    }
}

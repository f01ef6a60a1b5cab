//! The router beside matchit: one route, 10,000 literal ones, 10,000 with two parameters, misses.
//!
//! Each turn asks for another of many paths, so that neither router lives on a warm cache line.

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use daemun::base::Method;
use daemun::plan::router::Rules;
use daemun::plan::trie::{Part, Pattern};
use daemun::plan::{Params, Router};

/// Routes as texts like `/svc7/users/{u}`, and the paths to ask for.
struct Case {
    name: &'static str,
    routes: Vec<String>,
    paths: Vec<String>,
    /// Whether the paths have a route.
    hits: bool,
}

const ROUTES: usize = 10_000;
/// A power of two.
const PATHS: usize = 4_096;

fn cases() -> Vec<Case> {
    let literal: Vec<_> = (0..ROUTES).map(|n| format!("/svc{n}/items")).collect();
    let params: Vec<_> = (0..ROUTES)
        .map(|n| format!("/svc{n}/users/{{u}}/orders/{{o}}"))
        .collect();
    vec![
        Case {
            name: "1 route",
            routes: vec!["/pets/{id}".to_owned()],
            paths: paths(|n| format!("/pets/{n}")),
            hits: true,
        },
        Case {
            name: "10,000 literal routes",
            routes: literal.clone(),
            paths: paths(|n| format!("/svc{}/items", n % ROUTES)),
            hits: true,
        },
        Case {
            name: "10,000 parameter routes",
            routes: params.clone(),
            paths: paths(|n| format!("/svc{}/users/u{}/orders/{n}", n % ROUTES, n % 9_973)),
            hits: true,
        },
        Case {
            name: "10,000 literal routes, miss",
            routes: literal,
            paths: paths(|n| format!("/svc{}/item", n % ROUTES)),
            hits: false,
        },
        Case {
            name: "10,000 parameter routes, miss",
            routes: params,
            paths: paths(|n| format!("/svc{}/users/u{n}/order/{n}", n % ROUTES)),
            hits: false,
        },
    ]
}

/// Paths in an order that looks random and is always the same.
fn paths(path: impl Fn(usize) -> String) -> Vec<String> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 16) as usize
    };
    (0..PATHS).map(|_| path(next())).collect()
}

fn pattern(route: &str) -> Pattern<'_> {
    let parts = route[1..].split('/').map(|segment| match segment {
        param if param.starts_with('{') => Part::Param,
        literal => Part::Literal(literal),
    });
    Pattern::Path {
        method: Some(Method::Get),
        parts: parts.collect(),
    }
}

fn ours(routes: &[String]) -> Option<Router> {
    let routes: Vec<_> = routes.iter().map(|route| pattern(route)).zip(0..).collect();
    Router::build(&routes, Rules::default()).ok()
}

fn rival(routes: &[String]) -> Option<matchit::Router<u32>> {
    let mut router = matchit::Router::new();
    for (route, index) in routes.iter().zip(0..) {
        router.insert(route, index).ok()?;
    }
    Some(router)
}

fn finding(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("find a route");
    for case in cases() {
        let (Some(router), Some(rival)) = (ours(&case.routes), rival(&case.routes)) else {
            unreachable!("routes clash: {}", case.name);
        };
        let mut params = Params::default();
        for path in &case.paths {
            let found = router.find(Method::Get, path.as_bytes(), &mut params);
            let expected = rival.at(path).ok().map(|hit| *hit.value);
            assert_eq!((found, found.is_some()), (expected, case.hits), "{path}");
        }
        let mut turn = 0;
        group.bench_function(format!("{}/daemun", case.name), |bencher| {
            bencher.iter(|| {
                turn = (turn + 1) % PATHS;
                let path = black_box(case.paths[turn].as_bytes());
                router.find(Method::Get, path, &mut params)
            });
        });
        group.bench_function(format!("{}/matchit", case.name), |bencher| {
            bencher.iter(|| {
                turn = (turn + 1) % PATHS;
                let path = black_box(case.paths[turn].as_str());
                rival
                    .at(path)
                    .ok()
                    .map(|hit| (*hit.value, hit.params.len()))
            });
        });
    }
    group.finish();
}

/// What a reload costs.
fn building(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("build a router");
    group.sample_size(10);
    for case in cases()
        .into_iter()
        .filter(|case| case.hits && case.routes.len() > 1)
    {
        group.bench_function(format!("{}/daemun", case.name), |bencher| {
            bencher.iter(|| ours(black_box(&case.routes)));
        });
        group.bench_function(format!("{}/matchit", case.name), |bencher| {
            bencher.iter(|| rival(black_box(&case.routes)));
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(600));
    targets = finding, building
}
criterion_main!(benches);

//! Routers that were changed, beside the oracle and beside routers that are made anew.

#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use proptest::sample::Index;

use crate::base::Method;
use crate::plan::graft::{Change, GONE};
use crate::plan::oracle;
use crate::plan::router::{Order, Router, Rules, TrailingSlash};
use crate::plan::router_tests::{numbered, pattern, request_path, route, without_clashes};
use crate::plan::trie::Pattern;

/// A list of routes and the one before: each with its index of before, if it has one.
type Next<'p> = Vec<(Option<usize>, Pattern<'p>)>;

fn changed<'p>(router: &Router, before: &[Pattern<'p>], next: &Next<'p>) -> Option<Router> {
    let mut moved = vec![GONE; before.len()];
    for (now, (old, _)) in (0..).zip(next) {
        if let Some(old) = old {
            moved[*old] = now;
        }
    }
    let gone = moved.iter().zip(before).filter(|(now, _)| **now == GONE);
    let gone: Vec<Pattern<'p>> = gone.map(|(_, pattern)| pattern.clone()).collect();
    let added = next.iter().zip(0..).filter(|((old, _), _)| old.is_none());
    let added: Vec<_> = added
        .map(|((_, pattern), now)| (pattern.clone(), now))
        .collect();
    let takes_any = |now: u32| {
        let (_, pattern) = &next[now as usize];
        matches!(pattern, Pattern::Path { method: None, .. })
    };
    router.changed(&Change {
        moved: &moved,
        gone: &gone,
        added: &added,
        takes_any,
    })
}

fn plain<'p>(patterns: impl IntoIterator<Item = Pattern<'p>>) -> Vec<(Pattern<'p>, u32)> {
    patterns.into_iter().zip(0..).collect()
}

/// Whether the router can be changed so; then it is held against the oracle.
fn check(rules: Rules, before: &[&str], gone: &[&str], added: &[&str], requests: &[&str]) -> bool {
    // Some more, so that the change is a small one.
    let fill: Vec<String> = (0..64).map(|n| format!("GET /fill{n}/x/y")).collect();
    let keys: Vec<&str> = before
        .iter()
        .copied()
        .chain(fill.iter().map(String::as_str))
        .collect();
    let patterns: Vec<Pattern<'_>> = keys.iter().map(|key| pattern(key)).collect();
    let router = Router::build(&numbered(&keys), rules).unwrap();
    let kept = keys.iter().zip(&patterns).enumerate();
    let kept = kept.filter(|(_, (key, _))| !gone.contains(key));
    let kept = kept.map(|(at, (_, pattern))| (Some(at), pattern.clone()));
    let next: Next<'_> = added
        .iter()
        .map(|key| (None, pattern(key)))
        .chain(kept)
        .collect();
    let Some(changed) = changed(&router, &patterns, &next) else {
        return false;
    };
    let routes = plain(next.into_iter().map(|(_, pattern)| pattern));
    for request in requests.iter().chain(&["GET /fill7/x/y", "GET /fill7/x"]) {
        let (method, path) = request.split_once(' ').unwrap();
        oracle::hold(
            &changed,
            &routes,
            Method::of(method.as_bytes()),
            path.as_bytes(),
        );
    }
    true
}

#[test]
fn small_changes_are_worked_in_and_doubtful_ones_are_not() {
    let rules = Rules::default();
    let requests = [
        "GET /a",
        "POST /a",
        "GET /a/b",
        "GET /a/b/c",
        "GET /a/%62",
        "GET /z",
        "PUT /",
    ];
    let works = |before: &[&str], gone: &[&str], added: &[&str]| {
        check(rules, before, gone, added, &requests)
    };
    assert!(works(&[], &[], &["GET /a", "POST /a", "GET /a/{id}"]));
    assert!(works(&["GET /a"], &["GET /a"], &[]));
    assert!(works(&["GET /a"], &["GET /a"], &["GET /a/b"]));
    assert!(works(&["GET /a/{x}"], &["GET /a/{x}"], &["GET /a/{y}"]));
    assert!(works(&["ANY /a", "GET /a"], &["GET /a"], &[]));
    assert!(works(&["ANY /a", "GET /a"], &["ANY /a"], &[]));
    assert!(works(
        &["ANY /a", "GET /a"],
        &["ANY /a", "GET /a"],
        &["POST /a"]
    ));
    assert!(works(&["GET /a"], &[], &["ANY /a"]));
    assert!(works(&["ANY /a"], &[], &["GET /a"]));
    assert!(works(
        &["GET /a/{rest+}"],
        &["GET /a/{rest+}"],
        &["ANY /{rest+}"]
    ));
    assert!(works(&["$default"], &["$default"], &[]));
    assert!(works(&["$default"], &["$default"], &["$default"]));
    assert!(works(&["GET /a/b"], &[], &["GET /a/c%25", "GET /a/d"]));
    // Clashes.
    assert!(!works(&["GET /a"], &[], &["GET /a"]));
    assert!(!works(&["GET /a/{x}"], &[], &["GET /a/{y}"]));
    assert!(!works(&["ANY /a"], &[], &["ANY /a"]));
    assert!(!works(&["$default"], &[], &["$default"]));
    assert!(!works(&[], &[], &["GET /a/{x+}/b"]));
    let long = format!("GET /{}", "x".repeat(256));
    assert!(!works(&[], &[], &[&long]));
    let deep = format!("GET {}", "/x".repeat(65));
    assert!(!works(&[], &[], &[&deep]));
    let many = format!("GET {}", "/{x}".repeat(17));
    assert!(!works(&[], &[], &[&many]));
    // `ANY` may be hidden behind seven methods.
    let all = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];
    let mut all: Vec<String> = all.iter().map(|method| format!("{method} /a")).collect();
    all.push("ANY /a".to_owned());
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    assert!(!works(&all, &["GET /a"], &[]));
    assert!(!works(&all[..7], &[], &["ANY /a"]));
    assert!(works(&all, &["ANY /a"], &[]));
    // More than a small change.
    let more: Vec<String> = (0..20).map(|n| format!("GET /more{n}")).collect();
    let more: Vec<&str> = more.iter().map(String::as_str).collect();
    assert!(!works(&[], &[], &more));
}

#[test]
fn many_literals_find_room_until_it_is_better_to_begin_anew() {
    let keys: Vec<String> = (0..2_500).map(|n| format!("GET /k{n}")).collect();
    let patterns: Vec<Pattern<'_>> = keys.iter().map(|key| pattern(key)).collect();
    // A few less than make the table of literals grow.
    let mut count = 2_040;
    let first = plain(patterns[..count].to_vec());
    let mut router = Router::build(&first, Rules::default()).unwrap();
    loop {
        let kept = patterns[..count].iter().cloned();
        let mut next: Next<'_> = (0..).map(Some).zip(kept).collect();
        next.push((None, patterns[count].clone()));
        let Some(changed) = changed(&router, &patterns[..count], &next) else {
            break;
        };
        router = changed;
        count += 1;
    }
    assert!((2_100..2_400).contains(&count), "{count}");
    let routes = plain(patterns[..count].to_vec());
    for key in keys.iter().step_by(50) {
        oracle::hold(&router, &routes, Method::Get, &key.as_bytes()[4..]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 512,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_changed_router_and_the_oracle_agree(
        first in prop::collection::vec(route(), 16..80),
        changes in prop::collection::vec((
            prop::collection::vec(any::<Index>(), 0..3),
            prop::collection::vec((route(), any::<Index>()), 0..3),
        ), 1..5),
        paths in prop::collection::vec(request_path(), 1..12),
        ignored in any::<bool>(),
        tree in any::<bool>(),
    ) {
        let rules = Rules {
            slash: if ignored { TrailingSlash::Ignored } else { TrailingSlash::Exact },
            order: if tree { Order::Tree } else { Order::FullFirst },
        };
        let (_, routes) = without_clashes(first, rules);
        let mut patterns: Vec<Pattern<'_>> = routes.into_iter().map(|(one, _)| one).collect();
        let mut router = Router::build(&plain(patterns.clone()), rules).unwrap();
        for (gone, added) in changes {
            let mut next: Next<'_> = (0..).map(Some).zip(patterns.iter().cloned()).collect();
            for at in gone {
                if !next.is_empty() {
                    next.remove(at.index(next.len()));
                }
            }
            for (pattern, at) in added {
                let at = at.index(next.len() + 1);
                next.insert(at, (None, pattern));
            }
            let changed = changed(&router, &patterns, &next);
            let now = plain(next.into_iter().map(|(_, pattern)| pattern));
            match Router::build(&now, rules) {
                Ok(fresh) => router = changed.unwrap_or(fresh),
                Err(_) => {
                    prop_assert!(changed.is_none());
                    break;
                }
            }
            for path in &paths {
                for method in [Method::Get, Method::Post, Method::Head, Method::Other] {
                    oracle::hold(&router, &now, method, path.as_bytes());
                }
            }
            patterns = now.into_iter().map(|(pattern, _)| pattern).collect();
        }
    }
}

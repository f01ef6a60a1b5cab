//! What an explanation says, and that it agrees with the router.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::Arc;

use proptest::collection::btree_set;
use proptest::prelude::*;
use proptest::sample::select;

use crate::base::Method;
use crate::plan::explain::{Outcome, explain};
use crate::plan::host::HostEntry;
use crate::plan::router::Rules;
use crate::plan::stage::StageKind;
use crate::plan::target::GroupTarget;
use crate::plan::trie::{Part, Pattern};
use crate::plan::{
    Group, HostTable, HttpTarget, Limit, LimitId, MockTarget, Piece, Plan, Route, RouteId, Router,
    Stage, Target,
};

fn pattern(key: &str) -> Pattern<'_> {
    let Some((method, path)) = key.split_once(" /") else {
        return Pattern::Default;
    };
    let part = |text| match text {
        "{id}" | "{name}" => Part::Param,
        "{rest+}" => Part::Greedy,
        text => Part::Literal(text),
    };
    let parts = path.split('/').map(part);
    Pattern::Path {
        method: (method != "ANY").then(|| Method::of(method.as_bytes())),
        parts: if path.is_empty() {
            vec![]
        } else {
            parts.collect()
        },
    }
}

fn mock() -> Target {
    Target::Mock(MockTarget {
        status: 200,
        headers: Box::default(),
        body: b"hello"[..].into(),
    })
}

fn stage(api: &str, name: &str, routes: Vec<(&str, Target)>) -> Arc<Stage> {
    let patterns = routes.iter().map(|(key, _)| pattern(key)).zip(0..);
    let router = Router::build(&patterns.collect::<Vec<_>>(), Rules::default()).unwrap();
    let route = |((key, target), id): ((&str, Target), u32)| {
        let names = key.split('/').filter_map(|part| part.strip_prefix('{'));
        let names = names.map(|name| name.trim_end_matches(['+', '}']));
        Route {
            id: RouteId(id),
            key: key.into(),
            param_names: names.map(Into::into).collect(),
            limit: None,
            body_bytes_max: u64::MAX,
            guard: None,
            target,
            rest: None,
        }
    };
    Arc::new(Stage {
        api_id: api.into(),
        name: name.into(),
        account_id: "".into(),
        region: "".into(),
        kind: StageKind::File,
        router,
        routes: routes.into_iter().zip(0..).map(route).collect(),
        limit: (name == "beta").then_some(LimitId(1)),
        cors: None,
        access_log: None,
        logs_endpoint_ids: false,
        rest: None,
    })
}

/// `pets` at `*.example.com/v1` with the stages `$default` and `beta`; `named` at `only.example`
/// with the stage `prod` alone.
fn plan() -> Plan {
    let target = |host: &str, port, weight| GroupTarget {
        host: host.into(),
        port,
        weight,
    };
    let group = Arc::new(Group {
        name: "pets".into(),
        targets: vec![target("10.0.0.1", 9000, 1), target("::1", 9001, 2)],
        ..Group::default()
    });
    let proxy = Target::Http(HttpTarget {
        method: None,
        group: Arc::clone(&group),
        host: Arc::default(),
        path: [Piece::Literal(b"/animals/"[..].into()), Piece::Param(0)][..].into(),
        query: [Piece::Literal(b"v=1"[..].into())][..].into(),
        timeout_ms: 30_000,
    });
    let routes = vec![
        ("ANY /{rest+}", mock()),
        ("$default", mock()),
        ("ANY /pets/{id}", mock()),
        ("GET /pets/{id}", proxy),
        ("GET /{name}/{id}", mock()),
        ("GET /pets/{rest+}", mock()),
        ("POST /pets/{id}", mock()),
    ];
    let entry = |host, base_path, stages| HostEntry {
        is_rest: false,
        private_id: None,
        host: Some(host),
        base_path,
        stages,
    };
    let limit = |scope: &str, rate| {
        Some(Limit {
            scope: scope.into(),
            rate,
            burst: 5,
        })
    };
    Plan {
        version: 1,
        hosts: HostTable::build(&[
            entry("*.example.com", "/v1", &[("$default", 0), ("beta", 1)]),
            entry("only.example", "/", &[("prod", 2)]),
        ])
        .unwrap()
        .into(),
        stages: vec![
            stage("pets", "$default", routes),
            stage(
                "pets",
                "beta",
                vec![("POST /pets", mock()), ("GET /a/{id}", mock())],
            ),
            stage("named", "prod", vec![]),
        ],
        groups: vec![Some(group)],
        limits: vec![limit("account", 100.0), limit("pets/beta", 2.5)],
        account_limit: Some(LimitId(0)),
        route_ids: 7,
    }
}

#[track_caller]
fn check(method: &str, host: &str, target: &str, expected: &str) {
    let found = explain(&plan(), method, host, target).to_string();
    assert_eq!(found.trim_end(), expected.trim(), "\n{found}");
}

#[test]
fn a_served_request_is_told_from_host_to_upstream() {
    check(
        "GET",
        "a.example.com:8080",
        "/v1/pets/7%20a?x=y",
        "\
GET /v1/pets/7%20a?x=y at host a.example.com:8080
  host      *.example.com
  base path /v1
  stage     $default of API pets
  path      /pets/7%20a
  route     GET /pets/{id}
            id = 7%20a
            before ANY /pets/{id}: `GET` comes before `ANY`
            before GET /{name}/{id}: `pets` is more exact than `{name}`
            before GET /pets/{rest+}: a route with `{name+}` comes after all without one
            before ANY /{rest+}: a route with `{name+}` comes after all without one
            before $default: `$default` takes what no other route takes
  limits    account: 100 a second, 5 at once
  upstream  http://pets/animals/7%20a?v=1&x=y
            Host: a.example.com:8080
            to 10.0.0.1:9000, [::1]:9001 (weight 2), in turn
            within 30000 ms",
    );
    check(
        "GET",
        "a.example.com",
        "/v1/beta/a/1",
        "\
GET /v1/beta/a/1 at host a.example.com
  host      *.example.com
  base path /v1
  stage     beta of API pets
  path      /a/1
  route     GET /a/{id}
            id = 1
  limits    pets/beta: 2.5 a second, 5 at once
            account: 100 a second, 5 at once
  answer    200 with 5 bytes of body (mock)",
    );
}

#[test]
fn a_404_is_told_with_what_comes_near() {
    check(
        "GET",
        "",
        "/\u{1b}[2J",
        "GET /\u{fffd}[2J at host (none)\n  404       no API answers to this host and path",
    );
    check(
        "GET",
        "only.example",
        "/dev/x",
        "\
GET /dev/x at host only.example
  host      only.example
  base path /
  404       the path names no stage behind it, and there is no `$default`",
    );
    check(
        "DELETE",
        "a.example.com",
        "/v1/beta/pets",
        "\
DELETE /v1/beta/pets at host a.example.com
  host      *.example.com
  base path /v1
  stage     beta of API pets
  path      /pets
  404       no route takes this
            POST /pets takes another method",
    );
    check(
        "GET",
        "only.example",
        "/prod",
        "\
GET /prod at host only.example
  host      only.example
  base path /
  stage     prod of API named
  path      /
  404       no route takes this",
    );
}

proptest! {
    /// The reasons are worked out from the route keys alone; the router must come to the same end.
    #[test]
    fn the_router_prefers_what_the_reasons_prefer(
        keys in btree_set(
            select(vec![
                "$default", "GET /", "ANY /", "GET /pets", "ANY /pets", "GET /pets/",
                "ANY /{rest+}", "GET /{rest+}", "POST /{rest+}", "GET /pets/{rest+}",
                "GET /{id}/x", "ANY /{id}/x", "GET /{id}/{name}", "ANY /pets/{id}",
                "POST /pets/{id}", "GET /pe%74s/y", "ANY /{id}/{name}/{rest+}",
            ]),
            0..9,
        ),
        method in select(vec!["GET", "POST", "PROPFIND"]),
        path in select(vec![
            "/", "", "/pets", "/pets/", "/pets/x", "/p%65ts/y", "/a/x", "/a/b", "/a/b/c/", "/a//",
            "//", "*", "/pets/%zz",
        ]),
    ) {
        let routes: Vec<_> = keys.iter().map(|key| (*key, mock())).collect();
        let only = HostEntry { host: None, is_rest: false, private_id: None, base_path: "/", stages: &[("$default", 0)] };
        let plan = Plan {
            hosts: HostTable::build(&[only]).unwrap().into(),
            stages: vec![stage("a", "$default", routes)],
            ..Plan::default()
        };
        let explained = explain(&plan, method, "h", path);
        let fits = |key: &str| {
            let alone = Plan {
                hosts: plan.hosts.clone(),
                stages: vec![stage("a", "$default", vec![(key, mock())])],
                ..Plan::default()
            };
            matches!(explain(&alone, method, "h", path).outcome, Outcome::Served { .. })
        };
        match &explained.outcome {
            Outcome::NoRoute { .. } => prop_assert!(!keys.iter().any(|key| fits(key))),
            Outcome::Served { served, losers, .. } => {
                let mut named: Vec<&str> = losers.iter().map(|loser| &*loser.route).collect();
                // Each loser serves as soon as all before it are gone.
                for (index, loser) in named.iter().enumerate() {
                    let rest = named[index..].iter().map(|key| (*key, mock())).collect();
                    let less = Plan {
                        hosts: plan.hosts.clone(),
                        stages: vec![stage("a", "$default", rest)],
                        ..Plan::default()
                    };
                    match explain(&less, method, "h", path).outcome {
                        Outcome::Served { served, .. } => prop_assert_eq!(&served.route, loser),
                        other => prop_assert!(false, "{:?}", other),
                    }
                }
                named.push(&served.route);
                named.sort_unstable();
                let mut expected: Vec<&str> = keys.iter().copied().filter(|key| fits(key)).collect();
                expected.sort_unstable();
                prop_assert_eq!(named, expected);
            }
            other => prop_assert!(false, "{:?}", other),
        }
    }
}

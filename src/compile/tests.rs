//! Table tests of compiling: what becomes of a snapshot, and what is said about a bad one.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::Arc;

use crate::compile::{Ledger, Problem, compile};
use crate::model::v2::{Api, Integration, Route, RouteKey, Stage};
use crate::model::{Snapshot, Throttle, Upstream, UpstreamTarget, UpstreamTls};
use crate::plan::target::Trust;
use crate::plan::{Plan, Target};

pub(in crate::compile) fn proxy(uri: &str) -> Integration {
    Integration::HttpProxy {
        method: None,
        uri: uri.to_owned(),
        timeout_ms: 30_000,
    }
}

pub(in crate::compile) fn mock(status: u16, headers: &[(&str, &str)], body: &str) -> Integration {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Integration::Mock {
        status,
        headers: headers.iter().map(own).collect(),
        body: body.to_owned(),
    }
}

pub(in crate::compile) fn route(key: &str, integration: Integration) -> Route {
    Route {
        key: RouteKey::parse(key).unwrap(),
        integration,
        throttle: None,
        body_bytes_max: None,
        guard: None,
    }
}

pub(in crate::compile) fn stage(name: &str) -> Stage {
    Stage {
        name: name.to_owned(),
        ..Stage::default()
    }
}

/// On any host at `/`, with the stage `$default`.
pub(in crate::compile) fn api(id: &str, routes: Vec<Route>) -> Api {
    Api {
        id: id.to_owned(),
        base_path: "/".to_owned(),
        routes,
        stages: vec![stage("$default")],
        ..Api::default()
    }
}

pub(in crate::compile) fn upstream(name: &str, port: u16) -> Upstream {
    Upstream {
        name: name.to_owned(),
        targets: vec![UpstreamTarget {
            host: "10.0.0.1".to_owned(),
            port,
            weight: 1,
        }],
        ..Upstream::default()
    }
}

pub(in crate::compile) fn snapshot(upstreams: Vec<Upstream>, apis: Vec<Api>) -> Snapshot {
    Snapshot {
        account_throttle: None,
        upstreams,
        apis: apis.into_iter().map(Arc::new).collect(),
        ..Snapshot::default()
    }
}

pub(in crate::compile) fn throttle(rate_limit: f64) -> Option<Throttle> {
    Some(Throttle {
        rate_limit,
        burst_limit: 5,
    })
}

pub(in crate::compile) fn first(snapshot: &Snapshot) -> (Plan, Ledger) {
    compile(snapshot, &Ledger::default()).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

/// `path: message (hint)`, and the text that is blamed where only a part of it is.
pub(in crate::compile) fn shown(problems: &[Problem], text: &str) -> Vec<String> {
    let show = |problem: &Problem| {
        let within = problem.within.clone();
        let blamed = within.map(|range| format!(" at `{}`", &text[range]));
        let hint = problem.hint.as_ref().map(|hint| format!(" ({hint})"));
        format!(
            "{problem}{}{}",
            blamed.unwrap_or_default(),
            hint.unwrap_or_default()
        )
    };
    problems.iter().map(show).collect()
}

#[test]
fn an_upstream_used_over_both_schemes_is_two_groups() {
    let mut pets = upstream("pets", 9000);
    pets.tls = UpstreamTls {
        server_name: Some("pets.internal".to_owned()),
        ca_file: Some("ca.pem".to_owned()),
        insecure_skip_verification: false,
    };
    let routes = vec![
        route("GET /a", proxy("http://pets/a")),
        route("GET /b", proxy("https://pets/b")),
        route("GET /c", proxy("https://pets/c")),
        route("GET /d", proxy("http://x.example/d")),
        route("GET /e", proxy("http://X.example:80/e")),
    ];
    let (plan, _) = first(&snapshot(vec![pets], vec![api("a", routes)]));
    let group = |index: usize| match &plan.stages[0].routes[index].target {
        Target::Http(target) => Arc::clone(&target.group),
        other => panic!("{other:?}"),
    };
    assert_eq!(plan.groups.iter().flatten().count(), 3);
    assert!(group(0).tls.is_none());
    let tls = group(1).tls.clone().unwrap();
    assert_eq!(&*tls.server_name, "pets.internal");
    assert_eq!(tls.trust, Trust::File("ca.pem".into()));
    assert!(Arc::ptr_eq(&group(1), &group(2)));
    assert!(Arc::ptr_eq(&group(3), &group(4)));
    for (index, group) in plan.groups.iter().enumerate() {
        assert_eq!(group.as_ref().unwrap().id.0 as usize, index);
    }
}

#[test]
fn a_mock_is_prerendered_or_refused() {
    let check = |integration: Integration, expected: Result<(&str, &str), &[&str]>| {
        let only = snapshot(vec![], vec![api("a", vec![route("GET /", integration)])]);
        let compiled = compile(&only, &Ledger::default());
        let start = "apis.a.routes.\"GET /\".integration.";
        match (compiled, expected) {
            (Ok((plan, _)), Ok((headers, body))) => {
                let Target::Mock(mock) = &plan.stages[0].routes[0].target else {
                    panic!()
                };
                assert_eq!(String::from_utf8_lossy(&mock.headers), headers);
                assert_eq!(String::from_utf8_lossy(&mock.body), body);
            }
            (Err(problems), Err(expected)) => {
                let found = problems.iter().map(|p| p.to_string().replace(start, ""));
                assert_eq!(found.collect::<Vec<_>>(), expected);
            }
            (compiled, expected) => panic!("{compiled:?}, expected {expected:?}"),
        }
    };
    let headers = [("content-type", "text/plain"), ("x-a", ""), ("x-a", "é")];
    let lines = "content-type: text/plain\r\nx-a: \r\nx-a: é\r\n";
    check(mock(200, &headers, "hi"), Ok((lines, "hi")));
    check(mock(204, &[], ""), Ok(("", "")));
    let bad = [
        ("Content-Length", "5"),
        ("date", "now"),
        ("Transfer-Encoding", "chunked"),
        ("connection", "close"),
        ("a b", ""),
        ("x", "a\r\nb: c"),
        ("y", " a"),
    ];
    check(
        mock(199, &bad, ""),
        Err(&[
            "status: 199 is not the status of an answer",
            "headers.Content-Length: `Content-Length` follows from the body",
            "headers.date: `date` is the time at which an answer is given",
            "headers.Transfer-Encoding: `Transfer-Encoding` follows from the body",
            "headers.connection: `connection` belongs to one connection, not to an answer",
            "headers.\"a b\": `a b` is not the name of a header",
            "headers.x: '\\r' cannot stand in the value of a header",
            "headers.y: the value of a header has no blanks around it",
        ]),
    );
    for status in [204, 205, 304] {
        let message = format!("body: an answer with status {status} has no body");
        check(mock(status, &[], "x"), Err(&[&message]));
    }
    check(
        mock(600, &[], ""),
        Err(&["status: 600 is not the status of an answer"]),
    );
}

#[test]
fn all_problems_come_at_once_with_their_paths() {
    let answer = || mock(200, &[], "");
    let deep = format!("GET {}", "/x".repeat(65));
    let many: String = (0..17).map(|n| format!("/{{p{n}}}")).collect();
    let long = format!("GET /{}", "x".repeat(256));
    let mut pets = api(
        "pets",
        vec![
            route("GET /pets/{id}", answer()),
            route("GET /pets/{name}", answer()),
            route("$default", answer()),
            route("$default", answer()),
            route(&deep, answer()),
            route(&format!("GET {many}"), answer()),
            route(&long, answer()),
        ],
    );
    pets.routes[0].throttle = throttle(f64::NAN);
    pets.hosts = ["a.example", "A.example", "b:80"]
        .map(str::to_owned)
        .to_vec();
    pets.stages[0].access_log_format = Some("$context.requestid".to_owned());
    pets.stages.push(stage("a b"));
    let mut other = api("other", vec![route("GET /", proxy("http://pets/"))]);
    other.hosts = vec!["a.example".to_owned()];
    other.stages[0].throttle = throttle(-1.0);
    let mut third = api("third one", vec![]);
    third.base_path = "v1".to_owned();
    let mut broken = upstream("pets", 0);
    broken.host_header = Some("a\r\n".to_owned());
    broken.preserve_host = true;
    let mut all = snapshot(
        vec![broken, Upstream::default(), upstream("PETS", 1)],
        vec![pets, other, third, api("other", vec![])],
    );
    all.account_throttle = throttle(f64::INFINITY);
    let problems = compile(&all, &Ledger::default()).unwrap_err();
    let mut found: Vec<String> = problems.iter().map(Problem::to_string).collect();
    found.sort();
    let mut expected = vec![
        "account.throttling.rate_limit: inf is not a rate".to_owned(),
        "upstreams.pets.host_header: this cannot be sent as `Host`".to_owned(),
        "upstreams.pets.preserve_host: `host_header` and `preserve_host` exclude each other"
            .to_owned(),
        "upstreams.pets.targets.0: port 0 cannot be connected to".to_owned(),
        "upstreams.\"\".targets: `` has no targets".to_owned(),
        "upstreams.\"\": a name cannot be empty".to_owned(),
        "upstreams.PETS: there is an upstream `pets` already".to_owned(),
        "apis.pets.routes.\"GET /pets/{id}\".throttling.rate_limit: NaN is not a rate".to_owned(),
        "apis.pets.routes.\"GET /pets/{name}\": `GET /pets/{id}` matches the same requests"
            .to_owned(),
        "apis.pets.routes.\"$default\": `$default` stands twice".to_owned(),
        format!("apis.pets.routes.\"{deep}\": a route has at most 64 segments"),
        format!("apis.pets.routes.\"GET {many}\": a route has at most 16 parameters"),
        format!("apis.pets.routes.\"{long}\": a segment has at most 255 bytes"),
        "apis.pets.hosts.1: `A.example` stands twice".to_owned(),
        "apis.pets.hosts.2: ':' cannot stand in a host".to_owned(),
        "apis.pets.stages.\"$default\".access_log_format: there is no variable \
         `$context.requestid`"
            .to_owned(),
        "apis.pets.stages.\"a b\": ' ' cannot stand in a stage name".to_owned(),
        "apis.other.hosts.0: `pets` answers to `a.example` under `/` already".to_owned(),
        "apis.other.stages.\"$default\".throttling.rate_limit: -1 is not a rate".to_owned(),
        "apis.other: there is an API `other` already".to_owned(),
        "apis.\"third one\": ' ' cannot stand in a name".to_owned(),
        "apis.\"third one\".base_path: a base path begins with `/`".to_owned(),
    ];
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn two_apis_for_every_host_clash_at_their_base_path() {
    let both = snapshot(vec![], vec![api("a", vec![]), api("b", vec![])]);
    let problems = compile(&both, &Ledger::default()).unwrap_err();
    assert_eq!(
        shown(&problems, ""),
        [
            "apis.b.base_path: `a` answers to every host under `/` already \
          (give one of them `hosts` or another `base_path`)"
        ]
    );
}

#[test]
fn what_all_stages_share_is_said_once_and_a_flood_is_cut() {
    let mut only = api("a", vec![route("GET /", proxy("http://a b/"))]);
    only.stages = (0..50).map(|n| stage(&format!("s{n}"))).collect();
    let problems = compile(&snapshot(vec![], vec![only]), &Ledger::default()).unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:?}");
    let bad = |n: u32| route(&format!("GET /{n}"), proxy(""));
    let flood = snapshot(vec![], vec![api("a", (0..3_000).map(bad).collect())]);
    let problems = compile(&flood, &Ledger::default()).unwrap_err();
    assert_eq!(problems.len(), 1_000);
}

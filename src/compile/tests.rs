//! Table tests of compiling: what becomes of a snapshot, and what is said about a bad one.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::compile::{Ledger, Problem, compile};
use crate::model::v2::{Api, Integration, Route, RouteKey, Stage};
use crate::model::{Snapshot, Throttle, Upstream, UpstreamTarget, UpstreamTls};
use crate::plan::target::Trust;
use crate::plan::{Group, HttpTarget, Piece, Plan, RouteId, Target};

fn proxy(uri: &str) -> Integration {
    Integration::HttpProxy {
        method: None,
        uri: uri.to_owned(),
        timeout_ms: 30_000,
    }
}

fn mock(status: u16, headers: &[(&str, &str)], body: &str) -> Integration {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Integration::Mock {
        status,
        headers: headers.iter().map(own).collect(),
        body: body.to_owned(),
    }
}

fn route(key: &str, integration: Integration) -> Route {
    Route {
        key: RouteKey::parse(key).unwrap(),
        integration,
        throttle: None,
        body_bytes_max: None,
    }
}

fn stage(name: &str) -> Stage {
    Stage {
        name: name.to_owned(),
        ..Stage::default()
    }
}

/// On any host at `/`, with the stage `$default`.
fn api(id: &str, routes: Vec<Route>) -> Api {
    Api {
        id: id.to_owned(),
        base_path: "/".to_owned(),
        routes,
        stages: vec![stage("$default")],
        ..Api::default()
    }
}

fn upstream(name: &str, port: u16) -> Upstream {
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

fn snapshot(upstreams: Vec<Upstream>, apis: Vec<Api>) -> Snapshot {
    Snapshot {
        account_throttle: None,
        upstreams,
        apis: apis.into_iter().map(Arc::new).collect(),
    }
}

fn throttle(rate_limit: f64) -> Option<Throttle> {
    Some(Throttle {
        rate_limit,
        burst_limit: 5,
    })
}

fn first(snapshot: &Snapshot) -> (Plan, Ledger) {
    compile(snapshot, &Ledger::default()).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

/// `path: message (hint)`, and the text that is blamed where only a part of it is.
fn shown(problems: &[Problem], text: &str) -> Vec<String> {
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

fn target(plan: &Plan) -> &HttpTarget {
    match &plan.stages[0].routes[0].target {
        Target::Http(target) => target,
        Target::Mock(mock) => panic!("{mock:?}"),
    }
}

fn pieces(pieces: &[Piece]) -> String {
    let show = |piece: &Piece| match piece {
        Piece::Literal(literal) => String::from_utf8_lossy(literal).into_owned(),
        Piece::Param(index) => format!("<{index}>"),
        Piece::Path => "<path>".to_owned(),
    };
    pieces.iter().map(show).collect()
}

/// What an integration URI becomes under the route `key`, where there are the upstreams `pets`,
/// `fixed` (with a `Host` of its own) and `open` (which keeps the client's), and the variables
/// `host`, `port`, `name` and `bad`; or what is wrong with it.
fn uri_becomes(key: &str, uri: &str) -> String {
    let mut fixed = upstream("fixed", 9001);
    fixed.host_header = Some("fixed.internal".to_owned());
    let mut open = upstream("open", 9002);
    open.preserve_host = true;
    let mut only = api("a", vec![route(key, proxy(uri))]);
    only.stages[0].variables = [
        ("host", "pets"),
        ("port", "example.com:8080/x"),
        ("name", "v"),
        ("bad", "{id}"),
        ("odd", "a b"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    let upstreams = vec![upstream("pets", 9000), fixed, open];
    match compile(&snapshot(upstreams, vec![only]), &Ledger::default()) {
        Err(problems) => {
            let start = format!("apis.a.routes.\"{key}\".integration.uri: ");
            let lines = shown(&problems, uri);
            lines.join("\n").replace(&start, "")
        }
        Ok((plan, _)) => {
            let target = target(&plan);
            let group = &target.group;
            let first = &group.targets[0];
            let tls = if group.tls.is_some() { " tls" } else { "" };
            let query = match target.query.is_empty() {
                true => String::new(),
                false => format!("?{}", pieces(&target.query)),
            };
            format!(
                "{}={}:{}{tls} [{}] {}{query}",
                group.name,
                first.host,
                first.port,
                String::from_utf8_lossy(&target.host),
                pieces(&target.path),
            )
        }
    }
}

#[test]
fn a_uri_becomes_a_group_a_host_and_pieces() {
    let check = |key: &str, uri: &str, expected: &str| {
        assert_eq!(uri_becomes(key, uri), expected, "{key} {uri}");
    };
    let id = "GET /pets/{id}";
    // As in AWS the path of the request is not appended.
    check(id, "http://pets", "pets=10.0.0.1:9000 [pets] /");
    check(id, "HTTP://Pets/", "pets=10.0.0.1:9000 [Pets] /");
    check(id, "http://pets/a/{id}", "pets=10.0.0.1:9000 [pets] /a/<0>");
    check(
        id,
        "https://pets?x={id}&y",
        "pets=10.0.0.1:9000 tls [pets] /?x=<0>&y",
    );
    check(id, "http://pets/a?", "pets=10.0.0.1:9000 [pets] /a");
    check(
        id,
        "http://fixed/",
        "fixed=10.0.0.1:9001 [fixed.internal] /",
    );
    check(id, "http://open/", "open=10.0.0.1:9002 [] /");
    let two = "ANY /{a}/b/{rest+}";
    check(
        two,
        "http://pets/{rest}/{a}",
        "pets=10.0.0.1:9000 [pets] /<1>/<0>",
    );
    check(two, "http://pets/{rest+}", "pets=10.0.0.1:9000 [pets] /<1>");
    check(
        "$default",
        "http://pets/{proxy}",
        "pets=10.0.0.1:9000 [pets] /<path>",
    );
    check(
        "$default",
        "http://pets/v1/{proxy+}",
        "pets=10.0.0.1:9000 [pets] /v1/<path>",
    );
    check(
        id,
        "http://Example.com/",
        "example.com=example.com:80 [Example.com] /",
    );
    check(
        id,
        "https://example.com",
        "example.com=example.com:443 tls [example.com] /",
    );
    check(
        id,
        "http://e.com:81/%7Ea",
        "e.com:81=e.com:81 [e.com:81] /%7Ea",
    );
    check(id, "http://[::1]:81/", "[::1]:81=::1:81 [[::1]:81] /");
    check(
        id,
        "http://127.0.0.1/?a[]=1",
        "127.0.0.1=127.0.0.1:80 [127.0.0.1] /?a[]=1",
    );
    let host = "http://${stageVariables.host}/${stageVariables.name}/{id}";
    check(id, host, "pets=10.0.0.1:9000 [pets] /v/<0>");
    let port = "http://${stageVariables.port}/{id}";
    check(
        id,
        port,
        "example.com:8080=example.com:8080 [example.com:8080] /x/<0>",
    );
}

#[test]
fn a_bad_uri_is_refused_with_its_place_and_a_hint() {
    let check = |key: &str, uri: &str, expected: &str| {
        assert_eq!(uri_becomes(key, uri), expected, "{key} {uri}");
    };
    let id = "GET /pets/{petId}";
    check(
        id,
        "http://pets/{petid}",
        "`GET /pets/{petId}` has no parameter `petid` at `{petid}` (did you mean `{petId}`?)",
    );
    check(
        id,
        "http://pets/{name}",
        "`GET /pets/{petId}` has no parameter `name` at `{name}` (there is `{petId}`)",
    );
    check(
        "GET /pets",
        "http://pets/{id}",
        "`GET /pets` has no parameter `id` at `{id}` (put `{id}` into the route key)",
    );
    check(
        id,
        "http://pets/{petId+}",
        "`petId` takes one segment at `{petId+}` (write `{petId}`)",
    );
    check(
        "$default",
        "http://pets/{path}",
        "`$default` has no parameter `path` at `{path}` (`{proxy}` is the whole path)",
    );
    check(
        id,
        "http://${stageVariables.hots}/{nope}",
        "stage `$default` has no variable `hots` at `hots` (did you mean `host`?)",
    );
    check(
        id,
        "http://pets/${stageVariables.bad}",
        "the variable `bad` of stage `$default` holds `{id}` at `bad` \
         (parameters and variables stand in the URI itself, not in a variable)",
    );
    check(
        id,
        "http://pets/x${stageVariables.odd}y z",
        "in stage `$default`: ' ' cannot stand in a URI at `${stageVariables.odd}` \
         (write it percent-encoded: `%20`)",
    );
    check(
        id,
        "http://pets/${stageVariables.name}/y z",
        "in stage `$default`: ' ' cannot stand in a URI at ` ` (write it percent-encoded: `%20`)",
    );
    check(
        id,
        "http://pets/${context.stage}",
        "`${context.stage}` is nothing that a URI may hold at `${context.stage}` \
         (write `${stageVariables.name}` or `{parameter}`)",
    );
    check(
        id,
        "http://pets/${stageVariables.host",
        "this `${` is never closed at `${` (write `${stageVariables.name}`)",
    );
    check(
        id,
        "http://pets/{petId",
        "this `{` is never closed at `{` (write `{name}`)",
    );
    check(id, "http://pets/a}", "this `}` closes nothing at `}`");
    check(
        id,
        "pets/x",
        "a URI begins with `http://` or `https://` at `pets/x` (write `http://pets/x`)",
    );
    check(
        id,
        "ftp://pets/x",
        "a URI begins with `http://` or `https://` at `ftp://`",
    );
    check(
        id,
        "http:///x",
        "this URI names no host at `http:///x` \
         (behind `//` stands the name of an upstream or a host)",
    );
    check(
        id,
        "http://{petId}.example.com/",
        "a parameter cannot choose the host at `{petId}.example.com` \
         (clients choose parameters; `${stageVariables.name}` is yours)",
    );
    check(
        id,
        "http://me:pw@pets/",
        "user and password cannot stand in a URI at `me:pw@`",
    );
    check(
        id,
        "http://::1/",
        "an IPv6 address stands in brackets at `::1` (write `[::1]`)",
    );
    check(
        id,
        "http://pets:80/",
        "`pets` is an upstream: its targets have ports at `pets:80` (write `http://pets`)",
    );
    for port in ["", "0", "65536", "+1", "x", "1:2"] {
        let found = uri_becomes(id, &format!("http://e.com:{port}/"));
        assert!(found.contains("is not a port"), "{found}");
    }
    for host in [
        "a..b", ".a", "a b", "[::g]", "[::1]x", "a\u{0}", "ä", "a,b", "[", "]",
    ] {
        let found = uri_becomes(id, &format!("http://{host}/"));
        assert!(found.contains(" at `"), "{host}: {found}");
    }
    check(
        id,
        "http://pets/a#b c",
        "a fragment is never sent to a server at `#b c` \
         (leave it out; a `#` in a path is `%23`)",
    );
    check(
        id,
        "http://pets/é/%zz",
        "'é' cannot stand in a URI at `é` (write it percent-encoded: `%C3%A9`)",
    );
    check(
        id,
        "http://pets/%z",
        "`%` needs two hexadecimal digits behind it at `%` (a percent sign itself is `%25`)",
    );
    check(
        id,
        "http://pets/\r\n",
        "'\\r' cannot stand in a URI at `\r`",
    );
    // All at once.
    let several = uri_becomes(id, "http://me@pets/ /{x}?{y}#z");
    assert_eq!(several.lines().count(), 5, "{several}");
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
        Target::Mock(_) => panic!(),
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

#[test]
fn limits_have_scopes_and_keep_their_ids() {
    let mut only = api("a", vec![route("GET /x", mock(200, &[], ""))]);
    only.stages.push(stage("beta"));
    only.routes[0].throttle = throttle(2.5);
    only.stages[0].throttle = throttle(10.0);
    let mut all = snapshot(vec![], vec![only]);
    all.account_throttle = throttle(100.0);
    let (plan, ledger) = first(&all);
    let scopes = |plan: &Plan| -> HashMap<String, usize> {
        let limits = plan.limits.iter().enumerate();
        limits
            .filter_map(|(id, limit)| Some((limit.as_ref()?.scope.to_string(), id)))
            .collect()
    };
    let before = scopes(&plan);
    let mut names: Vec<&str> = before.keys().map(String::as_str).collect();
    names.sort_unstable();
    let expected = [
        "a/$default",
        "a/$default/GET /x",
        "a/beta/GET /x",
        "account",
    ];
    assert_eq!(names, expected);
    let id = |limit: Option<crate::plan::LimitId>| limit.unwrap().0 as usize;
    assert_eq!(id(plan.account_limit), before["account"]);
    assert_eq!(id(plan.stages[0].limit), before["a/$default"]);
    assert_eq!(id(plan.stages[1].routes[0].limit), before["a/beta/GET /x"]);
    assert_eq!(plan.stages[1].limit, None);

    Arc::make_mut(&mut all.apis[0]).stages[0].throttle = None;
    Arc::make_mut(&mut all.apis[0]).stages[1].throttle = throttle(1.0);
    Arc::make_mut(&mut all.apis[0]).routes[0].throttle = throttle(3.0);
    let (plan, _) = compile(&all, &ledger).unwrap();
    let after = scopes(&plan);
    for scope in ["account", "a/$default/GET /x", "a/beta/GET /x"] {
        assert_eq!(after[scope], before[scope], "{scope}");
    }
    // The id of a limit that has just died is not given to another.
    assert_ne!(after["a/beta"], before["a/$default"]);
    assert_eq!(plan.limits[before["a/$default"]], None);
}

#[test]
fn route_ids_live_as_long_as_their_routes() {
    let answer = || mock(200, &[], "");
    let get = |n: u32| route(&format!("GET /{n}"), answer());
    let names = |ledger: &Ledger| -> HashMap<String, RouteId> {
        let name = |route: crate::compile::RouteOf<'_>| {
            (
                format!("{} {} {}", route.api, route.stage, route.key),
                route.id,
            )
        };
        ledger.routes().map(name).collect()
    };
    let mut all = snapshot(vec![], vec![api("a", (0..4).map(get).collect())]);
    let (plan, ledger) = first(&all);
    let before = names(&ledger);
    assert_eq!((before.len(), plan.route_ids, plan.version), (4, 4, 1));

    Arc::make_mut(&mut all.apis[0]).routes.remove(1);
    Arc::make_mut(&mut all.apis[0]).routes.insert(0, get(9));
    Arc::make_mut(&mut all.apis[0]).routes[1].integration = mock(201, &[], "");
    let (plan, second) = compile(&all, &ledger).unwrap();
    let after = names(&second);
    for key in ["a $default GET /0", "a $default GET /3"] {
        assert_eq!(before[key], after[key]);
    }
    let dead = before["a $default GET /1"];
    assert_eq!(second.retired_routes().collect::<Vec<_>>(), [dead]);
    assert_eq!(after["a $default GET /9"], RouteId(4));
    assert_eq!((plan.route_ids, plan.version), (5, 2));

    // Now that everybody has heard of its end the id may stand for another route.
    Arc::make_mut(&mut all.apis[0]).stages.push(stage("beta"));
    let (_, third) = compile(&all, &second).unwrap();
    assert!(
        names(&third)
            .iter()
            .any(|(name, id)| *id == dead && name.contains("beta"))
    );
    assert_eq!(third.retired_routes().count(), 0);

    all.apis.clear();
    let (plan, fourth) = compile(&all, &third).unwrap();
    assert_eq!(fourth.retired_routes().count(), 8);
    assert!(plan.stages.is_empty() && fourth.routes().next().is_none());
}

#[test]
fn untouched_stages_are_those_of_the_plan_before() {
    let routes = |host: &str| vec![route("GET /x", proxy(&format!("http://{host}/")))];
    let mut all = snapshot(
        vec![upstream("one", 1), upstream("two", 2)],
        vec![
            api("a", routes("one")),
            api("b", routes("two")),
            api("c", routes("three")),
        ],
    );
    for (index, api) in all.apis.iter_mut().enumerate() {
        let api = Arc::make_mut(api);
        api.hosts = vec![format!("h{index}.example")];
        api.stages.push(stage("beta"));
    }
    let (plan, ledger) = first(&all);
    // Whether each of the six stages is a new one.
    let check = |all: &Snapshot, expected: [bool; 6]| {
        let (next, _) = compile(all, &ledger).unwrap();
        let pairs = plan.stages.iter().zip(&next.stages);
        let fresh: Vec<bool> = pairs.map(|(one, other)| !Arc::ptr_eq(one, other)).collect();
        assert_eq!(fresh, expected);
        next
    };
    let (o, x) = (false, true);
    check(&all, [o; 6]);
    // Hosts and base paths are in the table of hosts alone.
    let mut moved = all.clone();
    Arc::make_mut(&mut moved.apis[0]).hosts.clear();
    Arc::make_mut(&mut moved.apis[0]).base_path = "/v1".to_owned();
    check(&moved, [o; 6]);
    let mut edited = all.clone();
    Arc::make_mut(&mut edited.apis[1]).stages[1].throttle = throttle(1.0);
    check(&edited, [o, o, o, x, o, o]);
    let mut rerouted = all.clone();
    Arc::make_mut(&mut rerouted.apis[2]).routes[0].body_bytes_max = Some(1);
    check(&rerouted, [o, o, o, o, x, x]);
    let mut retargeted = all.clone();
    retargeted.upstreams[0].eject_after = 9;
    let next = check(&retargeted, [x, x, o, o, o, o]);
    let group = |plan: &Plan| -> Arc<Group> { Arc::clone(plan.groups[0].as_ref().unwrap()) };
    assert_eq!(group(&next).id, group(&plan).id);
    assert_eq!(group(&next).eject_after, 9);
    // A host that had no upstream of its name now has one.
    let mut named = all.clone();
    named.upstreams.push(upstream("three", 3));
    let next = check(&named, [o, o, o, o, x, x]);
    assert_eq!(next.groups.iter().flatten().count(), 3);
    assert_eq!(next.groups.len(), 4);
    assert_eq!(next.groups[2], None);
}

/// One edit among many stages must not cost more than that stage.
#[test]
fn ten_thousand_routes_compile_at_once() {
    let get = |n: u32| {
        route(
            &format!("GET /r{n}/{{id}}"),
            proxy(&format!("http://pets/{n}/{{id}}")),
        )
    };
    let apis = (0..100).map(|number| {
        let mut api = api(&format!("a{number}"), (0..100).map(get).collect());
        api.hosts = vec![format!("a{number}.example")];
        api
    });
    let mut all = snapshot(vec![upstream("pets", 9000)], apis.collect());
    let start = Instant::now();
    let (plan, ledger) = first(&all);
    let whole = start.elapsed();
    Arc::make_mut(&mut all.apis[50]).stages[0].throttle = throttle(1.0);
    let start = Instant::now();
    let (next, _) = compile(&all, &ledger).unwrap();
    let edit = start.elapsed();
    let shared = plan.stages.iter().zip(&next.stages);
    assert_eq!(
        shared
            .filter(|(one, other)| Arc::ptr_eq(one, other))
            .count(),
        99
    );
    println!("whole {whole:?}, one edit {edit:?}");
    // Optimised both take a fraction of this; the bounds catch what grows faster than its input.
    assert!(whole < Duration::from_secs(2), "{whole:?}");
    assert!(edit < whole / 2, "{edit:?} of {whole:?}");
}

//! Table tests of integration URIs: what they become, and what is said about bad ones.

#![allow(clippy::panic)]

use crate::compile::tests::{api, proxy, route, shown, snapshot, upstream};
use crate::compile::{Ledger, compile};
use crate::plan::{HttpTarget, Plan, Target};

fn target(plan: &Plan) -> &HttpTarget {
    match &plan.stages[0].routes[0].target {
        Target::Http(target) => target,
        other => panic!("{other:?}"),
    }
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
                false => format!("?{:?}", target.query),
            };
            format!(
                "{}={}:{}{tls} [{}] {:?}{query}",
                group.name,
                first.host,
                first.port,
                String::from_utf8_lossy(&target.host),
                target.path,
            )
        }
    }
}

#[test]
fn the_path_of_the_request_follows_a_default_route() {
    let check = |uri: &str, target: &str| {
        let expected = format!("pets=10.0.0.1:9000 [pets] {target}");
        assert_eq!(uri_becomes("$default", uri), expected, "{uri}");
    };
    check("http://pets", "/<path>");
    check("http://pets/", "/<path>");
    check("http://pets/v1", "/v1/<path>");
    check("http://pets/v1?at={proxy}", "/v1?at=<path>");
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

const ID: &str = "GET /pets/{petId}";

/// Route key, URI, what is said about it.
const BAD: &[(&str, &str, &str)] = &[
    (
        ID,
        "http://pets/{petid}",
        "`GET /pets/{petId}` has no parameter `petid` at `{petid}` (did you mean `{petId}`?)",
    ),
    (
        ID,
        "http://pets/{name}",
        "`GET /pets/{petId}` has no parameter `name` at `{name}` (there is `{petId}`)",
    ),
    (
        "GET /pets",
        "http://pets/{id}",
        "`GET /pets` has no parameter `id` at `{id}` (put `{id}` into the route key)",
    ),
    (
        ID,
        "http://pets/{petId+}",
        "`petId` takes one segment at `{petId+}` (write `{petId}`)",
    ),
    (
        "$default",
        "http://pets/{path}",
        "`$default` has no parameter `path` at `{path}` (`{proxy}` is the whole path)",
    ),
    (
        ID,
        "http://${stageVariables.hots}/{nope}",
        "stage `$default` has no variable `hots` at `hots` (did you mean `host`?)",
    ),
    (
        ID,
        "http://pets/${stageVariables.bad}",
        "the variable `bad` of stage `$default` holds `{id}` at `bad` \
         (parameters and variables stand in the URI itself, not in a variable)",
    ),
    (
        ID,
        "http://pets/x${stageVariables.odd}y z",
        "in stage `$default`: ' ' cannot stand in a URI at `${stageVariables.odd}` \
         (write it percent-encoded: `%20`)",
    ),
    (
        ID,
        "http://pets/${stageVariables.name}/y z",
        "in stage `$default`: ' ' cannot stand in a URI at ` ` (write it percent-encoded: `%20`)",
    ),
    (
        ID,
        "http://pets/${context.stage}",
        "`${context.stage}` is nothing that a URI may hold at `${context.stage}` \
         (write `${stageVariables.name}` or `{parameter}`)",
    ),
    (
        ID,
        "http://pets/${stageVariables.host",
        "this `${` is never closed at `${` (write `${stageVariables.name}`)",
    ),
    (
        ID,
        "http://pets/{petId",
        "this `{` is never closed at `{` (write `{name}`)",
    ),
    (ID, "http://pets/a}", "this `}` closes nothing at `}`"),
    (
        ID,
        "pets/x",
        "a URI begins with `http://` or `https://` at `pets/x` (write `http://pets/x`)",
    ),
    (
        ID,
        "ftp://pets/x",
        "a URI begins with `http://` or `https://` at `ftp://`",
    ),
    (
        ID,
        "http:///x",
        "this URI names no host at `http:///x` \
         (behind `//` stands the name of an upstream or a host)",
    ),
    (
        ID,
        "http://{petId}.example.com/",
        "a parameter cannot choose the host at `{petId}.example.com` \
         (clients choose parameters; `${stageVariables.name}` is yours)",
    ),
    (
        ID,
        "http://me:pw@pets/",
        "user and password cannot stand in a URI at `me:pw@`",
    ),
    (
        ID,
        "http://::1/",
        "an IPv6 address stands in brackets at `::1` (write `[::1]`)",
    ),
    (
        ID,
        "http://pets:80/",
        "`pets` is an upstream: its targets have ports at `pets:80` (write `http://pets`)",
    ),
    (
        ID,
        "http://pets/a#b c",
        "a fragment is never sent to a server at `#b c` \
         (leave it out; a `#` in a path is `%23`)",
    ),
    (
        ID,
        "http://pets/é/%zz",
        "'é' cannot stand in a URI at `é` (write it percent-encoded: `%C3%A9`)",
    ),
    (
        ID,
        "http://pets/%z",
        "`%` needs two hexadecimal digits behind it at `%` (a percent sign itself is `%25`)",
    ),
    (
        ID,
        "http://pets/\r\n",
        "'\\r' cannot stand in a URI at `\r`",
    ),
];

#[test]
fn a_bad_uri_is_refused_with_its_place_and_a_hint() {
    for (key, uri, expected) in BAD {
        assert_eq!(uri_becomes(key, uri), *expected, "{key} {uri}");
    }
    for port in ["", "0", "65536", "+1", "x", "1:2"] {
        let found = uri_becomes(ID, &format!("http://e.com:{port}/"));
        assert!(found.contains("is not a port"), "{found}");
    }
    for host in [
        "a..b", ".a", "a b", "[::g]", "[::1]x", "a\u{0}", "ä", "a,b", "[", "]",
    ] {
        let found = uri_becomes(ID, &format!("http://{host}/"));
        assert!(found.contains(" at `"), "{host}: {found}");
    }
    // All at once.
    let several = uri_becomes(ID, "http://me@pets/ /{x}?{y}#z");
    assert_eq!(several.lines().count(), 5, "{several}");
}

#[test]
fn a_vpc_link_asks_an_upstream_for_another_host() {
    let check = |key: &str, uri: &str, expected: &str| {
        assert_eq!(uri_becomes(key, uri), expected, "{uri}");
    };
    let key = "GET /{id}";
    check(
        key,
        "http://nlb.internal:8080|pets/v2/{id}",
        "pets=10.0.0.1:9000 [nlb.internal:8080] /v2/<0>",
    );
    check(
        key,
        "https://nlb.internal|Pets/x?a=b",
        "pets=10.0.0.1:9000 tls [nlb.internal] /x?a=b",
    );
    // What the upstream says about the host goes before.
    check(
        key,
        "http://nlb.internal|fixed/",
        "fixed=10.0.0.1:9001 [fixed.internal] /",
    );
    // Without a host it is the client's; with the last mark the path of the request follows.
    check(
        key,
        "http://|pets|/beta",
        "pets=10.0.0.1:9000 [] /beta/<path>",
    );
    check(
        "$default",
        "http://|pets|/",
        "pets=10.0.0.1:9000 [] /<path>",
    );
    check(
        key,
        "http://nlb.internal|gone/",
        "there is no upstream `gone` at `nlb.internal`",
    );
}

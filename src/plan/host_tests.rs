//! The host table: which site decides, which base path, and what custom domains add.

#![allow(clippy::unwrap_used)]

use crate::plan::host::{DomainEntry, HostClash, HostEntry, HostTable, Miss};
use crate::plan::rule::{Condition, HeaderGlob, Rule};

fn entry<'a>(host: &'a str, base_path: &'a str, stages: &'a [(&'a str, u32)]) -> HostEntry<'a> {
    HostEntry {
        is_rest: false,
        private_id: None,
        host: (!host.is_empty()).then_some(host),
        base_path,
        stages,
    }
}

fn check(table: &HostTable, host: &str, path: &str, expected: Option<(u32, u32)>) {
    let hit = table.find(host.as_bytes(), path.as_bytes(), |_| None);
    let found = hit.map(|hit| (hit.stage, hit.base));
    assert_eq!(found, expected, "{host} {path}");
}

#[test]
fn one_api_on_any_host_takes_everything() {
    let table = HostTable::build(&[entry("", "/", &[("$default", 3)])]).unwrap();
    for (host, path) in [("", "/"), ("a.com:80", "/x/y"), ("[::1]:1", "*"), ("x", "")] {
        check(&table, host, path, Some((3, 0)));
    }
}

#[test]
fn exact_names_go_before_suffixes_before_any_host() {
    let table = HostTable::build(&[
        entry("", "/", &[("$default", 0)]),
        entry("*.example.com", "/", &[("$default", 1)]),
        entry("*.eu.example.com", "/", &[("$default", 2)]),
        entry("Api.Example.com", "/", &[("$default", 3)]),
        entry("[::1]", "/", &[("$default", 4)]),
    ])
    .unwrap();
    for (host, stage) in [
        ("api.example.com", 3),
        ("API.EXAMPLE.COM:8080", 3),
        ("api.example.com.", 3),
        ("api.example.com.:443", 3),
        ("b.example.com", 1),
        ("b.c.example.com", 1),
        ("b.eu.example.com", 2),
        ("eu.example.com", 1),
        ("example.com", 0),
        (".example.com", 0),
        ("badexample.com", 0),
        ("[::1]:8080", 4),
        ("[::1]", 4),
        ("[::1", 0),
        ("", 0),
        ("localhost", 0),
    ] {
        check(&table, host, "/", Some((stage, 0)));
    }
    check(&table, &"a.".repeat(2_000), "/", Some((0, 0)));
    check(
        &table,
        &format!("{}.example.com", "a".repeat(254)),
        "/",
        Some((0, 0)),
    );
}

#[test]
fn the_longest_base_path_of_whole_segments_decides() {
    let table = HostTable::build(&[
        entry("", "/v1", &[("$default", 1)]),
        entry("", "/v1/orders", &[("$default", 2), ("beta", 3)]),
        entry("", "/v2/", &[("prod", 4)]),
    ])
    .unwrap();
    check(&table, "x", "/v1", Some((1, 3)));
    check(&table, "x", "/v1/", Some((1, 3)));
    check(&table, "x", "/v1/order", Some((1, 3)));
    check(&table, "x", "/v1/orders", Some((2, 10)));
    check(&table, "x", "/v1/orders/7", Some((2, 10)));
    check(&table, "x", "/v1/orders/beta/7", Some((3, 15)));
    check(&table, "x", "/v1/orders/beta", Some((3, 15)));
    check(&table, "x", "/v1/orders/betamax", Some((2, 10)));
    check(&table, "x", "/v2/prod/x", Some((4, 8)));
    check(&table, "x", "/v2/dev/x", None);
    check(&table, "x", "/v2", None);
    check(&table, "x", "/v10", None);
    check(&table, "x", "/", None);
    check(&table, "x", "*", None);
}

#[test]
fn a_site_without_a_fitting_base_path_leaves_it_to_the_next() {
    let table = HostTable::build(&[
        entry("a.com", "/v1", &[("prod", 1)]),
        entry("*.com", "/v3", &[("$default", 2)]),
        entry("", "/", &[("$default", 3)]),
    ])
    .unwrap();
    check(&table, "a.com", "/v1/prod", Some((1, 8)));
    check(&table, "a.com", "/v1/dev", None);
    check(&table, "a.com", "/v2", Some((3, 0)));
    check(&table, "a.com", "/v3", Some((2, 3)));
    check(&table, "b.com", "/v3", Some((2, 3)));
}

#[test]
fn the_same_host_and_base_path_twice_is_a_clash() {
    let stages = &[("$default", 0)];
    let entries = [
        entry("A.com", "/x", stages),
        entry("a.com", "/x/", stages),
        entry("a.com", "/y", stages),
        entry("", "/", stages),
        entry("", "/", stages),
    ];
    assert_eq!(
        HostTable::build(&entries).unwrap_err(),
        [
            HostClash {
                first: 0,
                second: 1
            },
            HostClash {
                first: 3,
                second: 4
            },
        ]
    );
}
#[test]
fn slashes_around_a_stage_of_a_rest_api_make_no_difference() {
    let rest = HostEntry {
        is_rest: true,
        ..entry("a.execute-api.*", "/", &[("prod", 1)])
    };
    let http = entry("b.execute-api.*", "/", &[("prod", 2), ("$default", 3)]);
    let table = HostTable::build(&[rest, http]).unwrap();
    let check = |host: &str, path: &str, expected: Option<(u32, &str)>| {
        let hit = table.find(host.as_bytes(), path.as_bytes(), |_| None);
        let found = hit.map(|hit| (hit.stage, &path[hit.base as usize..]));
        assert_eq!(found, expected, "{host} {path}");
    };
    check("a.execute-api.x", "/prod/y", Some((1, "/y")));
    check("a.execute-api.x", "//prod/y", Some((1, "/y")));
    check("a.execute-api.x", "///prod///y/z", Some((1, "/y/z")));
    check("a.execute-api.x", "/prod//y//z", Some((1, "/y//z")));
    check("a.execute-api.x", "/prod//", Some((1, "/")));
    check("a.execute-api.x", "/prod", Some((1, "")));
    check("a.execute-api.x", "//", None);
    check("b.execute-api.x", "//prod/y", Some((3, "//prod/y")));
    check("b.execute-api.x", "/prod//y", Some((2, "//y")));
}

#[test]
fn a_custom_domain_decides_alone_about_its_host() {
    let headers = Condition::Headers([HeaderGlob::new("x-version", "beta")].into());
    let rule = Rule {
        conditions: [headers].into(),
        stage: Some(7),
        strips_base_path: false,
    };
    let domain = |host, rules| DomainEntry {
        host,
        rules,
        is_guarded: false,
    };
    let table = HostTable::with_domains(
        &[
            entry("", "/", &[("$default", 0)]),
            entry("*.example.com", "/", &[("$default", 1)]),
            entry("api.example.com", "/v1", &[("$default", 2)]),
            entry("api.example.com", "/v1/orders", &[("$default", 3)]),
            entry("empty.example.com", "/", &[("$default", 4)]),
            entry("rest.example.com", "/all", &[("prod", 5)]),
        ],
        &[
            domain("Api.example.com", Vec::new()),
            domain("empty.example.com", vec![rule]),
            domain("rest.example.com", Vec::new()),
            domain("*.example.com", Vec::new()),
        ],
        &[],
    )
    .unwrap();
    let check = |host: &str, path: &str, version: Option<&'static [u8]>, expected| {
        let field = |name: &str| version.filter(|_| name == "x-version");
        let (host, path) = (host.as_bytes(), path.as_bytes());
        let found = match table.find(host, path, field) {
            Some(hit) => Ok((hit.stage, hit.base, hit.by_domain)),
            None => Err(table.miss(host, path, field)),
        };
        assert_eq!(found, expected, "{host:?} {path:?}");
    };
    check("api.example.com", "/v1/x", None, Ok((2, 3, true)));
    check(
        "API.example.com:443",
        "/v1/orders/x",
        None,
        Ok((3, 10, true)),
    );
    check("api.example.com", "/v2", None, Err(Miss::NoMapping));
    check("api.example.com", "/ping", None, Err(Miss::HealthCheck));
    check("api.example.com", "/ping/x", None, Err(Miss::NoMapping));
    check("empty.example.com", "/sping", None, Err(Miss::HealthCheck));
    check("empty.example.com", "/x", None, Ok((4, 0, true)));
    check("empty.example.com", "/x", Some(b"beta"), Ok((7, 0, true)));
    check("rest.example.com", "/all/prod/x", None, Ok((5, 9, true)));
    check("rest.example.com", "/all/dev/x", None, Err(Miss::NoMapping));
    check("other.example.com", "/x", None, Ok((1, 0, true)));
    check("elsewhere.org", "/ping", None, Ok((0, 0, false)));
}

#[test]
fn private_apis_are_found_by_endpoint_and_by_header() {
    let private = HostEntry {
        is_rest: true,
        private_id: Some("abc"),
        ..entry("abc.execute-api.*", "/", &[("prod", 1)])
    };
    let public = entry("def.execute-api.*", "/", &[("$default", 2)]);
    let table = HostTable::build(&[private, public]).unwrap();
    let check = |host: &str, id: Option<&'static [u8]>, expected: Option<u32>| {
        let field = |name: &str| id.filter(|_| name == "x-apigw-api-id");
        let hit = table.find(host.as_bytes(), b"/prod/x", field);
        assert_eq!(hit.map(|hit| hit.stage), expected, "{host}");
    };
    check("abc.execute-api.eu-west-1.amazonaws.com", None, Some(1));
    check(
        "abc-vpce-0a1b.execute-api.eu-west-1.amazonaws.com",
        None,
        Some(1),
    );
    check(
        "def-vpce-0a1b.execute-api.eu-west-1.amazonaws.com",
        None,
        None,
    );
    let endpoint = "vpce-0a1b-x.execute-api.eu-west-1.vpce.amazonaws.com";
    check(endpoint, Some(b"abc"), Some(1));
    check(endpoint, Some(b"def"), None);
    check(endpoint, None, None);
    check("def.execute-api.x", Some(b"abc"), Some(2));
}

#[test]
fn a_list_of_suffixes_narrows_the_hosts_of_apis() {
    let apis = [entry("abc.execute-api.*", "/", &[("$default", 1)])];
    let suffixes = ["eu-west-1.Amazonaws.com".to_owned()];
    let table = HostTable::with_domains(&apis, &[], &suffixes).unwrap();
    check(
        &table,
        "abc.execute-api.eu-west-1.amazonaws.com",
        "/",
        Some((1, 0)),
    );
    check(
        &table,
        "ABC.execute-api.eu-west-1.amazonaws.com:80",
        "/",
        Some((1, 0)),
    );
    check(&table, "abc.execute-api.us-east-1.amazonaws.com", "/", None);
    check(&table, "abc.execute-api", "/", None);
}

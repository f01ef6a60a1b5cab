//! What it takes to tell a function of a request: the events of both formats, as a browser makes
//! them. Wanted: less than three microseconds each.

use std::borrow::Cow;
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use daemun::gateway::integrate::event::Asked;
use daemun::gateway::integrate::{event_v1, event_v2};
use daemun::plan::function::EventFacts;

const HEADERS: &[(&str, &str)] = &[
    ("Host", "a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com"),
    (
        "User-Agent",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
    ),
    ("Accept", "application/json, text/plain, */*"),
    ("Accept-Encoding", "gzip, deflate, br, zstd"),
    ("Accept-Language", "en-US,en;q=0.9"),
    ("Cookie", "session=0123456789abcdef; theme=dark"),
    ("Content-Type", "application/json"),
    ("Content-Length", "84"),
    (
        "X-Amzn-Trace-Id",
        "Root=1-6925f5a0-0123456789abcdef01234567",
    ),
    ("X-Forwarded-For", "203.0.113.7"),
    ("X-Forwarded-Port", "443"),
    ("X-Forwarded-Proto", "https"),
];
const BODY: &str =
    r#"{"name":"Rex","kind":"dog","age":4,"tags":["large","calm"],"owner":{"id":1234567}}"#;

fn facts() -> EventFacts {
    EventFacts {
        account_id: "111122223333".into(),
        api_id: "a1b2c3d4e5".into(),
        stage: "prod".into(),
        route_key: "POST /pets/{id}".into(),
        deployment_id: "d1e2f3".into(),
        resource_id: "r1s2t3".into(),
        resource_path: "/pets/{id}".into(),
        stage_variables: Some(r#"{"table":"pets"}"#.into()),
        has_own_host: false,
    }
}

fn asked(facts: &EventFacts) -> Asked<'_> {
    let headers = HEADERS.iter();
    Asked {
        facts,
        method: "POST",
        path: "/prod/pets/42",
        keeps_base: false,
        own_path: "/pets/42",
        mapped_path: None,
        query: Some("verbose=true&fields=name,kind"),
        headers: headers
            .map(|(name, value)| (*name, Cow::Borrowed(*value)))
            .collect(),
        params: vec![("id", "42")],
        body: BODY.as_bytes(),
        is_binary: false,
        source_ip: "203.0.113.7",
        protocol: "HTTP/1.1",
        domain: "a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com",
        request_id: "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
        extended_request_id: "JKJaXmPLvHcESHA=",
        time: "26/Nov/2026:12:00:00 +0000",
        epoch_ms: 1_795_694_400_000,
        authorizer: None,
        authorizing: None,
        user: None,
        certificate: None,
    }
}

fn events(criterion: &mut Criterion) {
    let facts = facts();
    let asked = asked(&facts);
    criterion.bench_function("event 1.0", |bencher| {
        bencher.iter(|| {
            let mut out = Vec::with_capacity(2_048);
            event_v1::write(&mut out, black_box(&asked), false);
            out
        });
    });
    criterion.bench_function("event 2.0", |bencher| {
        bencher.iter(|| {
            let mut out = Vec::with_capacity(2_048);
            event_v2::write(&mut out, black_box(&asked));
            out
        });
    });
}

criterion_group!(benches, events);
criterion_main!(benches);

//! Long bodies, which pass from socket to socket without being read.

use std::fs;
use std::io::Read;
use std::thread;
use std::time::{Duration, Instant};

use crate::kit::{Client, Driver, Gateway, Pattern, Upstream, Visit, proxy, table};

on_both_drivers! {
    long_and_short_responses_take_turns_on_one_connection,
    what_comes_behind_a_long_body_reaches_nobody,
    a_client_that_leaves_amid_a_long_body_leaves_nothing_behind,
    a_slow_client_gets_a_long_body_whole,
    a_long_body_that_breaks_off_is_not_taken_for_whole,
    the_end_of_the_connection_comes_behind_a_long_body,
    a_long_upload_ends_where_the_next_request_begins,
    a_slow_upstream_gets_a_long_upload_whole,
    a_short_read_that_was_full_keeps_the_connection,
    an_early_answer_beside_an_upload_that_stops_has_its_time,
    an_upload_that_trickles_beside_its_answer_ends_with_the_exchange,
    a_slow_client_is_not_taken_for_a_slow_upstream,
}

const KIB: usize = 1024;

fn pattern(bytes: usize) -> Vec<u8> {
    let (mut pattern, mut all) = (Pattern::new(), Vec::with_capacity(bytes));
    while all.len() < bytes {
        all.extend_from_slice(pattern.next((bytes - all.len()) as u64));
    }
    all
}

/// Answers `/BYTES` with so much of the pattern, head and body in one write; `/BYTES/extra` with
/// more than it announced, `/BYTES/cut` with half of it and the end, `/BYTES/head` with a long head.
fn patterned() -> Upstream {
    Upstream::start(|visit: &mut Visit| {
        while let Some(request) = visit.request() {
            let mut parts = request.target().trim_start_matches('/').split('/');
            let bytes = parts
                .next()
                .and_then(|part| part.parse().ok())
                .expect("a number");
            let how = parts.next().unwrap_or_default();
            let padding = if how == "head" { 5 * KIB } else { 1 };
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {bytes}\r\nX-Padding: {}\r\n\r\n",
                "p".repeat(padding)
            );
            let mut answer = head.into_bytes();
            answer.extend_from_slice(&pattern(bytes));
            match how {
                "cut" => answer.truncate(bytes / 2),
                "extra" => {
                    answer.extend_from_slice(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")
                }
                _ => {}
            }
            if !visit.send(answer) || how == "cut" {
                return;
            }
        }
    })
}

fn fetch(client: &mut Client, target: &str) {
    let bytes: usize = target
        .trim_start_matches('/')
        .split('/')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    let response = client.get(target);
    assert_eq!(response.status(), 200, "{target}");
    assert!(response.body == pattern(bytes), "{target} differs");
}

/// Pipes of the gateway, those of its output among them.
fn pipes(gateway: &Gateway) -> usize {
    let folder = fs::read_dir(format!("/proc/{}/fd", gateway.pid())).expect("descriptors");
    let links = folder.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    links
        .filter(|link| link.to_string_lossy().starts_with("pipe:"))
        .count()
}

fn long_and_short_responses_take_turns_on_one_connection(driver: Driver) {
    let upstream = patterned();
    let gateway = Gateway::start(driver, proxy(upstream.address));
    let mut client = gateway.connect();
    fetch(&mut client, "/100");
    let before = pipes(&gateway);
    for target in [
        "/65536",
        "/65536",
        "/65536",
        "/100",
        "/5000",
        "/65536",
        "/40000",
        "/3000000",
        "/65536/head",
        "/65536/head",
        "/0",
        "/32768",
        "/32768",
        "/1",
    ] {
        fetch(&mut client, target);
    }
    assert_eq!(upstream.visits(), 1, "all on one connection");
    assert_eq!(pipes(&gateway), before + 2, "a pipe was used, and only one");
}

fn what_comes_behind_a_long_body_reaches_nobody(driver: Driver) {
    let upstream = patterned();
    let gateway = Gateway::start(driver, proxy(upstream.address));
    let mut client = gateway.connect();
    for round in 1..=3 {
        fetch(&mut client, "/65536");
        fetch(&mut client, "/65536/extra");
        assert_eq!(upstream.visits(), round, "the connection is not used again");
    }
    fetch(&mut client, "/65536");
    assert_eq!(upstream.visits(), 4);
}

fn a_client_that_leaves_amid_a_long_body_leaves_nothing_behind(driver: Driver) {
    let upstream = patterned();
    let gateway = Gateway::start(driver, proxy(upstream.address));
    let mut stays = gateway.connect();
    for _ in 0..5 {
        fetch(&mut stays, "/65536");
        let mut leaves = gateway.connect();
        leaves.send("GET /9000000 HTTP/1.1\r\nHost: a\r\n\r\n");
        leaves
            .stream()
            .read_exact(&mut [0; 100 * KIB])
            .expect("the start of the body");
        drop(leaves);
        fetch(&mut stays, "/65536");
        fetch(&mut stays, "/300000");
    }
}

fn a_slow_client_gets_a_long_body_whole(driver: Driver) {
    let upstream = patterned();
    let gateway = Gateway::start(driver, proxy(upstream.address));
    let mut client = gateway.connect();
    fetch(&mut client, "/65536");
    client.send("GET /20000000 HTTP/1.1\r\nHost: a\r\n\r\n");
    let head = client.head();
    assert_eq!(head.header("content-length"), Some("20000000"));
    thread::sleep(Duration::from_millis(300));
    let body = client.reader().exactly(20_000_000).expect("all of it");
    assert!(body == pattern(20_000_000), "the body differs");
    fetch(&mut client, "/65536");
}

fn a_long_body_that_breaks_off_is_not_taken_for_whole(driver: Driver) {
    let upstream = patterned();
    let gateway = Gateway::start(driver, proxy(upstream.address));
    for bytes in [65_536, 3_000_000] {
        let mut client = gateway.connect();
        fetch(&mut client, "/65536");
        client.send(format!("GET /{bytes}/cut HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(client.head().status(), 200);
        let mut rest = std::mem::take(&mut client.reader().unread);
        // Cut off or ended: what has come is less than what was announced.
        let _ = client.stream().read_to_end(&mut rest);
        assert!(rest.len() <= bytes / 2);
        assert!(pattern(bytes).starts_with(&rest));
    }
}

fn the_end_of_the_connection_comes_behind_a_long_body(driver: Driver) {
    let upstream = patterned();
    let gateway = Gateway::start(driver, proxy(upstream.address));
    for request in [
        "GET /65536 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        "GET /65536 HTTP/1.0\r\nHost: a\r\n\r\n",
    ] {
        for _ in 0..3 {
            let mut client = gateway.connect();
            client.send(request);
            assert_eq!(client.head().status(), 200);
            assert!(client.rest() == pattern(65_536), "the body differs");
        }
    }
    assert_eq!(upstream.visits(), 1);
}

fn a_long_upload_ends_where_the_next_request_begins(driver: Driver) {
    let upstream = Upstream::start(|visit| {
        while let Some(request) = visit.request() {
            let is_whole = request.body == pattern(request.body.len());
            visit.say(&format!("{} {is_whole}", request.body.len()));
        }
    });
    let gateway = Gateway::start(driver, proxy(upstream.address));
    let mut client = gateway.connect();
    for bytes in [65_536, 1_000_000, 131_072] {
        let mut all =
            format!("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: {bytes}\r\n\r\n").into_bytes();
        all.extend_from_slice(&pattern(bytes));
        all.extend_from_slice(b"GET /behind HTTP/1.1\r\nHost: a\r\n\r\n");
        // Sent from beside: the answers may come before all of it is taken.
        let mut sender = client.stream().try_clone().expect("a clone");
        let sending = thread::spawn(move || std::io::Write::write_all(&mut sender, &all));
        assert_eq!(client.response().text(), format!("{bytes} true"));
        assert_eq!(client.response().text(), "0 true");
        sending.join().unwrap().expect("all is taken");
    }
    assert_eq!(upstream.visits(), 1);
}

fn a_slow_upstream_gets_a_long_upload_whole(driver: Driver) {
    const BYTES: usize = 20_000_000;
    let upstream = Upstream::start(|visit| {
        while visit.head().is_some() {
            thread::sleep(Duration::from_millis(300));
            let body = visit.reader.exactly(BYTES).expect("all of it");
            visit.say(&(body == pattern(BYTES)).to_string());
        }
    });
    let gateway = Gateway::start(driver, proxy(upstream.address));
    let mut client = gateway.connect();
    for _ in 0..2 {
        client.send(format!(
            "PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: {BYTES}\r\n\r\n"
        ));
        client.send(pattern(BYTES));
        assert_eq!(client.response().text(), "true");
    }
}

/// What the gateway reads first of a response where the one before was long.
const SHORT_READ_BYTES: usize = 2048;

fn a_short_read_that_was_full_keeps_the_connection(driver: Driver) {
    let upstream = Upstream::start(|visit| {
        while let Some(request) = visit.request() {
            if request.target() == "/long" {
                visit.say(&"l".repeat(65_536));
                continue;
            }
            let head = "HTTP/1.1 200 OK\r\nContent-Length: 1500\r\nX-Padding: \r\n\r\n";
            let padding = "p".repeat(SHORT_READ_BYTES - 1500 - head.len());
            let head = head.replace("X-Padding: ", &format!("X-Padding: {padding}"));
            visit.send(head + &"s".repeat(1500));
        }
    });
    let gateway = Gateway::start(driver, proxy(upstream.address));
    let mut client = gateway.connect();
    for _ in 0..3 {
        assert_eq!(client.get("/long").body.len(), 65_536);
        assert_eq!(client.get("/short").body.len(), 1500);
    }
    assert_eq!(upstream.visits(), 1);
}

/// An upstream that answers before the request has ended, sends the first part of what it announced,
/// and stops; a gateway with this timeout, and a client that has begun a request.
fn hasty(driver: Driver, timeout: &str) -> (Upstream, Gateway, Client) {
    let upstream = Upstream::start(|visit| {
        if visit.head().is_some() {
            visit.send("HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n");
            visit.send(pattern(100_000));
            visit.await_end();
        }
    });
    let times = table("timeouts", timeout);
    let gateway = Gateway::start(driver, proxy(upstream.address) + &times);
    let mut client = gateway.connect();
    client.send("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n");
    (upstream, gateway, client)
}

fn an_early_answer_beside_an_upload_that_stops_has_its_time(driver: Driver) {
    let (upstream, _gateway, mut client) = hasty(driver, "body = \"500ms\"");
    client.send(pattern(100_000));
    let began = Instant::now();
    assert_eq!(client.head().status(), 200);
    let mut rest = Vec::new();
    let _ = client.stream().read_to_end(&mut rest);
    assert!(
        began.elapsed() < Duration::from_secs(8),
        "the body timeout holds"
    );
    upstream.await_ends(1);
}

fn an_upload_that_trickles_beside_its_answer_ends_with_the_exchange(driver: Driver) {
    let (upstream, _gateway, mut client) = hasty(driver, "exchange = \"1s\"");
    assert_eq!(client.head().status(), 200);
    let mut sender = client.stream().try_clone().expect("a clone");
    let trickle = thread::spawn(move || {
        // Ten seconds at most.
        (0..200).find(|_| {
            thread::sleep(Duration::from_millis(50));
            std::io::Write::write_all(&mut sender, b"x").is_err()
        })
    });
    let mut rest = Vec::new();
    let _ = client.stream().read_to_end(&mut rest);
    assert!(trickle.join().unwrap().is_some(), "the exchange has an end");
    upstream.await_ends(1);
}

fn a_slow_client_is_not_taken_for_a_slow_upstream(driver: Driver) {
    const BYTES: usize = 20_000_000;
    let upstream = patterned();
    let times = table("timeouts", "body = \"300ms\"\nwrite = \"10s\"");
    let gateway = Gateway::start(driver, proxy(upstream.address) + &times);
    for first in ["/1", "/65536"] {
        let mut client = gateway.connect();
        fetch(&mut client, first);
        client.send(format!("GET /{BYTES} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(client.head().status(), 200);
        thread::sleep(Duration::from_millis(900));
        let body = client.reader().exactly(BYTES).expect("all of it");
        assert!(body == pattern(BYTES), "the body differs");
    }
}

//! How long a client may take, and what it gets when that is over.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::kit::{Driver, Gateway, Upstream, eventually, mock, proxy, table};

on_both_drivers! {
    a_slow_head_is_408,
    what_is_no_http_is_not_waited_for,
    a_silent_new_connection_is_closed,
    a_resting_connection_is_closed_without_a_word,
    a_slow_body_is_408,
    a_body_that_keeps_coming_is_not_slow,
    a_client_that_reads_nothing_is_cut_off,
    an_exchange_ends_at_its_time,
    a_gateway_where_nothing_happens_sleeps,
    a_time_that_begins_after_a_long_rest_is_whole,
}

fn a_slow_head_is_408(driver: Driver) {
    let gateway = Gateway::start(
        driver,
        mock("GET /x", "ok") + &table("timeouts", "header = \"200ms\""),
    );
    let mut client = gateway.connect();
    assert_eq!(client.get("/x").text(), "ok");
    client.send("GET /x HTTP/1.1\r\nHost: ");
    assert_eq!(client.response().status(), 408);
    client.expect_end();
    // Trickling does not buy time.
    let mut client = gateway.connect();
    client.send("GET /x HTTP/1.1\r\nX-A: ");
    eventually("the end of a trickling request", || {
        client.try_send("a").err()
    });
}

fn what_is_no_http_is_not_waited_for(driver: Driver) {
    let gateway = Gateway::start(
        driver,
        mock("GET /x", "ok") + &table("timeouts", "header = \"1h\""),
    );
    // The begin of a TLS handshake, as of a client that was given the wrong scheme.
    let mut client = gateway.connect();
    client.send("\u{16}\u{3}\u{1}\u{2}\0\u{1}\0");
    assert_eq!(client.response().status(), 400);
    client.expect_end();
}

fn a_silent_new_connection_is_closed(driver: Driver) {
    let gateway = Gateway::start(
        driver,
        mock("GET /x", "ok") + &table("timeouts", "header = \"200ms\""),
    );
    gateway.connect().rest();
}

fn a_resting_connection_is_closed_without_a_word(driver: Driver) {
    let gateway = Gateway::start(
        driver,
        mock("GET /x", "ok") + &table("timeouts", "idle = \"200ms\""),
    );
    let mut client = gateway.connect();
    assert_eq!(client.get("/x").text(), "ok");
    client.expect_end();
}

fn a_slow_body_is_408(driver: Driver) {
    let upstream = Upstream::saying("ok");
    let config = proxy(upstream.address) + &table("timeouts", "body = \"200ms\"");
    let gateway = Gateway::start(driver, config);
    for framing in [
        "Content-Length: 10\r\n\r\nhello",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhel",
    ] {
        let mut client = gateway.connect();
        client.send(format!("POST /x HTTP/1.1\r\nHost: a\r\n{framing}"));
        assert_eq!(client.response().status(), 408, "{framing:?}");
        client.expect_end();
    }
    upstream.await_ends(2);
    assert_eq!(upstream.count(), 0);
}

fn a_body_that_keeps_coming_is_not_slow(driver: Driver) {
    let upstream = Upstream::saying("ok");
    let config = proxy(upstream.address) + &table("timeouts", "body = \"1s\"\nheader = \"1s\"");
    let gateway = Gateway::start(driver, config);
    let mut client = gateway.connect();
    client.send("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\n");
    for _ in 0..12 {
        // The pace is the subject here, not a way to wait for something.
        std::thread::sleep(std::time::Duration::from_millis(120));
        client.send("a");
    }
    assert_eq!(client.response().text(), "ok");
}

fn a_client_that_reads_nothing_is_cut_off(driver: Driver) {
    let upstream = Upstream::start(|visit| {
        visit.request();
        visit.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        let chunk = format!("4000\r\n{}\r\n", "a".repeat(0x4000));
        while visit.send(&chunk) {}
    });
    let config = proxy(upstream.address) + &table("timeouts", "write = \"300ms\"");
    let gateway = Gateway::start(driver, config);
    let mut client = gateway.connect();
    client.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    upstream.await_ends(1);
    gateway.await_metric("daemun_connections_open", 0.0);
}

fn an_exchange_ends_at_its_time(driver: Driver) {
    let upstream = Upstream::start(|visit| {
        visit.request();
        visit.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        while visit.send("1\r\na\r\n") {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    });
    let config = proxy(upstream.address) + &table("timeouts", "exchange = \"500ms\"");
    let gateway = Gateway::start(driver, config);
    let mut client = gateway.connect();
    client.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    let all = client.rest();
    assert!(
        !all.ends_with(b"0\r\n\r\n"),
        "a body cut off must not look whole"
    );
    upstream.await_ends(1);
}

fn a_gateway_where_nothing_happens_sleeps(driver: Driver) {
    let gateway = Gateway::start(
        driver,
        mock("GET /x", "ok") + "[logging]\naccess_log = \"stdout\"\n",
    );
    let mut client = gateway.connect();
    assert_eq!(client.get("/x").text(), "ok");
    // Cores and log writers look 50 and 20 times a second while something happens.
    eventually("two quiet seconds", || {
        let before = switches(gateway.pid());
        sleep(Duration::from_secs(2));
        let after = switches(gateway.pid());
        let is_quiet = |name: &String| after[name] - before[name] < 12;
        (before.len() == after.len() && before.keys().all(is_quiet)).then_some(())
    });
    assert_eq!(client.get("/x").text(), "ok");
    eventually("the line of the last request", || {
        (gateway.stdout().matches("GET /x").count() == 2).then_some(())
    });
}

/// How often each core and each writer of a log went to sleep.
fn switches(pid: u32) -> BTreeMap<String, u64> {
    let task = |folder: &Path| {
        let name = fs::read_to_string(folder.join("comm")).ok()?;
        let status = fs::read_to_string(folder.join("status")).ok()?;
        let line = |line: &str| {
            line.strip_prefix("voluntary_ctxt_switches:")?
                .trim()
                .parse()
                .ok()
        };
        let is_ours = name.starts_with("core-") || name.starts_with("daemun-log");
        let name = format!("{} {}", folder.display(), name.trim());
        is_ours.then_some((name, status.lines().find_map(line)?))
    };
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let all: BTreeMap<_, _> = tasks
        .filter_map(|entry| task(&entry.unwrap().path()))
        .collect();
    assert!(all.len() >= 2, "{all:?}");
    all
}

fn a_time_that_begins_after_a_long_rest_is_whole(driver: Driver) {
    let header = Duration::from_millis(1500);
    let gateway = Gateway::start(
        driver,
        mock("GET /x", "ok") + &table("timeouts", "header = \"1500ms\"\nidle = \"1500ms\""),
    );
    let mut resting = gateway.connect();
    assert_eq!(resting.get("/x").text(), "ok");
    // What is due while the core sleeps ends all the same.
    resting.expect_end();
    sleep(Duration::from_millis(1700));
    let mut client = gateway.connect();
    let begun = Instant::now();
    client.send("GET /x HTTP/1.1\r\nHost: ");
    assert_eq!(client.response().status(), 408);
    assert!(begun.elapsed() >= header, "{:?}", begun.elapsed());
}

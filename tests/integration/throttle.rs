//! Too many requests: exact counts over all cores, and what a reload keeps.

use std::thread;

use crate::kit::{Driver, Gateway, Setup, Upstream, eventually, mock, proxy, table};

on_both_drivers! {
    a_throttled_request_is_429_and_the_connection_goes_on,
    a_rate_or_a_burst_of_zero_refuses_all,
    a_burst_is_exact_over_several_cores,
    account_and_stage_limits_hold_for_all_routes_together,
    tokens_come_back,
    a_reload_keeps_the_state_of_unchanged_limits,
    a_throttled_request_does_not_reach_the_upstream,
}

/// So slow that no token comes back during a test.
const SLOW: &str = "rate_limit = 0.001";

fn throttled(key: &str, limit: &str) -> String {
    mock(key, "ok") + &format!("throttling = {{ {limit} }}\n")
}

fn a_throttled_request_is_429_and_the_connection_goes_on(driver: Driver) {
    let config = throttled("GET /x", &format!("{SLOW}, burst_limit = 2")) + &mock("GET /y", "free");
    let gateway = Gateway::start(driver, config);
    let mut client = gateway.connect();
    for _ in 0..2 {
        assert_eq!(client.get("/x").status(), 200);
    }
    let response = client.get("/x");
    assert_eq!(response.status(), 429);
    assert_eq!(response.text(), r#"{"message":"Too Many Requests"}"#);
    assert_eq!(response.header("content-type"), Some("application/json"));
    assert_eq!(client.get("/y").text(), "free");
    assert_eq!(
        gateway.metric("daemun_throttled_total{level=\"route\"}"),
        Some(1.0)
    );
}

fn a_rate_or_a_burst_of_zero_refuses_all(driver: Driver) {
    let config = throttled("GET /rate", "rate_limit = 0, burst_limit = 10")
        + &throttled("GET /burst", "rate_limit = 10, burst_limit = 0");
    let gateway = Gateway::start(driver, config);
    for _ in 0..3 {
        assert_eq!(gateway.get("/rate").status(), 429);
        assert_eq!(gateway.get("/burst").status(), 429);
    }
}

/// How many of many requests over many connections at once are served.
fn served(gateway: &Gateway, target: &str) -> usize {
    let one = || {
        let mut client = gateway.connect();
        let served = |_: &i32| client.get(target).status() == 200;
        (0..25).filter(served).count()
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..16).map(|_| scope.spawn(one)).collect();
        threads.into_iter().map(|one| one.join().unwrap()).sum()
    })
}

fn a_burst_is_exact_over_several_cores(driver: Driver) {
    let config = throttled("GET /x", &format!("{SLOW}, burst_limit = 123"));
    let gateway = Setup::new(driver, config).workers(4).start();
    assert_eq!(served(&gateway, "/x"), 123);
}

fn account_and_stage_limits_hold_for_all_routes_together(driver: Driver) {
    let limit = format!("throttling = {{ {SLOW}, burst_limit = 5 }}");
    let routes = mock("GET /x", "ok") + &mock("GET /y", "ok");
    for scope in ["account", "apis.main.stages.\"$default\""] {
        let gateway = Gateway::start(driver, routes.clone() + &table(scope, &limit));
        let mut client = gateway.connect();
        for number in 0..10 {
            let target = if number % 2 == 0 { "/x" } else { "/y" };
            let expected = if number < 5 { 200 } else { 429 };
            assert_eq!(
                client.get(target).status(),
                expected,
                "{scope}, request {number}"
            );
        }
    }
}

fn tokens_come_back(driver: Driver) {
    let config = throttled("GET /x", "rate_limit = 2.5, burst_limit = 1");
    let gateway = Gateway::start(driver, config);
    let mut client = gateway.connect();
    assert_eq!(client.get("/x").status(), 200);
    assert_eq!(client.get("/x").status(), 429);
    for _ in 0..2 {
        eventually("another token", || {
            (client.get("/x").status() == 200).then_some(())
        });
    }
}

fn a_reload_keeps_the_state_of_unchanged_limits(driver: Driver) {
    let config = throttled("GET /x", &format!("{SLOW}, burst_limit = 2"));
    let mut gateway = Gateway::start(driver, config.clone());
    let mut client = gateway.connect();
    let mut statuses = move || [0; 3].map(|_| client.get("/x").status());
    assert_eq!(statuses(), [200, 200, 429]);
    gateway.reload(config.clone() + &mock("GET /new", "new"));
    eventually("the new route", || {
        (gateway.get("/new").status() == 200).then_some(())
    });
    assert_eq!(statuses(), [429; 3], "unchanged numbers keep their state");
    gateway
        .reload(config.replace("burst_limit = 2", "burst_limit = 3") + &mock("GET /newer", "new"));
    eventually("the new route", || {
        (gateway.get("/newer").status() == 200).then_some(())
    });
    assert_eq!(statuses(), [200; 3], "new numbers begin anew");
}

fn a_throttled_request_does_not_reach_the_upstream(driver: Driver) {
    let upstream = Upstream::saying("ok");
    let limit = format!("throttling = {{ {SLOW}, burst_limit = 1 }}\n");
    let gateway = Gateway::start(driver, proxy(upstream.address) + &limit);
    let mut client = gateway.connect();
    let post = "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody";
    assert_eq!(client.request(post).status(), 200);
    assert_eq!(client.request(post).status(), 429);
    assert_eq!(
        client.request(post).status(),
        429,
        "its body is not taken for a request"
    );
    assert_eq!(upstream.count(), 1);
}

//! Upstream connections kept between requests: which are used, which are not, what is tried again.

use crate::kit::{Driver, Gateway, Setup, Upstream, proxy, route, table};

on_both_drivers! {
    a_stale_connection_is_replaced_for_a_request_that_may_be_repeated,
    a_post_that_may_have_been_seen_is_not_repeated,
    a_connection_closed_while_resting_is_not_used,
    a_connection_that_asks_to_close_is_not_used_again,
    resting_connections_are_closed_in_time,
    no_more_connections_rest_than_configured,
    a_request_is_not_repeated_twice,
}

/// Answers the first request of each connection and hangs up on the second.
fn forgetful() -> Upstream {
    Upstream::start(|visit| {
        if visit.request().is_some() {
            visit.say("ok");
            visit.request();
        }
    })
}

fn a_stale_connection_is_replaced_for_a_request_that_may_be_repeated(driver: Driver) {
    let upstream = forgetful();
    let gateway = Gateway::start(driver, proxy(upstream.address));
    let mut client = gateway.connect();
    assert_eq!(client.get("/first").text(), "ok");
    assert_eq!(client.get("/second").text(), "ok");
    let delete = "DELETE /third HTTP/1.1\r\nHost: a\r\n\r\n";
    assert_eq!(client.request(delete).text(), "ok");
    let put = "PUT /fourth HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody";
    assert_eq!(client.request(put).text(), "ok");
    assert_eq!(upstream.last().text(), "body", "a body is repeated whole");
    assert_eq!(gateway.metric("daemun_retries_total"), Some(3.0));
}

fn a_post_that_may_have_been_seen_is_not_repeated(driver: Driver) {
    let upstream = forgetful();
    let gateway = Gateway::start(driver, proxy(upstream.address));
    let mut client = gateway.connect();
    for method in ["POST", "PATCH"] {
        assert_eq!(client.get("/first").text(), "ok");
        let before = upstream.count();
        let request = format!("{method} /second HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(client.request(request).status(), 502);
        assert_eq!(upstream.count(), before + 1);
    }
}

fn a_connection_closed_while_resting_is_not_used(driver: Driver) {
    let upstream = Upstream::start(|visit| {
        visit.request();
        visit.say("ok");
    });
    let gateway = Gateway::start(driver, proxy(upstream.address));
    let mut client = gateway.connect();
    for number in 1..=3 {
        let request = "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody";
        assert_eq!(client.request(request).text(), "ok");
        upstream.await_ends(number);
    }
}

fn a_connection_that_asks_to_close_is_not_used_again(driver: Driver) {
    let upstream = Upstream::start(|visit| {
        for answer in [
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
            "HTTP/1.1 500 Oh No\r\nContent-Length: 4\r\n\r\nused",
        ] {
            visit.request();
            visit.send(answer);
        }
    });
    let gateway = Gateway::start(driver, proxy(upstream.address));
    let mut client = gateway.connect();
    for _ in 0..3 {
        assert_eq!(client.get("/x").text(), "ok");
    }
    let upstream = Upstream::start(|visit| {
        visit.request();
        visit.send("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok");
        visit.request();
        visit.send("HTTP/1.0 500 Oh No\r\nContent-Length: 4\r\n\r\nused");
    });
    let gateway = Gateway::start(driver, proxy(upstream.address));
    for _ in 0..3 {
        assert_eq!(
            gateway.get("/x").text(),
            "ok",
            "HTTP/1.0 closes unless it says otherwise"
        );
    }
}

/// A config whose only upstream has these settings.
fn pool(upstream: &Upstream, settings: &str) -> String {
    let targets = format!("targets = [\"{}\"]\n{settings}", upstream.address);
    route("ANY /{proxy+}", "http://pool/{proxy}") + &table("upstreams.pool", &targets)
}

fn resting_connections_are_closed_in_time(driver: Driver) {
    let upstream = Upstream::saying("ok");
    let gateway = Gateway::start(driver, pool(&upstream, "idle_timeout = \"200ms\""));
    assert_eq!(gateway.get("/x").text(), "ok");
    upstream.await_ends(1);
    assert_eq!(gateway.get("/x").text(), "ok");
}

fn no_more_connections_rest_than_configured(driver: Driver) {
    let upstream = Upstream::saying("ok");
    let gateway = Gateway::start(driver, pool(&upstream, "idle_connections = 0"));
    let mut client = gateway.connect();
    for number in 1..=3 {
        assert_eq!(client.get("/x").text(), "ok");
        assert_eq!(upstream.visits(), number);
    }
}

fn a_request_is_not_repeated_twice(driver: Driver) {
    let upstream = Upstream::start(|visit| {
        if visit.number < 2 {
            visit.request();
            visit.say("ok");
        }
        visit.request();
    });
    let gateway = Setup::new(driver, proxy(upstream.address)).start();
    let mut client = gateway.connect();
    assert_eq!(client.get("/first").text(), "ok");
    assert_eq!(client.get("/second").text(), "ok");
    // Now the kept connection goes, and the fresh one too.
    let before = upstream.count();
    assert_eq!(client.get("/third").status(), 502);
    assert_eq!(upstream.count(), before + 2);
}

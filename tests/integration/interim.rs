//! What comes before a final response: 100, 103, and the 101 that nobody gets.

use crate::kit::{Driver, Gateway, Upstream, mock, proxy, route, table};

on_both_drivers! {
    a_client_that_expects_100_gets_it_before_its_body,
    an_expectation_is_not_passed_on,
    a_refused_request_gets_no_100,
    an_unknown_expectation_is_refused,
    early_hints_are_passed_on,
    http_1_0_gets_no_interim_response,
    an_upgrade_is_not_asked_of_the_upstream,
    an_unasked_101_is_a_bad_gateway,
    endless_interim_responses_meet_the_timeout,
}

fn a_client_that_expects_100_gets_it_before_its_body(driver: Driver) {
    let upstream = Upstream::saying("ok");
    let gateway = Gateway::start(driver, proxy(upstream.address));
    let mut client = gateway.connect();
    for _ in 0..2 {
        client.send(
            "POST /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n",
        );
        assert_eq!(client.head().status(), 100);
        client.send("body");
        assert_eq!(client.response().text(), "ok");
        assert_eq!(upstream.last().text(), "body");
    }
}

fn an_expectation_is_not_passed_on(driver: Driver) {
    let upstream = Upstream::saying("ok");
    let gateway = Gateway::start(driver, proxy(upstream.address));
    let mut client = gateway.connect();
    client.send(
        "POST /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n",
    );
    assert_eq!(client.head().status(), 100);
    client.send("4\r\nbody\r\n0\r\n\r\n");
    assert_eq!(client.response().text(), "ok");
    assert_eq!(upstream.last().header("expect"), None);
    // A body that is there already needs no leave.
    client.send(
        "POST /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\nbody",
    );
    assert_eq!(client.response().text(), "ok");
}

fn a_refused_request_gets_no_100(driver: Driver) {
    let config = mock("GET /x", "ok") + &table("limits", "body_bytes = 10");
    let gateway = Gateway::start(driver, config);
    for (request, status) in [
        (
            "POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 4",
            404,
        ),
        ("GET /x HTTP/1.1\r\nHost: a\r\nContent-Length: 11", 413),
    ] {
        let mut client = gateway.connect();
        client.send(format!("{request}\r\nExpect: 100-continue\r\n\r\n"));
        assert_eq!(client.head().status(), status);
    }
}

fn an_unknown_expectation_is_refused(driver: Driver) {
    let gateway = Gateway::start(driver, mock("POST /x", "ok"));
    let mut client = gateway.connect();
    let response = client
        .request("POST /x HTTP/1.1\r\nHost: a\r\nExpect: miracles\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(response.status(), 417);
    client.expect_end();
}

/// Says 100, 102 and 103 before it answers.
fn upstream_with_hints() -> Upstream {
    Upstream::answering(
        "HTTP/1.1 100 Continue\r\n\r\n\
         HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nConnection: x-hop\r\nX-Hop: 1\r\n\r\n\
         HTTP/1.1 103 Early Hints\r\nLink: </b.css>; rel=preload\r\n\r\n\
         HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    )
}

fn early_hints_are_passed_on(driver: Driver) {
    let upstream = upstream_with_hints();
    let gateway = Gateway::start(driver, proxy(upstream.address));
    let mut client = gateway.connect();
    for _ in 0..2 {
        client.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
        let hint = client.head();
        assert_eq!(hint.status(), 103);
        assert_eq!(hint.header("link"), Some("</a.css>; rel=preload"));
        assert_eq!(hint.header("x-hop"), None, "nominated by Connection");
        assert_eq!(client.head().header("link"), Some("</b.css>; rel=preload"));
        assert_eq!(client.response().text(), "ok");
    }
}

fn http_1_0_gets_no_interim_response(driver: Driver) {
    let upstream = upstream_with_hints();
    let gateway = Gateway::start(driver, proxy(upstream.address));
    let mut client = gateway.connect();
    client.send("GET /x HTTP/1.0\r\n\r\n");
    assert_eq!(client.head().status(), 200);
}

fn an_upgrade_is_not_asked_of_the_upstream(driver: Driver) {
    let upstream = Upstream::saying("plain");
    let gateway = Gateway::start(driver, proxy(upstream.address));
    for protocol in ["websocket", "h2c"] {
        let mut client = gateway.connect();
        let response = client.request(format!(
            "GET /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\n\
             Upgrade: {protocol}\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
        ));
        assert_eq!(response.text(), "plain");
        let request = upstream.last();
        for name in ["upgrade", "connection", "http2-settings"] {
            assert_eq!(request.header(name), None, "{name}");
        }
        assert_eq!(client.get("/y").text(), "plain", "the connection goes on");
    }
}

fn an_unasked_101_is_a_bad_gateway(driver: Driver) {
    let upstream = Upstream::answering(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    );
    let gateway = Gateway::start(driver, proxy(upstream.address));
    assert_eq!(gateway.get("/x").status(), 502);
    let mut client = gateway.connect();
    let response = client
        .request("GET /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    assert_eq!(response.status(), 502);
    assert_eq!(upstream.visits(), 2, "such a connection is not used again");
}

fn endless_interim_responses_meet_the_timeout(driver: Driver) {
    let upstream = Upstream::start(|visit| {
        visit.request();
        while visit.send("HTTP/1.1 100 Continue\r\n\r\n") {}
    });
    let uri = format!("http://{}/x", upstream.address);
    let config = route("GET /x", &uri).replace(" }", ", timeout = \"300ms\" }");
    let gateway = Gateway::start(driver, config + &mock("GET /y", "ok"));
    let mut client = gateway.connect();
    client.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    upstream.await_requests(1);
    // The core has other clients, and they are served in the meantime.
    for _ in 0..10 {
        assert_eq!(gateway.get("/y").text(), "ok");
    }
    let status = client.response().status();
    assert!(matches!(status, 502 | 504), "{status}");
}

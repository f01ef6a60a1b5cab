//! HTTP/1.1 and 1.0 as RFC 9112 has them: connections, bodies, their ends.

use crate::kit::{Driver, Gateway, Upstream, eventually, mock, proxy, table};

on_both_drivers! {
    a_connection_serves_many_requests,
    pipelined_requests_are_answered_in_order,
    http_1_0_closes_unless_it_asks_to_stay,
    http_1_0_gets_no_chunks,
    head_is_answered_without_a_body,
    statuses_without_body_leave_the_connection_usable,
    chunked_requests_reach_the_upstream_with_their_trailers,
    chunked_responses_reach_the_client_with_their_trailers,
    a_body_that_ends_with_the_upstream_connection_gets_chunks,
    a_request_may_arrive_byte_by_byte,
    empty_lines_before_a_request_are_skipped,
    any_method_and_a_get_with_a_body_pass,
    an_early_response_reaches_a_client_that_still_sends,
    a_client_that_half_closes_gets_its_answer,
    connection_close_is_obeyed_and_said,
    a_client_that_goes_away_ends_its_upstream_request,
    a_mock_answers_a_request_with_a_body_and_goes_on,
}

fn a_connection_serves_many_requests(driver: Driver) {
    let upstream = Upstream::telling_targets();
    let gateway = Gateway::start(driver, proxy(upstream.address));
    let mut client = gateway.connect();
    for number in 0..100 {
        let response = client.get(&format!("/{number}"));
        assert_eq!(response.text(), format!("/{number}"));
    }
    assert_eq!(upstream.visits(), 1, "one core needs one connection");
}

fn pipelined_requests_are_answered_in_order(driver: Driver) {
    let upstream = Upstream::telling_targets();
    let gateway = Gateway::start(
        driver,
        proxy(upstream.address) + &mock("GET /mock", "mocked"),
    );
    let mut client = gateway.connect();
    let mut all = String::new();
    for number in 0..20 {
        all += &format!("GET /{number} HTTP/1.1\r\nHost: a\r\n\r\n");
        all += "GET /mock HTTP/1.1\r\nHost: a\r\n\r\n";
        all += &format!("POST /p{number} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
        all += &format!("PUT /c{number} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        all += "3\r\nabc\r\n0\r\n\r\n";
    }
    client.send(all);
    for number in 0..20 {
        assert_eq!(client.response().text(), format!("/{number}"));
        assert_eq!(client.response().text(), "mocked");
        assert_eq!(client.response().text(), format!("/p{number}"));
        assert_eq!(client.response().text(), format!("/c{number}"));
    }
    let requests = upstream.requests();
    assert_eq!(requests.len(), 60);
    assert!(
        requests
            .iter()
            .all(|request| match request.target().as_bytes()[1] {
                b'p' => request.text() == "hello",
                b'c' => request.text() == "abc",
                _ => request.body.is_empty(),
            })
    );
}

fn http_1_0_closes_unless_it_asks_to_stay(driver: Driver) {
    let upstream = Upstream::saying("hello");
    let gateway = Gateway::start(driver, proxy(upstream.address));
    let mut client = gateway.connect();
    let stay = "GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
    for _ in 0..2 {
        let response = client.request(stay);
        assert_eq!(response.text(), "hello");
        let connection = response.header("connection").unwrap_or_default();
        assert!(
            connection.eq_ignore_ascii_case("keep-alive"),
            "{}",
            response.head
        );
    }
    let response = client.request("GET /x HTTP/1.0\r\n\r\n");
    assert_eq!(response.text(), "hello");
    client.expect_end();
    assert!(upstream.last().start().ends_with(" HTTP/1.1"));
}

fn http_1_0_gets_no_chunks(driver: Driver) {
    let upstream = Upstream::answering(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
    );
    let gateway = Gateway::start(driver, proxy(upstream.address));
    let mut client = gateway.connect();
    let response = client.request("GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_eq!(response.header("transfer-encoding"), None);
    assert_eq!(response.text(), "abcde");
    client.expect_end();
}

fn head_is_answered_without_a_body(driver: Driver) {
    let upstream = Upstream::start(|visit| {
        while let Some(request) = visit.request() {
            let more = match request.target() {
                "/chunked" => "Transfer-Encoding: chunked\r\n",
                "/length" => "Content-Length: 5\r\n",
                _ => "",
            };
            visit.send(format!("HTTP/1.1 200 OK\r\n{more}\r\n"));
        }
    });
    let gateway = Gateway::start(
        driver,
        proxy(upstream.address) + &mock("GET /mock", "mocked"),
    );
    let mut client = gateway.connect();
    let mut head = |target: &str| {
        client.send(format!("HEAD {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
        client.head()
    };
    for _ in 0..2 {
        assert_eq!(head("/length").header("content-length"), Some("5"));
        assert_eq!(head("/none").status(), 200);
        assert_eq!(head("/chunked").header("content-length"), None);
    }
    assert_eq!(
        upstream.visits(),
        1,
        "a HEAD leaves the upstream connection usable"
    );
    assert_eq!(client.get("/mock").text(), "mocked");
}

fn statuses_without_body_leave_the_connection_usable(driver: Driver) {
    let upstream = Upstream::start(|visit| {
        while let Some(request) = visit.request() {
            visit.send(match request.target() {
                "/204" => "HTTP/1.1 204 No Content\r\n\r\n",
                "/204-length" => "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n",
                "/304" => "HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n",
                _ => "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            });
        }
    });
    let gateway = Gateway::start(driver, proxy(upstream.address));
    let mut client = gateway.connect();
    for _ in 0..2 {
        assert_eq!(client.get("/204").status(), 204);
        // "A server MUST NOT send a Content-Length header field in any response with a status
        // code of 1xx or 204" (RFC 9110 section 8.6).
        assert_eq!(client.get("/204-length").header("content-length"), None);
        assert_eq!(client.get("/304").status(), 304);
        assert_eq!(client.get("/200").text(), "ok");
    }
    assert_eq!(upstream.visits(), 1);
}

fn chunked_requests_reach_the_upstream_with_their_trailers(driver: Driver) {
    let upstream = Upstream::saying("ok");
    let gateway = Gateway::start(driver, proxy(upstream.address));
    let mut client = gateway.connect();
    client.send(
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n",
    );
    client.send("5;name=\"value\"\r\nhello\r\n");
    client.send("7\r\n, world\r\n");
    client.send("0\r\nX-Sum: 12\r\n\r\n");
    assert_eq!(client.response().text(), "ok");
    let request = upstream.last();
    assert_eq!(request.text(), "hello, world");
    assert_eq!(request.trailers, "X-Sum: 12\r\n");
    assert_eq!(request.header("content-length"), None);
    assert_eq!(client.get("/y").text(), "ok");
}

fn chunked_responses_reach_the_client_with_their_trailers(driver: Driver) {
    let upstream = Upstream::start(|visit| {
        while visit.request().is_some() {
            visit.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n");
            visit.send("5\r\nhello\r\n");
            visit.send("7\r\n, world\r\n0\r\nX-Sum: 12\r\n\r\n");
        }
    });
    let gateway = Gateway::start(driver, proxy(upstream.address));
    let mut client = gateway.connect();
    for _ in 0..2 {
        let response = client.get("/x");
        assert_eq!(response.text(), "hello, world");
        assert_eq!(response.trailers, "X-Sum: 12\r\n");
        assert_eq!(response.header("content-length"), None);
    }
    assert_eq!(upstream.visits(), 1);
}

fn a_body_that_ends_with_the_upstream_connection_gets_chunks(driver: Driver) {
    let upstream = Upstream::start(|visit| {
        visit.request();
        visit.send("HTTP/1.1 200 OK\r\n\r\nall there is");
    });
    let gateway = Gateway::start(driver, proxy(upstream.address));
    let mut client = gateway.connect();
    for _ in 0..2 {
        let response = client.get("/x");
        assert!(response.is_chunked(), "{}", response.head);
        assert_eq!(response.text(), "all there is");
    }
}

fn a_request_may_arrive_byte_by_byte(driver: Driver) {
    let upstream = Upstream::saying("ok");
    let gateway = Gateway::start(driver, proxy(upstream.address));
    let mut client = gateway.connect();
    let request = "POST /slow HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
                   3\r\nabc\r\n0\r\n\r\n";
    for _ in 0..2 {
        for byte in request.as_bytes() {
            client.send([*byte]);
        }
        assert_eq!(client.response().text(), "ok");
        assert_eq!(upstream.last().text(), "abc");
    }
}

fn empty_lines_before_a_request_are_skipped(driver: Driver) {
    let gateway = Gateway::start(driver, mock("GET /x", "ok"));
    let mut client = gateway.connect();
    for _ in 0..2 {
        let response = client.request("\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(response.text(), "ok");
    }
}

fn any_method_and_a_get_with_a_body_pass(driver: Driver) {
    let upstream = Upstream::saying("ok");
    let gateway = Gateway::start(driver, proxy(upstream.address));
    let mut client = gateway.connect();
    for method in ["DELETE", "OPTIONS", "PATCH", "POST", "PUT"] {
        let response = client.request(format!("{method} /x HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(response.status(), 200, "{method}");
        assert_eq!(upstream.last().start(), format!("{method} /x HTTP/1.1"));
    }
    client.request("GET /x HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody");
    assert_eq!(upstream.last().text(), "body");
}

fn an_early_response_reaches_a_client_that_still_sends(driver: Driver) {
    let upstream = Upstream::start(|visit| {
        visit.head();
        visit.send("HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno");
    });
    let gateway = Gateway::start(driver, proxy(upstream.address));
    let mut client = gateway.connect();
    client.send("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 10000000\r\n\r\nthe first of it");
    let response = client.response();
    assert_eq!((response.status(), response.text()), (403, "no"));
    // The rest of the body must not be taken for a request.
    client.finish_sending();
    client.expect_end();
}

fn a_client_that_half_closes_gets_its_answer(driver: Driver) {
    let upstream = Upstream::start(|visit| {
        while let Some(request) = visit.request() {
            // An answer in two parts, so that the end of the client is seen in between.
            visit.send("HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\nslowly");
            assert!(request.body.len() <= 4);
            visit.send("slowly");
        }
    });
    let gateway = Gateway::start(driver, proxy(upstream.address));
    for request in [
        "GET /x HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody",
    ] {
        let mut client = gateway.connect();
        client.send(request);
        client.finish_sending();
        assert_eq!(client.response().text(), "slowlyslowly");
        client.expect_end();
    }
}

fn connection_close_is_obeyed_and_said(driver: Driver) {
    let upstream = Upstream::saying("ok");
    let gateway = Gateway::start(driver, proxy(upstream.address));
    let mut client = gateway.connect();
    let request = "GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let response = client.request(format!("{request}{request}"));
    let connection = response.header("connection").unwrap_or_default();
    assert!(
        connection.eq_ignore_ascii_case("close"),
        "{}",
        response.head
    );
    client.expect_end();
    assert_eq!(upstream.count(), 1, "nothing is served behind a close");
}

fn a_client_that_goes_away_ends_its_upstream_request(driver: Driver) {
    let upstream = Upstream::start(|visit| {
        visit.request();
        visit.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        while visit.send("5\r\nhello\r\n") {}
    });
    let gateway = Gateway::start(
        driver,
        proxy(upstream.address) + &table("timeouts", "write = \"1s\""),
    );
    let mut client = gateway.connect();
    client.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    client.head();
    drop(client);
    upstream.await_ends(1);
}

fn a_mock_answers_a_request_with_a_body_and_goes_on(driver: Driver) {
    let gateway = Gateway::start(driver, mock("POST /x", "ok"));
    let mut client = gateway.connect();
    for _ in 0..3 {
        let response =
            client.request("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody");
        assert_eq!(response.text(), "ok");
    }
    // A body that never comes: the answer does not wait for it, and the connection ends.
    client.send("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 400\r\n\r\nbody");
    assert_eq!(client.response().text(), "ok");
    client.finish_sending();
    client.expect_end();
    eventually("the end of the connection", || {
        (gateway.metric("daemun_connections_open")? == 0.0).then_some(())
    });
}

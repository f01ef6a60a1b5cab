//! What headers become on their way, in both directions.

use crate::kit::{Client, Driver, Gateway, Request, Upstream, mock, proxy, route, table};

on_both_drivers! {
    hop_by_hop_headers_of_a_request_end_here,
    hop_by_hop_headers_of_a_response_end_here,
    other_headers_pass_as_they_are,
    x_forwarded_headers_are_appended_to,
    x_forwarded_headers_are_replaced_at_the_edge,
    x_forwarded_headers_are_left_alone_when_off,
    a_call_that_the_operator_wants_explained_has_the_port_of_the_listener,
    forwarded_and_via_are_added_when_asked_for,
    the_host_is_the_upstreams_unless_told_otherwise,
    the_host_of_a_group_can_be_set_or_kept,
    every_answer_has_a_request_id_of_its_own,
    the_request_id_header_can_be_renamed_or_left_out,
    every_answer_has_one_date,
}

const HEAD: &str = "GET /x HTTP/1.1\r\nHost: shop.test:8080\r\n";

/// What arrives at the upstream for a request with these header lines.
fn forwarded(driver: Driver, config: &str, lines: &str) -> Request {
    let upstream = Upstream::saying("ok");
    let gateway = Gateway::start(driver, proxy(upstream.address) + config);
    let response = gateway.connect().request(format!("{HEAD}{lines}\r\n"));
    assert_eq!(response.status(), 200, "{}", response.head);
    upstream.last()
}

fn a_call_that_the_operator_wants_explained_has_the_port_of_the_listener(driver: Driver) {
    let upstream = Upstream::saying("ok");
    let gateway = Gateway::start(driver, proxy(upstream.address));
    let mut operator = Client::connect(gateway.admin);
    let said = operator.request(format!("{HEAD}x-daemun-explain: 1\r\n\r\n"));
    assert_eq!(said.status(), 200, "{}", said.head);
    let port = gateway.address.port().to_string();
    assert_eq!(upstream.last().header("x-forwarded-port"), Some(&*port));
}

fn hop_by_hop_headers_of_a_request_end_here(driver: Driver) {
    let request = forwarded(
        driver,
        "",
        "Connection: keep-alive, X-Secret\r\nX-Secret: 1\r\nConnection: x-other\r\nx-OTHER: 2\r\n\
         Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nTE: trailers\r\n\
         Upgrade: h2c\r\nX-Stays: 3\r\n",
    );
    for name in [
        "connection",
        "x-secret",
        "x-other",
        "keep-alive",
        "proxy-connection",
        "te",
        "upgrade",
    ] {
        assert_eq!(request.header(name), None, "{name} reached the upstream");
    }
    assert_eq!(request.header("x-stays"), Some("3"));
}

fn hop_by_hop_headers_of_a_response_end_here(driver: Driver) {
    let upstream = Upstream::answering(
        "HTTP/1.1 200 OK\r\nConnection: X-Secret, keep-alive\r\nX-Secret: 1\r\n\
         Keep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\nUpgrade: h2c\r\n\
         X-Stays: 3\r\nContent-Length: 2\r\n\r\nok",
    );
    let gateway = Gateway::start(driver, proxy(upstream.address));
    let mut client = gateway.connect();
    for _ in 0..2 {
        let response = client.get("/x");
        for name in [
            "connection",
            "x-secret",
            "keep-alive",
            "proxy-connection",
            "upgrade",
        ] {
            assert_eq!(response.header(name), None, "{name} reached the client");
        }
        assert_eq!(response.header("x-stays"), Some("3"));
    }
}

fn other_headers_pass_as_they_are(driver: Driver) {
    let lines = "X-One: a\r\nx-TWO:b\r\nAccept: text/*\r\nX-One: c, d\r\nX-Empty:\r\n\
                 Cookie: a=b; c=d\r\nAuthorization: Basic eDp5\r\n";
    let request = forwarded(driver, "", lines);
    assert!(
        request.head.contains(&lines[..lines.len() - 2]),
        "{}",
        request.head
    );
    let answer = "Set-Cookie: a=b\r\nSERVER: up\r\nSet-Cookie: c=d\r\nETag: \"x\"\r\n";
    let upstream = Upstream::answering(format!(
        "HTTP/1.1 299 Quite Fine\r\n{answer}Content-Length: 2\r\n\r\nok"
    ));
    let gateway = Gateway::start(driver, proxy(upstream.address));
    let response = gateway.get("/x");
    assert_eq!(response.start(), "HTTP/1.1 299 Quite Fine");
    assert!(response.head.contains(answer), "{}", response.head);
}

/// A client's own account of where it comes from.
const CLAIMS: &str = "X-Forwarded-For: 10.1.1.1\r\nX-Forwarded-Proto: https\r\n\
                      X-Forwarded-Host: edge.test\r\nX-Forwarded-Port: 443\r\n";

fn x_forwarded(request: &Request) -> [Option<&str>; 4] {
    ["for", "proto", "host", "port"].map(|part| request.header(&format!("x-forwarded-{part}")))
}

fn x_forwarded_headers_are_appended_to(driver: Driver) {
    let request = forwarded(driver, "", CLAIMS);
    let expected = ["10.1.1.1, 127.0.0.1", "https", "edge.test", "443"];
    assert_eq!(x_forwarded(&request), expected.map(Some));
    let two = forwarded(
        driver,
        "",
        "X-Forwarded-For: a\r\nX-Forwarded-For: b, c\r\n",
    );
    assert_eq!(two.header("x-forwarded-for"), Some("a, b, c, 127.0.0.1"));
}

fn x_forwarded_headers_are_replaced_at_the_edge(driver: Driver) {
    let upstream = Upstream::saying("ok");
    let config = proxy(upstream.address) + &table("forwarding", "x_forwarded = \"replace\"");
    let gateway = Gateway::start(driver, config);
    for claims in ["", CLAIMS] {
        gateway.connect().request(format!("{HEAD}{claims}\r\n"));
        let port = gateway.address.port().to_string();
        let expected = ["127.0.0.1", "http", "shop.test:8080", &port];
        assert_eq!(x_forwarded(&upstream.last()), expected.map(Some));
    }
}

fn x_forwarded_headers_are_left_alone_when_off(driver: Driver) {
    let off = table("forwarding", "x_forwarded = \"off\"");
    let request = forwarded(driver, &off, CLAIMS);
    let expected = ["10.1.1.1", "https", "edge.test", "443"];
    assert_eq!(x_forwarded(&request), expected.map(Some));
    assert_eq!(x_forwarded(&forwarded(driver, &off, "")), [None; 4]);
}

fn forwarded_and_via_are_added_when_asked_for(driver: Driver) {
    let plain = forwarded(driver, "", "");
    assert_eq!(
        (plain.header("forwarded"), plain.header("via")),
        (None, None)
    );
    let config = table("forwarding", "forwarded = true\nvia = \"gate\"");
    let request = forwarded(
        driver,
        &config,
        "Forwarded: for=10.1.1.1\r\nVia: 1.0 edge\r\n",
    );
    assert_eq!(
        request.header("forwarded"),
        Some("for=10.1.1.1, for=127.0.0.1;host=\"shop.test:8080\";proto=http")
    );
    assert_eq!(request.header("via"), Some("1.0 edge, 1.1 gate"));
}

fn the_host_is_the_upstreams_unless_told_otherwise(driver: Driver) {
    let upstream = Upstream::saying("ok");
    let gateway = Gateway::start(driver, proxy(upstream.address));
    gateway.get("/x");
    assert_eq!(
        upstream.last().header("host"),
        Some(&*upstream.address.to_string())
    );
}

fn the_host_of_a_group_can_be_set_or_kept(driver: Driver) {
    let upstream = Upstream::saying("ok");
    for (setting, expected) in [
        ("", "pool"),
        ("host_header = \"pets.internal\"", "pets.internal"),
        ("preserve_host = true", "shop.test:8080"),
    ] {
        let targets = format!("targets = [\"{}\"]\n{setting}", upstream.address);
        let config = route("GET /x", "http://pool/x") + &table("upstreams.pool", &targets);
        let gateway = Gateway::start(driver, config);
        gateway.connect().request(format!("{HEAD}\r\n"));
        assert_eq!(upstream.last().header("host"), Some(expected));
    }
}

fn every_answer_has_a_request_id_of_its_own(driver: Driver) {
    let upstream = Upstream::answering(
        "HTTP/1.1 200 OK\r\nApigw-Requestid: from-upstream\r\nContent-Length: 2\r\n\r\nok",
    );
    let gateway = Gateway::start(driver, proxy(upstream.address) + &mock("GET /mock", "ok"));
    let mut client = gateway.connect();
    let mut seen = std::collections::HashSet::new();
    for target in ["/x", "/mock", "/x", "/mock"] {
        let response = client.get(target);
        let id = response
            .header("apigw-requestid")
            .expect("an id")
            .to_owned();
        assert!(!id.is_empty() && id != "from-upstream");
        assert!(seen.insert(id), "an id came twice");
    }
}

fn the_request_id_header_can_be_renamed_or_left_out(driver: Driver) {
    let config = mock("GET /x", "ok") + &table("forwarding", "request_id_header = \"X-Id\"");
    let response = Gateway::start(driver, config).get("/x");
    assert!(response.header("x-id").is_some_and(|id| !id.is_empty()));
    assert_eq!(response.header("apigw-requestid"), None);
    let config = mock("GET /x", "ok") + &table("forwarding", "request_id_header = \"\"");
    let response = Gateway::start(driver, config).get("/x");
    assert_eq!(response.header("apigw-requestid"), None);
}

/// "A recipient with a clock that receives a response message without a Date header field MUST
/// record the time it was received and append a corresponding Date header field to the message's
/// header section if it is cached or forwarded downstream" (RFC 9110 section 6.6.1).
fn every_answer_has_one_date(driver: Driver) {
    let upstream = Upstream::start(|visit| {
        while let Some(request) = visit.request() {
            let date = match request.target() {
                "/dated" => "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
                _ => "",
            };
            visit.send(format!(
                "HTTP/1.1 200 OK\r\n{date}Content-Length: 2\r\n\r\nok"
            ));
        }
    });
    let gateway = Gateway::start(driver, proxy(upstream.address) + &mock("GET /mock", "ok"));
    let dated = gateway.get("/dated");
    assert_eq!(dated.header("date"), Some("Sun, 06 Nov 1994 08:49:37 GMT"));
    let refused = gateway.connect().request("GET /x HTTP/1.1\r\n\r\n");
    for response in [gateway.get("/mock"), gateway.get("/plain"), refused] {
        let date = response.header("date").expect("a Date");
        assert!(date.ends_with(" GMT") && date.len() == 29, "{date}");
    }
}

//! Requests that two readers could read differently: refused, and the connection closed.

use crate::kit::{Driver, Gateway, Upstream, proxy};

on_both_drivers! {
    ambiguous_requests_are_refused_and_nothing_reaches_the_upstream,
    unambiguous_requests_pass,
    a_body_that_turns_bad_on_the_way_is_never_whole_at_the_upstream,
    paths_that_readers_resolve_differently_are_refused,
}

/// What would be served if the message before it were misread.
const NEXT: &str = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";

/// Name, request, and the status of the refusal.
const REFUSED: &[(&str, &str, u16)] = &[
    (
        "both framings",
        "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    (
        "both framings, the other way",
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        400,
    ),
    (
        "two lengths",
        "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        400,
    ),
    (
        "two equal lengths",
        "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
        400,
    ),
    (
        "a list of lengths",
        "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\nhello",
        400,
    ),
    (
        "a length with a sign",
        "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nhello",
        400,
    ),
    (
        "a negative length",
        "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: -5\r\n\r\nhello",
        400,
    ),
    (
        "a hexadecimal length",
        "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\nhello",
        400,
    ),
    (
        "an empty length",
        "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\nhello",
        400,
    ),
    (
        "a length with a space",
        "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 5 5\r\n\r\nhello",
        400,
    ),
    (
        "a length beyond 64 bits",
        "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551621\r\n\r\nhello",
        400,
    ),
    (
        "an unknown coding",
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\nhello",
        400,
    ),
    (
        "chunked not last",
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        400,
    ),
    (
        "chunked behind another coding",
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    (
        "chunked twice",
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    (
        "a coding much like chunked",
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    (
        "a coding behind a vertical tab",
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    (
        "an empty coding",
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n\r\n0\r\n\r\n",
        400,
    ),
    (
        "a coding in HTTP/1.0",
        "POST /x HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    (
        "a folded line",
        "POST /x HTTP/1.1\r\nHost: a\r\nX-A: b\r\n c\r\nContent-Length: 0\r\n\r\n",
        400,
    ),
    (
        "a folded coding",
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    (
        "a line that begins with a space",
        "GET /x HTTP/1.1\r\n Host: a\r\nHost: a\r\n\r\n",
        400,
    ),
    (
        "a bare CR in a value",
        "GET /x HTTP/1.1\r\nHost: a\r\nX-A: b\rX-B: c\r\n\r\n",
        400,
    ),
    (
        "a bare CR behind the request line",
        "GET /x HTTP/1.1\rHost: a\r\n\r\n",
        400,
    ),
    (
        "a bare LF behind the request line",
        "GET /x HTTP/1.1\nHost: a\r\n\r\n",
        400,
    ),
    (
        "a bare LF behind a header",
        "GET /x HTTP/1.1\r\nHost: a\nX-A: b\r\n\r\n",
        400,
    ),
    ("bare LFs only", "GET /x HTTP/1.1\nHost: a\n\n", 400),
    (
        "a bare LF at the end",
        "GET /x HTTP/1.1\r\nHost: a\r\n\n",
        400,
    ),
    (
        "a NUL in a value",
        "GET /x HTTP/1.1\r\nHost: a\r\nX-A: b\0c\r\n\r\n",
        400,
    ),
    (
        "a NUL in a name",
        "GET /x HTTP/1.1\r\nHost: a\r\nX\0A: b\r\n\r\n",
        400,
    ),
    (
        "a NUL in the target",
        "GET /x\0y HTTP/1.1\r\nHost: a\r\n\r\n",
        400,
    ),
    (
        "a control in a value",
        "GET /x HTTP/1.1\r\nHost: a\r\nX-A: b\x01c\r\n\r\n",
        400,
    ),
    (
        "a space before the colon",
        "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length : 5\r\n\r\nhello",
        400,
    ),
    (
        "a tab before the colon",
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    (
        "a header without a colon",
        "GET /x HTTP/1.1\r\nHost: a\r\nX-A\r\n\r\n",
        400,
    ),
    (
        "a header without a name",
        "GET /x HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n",
        400,
    ),
    (
        "a name that is no token",
        "GET /x HTTP/1.1\r\nHost: a\r\nX(A): b\r\n\r\n",
        400,
    ),
    (
        "Connection nominates Content-Length",
        "POST /x HTTP/1.1\r\nHost: a\r\nConnection: content-length\r\nContent-Length: 5\r\n\r\nhello",
        400,
    ),
    (
        "Connection nominates Transfer-Encoding",
        "POST /x HTTP/1.1\r\nHost: a\r\nConnection: transfer-encoding\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    (
        "Connection nominates Host",
        "GET /x HTTP/1.1\r\nHost: a\r\nConnection: host\r\n\r\n",
        400,
    ),
    ("no Host", "GET /x HTTP/1.1\r\n\r\n", 400),
    ("an empty Host", "GET /x HTTP/1.1\r\nHost:\r\n\r\n", 400),
    (
        "two Hosts",
        "GET /x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        400,
    ),
    (
        "two equal Hosts",
        "GET /x HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        400,
    ),
    (
        "a Host with user information",
        "GET /x HTTP/1.1\r\nHost: b@a\r\n\r\n",
        400,
    ),
    (
        "a Host with a path",
        "GET /x HTTP/1.1\r\nHost: a/b\r\n\r\n",
        400,
    ),
    (
        "a Host with a space",
        "GET /x HTTP/1.1\r\nHost: a b\r\n\r\n",
        400,
    ),
    (
        "a list of Hosts",
        "GET /x HTTP/1.1\r\nHost: a, b\r\n\r\n",
        400,
    ),
    (
        "a Host with a bad port",
        "GET /x HTTP/1.1\r\nHost: a:80x\r\n\r\n",
        400,
    ),
    (
        "a Host with a port too large",
        "GET /x HTTP/1.1\r\nHost: a:65536\r\n\r\n",
        400,
    ),
    (
        "a bad chunk size",
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n\r\n0\r\n\r\n",
        400,
    ),
    (
        "a negative chunk size",
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n\r\n0\r\n\r\n",
        400,
    ),
    (
        "a chunk size with a prefix",
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n",
        400,
    ),
    (
        "an empty chunk size",
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\r\na\r\n0\r\n\r\n",
        400,
    ),
    (
        "a chunk size that overflows",
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000001\r\na\r\n0\r\n\r\n",
        400,
    ),
    (
        "a chunk longer than its size",
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n",
        400,
    ),
    (
        "a chunk line with a bare LF",
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n",
        400,
    ),
    (
        "a chunk extension with a bare LF",
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;a\nabc\r\n0\r\n\r\n",
        400,
    ),
    (
        "a chunk that ends with a bare LF",
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\n0\r\n\r\n",
        400,
    ),
    (
        "a trailer that frames",
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 5\r\n\r\n",
        400,
    ),
    (
        "a trailer with a space before its colon",
        "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-A : 5\r\n\r\n",
        400,
    ),
    (
        "three empty lines",
        "\r\n\r\n\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n",
        400,
    ),
    ("no version", "GET /x\r\nHost: a\r\n\r\n", 400),
    (
        "a version in lower case",
        "GET /x http/1.1\r\nHost: a\r\n\r\n",
        400,
    ),
    (
        "a version of the future",
        "GET /x HTTP/2.0\r\nHost: a\r\n\r\n",
        505,
    ),
    (
        "a version of the past",
        "GET /x HTTP/0.9\r\nHost: a\r\n\r\n",
        505,
    ),
    (
        "two spaces in the request line",
        "GET  /x HTTP/1.1\r\nHost: a\r\n\r\n",
        400,
    ),
    (
        "a tab in the request line",
        "GET\t/x HTTP/1.1\r\nHost: a\r\n\r\n",
        400,
    ),
    (
        "a method that is no token",
        "GE(T /x HTTP/1.1\r\nHost: a\r\n\r\n",
        400,
    ),
    (
        "a method without end",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA /x HTTP/1.1\r\nHost: a\r\n\r\n",
        501,
    ),
    (
        "CONNECT",
        "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n",
        501,
    ),
    (
        "a target without a slash",
        "GET x HTTP/1.1\r\nHost: a\r\n\r\n",
        400,
    ),
    (
        "an asterisk without OPTIONS",
        "GET * HTTP/1.1\r\nHost: a\r\n\r\n",
        400,
    ),
    (
        "a target of another scheme",
        "GET ftp://a/x HTTP/1.1\r\nHost: a\r\n\r\n",
        400,
    ),
    (
        "a target with user information",
        "GET http://b@a/x HTTP/1.1\r\nHost: a\r\n\r\n",
        400,
    ),
    (
        "a target with a fragment",
        "GET /x#y HTTP/1.1\r\nHost: a\r\n\r\n",
        400,
    ),
    (
        "TLS on a plain port",
        "\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n",
        400,
    ),
];

fn ambiguous_requests_are_refused_and_nothing_reaches_the_upstream(driver: Driver) {
    let upstream = Upstream::saying("served");
    let gateway = Gateway::start(driver, proxy(upstream.address));
    for (name, request, status) in REFUSED {
        let mut client = gateway.connect();
        client.send(format!("{request}{NEXT}"));
        let response = client.response();
        assert_eq!(response.status(), *status, "{name}");
        let connection = response.header("connection").unwrap_or_default();
        assert!(
            connection.eq_ignore_ascii_case("close"),
            "{name}: {}",
            response.head
        );
        client.finish_sending();
        client.expect_end();
        assert_eq!(upstream.count(), 0, "{name} reached the upstream");
    }
    assert_eq!(gateway.get("/fine").text(), "served");
}

fn unambiguous_requests_pass(driver: Driver) {
    let upstream = Upstream::telling_targets();
    let gateway = Gateway::start(driver, proxy(upstream.address));
    for (name, request, target) in [
        (
            "absolute form",
            "GET http://a/x HTTP/1.1\r\nHost: a\r\n\r\n",
            "/x",
        ),
        (
            "absolute form, https",
            "GET HTTPS://a:443/x?y HTTP/1.1\r\nHost: a\r\n\r\n",
            "/x?y",
        ),
        (
            "absolute form, another Host",
            "GET http://b/x HTTP/1.1\r\nHost: a\r\n\r\n",
            "/x",
        ),
        (
            "a Host with a port",
            "GET /x HTTP/1.1\r\nHost: a:8080\r\n\r\n",
            "/x",
        ),
        (
            "an IPv6 Host",
            "GET /x HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
            "/x",
        ),
        ("HTTP/1.0 without Host", "GET /x HTTP/1.0\r\n\r\n", "/x"),
        (
            "white space around a value",
            "GET /x HTTP/1.1\r\nHost:\t a \t\r\n\r\n",
            "/x",
        ),
        (
            "an empty value",
            "GET /x HTTP/1.1\r\nHost: a\r\nX-A:\r\n\r\n",
            "/x",
        ),
        (
            "a length with zeros",
            "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 005\r\n\r\nhello",
            "/x",
        ),
        (
            "chunked in another case",
            "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: CHUNKED\r\n\r\n0\r\n\r\n",
            "/x",
        ),
        (
            "a chunk size with zeros",
            "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n003\r\nabc\r\n0\r\n\r\n",
            "/x",
        ),
    ] {
        let response = gateway.connect().request(request);
        assert_eq!(
            (response.status(), response.text()),
            (200, target),
            "{name}"
        );
    }
}

fn a_body_that_turns_bad_on_the_way_is_never_whole_at_the_upstream(driver: Driver) {
    let upstream = Upstream::start(|visit| {
        while visit.request().is_some() {
            visit.say("whole");
        }
    });
    let gateway = Gateway::start(driver, proxy(upstream.address));
    for bad in ["x\r\n", "5\r\nhelloX\r\n", "0\r\nHost: b\r\n\r\n"] {
        let ends = upstream.visits();
        let mut client = gateway.connect();
        client
            .send("POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
        // The head is on its way before the body turns bad.
        crate::kit::eventually("the head at the upstream", || {
            (upstream.visits() > ends).then_some(())
        });
        client.send(format!("{bad}{NEXT}"));
        assert_eq!(client.response().status(), 400, "{bad:?}");
        client.finish_sending();
        client.expect_end();
        upstream.await_ends(ends + 1);
        assert_eq!(
            upstream.count(),
            0,
            "{bad:?} was passed on as a whole request"
        );
    }
}

fn paths_that_readers_resolve_differently_are_refused(driver: Driver) {
    let upstream = Upstream::telling_targets();
    let gateway = Gateway::start(driver, proxy(upstream.address));
    for path in [
        "/a/../b",
        "/..",
        "/a/%2e%2e/b",
        "/a/.%2E/b",
        "/a/./b",
        "/a/..;/b",
        "/a/..%2fb",
        "/a\\b",
        "/a%00b",
        "/a%zz",
        "/a%",
        "/a%2",
        "/\u{e4}",
    ] {
        assert_eq!(gateway.get(path).status(), 400, "{path}");
    }
    assert_eq!(upstream.count(), 0);
    for path in [
        "/a..b/c",
        "/.well-known/x",
        "/...",
        "/a//b",
        "/a%2fb",
        "/a;b=c",
        "/a?b=../..",
        "/%e4",
    ] {
        assert_eq!(gateway.get(path).text(), path);
    }
}

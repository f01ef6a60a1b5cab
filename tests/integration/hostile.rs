//! Upstreams that break the rules: 502 or a closed connection, and nobody else is hurt.

use std::io::{Read, Write};
use std::sync::{Arc, Mutex};

use crate::kit::{Driver, Gateway, Upstream, Visit, proxy};

on_both_drivers! {
    malformed_heads_are_a_bad_gateway_and_the_next_request_is_fine,
    endless_headers_are_a_bad_gateway,
    a_body_cut_off_is_never_a_clean_end,
    a_body_cut_off_resets_a_client_that_reads_to_the_end,
    bytes_behind_a_response_are_thrown_away_with_the_connection,
    a_response_nobody_asked_for_is_never_given_to_the_next,
    bodies_where_none_may_be_do_not_shift_the_next_response,
    an_upstream_that_hangs_up_is_a_bad_gateway,
}

/// An upstream that says what it is told to `/bad`, and `good` to all others.
struct Puppet {
    line: Arc<Mutex<Vec<u8>>>,
    upstream: Upstream,
}

impl Puppet {
    fn new() -> Self {
        let line = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&line);
        let upstream = Upstream::start(move |visit| perform(visit, &told));
        Self { line, upstream }
    }

    fn tell(&self, line: &str) {
        *self.line.lock().unwrap() = line.as_bytes().to_vec();
    }
}

fn perform(visit: &mut Visit, told: &Mutex<Vec<u8>>) {
    while let Some(request) = visit.request() {
        if request.target() != "/bad" {
            visit.say("good");
            continue;
        }
        let line = told.lock().unwrap().clone();
        visit.send(line);
        if request.header("x-then") == Some("close") {
            return;
        }
    }
}

const MALFORMED: &[(&str, &str)] = &[
    ("another protocol", "SSH-2.0-OpenSSH_9.2\r\n\r\n"),
    ("no status line", "Content-Length: 2\r\n\r\nok"),
    (
        "an empty line first",
        "\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    ),
    ("HTTP/2.0", "HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok"),
    (
        "a status of two digits",
        "HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\nok",
    ),
    (
        "a status of four digits",
        "HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nok",
    ),
    (
        "status 099",
        "HTTP/1.1 099 Low\r\nContent-Length: 2\r\n\r\nok",
    ),
    (
        "status 600",
        "HTTP/1.1 600 High\r\nContent-Length: 2\r\n\r\nok",
    ),
    (
        "two lengths",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
    ),
    (
        "both framings",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "a length with a sign",
        "HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok",
    ),
    (
        "a list of lengths",
        "HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok",
    ),
    (
        "an unknown coding",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok",
    ),
    (
        "chunked in HTTP/1.0",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    (
        "a space before the colon",
        "HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok",
    ),
    (
        "a name that is no token",
        "HTTP/1.1 200 OK\r\nX(A): 2\r\nContent-Length: 2\r\n\r\nok",
    ),
    (
        "a header without a colon",
        "HTTP/1.1 200 OK\r\nX-A\r\nContent-Length: 2\r\n\r\nok",
    ),
    (
        "a folded line",
        "HTTP/1.1 200 OK\r\nX-A: a\r\n b\r\nContent-Length: 2\r\n\r\nok",
    ),
    (
        "a NUL in a value",
        "HTTP/1.1 200 OK\r\nX-A: a\0b\r\nContent-Length: 2\r\n\r\nok",
    ),
    (
        "a bare CR in a value",
        "HTTP/1.1 200 OK\r\nX-A: a\rX-B: b\r\nContent-Length: 2\r\n\r\nok",
    ),
    ("bare LFs", "HTTP/1.1 200 OK\nContent-Length: 2\n\nok"),
    ("an unasked 101", "HTTP/1.1 101 Switching Protocols\r\n\r\n"),
];

fn malformed_heads_are_a_bad_gateway_and_the_next_request_is_fine(driver: Driver) {
    let puppet = Puppet::new();
    let gateway = Gateway::start(driver, proxy(puppet.upstream.address));
    let mut client = gateway.connect();
    for (name, line) in MALFORMED {
        puppet.tell(line);
        let response = client.get("/bad");
        assert_eq!(response.status(), 502, "{name}");
        assert_eq!(response.text(), r#"{"message":"Bad Gateway"}"#);
        assert_eq!(client.get("/good").text(), "good", "behind {name}");
    }
    let visits = puppet.upstream.visits();
    assert!(
        visits >= MALFORMED.len(),
        "a bad connection was used again: {visits}"
    );
}

fn endless_headers_are_a_bad_gateway(driver: Driver) {
    let upstream = Upstream::start(|visit| {
        visit.request();
        visit.send("HTTP/1.1 200 OK\r\n");
        let lines = "X-Endless: yes\r\n".repeat(1000);
        while visit.send(&lines) {}
    });
    let gateway = Gateway::start(driver, proxy(upstream.address));
    assert_eq!(gateway.get("/x").status(), 502);
    upstream.await_ends(1);
    let upstream = Upstream::start(|visit| {
        visit.request();
        visit.send("HTTP/1.1 200 OK\r\nX-Endless: ");
        while visit.send("endless".repeat(1000)) {}
    });
    let gateway = Gateway::start(driver, proxy(upstream.address));
    assert_eq!(gateway.get("/x").status(), 502);
    upstream.await_ends(1);
}

fn a_body_cut_off_is_never_a_clean_end(driver: Driver) {
    let puppet = Puppet::new();
    let gateway = Gateway::start(driver, proxy(puppet.upstream.address));
    for (name, line) in [
        (
            "a length",
            "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nten bytes.",
        ),
        (
            "a chunk",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nten bytes.",
        ),
        (
            "no last chunk",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\nten bytes.\r\n",
        ),
        (
            "no end of trailers",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-A: b\r\n",
        ),
        (
            "a bad chunk",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\nten bytes.\r\nbad\r\n",
        ),
    ] {
        puppet.tell(line);
        let mut client = gateway.connect();
        client.send("GET /bad HTTP/1.1\r\nHost: a\r\nX-Then: close\r\n\r\n");
        let result = client.try_response();
        // A chunk that is bad from the start may still be a 502.
        let refused = result
            .as_ref()
            .is_ok_and(|response| response.status() == 502);
        assert!(refused || result.is_err(), "{name} looks whole: {result:?}");
        let rest = client.rest();
        assert!(!rest.ends_with(b"0\r\n\r\n"), "{name} looks whole");
        assert_eq!(gateway.get("/good").text(), "good", "behind {name}");
    }
}

/// A client of HTTP/1.0 takes the end of the connection for the end of the body, so only a reset
/// can tell it that something is missing.
fn a_body_cut_off_resets_a_client_that_reads_to_the_end(driver: Driver) {
    let puppet = Puppet::new();
    let gateway = Gateway::start(driver, proxy(puppet.upstream.address));
    puppet.tell("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\nten bytes.\r\n");
    let client = gateway.connect();
    let mut stream = client.stream();
    let request = b"GET /bad HTTP/1.0\r\nHost: a\r\nX-Then: close\r\n\r\n";
    stream.write_all(request).expect("room for the request");
    let outcome = stream.read_to_end(&mut Vec::new());
    let error = outcome.expect_err("a clean end behind half a body");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

fn bytes_behind_a_response_are_thrown_away_with_the_connection(driver: Driver) {
    let puppet = Puppet::new();
    let gateway = Gateway::start(driver, proxy(puppet.upstream.address));
    let poison = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison";
    for line in [
        format!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok{poison}"),
        format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n{poison}"
        ),
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokGARBAGE".to_owned(),
    ] {
        puppet.tell(&line);
        let mut client = gateway.connect();
        assert_eq!(client.get("/bad").text(), "ok");
        for _ in 0..3 {
            assert_eq!(client.get("/good").text(), "good");
        }
    }
}

fn a_response_nobody_asked_for_is_never_given_to_the_next(driver: Driver) {
    let (say, asked) = std::sync::mpsc::channel::<()>();
    let (said, heard) = std::sync::mpsc::channel::<()>();
    let channels = Mutex::new(Some((asked, said)));
    let upstream = Upstream::start(move |visit| {
        visit.request();
        visit.say("good");
        if let Some((asked, said)) = channels.lock().unwrap().take() {
            let _ = asked.recv_timeout(crate::kit::PATIENCE);
            visit.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison");
            let _ = said.send(());
        }
        while visit.request().is_some() {
            visit.say("good");
        }
    });
    let gateway = Gateway::start(driver, proxy(upstream.address));
    let mut client = gateway.connect();
    assert_eq!(client.get("/first").text(), "good");
    // The poison is in the resting connection before the next request comes.
    say.send(()).unwrap();
    heard.recv_timeout(crate::kit::PATIENCE).unwrap();
    for _ in 0..3 {
        assert_eq!(client.get("/next").text(), "good");
    }
}

fn bodies_where_none_may_be_do_not_shift_the_next_response(driver: Driver) {
    let puppet = Puppet::new();
    let gateway = Gateway::start(driver, proxy(puppet.upstream.address));
    let mut client = gateway.connect();
    for line in [
        "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison",
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ] {
        puppet.tell(line);
        assert!(matches!(client.get("/bad").status(), 204 | 304));
        assert_eq!(client.get("/good").text(), "good", "behind {line:?}");
    }
    puppet.tell("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    client.send("HEAD /bad HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.head().header("content-length"), Some("5"));
    assert_eq!(
        client.get("/good").text(),
        "good",
        "behind a HEAD with a body"
    );
}

fn an_upstream_that_hangs_up_is_a_bad_gateway(driver: Driver) {
    let upstream = Upstream::start(|visit| {
        if visit
            .request()
            .is_some_and(|request| request.target() == "/within")
        {
            visit.send("HTTP/1.1 200 OK\r\nContent-Le");
        }
    });
    let gateway = Gateway::start(driver, proxy(upstream.address));
    let mut client = gateway.connect();
    for target in ["/before", "/within", "/before"] {
        assert_eq!(client.get(target).status(), 502);
    }
    assert_eq!(
        upstream.count(),
        3,
        "a fresh connection that breaks is not tried again"
    );
}

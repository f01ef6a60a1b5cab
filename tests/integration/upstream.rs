//! Groups of targets: whose turn it is, who is left out, how long anybody may take.

use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener};

use crate::kit::{Client, Driver, Gateway, Setup, Upstream, eventually, route, table};

on_both_drivers! {
    requests_go_round_the_targets_by_weight,
    the_least_busy_target_is_asked,
    a_target_that_fails_is_left_out_and_comes_back,
    a_request_that_reached_nobody_goes_to_another_target,
    a_slow_head_is_a_gateway_timeout,
    a_slow_body_upstream_cuts_the_response_off,
    a_refused_connection_is_a_bad_gateway,
    an_unknown_name_is_a_bad_gateway,
    a_name_is_resolved,
    a_connection_that_is_never_made_is_a_gateway_timeout,
    an_upstream_that_reads_slowly_is_not_timed_out,
}

fn group(targets: &str, settings: &str) -> String {
    let lines = format!("targets = [{targets}]\n{settings}");
    route("ANY /{proxy+}", "http://pool/{proxy}") + &table("upstreams.pool", &lines)
}

fn quoted(address: SocketAddr) -> String {
    format!("\"{address}\"")
}

/// A port on which nobody listens, kept from others for as long as the listener lives.
fn closed_port() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

fn counts(client: &mut Client, requests: usize) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    for _ in 0..requests {
        let response = client.get("/x");
        *counts.entry(response.text().to_owned()).or_default() += 1;
    }
    counts
}

fn requests_go_round_the_targets_by_weight(driver: Driver) {
    let all = ["a", "b", "c"].map(Upstream::saying);
    let targets = all
        .each_ref()
        .map(|upstream| quoted(upstream.address))
        .join(", ");
    let gateway = Gateway::start(driver, group(&targets, ""));
    let counts_of = counts(&mut gateway.connect(), 30);
    assert_eq!(
        counts_of,
        [("a", 10), ("b", 10), ("c", 10)]
            .map(|(n, c)| (n.to_owned(), c))
            .into()
    );
    let [a, b, _] = &all;
    let targets = format!(
        "{{ address = \"{}\", weight = 3 }}, {}",
        a.address,
        quoted(b.address)
    );
    let gateway = Gateway::start(driver, group(&targets, ""));
    let counts_of = counts(&mut gateway.connect(), 40);
    assert_eq!(
        counts_of,
        [("a", 30), ("b", 10)]
            .map(|(n, c)| (n.to_owned(), c))
            .into()
    );
}

fn the_least_busy_target_is_asked(driver: Driver) {
    let slow = Upstream::start(|visit| {
        visit.head();
        visit.await_end();
    });
    let quick = Upstream::saying("quick");
    let targets = format!("{}, {}", quoted(slow.address), quoted(quick.address));
    let gateway = Gateway::start(driver, group(&targets, "balance = \"least_outstanding\""));
    // One request gets stuck at the slow target; it may be the first or the second.
    let mut stuck = Vec::new();
    while slow.count() == 0 {
        assert!(stuck.len() < 4, "the slow target is never asked");
        let mut client = gateway.connect();
        client.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
        let before = stuck.len();
        stuck.push(client);
        eventually("a request at either", || {
            (slow.count() + quick.count() > before).then_some(())
        });
    }
    let counts_of = counts(&mut gateway.connect(), 20);
    assert_eq!(
        counts_of.get("quick"),
        Some(&20),
        "nobody else waits behind it"
    );
}

fn a_target_that_fails_is_left_out_and_comes_back(driver: Driver) {
    let steady = Upstream::saying("steady");
    let shaky = Upstream::saying("shaky");
    let targets = format!("{}, {}", quoted(steady.address), quoted(shaky.address));
    let settings = "eject_after = 2\neject_time = \"500ms\"";
    let gateway = Gateway::start(driver, group(&targets, settings));
    let mut client = gateway.connect();
    assert_eq!(counts(&mut client, 10).len(), 2);
    shaky.kill();
    eventually("the ejection", || {
        assert_eq!(client.get("/x").text(), "steady");
        (gateway.metric("daemun_ejections_total")? >= 1.0).then_some(())
    });
    let back = Upstream::start_at(shaky.address, |visit| {
        while visit.request().is_some() {
            visit.say("back");
        }
    });
    eventually("the return", || {
        (client.get("/x").text() == "back").then_some(())
    });
    assert_eq!(counts(&mut client, 10).get("back"), Some(&5));
    drop(back);
}

fn a_request_that_reached_nobody_goes_to_another_target(driver: Driver) {
    let upstream = Upstream::saying("ok");
    let targets = format!("{}, {}", quoted(closed_port()), quoted(upstream.address));
    let gateway = Gateway::start(driver, group(&targets, "eject_after = 0"));
    let mut client = gateway.connect();
    for _ in 0..6 {
        // Even a POST: nobody has seen it.
        let post = "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody";
        assert_eq!(client.request(post).text(), "ok");
    }
}

fn a_slow_head_is_a_gateway_timeout(driver: Driver) {
    let upstream = Upstream::start(|visit| {
        visit.request();
        visit.send("HTTP/1.1 200 OK\r\nX-Slow: ");
        visit.await_end();
    });
    let uri = format!("http://{}/x", upstream.address);
    let config = route("GET /x", &uri).replace(" }", ", timeout = \"200ms\" }");
    let gateway = Gateway::start(driver, config);
    let mut client = gateway.connect();
    for number in 1..=2 {
        let response = client.get("/x");
        assert_eq!(response.status(), 504);
        assert_eq!(response.text(), r#"{"message":"Gateway Timeout"}"#);
        upstream.await_ends(number);
    }
}

fn a_slow_body_upstream_cuts_the_response_off(driver: Driver) {
    let upstream = Upstream::start(|visit| {
        visit.request();
        visit.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome");
        visit.await_end();
    });
    let uri = format!("http://{}/x", upstream.address);
    let gateway = Gateway::start(
        driver,
        route("GET /x", &uri) + &table("timeouts", "body = \"200ms\""),
    );
    let mut client = gateway.connect();
    client.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.head().status(), 200);
    assert_eq!(client.rest(), b"some");
    upstream.await_ends(1);
}

fn a_refused_connection_is_a_bad_gateway(driver: Driver) {
    let gateway = Gateway::start(driver, group(&quoted(closed_port()), ""));
    let mut client = gateway.connect();
    for _ in 0..8 {
        // More often than it takes to be left out: with nobody else it is tried all the same.
        assert_eq!(client.get("/x").status(), 502);
    }
}

fn an_unknown_name_is_a_bad_gateway(driver: Driver) {
    let gateway = Gateway::start(driver, group("\"nobody.invalid:80\"", ""));
    assert_eq!(gateway.get("/x").status(), 502);
}

fn a_name_is_resolved(driver: Driver) {
    let upstream = Upstream::saying("ok");
    let target = format!("\"localhost:{}\"", upstream.address.port());
    let gateway = Setup::new(driver, group(&target, "")).start();
    assert_eq!(gateway.get("/x").text(), "ok");
    let uri = format!("http://localhost:{}/x", upstream.address.port());
    let gateway = Gateway::start(driver, route("GET /x", &uri));
    assert_eq!(gateway.get("/x").text(), "ok");
}

fn a_connection_that_is_never_made_is_a_gateway_timeout(driver: Driver) {
    // A listener whose queue is full: the kernel lets further connections wait.
    let listener =
        socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    listener
        .bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())
        .unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap().as_socket().unwrap();
    let short = std::time::Duration::from_millis(200);
    let mut queued = Vec::new();
    while let Ok(stream) = std::net::TcpStream::connect_timeout(&address, short) {
        queued.push(stream);
        assert!(queued.len() < 100, "the queue has no end");
    }
    let gateway = Gateway::start(
        driver,
        group(&quoted(address), "connect_timeout = \"300ms\""),
    );
    assert_eq!(gateway.get("/x").status(), 504);
}

fn an_upstream_that_reads_slowly_is_not_timed_out(driver: Driver) {
    const PIECES: usize = 15;
    const PIECE_BYTES: usize = 1_000_000;
    let upstream = Upstream::start(|visit| {
        visit.head();
        for _ in 0..PIECES {
            // The pace is the subject here: slower than the timeout in all, never in one step.
            std::thread::sleep(std::time::Duration::from_millis(100));
            let _ = visit.reader.exactly(PIECE_BYTES);
        }
        visit.say("ok");
    });
    let uri = format!("http://{}/x", upstream.address);
    let config = route("POST /x", &uri).replace(" }", ", timeout = \"1s\" }");
    let gateway = Gateway::start(driver, config);
    let mut client = gateway.connect();
    let body = vec![b'a'; PIECES * PIECE_BYTES];
    client.send(format!(
        "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n",
        body.len()
    ));
    client.send(body);
    assert_eq!(client.response().text(), "ok");
}

//! What a client may make the gateway hold, each excess with its own answer.

use crate::kit::{Client, Driver, Gateway, Message, Upstream, api, mock, proxy, table};

on_both_drivers! {
    a_long_target_is_414,
    a_long_head_is_431,
    too_many_headers_are_431,
    an_announced_body_that_is_too_long_is_413,
    a_chunked_body_that_grows_too_long_is_413,
    a_route_has_a_body_limit_of_its_own,
    long_trailers_are_431,
    connections_over_the_limit_wait_for_a_place,
}

/// Sends a request that is refused; the connection must end behind the answer.
fn refused(gateway: &Gateway, request: &str) -> Message {
    let mut client = gateway.connect();
    client.send(request);
    let response = client.response();
    client.finish_sending();
    client.expect_end();
    response
}

fn a_long_target_is_414(driver: Driver) {
    let config = mock("GET /{proxy+}", "ok") + &table("limits", "url_bytes = \"1KiB\"");
    let gateway = Gateway::start(driver, config);
    assert_eq!(gateway.get(&format!("/{}", "a".repeat(1023))).status(), 200);
    let target = format!("/{}", "a".repeat(1024));
    let response = refused(
        &gateway,
        &format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"),
    );
    assert_eq!(response.status(), 414);
    assert_eq!(response.header("content-type"), Some("application/json"));
    // One that never ends is refused before its end.
    let response = refused(&gateway, &format!("GET {target}"));
    assert_eq!(response.status(), 414);
}

fn a_long_head_is_431(driver: Driver) {
    let config = mock("GET /x", "ok") + &table("limits", "header_bytes = \"2KiB\"");
    let gateway = Gateway::start(driver, config);
    let head = |bytes: usize| {
        let start = "GET /x HTTP/1.1\r\nHost: a\r\nX-A: ";
        format!("{start}{}\r\n\r\n", "a".repeat(bytes - start.len() - 4))
    };
    assert_eq!(gateway.connect().request(head(2048)).status(), 200);
    assert_eq!(refused(&gateway, &head(2049)).status(), 431);
    assert_eq!(refused(&gateway, &head(200_000)).status(), 431);
    // One that never ends is refused before its end.
    assert_eq!(refused(&gateway, &head(3000)[..2500]).status(), 431);
}

fn too_many_headers_are_431(driver: Driver) {
    let config = mock("GET /x", "ok") + &table("limits", "header_count = 10");
    let gateway = Gateway::start(driver, config);
    let head = |count: usize| {
        let more: String = (1..count)
            .map(|number| format!("X-{number}: a\r\n"))
            .collect();
        format!("GET /x HTTP/1.1\r\nHost: a\r\n{more}\r\n")
    };
    assert_eq!(gateway.connect().request(head(10)).status(), 200);
    assert_eq!(refused(&gateway, &head(11)).status(), 431);
}

fn an_announced_body_that_is_too_long_is_413(driver: Driver) {
    let upstream = Upstream::saying("ok");
    let config = proxy(upstream.address) + &table("limits", "body_bytes = \"1KiB\"");
    let gateway = Gateway::start(driver, config);
    let post =
        |bytes: usize| format!("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: {bytes}\r\n\r\n");
    let fits = post(1024) + &"a".repeat(1024);
    assert_eq!(gateway.connect().request(fits).status(), 200);
    let response = refused(&gateway, &post(1025));
    assert_eq!(response.status(), 413);
    assert_eq!(response.text(), r#"{"message":"Request Entity Too Large"}"#);
    assert_eq!(refused(&gateway, &post(usize::MAX)).status(), 413);
    assert_eq!(upstream.count(), 1);
}

fn a_chunked_body_that_grows_too_long_is_413(driver: Driver) {
    let upstream = Upstream::saying("ok");
    let config = proxy(upstream.address) + &table("limits", "body_bytes = \"1KiB\"");
    let gateway = Gateway::start(driver, config);
    let head = "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunk = format!("100\r\n{}\r\n", "a".repeat(256));
    // All at once, and piece by piece.
    let whole = format!("{head}{}0\r\n\r\n", chunk.repeat(4));
    assert_eq!(gateway.connect().request(whole).status(), 200);
    let much = format!("{head}{}0\r\n\r\n", chunk.repeat(5));
    assert_eq!(refused(&gateway, &much).status(), 413);
    let mut client = gateway.connect();
    client.send(head);
    for _ in 0..5 {
        client.send(&chunk);
    }
    assert_eq!(client.response().status(), 413);
    assert_eq!(upstream.count(), 1, "a body cut off is no request");
}

fn a_route_has_a_body_limit_of_its_own(driver: Driver) {
    let small = api("main", "POST /small", "type = \"mock\"") + "body_bytes = 10\n";
    let config = small + &mock("POST /large", "ok") + &table("limits", "body_bytes = 20");
    let gateway = Gateway::start(driver, config);
    for (path, bytes, status) in [
        ("/small", 10, 200),
        ("/small", 11, 413),
        ("/large", 20, 200),
        ("/large", 21, 413),
    ] {
        let body = "a".repeat(bytes);
        let request =
            format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {bytes}\r\n\r\n{body}");
        assert_eq!(
            gateway.connect().request(request).status(),
            status,
            "{path} {bytes}"
        );
    }
}

fn long_trailers_are_431(driver: Driver) {
    let upstream = Upstream::saying("ok");
    let config = proxy(upstream.address) + &table("limits", "trailer_bytes = 100");
    let gateway = Gateway::start(driver, config);
    let trailers = |bytes: usize| {
        format!(
            "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-A: {}\r\n\r\n",
            "a".repeat(bytes)
        )
    };
    assert_eq!(gateway.connect().request(trailers(50)).status(), 200);
    assert_eq!(refused(&gateway, &trailers(150)).status(), 431);
}

fn connections_over_the_limit_wait_for_a_place(driver: Driver) {
    let config = mock("GET /x", "ok") + &table("limits", "connections = 2");
    let gateway = Gateway::start(driver, config);
    let mut both = [gateway.connect(), gateway.connect()];
    for client in &mut both {
        assert_eq!(client.get("/x").text(), "ok");
    }
    let mut third = Client::connect(gateway.address);
    third.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(both[0].get("/x").text(), "ok");
    drop(both);
    assert_eq!(third.response().text(), "ok");
}

//! Functions whose answer the client reads while it is made.

use std::fs;
use std::io::Read;
use std::thread;
use std::time::{Duration, Instant};

use crate::kit::{
    Driver, Gateway, Message, Setup, calling, eventually, function, installed, provided,
};

on_both_drivers! {
    the_first_byte_comes_before_the_last_is_made,
    metadata_may_come_in_any_pieces,
    a_hundred_megabytes_pass_through_little_memory,
    a_slow_client_makes_the_function_wait,
    a_client_that_leaves_ends_the_stream_and_the_function_serves_again,
    what_breaks_in_the_middle_closes_the_connection,
    what_is_no_stream_is_an_error,
    a_stream_ends_with_the_timeout_of_its_route,
}

const ROUTE: &str = ", stream = true";

fn gateway(driver: Driver, lines: &str) -> Gateway {
    let config = provided("f", lines) + &calling("ANY /{proxy+}", "f", ROUTE);
    Gateway::start(driver, config)
}

fn the_first_byte_comes_before_the_last_is_made(driver: Driver) {
    let setup = Setup::new(driver, "");
    let go = setup.folder().join("go");
    let environment = format!("environment = {{ GO = {:?} }}", go.display().to_string());
    let config = provided("f", &environment) + &calling("ANY /{proxy+}", "f", ROUTE);
    let gateway = setup.and(&config).start();
    let mut client = gateway.connect();
    client.send("GET /x?act=streamwait HTTP/1.1\r\nHost: a\r\n\r\n");
    let head = client.head();
    assert_eq!(head.status(), 201);
    assert_eq!(head.header("x-a"), Some("1"));
    assert_eq!(head.all("set-cookie"), ["a=1", "b=2"]);
    assert!(head.is_chunked());
    let size = client.reader().chunk_size().unwrap();
    assert_eq!(client.reader().exactly(size + 2).unwrap(), b"first\r\n");
    fs::write(&go, "").unwrap();
    let mut rest = Message {
        head: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked".to_owned(),
        ..Message::default()
    };
    client.reader().body(&mut rest).unwrap();
    assert_eq!(rest.text(), "last");
    // The connection lives on, and so does the worker.
    assert_eq!(client.get("/x?act=streambytes").text(), "whole");
}

fn metadata_may_come_in_any_pieces(driver: Driver) {
    let gateway = gateway(driver, "");
    let mut client = gateway.connect();
    let response = client.get("/x?act=streambytes");
    assert_eq!((response.status(), response.text()), (201, "whole"));
    assert_eq!(response.header("content-type"), Some("application/json"));
    client.send("HEAD /x?act=streambytes HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.head().status(), 201);
    assert_eq!(client.get("/x?act=streambytes").text(), "whole");
    // A client of HTTP/1.0 gets the payload and the end of the connection.
    let mut old = gateway.connect();
    let response = old.request("GET /x?act=streambytes HTTP/1.0\r\nHost: a\r\n\r\n");
    assert_eq!((response.is_chunked(), response.text()), (false, "whole"));
}

fn a_hundred_megabytes_pass_through_little_memory(driver: Driver) {
    let gateway = gateway(driver, "timeout = \"60s\"");
    let mut client = gateway.connect();
    assert_eq!(client.get("/x?act=streamflood1").body.len(), 1 << 20);
    let before = gateway.resident_kib();
    client.send("GET /x?act=streamflood100 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.head().status(), 201);
    let (mut total, mut most) = (0, 0);
    loop {
        let size = client.reader().chunk_size().unwrap();
        client.reader().exactly(size + 2).unwrap();
        if size == 0 {
            break;
        }
        total += size;
        most = most.max(gateway.resident_kib());
    }
    assert_eq!(total, 100 << 20);
    assert!(most < before + 8 * 1024, "from {before} to {most} KiB");
}

fn a_slow_client_makes_the_function_wait(driver: Driver) {
    let gateway = gateway(driver, "timeout = \"60s\"");
    let mut client = gateway.connect();
    assert_eq!(client.get("/x?act=streambytes").text(), "whole");
    let before = gateway.resident_kib();
    client.send("GET /x?act=streamflood64 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.head().status(), 201);
    thread::sleep(Duration::from_millis(700));
    assert!(!gateway.stdout().contains("flooded"), "the function waits");
    let held = gateway.resident_kib();
    assert!(held < before + 8 * 1024, "from {before} to {held} KiB");
    let mut rest = Message {
        head: "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked".to_owned(),
        ..Message::default()
    };
    client.reader().body(&mut rest).unwrap();
    assert_eq!(rest.body.len(), 64 << 20);
}

fn a_client_that_leaves_ends_the_stream_and_the_function_serves_again(driver: Driver) {
    let gateway = gateway(driver, "concurrency = 1\ntimeout = \"60s\"");
    let mut client = gateway.connect();
    client.send("GET /x?act=streamflood64 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.head().status(), 201);
    drop(client);
    // What the function still says is thrown away, so that it comes to its end.
    eventually("the end of the function", || {
        gateway.stdout().contains("flooded").then_some(())
    });
    assert_eq!(gateway.get("/x?act=streambytes").text(), "whole");
}

fn what_breaks_in_the_middle_closes_the_connection(driver: Driver) {
    let gateway = gateway(driver, "timeout = \"500ms\"");
    for act in ["streamexit", "streamhang", "streamfault"] {
        for version in ["1.1", "1.0"] {
            let mut client = gateway.connect();
            client.send(format!(
                "GET /x?act={act} HTTP/{version}\r\nHost: a\r\n\r\n"
            ));
            let head = client.head();
            assert_eq!(head.status(), 201, "{act}");
            let mut rest = std::mem::take(&mut client.reader().unread);
            let ended = client.stream().take(1 << 20).read_to_end(&mut rest);
            let reset =
                ended.is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionReset);
            let text = String::from_utf8_lossy(&rest).into_owned();
            assert!(!text.contains("0\r\n\r\n"), "{act}: {text}");
            assert!(reset || version == "1.1", "{act}: {text} looks whole");
        }
    }
    assert_eq!(gateway.get("/x?act=streambytes").text(), "whole");
}

fn what_is_no_stream_is_an_error(driver: Driver) {
    let log = "[apis.main.stages.\"$default\"]\n\
               access_log_format = '$context.requestId $context.status $context.integrationErrorMessage'\n\
               [logging]\naccess_log = \"stdout\"\n";
    let config = provided("f", "timeout = \"5s\"") + &calling("ANY /{proxy+}", "f", ROUTE);
    let gateway = Gateway::start(driver, config + log);
    for (act, why) in [
        ("streamtext", "no delimiter behind the metadata"),
        (
            "streamlong",
            "no metadata and delimiter in the first 16 KiB",
        ),
        ("streamwrong", "the metadata are no JSON object"),
        ("streamnothing", "no delimiter behind the metadata"),
        ("pid", "the function does not stream its response"),
    ] {
        let response = gateway.get(&format!("/x?act={act}"));
        assert_eq!(response.status(), 500, "{act}");
        eventually("the reason in the log", || {
            gateway.stdout().contains(why).then_some(())
        });
    }
    assert_eq!(gateway.get("/x?act=streambytes").text(), "whole");
}

fn a_stream_ends_with_the_timeout_of_its_route(driver: Driver) {
    let config = provided("f", "timeout = \"3s\"")
        + &calling("ANY /{proxy+}", "f", ", stream = true, timeout = \"400ms\"");
    let gateway = Gateway::start(driver, config);
    assert_eq!(gateway.get("/x?act=streambytes").status(), 201);
    let began = Instant::now();
    let mut client = gateway.connect();
    client.send("GET /x?act=streamhang HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.head().status(), 201);
    assert!(!client.rest().ends_with(b"0\r\n\r\n"));
    assert!(began.elapsed() < Duration::from_millis(2_500));
    assert!(began.elapsed() >= Duration::from_millis(400));
    // Where no answer has begun, the client is told.
    assert_eq!(gateway.get("/x?act=hang").status(), 504);
}

#[test]
fn a_node_handler_streams() {
    if !installed("node") {
        return;
    }
    let code = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/functions/node");
    let of = |name: &str| {
        let lines = format!("handler = \"app.{name}\"\ntimeout = \"10s\"");
        function(name, "nodejs22.x", &code, &lines) + &calling(&format!("GET /{name}"), name, ROUTE)
    };
    let config = ["streamed", "piped", "breaks", "throws"].map(of).concat();
    let gateway = Gateway::start(Driver::Epoll, config);
    let response = gateway.get("/streamed");
    assert_eq!((response.status(), response.text()), (202, "one two"));
    assert_eq!(response.header("content-type"), Some("text/plain"));
    assert_eq!(response.all("set-cookie"), ["s=1"]);
    let piped = gateway.get("/piped");
    assert_eq!((piped.status(), piped.body.len()), (200, 8 << 20));
    // It fails before it has said anything, and in the middle.
    assert_eq!(gateway.get("/throws").status(), 500);
    let mut client = gateway.connect();
    client.send("GET /breaks HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.head().status(), 200);
    assert!(!client.rest().ends_with(b"0\r\n\r\n"));
    eventually("the reasons in the log", || {
        let log = gateway.output();
        (log.contains("no such luck") && log.contains("in the middle")).then_some(())
    });
}

//! The end of a process: what is under way is finished, nothing new is begun.

use std::net::TcpStream;
use std::sync::{Mutex, mpsc};

use crate::kit::{Driver, Gateway, PATIENCE, Setup, Upstream, eventually, mock, proxy, table};

on_both_drivers! {
    sigterm_lets_requests_under_way_end,
    resting_connections_do_not_hold_up_the_end,
    the_drain_timeout_ends_what_does_not,
    a_second_signal_ends_it_at_once,
    sigint_ends_it_too,
    connections_in_the_queue_are_still_served,
}

/// An upstream that answers when told to.
fn held_back() -> (Upstream, mpsc::Sender<()>) {
    let (go, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let upstream = Upstream::start(move |visit| {
        while visit.request().is_some() {
            let _ = wait.lock().unwrap().recv_timeout(PATIENCE);
            visit.say("at last");
        }
    });
    (upstream, go)
}

fn sigterm_lets_requests_under_way_end(driver: Driver) {
    let (upstream, go) = held_back();
    let mut gateway = Setup::new(driver, proxy(upstream.address))
        .workers(2)
        .start();
    let mut clients = [gateway.connect(), gateway.connect(), gateway.connect()];
    for client in &mut clients {
        client.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    upstream.await_requests(3);
    gateway.signal(libc::SIGTERM);
    eventually("new connections refused", || {
        TcpStream::connect(gateway.address).is_err().then_some(())
    });
    assert_eq!(gateway.admin("/healthz").status(), 200, "it lives");
    assert_eq!(
        gateway.admin("/readyz").status(),
        503,
        "but asks for no more"
    );
    assert!(gateway.exit_status().is_none(), "it waits for all");
    for _ in &clients {
        go.send(()).unwrap();
    }
    for client in &mut clients {
        let response = client.response();
        assert_eq!(response.text(), "at last");
        let connection = response.header("connection").unwrap_or_default();
        assert!(
            connection.eq_ignore_ascii_case("close"),
            "{}",
            response.head
        );
        client.expect_end();
    }
    let status = gateway.await_exit();
    assert!(status.success(), "{status}");
}

fn resting_connections_do_not_hold_up_the_end(driver: Driver) {
    let mut gateway = Gateway::start(driver, mock("GET /x", "ok"));
    let mut client = gateway.connect();
    assert_eq!(client.get("/x").text(), "ok");
    let mut silent = gateway.connect();
    gateway.await_metric("daemun_connections_open", 2.0);
    gateway.signal(libc::SIGTERM);
    assert!(gateway.await_exit().success());
    client.expect_end();
    silent.expect_end();
}

fn the_drain_timeout_ends_what_does_not(driver: Driver) {
    let (upstream, _go) = held_back();
    let config = proxy(upstream.address) + &table("timeouts", "drain = \"300ms\"");
    let mut gateway = Gateway::start(driver, config);
    let mut client = gateway.connect();
    client.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    upstream.await_requests(1);
    gateway.signal(libc::SIGTERM);
    gateway.await_exit();
    client.rest();
}

fn a_second_signal_ends_it_at_once(driver: Driver) {
    let (upstream, _go) = held_back();
    let mut gateway = Gateway::start(driver, proxy(upstream.address));
    let mut client = gateway.connect();
    client.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    upstream.await_requests(1);
    gateway.signal(libc::SIGTERM);
    eventually("the drain", || {
        TcpStream::connect(gateway.address).is_err().then_some(())
    });
    gateway.signal(libc::SIGTERM);
    gateway.await_exit();
}

fn sigint_ends_it_too(driver: Driver) {
    let mut gateway = Gateway::start(driver, mock("GET /x", "ok"));
    assert_eq!(gateway.get("/x").text(), "ok");
    gateway.signal(libc::SIGINT);
    assert!(gateway.await_exit().success());
}

/// Whoever got through to the kernel's queue has been promised an answer.
fn connections_in_the_queue_are_still_served(driver: Driver) {
    let mut gateway = Gateway::start(driver, mock("GET /x", "ok"));
    gateway.signal(libc::SIGSTOP);
    let mut clients: Vec<_> = (0..10).map(|_| gateway.connect()).collect();
    for client in &mut clients {
        client.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    gateway.signal(libc::SIGTERM);
    gateway.signal(libc::SIGCONT);
    for client in &mut clients {
        assert_eq!(client.response().text(), "ok");
        client.expect_end();
    }
    assert!(gateway.await_exit().success());
}

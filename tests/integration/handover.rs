//! Listening sockets that pass from process to process: SIGUSR2 and systemd.

use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::kit::{Client, Driver, Gateway, Setup, Upstream, eventually, mock, proxy};

on_both_drivers! {
    a_hand_over_under_load_refuses_nobody,
    a_hand_over_to_a_bad_config_changes_nothing,
    a_hand_over_works_with_a_fixed_admin_port,
    what_is_in_memory_only_is_not_given_up_for_a_hand_over,
    sockets_of_systemd_are_served,
}

/// One request on a connection of its own, again and again until told to stop.
fn load(address: SocketAddr, done: &AtomicBool) -> usize {
    let mut count = 0;
    while !done.load(Ordering::SeqCst) {
        let mut client = Client::connect(address);
        let response = client.get("/x");
        assert_eq!(response.text(), "ok", "request {count}");
        count += 1;
    }
    count
}

fn await_new_process(gateway: &mut Gateway) -> u32 {
    let old = gateway.pid();
    assert!(gateway.await_exit().success());
    let processes = gateway.processes();
    let new = processes.iter().find(|pid| **pid != old);
    *new.expect("a new process")
}

fn a_hand_over_under_load_refuses_nobody(driver: Driver) {
    let upstream = Upstream::saying("ok");
    let mut gateway = Setup::new(driver, proxy(upstream.address))
        .workers(2)
        .start();
    let address = gateway.address;
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let loads: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| load(address, &done)))
            .collect();
        upstream.await_requests(20);
        gateway.signal(libc::SIGUSR2);
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            await_new_process(&mut gateway);
            // The new process serves by itself.
            upstream.await_requests(upstream.count() + 20);
        }));
        done.store(true, Ordering::SeqCst);
        for load in loads {
            assert!(load.join().expect("no request fails") > 0);
        }
        outcome.unwrap();
    });
}

fn a_hand_over_to_a_bad_config_changes_nothing(driver: Driver) {
    let mut gateway = Gateway::start(driver, mock("GET /x", "ok"));
    gateway.rewrite("nonsense = true\n");
    gateway.signal(libc::SIGUSR2);
    eventually("a word about it", || {
        // Once for the reload of the changed file or the new process, whichever comes first.
        gateway.stderr().contains("nonsense").then_some(())
    });
    eventually("the end of the attempt", || {
        (gateway.processes().len() == 1).then_some(())
    });
    assert!(gateway.exit_status().is_none());
    assert_eq!(gateway.get("/x").text(), "ok");
}

fn a_hand_over_works_with_a_fixed_admin_port(driver: Driver) {
    // Asked for, learned, given up and asked for again: the port that a user would have written.
    let port = TcpListener::bind("127.0.0.9:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let config = format!("[admin]\naddress = \"{port}\"\n") + &mock("GET /x", "ok");
    let mut gateway = Gateway::start(driver, config);
    assert_eq!(gateway.admin("/readyz").status(), 200);
    gateway.signal(libc::SIGUSR2);
    await_new_process(&mut gateway);
    assert_eq!(gateway.get("/x").text(), "ok");
    eventually("the admin listener of the new process", || {
        let mut admin = Client::try_connect(gateway.admin).ok()?;
        (admin.try_get("/readyz").ok()?.status() == 200).then_some(())
    });
}

/// sd_listen_fds(3): sockets from descriptor 3 on, meant for the process in LISTEN_PID.
fn what_is_in_memory_only_is_not_given_up_for_a_hand_over(driver: Driver) {
    let config = mock("GET /x", "ok") + "[management]\naddress = \"127.0.0.1:0\"\n";
    let mut gateway = Gateway::start(driver, config);
    let output = gateway.output();
    let address = output.split("management APIs on http://").nth(1);
    let address = address.and_then(|rest| rest.split([':', ' ', '\n']).nth(1)?.parse::<u16>().ok());
    let address = SocketAddr::from(([127, 0, 0, 1], address.expect("a port")));
    let ask = |method: &str, path: &str, body: &str| {
        let bytes = body.len();
        Client::connect(address).request(format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential=any/20261122/eu-west-1/apigateway/aws4_request, \
             SignedHeaders=host, Signature=0\r\nContent-Length: {bytes}\r\n\r\n{body}"
        ))
    };
    let made = ask(
        "POST",
        "/v2/apis",
        r#"{"name":"pets","protocolType":"HTTP"}"#,
    );
    assert_eq!(made.status(), 201, "{made:?}");
    let id = made
        .text()
        .split("\"apiId\":\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    let path = format!("/v2/apis/{}", id.expect("an id"));
    gateway.signal(libc::SIGUSR2);
    eventually("a word about it", || {
        gateway
            .stderr()
            .contains("set management.data_dir")
            .then_some(())
    });
    assert_eq!(ask("GET", &path, "").status(), 200);
    assert_eq!(ask("DELETE", &path, "").status(), 204);
    gateway.signal(libc::SIGUSR2);
    await_new_process(&mut gateway);
    assert_eq!(gateway.get("/x").text(), "ok");
}

fn sockets_of_systemd_are_served(driver: Driver) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // Somebody is in the queue before there is a process.
    let mut early = Client::connect(address);
    early.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    let config = format!("[listeners.main]\naddress = \"{address}\"\n") + &mock("GET /x", "ok");
    let setup = Setup::new(driver, config).workers(2);
    let mut command = Command::new("sh");
    command
        .args(["-c", "export LISTEN_PID=$$ LISTEN_FDS=1; exec \"$@\"", "sh"])
        .arg(setup.command().get_program())
        .args(setup.command().get_args());
    let fd = listener.as_raw_fd();
    // SAFETY: between fork and exec, dup2 and fcntl are allowed; the descriptor is open.
    unsafe {
        command.pre_exec(move || {
            let done = match fd {
                3 => libc::fcntl(3, libc::F_SETFD, 0),
                fd => libc::dup2(fd, 3),
            };
            if done < 0 {
                return Err(std::io::Error::last_os_error());
            }
            Ok(())
        });
    }
    let mut gateway = setup.start_by(command);
    assert_eq!(early.response().text(), "ok");
    drop(listener);
    for _ in 0..10 {
        assert_eq!(gateway.get("/x").text(), "ok");
    }
    gateway.signal(libc::SIGTERM);
    assert!(gateway.await_exit().success());
}

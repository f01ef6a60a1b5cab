//! Many at once, and an upstream that goes and comes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use crate::kit::{
    Client, Driver, Gateway, Setup, Upstream, eventually, proxy, raise_descriptor_limit,
};

on_both_drivers! {
    five_thousand_connections_are_served,
    an_upstream_killed_under_load_is_served_again_when_it_is_back,
    many_clients_share_upstream_connections,
}

const MANY: usize = 5000;

fn descriptors() -> u64 {
    raise_descriptor_limit();
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the call fills the structure lent to it.
    unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    limit.rlim_cur
}

fn five_thousand_connections_are_served(driver: Driver) {
    if descriptors() < 2 * MANY as u64 {
        eprintln!("skipped: this process may not have {MANY} sockets");
        return;
    }
    let upstream = Upstream::saying("ok");
    let gateway = Setup::new(driver, proxy(upstream.address))
        .workers(2)
        .start();
    let mut clients: Vec<Client> = (0..MANY).map(|_| gateway.connect()).collect();
    for round in 0..2 {
        // A hundred at a time are under way, all are open.
        for some in clients.chunks_mut(100) {
            for client in &mut *some {
                client.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
            }
            for client in &mut *some {
                assert_eq!(client.response().text(), "ok", "round {round}");
            }
        }
        let open = gateway.metric("daemun_connections_open");
        assert_eq!(open, Some(MANY as f64));
    }
    drop(clients);
    gateway.await_metric("daemun_connections_open", 0.0);
    assert_eq!(gateway.get("/x").text(), "ok");
}

fn an_upstream_killed_under_load_is_served_again_when_it_is_back(driver: Driver) {
    let upstream = Upstream::saying("ok");
    let address = upstream.address;
    let gateway = Gateway::start(driver, proxy(address));
    let done = AtomicBool::new(false);
    let load = || {
        let mut client = gateway.connect();
        let mut failed = 0;
        while !done.load(Ordering::SeqCst) {
            match client.try_get("/x").map(|response| response.status()) {
                Ok(200) => {}
                Ok(502) => failed += 1,
                Ok(status) => panic!("status {status}"),
                // A response cut off ends the connection.
                Err(_) => client = gateway.connect(),
            }
        }
        failed
    };
    thread::scope(|scope| {
        let loads: Vec<_> = (0..3).map(|_| scope.spawn(load)).collect();
        upstream.await_requests(50);
        upstream.kill();
        eventually("failures", || {
            (gateway.get("/x").status() == 502).then_some(())
        });
        let back = Upstream::start_at(address, |visit| {
            while visit.request().is_some() && visit.say("back") {}
        });
        let mut in_a_row = 0;
        eventually("recovery", || {
            in_a_row = if gateway.get("/x").text() == "back" {
                in_a_row + 1
            } else {
                0
            };
            (in_a_row == 20).then_some(())
        });
        done.store(true, Ordering::SeqCst);
        for load in loads {
            load.join().unwrap();
        }
        drop(back);
    });
}

fn many_clients_share_upstream_connections(driver: Driver) {
    let upstream = Upstream::telling_targets();
    let gateway = Gateway::start(driver, proxy(upstream.address));
    let one = |name: usize| {
        let mut client = gateway.connect();
        for number in 0..50 {
            let target = format!("/{name}/{number}");
            assert_eq!(client.get(&target).text(), target);
        }
    };
    thread::scope(|scope| {
        for name in 0..16 {
            scope.spawn(move || one(name));
        }
    });
    assert!(upstream.visits() <= 16, "{}", upstream.visits());
}

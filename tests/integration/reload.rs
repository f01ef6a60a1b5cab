//! A new config while requests run: swapped at once, or left alone when it is bad.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::kit::{
    Driver, Gateway, PATIENCE, Setup, Upstream, eventually, mock, proxy, route, table,
};

on_both_drivers! {
    sighup_brings_the_new_config,
    a_changed_file_is_enough,
    a_bad_config_changes_nothing_and_is_reported,
    requests_under_way_end_on_the_old_plan,
    reloads_under_load_fail_no_request,
    a_connection_sees_the_new_config_at_its_next_request,
    settings_change_with_the_config,
    large_configs_are_swapped_in_under_load,
}

fn sighup_brings_the_new_config(driver: Driver) {
    let mut gateway = Setup::new(driver, mock("GET /x", "old")).workers(2).start();
    assert_eq!(gateway.get("/x").text(), "old");
    gateway.reload(mock("GET /y", "new"));
    eventually("the new plan on every core", || {
        let all = (0..8).all(|_| gateway.get("/y").status() == 200);
        all.then_some(())
    });
    assert_eq!(gateway.get("/x").status(), 404);
}

fn a_changed_file_is_enough(driver: Driver) {
    let mut gateway = Gateway::start(driver, mock("GET /x", "old"));
    gateway.rewrite(mock("GET /x", "new"));
    eventually("the new config", || {
        (gateway.get("/x").text() == "new").then_some(())
    });
}

fn a_bad_config_changes_nothing_and_is_reported(driver: Driver) {
    let good = mock("GET /x", "good");
    let mut gateway = Gateway::start(driver, good.clone());
    assert_eq!(gateway.metric("daemun_last_reload_success"), Some(1.0));
    let version = gateway.metric("daemun_plan_version");
    gateway.rewrite(good.clone() + &table("limits", "heder_bytes = 1"));
    gateway.signal(libc::SIGHUP);
    gateway.await_metric("daemun_last_reload_success", 0.0);
    assert_eq!(gateway.metric("daemun_plan_version"), version);
    assert_eq!(gateway.get("/x").text(), "good");
    let said = eventually("a word about it", || {
        let said = gateway.stderr();
        said.contains("heder_bytes").then_some(said)
    });
    assert!(
        said.contains("header_bytes"),
        "the hint is missing:\n{said}"
    );
    assert!(said.contains("^^^^"), "the caret is missing:\n{said}");
    // The watch sees the change, too, within two looks, and has nothing to add.
    thread::sleep(Duration::from_millis(1500));
    let failed = r#"daemun_reloads_total{result="failed"}"#;
    assert_eq!(gateway.metric(failed), Some(1.0));
    assert_eq!(gateway.stderr().matches("config not reloaded").count(), 1);
    std::fs::write(gateway.file(), "").unwrap();
    eventually("a word about the empty file", || {
        gateway.stderr().contains("the file is empty").then_some(())
    });
    assert_eq!(gateway.get("/x").text(), "good");
    // To take the mistake back is news, although the file is the one that is served.
    gateway.rewrite(good);
    gateway.await_metric("daemun_last_reload_success", 1.0);
    gateway.reload(mock("GET /x", "better"));
    eventually("the better config", || {
        (gateway.get("/x").text() == "better").then_some(())
    });
    gateway.await_metric("daemun_last_reload_success", 1.0);
}

fn requests_under_way_end_on_the_old_plan(driver: Driver) {
    let (go, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let upstream = Upstream::start(move |visit| {
        visit.request();
        visit.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst");
        let _ = wait.lock().unwrap().recv_timeout(PATIENCE);
        visit.send("later");
        visit.await_end();
    });
    let mut gateway = Gateway::start(driver, proxy(upstream.address));
    let mut client = gateway.connect();
    client.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.head().status(), 200);
    gateway.reload(mock("GET /y", "new"));
    eventually("the new plan", || {
        (gateway.get("/y").text() == "new").then_some(())
    });
    go.send(()).unwrap();
    assert_eq!(client.reader().exactly(10).unwrap(), b"firstlater");
    assert_eq!(client.get("/y").text(), "new");
}

/// Runs requests on two connections, and on a new one for each, until `work` is done; none of
/// them may fail. Returns how many there were.
fn under_load(gateway: &mut Gateway, target: &str, work: impl FnOnce(&mut Gateway)) -> usize {
    let address = gateway.address;
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let load = |fresh: bool| {
            let mut client = crate::kit::Client::connect(address);
            let mut count = 0;
            while !done.load(Ordering::SeqCst) {
                if fresh {
                    client = crate::kit::Client::connect(address);
                }
                assert_eq!(client.get(target).status(), 200, "request {count}");
                count += 1;
            }
            count
        };
        let loads: Vec<_> = [false, false, true]
            .map(|fresh| scope.spawn(move || load(fresh)))
            .into();
        // Ends the load also when the work panics.
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(gateway)));
        done.store(true, Ordering::SeqCst);
        let total = loads.into_iter().map(|load| load.join().unwrap()).sum();
        outcome.unwrap();
        total
    })
}

fn reloads_under_load_fail_no_request(driver: Driver) {
    let upstream = Upstream::saying("ok");
    let config = proxy(upstream.address);
    let mut gateway = Setup::new(driver, config.clone()).workers(2).start();
    let total = under_load(&mut gateway, "/x", |gateway| {
        for number in 0..10 {
            let more = mock(&format!("GET /only/{number}"), "new");
            gateway.reload(config.clone() + &more);
            eventually("the new route", || {
                (gateway.get(&format!("/only/{number}")).text() == "new").then_some(())
            });
        }
    });
    assert!(total > 10, "{total}");
}

fn a_connection_sees_the_new_config_at_its_next_request(driver: Driver) {
    let mut gateway = Gateway::start(driver, mock("GET /x", "old"));
    let mut client = gateway.connect();
    assert_eq!(client.get("/x").text(), "old");
    gateway.reload(mock("GET /x", "new"));
    eventually("the new config", || {
        (client.get("/x").text() == "new").then_some(())
    });
}

fn settings_change_with_the_config(driver: Driver) {
    let routes = mock("GET /{proxy+}", "ok");
    let mut gateway = Gateway::start(driver, routes.clone());
    let target = format!("/{}", "a".repeat(500));
    assert_eq!(gateway.get(&target).status(), 200);
    gateway.reload(routes + &table("limits", "url_bytes = 100"));
    eventually("the new limit", || {
        (gateway.get(&target).status() == 414).then_some(())
    });
}

fn large_configs_are_swapped_in_under_load(driver: Driver) {
    let upstream = Upstream::saying("ok");
    let uri = format!("http://{}/{{id}}", upstream.address);
    let config: String = (0..2000)
        .map(|number| route(&format!("GET /r{number}/{{id}}"), &uri))
        .collect();
    let mut gateway = Gateway::start(driver, config.clone());
    under_load(&mut gateway, "/r1999/x", |gateway| {
        gateway.reload(config + &route("GET /new/{id}", &uri));
        eventually("the new route", || {
            (gateway.get("/new/x").text() == "ok").then_some(())
        });
    });
}

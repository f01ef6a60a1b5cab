//! The ways in which runtimes speak to the gateway, usual and not, while cores speak to them: whatever
//! they do, each caller gets the answer to its own request, or an error.

use std::thread;
use std::time::{Duration, Instant};

use crate::kit::{Driver, Gateway, Setup, calling, eventually, provided};

on_both_drivers! {
    runtimes_may_speak_in_many_manners,
    an_answer_that_breaks_off_is_an_error_and_the_next_call_is_fine,
    what_a_runtime_may_not_say_is_refused,
    a_worker_that_died_while_it_waited_is_not_asked,
    a_question_that_was_given_up_is_not_answered,
    changes_under_load_lose_no_call,
    a_call_under_way_ends_before_the_gateway_does,
    calls_of_all_cores_end_before_the_gateway_does,
    a_runtime_that_answers_for_others_is_refused,
    logs_of_many_calls_do_not_mix,
    events_and_answers_of_megabytes_pass,
}

fn gateway(driver: Driver, lines: &str) -> Gateway {
    let config = provided("f", lines) + &calling("ANY /{proxy+}", "f", "");
    Gateway::start(driver, config)
}

fn runtimes_may_speak_in_many_manners(driver: Driver) {
    let manners = [
        "", "close", "second", "pipeline", "trickle", "chunked", "expect",
    ];
    let config: String = manners
        .iter()
        .map(|manner| {
            let name = format!("f{manner}");
            let lines = format!("concurrency = 3\nenvironment = {{ MANNER = {manner:?} }}");
            provided(&name, &lines)
                + &format!(
                    "[apis.main.routes.\"GET /{name}\"]\nintegration = {{ type = \"aws_proxy\", function = \"{name}\" }}\n"
                )
        })
        .collect();
    let gateway = Setup::new(driver, config).workers(3).start();
    thread::scope(|scope| {
        for manner in manners {
            for caller in 0..4 {
                let gateway = &gateway;
                scope.spawn(move || {
                    let mut client = gateway.connect();
                    for round in 0..15 {
                        let own = format!("act=event&own={caller}x{round}");
                        let response = client.get(&format!("/f{manner}?{own}"));
                        assert_eq!(response.status(), 200, "{manner}");
                        let part = format!("\"rawQueryString\":\"{own}\"");
                        assert!(
                            response.text().contains(&part),
                            "{manner}: {}",
                            response.text()
                        );
                    }
                });
            }
        }
    });
}

fn an_answer_that_breaks_off_is_an_error_and_the_next_call_is_fine(driver: Driver) {
    let gateway = gateway(driver, "concurrency = 1");
    let mut client = gateway.connect();
    for act in ["half", "halfexit", "exit4", "half"] {
        let began = Instant::now();
        assert_eq!(client.get("/x").status(), 200, "before {act}");
        let broken = client.get(&format!("/x?act={act}"));
        assert_eq!(broken.status(), 500, "{act}");
        assert_eq!(broken.text(), r#"{"message":"Internal Server Error"}"#);
        assert_eq!(client.get("/x").status(), 200, "after {act}");
        // Not by the function's own timeout.
        assert!(began.elapsed() < Duration::from_secs(2), "{act}");
    }
    // A runtime that lives goes on.
    let pid = client.get("/x?act=pid").text().to_owned();
    assert_eq!(client.get("/x?act=half").status(), 500);
    assert_eq!(client.get("/x?act=pid").text(), pid);
}

fn what_a_runtime_may_not_say_is_refused(driver: Driver) {
    let gateway = gateway(driver, "concurrency = 1");
    let mut client = gateway.connect();
    let pid = client.get("/x?act=pid").text().to_owned();
    assert_eq!(client.get("/x?act=early").text(), "HTTP/1.1 403 Forbidden");
    assert_eq!(client.get("/x?act=twice").text(), "first");
    assert_eq!(client.get("/x?act=fault").status(), 500);
    // Whoever asks while the second answer comes is not given it.
    for _ in 0..20 {
        assert_eq!(client.get("/x?act=twice").text(), "first");
        assert_eq!(client.get("/x?act=pid").text(), pid);
    }
    assert_eq!(client.get("/x?act=status").text(), "HTTP/1.1 200 OK");
}

fn a_worker_that_died_while_it_waited_is_not_asked(driver: Driver) {
    let gateway = gateway(driver, "concurrency = 1");
    let mut client = gateway.connect();
    let mut before = client.get("/x?act=pid").text().to_owned();
    for _ in 0..5 {
        let pid: i32 = before.parse().unwrap();
        // SAFETY: no memory is passed; it is a worker of this test's gateway.
        unsafe { libc::kill(pid, libc::SIGKILL) };
        let path = format!("/proc/{pid}/fd");
        eventually("its end", || std::fs::read_dir(&path).err());
        let after = client.get("/x?act=pid");
        assert_eq!(after.status(), 200);
        assert_ne!(after.text(), before);
        before = after.text().to_owned();
    }
}

fn a_question_that_was_given_up_is_not_answered(driver: Driver) {
    let lines = "concurrency = 1\nenvironment = { MANNER = \"abandon\" }";
    let gateway = gateway(driver, lines);
    let mut pids = Vec::new();
    for round in 1..=4 {
        eventually("a question after the one that is given up", || {
            (gateway.stdout().matches("asks again").count() == round).then_some(())
        });
        // Time for the gateway to take it: a call before that would end the worker, for which
        // nobody seems to be there, and be told to the first question of the next.
        thread::sleep(Duration::from_millis(250));
        let response = gateway.get("/x?act=pid");
        assert_eq!(response.status(), 200, "{response:?} {}", gateway.output());
        pids.push(response.text().to_owned());
    }
    pids.dedup();
    assert_eq!(pids.len(), 1);
}

fn changes_under_load_lose_no_call(driver: Driver) {
    let config = |own: u32| {
        provided(
            "f",
            &format!("concurrency = 3\nenvironment = {{ OWN = \"<{own}>\" }}"),
        ) + &calling("ANY /{proxy+}", "f", "")
    };
    let mut gateway = Setup::new(driver, config(0)).workers(2).start();
    let address = gateway.connect().stream().peer_addr().unwrap();
    let callers: Vec<_> = (0..4)
        .map(|_| {
            thread::spawn(move || {
                let mut client = crate::kit::Client::connect(address);
                let until = Instant::now() + Duration::from_secs(2);
                while Instant::now() < until {
                    let response = client.get("/x?act=environment");
                    assert_eq!(response.status(), 200, "{}", response.text());
                }
            })
        })
        .collect();
    for own in 1..=5 {
        gateway.reload(config(own));
        let text = gateway.get("/x?act=environment").text().to_owned();
        assert!(text.contains(&format!("OWN=<{own}>")), "{own}: {text}");
    }
    callers
        .into_iter()
        .for_each(|caller| caller.join().unwrap());
}

fn a_call_under_way_ends_before_the_gateway_does(driver: Driver) {
    let mut gateway = gateway(driver, "");
    assert_eq!(gateway.get("/x").status(), 200);
    let mut client = gateway.connect();
    client.send("GET /x?act=sleep500 HTTP/1.1\r\nHost: a\r\n\r\n");
    thread::sleep(Duration::from_millis(150));
    gateway.signal(libc::SIGTERM);
    assert_eq!(client.response().text(), "slept");
    gateway.await_exit();
}

fn calls_of_all_cores_end_before_the_gateway_does(driver: Driver) {
    let config = provided("f", "concurrency = 1") + &calling("ANY /{proxy+}", "f", "");
    let mut gateway = Setup::new(driver, config).workers(2).start();
    assert_eq!(gateway.get("/x").status(), 200);
    // Whichever core speaks with the one worker, it has calls of both.
    let mut clients: Vec<_> = (0..10).map(|_| gateway.connect()).collect();
    for client in &mut clients {
        client.send("GET /x?act=sleep60 HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    thread::sleep(Duration::from_millis(150));
    gateway.signal(libc::SIGTERM);
    for mut client in clients {
        assert_eq!(client.response().text(), "slept");
    }
    gateway.await_exit();
}

fn a_runtime_that_answers_for_others_is_refused(driver: Driver) {
    let gateway = gateway(driver, "concurrency = 1");
    let mut client = gateway.connect();
    for _ in 0..3 {
        // It floods its connection first, until that is closed.
        assert_eq!(client.get("/x?act=foreign").text(), "16");
    }
}

fn logs_of_many_calls_do_not_mix(driver: Driver) {
    let gateway = gateway(driver, "concurrency = 1");
    thread::scope(|scope| {
        for _ in 0..5 {
            scope.spawn(|| {
                let mut client = gateway.connect();
                for _ in 0..6 {
                    assert_eq!(client.get("/x?act=print").status(), 200);
                }
            });
        }
    });
    let log = eventually("the log", || {
        let log = gateway.stdout();
        (log.matches("REPORT").count() == 30).then_some(log)
    });
    let lines: Vec<&str> = log
        .lines()
        .filter_map(|line| line.strip_prefix("[f] "))
        .collect();
    assert_eq!(lines.len(), 150, "{log}");
    for call in lines.chunks(5) {
        let [start, printed, other, end, report] = call else {
            panic!("{call:?}");
        };
        let id = start.strip_prefix("START RequestId: ").unwrap();
        let id = id.strip_suffix(" Version: $LATEST").unwrap();
        assert_eq!(*printed, "printed by the function");
        assert_eq!(*other, "and to the other stream");
        assert_eq!(*end, format!("END RequestId: {id}"));
        assert!(
            report.starts_with(&format!("REPORT RequestId: {id}\t")),
            "{report}"
        );
        assert!(!report.contains("Max Memory Used: 0 MB"), "{report}");
    }
    assert_eq!(log.matches("Init Duration").count(), 1);
}

fn events_and_answers_of_megabytes_pass(driver: Driver) {
    let gateway = gateway(driver, "concurrency = 2");
    let mut client = gateway.connect();
    let body = "x".repeat(4_000_000);
    for _ in 0..3 {
        let response = client.request(format!(
            "POST /x?act=event HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ));
        assert_eq!(response.status(), 200);
        assert!(response.text().len() > body.len());
        assert!(response.text().contains(&body));
        assert_eq!(client.get("/x").status(), 200);
    }
}

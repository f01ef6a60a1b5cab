//! What a gateway tells: access logs, health, metrics, statistics.

use std::fs;

use serde_json::Value;

use crate::kit::{Driver, Gateway, Setup, Upstream, eventually, mock, proxy, table};

on_both_drivers! {
    the_access_log_is_json_in_a_file,
    the_common_log_format_goes_to_stdout,
    a_format_of_ones_own_shows_what_it_names,
    a_stage_has_a_format_of_its_own,
    log_files_are_opened_anew_on_sigusr1,
    refused_requests_are_logged_and_counted,
    health_and_readiness_answer,
    metrics_count_requests,
    statistics_have_quantiles_by_route,
    the_start_says_what_listens_where,
}

/// The lines of a log once there are this many.
fn lines(gateway: &Gateway, file: &str, count: usize) -> Vec<String> {
    let path = gateway.folder().join(file);
    eventually("log lines", || {
        let text = fs::read_to_string(&path).ok()?;
        let lines: Vec<_> = text.lines().map(ToOwned::to_owned).collect();
        (text.ends_with('\n') && lines.len() >= count).then_some(lines)
    })
}

fn the_access_log_is_json_in_a_file(driver: Driver) {
    let upstream = Upstream::saying("hello");
    let config = proxy(upstream.address) + &table("logging", "access_log = \"access.log\"");
    let gateway = Setup::new(driver, config).workers(2).start();
    let mut ids = Vec::new();
    for _ in 0..20 {
        let response = gateway.get("/pets/7?q=\"x");
        ids.push(
            response
                .header("apigw-requestid")
                .expect("an id")
                .to_owned(),
        );
    }
    let lines = lines(&gateway, "access.log", 20);
    let mut logged = Vec::new();
    for line in &lines {
        let value: Value = serde_json::from_str(line).expect("JSON");
        let field = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        assert_eq!(field("status"), "200");
        assert_eq!(field("httpMethod"), "GET");
        assert_eq!(field("routeKey"), "ANY /{proxy+}");
        assert_eq!(field("ip"), "127.0.0.1");
        assert_eq!(field("protocol"), "HTTP/1.1");
        assert_eq!(field("responseLength"), "5");
        logged.push(field("requestId"));
    }
    ids.sort();
    logged.sort();
    assert_eq!(logged, ids);
}

fn the_common_log_format_goes_to_stdout(driver: Driver) {
    let log = "access_log = \"stdout\"\naccess_log_format = \"clf\"";
    let gateway = Gateway::start(driver, mock("GET /x", "hello") + &table("logging", log));
    let response = gateway.get("/x");
    let id = response.header("apigw-requestid").expect("an id");
    let line = eventually("a log line", || {
        let said = gateway.stdout();
        said.lines()
            .find(|line| line.contains(id))
            .map(ToOwned::to_owned)
    });
    assert!(line.starts_with("127.0.0.1 - - ["), "{line}");
    assert!(line.contains("] \"GET GET /x HTTP/1.1\" 200 5 "), "{line}");
}

fn a_format_of_ones_own_shows_what_it_names(driver: Driver) {
    let upstream = Upstream::answering("HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok");
    let format = "$context.requestId|$context.path|$context.stage|$context.integrationStatus|\
                  $context.identity.userAgent|$context.error.message|$context.status";
    let log = format!("access_log = \"access.log\"\naccess_log_format = \"{format}\"");
    let gateway = Gateway::start(driver, proxy(upstream.address) + &table("logging", &log));
    let request = "GET /pets/7 HTTP/1.1\r\nHost: a\r\nUser-Agent: test/1\r\n\r\n";
    let response = gateway.connect().request(request);
    let id = response
        .header("apigw-requestid")
        .expect("an id")
        .to_owned();
    let line = lines(&gateway, "access.log", 1).remove(0);
    assert_eq!(line, format!("{id}|/pets/7|$default|201|test/1|-|201"));
}

fn a_stage_has_a_format_of_its_own(driver: Driver) {
    let config = [
        mock("GET /x", "ok"),
        table("logging", "access_log = \"access.log\""),
        table(
            "apis.main.stages.test",
            "access_log_format = \"test $context.requestId\"",
        ),
        table("apis.main.stages.\"$default\"", ""),
    ];
    let gateway = Gateway::start(driver, config.concat());
    let mut client = gateway.connect();
    assert_eq!(client.get("/test/x").status(), 200);
    assert_eq!(client.get("/x").status(), 200);
    let lines = lines(&gateway, "access.log", 2);
    assert!(lines[0].starts_with("test "), "{lines:?}");
    assert!(lines[1].starts_with('{'), "{lines:?}");
}

fn log_files_are_opened_anew_on_sigusr1(driver: Driver) {
    let config = mock("GET /x", "ok") + &table("logging", "access_log = \"access.log\"");
    let gateway = Gateway::start(driver, config);
    gateway.get("/x");
    lines(&gateway, "access.log", 1);
    let file = gateway.folder().join("access.log");
    fs::rename(&file, gateway.folder().join("access.log.1")).expect("a log file");
    gateway.signal(libc::SIGUSR1);
    eventually("a new file", || file.exists().then_some(()));
    gateway.get("/x");
    assert_eq!(lines(&gateway, "access.log", 1).len(), 1);
    assert_eq!(lines(&gateway, "access.log.1", 1).len(), 1);
}

fn refused_requests_are_logged_and_counted(driver: Driver) {
    let config = mock("GET /x", "ok") + &table("logging", "access_log = \"access.log\"");
    let gateway = Gateway::start(driver, config);
    assert_eq!(gateway.get("/nowhere").status(), 404);
    assert_eq!(
        gateway
            .connect()
            .request("GET /x HTTP/1.1\r\n\r\n")
            .status(),
        400
    );
    gateway.await_metric("daemun_rejected_total{status=\"404\"}", 1.0);
    gateway.await_metric("daemun_rejected_total{status=\"400\"}", 1.0);
    let line = lines(&gateway, "access.log", 1).remove(0);
    let value: Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(value["status"].as_str(), Some("404"), "{line}");
}

fn health_and_readiness_answer(driver: Driver) {
    let gateway = Gateway::start(driver, mock("GET /x", "ok"));
    for target in ["/healthz", "/readyz"] {
        assert_eq!(gateway.admin(target).status(), 200, "{target}");
    }
    assert_eq!(
        gateway.admin("/x").status(),
        404,
        "the admin listener serves no routes"
    );
    assert_eq!(
        gateway.get("/healthz").status(),
        404,
        "nor the other way round"
    );
}

fn metrics_count_requests(driver: Driver) {
    let upstream = Upstream::saying("hello");
    let gateway = Setup::new(driver, proxy(upstream.address))
        .workers(2)
        .start();
    for _ in 0..7 {
        gateway.get("/x");
    }
    let labels = "api=\"main\",stage=\"$default\",route=\"ANY /{proxy+}\"";
    let requests = format!("daemun_requests_total{{{labels},code=\"2xx\"}}");
    gateway.await_metric(&requests, 7.0);
    gateway.await_metric(
        &format!("daemun_request_duration_seconds_count{{{labels}}}"),
        7.0,
    );
    let integrations = "daemun_integration_duration_seconds";
    gateway.await_metric(&format!("{integrations}_count{{{labels}}}"), 7.0);
    gateway.await_metric("daemun_workers", 2.0);
    gateway.await_metric("daemun_ready", 1.0);
    gateway.await_metric("daemun_connections_accepted_total", 7.0);
    let page = gateway.admin("/metrics");
    let kind = page.header("content-type").unwrap_or_default();
    assert!(
        kind.contains("openmetrics-text") || kind.contains("text/plain"),
        "{kind}"
    );
}

fn statistics_have_quantiles_by_route(driver: Driver) {
    let config = mock("GET /x", "ok") + &mock("GET /y", "ok");
    let gateway = Gateway::start(driver, config);
    let mut client = gateway.connect();
    for target in ["/x", "/x", "/x", "/y", "/none"] {
        client.get(target);
    }
    let page = gateway.admin("/stats");
    assert_eq!(page.header("content-type"), Some("application/json"));
    let stats: Value = serde_json::from_slice(&page.body).expect("JSON");
    assert_eq!(stats["total"]["requests"], 5);
    let routes = stats["routes"].as_array().expect("a list");
    let route = |key: &str| routes.iter().find(|route| route["route"] == key);
    let route = route("GET /x").expect("the route");
    assert_eq!(route["requests"], 3);
    assert_eq!(route["status"]["2xx"], 3);
    let latency = &route["latency_us"];
    let quantiles = ["p50", "p90", "p99", "p99.9", "max"].map(|name| latency[name].as_u64());
    assert!(quantiles.iter().all(Option::is_some), "{latency}");
    assert!(quantiles.is_sorted(), "{latency}");
    let none = serde_json::json!({"requests": 0, "average_us": 0});
    assert_eq!(route["integration"], none, "a mock asks nobody");
    let page = gateway.admin("/metrics");
    assert!(
        !String::from_utf8_lossy(&page.body).contains("daemun_integration_duration_seconds_count")
    );
}

fn the_start_says_what_listens_where(driver: Driver) {
    let config = "[listeners.main]\naddress = \"127.0.0.1:0\"\n\
                  [listeners.second]\naddress = \"127.0.0.2:0\"\n";
    let mut gateway = Gateway::start(driver, config.to_owned() + &mock("GET /x", "ok"));
    let second = gateway.address_on("127.0.0.2");
    assert_eq!(crate::kit::Client::connect(second).get("/x").text(), "ok");
    let said = gateway.output();
    assert!(said.contains("main") && said.contains("second"), "{said}");
    assert!(
        (1..=6).contains(&said.lines().count()),
        "a few calm lines:\n{said}"
    );
}

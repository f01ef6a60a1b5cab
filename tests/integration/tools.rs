//! Foreign referees: real clients in front, a real server behind.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use crate::kit::{Driver, Gateway, Upstream, eventually, installed, proxy, run};

on_both_drivers! {
    curl_speaks_with_it,
    wrk_sees_no_error,
    h2load_sees_no_error,
    ab_sees_no_error,
    nginx_serves_behind_it,
}

fn url(gateway: &Gateway, target: &str) -> String {
    format!("http://{}{target}", gateway.address)
}

fn curl(arguments: &[&str], input: &[u8]) -> String {
    let mut command = Command::new("curl");
    command.args([
        "--silent",
        "--show-error",
        "--fail-with-body",
        "--max-time",
        "20",
    ]);
    command.args(arguments);
    run(&mut command, input).expect_success().stdout
}

fn curl_speaks_with_it(driver: Driver) {
    if !installed("curl") {
        return;
    }
    let upstream = Upstream::start(|visit| {
        while let Some(request) = visit.request() {
            visit.say(&format!("{} {}", request.start(), request.body.len()));
        }
    });
    let gateway = Gateway::start(driver, proxy(upstream.address));
    let url = url(&gateway, "/x");
    assert_eq!(curl(&[&url], b""), "GET /x HTTP/1.1 0");
    assert_eq!(curl(&["--http1.0", &url], b""), "GET /x HTTP/1.1 0");
    let form = "a=b".repeat(700_000);
    // Larger than 1 MB, curl asks for leave with Expect: 100-continue.
    assert_eq!(
        curl(&["--data-binary", "@-", &url], form.as_bytes()),
        "POST /x HTTP/1.1 2100000"
    );
    assert_eq!(
        curl(
            &[
                "--header",
                "Transfer-Encoding: chunked",
                "--upload-file",
                "-",
                &url
            ],
            form.as_bytes()
        ),
        "PUT /x HTTP/1.1 2100000"
    );
    let head = curl(&["--head", &url], b"");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let twice = curl(&[&url, &url], b"");
    assert_eq!(twice, "GET /x HTTP/1.1 0".repeat(2));
}

fn wrk_sees_no_error(driver: Driver) {
    if !installed("wrk") {
        return;
    }
    let upstream = Upstream::saying("hello");
    let gateway = Gateway::start(driver, proxy(upstream.address));
    let mut command = Command::new("wrk");
    command.args(["-t", "1", "-c", "20", "-d", "1", &url(&gateway, "/x")]);
    let said = run(&mut command, b"").expect_success().stdout;
    assert!(said.contains("requests in"), "{said}");
    assert!(
        !said.contains("Non-2xx") && !said.contains("Socket errors"),
        "{said}"
    );
}

fn h2load_sees_no_error(driver: Driver) {
    if !installed("h2load") {
        return;
    }
    let upstream = Upstream::saying("hello");
    let gateway = Gateway::start(driver, proxy(upstream.address));
    let mut command = Command::new("h2load");
    command.args([
        "--h1",
        "-n",
        "1000",
        "-c",
        "20",
        "-m",
        "4",
        &url(&gateway, "/x"),
    ]);
    let said = run(&mut command, b"").expect_success().stdout;
    assert!(said.contains("1000 succeeded, 0 failed"), "{said}");
    assert!(said.contains("1000 2xx"), "{said}");
}

fn ab_sees_no_error(driver: Driver) {
    if !installed("ab") {
        return;
    }
    let upstream = Upstream::saying("hello");
    let gateway = Gateway::start(driver, proxy(upstream.address));
    for keep in [&["-k"][..], &[]] {
        let mut command = Command::new("ab");
        command
            .args(["-n", "1000", "-c", "20"])
            .args(keep)
            .arg(url(&gateway, "/x"));
        let said = run(&mut command, b"").expect_success().stdout;
        assert!(said.contains("Complete requests:      1000"), "{said}");
        assert!(said.contains("Failed requests:        0"), "{said}");
    }
}

/// nginx on a port of its own, ended when dropped.
struct Nginx {
    child: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Nginx {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let port = port.expect("a port").port();
        let root = folder.path().display();
        let config = format!(
            "daemon off; master_process off; pid {root}/pid; error_log stderr;\n\
             events {{}}\n\
             http {{\n access_log off; client_body_temp_path {root}/body;\n\
             proxy_temp_path {root}/proxy; fastcgi_temp_path {root}/f; uwsgi_temp_path {root}/u;\n\
             scgi_temp_path {root}/s; keepalive_requests 5;\n\
             server {{ listen 127.0.0.1:{port}; root {root};\n\
             location = /ok {{ return 200 'from nginx'; }}\n }} }}\n"
        );
        std::fs::write(folder.path().join("nginx.conf"), config).expect("a file");
        let program = if std::path::Path::new("/usr/sbin/nginx").exists() {
            "/usr/sbin/nginx"
        } else {
            "nginx"
        };
        let child = Command::new(program)
            .args(["-p", &root.to_string(), "-c", "nginx.conf"])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx");
        eventually("nginx", || {
            std::net::TcpStream::connect(("127.0.0.1", port)).ok()
        });
        Self {
            child,
            port,
            folder,
        }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn nginx_serves_behind_it(driver: Driver) {
    if !installed("nginx") {
        return;
    }
    let nginx = Nginx::start();
    let large = vec![b'x'; 3_000_000];
    std::fs::write(nginx.folder.path().join("large"), &large).expect("a file");
    let gateway = Gateway::start(driver, proxy(([127, 0, 0, 1], nginx.port).into()));
    let mut client = gateway.connect();
    for _ in 0..20 {
        // nginx closes each connection after five requests; nobody notices.
        assert_eq!(client.get("/ok").text(), "from nginx");
    }
    assert!(client.get("/large").body == large);
    assert_eq!(client.get("/none").status(), 404);
    let part = client.request("GET /large HTTP/1.1\r\nHost: a\r\nRange: bytes=0-9\r\n\r\n");
    assert_eq!((part.status(), part.text()), (206, "xxxxxxxxxx"));
    let etag = client
        .get("/large")
        .header("etag")
        .expect("an ETag")
        .to_owned();
    let same = format!("GET /large HTTP/1.1\r\nHost: a\r\nIf-None-Match: {etag}\r\n\r\n");
    assert_eq!(client.request(same).status(), 304);
    assert_eq!(client.get("/ok").text(), "from nginx");
}

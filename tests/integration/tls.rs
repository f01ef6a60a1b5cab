//! TLS towards clients, with OpenSSL as the other side.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use crate::kit::{Authority, Driver, Finished, Gateway, Setup, eventually, installed, mock, run};

on_both_drivers! {
    both_versions_are_spoken,
    an_old_version_is_refused_when_the_config_says_so,
    names_choose_their_certificates,
    alpn_agrees_on_http_1_1,
    sessions_are_resumed_on_any_core,
    renewed_certificates_are_served_without_a_restart,
    a_bad_renewal_keeps_the_certificate,
    a_certificate_that_does_not_hold_is_served_and_told_of,
    curl_trusts_the_gateway,
    a_peer_that_does_not_speak_tls_is_let_go,
    a_handshake_that_does_not_come_is_not_waited_for,
    many_requests_fit_one_session,
}

const REQUEST: &str = "GET /x HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n";

/// A gateway with certificates for `a.test` and `*.b.test`, in `a.pem` and `b.pem`.
fn secure(driver: Driver, authority: &Authority, more: &str) -> Setup {
    let listener = format!(
        "[listeners.main]\naddress = \"127.0.0.1:0\"\n\
         [listeners.main.tls]\n{more}\ncertificates = [\n\
         {{ certificate = \"a.pem\", private_key = \"a.key\" }},\n\
         {{ certificate = \"b.pem\", private_key = \"b.key\" }},\n]\n"
    );
    let setup = Setup::new(driver, listener + &mock("GET /x", "treasure"));
    let folder = setup.folder();
    authority.issue(&["a.test"]).write(folder, "a");
    authority.issue(&["*.b.test"]).write(folder, "b");
    std::fs::write(folder.join("ca.pem"), authority.pem()).expect("a file");
    setup
}

/// One request through `openssl s_client`, the server's certificate verified for `name`.
fn s_client(address: SocketAddr, folder: &Path, name: &str, more: &[&str]) -> Finished {
    let mut command = Command::new("openssl");
    command
        .args(["s_client", "-ign_eof", "-verify_return_error", "-connect"])
        .arg(address.to_string())
        .args(["-servername", name, "-verify_hostname", name, "-CAfile"])
        .arg(folder.join("ca.pem"))
        .args(more);
    run(&mut command, REQUEST.as_bytes())
}

fn ask(gateway: &Gateway, name: &str, more: &[&str]) -> String {
    let finished = s_client(gateway.address, gateway.folder(), name, more);
    assert!(
        finished.stdout.contains("\r\n\r\ntreasure"),
        "{finished:#?}"
    );
    finished.stdout
}

fn both_versions_are_spoken(driver: Driver) {
    if !installed("openssl") {
        return;
    }
    let gateway = secure(driver, &Authority::new(), "").start();
    assert!(ask(&gateway, "a.test", &["-tls1_3"]).contains("TLSv1.3"));
    assert!(ask(&gateway, "a.test", &["-tls1_2"]).contains("TLSv1.2"));
}

fn an_old_version_is_refused_when_the_config_says_so(driver: Driver) {
    if !installed("openssl") {
        return;
    }
    let gateway = secure(driver, &Authority::new(), "minimum_version = \"1.3\"").start();
    ask(&gateway, "a.test", &["-tls1_3"]);
    let refused = s_client(gateway.address, gateway.folder(), "a.test", &["-tls1_2"]);
    assert!(!refused.stdout.contains("treasure"), "{refused:#?}");
    assert_ne!(refused.code, Some(0), "{refused:#?}");
    gateway.await_metric("daemun_tls_handshakes_total{result=\"failed\"}", 1.0);
}

fn names_choose_their_certificates(driver: Driver) {
    if !installed("openssl") {
        return;
    }
    let gateway = secure(driver, &Authority::new(), "").start();
    // OpenSSL itself verifies that the certificate is for the name.
    for name in ["a.test", "x.b.test", "Y.B.test"] {
        ask(&gateway, name, &[]);
    }
    // The first certificate serves all others, who must then decide for themselves.
    let other = s_client(gateway.address, gateway.folder(), "other.test", &[]);
    assert!(!other.stdout.contains("treasure"), "{other:#?}");
    assert!(other.both().contains("a.test"), "{other:#?}");
}

fn alpn_agrees_on_http_1_1(driver: Driver) {
    if !installed("openssl") {
        return;
    }
    let gateway = secure(driver, &Authority::new(), "").start();
    for offer in ["http/1.1", "h3,http/1.1", "http/1.1,spdy/1"] {
        let said = ask(&gateway, "a.test", &["-alpn", offer]);
        assert!(said.contains("ALPN protocol: http/1.1"), "{offer}: {said}");
    }
    assert!(ask(&gateway, "a.test", &[]).contains("No ALPN negotiated"));
}

fn sessions_are_resumed_on_any_core(driver: Driver) {
    if !installed("openssl") {
        return;
    }
    let gateway = secure(driver, &Authority::new(), "").workers(4).start();
    for version in ["-tls1_3", "-tls1_2"] {
        let file = gateway.folder().join(format!("session{version}"));
        let file = file.to_str().expect("a path");
        let first = ask(&gateway, "a.test", &[version, "-sess_out", file]);
        assert!(first.contains("New, TLS"), "{first}");
        for _ in 0..6 {
            // Each connection may meet another core; the ticket counts on all of them.
            let next = ask(&gateway, "a.test", &[version, "-sess_in", file]);
            assert!(next.contains("Reused, TLS"), "{version}: {next}");
        }
    }
}

fn serial(gateway: &Gateway) -> String {
    let said = s_client(gateway.address, gateway.folder(), "a.test", &["-showcerts"]);
    let start = said.stdout.find("-----BEGIN CERTIFICATE-----");
    let end = said.stdout.find("-----END CERTIFICATE-----");
    match (start, end) {
        (Some(start), Some(end)) => said.stdout[start..end].to_owned(),
        _ => panic!("no certificate: {said:#?}"),
    }
}

fn renewed_certificates_are_served_without_a_restart(driver: Driver) {
    if !installed("openssl") {
        return;
    }
    let authority = Authority::new();
    let gateway = secure(driver, &authority, "").start();
    let before = serial(&gateway);
    assert_eq!(serial(&gateway), before);
    authority.issue(&["a.test"]).write(gateway.folder(), "a");
    eventually("the renewed certificate", || {
        (serial(&gateway) != before).then_some(())
    });
    ask(&gateway, "a.test", &[]);
    ask(&gateway, "x.b.test", &[]);
}

fn a_bad_renewal_keeps_the_certificate(driver: Driver) {
    if !installed("openssl") {
        return;
    }
    let authority = Authority::new();
    let gateway = secure(driver, &authority, "").start();
    let before = serial(&gateway);
    // The key of another certificate: somebody copied half of a pair.
    let other = authority.issue(&["a.test"]);
    std::fs::write(gateway.folder().join("a.pem"), &other.certificate).expect("a file");
    eventually("a word about it", || {
        let said = gateway.stderr();
        (said.contains("a.pem") || said.contains("a.key")).then_some(())
    });
    assert_eq!(serial(&gateway), before);
    std::fs::write(gateway.folder().join("a.key"), &other.key).expect("a file");
    eventually("the whole pair", || {
        (serial(&gateway) != before).then_some(())
    });
}

fn a_certificate_that_does_not_hold_is_served_and_told_of(driver: Driver) {
    let authority = Authority::new();
    let setup = secure(driver, &authority, "");
    let folder = setup.folder().to_owned();
    authority
        .issue_for("a.test", 2020, 2021)
        .write(&folder, "a");
    let expired = "a.pem has expired: it was good until Jan  1 00:00:00 2021 GMT";
    setup.write();
    let checked = run(
        Command::new(env!("CARGO_BIN_EXE_daemun"))
            .arg("check")
            .arg(setup.file()),
        b"",
    )
    .expect_success();
    assert!(
        checked.stderr.contains("warning: listeners.main.tls: "),
        "{checked:?}"
    );
    assert!(checked.stderr.contains(expired), "{checked:?}");
    assert!(checked.stdout.contains("is fine"), "{checked:?}");
    let gateway = setup.start();
    assert_eq!(
        gateway.stderr().matches(expired).count(),
        1,
        "{}",
        gateway.output()
    );
    let ends = |file: &str| {
        let file = folder.join(file).display().to_string();
        format!("daemun_certificate_not_after_seconds{{listener=\"main\",certificate=\"{file}\"}}")
    };
    assert_eq!(gateway.metric(&ends("a.pem")), Some(1_609_459_200.0));
    assert!(gateway.metric(&ends("b.pem")).is_some());
    // A reload of the same tells it again.
    gateway.signal(libc::SIGHUP);
    eventually("a second word", || {
        (gateway.stderr().matches(expired).count() == 2).then_some(())
    });
    // Of a chain each certificate counts.
    let old = authority.issue_for("old.test", 2018, 2019).certificate;
    let mut chained = authority.issue(&["a.test"]);
    chained.certificate += &old;
    chained.write(&folder, "a");
    gateway.await_metric(&ends("a.pem"), 1_546_300_800.0);
    let expired = "a.pem has expired: it was good until Jan  1 00:00:00 2019 GMT";
    assert!(gateway.stderr().contains(expired), "{}", gateway.output());
    // One that clients would not take yet.
    authority
        .issue_for("a.test", 2090, 2091)
        .write(&folder, "a");
    eventually("a word about the next one", || {
        let early = "a.pem is not valid yet: it is from Jan  1 00:00:00 2090 GMT";
        gateway.stderr().contains(early).then_some(())
    });
    gateway.await_metric(&ends("a.pem"), 3_818_448_000.0);
    if installed("curl") {
        let url = format!("https://{}/x", gateway.address);
        let said = run(
            Command::new("curl").args(["--silent", "--insecure", &url]),
            b"",
        );
        assert_eq!(said.expect_success().stdout, "treasure");
    }
}

fn curl_trusts_the_gateway(driver: Driver) {
    if !installed("curl") {
        return;
    }
    let gateway = secure(driver, &Authority::new(), "").start();
    let port = gateway.address.port();
    for name in ["a.test", "deep.b.test"] {
        let mut command = Command::new("curl");
        command
            .args(["--silent", "--show-error", "--fail", "--cacert"])
            .arg(gateway.folder().join("ca.pem"))
            .args(["--resolve", &format!("{name}:{port}:127.0.0.1")])
            .arg(format!("https://{name}:{port}/x"));
        assert_eq!(run(&mut command, b"").expect_success().stdout, "treasure");
    }
}

fn a_peer_that_does_not_speak_tls_is_let_go(driver: Driver) {
    let gateway = secure(driver, &Authority::new(), "").start();
    let mut client = gateway.connect();
    client.send("GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n");
    let rest = client.rest();
    assert!(!String::from_utf8_lossy(&rest).contains("treasure"));
    gateway.await_metric("daemun_tls_handshakes_total{result=\"failed\"}", 1.0);
    gateway.await_metric("daemun_connections_open", 0.0);
}

fn a_handshake_that_does_not_come_is_not_waited_for(driver: Driver) {
    let setup = secure(driver, &Authority::new(), "");
    let gateway = setup.and("[timeouts]\nhandshake = \"200ms\"\n").start();
    gateway.connect().expect_end();
    gateway.await_metric("daemun_connections_open", 0.0);
}

fn many_requests_fit_one_session(driver: Driver) {
    if !installed("openssl") {
        return;
    }
    let gateway = secure(driver, &Authority::new(), "").start();
    let keep = "GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n".repeat(20);
    for version in ["-tls1_3", "-tls1_2"] {
        let mut command = Command::new("openssl");
        command
            .args([
                "s_client",
                "-quiet",
                version,
                "-connect",
                &gateway.address.to_string(),
            ])
            .args(["-servername", "a.test"]);
        let said = run(&mut command, (keep.clone() + REQUEST).as_bytes()).stdout;
        assert_eq!(said.matches("\r\n\r\ntreasure").count(), 21, "{said}");
    }
}

//! The command line: checking, explaining, the first run, and what it says when it cannot start.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::kit::{Driver, Finished, Setup, eventually, installed, mock, route, run, table};

fn daemun(folder: &Path, arguments: &[&str]) -> Finished {
    let mut command = Command::new(env!("CARGO_BIN_EXE_daemun"));
    command.current_dir(folder).args(arguments);
    run(&mut command, b"")
}

/// A folder with this config in `daemun.toml`.
fn folder(config: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("daemun.toml"), config).expect("a file");
    folder
}

#[test]
fn a_good_file_checks_out() {
    let folder = folder(&mock("GET /x", "ok"));
    daemun(folder.path(), &["check", "daemun.toml"]).expect_success();
}

#[test]
fn a_mapping_template_is_rendered_and_traced() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).expect("a file");
    };
    let template =
        "#set($x = $input.path('$.a'))$x $context.stage $stageVariables.v $input.params('q')";
    write("ok.vtl", template);
    write("wrong.vtl", "line\n#if($x == )");
    write("body.json", r#"{"a":[1,"b"]}"#);
    write("context.json", r#"{"stage":"prod"}"#);
    let mut arguments = vec!["vtl", "ok.vtl", "--input", "body.json", "--trace"];
    arguments.extend([
        "--context",
        "context.json",
        "--variable",
        "v=1",
        "--query",
        "q=2",
    ]);
    let finished = daemun(folder.path(), &arguments).expect_success();
    assert_eq!(finished.stdout, r#"[1,"b"] prod 1 2"#);
    let traced = finished.both();
    for part in [r#"$x = [1,"b"]"#, "1:30  $x", "$input.params('q') 2"] {
        assert!(traced.contains(part), "`{part}` is missing:\n{traced}");
    }
    let finished = daemun(folder.path(), &["vtl", "wrong.vtl"]);
    assert_eq!(finished.code, Some(1), "{finished:#?}");
    assert!(finished.both().contains("wrong.vtl: line 2, column 11:"));
    assert!(finished.both().contains("\n            ^"));
}

#[test]
fn a_bad_file_is_reported_whole_with_carets_and_hints() {
    let config = "wokers = 2\n".to_owned()
        + &table("limits", "header_bytes = true")
        + &route("GET /x", "ftp://nowhere/")
        + &mock("GET /x/{id}", "one")
        + &mock("GET /x/{name}", "another");
    let folder = folder(&config);
    let finished = daemun(folder.path(), &["check", "daemun.toml"]);
    assert_eq!(finished.code, Some(1), "{finished:#?}");
    let said = finished.both();
    for part in [
        "wokers",
        "did you mean `workers`",
        "header_bytes",
        "ftp",
        "{name}",
        "daemun.toml:1:1",
        "^^^^^^",
    ] {
        assert!(said.contains(part), "`{part}` is missing:\n{said}");
    }
}

#[test]
fn a_problem_is_told_once() {
    // Of targets that are all wrong it is not said that there are none.
    let config = table("upstreams.a", "targets = [\"nope\", \"http://x\"]")
        + &table("upstreams.b", "targets = []")
        + &mock("GET /x", "one");
    let said = daemun(folder(&config).path(), &["check", "daemun.toml"]).both();
    assert!(said.contains("`nope` has no port"), "{said}");
    assert_eq!(said.matches("has no targets").count(), 1, "{said}");
    assert!(said.ends_with("daemun.toml: 3 problems\n"), "{said}");
    let header = "[apis.a.routes.\"GET /x\"]\n\
        integration = { type = \"mock\", headers = { \"a b\" = \"c\" } }\n";
    let said = daemun(folder(header).path(), &["check", "daemun.toml"]).both();
    assert!(said.contains("a header name cannot hold ` `"), "{said}");
    assert!(said.ends_with("daemun.toml: 1 problem\n"), "{said}");
}

#[test]
fn a_hint_is_what_to_write() {
    let said = |config: &str| daemun(folder(config).path(), &["check", "daemun.toml"]).both();
    let host = said("[apis.a]\nhosts = [\"http://h.test:80/x\"]\n");
    assert!(host.contains("write \"h.test\""), "{host}");
    let doubled = said("workers = 2\nworkers = 3\n");
    assert!(doubled.contains("duplicate key"), "{doubled}");
    assert!(!doubled.contains("quotes"), "{doubled}");
}

#[test]
fn a_missing_file_is_named() {
    let folder = folder("");
    for arguments in [&["check", "none.toml"][..], &["serve", "none.toml"]] {
        let finished = daemun(folder.path(), arguments);
        assert!(finished.code.is_some_and(|code| code != 0), "{finished:#?}");
        assert!(finished.both().contains("none.toml"), "{finished:#?}");
    }
}

#[test]
fn the_example_config_checks_out_but_for_its_files() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("config.example.toml");
    let folder = folder(&std::fs::read_to_string(example).expect("the example"));
    std::fs::create_dir_all(folder.path().join("functions/hello")).expect("a folder of code");
    let copy = folder.path().join("daemun.toml");
    let check = ["check", copy.to_str().expect("a path")];
    daemun(Path::new("/"), &check).expect_success();
}

#[test]
fn explain_says_which_route_would_serve_and_why() {
    let config =
        mock("GET /pets/{id}", "one") + &mock("GET /pets/mine", "mine") + &mock("$default", "rest");
    let folder = folder(&config);
    for (request, expected) in [
        ("GET /pets/7", "GET /pets/{id}"),
        ("GET /pets/mine", "GET /pets/mine"),
        ("POST /pets/7", "$default"),
    ] {
        let finished = daemun(
            folder.path(),
            &["check", "daemun.toml", "--explain", request],
        );
        let finished = finished.expect_success();
        assert!(
            finished.stdout.contains(expected),
            "{request}: {finished:#?}"
        );
    }
    let folder = self::folder(&mock("ANY /pets", "any"));
    let asked = ["check", "daemun.toml", "--explain", "FOO /pets"];
    let said = daemun(folder.path(), &asked).expect_success().stdout;
    assert!(
        said.contains("ANY /pets takes DELETE, GET, HEAD, "),
        "{said}"
    );
    let folder = self::folder(&mock("GET /pets/{id}", "one"));
    let finished = daemun(
        folder.path(),
        &["check", "daemun.toml", "--explain", "GET /cats"],
    );
    assert!(finished.both().contains("404"), "{finished:#?}");
}

#[test]
fn explain_does_not_speak_of_routes_for_what_no_route_sees() {
    let folder = folder(&mock("ANY /{rest+}", "one"));
    let explain = |request: &str, more: &[&str]| {
        let mut arguments = vec!["check", "daemun.toml", "--explain", request];
        arguments.extend(more);
        daemun(folder.path(), &arguments)
    };
    for (request, expected) in [
        ("GET /%zz", "400"),
        ("GET /x/../y", "400"),
        ("CONNECT /x", "no route serves"),
        ("GET /x HTTP/1.1", "write 'GET /x'"),
    ] {
        let finished = explain(request, &[]);
        assert_eq!(finished.code, Some(2), "{finished:#?}");
        assert!(finished.stderr.contains(expected), "{finished:#?}");
    }
    explain("GET /x?y=%", &[]).expect_success();
    explain("GET /x", &["--host", "h.test:80"]).expect_success();
    assert_eq!(explain("GET /x", &["--host", "http://h"]).code, Some(2));
    let config = "[apis.main]\nhosts = [\"h.test\"]\n".to_owned() + &mock("ANY /x", "one");
    std::fs::write(folder.path().join("daemun.toml"), config).expect("a file");
    let finished = explain("GET /x", &[]).expect_success();
    assert!(finished.stdout.contains("`--host`"), "{finished:#?}");
    let finished = explain("GET /x", &["--host", "other.test"]).expect_success();
    assert!(!finished.stdout.contains("`--host`"), "{finished:#?}");
}

#[test]
fn unknown_flags_are_refused() {
    let folder = folder("");
    for arguments in [
        &["--wrong"][..],
        &["check", "--wrong"],
        &["serve", "--wrong"],
    ] {
        let finished = daemun(folder.path(), arguments);
        assert_eq!(finished.code, Some(2), "{finished:#?}");
        assert!(finished.stderr.contains("--wrong"), "{finished:#?}");
    }
}

#[test]
fn help_and_version_answer() {
    let folder = folder("");
    let help = daemun(folder.path(), &["--help"]).expect_success();
    assert!(help.stdout.contains("check"), "{help:#?}");
    let version = daemun(folder.path(), &["--version"]).expect_success();
    assert!(
        version.stdout.contains(env!("CARGO_PKG_VERSION")),
        "{version:#?}"
    );
}

#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("a port").to_string();
    let listener = format!("[listeners.main]\naddress = \"{address}\"\n");
    let setup = Setup::new(Driver::Epoll, listener + &mock("GET /x", "ok"));
    setup.write();
    let finished = run(&mut setup.command(), b"");
    assert_eq!(finished.code, Some(1), "{finished:#?}");
    assert!(finished.stderr.contains(&address), "{finished:#?}");
    assert!(finished.stderr.contains("in use"), "{finished:#?}");
    let admin = table("admin", &format!("address = \"{address}\""));
    let setup = Setup::new(Driver::Epoll, admin + &mock("GET /x", "ok"));
    setup.write();
    let finished = run(&mut setup.command(), b"");
    assert_eq!(finished.code, Some(1), "{finished:#?}");
    assert!(finished.stderr.contains(&address), "{finished:#?}");
}

#[test]
fn the_admin_listener_must_be_on_loopback() {
    let folder = folder(&(table("admin", "address = \"0.0.0.0:0\"") + &mock("GET /x", "ok")));
    let finished = daemun(folder.path(), &["check", "daemun.toml"]);
    assert_eq!(finished.code, Some(1), "{finished:#?}");
    assert!(finished.both().contains("loopback"), "{finished:#?}");
}

#[test]
fn a_missing_certificate_is_named() {
    let tls = "[listeners.main]\naddress = \"127.0.0.1:0\"\n\
               tls = { certificates = [{ certificate = \"none.pem\", private_key = \"none.key\" }] }\n";
    let setup = Setup::new(Driver::Epoll, tls.to_owned() + &mock("GET /x", "ok"));
    setup.write();
    let finished = run(&mut setup.command(), b"");
    assert_eq!(finished.code, Some(1), "{finished:#?}");
    assert!(finished.stderr.contains("none.pem"), "{finished:#?}");
}

/// A child that is ended whatever happens.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The ports of the first run are part of its promise, so it only runs where they are free.
#[test]
fn the_first_run_prints_curl_lines_that_work() {
    if !installed("curl") {
        return;
    }
    for port in [8080, 8081, 9901] {
        if TcpListener::bind(("127.0.0.1", port)).is_err() {
            eprintln!("skipped: port {port} is taken");
            return;
        }
    }
    let folder = tempfile::tempdir().expect("a folder");
    let said = folder.path().join("said");
    let file = std::fs::File::create(&said).expect("a file");
    let child = Command::new(env!("CARGO_BIN_EXE_daemun"))
        .current_dir(folder.path())
        // It is killed in the end, and what it leaves there goes with the folder.
        .env("TMPDIR", folder.path())
        .stdin(Stdio::null())
        .stdout(file.try_clone().expect("a file"))
        .stderr(file)
        .spawn()
        .expect("the gateway's binary");
    let mut running = Running(child);
    // The example has a function where there is something to run it.
    let expected = if installed("python3") { 4 } else { 3 };
    let lines = eventually("the curl lines", || {
        let text = std::fs::read_to_string(&said).expect("a file");
        if let Some(status) = running.0.try_wait().expect("a child") {
            panic!("it ended with {status}:\n{text}");
        }
        let from_curl = |line: &str| line.find("curl ").map(|at| line[at..].to_owned());
        let lines: Vec<String> = text.lines().filter_map(from_curl).collect();
        (lines.len() >= expected && text.ends_with('\n')).then_some(lines)
    });
    assert_eq!(lines.len(), expected, "{lines:?}");
    for line in lines {
        let mut shell = Command::new("sh");
        shell.args(["-c", &line]);
        let finished = run(&mut shell, b"").expect_success();
        assert!(
            !finished.stdout.is_empty(),
            "`{line}` prints nothing: {finished:#?}"
        );
        if line.contains("/greet?name=Bori") {
            let answer = &finished.stdout;
            assert!(answer.contains("hello Bori"), "`{line}` prints {answer}");
        }
    }
    // Whoever starts a second one learns how to do without these ports.
    let second = daemun(folder.path(), &[]);
    assert_eq!(second.code, Some(1), "{second:#?}");
    for part in ["in use", "[listeners.main]", "daemun serve FILE"] {
        assert!(second.stderr.contains(part), "{second:#?}");
    }
}

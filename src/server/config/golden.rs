//! Whole files: their reports in `tests/golden/config`, the example file, the manual.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::model::Throttle;
use crate::model::v2::Integration;
use crate::server::config::settings::{AccessLog, Driver, TlsVersion};
use crate::server::config::{Config, FILE_BYTES_MAX, Located, page};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Compares with the stored text, or stores it when UPDATE_GOLDEN is set.
fn same_as_stored(path: &Path, text: &str) {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        return;
    }
    let stored = fs::read_to_string(path).unwrap_or_default();
    let name = path.display();
    assert!(
        stored == text,
        "{name} is stale: run with UPDATE_GOLDEN=1. New text:\n{text}"
    );
}

#[test]
fn every_mistake_is_reported_with_its_place() {
    let folder = root().join("tests/golden/config");
    let mut names: Vec<PathBuf> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "toml"))
        .collect();
    names.sort();
    assert!(names.len() > 5);
    for path in names {
        let text = fs::read_to_string(&path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        let report = match Config::parse(&text, name) {
            Ok(config) => format!("fine\n{config:#?}\n"),
            Err(report) => {
                for problem in &report.problems {
                    if let Some(range) = &problem.range {
                        assert!(text.get(range.clone()).is_some(), "{name}: {problem:?}");
                    }
                }
                report.to_string()
            }
        };
        same_as_stored(&path.with_extension("txt"), &report);
    }
}

#[test]
fn the_example_file_is_what_the_field_table_says() {
    same_as_stored(&root().join("config.example.toml"), &page::example());
}

#[test]
fn the_manual_is_what_the_field_table_says() {
    same_as_stored(&root().join("docs/configuration.md"), &page::manual());
}

#[test]
fn the_example_file_holds_the_defaults() {
    let example = Config::parse(&page::example(), "config.example.toml").unwrap();
    let empty = Config::parse("", "empty.toml").unwrap();
    assert_eq!(example.settings, empty.settings);
    let upstream = &example.snapshot.upstreams[0];
    let model = crate::model::Upstream::default();
    assert_eq!(upstream.eject_ms, model.eject_ms);
    assert_eq!(upstream.eject_after, model.eject_after);
    assert_eq!(upstream.connect_timeout_ms, model.connect_timeout_ms);
    assert_eq!(upstream.idle_timeout_ms, model.idle_timeout_ms);
    assert_eq!(upstream.idle_connections_max, model.idle_connections_max);
    assert_eq!(upstream.tls, model.tls);
}

/// Keys that exclude others of the example.
const OTHER_WAYS: &[&str] = &[
    "preserve_host",
    "profile",
    "credentials_file",
    "secret_access_key_file",
];

#[test]
fn the_commented_lines_of_the_example_are_right_too() {
    // A second integration in one route would be a duplicate key.
    let is_key = |text: &str| {
        text.bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
            && text != "integration"
    };
    let text: Vec<String> = page::example()
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest) if rest.split_once(" = ").is_some_and(|(key, _)| is_key(key)) => {
                rest.to_owned()
            }
            _ => line.to_owned(),
        })
        .filter(|line| !OTHER_WAYS.iter().any(|key| line.starts_with(key)))
        .collect();
    let config = Config::parse(&text.join("\n"), "all.toml");
    let config = config.unwrap_or_else(|report| panic!("{report}"));
    assert!(config.settings.listeners[0].tls.is_some());
    assert!(config.snapshot.account_throttle.is_some());
}

const WRITTEN: &str = r#"
workers = 3
driver = "epoll"
[listeners.secure]
address = "[::1]:0"
tls = { certificates = [{ certificate = "c.pem", private_key = "/k.pem" }], minimum_version = "1.3" }
[admin]
address = "off"
[limits]
header_bytes = 4096
body_bytes = "2MiB"
connections = 9
[timeouts]
exchange = "1m"
[logging]
access_log = "log/access"
[account]
throttling = { rate_limit = 0.5, burst_limit = 7 }
[upstreams.pets]
targets = ["[::1]:9000", { address = "host:1", weight = 2 }]
balance = "least_outstanding"
tls = { ca_file = "ca.pem" }
[apis.pets]
base_path = "/v1"
[apis.pets.routes."POST /a"]
integration = { type = "mock", status = 201, headers = { a = "b" }, body = "x" }
body_bytes = "unlimited"
[apis.pets.routes."$default"]
integration = { type = "http_proxy", uri = "http://pets/" }
[apis.pets.stages.prod]
variables = { backend = "pets" }
"#;

#[test]
fn what_is_written_about_the_gateway_arrives() {
    let config = Config::parse(WRITTEN, "/etc/daemun/x.toml").unwrap();
    let settings = &config.settings;
    assert_eq!(
        (settings.workers, settings.driver),
        (Some(3), Driver::Epoll)
    );
    let tls = settings.listeners[0].tls.as_ref().unwrap();
    assert_eq!(tls.minimum_version, TlsVersion::Tls13);
    assert_eq!(
        tls.certificates[0].certificate,
        Path::new("/etc/daemun/c.pem")
    );
    assert_eq!(tls.certificates[0].private_key, Path::new("/k.pem"));
    assert_eq!(settings.admin, None);
    assert_eq!(settings.limits.header_bytes_max, 4_096);
    assert_eq!(settings.limits.connections_max, Some(9));
    assert_eq!(settings.timeouts.exchange_ms, Some(60_000));
    let log = AccessLog::File("/etc/daemun/log/access".into());
    assert_eq!(settings.logging.access_log, log);
}

#[test]
fn what_is_written_about_apis_arrives() {
    let config = Config::parse(WRITTEN, "/etc/daemun/x.toml").unwrap();
    let snapshot = &config.snapshot;
    let throttle = Throttle {
        rate_limit: 0.5,
        burst_limit: 7,
    };
    assert_eq!(snapshot.account_throttle, Some(throttle));
    let upstream = &snapshot.upstreams[0];
    let targets = upstream
        .targets
        .iter()
        .map(|t| (t.host.as_str(), t.port, t.weight));
    assert_eq!(
        targets.collect::<Vec<_>>(),
        [("::1", 9000, 1), ("host", 1, 2)]
    );
    assert!(upstream.least_outstanding);
    assert_eq!(upstream.tls.ca_file.as_deref(), Some("/etc/daemun/ca.pem"));
    let api = &snapshot.apis[0];
    assert_eq!(api.routes[0].body_bytes_max, None);
    assert_eq!(api.routes[1].body_bytes_max, Some(2 << 20));
    let Integration::HttpProxy { timeout_ms, .. } = api.routes[1].integration else {
        panic!("{:?}", api.routes[1]);
    };
    assert_eq!(timeout_ms, 30_000);
    assert_eq!(api.stages.len(), 1);
    assert_eq!(api.stages[0].access_log_format.as_deref(), Some("json"));
}

#[test]
fn what_compile_finds_is_sorted_in_among_the_rest() {
    let text = "[apis.a]\nbase_path = \"v1\"\nhosts = [\"x.example\"]\n[limitz]\n";
    let located = |path: &[&str], message: &str| Located {
        path: path.iter().map(|name| (*name).to_owned()).collect(),
        within: None,
        message: message.to_owned(),
        hint: None,
    };
    let report = Config::parse_with(text, "x.toml", |_| -> Result<(), _> {
        Err(vec![
            located(&["apis", "a", "hosts", "0"], "second"),
            located(&["apis", "a", "base_path"], "said already"),
            located(&[], "first"),
        ])
    })
    .unwrap_err();
    let messages: Vec<&str> = report.problems.iter().map(|p| p.message.as_str()).collect();
    let expected = [
        "first",
        "apis.a.base_path: a base path starts with `/`",
        "second",
        "unknown key `limitz`",
    ];
    assert_eq!(messages, expected);
}

#[test]
fn files_that_are_not_text_are_refused_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let check = |bytes: &[u8], expected: &str| {
        let path = folder.path().join("x.toml");
        fs::write(&path, bytes).unwrap();
        let report = Config::load(&path).unwrap_err().to_string();
        assert!(report.contains(expected), "{report}");
    };
    check(b"a = 1\nb = \xff\n", "line 2, byte 5: not UTF-8");
    check(b"\xff\xfea\0", "UTF-16");
    check("x = 1\n\u{feff}y = 2\n".as_bytes(), "not TOML");
    check(
        &vec![b'#'; usize::try_from(FILE_BYTES_MAX).unwrap() + 1],
        "16 MiB",
    );
    let missing = Config::load(&folder.path().join("missing.toml")).unwrap_err();
    assert!(missing.to_string().contains("cannot read"), "{missing}");
    let tls = "[listeners.a]\naddress = \"127.0.0.1:1\"\n\
               tls = { certificates = [{ certificate = \"no.pem\", private_key = \".\" }] }\n";
    check(tls.as_bytes(), "no.pem cannot be read");
    check(tls.as_bytes(), "is a folder");
    let logs = "[logging]\naccess_log = \"no/such.log\"\nfunction_log = \"/\"\n";
    check(logs.as_bytes(), "/no does not exist");
    check(logs.as_bytes(), "x.toml:2:14");
    check(logs.as_bytes(), "/ is a folder");
    let logs = "[logging]\naccess_log = \"a.log\"\nexecution_log = \"{api}/{stage}.log\"\n";
    fs::write(folder.path().join("logs.toml"), logs).unwrap();
    Config::load(&folder.path().join("logs.toml")).unwrap();
    fs::write(folder.path().join("bom.toml"), "\u{feff}workers = 2\n").unwrap();
    let config = Config::load(&folder.path().join("bom.toml")).unwrap();
    assert_eq!(config.settings.workers, Some(2));
}

#[test]
fn hostile_files_neither_crash_nor_hang() {
    let deep_path = format!("{} = 1", vec!["a"; 200_000].join("."));
    let deep_mix = {
        let dots = vec!["a"; 79].join(".");
        format!(
            "[{dots}]\n{}1{}",
            format!("{dots} = {{").repeat(79),
            "}".repeat(79)
        )
    };
    let hostile = [
        "[".repeat(200_000),
        "x = ".to_owned() + &"[".repeat(200_000),
        "x = ".to_owned() + &"{a=".repeat(200_000),
        deep_path,
        deep_mix,
        "=\n".repeat(400_000),
        "= ".repeat(400_000),
        "\"".repeat(100_001),
        "a\n".repeat(1_000_000),
        (0..50_000).map(|n| format!("k{n} = {n}\n")).collect(),
        "x = 1\n".repeat(50_000),
        "\0\u{1}\u{7f}".repeat(1_000),
        "\r".repeat(1_000),
    ];
    for text in hostile {
        let start = Instant::now();
        let report = Config::parse(&text, "hostile.toml").unwrap_err();
        for problem in &report.problems {
            let range = problem.range.clone().unwrap_or(0..0);
            assert!(text.get(range).is_some(), "{problem:?}");
        }
        let shown = report.to_string();
        assert!(shown.len() < 1 << 20, "{}", shown.len());
        let spent = start.elapsed();
        assert!(spent < Duration::from_secs(20), "{spent:?}: {:.40}", text);
    }
}

#[test]
fn ten_thousand_routes_are_read_at_once() {
    let route = |n: u32| {
        format!(
            "[apis.a.routes.\"GET /r{n}/{{id}}\"]\n\
             integration = {{ type = \"http_proxy\", uri = \"http://pets/{n}/{{id}}\" }}\n"
        )
    };
    let text: String = (0..10_000).map(route).collect();
    let start = Instant::now();
    let config = Config::parse(&text, "many.toml").unwrap();
    assert_eq!(config.route_count(), 10_000);
    // Optimised it is a tenth of this; the bound is here to catch what grows faster than the file.
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
}

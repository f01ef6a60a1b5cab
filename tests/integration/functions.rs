//! Functions behind routes: what they are told, what becomes of their answers and of their faults.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::kit::{
    Driver, Gateway, Setup, bootstrap, calling, eventually, function, installed, provided,
};

on_both_drivers! {
    a_function_answers_and_its_process_is_used_again,
    a_function_is_told_of_the_request,
    a_function_that_takes_too_long_is_replaced,
    a_function_that_ends_or_speaks_nonsense_is_an_error_and_the_next_call_is_fine,
    callers_wait_their_turn_and_not_longer_than_they_may,
    a_thousand_callers_share_four_workers,
    of_a_thousand_callers_those_who_wait_too_long_are_told_and_not_served_later,
}

fn gateway(driver: Driver, lines: &str) -> Gateway {
    let config = provided("f", lines) + &calling("ANY /{proxy+}", "f", "");
    Gateway::start(driver, config)
}

fn a_function_answers_and_its_process_is_used_again(driver: Driver) {
    let gateway = gateway(driver, "");
    let mut client = gateway.connect();
    let first = client.get("/x?act=pid");
    assert_eq!(first.status(), 200);
    assert_eq!(first.header("content-type"), Some("application/json"));
    for _ in 0..5 {
        assert_eq!(client.get("/x?act=pid").text(), first.text());
    }
    let bare = client.get("/x");
    assert_eq!((bare.status(), bare.text()), (200, ""));
    let plain = Some("text/plain; charset=utf-8");
    assert_eq!(bare.header("content-type"), plain);
}

fn a_function_is_told_of_the_request(driver: Driver) {
    let gateway = gateway(driver, "");
    let event = gateway.connect().request(
        "POST /a%20b/c?act=event&x=1&x=2 HTTP/1.1\r\nHost: api.example.com:80\r\nX-Two: a\r\nx-two: b\r\n\
         Cookie: s=1; t=2\r\nContent-Type: application/json\r\nUser-Agent: test/1\r\n\
         Transfer-Encoding: chunked\r\n\r\n5\r\n{\"a\":\r\n2\r\n1}\r\n0\r\n\r\n",
    );
    assert_eq!(event.status(), 200);
    for part in [
        r#""version":"2.0","routeKey":"ANY /{proxy+}","rawPath":"/a%20b/c","rawQueryString":"act=event&x=1&x=2","cookies":["s=1","t=2"]"#,
        r#""x-two":"a,b""#,
        r#""x-forwarded-proto":"http""#,
        r#""queryStringParameters":{"act":"event","x":"1,2"}"#,
        r#""domainName":"api.example.com","domainPrefix":"api""#,
        r#""http":{"method":"POST","path":"/a%20b/c","protocol":"HTTP/1.1","sourceIp":"127.0.0.1","userAgent":"test/1"}"#,
        r#""pathParameters":{"proxy":"a b/c"}"#,
        r#""body":"{\"a\":1}","isBase64Encoded":false}"#,
    ] {
        assert!(
            event.text().contains(part),
            "{part} is not in {}",
            event.text()
        );
    }
    let binary = gateway.connect().request(
        "POST /x?act=event HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Type: image/png\r\n\r\n\u{1}\u{2}\u{3}",
    );
    let part = r#""body":"AQID","isBase64Encoded":true}"#;
    assert!(binary.text().ends_with(part), "{}", binary.text());
}

fn a_function_that_takes_too_long_is_replaced(driver: Driver) {
    let gateway = gateway(driver, "timeout = \"200ms\"\nconcurrency = 1");
    let mut client = gateway.connect();
    let before = client.get("/x?act=pid").text().to_owned();
    let began = Instant::now();
    let late = client.get("/x?act=hang");
    assert_eq!(late.status(), 500);
    assert_eq!(late.text(), r#"{"message":"Internal Server Error"}"#);
    assert!(
        began.elapsed() < Duration::from_secs(2),
        "{:?}",
        began.elapsed()
    );
    let after = client.get("/x?act=pid").text().to_owned();
    assert_ne!(before, after);
    assert!(!Path::new(&format!("/proc/{before}")).exists());
    eventually("the log", || {
        gateway
            .stdout()
            .contains("Task timed out after 0.20 seconds")
            .then_some(())
    });
}

fn a_function_that_ends_or_speaks_nonsense_is_an_error_and_the_next_call_is_fine(driver: Driver) {
    let gateway = gateway(driver, "concurrency = 1");
    let mut client = gateway.connect();
    for act in ["exit0", "exit7", "abort", "garbage", "large7000000"] {
        let response = client.get(&format!("/x?act={act}"));
        assert_eq!(response.status(), 500, "{act}");
        let expected = r#"{"message":"Internal Server Error"}"#;
        assert_eq!(response.text(), expected, "{act}");
        assert_eq!(client.get("/x").status(), 200, "after {act}");
    }
    // What fits is passed on whole.
    let large = client.get("/x?act=large100");
    assert_eq!(large.status(), 500, "a hundred letters are no JSON");
}

fn callers_wait_their_turn_and_not_longer_than_they_may(driver: Driver) {
    let config = provided("f", "concurrency = 1")
        + &calling("GET /x", "f", ", timeout = \"300ms\"")
        + &calling("GET /patient", "f", "");
    let gateway = Gateway::start(driver, config);
    assert_eq!(gateway.get("/x").status(), 200);
    thread::scope(|scope| {
        let busy = scope.spawn(|| gateway.get("/patient?act=sleep900").status());
        thread::sleep(Duration::from_millis(100));
        let began = Instant::now();
        assert_eq!(gateway.get("/x").status(), 504);
        assert!(began.elapsed() < Duration::from_millis(700));
        assert_eq!(busy.join().unwrap(), 200);
    });
    assert_eq!(gateway.get("/x").status(), 200);
}

fn a_thousand_callers_share_four_workers(driver: Driver) {
    let config = provided("f", "concurrency = 4\nwarm = 4") + &calling("GET /x", "f", "");
    let gateway = Setup::new(driver, config).workers(2).start();
    let one = || {
        let mut client = gateway.connect();
        client.send("GET /x?act=sleep5 HTTP/1.1\r\nHost: a\r\n\r\n");
        client
    };
    let mut clients: Vec<_> = (0..1_000).map(|_| one()).collect();
    for client in &mut clients {
        let response = client.response();
        assert_eq!((response.status(), response.text()), (200, "slept"));
    }
    let pids = |_| gateway.get("/x?act=pid").text().to_owned();
    assert!((0..20).map(pids).collect::<HashSet<_>>().len() <= 4);
}

fn of_a_thousand_callers_those_who_wait_too_long_are_told_and_not_served_later(driver: Driver) {
    let config = provided("f", "concurrency = 4\nwarm = 4")
        + &calling("GET /x", "f", ", timeout = \"1s\"")
        + &calling("GET /patient", "f", "");
    let gateway = Setup::new(driver, config).workers(2).start();
    assert_eq!(gateway.get("/patient").status(), 200);
    let one = || {
        let mut client = gateway.connect();
        client.send("GET /x?act=sleep50 HTTP/1.1\r\nHost: a\r\n\r\n");
        client
    };
    let mut clients: Vec<_> = (0..1_000).map(|_| one()).collect();
    let statuses = clients.iter_mut().map(|client| client.response().status());
    let statuses: Vec<u16> = statuses.collect();
    let places = |wanted: u16| {
        let places = statuses.iter().zip(0_usize..);
        let places = places.filter(|(status, _)| **status == wanted);
        places.map(|(_, place)| place).collect::<Vec<_>>()
    };
    let (served, late) = (places(200), places(504));
    assert_eq!(served.len() + late.len(), 1_000, "{statuses:?}");
    // Four at once, 50 milliseconds each, for the time that it took to ask and a second.
    assert!(served.len() >= 4 && late.len() >= 100, "{statuses:?}");
    let middle = |places: &[usize]| places.iter().sum::<usize>() / places.len();
    assert!(middle(&served) < middle(&late), "{statuses:?}");
    // Nothing is left over that nobody waits for, which would take ten seconds: the next one is
    // served at once.
    let began = Instant::now();
    assert_eq!(gateway.get("/patient").status(), 200);
    assert!(began.elapsed() < Duration::from_secs(2));
}

#[test]
fn nothing_of_the_gateway_is_inherited() {
    let config = provided("f", "environment = { OWN = \"1\" }\nmemory = \"256MiB\"")
        + &calling("GET /x", "f", "")
        + "[account]\nregion = \"eu-west-1\"\n";
    let setup = Setup::new(Driver::Epoll, config);
    let mut command = setup.command();
    command.env("SECRET_OF_THE_GATEWAY", "1");
    let gateway = setup.start_by(command);
    let all = gateway.get("/x?act=environment").text().to_owned();
    for part in [
        "OWN=1",
        "AWS_REGION=eu-west-1",
        "AWS_LAMBDA_FUNCTION_NAME=f",
        "AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256",
        "AWS_EXECUTION_ENV=AWS_Lambda_provided.al2023",
        "LAMBDA_TASK_ROOT=",
    ] {
        assert!(all.contains(part), "{part} is not in {all}");
    }
    assert!(!all.contains("SECRET"), "{all}");
    // Three standard streams, the connection to the runtime, and the folder being read.
    assert_eq!(gateway.get("/x?act=files").text(), "5");
    let headers = gateway.get("/x?act=headers").text().to_owned();
    let arn = "arn:aws:lambda:eu-west-1:000000000000:function:f";
    assert!(headers.to_lowercase().contains(arn), "{headers}");
}

#[test]
fn what_a_function_prints_stands_between_start_and_report() {
    let gateway = gateway(Driver::Epoll, "");
    gateway.get("/x?act=print");
    let log = eventually("the log", || {
        let log = gateway.stdout();
        log.contains("REPORT").then_some(log)
    });
    let lines: Vec<&str> = log
        .lines()
        .filter_map(|line| line.strip_prefix("[f] "))
        .collect();
    let [start, printed, other, end, report] = lines.as_slice() else {
        panic!("{lines:?}");
    };
    let id = start.strip_prefix("START RequestId: ").unwrap();
    let id = id.strip_suffix(" Version: $LATEST").unwrap();
    assert_eq!(id.len(), 36);
    assert_eq!(*printed, "printed by the function");
    assert_eq!(*other, "and to the other stream");
    assert_eq!(*end, format!("END RequestId: {id}"));
    assert!(
        report.starts_with(&format!("REPORT RequestId: {id}\tDuration: ")),
        "{report}"
    );
    assert!(
        report.contains("Memory Size: 128 MB\tMax Memory Used: "),
        "{report}"
    );
    assert!(report.contains("Init Duration: "), "{report}");
}

#[test]
fn new_code_is_used_by_the_next_invocation() {
    let setup = Setup::new(Driver::Epoll, "");
    let code = setup.folder().join("code");
    fs::create_dir(&code).unwrap();
    let write = |answer: &str| {
        let script = format!(
            "#!/bin/sh\nexport BASE=http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation\n\
             while true; do\n\
             ID=$(curl -sD - -o /dev/null $BASE/next | tr -d '\\r' \
             | sed -n 's/^lambda-runtime-aws-request-id: //Ip')\n\
             curl -s -o /dev/null -d '\"{answer}\"' $BASE/$ID/response\ndone\n"
        );
        let new = code.join("new");
        fs::write(&new, script).unwrap();
        fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).unwrap();
        fs::rename(new, code.join("bootstrap")).unwrap();
    };
    write("first");
    let config = function("f", "provided", &code, "") + &calling("GET /x", "f", "");
    let gateway = setup.and(&config).start();
    assert_eq!(gateway.get("/x").text(), "first");
    for answer in ["second", "third"] {
        write(answer);
        assert_eq!(gateway.get("/x").text(), answer);
    }
}

#[test]
fn a_function_that_cannot_start_says_why() {
    let folder = tempfile::tempdir().unwrap();
    let config = function("empty", "provided", folder.path(), "warm = 0")
        + &calling("GET /empty", "empty", "")
        + &provided(
            "broken",
            "warm = 0\nenvironment = { FAIL_AT_START = \"1\" }",
        )
        + &calling("GET /broken", "broken", "");
    let gateway = Gateway::start(Driver::Epoll, config);
    for path in ["/empty", "/broken"] {
        for _ in 0..2 {
            assert_eq!(gateway.get(path).status(), 500);
        }
    }
    eventually("the reasons", || {
        let output = gateway.output();
        let both = output.contains("there is no executable file `bootstrap`")
            && output.contains("[broken] failing as I was told");
        both.then_some(())
    });
}

#[test]
fn a_reload_adds_changes_and_removes_functions() {
    let mut gateway = gateway(Driver::Epoll, "environment = { OWN = \"1\" }");
    assert!(gateway.get("/x?act=environment").text().contains("OWN=1"));
    let routes = calling("ANY /{proxy+}", "f", "");
    gateway.reload(provided("f", "environment = { OWN = \"2\" }") + &routes);
    assert!(gateway.get("/x?act=environment").text().contains("OWN=2"));
    let pid = gateway.get("/x?act=pid").text().to_owned();
    gateway.reload(provided("g", "") + &calling("ANY /{proxy+}", "g", ""));
    assert_eq!(gateway.get("/x").status(), 200);
    eventually("the end of the old function", || {
        (!Path::new(&format!("/proc/{pid}")).exists()).then_some(())
    });
}

/// Whether a process runs; one that is dead and not reaped does not.
fn runs(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    !state.is_empty() && !state.starts_with('Z')
}

#[test]
fn however_the_gateway_ends_no_process_is_left() {
    for signal in [libc::SIGKILL, libc::SIGTERM] {
        let mut gateway = gateway(Driver::Epoll, "");
        let child = gateway.get("/x?act=fork").text().to_owned();
        let worker = gateway.get("/x?act=pid").text().to_owned();
        assert!(runs(&child) && runs(&worker));
        gateway.signal(signal);
        gateway.await_exit();
        eventually("the end of the worker and its child", || {
            (!runs(&child) && !runs(&worker)).then_some(())
        });
    }
}

#[test]
fn a_function_that_is_not_there_is_a_mistake_of_the_config() {
    let config = calling("GET /x", "missing", "") + &function("odd", "cobol", bootstrap(), "");
    let setup = Setup::new(Driver::Epoll, config);
    setup.write();
    let output = Command::new(env!("CARGO_BIN_EXE_daemun"))
        .arg("check")
        .arg(setup.file())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success());
    assert!(text.contains("there is no function `missing`"), "{text}");
    assert!(text.contains("`cobol` is not a runtime"), "{text}");
}

fn handlers(folder: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/functions")
        .join(folder)
}

#[test]
fn a_python_handler_runs_without_the_client_of_aws() {
    if !installed("python3") {
        return;
    }
    let code = handlers("python");
    let of = |name: &str| {
        let lines = format!("handler = \"app.{name}\"\ntimeout = \"10s\"");
        function(name, "python3", &code, &lines) + &calling(&format!("POST /{name}"), name, "")
    };
    let config = ["answer", "fail", "nosuch"].map(of).concat();
    let gateway = Gateway::start(Driver::Epoll, config);
    let ask = |name: &str| {
        let head = format!("POST /{name} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
        gateway.connect().request(head)
    };
    let response = ask("answer");
    assert_eq!(
        (response.status(), response.text()),
        (201, "POST /answer answer")
    );
    assert_eq!(response.header("x-made-by"), Some("python"));
    assert_eq!(response.all("set-cookie"), ["a=1", "b=2"]);
    assert_eq!(ask("fail").status(), 500);
    assert_eq!(ask("nosuch").status(), 500);
    eventually("the reasons in the log", || {
        let log = gateway.output();
        (log.contains("[ERROR] ValueError: no such luck") && log.contains("nosuch")).then_some(())
    });
}

#[test]
fn a_node_handler_runs() {
    if !installed("node") {
        return;
    }
    let code = handlers("node");
    let of = |name: &str| {
        let lines = format!("handler = \"app.{name}\"\ntimeout = \"10s\"");
        function(name, "nodejs22.x", &code, &lines) + &calling(&format!("GET /{name}"), name, "")
    };
    let config = ["answer", "fail", "callback", "nosuch"].map(of).concat();
    let gateway = Gateway::start(Driver::Epoll, config);
    let response = gateway.get("/answer");
    assert_eq!((response.status(), response.text()), (201, "GET /answer"));
    assert_eq!(response.header("x-made-by"), Some("node"));
    assert_eq!(
        gateway.get("/callback").text(),
        r#"{"function":"callback"}"#
    );
    assert_eq!(gateway.get("/fail").status(), 500);
    assert_eq!(gateway.get("/nosuch").status(), 500);
    eventually("the reasons in the log", || {
        let log = gateway.output();
        let all = log.contains("RangeError") && log.contains("is undefined or not exported");
        (all && log.contains("\tINFO\thandling")).then_some(())
    });
}

/// A client of the Runtime API that says who it is.
const NODE_CLIENT: &str = r"
const base = `http://${process.env.AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/invocation`;
for (;;) {
  const next = await fetch(`${base}/next`);
  await next.text();
  const id = next.headers.get('lambda-runtime-aws-request-id');
  const body = `the client in ${process.env.WHERE} runs ${process.argv[2]}`;
  const answer = { method: 'POST', body: JSON.stringify({ statusCode: 200, body }) };
  await fetch(`${base}/${id}/response`, answer);
}
";

#[test]
fn the_client_of_aws_runs_a_node_handler_where_it_is_installed() {
    if !installed("node") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let install = |packages: &Path| {
        let package = packages.join("aws-lambda-ric");
        fs::create_dir_all(package.join("bin")).unwrap();
        let description = r#"{"type":"module","bin":{"aws-lambda-ric":"bin/run.mjs"}}"#;
        fs::write(package.join("package.json"), description).unwrap();
        fs::write(package.join("bin/run.mjs"), NODE_CLIENT).unwrap();
    };
    let [code, bare, shared] = ["code", "bare", "shared"].map(|name| folder.path().join(name));
    for folder in [&code, &bare] {
        fs::create_dir(folder).unwrap();
        fs::write(
            folder.join("app.mjs"),
            "export const run = async () => 'ours';",
        )
        .unwrap();
    }
    install(&code.join("node_modules"));
    install(&shared);
    let path = shared.display();
    let of = |name: &str, code: &Path, environment: String| {
        let lines = format!("handler = \"app.run\"\nenvironment = {{ {environment} }}");
        function(name, "nodejs22.x", code, &lines) + &calling(&format!("GET /{name}"), name, "")
    };
    let config = of("own", &code, "WHERE = \"code\"".to_owned())
        + &of(
            "shared",
            &bare,
            format!("WHERE = \"path\", NODE_PATH = \"/none:{path}\""),
        )
        + &of("none", &bare, String::new());
    let gateway = Gateway::start(Driver::Epoll, config);
    for (name, expected) in [
        ("own", "the client in code runs app.run"),
        ("shared", "the client in path runs app.run"),
        ("none", "ours"),
    ] {
        let response = gateway.get(&format!("/{name}"));
        assert_eq!((response.status(), response.text()), (200, expected));
    }
}

#[test]
fn functions_start_where_few_files_may_be_open() {
    let setup = Setup::new(
        Driver::Epoll,
        provided("f", "") + &calling("GET /x", "f", ""),
    );
    let mut command = setup.command();
    // SAFETY: between fork and exec only system calls are made, with plain numbers and a local structure.
    unsafe {
        command.pre_exec(|| {
            // Root could raise its limit again; who may not drop this may not raise it either.
            const CAP_SYS_RESOURCE: libc::c_ulong = 24;
            libc::prctl(libc::PR_CAPBSET_DROP, CAP_SYS_RESOURCE, 0, 0, 0);
            let few = libc::rlimit {
                rlim_cur: 256,
                rlim_max: 256,
            };
            match libc::setrlimit(libc::RLIMIT_NOFILE, &raw const few) {
                0 => Ok(()),
                _ => Err(std::io::Error::last_os_error()),
            }
        });
    }
    assert_eq!(setup.start_by(command).get("/x").status(), 200);
}

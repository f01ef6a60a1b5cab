//! Config files from bytes: a plan or a report, and any report can be shown.

use daemun::base::Method;
use daemun::compile::{Ledger, compile};
use daemun::plan::Params;
use daemun::server::config::{Config, Located, Report};

use super::Target;

pub const TARGET: Target = Target {
    name: "config",
    run,
    seeds: &[
        include_bytes!("../../config.example.toml"),
        include_bytes!("../../tests/golden/config/fine.toml"),
        include_bytes!("../../tests/golden/config/addresses.toml"),
        include_bytes!("../../tests/golden/config/duplicate.toml"),
        include_bytes!("../../tests/golden/config/missing.toml"),
        include_bytes!("../../tests/golden/config/routes.toml"),
        include_bytes!("../../tests/golden/config/several.toml"),
        include_bytes!("../../tests/golden/config/syntax.toml"),
        include_bytes!("../../tests/golden/config/units.toml"),
        include_bytes!("../../tests/golden/config/unknown_key.toml"),
        include_bytes!("../../tests/golden/config/wrong_type.toml"),
    ],
    tokens: &[
        b"\n[apis.pets]\n",
        b"[apis.pets.routes.\"GET /pets/{id}\"]\n",
        b"[apis.pets.stages.\"$default\"]\n",
        b"[upstreams.pets]\ntargets = [\"a:1\"]\n",
        b"integration = { type = \"mock\" }\n",
        b"integration = { type = \"http_proxy\", uri = \"http://pets/{id}\" }\n",
        b"throttling = { rate_limit = 1.5, burst_limit = 0 }\n",
        b"[listeners.main]\naddress = \"[::1]:0\"\n",
        b"[[",
        b"\"\"\"",
        b"'''",
        b"\\u0000",
        b"\\U0010ffff",
        b"\xc3\xa9",
        b"\xe2\x80\x8f",
        b"\t",
        b"\r\n",
        b" = ",
        b"{",
        b"}",
        b"-9223372036854775808",
        b"1e999",
        b"nan",
        b"1979-05-27T07:32:00Z",
        b"\"16KiB\"",
        b"\"30s\"",
        b"${stageVariables.x}",
        b"{proxy+}",
    ],
};

pub fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match Config::parse(&text, "fuzz/daemun.toml") {
        Err(report) => hold_report(&report),
        Ok(config) => {
            let again = Config::parse(&text, "fuzz/daemun.toml");
            assert_eq!(again.ok().as_ref(), Some(&config), "not the same twice");
            hold_located(&text, &config);
            hold_plan(&text, &config);
        }
    }
}

fn hold_report(report: &Report) {
    assert!(!report.problems.is_empty());
    for problem in &report.problems {
        assert!(!problem.message.is_empty());
        if let Some(range) = &problem.range {
            let text = report.text.get(range.clone());
            assert!(text.is_some(), "{range:?} is no range of the text");
        }
    }
    let (plain, styled) = (report.render(false), report.render(true));
    assert!(plain.contains("problem") && plain.len() <= styled.len());
    assert_eq!(plain, report.to_string());
}

/// Problems that are found later, in any resource, find a place in the file.
fn hold_located(text: &str, config: &Config) {
    let mut located = vec![problem(&["nowhere", "at", "all"]), problem(&[])];
    for api in &config.snapshot.apis {
        let name = api.id.as_str();
        located.push(problem(&[
            "apis",
            name,
            "routes",
            "GET /a",
            "integration",
            "uri",
        ]));
        located.push(problem(&["apis", name, "hosts", "0"]));
        located.push(problem(&[
            "apis",
            name,
            "stages",
            "$default",
            "access_log_format",
        ]));
    }
    let count = located.len();
    match Config::parse_with(text, "fuzz/daemun.toml", |_| Err::<(), _>(located)) {
        Ok(_) => panic!("{count} problems were overlooked"),
        Err(report) => hold_report(&report),
    }
}

/// What is read compiles, or is refused in words that find their place; what compiles can be
/// asked and compiles to the same from its own memory.
fn hold_plan(text: &str, config: &Config) {
    let (plan, ledger) = match compile(&config.snapshot, &Ledger::default()) {
        Ok(made) => made,
        Err(problems) => {
            assert!(!problems.is_empty());
            let located = problems.into_iter().map(|problem| Located {
                path: problem.path,
                within: problem.within,
                message: problem.message,
                hint: problem.hint,
            });
            let located: Vec<_> = located.collect();
            match Config::parse_with(text, "fuzz/daemun.toml", |_| Err::<(), _>(located)) {
                Ok(_) => panic!("problems of the plan were overlooked"),
                Err(report) => hold_report(&report),
            }
            return;
        }
    };
    for path in ["/", "/pets/7", "/a%2Fb//", ""] {
        if let Some(hit) = plan
            .hosts
            .find(b"pets.example.com:80", path.as_bytes(), |_| None)
        {
            let stage = &plan.stages[hit.stage as usize];
            let rest = &path.as_bytes()[hit.base as usize..];
            let mut params = Params::default();
            let route = stage.router.find(Method::Get, rest, &mut params);
            assert!(route.is_none_or(|route| (route as usize) < stage.routes.len()));
        }
    }
    let again = compile(&config.snapshot, &ledger).map(|(plan, _)| plan);
    let again = again.unwrap_or_else(|problems| panic!("refused from memory: {problems:?}"));
    assert_eq!(again.stages.len(), plan.stages.len());
    assert_eq!(
        (again.route_ids, again.limits),
        (plan.route_ids, plan.limits)
    );
}

fn problem(path: &[&str]) -> Located {
    Located {
        path: path.iter().map(|name| (*name).to_owned()).collect(),
        within: Some(1..3),
        message: "wrong".to_owned(),
        hint: Some("right".to_owned()),
    }
}

//! Mapping templates, JSONPath and JSON beside a foreign referee: Velocity 1.7, Jayway's JSONPath and
//! json-smart on Java, in one process that lives as long as a test.
//!
//! `VTL_SEED` and `VTL_TEMPLATES` choose other generated templates. What may differ is listed with
//! its reason in docs/vtl.md.

use std::borrow::Cow;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;

use daemun::lang::jsonpath;
use daemun::lang::value::{Heap, Style, Texts, Value, read};
use daemun::lang::vtl::{Budget, Datum, Scope, Template};
use serde_json::{Value as Json, json};

use crate::kit::installed;
use crate::vtl_templates::Generator;

const BODY: &str = r#"{"a":[1,2,{"b":"x/y"}],"s":"hello","n":5,"f":1.50,"t":true,"z":null,
    "o":{"k":"v","l":[1]},"e":"","big":12345678901,"u":"h\u00e9"}"#;

const SEED: u64 = 17;
const TEMPLATES: u64 = 4000;

const JARS: &[&str] = &[
    "velocity-1.7",
    "json-path",
    "json-smart",
    "accessors-smart",
    "slf4j-api",
    "slf4j-nop",
    "commons-lang",
    "commons-collections3",
    "asm",
];

#[test]
fn hand_written_templates_agree_with_velocity() {
    let Some(oracle) = Oracle::start() else {
        return;
    };
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/vtl/templates.txt");
    let text = fs::read_to_string(file).expect("the templates");
    let templates: Vec<String> = text.split("\n====\n").map(str::to_owned).collect();
    assert!(templates.len() > 200);
    hold(oracle, &templates, "a template of tests/golden/vtl");
}

#[test]
fn generated_templates_agree_with_velocity() {
    let Some(oracle) = Oracle::start() else {
        return;
    };
    let number = |name: &str, default| {
        let text = std::env::var(name).ok();
        text.map_or(default, |text| text.parse().expect("a number"))
    };
    let (seed, count) = (number("VTL_SEED", SEED), number("VTL_TEMPLATES", TEMPLATES));
    println!("VTL_SEED={seed} VTL_TEMPLATES={count}");
    let templates: Vec<String> = (0..count)
        .map(|index| Generator::new(seed.wrapping_mul(1_000_003) + index).template())
        .collect();
    let rendered = hold(oracle, &templates, &format!("seed {seed}"));
    assert!(
        rendered * 2 > templates.len(),
        "too few templates that render: {rendered}"
    );
}

#[test]
fn paths_agree_with_jayway() {
    let Some(oracle) = Oracle::start() else {
        return;
    };
    let paths = [
        "$",
        "$.a",
        "$.a[0]",
        "$.a[2].b",
        "$.a[7]",
        "$.s",
        "$.z",
        "$.nope",
        "$.o.k",
        "$['o']['k']",
        "$.o['k','l']",
        "$.a[*]",
        "$..b",
        "$.*",
        "$.o.*",
        "$.a[0,1]",
        "$.a[0:2]",
        "$.a[1:]",
        "$.a[:2]",
        "$.a[-2:]",
        "$.a[?(@.b)]",
        "$.a[?(@.b == 'x/y')].b",
        "$..l[0]",
        "$.s.x",
        "$.n.x",
        "$.a.x",
        "$.u",
        "$.big",
        "$.f",
        "$..k",
        "$.a[?(@.b != 'q')]",
        "$.nope.x",
        "$.nope[*]",
        "$.e",
        "$.t",
    ];
    let asked = paths.iter().map(|path| json!({"path": path, "body": BODY}));
    let answers = oracle.ask(asked.collect());
    for (path, answer) in paths.iter().zip(answers) {
        assert_eq!(
            answer["text"].as_str(),
            Some(&*found(path)),
            "{path}: {answer}"
        );
    }
}

#[test]
fn json_is_read_as_json_smart_reads_it() {
    let Some(oracle) = Oracle::start() else {
        return;
    };
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/vtl/json.txt");
    let text = fs::read_to_string(file).expect("the texts");
    let texts: Vec<&str> = text.split("\n====\n").collect();
    let asked = texts.iter().map(|text| json!({"json": text}));
    let answers = oracle.ask(asked.collect());
    for (text, answer) in texts.iter().zip(answers) {
        let texts = Texts::new();
        let mut heap = Heap::new(&texts);
        let value = read(&mut heap, text).ok();
        let found = value.map(|value| {
            let (mut compact, mut printed) = (String::new(), String::new());
            heap.write_json(&mut compact, &value, Style::Compact, usize::MAX);
            heap.print(&mut printed, &value, usize::MAX);
            (compact, printed)
        });
        let part = |name: &str| answer[name].as_str().map(str::to_owned);
        assert_eq!(found, part("text").zip(part("printed")), "{text:?}");
    }
}

fn found(path: &str) -> String {
    let texts = Texts::new();
    let mut heap = Heap::new(&texts);
    let root = read(&mut heap, BODY).expect("JSON");
    let path = jsonpath::Path::parse(path).expect("a path");
    let value = path.read(&mut heap, &root).expect("few visits");
    let mut out = String::new();
    let value = value.unwrap_or(Value::Null);
    heap.write_json(&mut out, &value, Style::Compact, usize::MAX);
    out
}

/// Compares all; returns how many render.
fn hold(oracle: Oracle, templates: &[String], which: &str) -> usize {
    let asked = templates.iter().map(|template| {
        json!({
            "template": template,
            "body": BODY,
            "params": {"path": {"id": "7"}, "querystring": {"q": "x y"}, "header": {"H": "v"}},
            "context": {"stage": "prod", "identity": {"sourceIp": "1.2.3.4", "user": null}},
            "stage": {"v": "1"},
        })
    });
    let answers = oracle.ask(asked.collect());
    let mut rendered = 0;
    let mut differences = String::new();
    for (template, answer) in templates.iter().zip(&answers) {
        let expected = answer["text"].as_str().map(without_hashes);
        rendered += usize::from(expected.is_some());
        // Java's reflection calls a method with the wrong number of arguments and fails.
        let why = answer["error"].as_str().unwrap_or_default();
        if why.contains("IllegalArgumentException") {
            continue;
        }
        let ours = render(template);
        if ours.as_ref().ok() != expected.as_ref() {
            differences.push_str(&format!("{template:?}\n  Java {answer}\n  ours {ours:?}\n"));
        }
    }
    assert!(differences.is_empty(), "{which}:\n{differences}");
    rendered
}

/// An array of texts prints as its class and where it is in memory.
fn without_hashes(text: &str) -> String {
    let mut parts = text.split("[Ljava.lang.String;@");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str("[Ljava.lang.String;");
        out.push_str(part.trim_start_matches(|c: char| c.is_ascii_hexdigit()));
    }
    out
}

fn render(template: &str) -> Result<String, String> {
    let text = |text| Datum::Text(Cow::Borrowed(text));
    let identity = vec![
        (Cow::Borrowed("sourceIp"), text("1.2.3.4")),
        (Cow::Borrowed("user"), Datum::Null),
    ];
    let context = [
        (Cow::Borrowed("stage"), text("prod")),
        (Cow::Borrowed("identity"), Datum::Map(identity)),
    ];
    let scope = Scope {
        body: BODY.as_bytes(),
        path: &[("id", "7")],
        query: &[("q", "x y")],
        headers: &[("H", "v")],
        context: &context,
        stage_variables: &[("v", "1")],
    };
    let template = Template::compile(template).map_err(|error| error.to_string())?;
    let rendered = template.render(&scope, &Budget::default());
    rendered
        .map(|rendered| without_hashes(&rendered.text))
        .map_err(|error| error.to_string())
}

/// A running `tests/oracle/Oracle.java`.
struct Oracle {
    child: Child,
}

impl Oracle {
    /// `None` where Java or one of its libraries is not installed; tests/run installs them.
    fn start() -> Option<Self> {
        let jars: Vec<PathBuf> = JARS
            .iter()
            .map(|jar| Path::new("/usr/share/java").join(format!("{jar}.jar")))
            .collect();
        if !installed("javac") || !jars.iter().all(|jar| jar.exists()) {
            eprintln!("skipped: the Java libraries of tests/run are not installed");
            return None;
        }
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/Oracle.java");
        let classes = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
        let mut path = std::env::join_paths(&jars).expect("a class path");
        let compiled = Command::new("javac")
            .arg("-cp")
            .arg(&path)
            .arg("-d")
            .arg(classes.path())
            .arg(source)
            .status();
        assert!(compiled.expect("javac").success());
        path.push(":");
        // The folder stays until the test process ends.
        path.push(classes.keep());
        let child = Command::new("java")
            .args(["-Xss4m", "-XX:TieredStopAtLevel=1", "-cp"])
            .arg(path)
            .arg("Oracle")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn();
        Some(Self {
            child: child.expect("java"),
        })
    }

    /// All answers, in order; then the process ends.
    fn ask(mut self, asked: Vec<Json>) -> Vec<Json> {
        let mut input = self.child.stdin.take().expect("a pipe");
        let output = BufReader::new(self.child.stdout.take().expect("a pipe"));
        let count = asked.len();
        let writer = thread::spawn(move || {
            for question in asked {
                writeln!(input, "{question}").expect("a question asked");
            }
        });
        let answers: Vec<Json> = output
            .lines()
            .map(|line| serde_json::from_str(&line.expect("a line")).expect("an answer"))
            .collect();
        writer.join().expect("all asked");
        assert!(self.child.wait().expect("the end").success());
        assert_eq!(answers.len(), count);
        answers
    }
}

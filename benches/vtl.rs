//! A mapping template of 30 lines over a body of 2 KB, beside warm Velocity 1.7 on Java in the same
//! run, where the libraries of tests/run are installed.

#![allow(clippy::expect_used)]

use std::fmt::Write as _;
use std::hint::black_box;
use std::io::{BufRead, BufReader, Write as _};
use std::process::{Child, ChildStdout, Command, Stdio};

use daemun::lang::vtl::{Budget, Scope, Template};
use serde_json::{Value, json};

const ROUNDS: u32 = 20_000;
const TURNS: usize = 5;

const BODY: &str = include_str!("data/order.json");

const READS: &[(&str, &str)] = &[
    ("id", "order.id"),
    ("name", "order.customer.name"),
    ("email", "order.customer.email"),
    ("vip", "order.customer.vip"),
    ("total", "order.total"),
    ("currency", "order.currency"),
    ("street", "ship.street"),
    ("city", "ship.city"),
    ("zip", "ship.zip"),
    ("items", "items"),
];

const REST: &str = r#"{
  "id": "$id",
  "customer": "$name <$email>",
#if($vip)
  "vip": true,
#else
  "vip": false,
#end
  "total": "$total $currency",
  "address": "$street, $zip $city",
  "lines": [
#foreach($item in $items)
    {
      "sku": "$item.sku",
      "text": "$item.name",
      "amount": $item.qty
    }#if($foreach.hasNext),#end

#end
  ]
}
"#;

fn template() -> String {
    let mut text = String::new();
    for (name, path) in READS {
        let _ = writeln!(text, "#set(${name} = $input.path('$.{path}'))");
    }
    text + REST
}

fn main() {
    // Without `--bench` it only has to run.
    let is_bench = std::env::args().any(|argument| argument == "--bench");
    let rounds = if is_bench { ROUNDS } else { 1 };
    let (text, body) = (template(), BODY);
    let template = Template::compile(&text).expect("a template");
    let scope = Scope {
        body: body.as_bytes(),
        ..Scope::default()
    };
    let run = || {
        let rendered = template.render(&scope, &Budget::default());
        black_box(rendered.expect("a text"));
    };
    let ours = || {
        (0..rounds).for_each(|_| run());
        let began_ns = spent_ns();
        (0..rounds).for_each(|_| run());
        (spent_ns() - began_ns) as f64 / f64::from(rounds)
    };
    if !is_bench {
        return run();
    }
    let Some(mut java) = Java::start() else {
        println!(
            "daemun: {:.0} ns a template; Velocity 1.7: not installed",
            ours()
        );
        return;
    };
    let mut ratios = Vec::new();
    for turn in 1..=TURNS {
        let (ours, theirs) = (ours(), java.ask(&text, body));
        ratios.push(theirs / ours);
        println!(
            "turn {turn}: daemun {ours:.0} ns a template, Velocity 1.7 {theirs:.0} ns: {:.1} times as much",
            theirs / ours
        );
    }
    ratios.sort_by(f64::total_cmp);
    println!("median: {:.1} times", ratios[ratios.len() / 2]);
}

/// Processor time of this thread so far: what other programs take of the machine does not count.
fn spent_ns() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    let first = text.split(' ').next().expect("three numbers");
    first.parse().expect("a number")
}

/// `tests/oracle/Oracle.java`, which measures itself, warm and without its collector's threads.
struct Java(Child, BufReader<ChildStdout>);

impl Java {
    fn start() -> Option<Self> {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle/Oracle.java");
        let jars = [
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
        let jars = jars.map(|jar| format!("/usr/share/java/{jar}.jar"));
        // Velocity looks for classes by name, so they have to be files.
        let classes = concat!(env!("CARGO_TARGET_TMPDIR"), "/vtl-bench");
        let path = format!("{}:{classes}", jars.join(":"));
        let compiled = Command::new("javac")
            .args(["-cp", &path, "-d", classes, source])
            .stderr(Stdio::null())
            .status()
            .ok()?;
        if !compiled.success() {
            return None;
        }
        let mut child = Command::new("java")
            .args(["-cp", &path, "Oracle"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let answers = BufReader::new(child.stdout.take()?);
        let mut java = Self(child, answers);
        java.answer(&json!({"json": "1"}))?;
        Some(java)
    }

    /// Nanoseconds of a rendering behind as many that warm it up.
    fn ask(&mut self, template: &str, body: &str) -> f64 {
        let question = json!({"bench": template, "body": body, "rounds": ROUNDS});
        let answer = self.answer(&question).expect("an answer");
        answer["ns"].as_f64().expect("a number")
    }

    fn answer(&mut self, question: &Value) -> Option<Value> {
        writeln!(self.0.stdin.as_ref()?, "{question}").ok()?;
        let mut line = String::new();
        self.1.read_line(&mut line).ok()?;
        serde_json::from_str(&line).ok()
    }
}

impl Drop for Java {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        // It ends with its input.
        let _ = self.0.wait();
    }
}

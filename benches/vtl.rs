//! A mapping template of 30 lines over a body of 2 KB, beside warm Velocity 1.7 on Java in the same
//! run, where the libraries of tests/run are installed.

#![allow(clippy::expect_used)]

use std::fmt::Write as _;
use std::hint::black_box;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Instant;

use daemun::lang::vtl::{Budget, Scope, Template};
use serde_json::{Value, json};

const ROUNDS: u32 = 20_000;

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

fn body() -> String {
    let items: Vec<Value> = (0..20)
        .map(|index| {
            json!({"sku": format!("sku-{index:04}"), "name": format!("Item number {index}"),
                "qty": index % 5 + 1, "price": f64::from(index) * 1.25, "tags": ["a", "b"]})
        })
        .collect();
    json!({
        "order": {"id": "o-1001", "total": 1234.5, "currency": "EUR",
            "customer": {"name": "Ada Lovelace", "email": "ada@example.com", "vip": true}},
        "ship": {"street": "1 Main St", "city": "London", "zip": "N1"},
        "items": items,
    })
    .to_string()
}

fn main() {
    // Without `--bench` it only has to run.
    let rounds = if std::env::args().any(|argument| argument == "--bench") {
        ROUNDS
    } else {
        1
    };
    let (text, body) = (template(), body());
    let template = Template::compile(&text).expect("a template");
    let scope = Scope {
        body: body.as_bytes(),
        ..Scope::default()
    };
    let run = || {
        let rendered = template.render(&scope, &Budget::default());
        black_box(rendered.expect("a text"));
    };
    (0..rounds).for_each(|_| run());
    let start = Instant::now();
    (0..rounds).for_each(|_| run());
    let ours = start.elapsed().as_nanos() / u128::from(rounds);
    println!("daemun: {ours} ns a template");
    if rounds > 1 {
        match java(&text, &body) {
            Some(java) => println!(
                "Velocity 1.7: {java} ns, {:.1} times as much",
                java / ours as f64
            ),
            None => println!("Velocity 1.7: not installed"),
        }
    }
}

/// Nanoseconds of a warm rendering in `tests/oracle/Oracle.java`.
fn java(template: &str, body: &str) -> Option<f64> {
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
    let mut child = Command::new("java")
        .args(["-cp", &jars.join(":"), source])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let question = json!({"bench": template, "body": body, "rounds": ROUNDS});
    writeln!(child.stdin.take()?, "{question}").ok()?;
    let output = child.wait_with_output().ok()?;
    let answer: Value = serde_json::from_slice(&output.stdout).ok()?;
    answer["ns"].as_f64()
}

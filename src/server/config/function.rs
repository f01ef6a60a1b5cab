//! Functions of the config file: their fields, and what the room `lambda` is told of them.

use std::path::Path;

use crate::aws::arn::partition_of;
use crate::lambda::{self, Function, Runtime, RuntimeKind, VERSION_LATEST};
use crate::server::config::check;
use crate::server::config::field::Default::{Absent, Is, Required};
use crate::server::config::field::Plain::{EmptyTable, Flag, Integer, Text};
use crate::server::config::field::{Kind, Section, duration, field};
use crate::server::config::settings::Settings;
use crate::server::config::value::{Item, Table, Value};

/// AWS: "memory between 128 MB and 10,240 MB".
const MEMORY_MIN: u64 = 128 << 20;
const MEMORY_MAX: u64 = 10_240 << 20;
const WORKERS_MAX: i64 = 1_000;

pub static FUNCTION: Section = Section {
    title: "a function",
    doc: "Code that answers requests, run by processes of this machine as AWS Lambda would run it.",
    fields: &[
        field(
            "runtime",
            Kind::Text(check::runtime),
            Required("\"python3.12\""),
            "`python3.x`, `nodejs22.x` and the like, or `provided.al2023` for any executable named `bootstrap`.",
        ),
        field(
            "handler",
            Kind::Text(check::any),
            Is(Text("index.handler")),
            "The file without its ending, and the function in it.",
        ),
        field(
            "code",
            Kind::Text(check::path),
            Required("\"functions/hello\""),
            "A folder, or a zip file. What changes there is picked up by the next invocation. `daemun check` reports what is not there; the gateway starts all the same, and the function with its code.",
        ),
        field(
            "interpreter",
            Kind::Text(check::path),
            Absent("\"/opt/venv/bin/python\""),
            "The path of the program that runs it, such as the Python of a virtual environment; absent: the runtime's in PATH.",
        ),
        field(
            "environment",
            Kind::Map {
                key: check::environment_name,
                of: &Kind::Text(check::environment_value),
                sample: "TABLE",
            },
            Is(EmptyTable),
            "Environment variables, like `{ TABLE = \"pets\" }`. Nothing is inherited from the gateway.",
        ),
        field(
            "timeout",
            duration(100),
            Is(Text("3s")),
            "What one invocation may take; a process that takes longer is replaced.",
        ),
        field(
            "memory",
            Kind::Size {
                min: MEMORY_MIN,
                max: MEMORY_MAX,
            },
            Is(Text("128MiB")),
            "Memory that its code may take, beside what the interpreter itself needs.",
        ),
        field(
            "concurrency",
            Kind::Integer {
                min: 1,
                max: WORKERS_MAX,
            },
            Is(Integer(8)),
            "Processes at most; each serves one request at a time, more requests wait.",
        ),
        field(
            "warm",
            Kind::Integer {
                min: 0,
                max: WORKERS_MAX,
            },
            Is(Integer(1)),
            "Processes that are started before the first request and never end for want of work.",
        ),
    ],
};

pub static AWS_PROXY: Section = Section {
    title: "an `aws_proxy` integration",
    doc: "A Lambda function is told of the request and says the response.",
    fields: &[
        field(
            "function",
            Kind::Text(check::any),
            Required("\"hello\""),
            "A name from `functions`, or an ARN, with `:alias` or a version behind it if need be; may hold `${stageVariables.name}`.",
        ),
        field(
            "payload",
            Kind::Choice(&["1.0", "2.0"]),
            Is(Text("2.0")),
            "The format of event and response.",
        ),
        field(
            "timeout",
            duration(50),
            Is(Text("30s")),
            "To the function's response, time in the queue included: 504 after it.",
        ),
        field(
            "stream",
            Kind::Flag,
            Is(Flag(false)),
            "The function streams its response: metadata as JSON, eight zero bytes, then the payload, which clients get as it comes.",
        ),
    ],
};

/// What a route calls: an ARN as it is, and for a name that of the function of this file.
pub fn arn_of(text: &str, settings: &Settings) -> String {
    if text.starts_with("arn:") {
        return text.to_owned();
    }
    let Settings {
        region, account, ..
    } = settings;
    let partition = partition_of(region);
    format!("arn:{partition}:lambda:{region}:{account}:function:{text}")
}

/// What of a function cannot work: the field, what is wrong with it, and what to do.
pub fn faults(table: &Table) -> Vec<(&'static str, &'static str, &'static str)> {
    let mut faults = Vec::new();
    if table.count("warm") > table.count("concurrency") {
        let hint = "there are never more processes than `concurrency` says";
        faults.push(("warm", "is more than `concurrency`", hint));
    }
    let runtime = table.text("runtime").unwrap_or_default();
    let kind = Runtime::named(runtime, None).map(|runtime| runtime.kind);
    let handler = table.text("handler").unwrap_or_default();
    let is_whole = handler
        .rsplit_once('.')
        .is_some_and(|(file, function)| !file.is_empty() && !function.is_empty());
    if matches!(kind, Some(RuntimeKind::Python | RuntimeKind::Node)) && !is_whole {
        let hint = "write `app.handler` for the function `handler` of the file `app`";
        faults.push(("handler", "names no file and function", hint));
    }
    faults
}

/// The function `name`; none if something is wrong with it, which has been said.
pub fn function(
    name: &str,
    table: &Table,
    folder: &Path,
    account: &str,
    region: &str,
) -> Option<Function> {
    // Workers start in the folder of the code, so their paths must not depend on ours.
    let absolute = |path: &str| {
        let path = folder.join(path);
        std::path::absolute(&path).unwrap_or(path)
    };
    let interpreter = table.text("interpreter").map(absolute);
    let runtime = Runtime::named(table.text("runtime")?, interpreter)?;
    let code = absolute(table.text("code")?);
    let partition = partition_of(region);
    let environment = table.map("environment").iter();
    let environment = environment.filter_map(|(name, item): &(String, Item)| match &item.value {
        Value::Text(text) => Some((name.clone(), text.clone())),
        _ => None,
    });
    Some(Function {
        name: name.to_owned(),
        version: VERSION_LATEST.to_owned(),
        arn: format!("arn:{partition}:lambda:{region}:{account}:function:{name}"),
        runtime,
        handler: table.text("handler")?.to_owned(),
        code: match code.extension().is_some_and(|end| end == "zip") {
            true => lambda::Code::Zip(code),
            false => lambda::Code::Folder(code),
        },
        environment: environment.collect(),
        timeout_ms: table.ms("timeout"),
        memory_mib: table.bytes_or_off("memory")?.div_ceil(1 << 20) as u32,
        workers_max: table.count("concurrency"),
        workers_warm: table.count("warm"),
    })
}

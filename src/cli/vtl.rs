//! `daemun vtl`: one mapping template, rendered without a gateway.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;

use crate::cli::command::say;
use crate::lang::vtl::{Budget, Datum, Overrides, Scope, Template};

/// What the template sees.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The body: `$input.body`, `$input.json` and `$input.path`
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// `$context`, as a JSON object
    #[arg(long, value_name = "FILE")]
    context: Option<PathBuf>,
    /// A path parameter
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    path: Vec<(String, String)>,
    /// A query parameter
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    query: Vec<(String, String)>,
    /// A header
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    header: Vec<(String, String)>,
    /// A stage variable
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    variable: Vec<(String, String)>,
}

/// The text goes to standard output; overrides, the trace and what is wrong go to standard error.
pub fn run(file: &Path, seen: &Seen, trace: bool) -> anyhow::Result<ExitCode> {
    let text = read(file)?;
    let template = match Template::compile(&text) {
        Ok(template) => template,
        Err(error) => {
            anstream::eprintln!("{}: {error}", file.display());
            return Ok(ExitCode::FAILURE);
        }
    };
    let body = match &seen.input {
        Some(file) => fs::read(file).with_context(|| file.display().to_string())?,
        None => Vec::new(),
    };
    let context = match &seen.context {
        Some(file) => read(file)?,
        None => "{}".to_owned(),
    };
    let context =
        Datum::read_map(&context).map_err(|error| anyhow::anyhow!("--context: {error}"))?;
    let [path, query, headers, stage_variables] =
        [&seen.path, &seen.query, &seen.header, &seen.variable].map(|pairs| borrowed(pairs));
    let scope = Scope {
        body: &body,
        path: &path,
        query: &query,
        headers: &headers,
        context: &context,
        stage_variables: &stage_variables,
    };
    let mut lines = Vec::new();
    let rendered = if trace {
        template.render_traced(&scope, &Budget::default(), &mut lines)
    } else {
        template.render(&scope, &Budget::default())
    };
    for line in lines {
        let place = format!("{}:{}", line.line, line.column);
        anstream::eprintln!("{place:>7}  {} {}", line.reference, line.value);
    }
    match rendered {
        Ok(rendered) => {
            tell(&rendered.overrides);
            say(&rendered.text)
        }
        Err(error) => {
            anstream::eprintln!("{}: {error}", file.display());
            Ok(ExitCode::FAILURE)
        }
    }
}

fn tell(overrides: &Overrides) {
    for (kind, values) in [
        ("request header", &overrides.request_headers),
        ("query parameter", &overrides.request_query),
        ("path parameter", &overrides.request_path),
        ("response header", &overrides.response_headers),
    ] {
        for (name, values) in values {
            anstream::eprintln!("overrides {kind} {name}: {}", values.join(", "));
        }
    }
    if let Some(status) = &overrides.response_status {
        anstream::eprintln!("overrides status: {status}");
    }
}

fn read(file: &Path) -> anyhow::Result<String> {
    fs::read_to_string(file).with_context(|| file.display().to_string())
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("NAME=VALUE expected")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn borrowed(pairs: &[(String, String)]) -> Vec<(&str, &str)> {
    let pairs = pairs.iter();
    pairs.map(|(name, value)| (&**name, &**value)).collect()
}

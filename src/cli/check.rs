//! `daemun check`: what is wrong with a config file, or what it would serve.

use std::path::Path;
use std::process::ExitCode;

use crate::cli::command::say;
use crate::cli::target::Asked;
use crate::plan::explain::Outcome;
use crate::plan::{self, Plan};
use crate::server::config::{self, Config, Listener};
use crate::server::{Error, Source, keys, listeners, prepare};

/// Problems go to standard error, with 1 as the exit code; the summary of a fine file and the
/// explanation go to standard output.
pub fn run(file: &Path, explain: Option<&Asked>, host: Option<&str>) -> anyhow::Result<ExitCode> {
    let (config, plan, warnings) = match check(file) {
        Ok(checked) => checked,
        Err(Error::Config(report)) => {
            // Colours are taken out again when nobody would see them.
            anstream::eprint!("{}", report.render(true));
            return Ok(ExitCode::FAILURE);
        }
        Err(error) => return Err(error.into()),
    };
    for warning in warnings {
        anstream::eprintln!("warning: {warning}");
    }
    match explain {
        None => say(&format!("{} {}\n", file.display(), summary(&config))),
        Some(asked) => {
            let host = host.unwrap_or_default();
            let told = plan::explain::explain(&plan, &asked.method, host, &asked.target);
            let mut text = told.to_string();
            if host.is_empty() && told.outcome == Outcome::NoApi {
                text += "            say with `--host` whom the request is for\n";
            }
            say(&text)
        }
    }
}

/// All that a start would find wrong, but for what only trying to listen can tell; and functions
/// that could not be started. Beside it what an operator should know and what stops no start.
fn check(file: &Path) -> Result<(Config, Plan, Vec<String>), Error> {
    let (config, plan) = prepare::plan(&Source::File(file.to_owned()))?;
    let warnings = listeners::check(&config.settings.listeners).map_err(Error::Listeners)?;
    keys::check(&config.settings)?;
    config::absent_code(file, &config.functions)?;
    Ok((config, plan, warnings))
}

/// `is fine: 3 routes in 1 API and 2 upstreams, on http://127.0.0.1:8080`
fn summary(config: &Config) -> String {
    let snapshot = &config.snapshot;
    let served = format!(
        "{} in {} and {}",
        count(config.route_count(), "route"),
        count(snapshot.apis.len(), "API"),
        count(snapshot.upstreams.len(), "upstream"),
    );
    let places = config.settings.listeners.iter().map(place);
    let places: Vec<String> = places.collect();
    format!("is fine: {served}, on {}", places.join(", "))
}

fn place(listener: &Listener) -> String {
    let scheme = match listener.tls {
        Some(_) => "https",
        None => "http",
    };
    format!("{scheme}://{}", listener.address)
}

fn count(number: usize, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        _ => format!("{number} {noun}s"),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn a_fine_file_is_summed_up_in_one_line() {
        let check = |text: &str, expected: &str| {
            assert_eq!(summary(&Config::parse(text, "a.toml").unwrap()), expected);
        };
        check(
            "",
            "is fine: 0 routes in 0 APIs and 0 upstreams, on http://127.0.0.1:8080",
        );
        check(
            &config::example(),
            "is fine: 1 route in 1 API and 1 upstream, on http://127.0.0.1:8080",
        );
    }
}

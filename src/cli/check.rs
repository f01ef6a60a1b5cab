//! `daemun check`: what is wrong with a config file, or what it would serve.

use std::path::Path;
use std::process::ExitCode;

use crate::cli::command::say;
use crate::cli::target::Asked;
use crate::server::config::{Config, Listener};

/// Problems go to standard error, with 1 as the exit code; the summary of a fine file and the
/// explanation go to standard output.
pub fn run(file: &Path, explain: Option<&Asked>, _host: Option<&str>) -> anyhow::Result<ExitCode> {
    let config = match Config::load(file) {
        Ok(config) => config,
        Err(report) => {
            // Colours are taken out again when nobody would see them.
            anstream::eprint!("{}", report.render(true));
            return Ok(ExitCode::FAILURE);
        }
    };
    match explain {
        None => say(&format!("{} {}\n", file.display(), summary(&config))),
        Some(asked) => anyhow::bail!("cannot explain {} {} yet", asked.method, asked.target),
    }
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
    use crate::server::config;

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

//! `daemun serve`: from a config file to a running gateway.

use std::path::PathBuf;
use std::process::ExitCode;

/// Serves until a signal ends it. Without a file, the example API.
pub fn run(_file: Option<PathBuf>) -> anyhow::Result<ExitCode> {
    anyhow::bail!("the data plane is not joined yet")
}

//! `daemun backup` and `daemun restore`: what was made, into one file and back.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{anyhow, bail};
use clap::Args;
use serde::Serialize;

use crate::base::json;
use crate::cli::command::say;
use crate::cli::remote::{Where, management};
use crate::control::live::ServerSummary;
use crate::store::{self, Copied};

/// Flags that say where the store is.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub struct Folder {
    /// The folder of the store: `management.data_dir` of the gateway
    #[arg(long, value_name = "FOLDER", conflicts_with = "config")]
    pub data_dir: Option<PathBuf>,
    /// The gateway's config file, which names the folder
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// For programs: JSON
    #[arg(long)]
    pub json: bool,
}

impl Folder {
    /// None: nothing was said.
    fn named(&self) -> anyhow::Result<Option<PathBuf>> {
        let Some(file) = &self.config else {
            return Ok(self.data_dir.clone());
        };
        let folder = management(file)?.and_then(|management| management.data_dir);
        let none = || anyhow!("{} has no `management.data_dir`", file.display());
        folder.ok_or_else(none).map(Some)
    }
}

/// What was copied, for programs.
#[derive(Debug, Serialize)]
struct Report<'a> {
    from: &'a Path,
    to: &'a Path,
    records: u64,
    version: u64,
    bytes: u64,
}

/// Copies the store of a gateway, which may be running, into `file`.
pub fn backup(folder: &Folder, file: &Path) -> anyhow::Result<ExitCode> {
    let data_dir = match folder.named()? {
        Some(data_dir) => data_dir,
        None => asked()?,
    };
    let copied = store::backup(&data_dir, file)?;
    report(folder.json, &data_dir, file, copied, "backed up", "")
}

/// Puts a backup in the place of the store of a gateway that is not running.
pub fn restore(folder: &Folder, file: &Path) -> anyhow::Result<ExitCode> {
    let Some(data_dir) = folder.named()? else {
        bail!("say where the store is, with --config or --data-dir");
    };
    let replaced = data_dir.join("daemun.db").exists();
    let copied = store::restore(&data_dir, file)?;
    let before = match replaced {
        true => "; the store before is kept beside it as daemun.db.replaced",
        false => "",
    };
    report(folder.json, file, &data_dir, copied, "restored", before)
}

/// The folder of the gateway that runs.
fn asked() -> anyhow::Result<PathBuf> {
    let server: ServerSummary = Where::default().remote()?.get("/_daemun/server")?;
    let none = "that gateway keeps nothing: `management.data_dir` is not set";
    server.data_dir.ok_or_else(|| anyhow!(none))
}

fn report(
    as_json: bool,
    from: &Path,
    to: &Path,
    copied: Copied,
    done: &str,
    more: &str,
) -> anyhow::Result<ExitCode> {
    let Copied {
        records,
        version,
        bytes,
    } = copied;
    if as_json {
        return say(&json::pretty(&Report {
            from,
            to,
            records,
            version,
            bytes,
        }));
    }
    let (from, to) = (from.display(), to.display());
    say(&format!(
        "{done} {from} to {to}: {records} records of version {version} in {bytes} bytes{more}\n"
    ))
}

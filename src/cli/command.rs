//! The table of commands and flags, from which help is made too, and what each of them runs.

use std::ffi::OsString;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::cli::keep::Folder;
use crate::cli::remote::Where;
use crate::cli::target::{self, Asked};
use crate::cli::vtl::Seen;
use crate::cli::{apis, check, env, keep, serve, vtl};
use crate::control;
use crate::server::config;

/// Runs what the command line asks for: 0 when all is well, 1 when it is not, 2 for a command line
/// that cannot be understood.
pub fn main() -> ExitCode {
    match parse(std::env::args_os()) {
        Ok(command) => run(command),
        // clap knows best whether help was asked for or needed.
        Err(error) => {
            let _ = error.print();
            ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(USAGE))
        }
    }
}

const USAGE: u8 = 2;

/// An Amazon API Gateway of your own, in one program.
#[derive(Debug, Parser)]
#[command(
    name = "daemun",
    version,
    disable_help_subcommand = true,
    after_help = "\
Examples:
  daemun                          serve a small example API on 127.0.0.1:8080
  daemun serve gateway.toml       serve what gateway.toml describes
  daemun check gateway.toml       say what is wrong with it, or what it would serve
  daemun config example           print a config file with every setting

Without a command, daemun does as `daemun serve`."
)]
struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Clone, Debug, PartialEq, Subcommand)]
enum Command {
    /// Serve the APIs of a config file, or an example API
    #[command(after_help = "\
Signals:
  SIGTERM, SIGINT   finish open requests and stop; a second one stops at once
  SIGHUP            read the config file again, as an edit of it does
  SIGUSR1           open the files of all logs again, for logrotate
  SIGUSR2           hand the listening sockets to a new process and stop")]
    Serve {
        /// The config file, in TOML; without one an example API is served on 127.0.0.1:8080
        file: Option<PathBuf>,
    },
    /// Say everything that is wrong with a config file, without serving it
    #[command(after_help = "\
Examples:
  daemun check gateway.toml
  daemun check gateway.toml --explain 'GET /pets/7'
  daemun check gateway.toml --explain 'POST /v1/pets' --host pets.example.com

Exit codes: 0 the file is fine, 1 it is not, 2 the command line is wrong.")]
    Check {
        /// The config file, in TOML
        file: PathBuf,
        /// Also say which route would serve this request, and why
        #[arg(long, value_name = "METHOD PATH", value_parser = target::parse)]
        explain: Option<Asked>,
        /// The host that the request to explain is for
        #[arg(long, value_name = "HOST", requires = "explain", value_parser = target::host)]
        host: Option<String>,
    },
    /// List the APIs of a running gateway with their stages
    #[command(after_help = ASKING)]
    Apis {
        #[command(flatten)]
        asking: Asking,
    },
    /// List the routes that a stage serves
    #[command(after_help = ASKING)]
    Routes {
        /// The id of the API, or its name if no other has it
        api: String,
        /// The name of the stage, `prod` or `$default`
        stage: String,
        #[command(flatten)]
        asking: Asking,
    },
    /// List the deployments of an API, the newest first, and the one that a stage serves
    #[command(after_help = ASKING)]
    Deployments {
        /// The id of the API, or its name if no other has it
        api: String,
        /// The name of the stage, `prod` or `$default`
        stage: String,
        #[command(flatten)]
        asking: Asking,
    },
    /// Point a stage at a deployment that it served before
    #[command(after_help = ASKING)]
    Rollback {
        /// The id of the API, or its name if no other has it
        api: String,
        /// The name of the stage, `prod` or `$default`
        stage: String,
        /// As `daemun deployments` lists it
        deployment: String,
        #[command(flatten)]
        asking: Asking,
    },
    /// Print the variables that send AWS's tools to a gateway: eval "$(daemun env)"
    Env {
        #[command(flatten)]
        asking: Asking,
    },
    /// Copy what was made with the management APIs into one file, also while the gateway runs
    #[command(after_help = "\
Without --data-dir and --config, the gateway that runs here is asked for its folder.")]
    Backup {
        /// The file to write; one that is there is replaced once the copy is whole
        file: PathBuf,
        #[command(flatten)]
        folder: Folder,
    },
    /// Put a backup in the place of the store of a gateway that is stopped
    Restore {
        /// What `daemun backup` wrote
        file: PathBuf,
        #[command(flatten)]
        folder: Folder,
    },
    /// Render a mapping template as a REST API would
    #[command(after_help = "\
Examples:
  daemun vtl request.vtl --input body.json
  daemun vtl request.vtl --input body.json --query page=2 --variable table=pets --trace

Exit codes: 0 it is rendered, 1 it cannot be parsed or fails, 2 the command line is wrong.")]
    Vtl {
        /// The template
        file: PathBuf,
        #[command(flatten)]
        seen: Seen,
        /// Tell each reference's value as it is looked at, with line and column
        #[arg(long)]
        trace: bool,
    },
    /// Say which operations of AWS's management APIs are served
    Operations {
        /// As the page of the manual
        #[arg(long)]
        markdown: bool,
    },
    /// Print what can be configured
    Config {
        #[command(subcommand)]
        page: Page,
    },
}

/// Flags of the commands that ask a running gateway.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
struct Asking {
    #[command(flatten)]
    at: Where,
    /// For programs: JSON
    #[arg(long)]
    json: bool,
}

const ASKING: &str = "\
The gateway is asked on its management listener. Where access keys are checked, requests are signed
with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or with a key of the file that --config names.";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Subcommand)]
enum Page {
    /// A config file with every setting and its default
    Example,
    /// A manual of all settings, in Markdown
    Manual,
}

/// `Serve` without a file when no command is given.
fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Command, clap::Error> {
    let line = CommandLine::try_parse_from(arguments)?;
    Ok(line.command.unwrap_or(Command::Serve { file: None }))
}

fn run(command: Command) -> ExitCode {
    let outcome = match command {
        Command::Serve { file } => serve::run(file),
        Command::Check {
            file,
            explain,
            host,
        } => check::run(&file, explain.as_ref(), host.as_deref()),
        Command::Apis { asking } => apis::apis(&asking.at, asking.json),
        Command::Routes { api, stage, asking } => {
            apis::routes(&asking.at, asking.json, &api, &stage)
        }
        Command::Deployments { api, stage, asking } => {
            apis::deployments(&asking.at, asking.json, &api, &stage)
        }
        Command::Rollback {
            api,
            stage,
            deployment,
            asking,
        } => apis::rollback(&asking.at, asking.json, &api, &stage, &deployment),
        Command::Env { asking } => env::run(&asking.at, asking.json),
        Command::Backup { file, folder } => keep::backup(&folder, &file),
        Command::Restore { file, folder } => keep::restore(&folder, &file),
        Command::Vtl { file, seen, trace } => vtl::run(&file, &seen, trace),
        Command::Operations { markdown: true } => say(&control::operations_page()),
        Command::Operations { markdown: false } => say(&control::operations_list()),
        Command::Config { page } => say(&match page {
            Page::Example => config::example(),
            Page::Manual => config::manual(),
        }),
    };
    outcome.unwrap_or_else(|error| {
        anstream::eprintln!("daemun: {}", told(&error));
        ExitCode::FAILURE
    })
}

/// An error with its causes, as far as they are not in its own words already.
pub fn told(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// Prints to standard output. A reader that has seen enough, like `head`, is no error.
pub fn say(text: &str) -> anyhow::Result<ExitCode> {
    match anstream::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use clap::CommandFactory;
    use clap::error::ErrorKind;

    use super::*;

    fn parsed(line: &str) -> Result<Command, clap::Error> {
        let words = line.split('|').map(OsString::from);
        parse(std::iter::once("daemun".into()).chain(words.filter(|word| !word.is_empty())))
    }

    #[test]
    fn causes_are_told_once() {
        let check = |error: anyhow::Error, expected: &str| assert_eq!(told(&error), expected);
        check(anyhow::anyhow!("a"), "a");
        check(anyhow::anyhow!("a").context("b"), "b: a");
        check(anyhow::anyhow!("a").context("b: a").context("c"), "c: b: a");
        check(
            anyhow::anyhow!("a").context("b: a").context("c: b: a"),
            "c: b: a",
        );
    }

    #[test]
    fn the_table_holds_together() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn each_line_is_one_command() {
        let check = |line: &str, expected: Command| assert_eq!(parsed(line).unwrap(), expected);
        check("", Command::Serve { file: None });
        check("serve", Command::Serve { file: None });
        check(
            "serve|a.toml",
            Command::Serve {
                file: Some("a.toml".into()),
            },
        );
        check(
            "check|a.toml|--explain|GET /pets/7|--host|a.example",
            Command::Check {
                file: "a.toml".into(),
                explain: Some(target::parse("GET /pets/7").unwrap()),
                host: Some("a.example".into()),
            },
        );
        check(
            "rollback|a1|prod|d1|--json|--endpoint|http://h:1",
            Command::Rollback {
                api: "a1".to_owned(),
                stage: "prod".to_owned(),
                deployment: "d1".to_owned(),
                asking: Asking {
                    at: Where {
                        endpoint: Some("http://h:1".to_owned()),
                        ..Where::default()
                    },
                    json: true,
                },
            },
        );
        check(
            "config|example",
            Command::Config {
                page: Page::Example,
            },
        );
    }

    #[test]
    fn a_wrong_line_is_answered_with_usage_and_code_2() {
        let check = |line: &str, expected: &str| {
            let error = parsed(line).unwrap_err();
            assert_eq!(error.exit_code(), i32::from(USAGE), "{line}");
            assert!(error.to_string().contains(expected), "{line}: {error}");
        };
        check("gateway.toml", "unrecognized subcommand");
        check("check", "<FILE>");
        check("check|a.toml|--host|a.example", "--explain");
        check("check|a.toml|--explain|/pets", "GET /pets");
        check("routes|a1", "<STAGE>");
        check("apis|--key|AKIA", "--config");
        check("backup|a|--data-dir|b|--config|c", "cannot be used with");
    }

    #[test]
    fn help_and_version_are_no_failure() {
        for (line, kind) in [
            ("--help", ErrorKind::DisplayHelp),
            ("--version", ErrorKind::DisplayVersion),
        ] {
            let error = parsed(line).unwrap_err();
            assert_eq!((error.kind(), error.exit_code()), (kind, 0));
        }
    }
}

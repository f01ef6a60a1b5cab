//! `daemun serve`: from a config file to a running gateway.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::cli::command::told;
use crate::rt::inherit::inherited;
use crate::rt::sys;
use crate::server::diagnostics::{self, Diagnostics};
use crate::server::{Ending, Error, Running, Source, demo};

/// What reading a config of some ten thousand routes takes for a moment.
const KEPT_BYTES: i32 = 64 << 20;

const FIXED_PORTS: &str = "\
the example API is always on 127.0.0.1:8080, with 8081 and 9901 beside it; for other ports write a
file with `address` under [listeners.main], [management] and [admin] (`daemun config example` shows
all there is) and start `daemun serve FILE`";

/// Serves until a signal ends it. Without a file, the example API.
pub fn run(file: Option<PathBuf>) -> anyhow::Result<ExitCode> {
    // Before there is a second thread: it takes variables out of the environment.
    let inheritance = inherited()?;
    sys::keep_freed_memory(KEPT_BYTES);
    let diagnostics = diagnostics::start("info");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let (source, example) = match file {
            Some(file) => (Source::File(file), None),
            None => {
                let (source, example) = example().await?;
                (source, Some(example))
            }
        };
        let takes_over = inheritance.parent.is_some();
        let started = start(source, inheritance.sockets, takes_over, diagnostics).await;
        let started = started.map_err(|error| match example {
            Some(_) => anyhow::anyhow!("{}\n{FIXED_PORTS}", told(&error)),
            None => error,
        });
        match started? {
            None => Ok(ExitCode::FAILURE),
            Some(running) => {
                if let Some(parent) = inheritance.parent {
                    // A parent that is gone needs no word.
                    let _ = parent.ready();
                }
                announce(&running);
                if let (Some(example), Some(open)) = (&example, running.listeners.open.first()) {
                    let hints = demo::hints(open.local, example.function.is_some());
                    anstream::eprintln!("\nAn example API is served. Try:\n{hints}");
                }
                Ok(match running.control().await {
                    Ending::Drained | Ending::Cut => ExitCode::SUCCESS,
                    Ending::Broken => ExitCode::FAILURE,
                })
            }
        }
    })
}

/// What the example needs for as long as it is served.
struct Example {
    /// None where there is no Python, or no place for the code.
    function: Option<demo::FunctionCode>,
}

async fn example() -> anyhow::Result<(Source, Example)> {
    let upstream = demo::start_upstream().await?;
    let function = demo::FunctionCode::write().unwrap_or_else(|error| {
        tracing::warn!(%error, "the example goes without its function");
        None
    });
    let folder = function.as_ref().map(|code| code.folder());
    let source = Source::Text {
        name: "the example".to_owned(),
        text: demo::config_text(upstream, folder),
    };
    Ok((source, Example { function }))
}

/// None: the config is wrong, and has been shown with what is wrong.
async fn start(
    source: Source,
    sockets: Vec<(SocketAddr, std::os::fd::OwnedFd)>,
    takes_over: bool,
    diagnostics: Diagnostics,
) -> anyhow::Result<Option<Running>> {
    match Running::start(source, sockets, takes_over, diagnostics).await {
        Ok(running) => Ok(Some(running)),
        Err(Error::Config(report)) => {
            anstream::eprint!("{}", report.render(true));
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// Says what listens where, in a few calm lines.
fn announce(running: &Running) {
    let workers = running.cores.count();
    let plural = if workers == 1 { "" } else { "s" };
    let version = env!("CARGO_PKG_VERSION");
    let driver = running.driver.name();
    let listeners: Vec<String> = running
        .listeners
        .open
        .iter()
        .map(|open| {
            let scheme = if open.listener.tls.is_some() {
                "https"
            } else {
                "http"
            };
            format!("{scheme}://{} ({})", open.local, open.listener.name)
        })
        .collect();
    let listeners = listeners.join(", ");
    let mut said = format!(
        "daemun {version} with {workers} worker{plural} on {driver}\nlistening on {listeners}\n"
    );
    if let Some(admin) = &running.admin {
        said += &format!(
            "admin on http://{}: /healthz /readyz /metrics /stats\n",
            admin.local
        );
    }
    if let Some(management) = &running.making.management {
        let kept = match &management.data_dir {
            Some(folder) => format!("kept in {}", folder.display()),
            None => "kept in memory and lost at the end; set management.data_dir".to_owned(),
        };
        let who = match management.is_open() {
            true => "any access key is accepted",
            false => "access keys are checked",
        };
        said += &format!(
            "management APIs on http://{}: {who}; what they make is {kept}\n",
            management.local
        );
    }
    // At once, so that it stands together where several processes write, as in a hand-over.
    anstream::eprint!("{said}");
}

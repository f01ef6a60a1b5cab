//! Drain and stop.

use std::time::Duration;

use tokio::time::Instant;

use crate::gateway::Command;
use crate::rt::signal::Signal;
use crate::rt::supervisor::Notice;
use crate::server::admin::Phase;
use crate::server::boot::Running;
use crate::server::control::tell_supervisor;

/// How a gateway came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All requests were answered.
    Drained,
    /// Some were still open when the time was up, or somebody could not wait.
    Cut,
    /// A core ended by itself.
    Broken,
}

/// For cores to leave their loops once all connections are given up.
const STOP_LIMIT: Duration = Duration::from_secs(2);

impl Running {
    /// Accepts no more, lets the requests under way end, and closes what is left after the drain
    /// timeout or at a second signal.
    pub async fn drain(mut self) -> Ending {
        let limit = Duration::from_millis(self.settings.timeouts.drain_ms.into());
        tell_supervisor(Notice::Stopping);
        self.observer.facts().phase = Phase::Draining;
        tracing::info!(timeout_ms = self.settings.timeouts.drain_ms, "draining");
        // Our own copies would keep the sockets listening with nobody to accept.
        self.listeners.kept.clear();
        self.cores.tell(|_| Command::Drain);
        let drained = tokio::select! {
            drained = self.cores.ended(Instant::now() + limit) => drained,
            () = told_again(&mut self.signals) => false,
        };
        if !drained {
            tracing::warn!("closing connections with open requests");
            self.cores.tell(|_| Command::Stop);
            self.cores.ended(Instant::now() + STOP_LIMIT).await;
        }
        self.making.keep_usage().await;
        self.making.close();
        if let Some(admin) = &self.admin {
            // Nobody listening is fine: the admin task may have ended.
            let _ = admin.stop.send(true);
        }
        self.functions.finish().await;
        self.exporters.finish().await;
        if drained {
            Ending::Drained
        } else {
            Ending::Cut
        }
    }
}

async fn told_again(signals: &mut crate::rt::signal::Signals) {
    while signals.next().await != Signal::Terminate {}
}

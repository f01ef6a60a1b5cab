//! The control thread's main loop: signals, changed files, new addresses.

use std::path::PathBuf;
use std::sync::Arc;

use crate::control::{MethodTest, Publication};
use crate::gateway::Command;
use crate::rt::handoff::{Outcome, hand_over};
use crate::rt::signal::Signal;
use crate::rt::supervisor::{Notice, notify};
use crate::server::boot::Running;
use crate::server::shutdown::Ending;

/// How long a new process may take to start.
const HAND_OVER_LIMIT: std::time::Duration = std::time::Duration::from_secs(30);

enum Event {
    Signal(Signal),
    Changed(Vec<PathBuf>),
    Addresses,
    Credentials,
    Publish(Publication),
    Test(MethodTest),
    Broken(usize),
}

impl Running {
    /// Serves until told to end, and then says how.
    pub async fn control(mut self) -> Ending {
        tell_supervisor(Notice::Ready);
        loop {
            match self.next_event().await {
                Event::Signal(Signal::Terminate) => return self.drain().await,
                Event::Signal(Signal::Reload) => self.reload().await,
                Event::Signal(Signal::Reopen) => {
                    self.exporters.reopen();
                    self.functions.reopen_log();
                }
                Event::Signal(Signal::HandOver) => {
                    if self.hand_over().await {
                        return self.drain().await;
                    }
                }
                Event::Changed(files) => self.files_changed(&files).await,
                Event::Addresses => self.new_addresses(),
                Event::Credentials => self.new_credentials(),
                Event::Publish(publication) => self.publish(publication).await,
                Event::Test(test) => self.test(test).await,
                Event::Broken(core) => {
                    tracing::error!(core, "a core has ended by itself; stopping");
                    self.drain().await;
                    return Ending::Broken;
                }
            }
        }
    }

    async fn next_event(&mut self) -> Event {
        tokio::select! {
            biased;
            signal = self.signals.next() => Event::Signal(signal),
            core = self.cores.broken() => Event::Broken(core),
            files = self.files.changed() => Event::Changed(files),
            Ok(()) = self.book.changed() => Event::Addresses,
            Ok(()) = self.credentials.changed() => Event::Credentials,
            Some(publication) = self.making.publications.recv() => Event::Publish(publication),
            Some(test) = self.making.tests.recv() => Event::Test(test),
        }
    }

    async fn files_changed(&mut self, files: &[PathBuf]) {
        let certificates: Vec<_> = self.listeners.files().collect();
        let (renewed, others): (Vec<_>, Vec<_>) =
            files.iter().partition(|file| certificates.contains(file));
        // A signal may have come before the change was seen; what was read then is not read again. But
        // whoever takes a mistake back is told that it is gone.
        let is_well = self.observer.facts().last_reload_error.is_none();
        let is_read = |file: &&PathBuf| {
            is_well && self.source.file() == Some(*file) && self.memory.is_of(file)
        };
        if !others.iter().all(is_read) {
            self.reload().await;
        } else if !renewed.is_empty() {
            // A renewed certificate alone is no reason to compile everything anew.
            self.listeners.reread_certificates();
        }
    }

    pub fn new_addresses(&mut self) {
        let book = Arc::clone(&self.book.borrow_and_update());
        self.cores.tell(|_| Command::Addresses(Arc::clone(&book)));
    }

    fn new_credentials(&mut self) {
        let book = Arc::clone(&self.credentials.borrow_and_update());
        self.cores.tell(|_| Command::Credentials(Arc::clone(&book)));
    }

    /// True when another process serves now.
    async fn hand_over(&mut self) -> bool {
        if let Some(management) = &self.making.management
            && management.would_be_lost().await
        {
            tracing::error!(
                "no hand-over: what was made over the management APIs is in memory only, and a new \
                 process would not have it; set management.data_dir for the next start, or stop this one"
            );
            return false;
        }
        tracing::info!("handing over to a new process");
        // One process at a time has the store; the new one opens it when it starts.
        self.making.keep_usage().await;
        self.making.close();
        match hand_over(&self.listeners.kept, HAND_OVER_LIMIT).await {
            Outcome::Ready(pid) => {
                tracing::info!(
                    pid,
                    "a new process serves; this one ends when its requests do"
                );
                tell_supervisor(Notice::MainPid(pid));
                // From now on the operator's questions are for the new process.
                if let Some(admin) = &self.admin {
                    let _ = admin.stop.send(true);
                }
                true
            }
            Outcome::Failed(reason) => {
                tracing::error!(reason, "the hand-over failed; this process goes on");
                self.reopen_management().await;
                false
            }
        }
    }
}

/// The supervisor's socket may be gone; that is no reason to stop serving.
pub fn tell_supervisor(notice: Notice) {
    if let Err(error) = notify(notice) {
        tracing::warn!(%error, "cannot tell the supervisor");
    }
}

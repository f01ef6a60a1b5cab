//! `Observer`: all that can be said about the running gateway, for whoever asks.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::oneshot;

use crate::compile::Ledger;
use crate::gateway::Command;
use crate::gateway::trial::{Origin, Told, Trial, Untold};
use crate::observe::{CertificateEnd, Report, RouteName};
use crate::rt::tls;
use crate::server::admin::{Observed, Phase};
use crate::server::cores::Mailboxes;
use crate::server::export::Written;

/// Cheap to clone; usable from any task.
#[derive(Clone, Debug)]
pub struct Observer {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    mailboxes: Mailboxes,
    workers: u32,
    started: Instant,
    written: Written,
    facts: Mutex<Facts>,
}

/// What changes while running.
#[derive(Debug)]
pub struct Facts {
    /// Knows the names of the routes of the plan of now.
    pub ledger: Arc<Ledger>,
    pub plan_version: u64,
    pub reloads_succeeded: u64,
    pub reloads_failed: u64,
    pub last_reload_error: Option<String>,
    pub phase: Phase,
    /// Whether the operator may have calls explained.
    pub explains: bool,
    /// By which calls that are asked for here come.
    pub door: Option<Origin>,
    /// Of the listeners, by their names.
    pub certificates: Vec<(String, Arc<tls::Certificates>)>,
}

impl Observer {
    pub fn new(mailboxes: Mailboxes, workers: usize, written: Written) -> Self {
        Self {
            shared: Arc::new(Shared {
                mailboxes,
                workers: u32::try_from(workers).unwrap_or(u32::MAX),
                started: Instant::now(),
                written,
                facts: Mutex::new(Facts {
                    ledger: Arc::default(),
                    plan_version: 0,
                    reloads_succeeded: 0,
                    reloads_failed: 0,
                    last_reload_error: None,
                    phase: Phase::Starting,
                    explains: false,
                    door: None,
                    certificates: Vec::new(),
                }),
            }),
        }
    }

    pub fn facts(&self) -> MutexGuard<'_, Facts> {
        let facts = self.shared.facts.lock();
        facts.unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observed for Observer {
    fn explains(&self) -> bool {
        self.facts().explains
    }

    async fn explain(&self, request: Vec<u8>) -> Result<Told, Untold> {
        let (reply, told) = oneshot::channel();
        let origin = self.facts().door;
        let trial = Trial {
            draft: None,
            origin,
            caller: None,
            request,
            reply,
        };
        self.shared
            .mailboxes
            .tell_one(Command::Try(Box::new(trial)));
        told.await.unwrap_or(Err(Untold::BrokenOff))
    }

    fn phase(&self) -> Phase {
        self.facts().phase
    }

    /// Asks all cores for their numbers.
    async fn report(&self) -> Report {
        let numbers = self.shared.mailboxes.numbers().await;
        let uptime = self.shared.started.elapsed();
        let facts = self.facts();
        Report {
            numbers,
            routes: names(&facts.ledger),
            plan_version: facts.plan_version,
            reloads_succeeded: facts.reloads_succeeded,
            reloads_failed: facts.reloads_failed,
            last_reload_error: facts.last_reload_error.clone(),
            workers: self.shared.workers,
            uptime_ms: u64::try_from(uptime.as_millis()).unwrap_or(u64::MAX),
            log_lines_written: self.shared.written.lines(),
            log_lines_failed: self.shared.written.failed(),
            ready: facts.phase == Phase::Ready,
            certificates: ends(&facts),
        }
    }
}

fn ends(facts: &Facts) -> Vec<CertificateEnd> {
    let all = facts.certificates.iter().flat_map(|(listener, all)| {
        all.validities().into_iter().map(|one| CertificateEnd {
            listener: listener.clone(),
            file: one.chain.display().to_string(),
            end_s: one.end_ms / 1_000,
        })
    });
    all.collect()
}

fn names(ledger: &Ledger) -> HashMap<u32, RouteName> {
    let names = ledger.routes().map(|of| {
        let name = RouteName {
            api: of.api.to_owned(),
            stage: of.stage.into_owned(),
            route: of.key.to_owned(),
        };
        (of.id.0, name)
    });
    names.collect()
}

//! What may change while running: everything that is served, and most of how.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use crate::gateway::Command;
use crate::rt::dns;
use crate::rt::supervisor::Notice;
use crate::server::boot::{self, NAMES_LIMIT, Running};
use crate::server::config::{Memory, Settings};
use crate::server::control::tell_supervisor;
use crate::server::credentials::Desk;
use crate::server::keys;
use crate::server::prepare::{self, Current, Prepared};
use crate::server::watch;

impl Running {
    /// Reads the config again. A bad one changes nothing.
    pub async fn reload(&mut self) {
        let Some(file) = self.source.file().cloned() else {
            tracing::info!("there is no config file to read again");
            return;
        };
        let state = watch::fingerprint(&file);
        tell_supervisor(Notice::Reloading);
        let before = (Some(&self.current), Some(&self.memory));
        let outcome = match prepare::prepare(&self.source, &self.making.made, before) {
            Ok(prepared) => self.renew(prepared).await,
            Err(report) => Err(report.to_string()),
        };
        let mut facts = self.observer.facts();
        match outcome {
            Ok(()) => {
                facts.reloads_succeeded += 1;
                facts.last_reload_error = None;
                tracing::info!(version = facts.plan_version, "config reloaded");
            }
            Err(problems) => {
                facts.reloads_failed += 1;
                tracing::error!("config not reloaded; the one before stays\n{problems}");
                facts.last_reload_error = Some(problems);
                // Told once, also when a signal came before the change of the file was seen.
                self.files.settle(&file, state);
            }
        }
        drop(facts);
        tell_supervisor(Notice::Ready);
    }

    async fn renew(&mut self, prepared: Prepared) -> Result<(), String> {
        let Prepared {
            config,
            memory,
            next,
        } = prepared;
        let settings = config.settings;
        // What can fail comes first.
        let access = settings.management.as_ref().map(keys::access).transpose()?;
        let callers = keys::callers(&settings)?;
        let later = self.listeners.renew(&settings.listeners);
        let mut later = later.map_err(|problems| problems.join("\n"))?;
        later.extend(self.later(&settings));
        let before = &self.settings.logging;
        self.exporters.renew(&settings.logging, before)?;
        let log = &settings.logging.function_log;
        if *log != self.settings.logging.function_log {
            self.functions.set_log(log)?;
        }
        self.functions.configure(config.functions);
        let upstreams = &config.snapshot.upstreams;
        self.vault.configure(Desk::of(&settings, upstreams));
        for what in later {
            tracing::warn!("{what} with the next start (SIGUSR2 makes one without a gap)");
        }
        self.renew_names(&settings, &next).await;
        self.diagnostics.set_level(&settings.logging.level);
        boot::apply_shared(&self.shared, &settings);
        let logged = self.settings.logging.clone();
        self.settings = settings;
        let before = std::mem::replace(&mut self.current, next);
        let memory_before = std::mem::replace(&mut self.memory, memory);
        if logged != self.settings.logging {
            self.connect_logs();
        }
        let published = &self.current.published;
        self.cores.tell(|_| Command::Publish(Arc::clone(published)));
        self.cores.tell(|_| Command::Callers(Arc::clone(&callers)));
        {
            let mut facts = self.observer.facts();
            facts.ledger = Arc::clone(&self.current.ledger);
            facts.plan_version = published.plan.version;
        }
        free_away_from_cores(before, memory_before);
        // Requests go by the new plan already; what the management APIs show of it may follow.
        self.making.renew(config.snapshot, access, &self.settings);
        self.watch_files();
        Ok(())
    }

    /// New names are looked up before a request needs them.
    async fn renew_names(&mut self, settings: &Settings, next: &Current) {
        if settings.dns != self.settings.dns {
            self.names = dns::Watcher::start(boot::dns_settings(&settings.dns));
            self.book = self.names.subscribe();
        }
        self.names.names(boot::hosts(&next.published));
        self.names.settled(NAMES_LIMIT).await;
        self.new_addresses();
    }

    /// What a running process cannot change.
    fn later(&self, next: &Settings) -> Vec<String> {
        let mut later = Vec::new();
        if next.workers != self.started.workers {
            later.push("`workers` changes".to_owned());
        }
        if next.driver != self.started.driver {
            later.push("`driver` changes".to_owned());
        }
        let kept = |settings: &Settings| {
            let management = settings.management.as_ref()?;
            Some((
                management.address,
                management.data_dir.clone(),
                management.strict,
            ))
        };
        if kept(next) != kept(&self.started) {
            later.push("`management` changes".to_owned());
        }
        if next.admin != self.started.admin {
            later.push("`admin.address` changes".to_owned());
        }
        later
    }
}

/// Whoever lets go of a plan last frees it, and with ten thousand routes that takes a while, in which
/// a core would serve nobody. So this thread holds it until no core does.
fn free_away_from_cores(before: Current, memory: Memory) {
    tokio::spawn(async move {
        let mut pause = PAUSE_FIRST;
        while Arc::strong_count(&before.published) > 1 {
            sleep(pause).await;
            // Requests may take hours.
            pause = (pause * 2).min(PAUSE_LONGEST);
        }
        tokio::task::spawn_blocking(|| drop((before, memory)));
    });
}

const PAUSE_FIRST: Duration = Duration::from_millis(50);
const PAUSE_LONGEST: Duration = Duration::from_secs(5);

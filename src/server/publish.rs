//! What the management APIs made, into the plan and onto all cores.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::control::publish::Changes;
use crate::control::{Access, MethodTest, Outbox, Publication};
use crate::gateway::trial::{Trial, Untold};
use crate::gateway::{self, Command};
use crate::model::{Snapshot, Usage};
use crate::server::boot::{self, Running};
use crate::server::config::Settings;
use crate::server::functions::FunctionRoom;
use crate::server::management::{Management, ManagementError};
use crate::server::prepare::{self, Current, Made, Plans};

/// The management APIs and the APIs that were made with them, beside those of the config.
#[derive(Debug)]
pub struct Making {
    /// None: they are off, or another process has them.
    pub management: Option<Management>,
    pub publications: mpsc::UnboundedReceiver<Publication>,
    pub tests: mpsc::UnboundedReceiver<MethodTest>,
    pub made: Made,
    pub plans: Plans,
    /// The state of the keys of `plans`.
    usage: Arc<gateway::Usage>,
    /// Where what keys use is counted.
    meter: Arc<gateway::Meter>,
    /// What the config serves.
    pub snapshot: Snapshot,
    outbox: Outbox,
    /// Domains have changed, which the listeners have not been told yet.
    has_news_of_domains: bool,
    /// Versions of the store that what was made is of, by keys.
    versions: HashMap<String, u64>,
}

impl Making {
    /// Opens the management APIs, if the config wants them, with what they have kept. `beside`: an
    /// older process may be listening still.
    ///
    /// # Errors
    /// What hinders it.
    pub async fn open(
        settings: &Settings,
        snapshot: Snapshot,
        beside: bool,
        functions: &FunctionRoom,
    ) -> Result<Self, ManagementError> {
        let (publisher, publications) = mpsc::unbounded_channel();
        let (tester, tests) = mpsc::unbounded_channel();
        let mut making = Self {
            management: None,
            publications,
            tests,
            made: Made::default(),
            plans: Plans::new(),
            usage: Arc::default(),
            meter: Arc::default(),
            snapshot,
            outbox: Outbox {
                publications: publisher,
                tests: tester,
            },
            has_news_of_domains: false,
            versions: HashMap::new(),
        };
        making.reopen(settings, beside, functions).await?;
        Ok(making)
    }

    async fn reopen(
        &mut self,
        settings: &Settings,
        beside: bool,
        functions: &FunctionRoom,
    ) -> Result<(), ManagementError> {
        if let Some(wanted) = &settings.management {
            let outbox = self.outbox.clone();
            let opened =
                Management::open(wanted, &self.snapshot, beside, functions, outbox).await?;
            let (management, kept, plans) = opened;
            management.meter(&self.meter);
            for usage in plans {
                self.plan(usage);
            }
            self.renew_usage();
            self.management = Some(management);
            let apis = kept.apis.into_iter().map(|api| (api.id.clone(), api));
            self.made = Made {
                apis: apis.collect(),
                domains: kept.domains.into_iter().collect(),
            };
        }
        Ok(())
    }

    /// Gives the store up for another process.
    pub fn close(&mut self) {
        if let Some(management) = self.management.take() {
            management.close();
        }
    }

    /// The config has been read again. `access`: who may manage now.
    pub fn renew(&mut self, snapshot: Snapshot, access: Option<Access>, settings: &Settings) {
        self.snapshot = snapshot;
        if let (Some(management), Some(access), Some(settings)) =
            (&self.management, access, &settings.management)
        {
            management.renew(&self.snapshot, access, settings);
        }
    }

    /// Config and made APIs in one plan.
    ///
    /// # Errors
    /// What hinders it.
    pub fn join(&self, settings: &Settings, before: &Current) -> Result<Current, String> {
        prepare::with_made(&self.snapshot, settings, &self.made, &self.usage, before)
    }

    fn plan(&mut self, usage: Arc<Usage>) {
        let scope = (usage.account.clone(), usage.region.clone());
        self.plans.insert(scope, usage);
    }

    fn renew_usage(&mut self) {
        self.usage = prepare::usage(&self.plans, &self.usage);
        self.meter.set(&self.usage);
    }

    /// Keeps what has been counted so far.
    pub async fn keep_usage(&self) {
        if let Some(management) = &self.management {
            management.keep_usage(&self.meter).await;
        }
    }

    /// Changes are kept one after the other, but may be told of in another order.
    fn take(&mut self, version: u64, changes: Changes) {
        for (id, model) in changes.apis {
            if self.is_news(version, &id) {
                match model {
                    Some(model) => self.made.apis.insert(id, model),
                    None => self.made.apis.remove(&id),
                };
            }
        }
        self.has_news_of_domains |= !changes.domains.is_empty();
        for (key, model) in changes.domains {
            if self.is_news(version, &key) {
                match model {
                    Some(model) => self.made.domains.insert(key, model),
                    None => self.made.domains.remove(&key),
                };
            }
        }
    }

    /// The keys of domains hold slashes, so that they are no API's.
    fn is_news(&mut self, version: u64, key: &str) -> bool {
        let at = self.versions.entry(key.to_owned()).or_default();
        let is_news = *at <= version;
        if is_news {
            *at = version;
        }
        is_news
    }
}

const NAMES_LIMIT: Duration = Duration::from_millis(500);

impl Running {
    /// Serves what was made from now on, and says so to who waits for it.
    pub async fn publish(&mut self, publication: Publication) {
        let mut waiting = Vec::new();
        let mut next = Some(publication);
        // Those that came meanwhile are served with it.
        while let Some(publication) = next {
            self.making.take(publication.version, publication.models);
            if let Some(usage) = publication.usage {
                self.making.plan(usage);
                self.making.renew_usage();
            }
            waiting.push(publication.done);
            next = self.making.publications.try_recv().ok();
        }
        let outcome = self.serve_made().await;
        for done in waiting {
            // Who asked may have gone away.
            let _ = done.send(outcome.clone());
        }
    }

    async fn serve_made(&mut self) -> Result<(), String> {
        let joined = self.making.join(&self.settings, &self.current);
        let next = joined.inspect_err(|problems| {
            tracing::error!(problems, "the plan before stays");
        })?;
        self.current = next;
        if std::mem::take(&mut self.making.has_news_of_domains) {
            // A name that leads here has its certificate before it has its APIs.
            self.listeners.set_domains(&self.making.made);
        }
        self.names.names(boot::hosts(&self.current.published));
        // A new host is known before a request needs it, unless its name servers are slow.
        self.names.settled(NAMES_LIMIT).await;
        self.new_addresses();
        let published = &self.current.published;
        self.cores.tell(|_| Command::Publish(Arc::clone(published)));
        // Whoever made it may call it at once.
        self.cores.obeyed().await;
        let mut facts = self.observer.facts();
        facts.ledger = Arc::clone(&self.current.ledger);
        facts.plan_version = published.plan.version;
        Ok(())
    }

    /// Tries a method that is in no stage, on one of the cores, which answers by itself.
    pub async fn test(&mut self, test: MethodTest) {
        let MethodTest { draft, done } = test;
        let published = match prepare::draft(draft.model, &self.making.snapshot) {
            Ok(published) => Arc::new(published),
            Err(problems) => {
                // Who asked may have gone away.
                let _ = done.send(Err(problems));
                return;
            }
        };
        let names: Vec<&str> = boot::hosts(&published).collect();
        if !names.is_empty() {
            // Known until the next plan is published, which is long enough to connect.
            let served = boot::hosts(&self.current.published);
            self.names.names(served.chain(names));
            self.names.settled(NAMES_LIMIT).await;
            self.new_addresses();
        }
        let (reply, told) = oneshot::channel();
        self.cores.tell_one(Command::Try(Box::new(Trial {
            origin: None,
            caller: draft.caller,
            draft: Some(published),
            request: draft.request,
            reply,
        })));
        tokio::spawn(async move {
            let told = told.await.unwrap_or(Err(Untold::BrokenOff));
            let _ = done.send(told.map_err(|untold| untold.to_string()));
        });
    }

    /// After a hand-over that failed.
    pub async fn reopen_management(&mut self) {
        if let Err(error) = self
            .making
            .reopen(&self.settings, true, &self.functions)
            .await
        {
            tracing::error!(%error, "the management APIs stay closed");
        }
    }
}

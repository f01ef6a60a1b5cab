//! The management listener: AWS's APIs over axum, and what they make into the plan.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::sync::watch;

use crate::base::Clock;
use crate::control::publish::{Outbox, Surroundings};
use crate::control::usage::Day;
use crate::control::{self, Access, Control, Kept, Scope, Truststores, fixed};
use crate::gateway::Meter;
use crate::model::{Snapshot, Usage};
use crate::neighbor::function::FunctionApi;
use crate::server::dispatch::{self, Services};
use crate::server::functions::FunctionRoom;
use crate::server::{config, keys, reception};
use crate::store::{Prefix, Store, StoreError};

/// Why the management APIs could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum ManagementError {
    #[error(
        "cannot listen on {address} for the management APIs: {error}; choose another address in `management.address`, or \"off\""
    )]
    Listener {
        address: SocketAddr,
        error: io::Error,
    },
    #[error("`management.data_dir`: {0}")]
    Store(#[from] StoreError),
    #[error("cannot start the management APIs: {0}")]
    System(#[from] io::Error),
    #[error("{0}")]
    Keys(String),
    #[error("cannot read what was kept: {0}")]
    Records(String),
}

/// The management APIs, open.
#[derive(Debug)]
pub struct Management {
    pub local: SocketAddr,
    /// None: in memory.
    pub data_dir: Option<PathBuf>,
    services: Arc<Services>,
    store: Store,
    stop: watch::Sender<bool>,
}

impl Management {
    /// Opens store and listener; what the store keeps is to be served from the start.
    ///
    /// # Errors
    /// What hinders it.
    pub async fn open(
        settings: &config::Management,
        snapshot: &Snapshot,
        beside: bool,
        functions: &FunctionRoom,
        outbox: Outbox,
    ) -> Result<(Self, Kept, Vec<Arc<Usage>>), ManagementError> {
        let access = keys::access(settings).map_err(ManagementError::Keys)?;
        let address = settings.address;
        let fail = |error| ManagementError::Listener { address, error };
        let listener = reception::bind(address, beside).map_err(fail)?;
        let local = listener.local_addr().map_err(fail)?;
        let store = match &settings.data_dir {
            Some(folder) => Store::open(folder)?,
            None => Store::memory(),
        };
        let own = control::Settings {
            strict: settings.strict,
            // Who asks may stand in another folder.
            data_dir: settings
                .data_dir
                .as_ref()
                .and_then(|folder| std::path::absolute(folder).ok()),
        };
        let control = Control::new(store.clone(), own, surroundings(snapshot, settings), outbox)?;
        let records = |error: control::Error| ManagementError::Records(error.message);
        let kept = control.load().await.map_err(records)?;
        let plans = control.load_usage().await.map_err(records)?;
        let lambda = FunctionApi::new(
            store.clone(),
            functions.all.clone(),
            functions.code_dir(settings.data_dir.as_deref()),
        )?;
        lambda.load().await.map_err(records)?;
        let services = Arc::new(Services::new(access, control, lambda)?);
        let (stop, stopped) = watch::channel(false);
        let router = Router::new()
            .fallback(dispatch::answer)
            .with_state(Arc::clone(&services));
        tokio::spawn(reception::serve(listener, router, stopped));
        let management = Self {
            local,
            data_dir: settings.data_dir.clone(),
            services,
            store,
            stop,
        };
        Ok((management, kept, plans))
    }

    /// Keeps what `meter` has counted, again and again.
    pub fn meter(&self, meter: &Arc<Meter>) {
        let (services, meter) = (Arc::clone(&self.services), Arc::clone(meter));
        let mut stopped = self.stop.subscribe();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = stopped.changed() => return,
                    () = tokio::time::sleep(METER_PERIOD) => keep(&services.control, &meter).await,
                }
            }
        });
    }

    /// Keeps what `meter` has counted so far.
    pub async fn keep_usage(&self, meter: &Meter) {
        keep(&self.services.control, meter).await;
    }

    /// The config file has changed. `access` is what its keys say now.
    pub fn renew(&self, snapshot: &Snapshot, access: Access, settings: &config::Management) {
        let control = &self.services.control;
        if control.set_surroundings(surroundings(snapshot, settings)) {
            let services = Arc::clone(&self.services);
            tokio::spawn(async move {
                if let Err(error) = services.control.look_at_all().await {
                    tracing::error!(
                        error = error.message,
                        "APIs over VPC links stay as they were"
                    );
                }
            });
        }
        if access.is_open() && !self.local.ip().is_loopback() {
            // The address may be another one in the file, but this is where we listen until the
            // next start.
            tracing::warn!(
                address = %self.local,
                "the keys before stay: without any this address would be open to everybody"
            );
            return;
        }
        self.services.set_access(access);
    }

    /// Whether any access key is accepted.
    pub fn is_open(&self) -> bool {
        self.services.access().is_open()
    }

    /// Whether something has been made that is in the memory of this process only.
    pub async fn would_be_lost(&self) -> bool {
        if self.data_dir.is_some() {
            return false;
        }
        // What cannot be read is not worth keeping a process for.
        let first = self.store.list(Prefix::everything(), None, 1).await;
        first.is_ok_and(|page| !page.entries.is_empty())
    }

    /// Takes no more requests and lets go of the store, so that another process can have it.
    pub fn close(&self) {
        // The listener's task may have ended by itself.
        let _ = self.stop.send(true);
        self.store.close();
    }
}

/// How often what keys have used is kept: so much of it may be lost when the machine dies.
const METER_PERIOD: Duration = Duration::from_secs(1);

async fn keep(control: &Control, meter: &Meter) {
    let used = meter.take().into_iter().map(|used| control::Used {
        scope: Scope {
            account: used.account.into(),
            region: used.region.into(),
        },
        plan: used.plan.into(),
        key: used.key.into(),
        day: Day::of_number(used.day),
        requests: used.requests.into(),
    });
    let used: Vec<control::Used> = used.collect();
    if used.is_empty() {
        return;
    }
    if let Err(error) = control.count_usage(used).await {
        tracing::error!(
            error = error.message,
            "what API keys used could not be kept"
        );
    }
}

fn surroundings(snapshot: &Snapshot, settings: &config::Management) -> Surroundings {
    Surroundings {
        fixed: fixed::of(snapshot, Clock::real().epoch_ms()),
        upstreams: snapshot.upstreams.clone(),
        hosts: snapshot
            .apis
            .iter()
            .flat_map(|api| api.hosts.iter().cloned())
            .collect(),
        truststores: Truststores(settings.truststores.clone()),
    }
}

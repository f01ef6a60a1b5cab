//! From a config to what the cores are told, with the state that lives from one to the next.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::compile::{self, Ledger};
use crate::control::publish::DomainModel;
use crate::gateway::{self, Published};
use crate::model::{Snapshot, Usage, v2};
use crate::net;
use crate::plan::Plan;
use crate::rt::tls::{GivenCertificate, Terms};
use crate::server::config::{self, Config, Loaded, Located, Memory, Report};
use crate::server::source::Source;
use crate::wire;

/// What was published last.
#[derive(Debug, Default)]
pub struct Current {
    pub published: Arc<Published>,
    pub ledger: Arc<Ledger>,
}

/// What was made through the management APIs.
#[derive(Debug, Default)]
pub struct Made {
    /// By id.
    pub apis: BTreeMap<String, Arc<v2::Api>>,
    /// By account, region and id.
    pub domains: BTreeMap<String, DomainModel>,
}

impl Made {
    pub fn is_empty(&self) -> bool {
        self.apis.is_empty() && self.domains.is_empty()
    }

    /// The certificates that came with domain names.
    pub fn certificates(&self) -> Vec<GivenCertificate> {
        let domains = self.domains.values();
        let own = domains.filter_map(|model| {
            let pair = model.certificate.as_ref()?;
            Some(GivenCertificate {
                name: model.domain.name.clone(),
                chain: pair.chain.clone(),
                key: pair.key.clone(),
            })
        });
        own.collect()
    }

    /// What the clients of domain names have to bring.
    pub fn terms(&self) -> Vec<Terms> {
        let domains = self.domains.values();
        let terms = domains.map(|model| Terms {
            name: model.domain.name.as_str().into(),
            minimum: model.tls_minimum,
            truststore: model.truststore.clone(),
        });
        terms.collect()
    }
}

/// A config that can be served.
#[derive(Debug)]
pub struct Prepared {
    pub config: Config,
    /// To read the config's next version by.
    pub memory: Memory,
    pub next: Current,
}

/// The usage plans of each account and region.
pub type Plans = BTreeMap<(String, String), Arc<Usage>>;

/// The state of all keys, those of `before` going on.
pub fn usage(plans: &Plans, before: &gateway::Usage) -> Arc<gateway::Usage> {
    let table = compile::usage(plans.values().map(|usage| &**usage));
    Arc::new(gateway::Usage::next(table, before))
}

/// Reads and compiles `source` with the APIs `made` beside its own; what is unchanged is shared with
/// `before`, and not read again as far as `memory` knows it.
///
/// # Errors
/// Everything that is wrong with the config.
pub fn prepare(
    source: &Source,
    made: &Made,
    (before, memory): (Option<&Current>, Option<&Memory>),
) -> Result<Prepared, Report> {
    let none = Ledger::default();
    let ledger = before.map_or(&none, |before| &*before.ledger);
    let Loaded {
        config,
        memory,
        made: (mut published, ledger),
    } = source.load(memory, |snapshot| joined(snapshot, made, ledger, before))?;
    published.settings = settings(&config.settings);
    Ok(Prepared {
        config,
        memory,
        next: Current {
            published: Arc::new(published),
            ledger: Arc::new(ledger),
        },
    })
}

/// The same config with other APIs of the management APIs.
///
/// # Errors
/// What hinders it; those who made the APIs have seen that each can be served.
pub fn with_made(
    snapshot: &Snapshot,
    settings: &config::Settings,
    made: &Made,
    usage: &Arc<gateway::Usage>,
    before: &Current,
) -> Result<Current, String> {
    let joined = joined(snapshot, made, &before.ledger, Some(before));
    let (mut published, ledger) = joined.map_err(|problems| {
        let texts: Vec<String> = problems
            .into_iter()
            .map(|problem| problem.message)
            .collect();
        texts.join("\n")
    })?;
    published.settings = self::settings(settings);
    published.usage = Arc::clone(usage);
    Ok(Current {
        published: Arc::new(published),
        ledger: Arc::new(ledger),
    })
}

/// Compiles the config's APIs with what was made. What of the latter cannot be served any more,
/// since the config has changed, is left out and said.
fn joined(
    snapshot: &Snapshot,
    made: &Made,
    ledger: &Ledger,
    before: Option<&Current>,
) -> Result<(Published, Ledger), Vec<Located>> {
    let own = |id: &String| snapshot.apis.iter().any(|api| api.id == *id);
    let ids = snapshot.apis.iter().map(|api| &api.id);
    let ids = ids.filter(|id| made.apis.contains_key(*id));
    let mut left_out: Vec<String> = ids.cloned().collect();
    let mut domains_out: Vec<String> = Vec::new();
    loop {
        let mut whole = snapshot.clone();
        let served = made.apis.iter().filter(|(id, _)| !left_out.contains(id));
        whole.apis.extend(served.map(|(_, api)| Arc::clone(api)));
        let domains = made.domains.values().map(|model| &model.domain);
        let domains = domains.filter(|domain| !domains_out.contains(&domain.name));
        whole.domains.extend(domains.cloned());
        let problems = match compiled(&whole, ledger, before) {
            Ok(compiled) => return Ok(compiled),
            Err(problems) => problems,
        };
        let known = (left_out.len(), domains_out.len());
        for problem in &problems {
            if let [domains, name, ..] = problem.path.as_slice()
                && domains == "domains"
                && !domains_out.contains(name)
            {
                tracing::error!(
                    domain = name,
                    problem = problem.message,
                    "not served any more"
                );
                domains_out.push(name.clone());
            }
            if let [apis, id, ..] = problem.path.as_slice()
                && apis == "apis"
                && made.apis.contains_key(id)
                && !own(id)
                && !left_out.contains(id)
            {
                tracing::error!(api = id, problem = problem.message, "not served any more");
                left_out.push(id.clone());
            }
        }
        if (left_out.len(), domains_out.len()) == known {
            return Err(problems);
        }
    }
}

fn compiled(
    snapshot: &Snapshot,
    ledger: &Ledger,
    before: Option<&Current>,
) -> Result<(Published, Ledger), Vec<Located>> {
    let (plan, ledger) = compile::compile(snapshot, ledger).map_err(located)?;
    let retired = ledger.retired_routes().map(|route| route.0).collect();
    let before = before.map(|before| &*before.published);
    let published = Published::new(plan, net::Settings::default(), retired, before);
    let published = published.map_err(|faults| {
        let faults = faults.into_iter().map(|fault| Located {
            path: vec![
                "upstreams".to_owned(),
                fault.group,
                "tls".to_owned(),
                "ca_file".to_owned(),
            ],
            within: None,
            message: fault.error.to_string(),
            hint: None,
        });
        faults.collect::<Vec<_>>()
    })?;
    Ok((published, ledger))
}

/// A plan of one API that nobody else is served by, with the upstreams and services of the config.
///
/// # Errors
/// All that hinders it.
pub fn draft(api: Arc<v2::Api>, config: &Snapshot) -> Result<Published, String> {
    let snapshot = Snapshot {
        upstreams: config.upstreams.clone(),
        aws: config.aws.clone(),
        apis: vec![api],
        ..Snapshot::default()
    };
    let compiled = compiled(&snapshot, &Ledger::default(), None);
    let (published, _) = compiled.map_err(|problems| {
        let texts = problems.into_iter().map(|problem| {
            let what = problem
                .message
                .split_once(": ")
                .map_or("", |(_, what)| what);
            compile::Problem::by_route(&problem.path, what).unwrap_or(problem.message)
        });
        texts.collect::<Vec<String>>().join("\n")
    })?;
    Ok(published)
}

/// The plan alone, for `daemun check`.
///
/// # Errors
/// Everything that is wrong with the config.
pub fn plan(source: &Source) -> Result<(Config, Plan), Report> {
    let ledger = Ledger::default();
    let loaded = source.load(None, |snapshot| compiled(snapshot, &ledger, None))?;
    let (published, _) = loaded.made;
    Ok((loaded.config, published.plan))
}

fn located(problems: Vec<compile::Problem>) -> Vec<Located> {
    let located = problems.into_iter().map(|problem| Located {
        message: problem.to_string(),
        path: problem.path,
        within: problem.within,
        hint: problem.hint,
    });
    located.collect()
}

/// The part of the settings that cores look at for each request.
fn settings(settings: &config::Settings) -> net::Settings {
    let (limits, timeouts, forwarding) =
        (&settings.limits, &settings.timeouts, &settings.forwarding);
    net::Settings {
        limits: wire::Limits {
            head_bytes_max: limits.header_bytes_max,
            target_bytes_max: limits.url_bytes_max,
            fields_max: u16::try_from(limits.header_count_max).unwrap_or(u16::MAX),
            trailer_bytes_max: limits.trailer_bytes_max,
            ..wire::Limits::default()
        },
        timeouts: net::Timeouts {
            header_ms: timeouts.header_ms,
            body_ms: timeouts.body_ms,
            idle_ms: timeouts.idle_ms,
            handshake_ms: timeouts.handshake_ms,
            write_ms: timeouts.write_ms,
            exchange_ms: timeouts.exchange_ms.unwrap_or(0),
        },
        cors_on_errors: settings
            .management
            .as_ref()
            .is_some_and(|management| management.cors_on_errors),
        stale_while_revalidate: settings
            .management
            .as_ref()
            .is_some_and(|management| management.stale_while_revalidate),
        forwarding: net::Forwarding {
            x_forwarded: match forwarding.x_forwarded {
                config::XForwarded::Append => net::settings::XForwarded::Append,
                config::XForwarded::Replace => net::settings::XForwarded::Replace,
                config::XForwarded::Off => net::settings::XForwarded::Off,
            },
            forwarded: forwarding.forwarded,
            via: forwarding.via.clone().unwrap_or_default().into(),
            request_id_header: forwarding
                .request_id_header
                .clone()
                .unwrap_or_default()
                .into(),
        },
    }
}

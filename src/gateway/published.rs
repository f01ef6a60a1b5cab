//! `Published`: a plan with what must be shared by all cores to run it.

use std::path::PathBuf;
use std::sync::Arc;

use crate::gateway::Usage;
use crate::gateway::cache::{self, Homes};
use crate::gateway::throttle::{self, Bucket};
use crate::net::Settings;
use crate::net::outbound::group::{GroupSettings, TargetSettings, TlsSettings};
use crate::plan::target::{Balance, Trust};
use crate::plan::{Group, Plan};
use crate::rt::tls;

#[derive(Debug, Default)]
pub struct Published {
    pub plan: Plan,
    /// Indexed by `LimitId`.
    pub buckets: Vec<Option<Arc<Bucket>>>,
    /// Indexed by `GroupId`.
    pub groups: Vec<Option<Arc<GroupSettings>>>,
    pub settings: Settings,
    /// What stages have kept of answers.
    pub caches: Homes,
    /// API keys with their plans.
    pub usage: Arc<Usage>,
    /// Route ids that were used before and are no more: their numbers are dropped.
    pub retired_routes: Vec<u32>,
}

/// A group whose authorities cannot be read.
#[derive(Debug)]
pub struct GroupFault {
    pub group: String,
    pub error: tls::Error,
}

impl Published {
    /// Buckets, groups and caches of `before` keep their state where their numbers are unchanged.
    ///
    /// # Errors
    /// Every group that cannot be reached as the plan says.
    pub fn new(
        plan: Plan,
        settings: Settings,
        retired_routes: Vec<u32>,
        before: Option<&Published>,
    ) -> Result<Self, Vec<GroupFault>> {
        let kept = before.map_or(&[][..], |before| &before.buckets);
        let (mut groups, mut faults) = (Vec::with_capacity(plan.groups.len()), Vec::new());
        for (index, group) in plan.groups.iter().enumerate() {
            match group
                .as_ref()
                .map(|group| settings_of(group, index, before))
            {
                None => groups.push(None),
                Some(Ok(settings)) => groups.push(Some(settings)),
                Some(Err(fault)) => faults.push(fault),
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(Self {
            buckets: throttle::buckets(&plan.limits, kept),
            caches: cache::homes(&plan, before.map(|before| &before.caches)),
            plan,
            groups,
            settings,
            usage: before
                .map(|before| Arc::clone(&before.usage))
                .unwrap_or_default(),
            retired_routes,
        })
    }
}

/// The very settings of before if the group is the same, so that the cores see that it is.
fn settings_of(
    group: &Group,
    index: usize,
    before: Option<&Published>,
) -> Result<Arc<GroupSettings>, GroupFault> {
    let trusts_file = |group: &Group| {
        let tls = group.tls.as_ref();
        tls.is_some_and(|tls| matches!(tls.trust, Trust::File(_)))
    };
    if let Some(before) = before
        && let Some(Some(same)) = before.plan.groups.get(index)
        && **same == *group
        // The file may hold other authorities by now.
        && !trusts_file(group)
        && let Some(Some(settings)) = before.groups.get(index)
    {
        return Ok(Arc::clone(settings));
    }
    let tls = group.tls.as_ref().map(|tls| {
        let trust = match &tls.trust {
            Trust::System => tls::Trust::System,
            Trust::File(file) => tls::Trust::File(PathBuf::from(&**file)),
            Trust::AnyAuthority => tls::Trust::AnyAuthority,
            Trust::Anybody => tls::Trust::Anybody,
        };
        let identity = tls.identity.as_ref();
        let identity = identity.map(|own| (&*own.chain, &*own.key));
        Ok(TlsSettings {
            client: Arc::new(tls::Client::new(&trust, identity, &[b"http/1.1"])?),
            server_name: tls.server_name.clone(),
        })
    });
    let tls = tls.transpose().map_err(|error| GroupFault {
        group: group.name.to_string(),
        error,
    })?;
    Ok(Arc::new(GroupSettings {
        name: group.name.clone(),
        targets: group
            .targets
            .iter()
            .map(|target| TargetSettings {
                host: target.host.clone(),
                ip: target.host.parse().ok(),
                port: target.port,
                weight: target.weight,
            })
            .collect(),
        least_outstanding: group.balance == Balance::LeastOutstanding,
        eject_after: group.eject_after,
        eject_ms: group.eject_ms,
        connect_timeout_ms: group.connect_timeout_ms,
        idle_timeout_ms: group.idle_timeout_ms,
        idle_connections_max: group.idle_connections_max as usize,
        tls,
    }))
}

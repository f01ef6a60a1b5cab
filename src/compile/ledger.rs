//! `Ledger`: what one compile remembers for the next.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::compile::group::{GroupKey, Need};
use crate::compile::pool::Pool;
use crate::model::{Aws, Domain, Snapshot, Upstream, v2};
use crate::plan::{Group, HostTable, Limit, LimitId, RouteId, Stage};

/// The ids given out and what was compiled under them.
///
/// It belongs to the plan it came with: whoever throws that plan away throws it away too and goes
/// on with the earlier one. Cloning is cheap next to compiling.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    pub(in crate::compile) version: u64,
    pub(in crate::compile) account_limit: Option<LimitId>,
    pub(in crate::compile) upstreams: Arc<[Upstream]>,
    pub(in crate::compile) groups: BTreeMap<GroupKey, Arc<Group>>,
    pub(in crate::compile) aws: Aws,
    /// In the order of the snapshot.
    pub(in crate::compile) apis: Vec<Arc<ApiMemory>>,
    pub(in crate::compile) hosts: Arc<HostTable>,
    pub(in crate::compile) doors: Doors,
    pub(in crate::compile) route_ids: Pool,
    pub(in crate::compile) limit_ids: Pool,
    pub(in crate::compile) group_ids: Pool,
}

/// What a table of hosts is made of besides the APIs.
#[derive(Clone, Debug, Default)]
pub(in crate::compile) struct Doors {
    domains: Arc<[Arc<Domain>]>,
    execute_api_suffixes: Arc<[String]>,
}

impl Doors {
    pub fn of(snapshot: &Snapshot) -> Self {
        Self {
            domains: snapshot.domains.as_slice().into(),
            execute_api_suffixes: snapshot.execute_api_suffixes.as_slice().into(),
        }
    }

    pub fn is_of(&self, snapshot: &Snapshot) -> bool {
        // All members are named, so that a new one is not forgotten here.
        let Snapshot {
            account_throttle: _,
            upstreams: _,
            apis: _,
            domains,
            execute_api_suffixes,
            aws: _,
        } = snapshot;
        let mut pairs = self.domains.iter().zip(domains);
        self.domains.len() == domains.len()
            && pairs.all(|(before, now)| Arc::ptr_eq(before, now) || before == now)
            && *self.execute_api_suffixes == **execute_api_suffixes
    }
}

/// Whose numbers a route id stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteOf<'a> {
    pub id: RouteId,
    pub api: &'a str,
    /// That of a canary is `prod/Canary`, as in the names of AWS's log groups.
    pub stage: Cow<'a, str>,
    /// As written: `GET /pets/{id}` or `$default`.
    pub key: &'a str,
}

impl Ledger {
    /// The version of the plan it came with.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Every route of the plan, stage by stage, those of a canary behind those of its stage.
    pub fn routes(&self) -> impl Iterator<Item = RouteOf<'_>> {
        let stages = self.apis.iter().flat_map(|api| &api.stages);
        stages.flat_map(|memory| {
            let stage = &*memory.stage;
            let canary = stage.canary().map(|canary| {
                let name = Cow::Owned(format!("{}/Canary", stage.name));
                (name, &*canary.stage)
            });
            let own = (Cow::Borrowed(&*stage.name), stage);
            let both = std::iter::once(own).chain(canary);
            both.flat_map(|(name, stage)| {
                stage.routes.iter().map(move |route| RouteOf {
                    id: route.id,
                    api: &stage.api_id,
                    stage: name.clone(),
                    key: &route.key,
                })
            })
        })
    }

    /// The routes of the plan before that are no more. Their numbers must be dropped with this
    /// plan: the next one may give their ids to others.
    pub fn retired_routes(&self) -> impl Iterator<Item = RouteId> {
        self.route_ids.resting().iter().map(|id| RouteId(*id))
    }
}

/// An API as it was compiled.
#[derive(Debug)]
pub(in crate::compile) struct ApiMemory {
    pub model: Arc<v2::Api>,
    /// In the order of the model's.
    pub stages: Vec<Arc<StageMemory>>,
}

impl ApiMemory {
    /// The stages by name: what they were made from and what they became.
    pub fn by_name(&self) -> HashMap<&str, (&v2::Stage, &Arc<StageMemory>)> {
        let pairs = self.model.stages.iter().zip(&self.stages);
        pairs
            .map(|(model, memory)| (model.name.as_str(), (model, memory)))
            .collect()
    }
}

/// A compiled stage, and what of the plan outside of it belongs to it.
#[derive(Debug)]
pub(in crate::compile) struct StageMemory {
    pub stage: Arc<Stage>,
    pub limits: Vec<(LimitId, Limit)>,
    pub groups: BTreeMap<GroupKey, Need>,
}

//! `compile`: joins the parts to a plan.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::compile::group::{self, Groups, Need};
use crate::compile::ledger::{ApiMemory, Doors, Ledger, StageMemory};
use crate::compile::pool::Pool;
use crate::compile::problem::{Fault, Place, Problem, Problems};
use crate::compile::{host, http};
use crate::lang::logline;
use crate::model::{Snapshot, Throttle, v2};
use crate::plan::{Group, HostTable, Limit, LimitId, Plan, Route, Stage};

/// The plan that serves `snapshot`, and the ledger for the next compile. `ledger` is that of the
/// plan before, or an empty one.
///
/// Ids mean the same as in the plan before as long as what they stand for lives; stages of which
/// nothing changed are those of the plan before.
///
/// # Errors
/// All that is wrong, at least one and at most a thousand problems.
pub fn compile(snapshot: &Snapshot, ledger: &Ledger) -> Result<(Plan, Ledger), Vec<Problem>> {
    let mut work = Work::new(snapshot, ledger);
    let account_limit = work.limit(
        snapshot.account_throttle.as_ref(),
        ledger.account_limit,
        || "account".to_owned(),
        &Place::root("account"),
    );
    group::check(&snapshot.upstreams, &mut work.problems);
    let (apis, is_same_list) = apis(&mut work, snapshot);
    let same_apis = is_same_list && host::is_same(&ledger.apis, &snapshot.apis);
    let hosts = match same_apis && ledger.doors.is_of(snapshot) {
        true => Arc::clone(&ledger.hosts),
        false => Arc::new(host::table(snapshot, &mut work.problems)),
    };
    if !work.problems.is_empty() {
        return Err(work.problems.into_list());
    }
    let stages = apis.iter().flat_map(|memory| &memory.stages);
    let stages = stages.map(|memory| Arc::clone(&memory.stage)).collect();
    let account = account_limit.as_ref().map(|(id, _)| *id);
    let next = work.ledger(snapshot, account, apis, Arc::clone(&hosts));
    let plan = Plan {
        version: next.version,
        hosts,
        stages,
        groups: groups(&next),
        limits: limits(&next, account_limit),
        account_limit: next.account_limit,
        route_ids: next.route_ids.end(),
    };
    Ok((plan, next))
}

/// All APIs, and whether they are those of the plan before in the same order. Mostly they are, and
/// with thousands of them a look-up by name for each would be the larger part of a deployment.
fn apis<'a>(work: &mut Work<'a>, snapshot: &'a Snapshot) -> (Vec<Arc<ApiMemory>>, bool) {
    let ledger = work.ledger;
    let before = &ledger.apis;
    let mut apis = Vec::with_capacity(snapshot.apis.len());
    let pairs = || snapshot.apis.iter().zip(before);
    let is_same = |(api, memory): (&Arc<v2::Api>, &Arc<ApiMemory>)| {
        Arc::ptr_eq(api, &memory.model) || api.id == memory.model.id
    };
    if snapshot.apis.len() == before.len() && pairs().all(is_same) {
        apis.extend(pairs().map(|(api, memory)| http::api(work, api, Some(memory))));
        return (apis, true);
    }
    let by_id = before
        .iter()
        .map(|memory| (memory.model.id.as_str(), memory));
    let mut by_id: HashMap<&str, &Arc<ApiMemory>> = by_id.collect();
    let mut seen = HashSet::new();
    for api in &snapshot.apis {
        if !seen.insert(api.id.as_str()) {
            let all = Place::root("apis");
            let fault = Fault::new(format!("there is an API `{}` already", api.id));
            work.problems.push(&all.then(&api.id), fault);
            continue;
        }
        let before = by_id.remove(api.id.as_str());
        apis.push(http::api(work, api, before));
    }
    for gone in by_id.values() {
        gone.stages
            .iter()
            .for_each(|memory| work.retire(&memory.stage));
    }
    (apis, false)
}

/// One compile under way.
pub(in crate::compile) struct Work<'a> {
    pub ledger: &'a Ledger,
    pub problems: Problems,
    pub groups: Groups<'a>,
    pub route_ids: Pool,
    limit_ids: Pool,
    /// Access-log formats by their text.
    pub formats: HashMap<&'a str, Result<logline::Format, logline::Error>>,
    /// Names of the upstreams that changed.
    changed: HashSet<String>,
    /// Some service of AWS may be elsewhere.
    moved: bool,
}

impl<'a> Work<'a> {
    fn new(snapshot: &'a Snapshot, ledger: &'a Ledger) -> Self {
        Self {
            ledger,
            problems: Problems::default(),
            groups: Groups::new(
                &snapshot.upstreams,
                &snapshot.aws,
                &ledger.groups,
                &ledger.group_ids,
            ),
            route_ids: ledger.route_ids.next(),
            limit_ids: ledger.limit_ids.next(),
            formats: HashMap::new(),
            changed: group::changed(&ledger.upstreams, &snapshot.upstreams),
            moved: ledger.aws != snapshot.aws,
        }
    }

    /// Whether something outside of the stage changed that it was compiled from.
    pub fn is_touched(&self, memory: &StageMemory) -> bool {
        let mut needs = memory.groups.values();
        let changed = &self.changed;
        let is_changed = |need: &Need| changed.contains(&*need.lookup);
        self.moved || (!changed.is_empty() && needs.any(is_changed))
    }

    /// Takes over a stage of the plan before as it is.
    pub fn keep(&mut self, memory: &StageMemory) {
        for (key, need) in &memory.groups {
            self.groups.keep(key, &need.group);
        }
    }

    /// The limit of a scope, under the id that it had before.
    pub fn limit(
        &mut self,
        throttle: Option<&Throttle>,
        before: Option<LimitId>,
        scope: impl FnOnce() -> String,
        place: &Place<'_>,
    ) -> Option<(LimitId, Limit)> {
        let Some(throttle) = throttle else {
            if let Some(LimitId(id)) = before {
                self.limit_ids.give_back(id);
            }
            return None;
        };
        if !(throttle.rate_limit.is_finite() && throttle.rate_limit >= 0.0) {
            let throttling = place.then("throttling");
            let fault = Fault::new(format!("{} is not a rate", throttle.rate_limit));
            self.problems.push(&throttling.then("rate_limit"), fault);
        }
        let id = before.unwrap_or_else(|| LimitId(self.limit_ids.take()));
        let limit = Limit {
            scope: scope().into(),
            rate: throttle.rate_limit,
            burst: throttle.burst_limit,
        };
        Some((id, limit))
    }

    /// Takes back the ids of a stage that is no more.
    pub fn retire(&mut self, stage: &Stage) {
        if let Some(LimitId(id)) = stage.limit {
            self.limit_ids.give_back(id);
        }
        self.retire_routes(stage.routes.iter());
        if let Some(canary) = stage.canary() {
            self.retire(&canary.stage);
        }
    }

    pub fn retire_routes<'r>(&mut self, routes: impl Iterator<Item = &'r Route>) {
        for route in routes {
            self.route_ids.give_back(route.id.0);
            if let Some(LimitId(id)) = route.limit {
                self.limit_ids.give_back(id);
            }
        }
    }

    fn ledger(
        self,
        snapshot: &Snapshot,
        account_limit: Option<LimitId>,
        apis: Vec<Arc<ApiMemory>>,
        hosts: Arc<HostTable>,
    ) -> Ledger {
        let (groups, group_ids) = self.groups.finish();
        Ledger {
            version: self.ledger.version + 1,
            account_limit,
            upstreams: match *self.ledger.upstreams == *snapshot.upstreams {
                true => Arc::clone(&self.ledger.upstreams),
                false => snapshot.upstreams.as_slice().into(),
            },
            groups,
            aws: snapshot.aws.clone(),
            apis,
            doors: match self.ledger.doors.is_of(snapshot) {
                true => self.ledger.doors.clone(),
                false => Doors::of(snapshot),
            },
            hosts,
            route_ids: self.route_ids,
            limit_ids: self.limit_ids,
            group_ids,
        }
    }
}

fn groups(ledger: &Ledger) -> Vec<Option<Arc<Group>>> {
    let mut groups = vec![None; ledger.group_ids.end() as usize];
    for group in ledger.groups.values() {
        groups[group.id.0 as usize] = Some(Arc::clone(group));
    }
    groups
}

fn limits(ledger: &Ledger, account: Option<(LimitId, Limit)>) -> Vec<Option<Limit>> {
    let mut limits = vec![None; ledger.limit_ids.end() as usize];
    if let Some((LimitId(id), limit)) = account {
        limits[id as usize] = Some(limit);
    }
    let stages = ledger.apis.iter().flat_map(|api| &api.stages);
    for (LimitId(id), limit) in stages.flat_map(|memory| &memory.limits) {
        limits[*id as usize] = Some(limit.clone());
    }
    limits
}

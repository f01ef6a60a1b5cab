//! HTTP APIs to stages and routes.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::thread;

use crate::compile::earlier::{Earlier, Past, PastApi};
use crate::compile::group::{GroupKey, Need};
use crate::compile::guard::{Guards, Of};
use crate::compile::ledger::{ApiMemory, StageMemory};
use crate::compile::problem::{Fault, Place, Problems};
use crate::compile::routing::{self, Making};
use crate::compile::snapshot::Work;
use crate::compile::{cors, name, rest, target};
use crate::lang::logline::{self, Variable};
use crate::model::v2::{self, ApiKind, RouteKey};
use crate::plan::guard::Lock;
use crate::plan::stage::StageKind;
use crate::plan::{Group, GroupId, Guard, Limit, LimitId, Route, RouteId, Stage, Target};

/// All stages of an API: those that nothing touched as they were, the others anew.
/// `before` is what the API of this id was.
pub(in crate::compile) fn api<'a>(
    work: &mut Work<'a>,
    api: &'a Arc<v2::Api>,
    before: Option<&'a Arc<ApiMemory>>,
) -> Arc<ApiMemory> {
    let past = before.map(|memory| PastApi::of(memory, api));
    if let Some(past) = past
        && past.is_unchanged
        && past
            .memory
            .stages
            .iter()
            .all(|stage| !work.is_touched(stage))
    {
        past.memory.stages.iter().for_each(|stage| work.keep(stage));
        return Arc::clone(past.memory);
    }
    let all = Place::root("apis");
    let place = all.then(&api.id);
    if let Err(fault) = name::check_name(&api.id) {
        work.problems.push(&place, fault);
    }
    check_stages(&api.stages, &place.then("stages"), &mut work.problems);
    let mut before = before.map(|before| before.by_name()).unwrap_or_default();
    let kept = past.and_then(|past| routing::again(past, api));
    let below = place.then("routes");
    let routes: Vec<&v2::Route> = api.routes.iter().map(|route| &**route).collect();
    let stages = thread::scope(|scope| {
        let router = match kept {
            Some(router) => Making::Made(router),
            None => Making::of(scope, api.kind, &routes, &below, &mut work.problems),
        };
        let mut draft = ApiDraft {
            api,
            routes: &routes,
            place,
            router,
        };
        let stages = api.stages.iter().map(|stage| {
            let earlier = before.remove(stage.name.as_str());
            if let Some((model, memory)) = earlier
                && (stage.routes.is_some() || past.is_some_and(|past| past.has_same_routes))
                && model == stage
                && !work.is_touched(memory)
            {
                work.keep(memory);
                return Arc::clone(memory);
            }
            match &stage.routes {
                None => {
                    let same = past.zip(earlier).filter(|(past, (model, memory))| {
                        past.is_alike && *model == stage && !work.is_touched(memory)
                    });
                    let routes = |past: PastApi<'a>| past.memory.model.routes.as_slice();
                    let past = Past {
                        stage: earlier.map(|(_, memory)| &*memory.stage),
                        same_but_routes: same.map(|(past, (_, memory))| (routes(past), &**memory)),
                    };
                    draft.stage(work, stage, past, None)
                }
                Some(routes) => {
                    let earlier = earlier.map(|(_, memory)| &*memory.stage);
                    own_routes(work, api, stage, routes, earlier)
                }
            }
        });
        let stages = stages.collect();
        draft.router.finish(&mut work.problems);
        stages
    });
    for (_, memory) in before.into_values() {
        work.retire(&memory.stage);
    }
    Arc::new(ApiMemory {
        model: Arc::clone(api),
        stages,
    })
}

/// A stage that serves what its deployment froze, whatever the API looks like now.
fn own_routes<'a>(
    work: &mut Work<'a>,
    api: &'a v2::Api,
    stage: &'a v2::Stage,
    routes: &'a [v2::Route],
    earlier: Option<&Stage>,
) -> Arc<StageMemory> {
    let all = Place::root("apis");
    let place = all.then(&api.id);
    let routes: Vec<&v2::Route> = routes.iter().collect();
    let below = place.then("routes");
    let router = routing::router(api.kind, &routes, &below, &mut work.problems);
    let canary = canary(work, api, stage, earlier);
    let mut draft = ApiDraft {
        api,
        routes: &routes,
        place,
        router: Making::Made(router),
    };
    draft.stage(work, stage, Past::changed(earlier), canary)
}

/// The canary of a stage, which is a stage of its own.
fn canary<'a>(
    work: &mut Work<'a>,
    api: &'a v2::Api,
    stage: &'a v2::Stage,
    earlier: Option<&Stage>,
) -> Option<Arc<StageMemory>> {
    let earlier = earlier.and_then(Stage::canary);
    let own = stage.rest.as_ref().and_then(|own| own.canary.as_ref());
    match (own, earlier) {
        (Some(own), _) => {
            let routes = own.stage.routes.as_deref().map_or(&[][..], Vec::as_slice);
            let earlier = earlier.map(|earlier| &*earlier.stage);
            Some(own_routes(work, api, &own.stage, routes, earlier))
        }
        (None, Some(gone)) => {
            work.retire(&gone.stage);
            None
        }
        (None, None) => None,
    }
}

fn check_stages(stages: &[v2::Stage], place: &Place<'_>, problems: &mut Problems) {
    let mut names = HashSet::new();
    for stage in stages {
        if let Err(fault) = name::check_stage(&stage.name) {
            problems.push(&place.then(&stage.name), fault);
        }
        if !names.insert(&stage.name) {
            let fault = Fault::new(format!("there is a stage `{}` already", stage.name));
            problems.push(&place.then(&stage.name), fault);
        }
    }
}

/// What all stages of an API with the same routes have in common.
struct ApiDraft<'a> {
    api: &'a v2::Api,
    routes: &'a [&'a v2::Route],
    place: Place<'a>,
    router: Making<'a>,
}

impl ApiDraft<'_> {
    fn stage<'a>(
        &mut self,
        work: &mut Work<'a>,
        stage: &'a v2::Stage,
        past: Past<'_>,
        canary: Option<Arc<StageMemory>>,
    ) -> Arc<StageMemory> {
        let mut memory = StageDraft::default();
        if let Some(canary) = &canary {
            memory.join(canary);
        }
        let stages = self.place.then("stages");
        let place = stages.then(&stage.name);
        let limit = work.limit(
            stage.throttle.as_ref(),
            past.stage.and_then(|before| before.limit),
            || format!("{}/{}", self.api.id, stage.name),
            &place,
        );
        let limit = memory.limit(limit);
        let access_log = access_log(work, stage, &place);
        let own = stage.cors.as_ref();
        let cors = own.map(|own| cors::cors(own, &place.then("cors"), &mut work.problems));
        let own = stage.rest.as_deref();
        let rest = own.map(|own| {
            Box::new(rest::stage(
                &self.api.id,
                stage,
                own,
                canary.map(|canary| Arc::clone(&canary.stage)),
                &place,
                &mut work.problems,
            ))
        });
        let routes = self.routes(work, stage, past, &mut memory);
        Arc::new(StageMemory {
            stage: Arc::new(Stage {
                api_id: self.api.id.as_str().into(),
                name: stage.name.as_str().into(),
                account_id: stage.account_id.as_str().into(),
                region: stage.region.as_str().into(),
                kind: match self.api.kind {
                    ApiKind::File => StageKind::File,
                    ApiKind::Http => StageKind::Http,
                    ApiKind::Rest => StageKind::Rest,
                },
                router: self.router.finish(&mut work.problems).clone(),
                routes,
                limit,
                cors,
                logs_endpoint_ids: access_log.as_ref().is_some_and(logs_endpoint_ids),
                access_log,
                rest,
            }),
            limits: memory.limits,
            groups: memory.groups,
        })
    }

    fn routes(
        &self,
        work: &mut Work<'_>,
        stage: &v2::Stage,
        past: Past<'_>,
        memory: &mut StageDraft,
    ) -> Box<[Route]> {
        let mut earlier = Earlier::of(past);
        let all = self.place.then("routes");
        let mut routes = Vec::with_capacity(self.routes.len());
        let mut schemas = rest::Schemas::of(stage);
        let mut names = SharedNames::default();
        let mut guards = Guards::default();
        for route in self.routes {
            let (known, key) = match earlier.very_next(route) {
                Some(known) => (Some(known), Arc::clone(&known.route.key)),
                None => {
                    let key = route.key.to_string();
                    (earlier.find(&key, route), key.into())
                }
            };
            let place = all.then(&key);
            let limit = work.limit(
                route.throttle.as_ref(),
                known.and_then(|known| known.route.limit),
                || format!("{}/{}/{key}", self.api.id, stage.name),
                &place,
            );
            let limit = memory.limit(limit);
            if let Some(known) = known.filter(|known| known.is_same) {
                memory.keep(work, &earlier, &known.route.target);
                routes.push(Route {
                    limit,
                    ..known.route.clone()
                });
                continue;
            }
            let made = target::target(
                &route.integration,
                self.api,
                &route.key,
                stage,
                (&mut work.groups, &mut schemas),
                &place.then("integration"),
                &mut work.problems,
            );
            // Without a target there is a problem, and no plan to miss the route in.
            let Some(mut made) = made else { continue };
            memory.need(made.needs, made.target.group());
            let guard = self.guard(work, (route, stage), &mut guards, memory, &place);
            let Ok(guard) = guard else { continue };
            if let (Some(_), Some(rest)) = (&guard, made.rest.as_mut()) {
                rest.is_plain = false;
            }
            routes.push(Route {
                id: known.map_or_else(|| RouteId(work.route_ids.take()), |known| known.route.id),
                param_names: names.of(&route.key),
                key,
                limit,
                body_bytes_max: route.body_bytes_max.unwrap_or(u64::MAX),
                guard,
                target: made.target,
                rest: made.rest.map(Arc::from),
            });
        }
        work.retire_routes(earlier.gone());
        routes.into()
    }

    /// The guard of a route, if it has one. The error has been said.
    fn guard<'s>(
        &self,
        work: &mut Work<'_>,
        (route, stage): (&'s v2::Route, &'s v2::Stage),
        guards: &mut Guards<'s>,
        memory: &mut StageDraft,
        place: &Place<'_>,
    ) -> Result<Option<Arc<Guard>>, ()> {
        let Some(own) = &route.guard else {
            return Ok(None);
        };
        let of = Of {
            api: self.api,
            stage,
            key: &route.key,
        };
        let made = guards.guard(own, of, &mut work.groups, place, &mut work.problems);
        let (guard, needs) = made.ok_or(())?;
        if let Lock::Authorizer(authorizer) = &guard.lock {
            let remote = authorizer.target.remote.as_deref();
            memory.need(needs, remote.map(|service| &service.group));
        }
        Ok(Some(Arc::new(guard)))
    }
}

/// What of the plan outside of it a stage needs.
#[derive(Default)]
struct StageDraft {
    limits: Vec<(LimitId, Limit)>,
    groups: BTreeMap<GroupKey, Need>,
    /// The group of the route before: mostly it is that of the next one, too.
    last: Option<GroupId>,
}

impl StageDraft {
    /// What a canary needs, its stage needs too.
    fn join(&mut self, canary: &StageMemory) {
        self.limits.extend_from_slice(&canary.limits);
        let groups = canary.groups.iter();
        self.groups
            .extend(groups.map(|(key, need)| (key.clone(), need.clone())));
    }

    fn limit(&mut self, limit: Option<(LimitId, Limit)>) -> Option<LimitId> {
        let (id, limit) = limit?;
        self.limits.push((id, limit));
        Some(id)
    }

    /// One group looks for one upstream: thousands of routes add a few entries.
    fn need(&mut self, needs: Option<target::Needs>, group: Option<&Arc<Group>>) {
        if let (Some(needs), Some(group)) = (needs, group)
            && !self.groups.contains_key(&needs.key)
        {
            let need = Need {
                group: Arc::clone(group),
                lookup: needs.lookup,
            };
            self.groups.insert(needs.key, need);
        }
    }

    /// What a route goes on needing that is taken over.
    fn keep(&mut self, work: &mut Work<'_>, earlier: &Earlier<'_>, target: &Target) {
        let Some(group) = target.group().filter(|group| self.last != Some(group.id)) else {
            return;
        };
        self.last = Some(group.id);
        if let Some((key, need)) = earlier.need(group) {
            work.groups.keep(key, &need.group);
            if !self.groups.contains_key(key) {
                self.groups.insert(Arc::clone(key), need.clone());
            }
        }
    }
}

/// Names of parameters, which are the same in many routes that follow each other.
#[derive(Default)]
struct SharedNames(Arc<[Box<str>]>);

impl SharedNames {
    fn of(&mut self, key: &RouteKey) -> Arc<[Box<str>]> {
        if !key.param_names().eq(self.0.iter().map(|name| &**name)) {
            self.0 = key.param_names().map(Into::into).collect();
        }
        Arc::clone(&self.0)
    }
}

/// Many stages share one format: each text is read once.
fn access_log<'a>(
    work: &mut Work<'a>,
    stage: &'a v2::Stage,
    place: &Place<'_>,
) -> Option<logline::Format> {
    let text = stage.access_log_format.as_deref()?;
    let read = || logline::Format::parse(text);
    match work.formats.entry(text).or_insert_with(read) {
        Ok(format) => Some(format.clone()),
        Err(error) => {
            let fault = Fault {
                message: error.message.clone(),
                hint: error.hint.clone(),
                within: Some(error.range.clone()),
            };
            work.problems.push(&place.then("access_log_format"), fault);
            None
        }
    }
}

fn logs_endpoint_ids(format: &logline::Format) -> bool {
    format.variables().any(|variable| {
        matches!(
            variable,
            Variable::AwsEndpointRequestId
                | Variable::AwsEndpointRequestId2
                | Variable::IntegrationRequestId
        )
    })
}

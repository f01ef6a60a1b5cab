//! HTTP APIs to stages and routes.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread::{self, ScopedJoinHandle};

use crate::compile::group::GroupKey;
use crate::compile::guard::{Guards, Of};
use crate::compile::ledger::{ApiMemory, StageMemory};
use crate::compile::problem::{Fault, Place, Problems};
use crate::compile::snapshot::Work;
use crate::compile::{cors, name, rest, target};
use crate::lang::logline::{self, Variable};
use crate::model::v2::{self, ApiKind, RouteKey, Segment};
use crate::plan::guard::Lock;
use crate::plan::router::{DEPTH_MAX, Order, PARAMS_MAX, Rules, TrailingSlash};
use crate::plan::segment::LITERAL_BYTES_MAX;
use crate::plan::stage::StageKind;
use crate::plan::trie::{Part, Pattern, RouterError};
use crate::plan::{Group, Guard, Limit, LimitId, Route, RouteId, Router, Stage};

/// All stages of an API: those that nothing touched as they were, the others anew.
/// `before` is what the API of this id was.
pub(in crate::compile) fn api<'a>(
    work: &mut Work<'a>,
    api: &'a Arc<v2::Api>,
    before: Option<&'a Arc<ApiMemory>>,
) -> Arc<ApiMemory> {
    if let Some(before) = before
        && (Arc::ptr_eq(&before.model, api) || *before.model == **api)
        && before.stages.iter().all(|stage| !work.is_touched(stage))
    {
        before.stages.iter().for_each(|stage| work.keep(stage));
        return Arc::clone(before);
    }
    let all = Place::root("apis");
    let place = all.then(&api.id);
    if let Err(fault) = name::check_name(&api.id) {
        work.problems.push(&place, fault);
    }
    check_stages(&api.stages, &place.then("stages"), &mut work.problems);
    let same_routes = before.filter(|before| before.model.routes == api.routes);
    let mut before = before.map(|before| before.by_name()).unwrap_or_default();
    let kept = same_routes.and_then(|same| same.stages.first());
    let below = place.then("routes");
    let stages = thread::scope(|scope| {
        let router = match kept {
            Some(memory) => Making::Made(memory.stage.router.clone()),
            None if api.routes.len() < BESIDE_ROUTES_MIN => {
                let problems = &mut work.problems;
                Making::Made(router(api.kind, &api.routes, &below, problems))
            }
            None => Making::Beside(scope.spawn(|| {
                let mut problems = Problems::default();
                let router = router(api.kind, &api.routes, &below, &mut problems);
                (router, problems)
            })),
        };
        let mut draft = ApiDraft::new(api, &api.routes, place, router);
        let stages = api
            .stages
            .iter()
            .map(|stage| match before.remove(stage.name.as_str()) {
                Some((model, memory))
                    if (same_routes.is_some() || stage.routes.is_some())
                        && model == stage
                        && !work.is_touched(memory) =>
                {
                    work.keep(memory);
                    Arc::clone(memory)
                }
                earlier => {
                    let earlier = earlier.map(|(_, memory)| &*memory.stage);
                    match &stage.routes {
                        None => draft.stage(work, stage, earlier, None),
                        Some(routes) => own_routes(work, api, stage, routes, earlier),
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
    let router = router(api.kind, routes, &place.then("routes"), &mut work.problems);
    let canary = canary(work, api, stage, earlier);
    ApiDraft::new(api, routes, place, Making::Made(router)).stage(work, stage, earlier, canary)
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
    routes: &'a [v2::Route],
    place: Place<'a>,
    /// The routes' keys as written.
    keys: Vec<String>,
    router: Making<'a>,
}

/// With so many routes their router is made in a thread beside their targets: whoever reloads waits
/// for both, and on a busy machine two threads get more of it.
const BESIDE_ROUTES_MIN: usize = 1_000;

/// A router that may still be in the making.
enum Making<'s> {
    Made(Router),
    Beside(ScopedJoinHandle<'s, (Router, Problems)>),
    Joining,
}

impl Making<'_> {
    /// Waits for it, and says what was wrong with it.
    fn finish(&mut self, problems: &mut Problems) -> &Router {
        *self = match std::mem::replace(self, Self::Joining) {
            Self::Beside(handle) => {
                let (router, found) = handle.join().unwrap_or_else(|panic| resume_unwind(panic));
                problems.append(found);
                Self::Made(router)
            }
            other => other,
        };
        match self {
            Self::Made(router) => router,
            Self::Beside(_) | Self::Joining => unreachable!("it was made or joined just now"),
        }
    }
}

impl<'d> ApiDraft<'d> {
    fn new(
        api: &'d v2::Api,
        routes: &'d [v2::Route],
        place: Place<'d>,
        router: Making<'d>,
    ) -> Self {
        let keys = routes.iter().map(|route| route.key.to_string());
        Self {
            api,
            routes,
            place,
            keys: keys.collect(),
            router,
        }
    }

    fn stage<'a>(
        &mut self,
        work: &mut Work<'a>,
        stage: &'a v2::Stage,
        before: Option<&Stage>,
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
            before.and_then(|before| before.limit),
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
        let routes = self.routes(work, stage, before, &mut memory);
        Arc::new(StageMemory {
            stage: Arc::new(Stage {
                api_id: self.api.id.as_str().into(),
                name: stage.name.as_str().into(),
                account_id: stage.account_id.as_str().into(),
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
            lookups: memory.lookups,
        })
    }

    fn routes(
        &self,
        work: &mut Work<'_>,
        stage: &v2::Stage,
        before: Option<&Stage>,
        memory: &mut StageDraft,
    ) -> Box<[Route]> {
        let before = before.map_or(&[][..], |before| &before.routes);
        let mut earlier: HashMap<&str, &Route> =
            before.iter().map(|route| (&*route.key, route)).collect();
        let all = self.place.then("routes");
        let mut routes = Vec::with_capacity(self.routes.len());
        let mut schemas = rest::Schemas::of(stage);
        let mut guards = Guards::default();
        for (route, key) in self.routes.iter().zip(&self.keys) {
            let place = all.then(key);
            let known = earlier.remove(key.as_str());
            let limit = work.limit(
                route.throttle.as_ref(),
                known.and_then(|known| known.limit),
                || format!("{}/{}/{key}", self.api.id, stage.name),
                &place,
            );
            let limit = memory.limit(limit);
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
                id: known.map_or_else(|| RouteId(work.route_ids.take()), |known| known.id),
                key: key.as_str().into(),
                param_names: route.key.param_names().map(Into::into).collect(),
                limit,
                body_bytes_max: route.body_bytes_max.unwrap_or(u64::MAX),
                guard,
                target: made.target,
                rest: made.rest,
            });
        }
        work.retire_routes(earlier.into_values());
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
    ) -> Result<Option<Box<Guard>>, ()> {
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
        Ok(Some(Box::new(guard)))
    }
}

/// What of the plan outside of it a stage needs.
#[derive(Default)]
struct StageDraft {
    limits: Vec<(LimitId, Limit)>,
    groups: BTreeMap<GroupKey, Arc<Group>>,
    lookups: Vec<Arc<str>>,
}

impl StageDraft {
    /// What a canary needs, its stage needs too.
    fn join(&mut self, canary: &StageMemory) {
        self.limits.extend_from_slice(&canary.limits);
        let groups = canary.groups.iter();
        self.groups
            .extend(groups.map(|(key, group)| (key.clone(), Arc::clone(group))));
        self.lookups.extend_from_slice(&canary.lookups);
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
            self.lookups.push(needs.lookup);
            self.groups.insert(needs.key, Arc::clone(group));
        }
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

/// The router of these routes; what clashes or does not fit is said.
fn router(
    kind: ApiKind,
    routes: &[v2::Route],
    place: &Place<'_>,
    problems: &mut Problems,
) -> Router {
    let rules = match kind {
        ApiKind::File | ApiKind::Http => Rules::default(),
        ApiKind::Rest => Rules {
            slash: TrailingSlash::Ignored,
            order: Order::Tree,
        },
    };
    let patterns: Vec<(Pattern<'_>, u32)> = routes
        .iter()
        .map(|route| pattern(&route.key))
        .zip(0..)
        .collect();
    Router::build(&patterns, rules).unwrap_or_else(|errors| {
        for error in errors {
            let (route, fault) = fault(error, routes);
            let key = routes[route as usize].key.to_string();
            problems.push(&place.then(&key), fault);
        }
        Router::default()
    })
}

fn pattern(key: &RouteKey) -> Pattern<'_> {
    let RouteKey::Path { method, segments } = key else {
        return Pattern::Default;
    };
    let parts = segments.iter().map(|segment| match segment {
        Segment::Literal(text) => Part::Literal(text),
        Segment::Param(_) => Part::Param,
        Segment::Greedy(_) => Part::Greedy,
    });
    Pattern::Path {
        method: *method,
        parts: parts.collect(),
    }
}

/// Which route is to blame, and for what.
fn fault(error: RouterError, routes: &[v2::Route]) -> (u32, Fault) {
    match error {
        RouterError::Clash { first, route } => {
            let [first, second] = [first, route].map(|index| &routes[index as usize].key);
            let fault = match first == second {
                true => Fault::new(format!("`{second}` stands twice")),
                false => Fault::new(format!("`{first}` matches the same requests"))
                    .hint("the names of parameters make no difference; leave one of them out"),
            };
            (route, fault)
        }
        RouterError::TooDeep { route } => {
            let message = format!("a route has at most {DEPTH_MAX} segments");
            (route, Fault::new(message))
        }
        RouterError::TooManyParams { route } => {
            let message = format!("a route has at most {PARAMS_MAX} parameters");
            (route, Fault::new(message))
        }
        RouterError::LiteralTooLong { route } => {
            let message = format!("a segment has at most {LITERAL_BYTES_MAX} bytes");
            (route, Fault::new(message))
        }
        RouterError::GreedyNotLast { route } => {
            (route, Fault::new("`{name+}` can only stand last"))
        }
        RouterError::UnknownMethod { route } => (
            route,
            Fault::new("only `$default` takes other methods than AWS's seven"),
        ),
    }
}

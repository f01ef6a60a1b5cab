//! Route keys to a router: anew, or out of the one before.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::thread::{Scope, ScopedJoinHandle};

use crate::compile::earlier::PastApi;
use crate::compile::problem::{Fault, Place, Problems};
use crate::model::v2::{self, ApiKind, RouteKey, Segment};
use crate::plan::Router;
use crate::plan::graft::{Change, GONE};
use crate::plan::router::{DEPTH_MAX, Order, PARAMS_MAX, Rules, TrailingSlash};
use crate::plan::segment::LITERAL_BYTES_MAX;
use crate::plan::trie::{Part, Pattern, RouterError};

/// With so many routes their router is made in a thread beside their targets: whoever reloads waits
/// for both, and on a busy machine two threads get more of it.
const MANY_ROUTES: usize = 1_000;

/// A router that may still be in the making.
pub(in crate::compile) enum Making<'s> {
    Made(Router),
    Beside(ScopedJoinHandle<'s, (Router, Problems)>),
    Joining,
}

impl<'s> Making<'s> {
    /// The router of these routes; what clashes or does not fit is said.
    pub fn of<'e>(
        scope: &'s Scope<'s, 'e>,
        kind: ApiKind,
        routes: &'e [&v2::Route],
        place: &'e Place<'e>,
        problems: &mut Problems,
    ) -> Self {
        if routes.len() < MANY_ROUTES {
            return Self::Made(router(kind, routes, place, problems));
        }
        Self::Beside(scope.spawn(move || {
            let mut problems = Problems::default();
            let router = router(kind, routes, place, &mut problems);
            (router, problems)
        }))
    }

    /// Waits for it, and says what was wrong with it.
    pub fn finish(&mut self, problems: &mut Problems) -> &Router {
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

/// The router of an API whose routes are those of before but for a few. None if it has to be made anew.
pub(in crate::compile) fn again(past: PastApi<'_>, now: &v2::Api) -> Option<Router> {
    let before = &past.memory.model;
    let mut stages = before.stages.iter().zip(&past.memory.stages);
    let (_, memory) = stages.find(|(model, _)| model.routes.is_none())?;
    if before.kind != now.kind {
        return None;
    }
    let (before, now) = (&before.routes, &now.routes);
    let pairs = || before.iter().zip(now);
    if before.len() == now.len() && pairs().all(|(before, now)| is_same(before, now)) {
        return Some(memory.stage.router.clone());
    }
    // Few routes are soon told, and then lie as close together as they can.
    if now.len() < MANY_ROUTES {
        return None;
    }
    let Difference { moved, gone, added } = Difference::of(before, now)?;
    let gone: Vec<Pattern<'_>> = gone.iter().map(|at| pattern(&before[*at].key)).collect();
    let added = added.iter().map(|at| (pattern(&now[*at].key), *at as u32));
    memory.stage.router.changed(&Change {
        moved: &moved,
        gone: &gone,
        added: &added.collect::<Vec<_>>(),
        takes_any: |route: u32| {
            let key = now.get(route as usize).map(|route| &route.key);
            matches!(key, Some(RouteKey::Path { method: None, .. }))
        },
    })
}

fn is_same(before: &Arc<v2::Route>, now: &Arc<v2::Route>) -> bool {
    Arc::ptr_eq(before, now) || before.key == now.key
}

/// How the keys of two lists of routes differ.
#[derive(Debug, Default)]
struct Difference {
    /// The index of now of each route of before, or `GONE`.
    moved: Vec<u32>,
    gone: Vec<usize>,
    added: Vec<usize>,
}

/// How far the two lists are looked through for where they agree again.
const LOOK_AHEAD: usize = 8;
/// With more single differences a router is made anew.
const DIFFERENCES_MAX: usize = 256;

impl Difference {
    /// None if they differ in too much.
    fn of(before: &[Arc<v2::Route>], now: &[Arc<v2::Route>]) -> Option<Self> {
        let mut found = Self {
            moved: vec![GONE; before.len()],
            ..Self::default()
        };
        let (mut old, mut new) = (0, 0);
        while old < before.len() || new < now.len() {
            let agrees = |old: usize, new: usize| {
                let pair = before.get(old).zip(now.get(new));
                pair.is_some_and(|(before, now)| is_same(before, now))
            };
            let ahead = (0..LOOK_AHEAD).flat_map(|n| [(n, 0), (0, n)]);
            let step = ahead
                .clone()
                .find(|(more, less)| agrees(old + more, new + less));
            let (gone, added) = step.unwrap_or((1, 1));
            found
                .gone
                .extend((old..old + gone).take_while(|at| *at < before.len()));
            found
                .added
                .extend((new..new + added).take_while(|at| *at < now.len()));
            (old, new) = (old + gone, new + added);
            if step.is_some() {
                found.moved[old] = new as u32;
                (old, new) = (old + 1, new + 1);
            }
            if found.gone.len().max(found.added.len()) > DIFFERENCES_MAX {
                return None;
            }
        }
        found.settle(before, now);
        Some(found)
    }

    /// What is gone in one place and comes in another has only moved.
    fn settle(&mut self, before: &[Arc<v2::Route>], now: &[Arc<v2::Route>]) {
        let (moved, added) = (&mut self.moved, &mut self.added);
        self.gone.retain(|old| {
            let at = added
                .iter()
                .position(|new| is_same(&before[*old], &now[*new]));
            if let Some(at) = at {
                moved[*old] = added.remove(at) as u32;
            }
            at.is_none()
        });
    }
}

/// The router of these routes; what clashes or does not fit is said.
pub(in crate::compile) fn router(
    kind: ApiKind,
    routes: &[&v2::Route],
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
fn fault(error: RouterError, routes: &[&v2::Route]) -> (u32, Fault) {
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::base::Method;
    use crate::compile::tests::{api, first, mock, route, snapshot};
    use crate::compile::{Ledger, compile};
    use crate::model::Snapshot;
    use crate::plan::{Params, Plan};

    fn routes(keys: impl Iterator<Item = String>) -> Vec<Arc<v2::Route>> {
        keys.map(|key| Arc::new(route(&key, mock(200, &[], ""))))
            .collect()
    }

    #[test]
    fn differences_are_told_however_they_lie() {
        let check = |before: &str, now: &str, moved: &[u32], gone: &[usize], added: &[usize]| {
            let list = |text: &str| routes(text.chars().map(|name| format!("GET /{name}")));
            let found = Difference::of(&list(before), &list(now)).unwrap();
            assert_eq!(found.moved, moved, "{before} {now}");
            assert_eq!(found.gone, gone, "{before} {now}");
            assert_eq!(found.added, added, "{before} {now}");
        };
        check("", "", &[], &[], &[]);
        check("abc", "abc", &[0, 1, 2], &[], &[]);
        check("abc", "abcd", &[0, 1, 2], &[], &[3]);
        check("abc", "xabc", &[1, 2, 3], &[], &[0]);
        check("abc", "ac", &[0, GONE, 1], &[1], &[]);
        check("abc", "axc", &[0, GONE, 2], &[1], &[1]);
        check("abc", "", &[GONE; 3], &[0, 1, 2], &[]);
        check("", "ab", &[], &[], &[0, 1]);
        check("abcd", "dabc", &[1, 2, 3, 0], &[], &[]);
        check(
            "abcdefghijklmn",
            "nbcdefghijklma",
            &[13, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0],
            &[],
            &[],
        );
        check("abc", "cba", &[2, 1, 0], &[], &[]);
        let many = |from: u32| routes((from..from + 2_000).map(|n| format!("GET /{n}")));
        assert!(Difference::of(&many(0), &many(5_000)).is_none());
    }

    /// Each route of the first stage is found under its index.
    fn hold(plan: &Plan) {
        let stage = &plan.stages[0];
        for (index, route) in stage.routes.iter().enumerate() {
            let (method, path) = route.key.split_once(' ').unwrap();
            let mut params = Params::default();
            let found =
                stage
                    .router
                    .find(Method::of(method.as_bytes()), path.as_bytes(), &mut params);
            assert_eq!(found, Some(index as u32), "{}", route.key);
        }
    }

    #[test]
    fn a_router_of_many_routes_follows_every_change() {
        let mut all: Snapshot = snapshot(vec![], vec![api("a", vec![])]);
        Arc::make_mut(&mut all.apis[0]).routes =
            routes((0..2_000).map(|n| format!("GET /svc{n}/users/{{u}}")));
        let (plan, mut ledger) = first(&all);
        hold(&plan);
        let one = |key: &str| routes([key.to_owned()].into_iter()).remove(0);
        type Edit<'e> = &'e dyn Fn(&mut Vec<Arc<v2::Route>>);
        let edits: [Edit<'_>; 6] = [
            &|routes| routes.push(one("GET /new")),
            &|routes| drop(routes.remove(700)),
            &|routes| routes.insert(3, one("POST /svc3/users/{x}")),
            &|routes| routes[9] = one("GET /svc9/people/{u}"),
            &|routes| routes.swap(0, 1_500),
            &|routes| routes.retain(|route| !route.key.to_string().ends_with("7/users/{u}")),
        ];
        for edit in edits {
            edit(&mut Arc::make_mut(&mut all.apis[0]).routes);
            let (plan, next) = compile(&all, &ledger).unwrap();
            hold(&plan);
            ledger = next;
        }
        // What clashes is said as ever.
        Arc::make_mut(&mut all.apis[0])
            .routes
            .push(one("GET /svc1/users/{other}"));
        let found = compile(&all, &ledger).unwrap_err();
        assert_eq!(found, compile(&all, &Ledger::default()).unwrap_err());
        assert_eq!(found.len(), 1);
    }
}

//! Compiling what changed beside compiling everything: the plans mean the same.

#![allow(clippy::unwrap_used)]

use std::fmt::Write;
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;

use crate::compile::random::{api, route, snapshot, stage, upstream};
use crate::compile::tests::{self, first, mock, proxy};
use crate::compile::{Ledger, compile};
use crate::model::v2::{Api, Route, Stage};
use crate::model::{Snapshot, Upstream};
use crate::plan::{Group, Limit, LimitId, Plan, Target};

/// All that a plan says, without the ids, which depend on what was before.
fn meaning(plan: &Plan) -> String {
    let limit = |id: Option<LimitId>| -> Option<&Limit> { plan.limits[id?.0 as usize].as_ref() };
    let group = |group: &Group| {
        let in_plan = plan.groups[group.id.0 as usize].as_ref().unwrap();
        assert_eq!(**in_plan, *group);
        let Group { id: _, name, .. } = group;
        let targets = (&group.targets, group.balance, group.eject_after, &group.tls);
        format!("{name} {targets:?}")
    };
    let mut out = format!("{:?} {:?}\n", plan.hosts, limit(plan.account_limit));
    for stage in &plan.stages {
        let place = (&stage.api_id, &stage.name, stage.kind);
        let log = (&stage.access_log, stage.logs_endpoint_ids);
        let own = limit(stage.limit);
        writeln!(out, "{place:?} {own:?} {log:?} {:?}", stage.router).unwrap();
        for route in &stage.routes {
            let own = (&route.key, &route.param_names, route.body_bytes_max);
            let limit = limit(route.limit);
            let target = match &route.target {
                Target::Http(http) => {
                    let request = (&http.host, &http.path, &http.query, http.timeout_ms);
                    format!("{} {request:?}", group(&http.group))
                }
                other => format!("{other:?}"),
            };
            writeln!(out, "{own:?} {limit:?} {target}").unwrap();
        }
    }
    let mut groups: Vec<String> = plan.groups.iter().flatten().map(|one| group(one)).collect();
    groups.sort();
    writeln!(out, "{groups:?}").unwrap();
    out
}

#[derive(Clone, Debug)]
enum Edit {
    Add(usize, usize, Route),
    Remove(usize, usize),
    Replace(usize, usize, Route),
    Swap(usize, usize, usize),
    Stage(usize, Stage),
    Upstreams(Vec<Upstream>),
    Api(Api),
    /// Everything is read again.
    Copies,
}

fn edit() -> impl Strategy<Value = Edit> {
    let at = || 0..50_usize;
    prop_oneof![
        6 => (at(), at(), route()).prop_map(|(api, at, route)| Edit::Add(api, at, route)),
        3 => (at(), at()).prop_map(|(api, at)| Edit::Remove(api, at)),
        4 => (at(), at(), route()).prop_map(|(api, at, route)| Edit::Replace(api, at, route)),
        3 => (at(), at(), at()).prop_map(|(api, one, other)| Edit::Swap(api, one, other)),
        1 => (at(), stage()).prop_map(|(api, stage)| Edit::Stage(api, stage)),
        1 => vec(upstream(), 0..3).prop_map(Edit::Upstreams),
        1 => api().prop_map(Edit::Api),
        2 => Just(Edit::Copies),
    ]
}

fn apply(snapshot: &mut Snapshot, edit: Edit) {
    let apis = &mut snapshot.apis;
    let api = |at: usize| -> Option<&mut Api> {
        let count = apis.len();
        (count > 0).then(move || Arc::make_mut(&mut apis[at % count]))
    };
    match edit {
        Edit::Add(at, place, route) => {
            if let Some(api) = api(at) {
                let place = place % (api.routes.len() + 1);
                api.routes.insert(place, Arc::new(route));
            }
        }
        Edit::Remove(at, place) => {
            if let Some(api) = api(at).filter(|api| !api.routes.is_empty()) {
                let place = place % api.routes.len();
                api.routes.remove(place);
            }
        }
        Edit::Replace(at, place, route) => {
            if let Some(api) = api(at).filter(|api| !api.routes.is_empty()) {
                let place = place % api.routes.len();
                api.routes[place] = Arc::new(route);
            }
        }
        Edit::Swap(at, one, other) => {
            if let Some(api) = api(at).filter(|api| !api.routes.is_empty()) {
                let count = api.routes.len();
                api.routes.swap(one % count, other % count);
            }
        }
        Edit::Stage(at, stage) => {
            if let Some(api) = api(at) {
                api.stages.truncate(1);
                api.stages.push(stage);
            }
        }
        Edit::Upstreams(upstreams) => snapshot.upstreams = upstreams,
        Edit::Api(api) => snapshot.apis.push(Arc::new(api)),
        Edit::Copies => {
            for api in &mut snapshot.apis {
                let copy = Api::clone(api);
                let routes = copy
                    .routes
                    .iter()
                    .map(|route| Arc::new(Route::clone(route)));
                *api = Arc::new(Api {
                    routes: routes.collect(),
                    ..copy
                });
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_plan_made_of_the_one_before_means_what_a_new_one_means(
        first in snapshot(),
        edits in vec(vec(edit(), 1..4), 1..10),
    ) {
        let (mut snapshot, mut ledger) = (first, Ledger::default());
        for edits in edits {
            let before = snapshot.clone();
            edits.into_iter().for_each(|edit| apply(&mut snapshot, edit));
            let anew = compile(&snapshot, &Ledger::default());
            match (compile(&snapshot, &ledger), anew) {
                (Ok((plan, next)), Ok((anew, _))) => {
                    prop_assert_eq!(meaning(&plan), meaning(&anew));
                    ledger = next;
                }
                (Err(found), Err(expected)) => {
                    prop_assert_eq!(found, expected);
                    snapshot = before;
                }
                (found, expected) => {
                    prop_assert!(false, "{} {}", found.is_ok(), expected.is_ok());
                }
            }
        }
    }
}

#[test]
fn routes_that_did_not_change_are_taken_over() {
    let upstreams = || vec![tests::upstream("pets", 1)];
    let get = |n: u32, uri: &str| tests::route(&format!("GET /{n}/{{id}}"), proxy(uri));
    let all = |routes: Vec<Route>| tests::snapshot(upstreams(), vec![tests::api("a", routes)]);
    let mut before = all((0..4).map(|n| get(n, "http://pets/{id}")).collect());
    let (plan, ledger) = first(&before);
    let routes = &mut Arc::make_mut(&mut before.apis[0]).routes;
    routes.remove(1);
    routes.insert(0, Arc::new(get(9, "http://other/{id}")));
    routes[3] = Arc::new(tests::route("GET /3/{id}", mock(200, &[], "")));
    let (next, _) = compile(&before, &ledger).unwrap();
    let key = |plan: &Plan, at: usize| Arc::clone(&plan.stages[0].routes[at].key);
    assert!(Arc::ptr_eq(&key(&plan, 0), &key(&next, 1)));
    assert!(Arc::ptr_eq(&key(&plan, 2), &key(&next, 2)));
    assert!(!Arc::ptr_eq(&key(&plan, 3), &key(&next, 3)));
    assert_eq!(next.stages[0].routes[3].id, plan.stages[0].routes[3].id);
    // With another variable of the stage nothing is what it was.
    Arc::make_mut(&mut before.apis[0]).stages[0].variables = [("a".into(), "b".into())].into();
    let (other, _) = compile(&before, &ledger).unwrap();
    assert!(!Arc::ptr_eq(&key(&plan, 0), &key(&other, 1)));
}

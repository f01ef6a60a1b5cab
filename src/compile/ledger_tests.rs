//! What lives on from one compile to the next: ids, stages, and the speed that comes of it.

#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::compile::tests::{api, first, mock, proxy, route, snapshot, stage, throttle, upstream};
use crate::compile::{Ledger, compile};
use crate::model::Snapshot;
use crate::model::v2::Route;
use crate::plan::{Group, Plan, RouteId};

fn route_of(snapshot: &mut Snapshot, api: usize, route: usize) -> &mut Route {
    Arc::make_mut(&mut Arc::make_mut(&mut snapshot.apis[api]).routes[route])
}

#[test]
fn limits_have_scopes_and_keep_their_ids() {
    let mut only = api("a", vec![route("GET /x", mock(200, &[], ""))]);
    only.stages.push(stage("beta"));
    Arc::make_mut(&mut only.routes[0]).throttle = throttle(2.5);
    only.stages[0].throttle = throttle(10.0);
    let mut all = snapshot(vec![], vec![only]);
    all.account_throttle = throttle(100.0);
    let (plan, ledger) = first(&all);
    let scopes = |plan: &Plan| -> HashMap<String, usize> {
        let limits = plan.limits.iter().enumerate();
        limits
            .filter_map(|(id, limit)| Some((limit.as_ref()?.scope.to_string(), id)))
            .collect()
    };
    let before = scopes(&plan);
    let mut names: Vec<&str> = before.keys().map(String::as_str).collect();
    names.sort_unstable();
    let expected = [
        "a/$default",
        "a/$default/GET /x",
        "a/beta/GET /x",
        "account",
    ];
    assert_eq!(names, expected);
    let id = |limit: Option<crate::plan::LimitId>| limit.unwrap().0 as usize;
    assert_eq!(id(plan.account_limit), before["account"]);
    assert_eq!(id(plan.stages[0].limit), before["a/$default"]);
    assert_eq!(id(plan.stages[1].routes[0].limit), before["a/beta/GET /x"]);
    assert_eq!(plan.stages[1].limit, None);

    Arc::make_mut(&mut all.apis[0]).stages[0].throttle = None;
    Arc::make_mut(&mut all.apis[0]).stages[1].throttle = throttle(1.0);
    route_of(&mut all, 0, 0).throttle = throttle(3.0);
    let (plan, _) = compile(&all, &ledger).unwrap();
    let after = scopes(&plan);
    for scope in ["account", "a/$default/GET /x", "a/beta/GET /x"] {
        assert_eq!(after[scope], before[scope], "{scope}");
    }
    // The id of a limit that has just died is not given to another.
    assert_ne!(after["a/beta"], before["a/$default"]);
    assert_eq!(plan.limits[before["a/$default"]], None);
}

#[test]
fn route_ids_live_as_long_as_their_routes() {
    let answer = || mock(200, &[], "");
    let get = |n: u32| route(&format!("GET /{n}"), answer());
    let names = |ledger: &Ledger| -> HashMap<String, RouteId> {
        let name = |route: crate::compile::RouteOf<'_>| {
            (
                format!("{} {} {}", route.api, route.stage, route.key),
                route.id,
            )
        };
        ledger.routes().map(name).collect()
    };
    let mut all = snapshot(vec![], vec![api("a", (0..4).map(get).collect())]);
    let (plan, ledger) = first(&all);
    let before = names(&ledger);
    assert_eq!((before.len(), plan.route_ids, plan.version), (4, 4, 1));

    Arc::make_mut(&mut all.apis[0]).routes.remove(1);
    Arc::make_mut(&mut all.apis[0])
        .routes
        .insert(0, Arc::new(get(9)));
    route_of(&mut all, 0, 1).integration = mock(201, &[], "");
    let (plan, second) = compile(&all, &ledger).unwrap();
    let after = names(&second);
    for key in ["a $default GET /0", "a $default GET /3"] {
        assert_eq!(before[key], after[key]);
    }
    let dead = before["a $default GET /1"];
    assert_eq!(second.retired_routes().collect::<Vec<_>>(), [dead]);
    assert_eq!(after["a $default GET /9"], RouteId(4));
    assert_eq!((plan.route_ids, plan.version), (5, 2));

    // Now that everybody has heard of its end the id may stand for another route.
    Arc::make_mut(&mut all.apis[0]).stages.push(stage("beta"));
    let (_, third) = compile(&all, &second).unwrap();
    assert!(
        names(&third)
            .iter()
            .any(|(name, id)| *id == dead && name.contains("beta"))
    );
    assert_eq!(third.retired_routes().count(), 0);

    all.apis.clear();
    let (plan, fourth) = compile(&all, &third).unwrap();
    assert_eq!(fourth.retired_routes().count(), 8);
    assert!(plan.stages.is_empty() && fourth.routes().next().is_none());
}

#[test]
fn untouched_stages_are_those_of_the_plan_before() {
    let routes = |host: &str| vec![route("GET /x", proxy(&format!("http://{host}/")))];
    let mut all = snapshot(
        vec![upstream("one", 1), upstream("two", 2)],
        vec![
            api("a", routes("one")),
            api("b", routes("two")),
            api("c", routes("three")),
        ],
    );
    for (index, api) in all.apis.iter_mut().enumerate() {
        let api = Arc::make_mut(api);
        api.hosts = vec![format!("h{index}.example")];
        api.stages.push(stage("beta"));
    }
    let (plan, ledger) = first(&all);
    // Whether each of the six stages is a new one.
    let check = |all: &Snapshot, expected: [bool; 6]| {
        let (next, _) = compile(all, &ledger).unwrap();
        let pairs = plan.stages.iter().zip(&next.stages);
        let fresh: Vec<bool> = pairs.map(|(one, other)| !Arc::ptr_eq(one, other)).collect();
        assert_eq!(fresh, expected);
        next
    };
    let (o, x) = (false, true);
    check(&all, [o; 6]);
    // Hosts and base paths are in the table of hosts alone.
    let mut moved = all.clone();
    Arc::make_mut(&mut moved.apis[0]).hosts.clear();
    Arc::make_mut(&mut moved.apis[0]).base_path = "/v1".to_owned();
    check(&moved, [o; 6]);
    let mut edited = all.clone();
    Arc::make_mut(&mut edited.apis[1]).stages[1].throttle = throttle(1.0);
    check(&edited, [o, o, o, x, o, o]);
    let mut rerouted = all.clone();
    route_of(&mut rerouted, 2, 0).body_bytes_max = Some(1);
    check(&rerouted, [o, o, o, o, x, x]);
    let mut retargeted = all.clone();
    retargeted.upstreams[0].eject_after = 9;
    let next = check(&retargeted, [x, x, o, o, o, o]);
    let group = |plan: &Plan| -> Arc<Group> { Arc::clone(plan.groups[0].as_ref().unwrap()) };
    assert_eq!(group(&next).id, group(&plan).id);
    assert_eq!(group(&next).eject_after, 9);
    // A host that had no upstream of its name now has one.
    let mut named = all.clone();
    named.upstreams.push(upstream("three", 3));
    let next = check(&named, [o, o, o, o, x, x]);
    assert_eq!(next.groups.iter().flatten().count(), 3);
    assert_eq!(next.groups.len(), 4);
    assert_eq!(next.groups[2], None);
}

#[test]
fn the_table_of_hosts_stays_while_no_name_changes() {
    let routes = || vec![route("GET /x", mock(200, &[], ""))];
    let mut all = snapshot(vec![], vec![api("a", routes()), api("b", routes())]);
    for api in &mut all.apis {
        let api = Arc::make_mut(api);
        api.hosts = vec![format!("{}.example", api.id)];
    }
    let (plan, ledger) = first(&all);
    let check = |change: &dyn Fn(&mut Snapshot), stays: bool, host: &str, expected: &str| {
        let mut next = all.clone();
        change(&mut next);
        let (next, _) = compile(&next, &ledger).unwrap();
        assert_eq!(Arc::ptr_eq(&plan.hosts, &next.hosts), stays);
        let hit = next.hosts.find(host.as_bytes(), b"/x", |_| None).unwrap();
        assert_eq!(&*next.stages[hit.stage as usize].api_id, expected);
    };
    let edit = |next: &mut Snapshot, change: &dyn Fn(&mut crate::model::v2::Api)| {
        change(Arc::make_mut(&mut next.apis[0]));
    };
    check(&|_| (), true, "a.example", "a");
    check(
        &|next| edit(next, &|api| api.routes.clear()),
        true,
        "b.example",
        "b",
    );
    check(
        &|next| edit(next, &|api| api.stages.push(stage("beta"))),
        false,
        "b.example",
        "b",
    );
    check(
        &|next| edit(next, &|api| api.hosts.clear()),
        false,
        "c.example",
        "a",
    );
    check(&|next| next.apis.swap(0, 1), false, "b.example", "b");
    check(&|next| drop(next.apis.remove(0)), false, "b.example", "b");
}

/// One edit among many stages must not cost more than that stage.
#[test]
fn ten_thousand_routes_compile_at_once() {
    let get = |n: u32| {
        route(
            &format!("GET /r{n}/{{id}}"),
            proxy(&format!("http://pets/{n}/{{id}}")),
        )
    };
    let apis = (0..100).map(|number| {
        let mut api = api(&format!("a{number}"), (0..100).map(get).collect());
        api.hosts = vec![format!("a{number}.example")];
        api
    });
    let mut all = snapshot(vec![upstream("pets", 9000)], apis.collect());
    let start = Instant::now();
    let (plan, ledger) = first(&all);
    let whole = start.elapsed();
    Arc::make_mut(&mut all.apis[50]).stages[0].throttle = throttle(1.0);
    let start = Instant::now();
    let (next, _) = compile(&all, &ledger).unwrap();
    let edit = start.elapsed();
    let shared = plan.stages.iter().zip(&next.stages);
    assert_eq!(
        shared
            .filter(|(one, other)| Arc::ptr_eq(one, other))
            .count(),
        99
    );
    println!("whole {whole:?}, one edit {edit:?}");
    // Optimised both take a fraction of this; the bounds catch what grows faster than its input.
    assert!(whole < Duration::from_secs(2), "{whole:?}");
    assert!(edit < whole / 2, "{edit:?} of {whole:?}");
}

//! Property tests: whatever the snapshots, compiling is total and the ids tell the truth.

#![allow(clippy::unwrap_used)]

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use crate::base::Method;
use crate::compile::{Ledger, compile};
use crate::model::v2::{Api, ApiKind, Integration, Reach, Route, RouteKey, Segment, Stage};
use crate::model::{Snapshot, Throttle, Upstream, UpstreamTarget};
use crate::plan::{Limit, Plan, Target};

/// Mostly sensible words, so that snapshots are often valid and often clash.
fn word(sensible: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop_oneof![
        30 => select(sensible).prop_map(str::to_owned),
        1 => ".{0,12}",
    ]
}

fn throttle() -> impl Strategy<Value = Option<Throttle>> {
    let rate = prop_oneof![9 => 0.0..100.0, 1 => any::<f64>()];
    let throttle = (rate, 0..9_u32).prop_map(|(rate_limit, burst_limit)| Throttle {
        rate_limit,
        burst_limit,
    });
    option::weighted(0.3, throttle)
}

pub(in crate::compile) fn upstream() -> impl Strategy<Value = Upstream> {
    let target = (word(&["10.0.0.1", "::1", "a.example"]), 0..9_u16, 0..20_u32).prop_map(
        |(host, port, weight)| UpstreamTarget {
            host,
            port: port + 1,
            weight: weight + 1,
        },
    );
    (
        word(&["pets", "toys", "food"]),
        vec(target, 1..3),
        0..3_u32,
        option::weighted(0.2, word(&["h.example"])),
    )
        .prop_map(|(name, targets, eject_after, host_header)| Upstream {
            name,
            targets,
            eject_after,
            host_header,
            ..Upstream::default()
        })
}

fn integration() -> impl Strategy<Value = Integration> {
    let uri = word(&[
        "http://pets/{id}",
        "https://pets",
        "http://toys/{proxy}",
        "http://a.example:81/x?y={id}",
        "https://${stageVariables.v}/x",
        "http://${stageVariables.v}",
        "http://food/",
    ]);
    let pieces = vec(
        select(vec![
            "http://",
            "https://",
            "pets",
            "{",
            "}",
            "${",
            "stageVariables.v",
            "/",
            "?",
            "#",
            "%",
            "[",
            "]",
            ":",
            "@",
            "id",
            "+",
            "é",
            "80",
            "::1",
            " ",
        ]),
        0..9,
    );
    let uri = prop_oneof![9 => uri, 1 => pieces.prop_map(|pieces| pieces.concat())];
    prop_oneof![
        3 => (uri, 50..60_u32).prop_map(|(uri, timeout_ms)| Integration::HttpProxy { uri, method: None, timeout_ms }),
        1 => (200..220_u16, vec((word(&["x-a", "date"]), word(&["b"])), 0..2), word(&["", "x"]))
            .prop_map(|(status, headers, body)| Integration::Mock { status, headers, body }),
    ]
}

pub(in crate::compile) fn route() -> impl Strategy<Value = Route> {
    let segment = prop_oneof![
        4 => word(&["pets", "toys", ""]).prop_map(Segment::Literal),
        3 => word(&["id", "name"]).prop_map(Segment::Param),
        1 => word(&["proxy", "id"]).prop_map(Segment::Greedy),
    ];
    let method = option::of(select(vec![Method::Get, Method::Post, Method::Other]));
    let key = prop_oneof![
        1 => Just(RouteKey::Default),
        8 => (method, vec(segment, 0..4))
            .prop_map(|(method, segments)| RouteKey::Path { method, segments }),
        8 => select(vec!["GET /pets/{id}", "ANY /{proxy+}", "POST /toys/{id}", "GET /{id}"])
            .prop_map(|key| RouteKey::parse(key).unwrap()),
    ];
    (key, integration(), throttle(), option::of(0..9_u64)).prop_map(
        |(key, integration, throttle, body_bytes_max)| Route {
            key,
            integration,
            throttle,
            body_bytes_max,
            guard: None,
        },
    )
}

pub(in crate::compile) fn stage() -> impl Strategy<Value = Stage> {
    (
        word(&["$default", "prod", "beta", "dev"]),
        btree_map(word(&["v", "w"]), word(&["pets", "b.example"]), 0..3),
        throttle(),
        option::weighted(
            0.3,
            word(&["json", "clf", "$context.requestId $context.path"]),
        ),
    )
        .prop_map(|(name, variables, throttle, access_log_format)| Stage {
            name,
            variables,
            throttle,
            access_log_format,
            ..Stage::default()
        })
}

pub(in crate::compile) fn api() -> impl Strategy<Value = Api> {
    (
        word(&["a", "b", "c", "d"]),
        vec(
            word(&["a.example", "*.example", "[::1]", "b.example"]),
            0..2,
        ),
        word(&["/", "/v1", "/v1/x", "/v2/"]),
        vec(route(), 0..3),
        vec(stage(), 0..3),
    )
        .prop_map(|(id, hosts, base_path, routes, stages)| Api {
            kind: ApiKind::File,
            reach: Reach::Hosts,
            id,
            hosts,
            base_path,
            routes: routes.into_iter().map(Arc::new).collect(),
            stages,
        })
}

pub(in crate::compile) fn snapshot() -> impl Strategy<Value = Snapshot> {
    (throttle(), vec(upstream(), 0..3), vec(api(), 0..3)).prop_map(
        |(account_throttle, upstreams, apis)| Snapshot {
            account_throttle,
            upstreams,
            apis: apis.into_iter().map(Arc::new).collect(),
            ..Snapshot::default()
        },
    )
}

type Names = HashMap<u32, (String, String, String)>;

fn names(ledger: &Ledger) -> Names {
    let owned = |route: crate::compile::RouteOf<'_>| {
        let name = (
            route.api.to_owned(),
            route.stage.into_owned(),
            route.key.to_owned(),
        );
        (route.id.0, name)
    };
    ledger.routes().map(owned).collect()
}

/// Everything that points somewhere points at the right thing.
fn hold(plan: &Plan, ledger: &Ledger) {
    let mut routes = 0;
    let scope = |limit: Option<crate::plan::LimitId>| -> Option<&Limit> {
        limit.map(|id| plan.limits[id.0 as usize].as_ref().unwrap())
    };
    assert!(scope(plan.account_limit).is_none_or(|limit| &*limit.scope == "account"));
    for stage in &plan.stages {
        let place = format!("{}/{}", stage.api_id, stage.name);
        assert!(scope(stage.limit).is_none_or(|limit| *limit.scope == *place));
        for route in &stage.routes {
            routes += 1;
            assert!(route.id.0 < plan.route_ids);
            let place = format!("{place}/{}", route.key);
            assert!(scope(route.limit).is_none_or(|limit| *limit.scope == *place));
            if let Target::Http(target) = &route.target {
                let group = plan.groups[target.group.id.0 as usize].as_ref().unwrap();
                assert!(Arc::ptr_eq(group, &target.group));
                assert!(!group.targets.is_empty());
            }
        }
    }
    let names = names(ledger);
    assert_eq!(names.len(), routes, "an id stands for two routes");
    assert_eq!(names.values().collect::<HashSet<_>>().len(), routes);
    assert_eq!(ledger.version(), plan.version);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn compiling_is_total_and_ids_tell_the_truth(snapshots in vec(snapshot(), 1..6)) {
        let mut ledger = Ledger::default();
        for snapshot in &snapshots {
            let (plan, next) = match compile(snapshot, &ledger) {
                Ok(compiled) => compiled,
                Err(problems) => {
                    prop_assert!(!problems.is_empty());
                    continue;
                }
            };
            hold(&plan, &next);
            let (before, after) = (names(&ledger), names(&next));
            let retired: HashSet<u32> = next.retired_routes().map(|id| id.0).collect();
            for (id, name) in &before {
                match after.get(id) {
                    Some(now) => prop_assert_eq!(now, name),
                    None => prop_assert!(retired.contains(id)),
                }
                // A name that lives on does so under its id.
                prop_assert!(!retired.contains(id) || !after.values().any(|now| now == name));
            }
            let (again, last) = compile(snapshot, &next).unwrap();
            hold(&again, &last);
            prop_assert_eq!(last.retired_routes().count(), 0);
            for (one, other) in plan.stages.iter().zip(&again.stages) {
                prop_assert!(Arc::ptr_eq(one, other));
            }
            ledger = next;
        }
    }
}

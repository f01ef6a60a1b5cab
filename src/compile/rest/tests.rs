//! What methods become, checked by what their routes say.

#![allow(clippy::unwrap_used, clippy::panic)]

use crate::compile::tests::{api, snapshot, stage};
use crate::compile::{Ledger, compile};
use crate::lang::params::{Part, Source};
use crate::lang::schema::Schema;
use crate::model::rest::{Canary, Integration, Kind, Method, Response, Settings};
use crate::model::v2::{self, ApiKind, Route, RouteKey, Stage};
use crate::plan::rest::{Parameter, RestRoute, UriPart};
use crate::plan::{Piece, Plan, Target};

fn method(integration: Integration) -> Method {
    Method {
        resource_id: "r".to_owned(),
        integration: Integration {
            timeout_ms: 1000,
            ..integration
        },
        ..Method::default()
    }
}

fn proxy(uri: &str, parameters: &[(&str, &str)]) -> Integration {
    let parameters = parameters.iter();
    Integration {
        kind: Kind::HttpProxy {
            uri: uri.to_owned(),
            method: None,
        },
        request_parameters: parameters
            .map(|(target, source)| ((*target).to_owned(), (*source).to_owned()))
            .collect(),
        ..Integration::default()
    }
}

fn served(key: &str, method: Method, stage: Stage) -> Result<Plan, String> {
    let mut made = api("a", Vec::new());
    made.kind = ApiKind::Rest;
    let route = Route {
        key: RouteKey::parse(key).unwrap(),
        integration: v2::Integration::Rest(Box::new(method)),
        throttle: None,
        body_bytes_max: None,
        guard: None,
    };
    made.stages = vec![Stage {
        routes: Some(vec![route].into()),
        ..stage
    }];
    let compiled = compile(&snapshot(Vec::new(), vec![made]), &Ledger::default());
    compiled
        .map(|(plan, _)| plan)
        .map_err(|problems| problems[0].to_string())
}

fn rest(plan: &Plan) -> &RestRoute {
    plan.stages[0].routes[0].rest.as_ref().unwrap()
}

#[test]
fn a_proxy_that_moves_nothing_but_its_path_streams_plainly() {
    let path = ("integration.request.path.p", "method.request.path.id");
    let made = method(proxy("http://127.0.0.1:1/{p}?x={p}", &[path]));
    let plan = served("GET /{id}", made, stage("s")).unwrap();
    assert!(rest(&plan).is_plain && !rest(&plan).needs_body);
    assert_eq!(&*rest(&plan).throttle_key, "{id}/GET");
    let Target::Http(target) = &plan.stages[0].routes[0].target else {
        panic!()
    };
    let literal = |text: &str| Piece::Literal(text.as_bytes().into());
    let path = [literal("/"), Piece::Param(0)];
    assert_eq!(target.path, path[..].into());
    let query = [literal("x="), Piece::Param(0)];
    assert_eq!(target.query, query[..].into());
}

#[test]
fn what_is_moved_is_known_by_its_source() {
    let check = |source: &str, expected: Option<Source>, needs_body: bool| {
        let moved = ("integration.request.path.p", source);
        let made = method(proxy("http://127.0.0.1:1/{p}", &[moved]));
        let mut own = stage("s");
        own.variables.insert("v".to_owned(), "w".to_owned());
        let plan = served("GET /x", made, own).unwrap();
        let route = rest(&plan);
        let found = route.request.path.iter().find_map(|part| match part {
            UriPart::Literal(_) => None,
            UriPart::Value { source, .. } => Some(source.clone()),
        });
        assert_eq!(found, expected, "{source}");
        assert_eq!(route.needs_body, needs_body, "{source}");
        assert!(!route.is_plain);
    };
    check("'a b'", Some(Source::Static("a b".into())), false);
    check("stageVariables.v", Some(Source::Static("w".into())), false);
    check(
        "context.stage",
        Some(Source::Context("stage".into())),
        false,
    );
    check(
        "method.request.body",
        Some(Source::Request(Part::Body(None))),
        true,
    );
}

#[test]
fn what_aws_finds_at_the_call_is_the_fault_of_the_route() {
    let check = |uri: &str, why: &str| {
        let plan = served("GET /x", method(proxy(uri, &[])), stage("s")).unwrap();
        let fault = rest(&plan).fault.clone().unwrap_or_default();
        assert!(fault.contains(why), "{uri}: {fault}");
        assert!(matches!(plan.stages[0].routes[0].target, Target::Nobody));
    };
    check("http://127.0.0.1/{x}", "integration.request.path.x");
    check("http://${stageVariables.host}/", "no variable `host`");
    check("ftp://127.0.0.1/", "begins with `http://`");
}

#[test]
fn what_cannot_be_read_is_refused() {
    let check = |integration: Integration, why: &str| {
        let refused = served("GET /x", method(integration), stage("s")).unwrap_err();
        assert!(refused.contains(why), "{refused}");
    };
    let bad = ("integration.request.header.a", "nonsense");
    check(
        proxy("http://127.0.0.1/", &[bad]),
        "is not a mapping expression",
    );
    let answer = |response: Response| Integration {
        responses: vec![response],
        ..Integration::default()
    };
    check(
        answer(Response {
            selection_pattern: Some("(".to_owned()),
            ..Response::default()
        }),
        "selection pattern `(`",
    );
    check(
        answer(Response {
            templates: vec![("application/json".to_owned(), "#if($a".to_owned())],
            ..Response::default()
        }),
        "line 1, column",
    );
}

#[test]
fn required_parameters_stand_in_awss_order() {
    let mut made = method(Integration::default());
    made.required = ["querystring.a", "path.c", "header.z", "header.b"]
        .map(|name| format!("method.request.{name}"))
        .into();
    let plan = served("GET /x", made, stage("s")).unwrap();
    let expected = [
        Parameter::Header("b".into()),
        Parameter::Header("z".into()),
        Parameter::Path("c".into()),
        Parameter::Query("a".into()),
    ];
    assert_eq!(*rest(&plan).required, expected);
}

#[test]
fn a_canary_is_a_stage_of_its_own_with_its_own_variables_and_limits() {
    let made = || method(proxy("http://${stageVariables.host}/", &[]));
    let with = |host: &str| {
        let mut own = stage("s");
        own.variables.insert("host".to_owned(), host.to_owned());
        own
    };
    let route = |method| Route {
        key: RouteKey::parse("GET /").unwrap(),
        integration: v2::Integration::Rest(Box::new(method)),
        throttle: None,
        body_bytes_max: None,
        guard: None,
    };
    let canary = Stage {
        routes: Some(vec![route(made())].into()),
        ..with("127.0.0.2")
    };
    let settings = Settings {
        canary: Some(Canary {
            percent: 10.0,
            stage: Box::new(canary),
        }),
        ..Settings::default()
    };
    let own = Stage {
        rest: Some(Box::new(settings)),
        ..with("127.0.0.1")
    };
    let plan = served("GET /", made(), own).unwrap();
    let canary = plan.stages[0].canary().unwrap();
    let host = |stage: &crate::plan::Stage| match &stage.routes[0].target {
        Target::Http(target) => target.group.targets[0].host.clone(),
        _ => panic!(),
    };
    assert_eq!(&*host(&plan.stages[0]), "127.0.0.1");
    assert_eq!(&*host(&canary.stage), "127.0.0.2");
    assert_ne!(plan.stages[0].routes[0].id, canary.stage.routes[0].id);
    // Both upstreams are in the plan that the cores connect by.
    assert_eq!(plan.groups.iter().flatten().count(), 2);
}

/// What a model becomes is far larger than its text, and hundreds of methods may use it.
#[test]
fn methods_share_what_their_models_became() {
    let url = "https://apigateway.amazonaws.com/restapis/a/models/Pet";
    let owner = format!(r#"{{"type":"object","properties":{{"pet":{{"$ref":"{url}"}}}}}}"#);
    let pet = r#"{"type":"object","required":["name"]}"#;
    let models = [("Owner", owner.as_str()), ("Pet", pet)];
    let models = models.map(|(name, text)| (name.to_owned(), text.to_owned()));
    let route = |number: usize| {
        let named = ["Pet", "Owner", "Unknown"][number % 3];
        let kinds = ["application/json", "$default"];
        let used = kinds.map(|kind| (kind.to_owned(), named.to_owned()));
        let method = Method {
            models: Some(used[..1 + number % 2].to_vec()),
            ..method(Integration::default())
        };
        Route {
            key: RouteKey::parse(&format!("POST /r{number}")).unwrap(),
            integration: v2::Integration::Rest(Box::new(method)),
            throttle: None,
            body_bytes_max: None,
            guard: None,
        }
    };
    let mut made = api("a", Vec::new());
    made.kind = ApiKind::Rest;
    made.stages = vec![Stage {
        routes: Some((0..500).map(route).collect::<Vec<_>>().into()),
        rest: Some(Box::new(Settings {
            models: models.to_vec(),
            ..Settings::default()
        })),
        ..stage("prod")
    }];
    let compiled = compile(&snapshot(Vec::new(), vec![made]), &Ledger::default());
    let (plan, _) = compiled.unwrap();
    let routes = plan.stages[0].routes.iter();
    let models = routes.map(|route| route.rest.as_ref().unwrap().models.as_ref().unwrap());
    let schemas: Vec<&Schema> = models
        .flat_map(|all| all.iter().map(|(_, one)| one))
        .collect();
    assert_eq!(schemas.len(), 1000);
    let mut different: Vec<&Schema> = Vec::new();
    for schema in schemas {
        if !different.iter().any(|known| known.is_same(schema)) {
            different.push(schema);
        }
    }
    assert_eq!(different.len(), 3, "`Pet`, `Owner` and AWS's own `Empty`");
    let refusing = different
        .iter()
        .filter(|schema| schema.check(br#"{"pet":{}}"#).is_err());
    assert_eq!(refusing.count(), 2);
}

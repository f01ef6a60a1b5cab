//! Route responses and integration responses, which only WebSocket APIs use.

use serde_json::Value;

use crate::control::Handler;
use crate::control::desk::{Desk, Record};
use crate::control::error::Outcome;
use crate::control::kind;
use crate::control::protocol::Input;
use crate::control::v2::noun::{Noun, api, given};

pub const OPERATIONS: &[(&str, Handler)] = &[
    ("CreateRouteResponse", |desk, input| {
        create(&OF_ROUTE, desk, input)
    }),
    ("GetRouteResponse", |desk, input| {
        OF_ROUTE.get(desk, input).map(Value::Object)
    }),
    ("GetRouteResponses", |desk, input| {
        list(&OF_ROUTE, desk, input)
    }),
    ("UpdateRouteResponse", |desk, input| {
        update(&OF_ROUTE, desk, input)
    }),
    ("DeleteRouteResponse", |desk, input| {
        OF_ROUTE.delete(desk, input)
    }),
    ("CreateIntegrationResponse", |desk, input| {
        create(&OF_INTEGRATION, desk, input)
    }),
    ("GetIntegrationResponse", |desk, input| {
        OF_INTEGRATION.get(desk, input).map(Value::Object)
    }),
    ("GetIntegrationResponses", |desk, input| {
        list(&OF_INTEGRATION, desk, input)
    }),
    ("UpdateIntegrationResponse", |desk, input| {
        update(&OF_INTEGRATION, desk, input)
    }),
    ("DeleteIntegrationResponse", |desk, input| {
        OF_INTEGRATION.delete(desk, input)
    }),
];

const OF_ROUTE: Noun = Noun {
    kind: kind::ROUTE_RESPONSE,
    id: "routeResponseId",
    title: "RouteResponse",
    above: &["routeId"],
};

const OF_INTEGRATION: Noun = Noun {
    kind: kind::INTEGRATION_RESPONSE,
    id: "integrationResponseId",
    title: "IntegrationResponse",
    above: &["integrationId"],
};

fn create(noun: &Noun, desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    check_above(noun, desk, input)?;
    let record: Record = given(input, &["apiId", "routeId", "integrationId"]);
    noun.create(desk, input, record)
}

fn list(noun: &Noun, desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    check_above(noun, desk, input)?;
    noun.list(desk, input)
}

fn update(noun: &Noun, desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let mut record = noun.get(desk, input)?;
    let path = ["apiId", "routeId", "integrationId", noun.id];
    record.extend(given(input, &path));
    noun.put(desk, input, record)
}

/// The route or integration must be there.
fn check_above(noun: &Noun, desk: &Desk<'_>, input: &Input) -> Outcome<()> {
    api(desk, input)?;
    let above = match noun.kind {
        kind::ROUTE_RESPONSE => Noun {
            kind: kind::ROUTE,
            id: "routeId",
            title: "Route",
            above: &[],
        },
        _ => Noun {
            kind: kind::INTEGRATION,
            id: "integrationId",
            title: "Integration",
            above: &[],
        },
    };
    above.get(desk, input).map(|_| ())
}

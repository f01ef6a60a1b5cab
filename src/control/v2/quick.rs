//! Quick create: a target alone makes a route, an integration and a stage that deploys itself.

use serde_json::{Value, json};

use crate::control::desk::{Desk, Record, text};
use crate::control::error::{Error, Outcome};
use crate::control::kind;
use crate::control::protocol::Input;
use crate::control::v2::noun::{flag, with_defaults};
use crate::control::v2::{integration, route, stage};

pub fn create(desk: &mut Desk<'_>, api: &str, target: &str, input: &Input) -> Outcome<()> {
    let integration_id = desk.new_id(7);
    let mut record = with_defaults(
        json!({
            "apiGatewayManaged": true,
            "integrationId": integration_id,
            "integrationUri": target,
        }),
        kind_of(target),
    );
    if let Some(credentials) = input.text("credentialsArn") {
        record.insert("credentialsArn".to_owned(), credentials.into());
    }
    integration::check(true, &record)?;
    desk.put(
        kind::INTEGRATION,
        &format!("{api}/{integration_id}"),
        &record,
    )?;
    let key = input.text("routeKey").unwrap_or("$default");
    route::check_key(true, key)?;
    let route_id = desk.new_id(7);
    let route = with_defaults(
        route::defaults(),
        record_of(json!({
            "apiGatewayManaged": true,
            "routeId": route_id,
            "routeKey": key,
            "target": format!("integrations/{integration_id}"),
        })),
    );
    desk.put(kind::ROUTE, &format!("{api}/{route_id}"), &route)?;
    let stage = with_defaults(
        stage::defaults(desk),
        record_of(json!({
            "apiGatewayManaged": true,
            "autoDeploy": true,
            "stageName": "$default",
        })),
    );
    desk.put(kind::STAGE, &format!("{api}/$default"), &stage)
}

/// Changes the managed route and integration of an API that was made with a target.
pub fn update(desk: &mut Desk<'_>, api: &str, input: &Input) -> Outcome<()> {
    let below = format!("{api}/");
    let managed = |(_, record): &(String, Record)| flag(record, "apiGatewayManaged");
    let routes = desk.list(kind::ROUTE, &below)?;
    let integrations = desk.list(kind::INTEGRATION, &below)?;
    let (Some((route_id, mut route)), Some((id, mut integration))) = (
        routes.into_iter().find(managed),
        integrations.into_iter().find(managed),
    ) else {
        let message = "Target, route key and credentials can only be updated for an API that was \
                       made with a target";
        return Err(Error::bad_request(message));
    };
    if let Some(key) = input.text("routeKey") {
        route::check_key(true, key)?;
        route.insert("routeKey".to_owned(), key.into());
        desk.put(kind::ROUTE, &route_id, &route)?;
    }
    if let Some(target) = input.text("target") {
        integration.extend(kind_of(target));
        integration.insert("integrationUri".to_owned(), target.into());
    }
    if let Some(credentials) = input.text("credentialsArn") {
        integration.insert("credentialsArn".to_owned(), credentials.into());
    }
    integration::check(true, &integration)?;
    debug_assert!(!text(&integration, "integrationId").is_empty());
    desk.put(kind::INTEGRATION, &id, &integration)
}

/// A target that begins with `arn:` is a function, any other a URL.
fn kind_of(target: &str) -> Record {
    let is_function = target.starts_with("arn:");
    record_of(json!({
        "connectionType": "INTERNET",
        "integrationMethod": if is_function { "POST" } else { "ANY" },
        "integrationType": if is_function { "AWS_PROXY" } else { "HTTP_PROXY" },
        "payloadFormatVersion": if is_function { "2.0" } else { "1.0" },
        "timeoutInMillis": 30_000,
    }))
}

fn record_of(value: Value) -> Record {
    with_defaults(value, Record::new())
}

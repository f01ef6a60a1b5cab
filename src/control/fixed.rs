//! The APIs of the config file as the management APIs show them: to be read, not to be changed.

use serde_json::{Value, json};

use crate::control::desk::{Fixed, FixedRecords};
use crate::control::kind;
use crate::model::Snapshot;
use crate::model::v2::{Api, EventFormat, Integration};

/// Their records. `started_ms` stands for the dates that a config file does not have.
pub fn of(snapshot: &Snapshot, started_ms: u64) -> Fixed {
    let (apis, upstreams) = (snapshot.apis.clone(), &snapshot.upstreams);
    let links = upstreams.iter().filter_map(|upstream| {
        let link = upstream.vpc_link.clone()?;
        Some((link, upstream.name.clone()))
    });
    let links: Vec<(String, String)> = links.collect();
    Fixed::new(move || {
        let mut fixed = FixedRecords::new();
        for api in &apis {
            add(&mut fixed, api, started_ms);
        }
        for (link, name) in links {
            put(&mut fixed, kind::UPSTREAM, link, json!({ "name": name }));
        }
        fixed
    })
}

fn add(fixed: &mut FixedRecords, api: &Api, started_ms: u64) {
    let id = &api.id;
    let own = json!({
        "apiId": id,
        "apiKeySelectionExpression": "$request.header.x-api-key",
        "createdDate": started_ms,
        "description": "Defined in the config file of the gateway",
        "disableExecuteApiEndpoint": true,
        "ipAddressType": "ipv4",
        "name": id,
        "protocolType": "HTTP",
        "routeSelectionExpression": "$request.method $request.path",
        "tags": {},
    });
    put(fixed, kind::API, id.clone(), own);
    for (index, route) in api.routes.iter().enumerate() {
        let (name, integration) = (format!("route{index}"), format!("integration{index}"));
        let own = json!({
            "apiKeyRequired": false,
            "authorizationType": "NONE",
            "routeId": name,
            "routeKey": route.key.to_string(),
            "target": format!("integrations/{integration}"),
        });
        put(fixed, kind::ROUTE, format!("{id}/{name}"), own);
        let key = format!("{id}/{integration}");
        let own = of_integration(integration, &route.integration);
        put(fixed, kind::INTEGRATION, key, own);
    }
    for stage in &api.stages {
        let own = json!({
            "createdDate": started_ms,
            "defaultRouteSettings": { "detailedMetricsEnabled": false },
            "lastUpdatedDate": started_ms,
            "routeSettings": {},
            "stageName": stage.name,
            "stageVariables": stage.variables,
            "tags": {},
        });
        put(fixed, kind::STAGE, format!("{id}/{}", stage.name), own);
    }
}

fn of_integration(id: String, integration: &Integration) -> Value {
    match integration {
        Integration::HttpProxy {
            uri,
            method,
            timeout_ms,
        } => json!({
            "connectionType": "INTERNET",
            "integrationId": id,
            "integrationMethod": method.as_deref().unwrap_or("ANY"),
            "integrationType": "HTTP_PROXY",
            "integrationUri": uri,
            "payloadFormatVersion": "1.0",
            "timeoutInMillis": timeout_ms,
        }),
        Integration::Function(call) => json!({
            "connectionType": "INTERNET",
            "integrationId": id,
            "integrationMethod": "POST",
            "integrationType": "AWS_PROXY",
            "integrationUri": call.function,
            "payloadFormatVersion": match call.format {
                EventFormat::Http2 => "2.0",
                EventFormat::Http1 | EventFormat::Rest => "1.0",
            },
            "timeoutInMillis": call.timeout_ms,
        }),
        // The config file has no mappings, no subtypes and no REST APIs.
        Integration::Mapped(_)
        | Integration::Subtype(_)
        | Integration::Mock { .. }
        | Integration::Unserved { .. }
        | Integration::Rest(_) => {
            json!({ "integrationId": id, "integrationType": "MOCK" })
        }
    }
}

fn put(fixed: &mut FixedRecords, kind: &'static str, id: String, record: Value) {
    if let Value::Object(record) = record {
        fixed.insert((kind, id), record);
    }
}

//! What a deployment of a REST API keeps: all that calls depend on, as it is at that moment.

use serde_json::Value;

use crate::control::desk::{Desk, Record};
use crate::control::error::Outcome;
use crate::control::kind;

/// The API of this id with all that is below it and matters to calls. Built by hand: `json!` would
/// copy every resource once more.
pub fn freeze(desk: &Desk<'_>, api: &str) -> Outcome<Value> {
    let below = format!("{api}/");
    let record = desk.get(kind::REST_API, api)?.unwrap_or_default();
    let own = ["apiKeySource", "binaryMediaTypes", "minimumCompressionSize"];
    let own = own.into_iter().filter_map(|name| {
        let value = record.get(name)?;
        Some((name.to_owned(), value.clone()))
    });
    let mut own: Record = own.collect();
    // There even without a value: what is not there was not kept.
    let policy = record.get("policy").cloned().unwrap_or_default();
    own.insert("policy".to_owned(), policy);
    let mut frozen = Record::new();
    frozen.insert("api".to_owned(), Value::Object(own));
    for (name, kind) in [
        ("resources", kind::RESOURCE),
        ("validators", kind::VALIDATOR),
        ("models", kind::MODEL),
        ("gatewayResponses", kind::GATEWAY_RESPONSE),
        ("authorizers", kind::AUTHORIZER),
    ] {
        let found = desk.list(kind, &below)?.into_iter();
        let all = found.map(|(_, record)| Value::Object(record)).collect();
        frozen.insert(name.to_owned(), Value::Array(all));
    }
    Ok(Value::Object(frozen))
}

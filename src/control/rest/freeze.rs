//! What a deployment of a REST API keeps: all that calls depend on, as it is at that moment.

use serde_json::{Value, json};

use crate::control::desk::{Desk, Record};
use crate::control::error::Outcome;
use crate::control::kind;

/// The API of this id with all that is below it and matters to calls.
pub fn freeze(desk: &Desk<'_>, api: &str) -> Outcome<Value> {
    let below = format!("{api}/");
    let all = |kind| -> Outcome<Vec<Record>> {
        let found = desk.list(kind, &below)?.into_iter();
        Ok(found.map(|(_, record)| record).collect())
    };
    let record = desk.get(kind::REST_API, api)?.unwrap_or_default();
    let own = ["apiKeySource", "binaryMediaTypes", "minimumCompressionSize"];
    let own = own.into_iter().filter_map(|name| {
        let value = record.get(name)?;
        Some((name.to_owned(), value.clone()))
    });
    Ok(json!({
        "api": own.collect::<Record>(),
        "resources": all(kind::RESOURCE)?,
        "validators": all(kind::VALIDATOR)?,
        "models": all(kind::MODEL)?,
        "gatewayResponses": all(kind::GATEWAY_RESPONSE)?,
    }))
}

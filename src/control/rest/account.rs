//! Account operations.

use serde_json::{Value, json};

use crate::control::Handler;
use crate::control::desk::{Desk, Record};
use crate::control::error::Outcome;
use crate::control::kind;
use crate::control::patch::{ANY, As, Family, Patch, Rules};
use crate::control::protocol::Input;

pub const OPERATIONS: &[(&str, Handler)] = &[
    ("GetAccount", |desk, _| find(desk).map(Value::Object)),
    ("UpdateAccount", update),
];

const RULES: Rules = Rules {
    family: Family::Plain,
    rows: &[("/cloudwatchRoleArn", As::Text, ANY)],
};

/// There is one in each region.
const ID: &str = "own";

fn find(desk: &Desk<'_>) -> Outcome<Record> {
    if let Some(record) = desk.get(kind::ACCOUNT, ID)? {
        return Ok(record);
    }
    let usual = json!({
        "apiKeyVersion": "4",
        "features": ["UsagePlans"],
        "throttleSettings": { "burstLimit": 5000, "rateLimit": 10_000.0 },
    });
    Ok(usual.as_object().cloned().unwrap_or_default())
}

fn update(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let mut record = find(desk)?;
    RULES.apply(&mut record, &Patch::all(input))?;
    desk.put(kind::ACCOUNT, ID, &record)?;
    Ok(Value::Object(record))
}

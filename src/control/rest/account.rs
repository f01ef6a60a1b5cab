//! Account operations.

use serde_json::{Value, json};

use crate::control::Handler;
use crate::control::desk::{Desk, Record};
use crate::control::error::{Error, Outcome};
use crate::control::kind;
use crate::control::patch::{ANY, As, Family, LIST, Patch, Rules};
use crate::control::protocol::Input;

pub const OPERATIONS: &[(&str, Handler)] = &[
    ("GetAccount", |desk, _| find(desk).map(Value::Object)),
    ("UpdateAccount", update),
];

const RULES: Rules = Rules {
    family: Family::Plain,
    rows: &[
        ("/cloudwatchRoleArn", As::Text, ANY),
        ("/features", As::List, LIST),
    ],
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
    let role = record.get("cloudwatchRoleArn").and_then(Value::as_str);
    match role {
        Some("") => {
            record.shift_remove("cloudwatchRoleArn");
        }
        Some(role) if !is_role(role) => {
            return Err(Error::bad_request("Invalid ARN specified in the request"));
        }
        _ => {}
    }
    desk.put(kind::ACCOUNT, ID, &record)?;
    Ok(Value::Object(record))
}

/// `arn:aws:iam::111111111111:role/logs`
fn is_role(arn: &str) -> bool {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    matches!(parts.as_slice(), ["arn", _, "iam", "", _, role] if role.starts_with("role/"))
}

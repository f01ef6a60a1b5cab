//! Parameter mappings of HTTP APIs, checked when they are written.

use serde_json::{Map, Value};

use crate::control::desk::Record;
use crate::control::error::{Error, Outcome};
use crate::lang::mapping::{Side, parse_all};

/// # Errors
/// The first mapping that cannot be, in AWS's words where they are known.
pub fn check(record: &Record) -> Outcome<()> {
    let request = table(record.get("requestParameters"));
    // Those of a subtype are parameters of its action.
    if !record.contains_key("integrationSubtype") {
        parse_all(pairs(request), Side::Request).map_err(invalid)?;
    }
    for (status, mappings) in table(record.get("responseParameters"))
        .into_iter()
        .flatten()
    {
        match status.parse::<u16>() {
            Ok(200..=599) => {}
            _ => return Err(invalid(format!("Invalid status code specified: {status}"))),
        }
        parse_all(pairs(table(Some(mappings))), Side::Response).map_err(invalid)?;
    }
    Ok(())
}

fn invalid(what: String) -> Error {
    Error::bad_request(format!(
        "Invalid mapping expression specified: Validation Result: warnings : [], errors : [{what}]"
    ))
}

fn table(value: Option<&Value>) -> Option<&Map<String, Value>> {
    value.and_then(Value::as_object)
}

fn pairs(table: Option<&Map<String, Value>>) -> impl Iterator<Item = (&str, &str)> {
    let all = table.into_iter().flatten();
    all.map(|(key, value)| (key.as_str(), value.as_str().unwrap_or_default()))
}

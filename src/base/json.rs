//! JSON text of our own values; wraps serde_json.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// On one line, without a newline at its end.
pub fn line(value: &impl Serialize) -> String {
    written(serde_json::to_string(value))
}

/// Indented for people, with a newline at its end.
pub fn pretty(value: &impl Serialize) -> String {
    let mut text = written(serde_json::to_string_pretty(value));
    text.push('\n');
    text
}

/// Reads one value; members that `T` does not know are skipped.
///
/// # Errors
/// What is wrong, with line and column.
pub fn read<T: DeserializeOwned>(text: &[u8]) -> Result<T, String> {
    serde_json::from_slice(text).map_err(|error| error.to_string())
}

/// The text of a member of an object that is JSON; none if it is not, or has no such member.
pub fn member(object: &str, name: &str) -> Option<String> {
    let members: serde_json::Map<String, serde_json::Value> = serde_json::from_str(object).ok()?;
    Some(members.get(name)?.to_string())
}

/// Only a value whose maps have keys that are not texts cannot be written, and nobody makes one.
fn written(text: serde_json::Result<String>) -> String {
    debug_assert!(text.is_ok(), "{text:?}");
    text.unwrap_or_else(|_| "null".to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn values_are_written_for_machines_and_for_people() {
        let value = BTreeMap::from([("a", vec![1, 2]), ("b", vec![])]);
        assert_eq!(line(&value), r#"{"a":[1,2],"b":[]}"#);
        assert_eq!(
            pretty(&value),
            "{\n  \"a\": [\n    1,\n    2\n  ],\n  \"b\": []\n}\n"
        );
    }
}

//! The environment variables that a function may be given.

use serde_json::Value;

use crate::aws::function::{RESERVED_VARIABLES, is_variable_name};
use crate::base::json;
use crate::control::{Error, Outcome};
use crate::neighbor::function::invalid;

/// AWS: "The total size of all environment variables doesn't exceed 4 KB."
const BYTES_MAX: usize = 4_096;

/// # Errors
/// AWS's, for a name that is none or is taken, and for too much text.
pub(super) fn check(variables: &Value) -> Outcome<()> {
    let Some(all) = variables.as_object() else {
        return Ok(());
    };
    const REFUSED: &str = "Lambda was unable to configure your environment variables because the \
                           environment variables you have provided";
    let taken = all
        .keys()
        .filter(|name| RESERVED_VARIABLES.contains(&name.as_str()));
    let taken: Vec<&str> = taken.map(String::as_str).collect();
    if !taken.is_empty() {
        return Err(invalid(format!(
            "{REFUSED} contains reserved keys that are currently not supported for modification. \
             Reserved keys used in this request: {}",
            taken.join(", ")
        )));
    }
    for (name, value) in all {
        if !is_variable_name(name) {
            return Err(Error::validation(format!(
                "1 validation error detected: Value '{name}' at 'environment.variables' failed to \
                 satisfy constraint: Map keys must satisfy constraint: [Member must satisfy regular \
                 expression pattern: [a-zA-Z]([a-zA-Z0-9_])+]"
            )));
        }
        if value.as_str().is_none_or(|text| text.contains('\0')) {
            return Err(invalid(format!("the value of {name} is no text")));
        }
    }
    let measured = json::line(variables);
    if measured.len() > BYTES_MAX {
        return Err(invalid(format!(
            "{REFUSED} exceeded the 4KB limit. String measured: {measured}"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_are_free_and_texts_are_short() {
        let check = |variables: Value, expected: Option<&str>| {
            let said = check(&variables).err().map(|error| error.message);
            let fits = match (&said, expected) {
                (Some(said), Some(expected)) => said.contains(expected),
                (said, expected) => said.is_none() && expected.is_none(),
            };
            assert!(fits, "{said:?}");
        };
        check(Value::Null, None);
        check(json!({}), None);
        check(json!({ "TABLE": "pets", "AWS_ACCESS_KEY_ID": "a" }), None);
        check(
            json!({ "AWS_REGION": "x", "_HANDLER": "y" }),
            Some("request: AWS_REGION, _HANDLER"),
        );
        check(json!({ "1A": "x" }), Some("'1A' at"));
        check(json!({ "A B": "x" }), Some("'A B' at"));
        check(json!({ "A": 1 }), Some("the value of A"));
        check(json!({ "A": "a\0b" }), Some("the value of A"));
        check(json!({ "A": "x".repeat(4_088) }), None);
        check(json!({ "A": "x".repeat(4_089) }), Some("4KB"));
    }
}

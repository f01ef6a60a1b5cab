//! What is wrong with a body, in the words that clients of API Gateway know.

use std::io;

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind};
use serde_json::Value;

/// One fault of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where it is: a JSON pointer (RFC 6901), empty for the whole body.
    pub pointer: String,
    /// As in `$context.error.validationErrorString`.
    pub message: String,
}

/// A longer text of the body is not repeated in a message.
const SHOWN_CHARACTERS_MAX: usize = 200;

/// Missing properties of one object become one fault.
pub(super) fn faults<'i>(errors: impl Iterator<Item = ValidationError<'i>>) -> Vec<Fault> {
    let mut faults: Vec<Fault> = Vec::new();
    let mut missing: Vec<(String, Vec<String>)> = Vec::new();
    for error in errors {
        let pointer = error.instance_path().as_str().to_owned();
        if let ValidationErrorKind::Required { property } = error.kind() {
            let name = shown(property);
            match missing.iter_mut().find(|(known, _)| *known == pointer) {
                Some((_, names)) => names.push(name),
                None => missing.push((pointer, vec![name])),
            }
            continue;
        }
        let message = message(error.kind(), error.instance());
        faults.push(Fault { pointer, message });
    }
    for (pointer, mut names) in missing {
        names.sort_unstable();
        let names = names.join(",");
        let message = format!("object has missing required properties ([{names}])");
        faults.push(Fault { pointer, message });
    }
    faults
}

fn message(kind: &ValidationErrorKind, instance: &Value) -> String {
    use ValidationErrorKind as Kind;
    let items = instance.as_array().map_or(0, Vec::len);
    let members = instance.as_object().map_or(0, serde_json::Map::len);
    match kind {
        Kind::Type { kind } => {
            let allowed = allowed(kind);
            let found = type_name(instance);
            format!(
                "instance type ({found}) does not match any allowed primitive type (allowed: [{allowed}])"
            )
        }
        Kind::Enum { options } => {
            let found = shown(instance);
            format!("instance value ({found}) not found in enum (possible values: {options})")
        }
        Kind::AdditionalProperties { unexpected } => {
            let names: Vec<String> = unexpected.iter().map(|name| quoted(name)).collect();
            format!(
                "object instance has properties which are not allowed by the schema: [{}]",
                names.join(",")
            )
        }
        Kind::AdditionalItems { limit } => {
            format!(
                "array is too long: must have at most {limit} elements but instance has {items} elements"
            )
        }
        Kind::MaxItems { limit } => format!(
            "array is too long: must have at most {limit} elements but instance has {items} elements"
        ),
        Kind::MinItems { limit } => format!(
            "array is too short: must have at least {limit} elements but instance has {items} elements"
        ),
        Kind::UniqueItems => "array must not contain duplicate elements".to_owned(),
        Kind::MaxProperties { limit } => format!(
            "object has too many properties (found {members} but schema requires at most {limit})"
        ),
        Kind::MinProperties { limit } => format!(
            "object has too few properties (found {members} but schema requires at least {limit})"
        ),
        Kind::Pattern { pattern } => {
            let found = shown(instance);
            format!("ECMA 262 regex \"{pattern}\" does not match input string {found}")
        }
        Kind::Format { format } => {
            let found = shown(instance);
            format!("string {found} is invalid against requested format \"{format}\"")
        }
        Kind::AnyOf { context } => {
            let count = context.len();
            format!("instance failed to match at least one required schema among {count}")
        }
        Kind::OneOfNotValid { context } => {
            let count = context.len();
            format!("instance failed to match exactly one schema (matched 0 out of {count})")
        }
        Kind::OneOfMultipleValid { context } => {
            let matched = context.iter().filter(|errors| errors.is_empty()).count();
            format!(
                "instance failed to match exactly one schema (matched {matched} out of {})",
                context.len()
            )
        }
        Kind::Not { .. } => "instance matched a schema which it should not have".to_owned(),
        Kind::BacktrackLimitExceeded { .. } => "a pattern takes too many steps".to_owned(),
        _ => scalar_message(kind, instance)
            .unwrap_or_else(|| "instance does not follow the schema".to_owned()),
    }
}

/// Bounds of numbers and texts.
fn scalar_message(kind: &ValidationErrorKind, instance: &Value) -> Option<String> {
    use ValidationErrorKind as Kind;
    let found = shown(instance);
    let length = instance.as_str().map_or(0, |text| text.chars().count());
    Some(match kind {
        Kind::Maximum { limit } => format!(
            "numeric instance is greater than the required maximum (maximum: {limit}, found: {found})"
        ),
        Kind::Minimum { limit } => format!(
            "numeric instance is lower than the required minimum (minimum: {limit}, found: {found})"
        ),
        Kind::ExclusiveMaximum { limit } => {
            format!("numeric instance is not strictly lower than the required maximum {limit}")
        }
        Kind::ExclusiveMinimum { limit } => {
            format!("numeric instance is not strictly greater than the required minimum {limit}")
        }
        Kind::MultipleOf { multiple_of } => {
            format!("remainder of division is not zero ({found} / {multiple_of})")
        }
        Kind::MaxLength { limit } => {
            format!("string {found} is too long (length: {length}, maximum allowed: {limit})")
        }
        Kind::MinLength { limit } => {
            format!("string {found} is too short (length: {length}, required minimum: {limit})")
        }
        _ => return None,
    })
}

/// The types as a list of JSON strings, without brackets.
fn allowed(kind: &TypeKind) -> String {
    match kind {
        TypeKind::Single(one) => quoted(&one.to_string()),
        TypeKind::Multiple(many) => {
            let names: Vec<String> = many.iter().map(|one| quoted(&one.to_string())).collect();
            names.join(",")
        }
    }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// As JSON, cut off when it is long.
fn shown(value: &Value) -> String {
    let mut head = Head(Vec::new());
    // Ends with an error where it is full.
    let _ = serde_json::to_writer(&mut head, value);
    let text = String::from_utf8_lossy(&head.0);
    if text.len() <= SHOWN_CHARACTERS_MAX {
        return text.into_owned();
    }
    let mut cut: String = text.chars().take(SHOWN_CHARACTERS_MAX).collect();
    cut.push('…');
    cut
}

/// Keeps what of a text may be shown.
struct Head(Vec<u8>);

impl io::Write for Head {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A character has four bytes at most; one more tells that there is more.
        let room = 4 * SHOWN_CHARACTERS_MAX + 4 - self.0.len();
        let taken = bytes.len().min(room);
        self.0.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

//! Path, query, header and body members to an input.

use serde_json::{Map, Value};

use crate::control::error::{Error, Outcome};
use crate::control::protocol::operation::{
    Member, Operation, Place, ScalarKind, Service, ServiceName, Shape, ShapeId,
};
use crate::control::protocol::query;

/// What an operation was given: members by AWS's names with a small first letter.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Input {
    pub members: Map<String, Value>,
    /// The body of an operation whose body is one member.
    pub payload: Vec<u8>,
}

/// The parts of a request that members come from.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    pub labels: &'a [(&'static str, String)],
    pub query: &'a str,
    /// Names in lower case.
    pub headers: &'a [(String, String)],
    pub body: &'a [u8],
}

impl Input {
    /// The text of a member; none if it is absent.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.members.get(key).and_then(Value::as_str)
    }

    /// The text of a member that cannot be absent, such as one of the path.
    pub fn given(&self, key: &str) -> &str {
        self.text(key).unwrap_or_default()
    }

    pub fn flag(&self, key: &str) -> Option<bool> {
        self.members.get(key).and_then(Value::as_bool)
    }

    pub fn integer(&self, key: &str) -> Option<i64> {
        self.members.get(key).and_then(Value::as_i64)
    }

    pub fn has(&self, key: &str) -> bool {
        self.members.contains_key(key)
    }
}

/// Reads the members of `operation` out of a request.
///
/// # Errors
/// A body that is no JSON, or a value of another type than its member.
pub fn decode(service: &Service, operation: &Operation, parts: &Parts<'_>) -> Outcome<Input> {
    let mut input = Input::default();
    let Some(Shape::Structure { members, payload }) = operation.input.map(|id| service.shape(id))
    else {
        return Ok(input);
    };
    if payload.is_some() {
        input.payload = parts.body.to_vec();
    } else if members.iter().any(|member| member.place == Place::Body) {
        input.members = body(service, members, parts.body)?;
    }
    let pairs = query::pairs(parts.query);
    for member in members {
        let texts: Vec<&str> = match member.place {
            Place::Body => continue,
            Place::Uri => named(parts.labels.iter().map(|(n, v)| (*n, v)), &member.wire),
            Place::Query => named(pairs.iter().map(|(n, v)| (n.as_str(), v)), &member.wire),
            Place::Header => {
                let wire = member.wire.to_ascii_lowercase();
                named(parts.headers.iter().map(|(n, v)| (n.as_str(), v)), &wire)
            }
        };
        if let Some(value) = of_texts(service, member, &texts, &pairs)? {
            input.members.insert(member.key.clone(), value);
        }
    }
    Ok(input)
}

fn named<'a>(pairs: impl Iterator<Item = (&'a str, &'a String)>, name: &str) -> Vec<&'a str> {
    let found = pairs.filter(|(other, _)| *other == name);
    found.map(|(_, value)| value.as_str()).collect()
}

fn body(service: &Service, members: &[Member], bytes: &[u8]) -> Outcome<Map<String, Value>> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Map::new());
    }
    let value: Value = serde_json::from_slice(bytes)
        .map_err(|_| Error::serialization("Unable to parse the request body as JSON"))?;
    match value {
        Value::Object(object) => structure(service, members, object),
        _ => Err(Error::serialization("Unexpected value type in payload")),
    }
}

/// Members by their keys. Those that are null or unknown are as if they had not been sent.
fn structure(
    service: &Service,
    members: &[Member],
    mut object: Map<String, Value>,
) -> Outcome<Map<String, Value>> {
    let mut found = Map::new();
    for member in members.iter().filter(|m| m.place == Place::Body) {
        match object.remove(&member.wire) {
            None | Some(Value::Null) => {}
            Some(value) => {
                found.insert(member.key.clone(), typed(service, member.shape, value)?);
            }
        }
    }
    Ok(found)
}

/// The value, if it is of the shape's type.
fn typed(service: &Service, shape: ShapeId, value: Value) -> Outcome<Value> {
    match (service.shape(shape), value) {
        (Shape::Structure { members, .. }, Value::Object(object)) => {
            structure(service, members, object).map(Value::Object)
        }
        (Shape::List(of), Value::Array(items)) => {
            let items = items.into_iter().filter(|item| !item.is_null());
            let items: Outcome<Vec<Value>> = items.map(|item| typed(service, *of, item)).collect();
            items.map(Value::Array)
        }
        (Shape::Map(of), Value::Object(entries)) => {
            // The first service keeps an entry without a value, and shows it.
            let is_kept = |value: &Value| !value.is_null() || service.name == ServiceName::Rest;
            let entries = entries.into_iter().filter(|(_, value)| is_kept(value));
            let entries: Outcome<Map<String, Value>> = entries
                .map(|(key, value)| match value {
                    Value::Null => Ok((key, Value::Null)),
                    value => Ok((key, typed(service, *of, value)?)),
                })
                .collect();
            entries.map(Value::Object)
        }
        (Shape::Scalar(scalar), value) => match (scalar.kind, &value) {
            (ScalarKind::Text | ScalarKind::Blob, Value::String(_))
            | (ScalarKind::Flag, Value::Bool(_))
            | (ScalarKind::IsoDate, Value::String(_))
            | (ScalarKind::Number | ScalarKind::EpochDate, Value::Number(_)) => Ok(value),
            (ScalarKind::Integer, Value::Number(number)) => Ok(match number.as_f64() {
                Some(float) if number.is_f64() => Value::from(float as i64),
                _ => value,
            }),
            (kind, _) => Err(mismatch(kind, &value)),
        },
        (Shape::List(_), value) => Err(mismatch_of("a list", &value)),
        (_, value) => Err(mismatch_of("a structure or map", &value)),
    }
}

/// AWS's words, which name the classes of its own parser.
fn mismatch(kind: ScalarKind, value: &Value) -> Error {
    let wanted = match kind {
        ScalarKind::Text | ScalarKind::Blob | ScalarKind::IsoDate => "an String",
        ScalarKind::Flag => "an Boolean",
        ScalarKind::Integer => "an Integer",
        ScalarKind::Number | ScalarKind::EpochDate => "an Double",
    };
    let given = match value {
        Value::Bool(_) => "class java.lang.Boolean",
        Value::Number(_) => "class com.amazon.coral.value.json.numbers.TruncatingBigNumber",
        Value::String(_) => "class java.lang.String",
        other => return mismatch_of(wanted, other),
    };
    Error::serialization(format!("{given} can not be converted to {wanted}"))
}

fn mismatch_of(wanted: &str, value: &Value) -> Error {
    let given = match value {
        Value::Array(_) => "Start of list",
        Value::Object(_) => "Start of structure or map",
        _ => return Error::serialization(format!("Expected {wanted}")),
    };
    Error::serialization(format!("{given} found where not expected."))
}

/// The value of a member outside of the body, whose texts are these.
fn of_texts(
    service: &Service,
    member: &Member,
    texts: &[&str],
    pairs: &[(String, String)],
) -> Outcome<Option<Value>> {
    let list = || Value::Array(texts.iter().map(|text| (*text).into()).collect());
    Ok(match service.shape(member.shape) {
        Shape::List(_) => (!texts.is_empty()).then(list),
        Shape::Map(_) if member.place == Place::Query => {
            let all = pairs
                .iter()
                .map(|(name, value)| (name.clone(), value.as_str().into()));
            Some(Value::Object(all.collect()))
        }
        Shape::Scalar(scalar) => match (texts.first(), scalar.kind) {
            (None, _) => None,
            (Some(text), ScalarKind::Flag) => Some((*text == "true").into()),
            (Some(text), ScalarKind::Integer) => {
                let number: i64 = text.parse().map_err(|_| {
                    Error::serialization(format!("{text} can not be converted to an Integer"))
                })?;
                Some(number.into())
            }
            (Some(text), _) => Some((*text).into()),
        },
        _ => None,
    })
}

//! Outputs to answers: AWS's names, its dates, and what it leaves out.

use serde_json::{Map, Number, Value};

use crate::base::date;
use crate::control::protocol::operation::{
    Operation, Place, ScalarKind, Service, ServiceName, Shape, ShapeId,
};

/// What goes back besides the status.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Encoded {
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// `output` holds members by the names that operations use, dates as milliseconds since 1970 and
/// perhaps more than AWS shows: only the members of the output's shape go out, in their order,
/// and never one that is null.
pub fn encode(service: &Service, operation: &Operation, output: &Value) -> Encoded {
    let Some(id) = operation.output else {
        return Encoded::default();
    };
    let Shape::Structure { members, payload } = service.shape(id) else {
        return Encoded::default();
    };
    let mut encoded = Encoded::default();
    for member in members.iter().filter(|m| m.place == Place::Header) {
        if let Some(text) = output.get(&member.key).and_then(Value::as_str) {
            encoded.headers.push((member.wire.clone(), text.to_owned()));
        }
    }
    encoded.body = match payload {
        Some(key) => {
            let text = output.get(key).and_then(Value::as_str);
            text.unwrap_or_default().as_bytes().to_vec()
        }
        None => shown(service, id, output).to_string().into_bytes(),
    };
    encoded
}

fn shown(service: &Service, id: ShapeId, value: &Value) -> Value {
    match (service.shape(id), value) {
        (Shape::Structure { members, .. }, Value::Object(object)) => {
            let mut shown_members = Map::new();
            for member in members.iter().filter(|m| m.place == Place::Body) {
                match object.get(&member.key) {
                    None | Some(Value::Null) => {}
                    Some(value) => {
                        let value = shown(service, member.shape, value);
                        shown_members.insert(member.wire.clone(), value);
                    }
                }
            }
            Value::Object(shown_members)
        }
        (Shape::List(of), Value::Array(items)) => {
            Value::Array(items.iter().map(|item| shown(service, *of, item)).collect())
        }
        (Shape::Map(of), Value::Object(entries)) => {
            let is_shown = |value: &Value| !value.is_null() || service.name == ServiceName::Rest;
            let entries = entries.iter().filter(|(_, value)| is_shown(value));
            let entries = entries.map(|(key, value)| (key.clone(), shown(service, *of, value)));
            Value::Object(entries.collect())
        }
        (Shape::Scalar(scalar), value) => match (scalar.kind, value.as_u64(), value.as_f64()) {
            (ScalarKind::EpochDate, Some(ms), _) => Value::from(ms / 1000),
            (ScalarKind::IsoDate, Some(ms), _) => Value::from(date::iso8601(ms)),
            // `200.0`, also where it is whole.
            (ScalarKind::Number, _, Some(number)) => {
                Number::from_f64(number).map_or(Value::Null, Value::Number)
            }
            _ => value.clone(),
        },
        (_, value) => value.clone(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_service_has_its_names_dates_and_omissions() {
        let check = |name: ServiceName, operation: &str, output: Value, expected: Value| {
            let service = name.service();
            let encoded = encode(service, service.operation(operation).unwrap(), &output);
            let body: Value = serde_json::from_slice(&encoded.body).unwrap();
            assert_eq!(body, expected, "{operation}");
        };
        check(
            ServiceName::Rest,
            "GetRestApis",
            json!({"items": [{"id": "a", "createdDate": 1_700_000_000_999_u64, "secret": 1, "tags": null}]}),
            json!({"item": [{"id": "a", "createdDate": 1_700_000_000}]}),
        );
        check(
            ServiceName::V2,
            "GetApis",
            json!({"items": [{"apiId": "a", "createdDate": 1_700_000_000_000_u64}]}),
            json!({"items": [{"apiId": "a", "createdDate": "2023-11-14T22:13:20Z"}]}),
        );
        check(
            ServiceName::Rest,
            "GetUsagePlan",
            json!({"throttle": {"rateLimit": 200, "burstLimit": 5}}),
            json!({"throttle": {"burstLimit": 5, "rateLimit": 200.0}}),
        );
    }
}

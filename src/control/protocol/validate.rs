//! What the shapes alone forbid: said first, all at once, in AWS's words.

use serde_json::Value;

use crate::control::error::{Error, Outcome};
use crate::control::protocol::Input;
use crate::control::protocol::operation::{
    Member, Operation, Place, Scalar, Service, ServiceName, Shape, ShapeId,
};

/// Checks required members, sets of values, patterns, lengths and ranges. Upper limits of numbers
/// and lengths hold only where `strict`.
///
/// # Errors
/// All violations together: a `ValidationException` of `apigateway`; `apigatewayv2` has a
/// `BadRequestException` with the first of them.
pub fn validate(
    service: &Service,
    operation: &Operation,
    input: &Input,
    strict: bool,
) -> Outcome<()> {
    let Some(Shape::Structure { members, payload }) = operation.input.map(|id| service.shape(id))
    else {
        return Ok(());
    };
    let mut walk = Walk {
        service,
        strict,
        found: Vec::new(),
    };
    let mut letters = operation.name.chars();
    let first = letters.next().map(|first| first.to_ascii_lowercase());
    let name: String = first.into_iter().chain(letters).collect();
    for member in members {
        let path = match member.place {
            // The body itself may be empty only where an operation says so.
            _ if payload.as_deref() == Some(member.key.as_str()) => continue,
            Place::Body => format!("{name}Input.{}", member.key),
            _ => member.key.clone(),
        };
        walk.member(member, input.members.get(&member.key), &path);
    }
    let Some(first) = walk.found.first() else {
        return Ok(());
    };
    Err(match service.name {
        ServiceName::V2 => Error::bad_request(first.plain()),
        ServiceName::Rest => {
            let texts: Vec<String> = walk.found.iter().map(Violation::text).collect();
            let plural = if texts.len() == 1 { "" } else { "s" };
            let count = texts.len();
            let all = texts.join("; ");
            Error::validation(format!("{count} validation error{plural} detected: {all}"))
        }
    })
}

struct Walk<'a> {
    service: &'a Service,
    strict: bool,
    found: Vec<Violation>,
}

struct Violation {
    /// As shown: `'x'`, or `null`.
    value: String,
    path: String,
    rule: Rule,
}

enum Rule {
    NotNull,
    Among(Vec<String>),
    EachAmong(Vec<String>),
    Pattern(String),
    LengthMin(i64),
    LengthMax(i64),
    Min(i64),
    Max(i64),
}

impl Violation {
    fn text(&self) -> String {
        let rule = match &self.rule {
            Rule::NotNull => "Member must not be null".to_owned(),
            Rule::Among(values) => among(values),
            Rule::EachAmong(values) => {
                format!("Member must satisfy constraint: [{}]", among(values))
            }
            Rule::Pattern(pattern) => {
                format!("Member must satisfy regular expression pattern: {pattern}")
            }
            Rule::LengthMin(min) => {
                format!("Member must have length greater than or equal to {min}")
            }
            Rule::LengthMax(max) => format!("Member must have length less than or equal to {max}"),
            Rule::Min(min) => format!("Member must have value greater than or equal to {min}"),
            Rule::Max(max) => format!("Member must have value less than or equal to {max}"),
        };
        let (value, path) = (&self.value, &self.path);
        format!("Value {value} at '{path}' failed to satisfy constraint: {rule}")
    }

    /// As the second service says it, without the name of the operation.
    fn plain(&self) -> String {
        let path = self
            .path
            .split_once("Input.")
            .map_or(&*self.path, |(_, path)| path);
        match &self.rule {
            Rule::NotNull => format!("{path} is required"),
            Rule::Among(values) | Rule::EachAmong(values) => {
                let what = if path == "protocolType" {
                    "protocol"
                } else {
                    path
                };
                format!(
                    "Invalid {what} specified. Must be one of [{}]",
                    values.join(", ")
                )
            }
            Rule::Pattern(pattern) => format!("{path} must match {pattern}"),
            Rule::LengthMin(min) => format!("{path} must have at least {min} characters"),
            Rule::LengthMax(max) => format!("{path} must have at most {max} characters"),
            Rule::Min(min) => format!("{path} must be at least {min}"),
            Rule::Max(max) => format!("{path} must be at most {max}"),
        }
    }
}

fn among(values: &[String]) -> String {
    format!(
        "Member must satisfy enum value set: [{}]",
        values.join(", ")
    )
}

impl Walk<'_> {
    fn member(&mut self, member: &Member, value: Option<&Value>, path: &str) {
        match value {
            Some(value) => self.value(member.shape, value, path),
            None if member.is_required => self.found.push(Violation {
                value: "null".to_owned(),
                path: path.to_owned(),
                rule: Rule::NotNull,
            }),
            None => {}
        }
    }

    fn value(&mut self, shape: ShapeId, value: &Value, path: &str) {
        match (self.service.shape(shape), value) {
            (Shape::Structure { members, .. }, Value::Object(object)) => {
                for member in members {
                    let path = format!("{path}.{}", member.key);
                    self.member(member, object.get(&member.key), &path);
                }
            }
            (Shape::List(of), Value::Array(items)) => self.list(*of, items, path),
            (Shape::Map(of), Value::Object(entries)) => {
                for (key, value) in entries {
                    self.value(*of, value, &format!("{path}.{key}.member"));
                }
            }
            (Shape::Scalar(scalar), value) => self.scalar(scalar, value, path),
            _ => {}
        }
    }

    /// A list of choices is one violation, whatever of it is wrong.
    fn list(&mut self, of: ShapeId, items: &[Value], path: &str) {
        if let Shape::Scalar(scalar) = self.service.shape(of)
            && !scalar.values.is_empty()
        {
            let texts: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
            if texts.iter().any(|text| !is_among(scalar, text)) {
                self.found.push(Violation {
                    value: format!("'[{}]'", texts.join(", ")),
                    path: path.to_owned(),
                    rule: Rule::EachAmong(in_order(scalar)),
                });
            }
            return;
        }
        for (index, item) in items.iter().enumerate() {
            self.value(of, item, &format!("{path}.{}.member", index + 1));
        }
    }

    fn scalar(&mut self, scalar: &Scalar, value: &Value, path: &str) {
        let rule = match value {
            Value::String(text) => text_rule(scalar, text),
            Value::Number(number) => {
                let number = number.as_i64().unwrap_or_default();
                let low = scalar.min.filter(|min| number < *min).map(Rule::Min);
                low.or_else(|| scalar.max.filter(|max| number > *max).map(Rule::Max))
            }
            _ => None,
        };
        let is_upper = matches!(rule, Some(Rule::Max(_) | Rule::LengthMax(_)));
        if let Some(rule) = rule.filter(|_| self.strict || !is_upper) {
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            self.found.push(Violation {
                value: format!("'{text}'"),
                path: path.to_owned(),
                rule,
            });
        }
    }
}

fn text_rule(scalar: &Scalar, text: &str) -> Option<Rule> {
    if !scalar.values.is_empty() {
        return (!is_among(scalar, text)).then(|| Rule::Among(in_order(scalar)));
    }
    if let Some(pattern) = &scalar.pattern
        && !matches_pattern(pattern, text)
    {
        return Some(Rule::Pattern(pattern.clone()));
    }
    let length = text.chars().count() as i64;
    let short = scalar.min.filter(|min| length < *min).map(Rule::LengthMin);
    short.or_else(|| scalar.max.filter(|max| length > *max).map(Rule::LengthMax))
}

/// The patterns of the tables are so few that each is known by its text.
fn matches_pattern(pattern: &str, text: &str) -> bool {
    let is_status = || {
        let bytes = text.as_bytes();
        bytes.len() == 3
            && (b'1'..=b'5').contains(&bytes[0])
            && bytes.iter().all(u8::is_ascii_digit)
    };
    match pattern {
        STATUS => is_status(),
        STATUS_OR_ANY => is_status() || text == "*" || text.chars().all(char::is_whitespace),
        SMALL => {
            let fine = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
            !text.is_empty() && text.bytes().all(fine)
        }
        _ => true,
    }
}

const STATUS: &str = r"[1-5]\d\d";
const STATUS_OR_ANY: &str = r"^([1-5]\d\d|\*|\s*)$";
const SMALL: &str = "^[a-z0-9]+$";

fn is_among(scalar: &Scalar, text: &str) -> bool {
    scalar.values.iter().any(|value| value == text)
}

/// The values in the order in which AWS prints them, where it has been seen.
fn in_order(scalar: &Scalar) -> Vec<String> {
    let known = ORDERS.iter().find(|order| {
        order.len() == scalar.values.len() && order.iter().all(|value| is_among(scalar, value))
    });
    match known {
        Some(order) => order.iter().map(|value| (*value).to_owned()).collect(),
        None => scalar.values.clone(),
    }
}

const ORDERS: &[&[&str]] = &[
    &["HTTP", "MOCK", "AWS_PROXY", "HTTP_PROXY", "AWS"],
    &["PRIVATE", "EDGE", "REGIONAL"],
    &["HTTP", "WEBSOCKET"],
    &["ipv4", "dualstack"],
    &["add", "remove", "move", "test", "replace", "copy"],
    &[
        "REQUEST_TOO_LARGE",
        "RESOURCE_NOT_FOUND",
        "AUTHORIZER_CONFIGURATION_ERROR",
        "MISSING_AUTHENTICATION_TOKEN",
        "BAD_REQUEST_BODY",
        "INVALID_SIGNATURE",
        "INVALID_API_KEY",
        "BAD_REQUEST_PARAMETERS",
        "AUTHORIZER_FAILURE",
        "UNAUTHORIZED",
        "INTEGRATION_TIMEOUT",
        "ACCESS_DENIED",
        "DEFAULT_4XX",
        "DEFAULT_5XX",
        "WAF_FILTERED",
        "QUOTA_EXCEEDED",
        "THROTTLED",
        "API_CONFIGURATION_ERROR",
        "UNSUPPORTED_MEDIA_TYPE",
        "INTEGRATION_FAILURE",
        "EXPIRED_TOKEN",
    ],
];

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;

    fn violations(name: ServiceName, operation: &str, members: Value) -> String {
        let service = name.service();
        let operation = service.operation(operation).unwrap();
        let Value::Object(members) = members else {
            return String::new();
        };
        let input = Input {
            members,
            payload: Vec::new(),
        };
        let outcome = validate(service, operation, &input, true);
        outcome.map_or_else(|error| error.message, |()| String::new())
    }

    #[test]
    fn all_violations_are_told_at_once_in_awss_words() {
        let check = |operation: &str, members: Value, expected: &str| {
            assert_eq!(violations(ServiceName::Rest, operation, members), expected);
        };
        check("CreateRestApi", json!({"name": "a"}), "");
        check(
            "CreateRestApi",
            json!({"name": "a", "endpointConfiguration": {"types": ["wrong"]}}),
            "1 validation error detected: Value '[wrong]' at \
             'createRestApiInput.endpointConfiguration.types' failed to satisfy constraint: Member \
             must satisfy constraint: [Member must satisfy enum value set: [PRIVATE, EDGE, REGIONAL]]",
        );
        check(
            "UpdateRestApi",
            json!({"restApiId": "a", "patchOperations": [{"op": "x"}, {"op": "y"}]}),
            "2 validation errors detected: Value 'x' at \
             'updateRestApiInput.patchOperations.1.member.op' failed to satisfy constraint: Member \
             must satisfy enum value set: [add, remove, move, test, replace, copy]; Value 'y' at \
             'updateRestApiInput.patchOperations.2.member.op' failed to satisfy constraint: Member \
             must satisfy enum value set: [add, remove, move, test, replace, copy]",
        );
        let keys = json!({"restApiId": "a", "resourceId": "r", "httpMethod": "GET", "statusCode": "wrong"});
        check(
            "PutIntegrationResponse",
            keys,
            r"1 validation error detected: Value 'wrong' at 'statusCode' failed to satisfy constraint: Member must satisfy regular expression pattern: [1-5]\d\d",
        );
    }

    #[test]
    fn the_second_service_tells_the_first_one_plainly() {
        let members = json!({"name": "a", "protocolType": "FTP"});
        let message = violations(ServiceName::V2, "CreateApi", members);
        assert_eq!(
            message,
            "Invalid protocol specified. Must be one of [HTTP, WEBSOCKET]"
        );
    }

    #[test]
    fn no_pattern_of_the_tables_is_unknown() {
        for name in [ServiceName::Rest, ServiceName::V2] {
            for shape in &name.service().shapes {
                if let Shape::Scalar(Scalar {
                    pattern: Some(pattern),
                    ..
                }) = shape
                {
                    assert!(
                        [STATUS, STATUS_OR_ANY, SMALL].contains(&pattern.as_str()),
                        "{pattern}"
                    );
                }
            }
        }
    }
}

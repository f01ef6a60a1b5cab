//! First-class integrations of HTTP APIs, checked when they are written.

use serde_json::Value;

use crate::aws::Arn;
use crate::aws::subtype::{Kind, REGION, Subtype};
use crate::control::desk::{Record, text};
use crate::control::error::{Error, Outcome};
use crate::lang::mapping::{Expression, Side};

/// # Errors
/// What is wrong with it, in AWS's words where they are known.
pub fn check(record: &Record) -> Outcome<()> {
    let name = text(record, "integrationSubtype");
    if text(record, "integrationType") != "AWS_PROXY" {
        let message = "IntegrationSubtype is only supported for AWS_PROXY integrations";
        return Err(Error::bad_request(message));
    }
    let Some(subtype) = Subtype::named(name) else {
        let message = format!("Operation: {name} is not supported.");
        return Err(Error::bad_request(message));
    };
    if text(record, "payloadFormatVersion") != "1.0" {
        let message = format!("Operation: {name} only supports payload format version 1.0");
        return Err(Error::bad_request(message));
    }
    let given = record.get("requestParameters").and_then(Value::as_object);
    let given = || given.into_iter().flatten();
    for (parameter, value) in given() {
        check_parameter(subtype, parameter, value.as_str().unwrap_or_default())?;
    }
    let is_given = |name: &str| given().any(|(other, _)| other == name);
    for parameter in subtype.parameters {
        if parameter.is_required && !is_given(parameter.name) {
            let parameter = parameter.name;
            let message = format!("Parameter: {parameter} is required for Operation: {name}.");
            return Err(Error::bad_request(message));
        }
    }
    check_credentials(text(record, "credentialsArn"))
}

fn check_parameter(subtype: &Subtype, name: &str, value: &str) -> Outcome<()> {
    let invalid = || {
        // As recorded.
        Error::bad_request(format!(
            "Invalid selection expression specified: Validation Result: warnings : [], errors : \
             [Invalid source: {value} specified for destination: {name}]"
        ))
    };
    if name == REGION {
        // Where the gateway's signature goes is not the client's to say.
        let is_region =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        return match value.bytes().all(is_region) {
            true => Ok(()),
            false => Err(invalid()),
        };
    }
    let Some(parameter) = subtype.parameter(name) else {
        // As recorded.
        let operation = subtype.name;
        let message = format!("Parameter: {name} does not fit schema for Operation: {operation}.");
        return Err(Error::bad_request(message));
    };
    let expression = Expression::parse(value, Side::Request).map_err(|_| invalid())?;
    // As recorded: attributes without any variable are refused.
    let is_fixed = expression.sources().next().is_none();
    match parameter.kind {
        Kind::Attributes if is_fixed => Err(invalid()),
        kind if is_fixed && !kind.fits(value.as_bytes()) => Err(invalid()),
        _ => Ok(()),
    }
}

fn check_credentials(arn: &str) -> Outcome<()> {
    let is_fit = |arn: Arn<'_>| {
        let resource = arn.resource;
        arn.service == "iam" && (resource.starts_with("role/") || resource.starts_with("user/"))
    };
    match arn.is_empty() || Arn::parse(arn).is_some_and(is_fit) {
        true => Ok(()),
        false => Err(Error::bad_request("Invalid ARN specified in the request")),
    }
}

/// AWS has no credentials of its own for them.
///
/// # Errors
/// There are none.
pub fn require_credentials(record: &Record) -> Outcome<()> {
    let name = text(record, "integrationSubtype");
    match name.is_empty() || !text(record, "credentialsArn").is_empty() {
        true => Ok(()),
        false => Err(Error::bad_request(format!(
            "CredentialsArn is required for Operation: {name}."
        ))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refusal(subtype: &str, parameters: &[(&str, &str)], more: Value) -> String {
        let parameters = parameters.iter();
        let parameters = parameters.map(|(name, value)| ((*name).to_owned(), json!(value)));
        let mut record = Record::from_iter([
            ("integrationType".to_owned(), "AWS_PROXY".into()),
            ("integrationSubtype".to_owned(), subtype.into()),
            ("payloadFormatVersion".to_owned(), "1.0".into()),
            (
                "requestParameters".to_owned(),
                Value::Object(parameters.collect()),
            ),
        ]);
        if let Value::Object(more) = more {
            record.extend(more);
        }
        let refused = check(&record).and_then(|()| require_credentials(&record));
        refused.err().map(|error| error.message).unwrap_or_default()
    }

    fn source(value: &str, name: &str) -> String {
        format!(
            "Invalid selection expression specified: Validation Result: warnings : [], errors : \
             [Invalid source: {value} specified for destination: {name}]"
        )
    }

    const ROLE: &str = "arn:aws:iam::111122223333:role/r";

    #[test]
    fn an_integration_has_all_that_its_action_requires_and_nothing_else() {
        let role = json!({ "credentialsArn": ROLE });
        let put = |parameters: &[(&str, &str)]| {
            let mut all = vec![
                ("Detail", "$request.body"),
                ("DetailType", "made"),
                ("Source", "${context.apiId}.orders"),
            ];
            all.retain(|(name, _)| !parameters.contains(&(name, "")));
            all.extend(parameters.iter().filter(|(_, value)| !value.is_empty()));
            refusal("EventBridge-PutEvents", &all, role.clone())
        };
        assert_eq!(put(&[]), "");
        assert_eq!(put(&[("Region", "eu-west-3"), ("Time", "1440938160")]), "");
        let missing = "Parameter: Source is required for Operation: EventBridge-PutEvents.";
        assert_eq!(put(&[("Source", "")]), missing);
        let unknown = "Parameter: detail does not fit schema for Operation: EventBridge-PutEvents.";
        assert_eq!(put(&[("detail", "x")]), unknown);
        for (name, value) in [
            ("EventBusName", "$request.cookie.a"),
            ("EventBusName", "$response.header.a"),
            ("Time", "tomorrow"),
            ("Region", "$request.header.region"),
            ("Region", "evil.example/"),
        ] {
            assert_eq!(put(&[(name, value)]), source(value, name));
        }
    }

    #[test]
    fn attributes_need_a_variable() {
        let send = |attributes: &str| {
            let parameters = [
                ("QueueUrl", "https://sqs.example/1/q"),
                ("MessageBody", "$request.body.message"),
                ("MessageAttributes", attributes),
            ];
            refusal(
                "SQS-SendMessage",
                &parameters,
                json!({ "credentialsArn": ROLE }),
            )
        };
        let fixed = r#"{"somename":{"DataType":"String","StringValue":"somevalue"}}"#;
        assert_eq!(send(fixed), source(fixed, "MessageAttributes"));
        assert_eq!(send(&fixed.replace("somevalue", "${request.header.a}")), "");
        assert_eq!(send("$context.authorizer.claims.all"), "");
    }

    #[test]
    fn what_an_action_cannot_be_of_is_refused() {
        let queue = [("QueueUrl", "$request.header.queueUrl")];
        let check = |more: Value, expected: &str| {
            assert_eq!(refusal("SQS-PurgeQueue", &queue, more), expected);
        };
        check(json!({ "credentialsArn": ROLE }), "");
        check(json!({ "credentialsArn": "arn:aws:iam::*:user/*" }), "");
        let none = "CredentialsArn is required for Operation: SQS-PurgeQueue.";
        check(json!({}), none);
        let invalid = "Invalid ARN specified in the request";
        check(json!({ "credentialsArn": "role" }), invalid);
        check(
            json!({ "credentialsArn": "arn:aws:sqs:eu-west-1:1:q" }),
            invalid,
        );
        let version = "Operation: SQS-PurgeQueue only supports payload format version 1.0";
        check(json!({ "payloadFormatVersion": "2.0" }), version);
        let kind = "IntegrationSubtype is only supported for AWS_PROXY integrations";
        check(json!({ "integrationType": "HTTP_PROXY" }), kind);
        let unknown = refusal("SQS-Nothing", &queue, json!({}));
        assert_eq!(unknown, "Operation: SQS-Nothing is not supported.");
    }
}

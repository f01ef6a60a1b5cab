//! Who may invoke a function: statements that AddPermission makes. What of them lets APIs in is
//! told to the room that runs functions, which asks it in strict mode.

use serde_json::{Value, json};

use crate::control::{Error, Outcome};
use crate::lambda::{self, Permit};
use crate::neighbor::function::change::Own;
use crate::neighbor::function::record::Function;
use crate::neighbor::function::{conflict, invalid};

pub(super) fn add(function: &mut Function, own: &Own) -> Outcome<(u16, Value)> {
    let input = &own.input;
    let sid = input["StatementId"].as_str().unwrap_or_default();
    let qualifier = own.qualifier.clone().unwrap_or_default();
    if qualifier == lambda::VERSION_LATEST {
        let message = "We currently do not support adding policies for $LATEST.";
        return Err(invalid(message));
    }
    if !qualifier.is_empty() {
        function.version(Some(&qualifier))?;
    }
    is_well_formed(input)?;
    let statements = function.policies.entry(qualifier.clone()).or_default();
    if statements.iter().any(|statement| statement["Sid"] == sid) {
        let message = format!(
            "The statement id ({sid}) provided already exists. Please provide a new statement id, \
             or remove the existing statement."
        );
        return Err(conflict(message));
    }
    let principal = input["Principal"].as_str().unwrap_or_default();
    let principal = match principal {
        "*" => json!("*"),
        service if service.ends_with(".amazonaws.com") => json!({ "Service": service }),
        other => json!({ "AWS": other }),
    };
    let resource = match qualifier.as_str() {
        "" => function.arn.clone(),
        qualifier => format!("{}:{qualifier}", function.arn),
    };
    let mut statement = json!({
        "Sid": sid,
        "Effect": "Allow",
        "Principal": principal,
        "Action": input["Action"],
        "Resource": resource,
    });
    if let Some(source) = input["SourceArn"].as_str() {
        statement["Condition"]["ArnLike"] = json!({ "AWS:SourceArn": source });
    }
    if let Some(account) = input["SourceAccount"].as_str() {
        statement["Condition"]["StringEquals"] = json!({ "AWS:SourceAccount": account });
    }
    if let Some(organization) = input["PrincipalOrgID"].as_str() {
        statement["Condition"]["StringEquals"]["aws:PrincipalOrgID"] = json!(organization);
    }
    statements.push(statement.clone());
    Ok((201, json!({ "Statement": statement.to_string() })))
}

/// The patterns of AWS's request.
fn is_well_formed(input: &Value) -> Outcome<()> {
    let check = |member: &str, pattern: &str, fits: fn(&str) -> bool| {
        let text = input[member].as_str().unwrap_or_default();
        if fits(text) {
            return Ok(());
        }
        let name = member[..1].to_ascii_lowercase() + &member[1..];
        Err(Error::validation(format!(
            "1 validation error detected: Value '{text}' at '{name}' failed to satisfy constraint: \
             Member must satisfy regular expression pattern: {pattern}"
        )))
    };
    check("StatementId", "([a-zA-Z0-9-_]+)", |text| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        !text.is_empty() && text.bytes().all(fits)
    })?;
    check("Action", "(lambda:[*]|lambda:[a-zA-Z]+|[*])", |text| {
        let name = text.strip_prefix("lambda:");
        let is_name =
            |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphabetic());
        text == "*" || name.is_some_and(|name| name == "*" || is_name(name))
    })?;
    check("Principal", "[^\\s]+", |text| {
        !text.is_empty() && !text.contains(char::is_whitespace)
    })
}

pub(super) fn remove(function: &mut Function, own: &Own) -> Outcome<(u16, Value)> {
    let qualifier = own.qualifier.as_deref().unwrap_or_default();
    let statements = function.policies.get_mut(qualifier);
    let before = statements.as_ref().map_or(0, |all| all.len());
    let now = statements.map_or(0, |all| {
        all.retain(|statement| statement["Sid"] != own.third.as_str());
        all.len()
    });
    match now < before {
        true => Ok((204, Value::Null)),
        false => Err(missing(&format!(
            "Statement {} is not found in resource policy.",
            own.third
        ))),
    }
}

pub(super) fn show(function: &Function, qualifier: Option<&str>) -> Outcome<Value> {
    let statements = function.policies.get(qualifier.unwrap_or_default());
    let statements = statements.filter(|all| !all.is_empty());
    let statements =
        statements.ok_or_else(|| missing("The resource you requested does not exist."))?;
    let policy = json!({ "Version": "2012-10-17", "Id": "default", "Statement": statements });
    let revision = function.latest.configuration.get("RevisionId");
    Ok(json!({ "Policy": policy.to_string(), "RevisionId": revision }))
}

/// What the statements say to API Gateway.
pub(super) fn permits(function: &Function) -> Vec<Permit> {
    let all = function.policies.iter();
    let all = all.flat_map(|(qualifier, statements)| {
        let permits = statements.iter().filter_map(permit);
        permits.map(|permit| Permit {
            qualifier: qualifier.as_str().into(),
            ..permit
        })
    });
    all.collect()
}

/// None where API Gateway is not meant, or a condition stands that no call of it fulfils.
fn permit(statement: &Value) -> Option<Permit> {
    const GATEWAY: &str = "apigateway.amazonaws.com";
    let principal = &statement["Principal"];
    let is_meant = principal == "*" || principal["Service"] == GATEWAY;
    let action = statement["Action"].as_str()?;
    if !is_meant || !matches!(action, "lambda:InvokeFunction" | "lambda:*" | "*") {
        return None;
    }
    let mut permit = Permit::default();
    let conditions = statement["Condition"].as_object().into_iter().flatten();
    for (operator, keys) in conditions {
        for (key, value) in keys.as_object().into_iter().flatten() {
            let value = value.as_str()?.into();
            match (operator.as_str(), key.as_str()) {
                ("ArnLike", "AWS:SourceArn") => permit.source_arn = Some(value),
                ("StringEquals", "AWS:SourceAccount") => permit.source_account = Some(value),
                _ => return None,
            }
        }
    }
    Some(permit)
}

fn missing(message: &str) -> Error {
    Error {
        status: 404,
        code: "ResourceNotFoundException",
        message: message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_said_to_api_gateway_lets_it_in() {
        let check = |statement: Value, expected: Option<(Option<&str>, Option<&str>)>| {
            let found = permit(&statement);
            let found = found
                .as_ref()
                .map(|one| (one.source_arn.as_deref(), one.source_account.as_deref()));
            assert_eq!(found, expected, "{statement}");
        };
        let statement = |principal: Value, action: &str, condition: Value| json!({ "Principal": principal, "Action": action, "Condition": condition });
        let gateway = || json!({ "Service": "apigateway.amazonaws.com" });
        let invoke = "lambda:InvokeFunction";
        check(
            statement(gateway(), invoke, Value::Null),
            Some((None, None)),
        );
        check(statement(json!("*"), "*", Value::Null), Some((None, None)));
        let arn = json!({ "ArnLike": { "AWS:SourceArn": "arn:x" } });
        check(
            statement(gateway(), invoke, arn),
            Some((Some("arn:x"), None)),
        );
        let account = json!({ "StringEquals": { "AWS:SourceAccount": "1" } });
        check(
            statement(gateway(), "lambda:*", account),
            Some((None, Some("1"))),
        );
        let other = json!({ "Service": "s3.amazonaws.com" });
        check(statement(other, invoke, Value::Null), None);
        check(statement(json!({ "AWS": "1" }), invoke, Value::Null), None);
        check(
            statement(gateway(), "lambda:GetFunction", Value::Null),
            None,
        );
        let organization = json!({ "StringEquals": { "aws:PrincipalOrgID": "o-1" } });
        check(statement(gateway(), invoke, organization), None);
    }
}

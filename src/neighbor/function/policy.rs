//! Who may invoke a function: statements that AddPermission makes. They are kept and shown; the
//! gateway invokes functions of its own machine without asking them.

use serde_json::{Value, json};

use crate::control::{Error, Outcome};
use crate::neighbor::function::change::Own;
use crate::neighbor::function::conflict;
use crate::neighbor::function::record::Function;

pub(super) fn add(function: &mut Function, own: &Own) -> Outcome<(u16, Value)> {
    let input = &own.input;
    let sid = input["StatementId"].as_str().unwrap_or_default();
    let qualifier = own.qualifier.clone().unwrap_or_default();
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
    statements.push(statement.clone());
    Ok((201, json!({ "Statement": statement.to_string() })))
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

fn missing(message: &str) -> Error {
    Error {
        status: 404,
        code: "ResourceNotFoundException",
        message: message.to_owned(),
    }
}

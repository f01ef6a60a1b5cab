//! Aliases, and the small maps of texts that tags and aliases are made of.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::control::{Error, Outcome};
use crate::neighbor::function::change::{Own, is_revision};
use crate::neighbor::function::path::Operation;
use crate::neighbor::function::record::{Alias, Function};
use crate::neighbor::function::{conflict, invalid};

pub(super) fn change(
    function: &mut Function,
    own: &Own,
    operation: Operation,
) -> Outcome<(u16, Value)> {
    let input = &own.input;
    let name = match operation {
        Operation::CreateAlias => input["Name"].as_str().unwrap_or_default(),
        _ => &own.third,
    };
    if operation == Operation::DeleteAlias {
        function.aliases.remove(name);
        return Ok((204, Value::Null));
    }
    let weights = &input["RoutingConfig"]["AdditionalVersionWeights"];
    if weights.as_object().is_some_and(|all| !all.is_empty()) {
        let message = "RoutingConfig: this version of daemun splits no traffic between versions";
        return Err(invalid(message));
    }
    let known = function.aliases.get(name).cloned();
    let mut alias = match (operation, known) {
        (Operation::CreateAlias, Some(_)) => {
            let arn = format!("{}:{name}", function.arn);
            return Err(conflict(format!("Alias already exists: {arn}")));
        }
        (Operation::CreateAlias, None) => Alias::default(),
        (_, Some(alias)) => alias,
        (_, None) => return Err(missing(function, name)),
    };
    if operation == Operation::UpdateAlias {
        is_revision(Some(&alias.revision), own.expected.as_deref())?;
    }
    if let Some(version) = input["FunctionVersion"].as_str() {
        version.clone_into(&mut alias.version);
    }
    if let Some(description) = input["Description"].as_str() {
        description.clone_into(&mut alias.description);
    }
    let is_number = name.bytes().all(|byte| byte.is_ascii_digit());
    if name.is_empty() || is_number || function.version(Some(&alias.version)).is_err() {
        return Err(invalid(format!(
            "Alias '{name}' cannot point to version '{}'",
            alias.version
        )));
    }
    alias.revision.clone_from(&own.revision);
    let output = function.alias(name, &alias);
    function.aliases.insert(name.to_owned(), alias);
    let status = if operation == Operation::CreateAlias {
        201
    } else {
        200
    };
    Ok((status, output))
}

pub(super) fn list(function: &Function, version: Option<&str>) -> Value {
    let all = function.aliases.iter();
    let wanted = all.filter(|(_, alias)| version.is_none_or(|version| alias.version == version));
    let shown: Vec<Value> = wanted
        .map(|(name, alias)| function.alias(name, alias))
        .collect();
    json!({ "Aliases": shown })
}

pub(super) fn show(function: &Function, name: &str) -> Outcome<Value> {
    match function.aliases.get(name) {
        Some(alias) => Ok(function.alias(name, alias)),
        None => Err(missing(function, name)),
    }
}

fn missing(function: &Function, name: &str) -> Error {
    Error {
        status: 404,
        code: "ResourceNotFoundException",
        message: format!("Cannot find alias arn: {}:{name}", function.arn),
    }
}

/// Names and texts of an object.
pub(super) fn texts(value: &Value) -> BTreeMap<String, String> {
    let all = value.as_object().into_iter().flatten();
    let texts = all.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
    texts.collect()
}

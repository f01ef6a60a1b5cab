//! Stage operations.

use serde_json::{Value, json};

use crate::control::desk::{Desk, Record, text};
use crate::control::error::{Error, Outcome};
use crate::control::kind;
use crate::control::protocol::Input;
use crate::control::rest::stage::{check_log_destination, check_log_format, log_line};
use crate::control::v2::noun::{self, Noun, flag, given, is_http, with_defaults};
use crate::control::{AUTHORIZER_EPOCH, Handler};
use crate::lang::logline::Format;

pub const OPERATIONS: &[(&str, Handler)] = &[
    ("CreateStage", create),
    ("GetStage", |desk, input| {
        NOUN.get(desk, input).map(Value::Object)
    }),
    ("GetStages", |desk, input| NOUN.list(desk, input)),
    ("UpdateStage", update),
    ("DeleteStage", |desk, input| NOUN.delete(desk, input)),
    ("DeleteRouteSettings", delete_route_settings),
    ("DeleteAccessLogSettings", delete_access_log),
    ("ResetAuthorizersCache", reset_authorizers),
];

const NOUN: Noun = Noun {
    kind: kind::STAGE,
    id: "stageName",
    title: "Stage",
    above: &[],
};
use crate::model::quota;

pub fn defaults(desk: &Desk<'_>) -> Value {
    json!({
        "createdDate": desk.now(),
        "defaultRouteSettings": { "detailedMetricsEnabled": false },
        "lastUpdatedDate": desk.now(),
        "routeSettings": {},
        "stageVariables": {},
        "tags": {},
    })
}

fn create(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let api = noun::api(desk, input)?;
    let name = input.given("stageName");
    check_name(is_http(&api), name)?;
    if desk.get(kind::STAGE, &NOUN.key(input))?.is_some() {
        return Err(Error::conflict("Stage already exists"));
    }
    desk.admit(&quota::STAGES, || {
        desk.count(kind::STAGE, &NOUN.below(input))
    })?;
    let mut record = with_defaults(defaults(desk), Record::new());
    set(&mut record, given(input, &["apiId"]));
    check(desk, input, &record)?;
    NOUN.put(desk, input, record)
}

fn update(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let mut record = NOUN.get(desk, input)?;
    set(&mut record, given(input, &["apiId", "stageName"]));
    record.insert("lastUpdatedDate".to_owned(), desk.now());
    if input.has("deploymentId") && flag(&record, "autoDeploy") {
        let message = "Deployment ID cannot be set when auto deploy is enabled";
        return Err(Error::bad_request(message));
    }
    check(desk, input, &record)?;
    NOUN.put(desk, input, record)
}

/// Settings of routes are given one by one, all else replaces what was there.
fn set(record: &mut Record, given: Record) {
    for (key, value) in given {
        match (record.get_mut(&key), value) {
            (Some(Value::Object(before)), Value::Object(more))
                if key == "routeSettings" || key == "defaultRouteSettings" =>
            {
                before.extend(more);
            }
            // A variable set to nothing goes.
            (Some(Value::Object(before)), Value::Object(more)) if key == "stageVariables" => {
                before.extend(more);
                before.retain(|_, value| value != "");
            }
            (_, value) => {
                record.insert(key, value);
            }
        }
    }
}

fn check(desk: &Desk<'_>, input: &Input, record: &Record) -> Outcome<()> {
    let deployment = text(record, "deploymentId");
    if !deployment.is_empty() {
        let key = format!("{}{deployment}", NOUN.below(input));
        if desk.get(kind::DEPLOYMENT, &key)?.is_none() {
            let message = format!("Invalid Deployment identifier specified {deployment}");
            return Err(Error::not_found(message));
        }
    }
    let variables = record.get("stageVariables").and_then(Value::as_object);
    for (name, value) in variables.into_iter().flatten() {
        check_variable(name, value.as_str().unwrap_or_default())?;
    }
    check_access_log(record)
}

/// A stage without routes is not compiled, so nothing later would say it in time.
fn check_access_log(record: &Record) -> Outcome<()> {
    let settings = record.get("accessLogSettings");
    let destination = settings.and_then(|settings| settings.get("destinationArn")?.as_str());
    destination.map_or(Ok(()), check_log_destination)?;
    let format = settings.and_then(|settings| settings.get("format")?.as_str());
    let Some(format) = format.filter(|format| !format.is_empty()) else {
        return Ok(());
    };
    check_log_format(format)?;
    let fault = match Format::parse(log_line(format)) {
        Ok(_) => return Ok(()),
        Err(fault) => fault,
    };
    let hint = fault.hint.map(|hint| format!(": {hint}"));
    Err(Error::bad_request(format!(
        "AccessLogSettings.Format is invalid: {}{}",
        fault.message,
        hint.unwrap_or_default()
    )))
}

/// Names and values as AWS allows them.
pub fn check_variable(name: &str, value: &str) -> Outcome<()> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || !name.chars().all(is_name) {
        return Err(Error::bad_request(format!(
            "Stage variable name '{name}' is invalid. Please use values with alphanumeric and \
             underscore characters."
        )));
    }
    let is_value = |c: char| c.is_ascii_alphanumeric() || "-._~:/?#&=,".contains(c);
    if !value.chars().all(is_value) {
        return Err(Error::bad_request(format!(
            "Stage variable value '{value}' is invalid. Please use values with the following \
             characters: [A-Za-z0-9-._~:/?#&=,]"
        )));
    }
    Ok(())
}

fn check_name(is_http: bool, name: &str) -> Outcome<()> {
    let fine = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let is_plain = !name.is_empty() && name.len() <= 128 && name.chars().all(fine);
    match is_plain || (is_http && name == "$default") {
        true => Ok(()),
        false => Err(Error::bad_request(
            "Stage name only allows a-zA-Z0-9_- and $default for HTTP APIs",
        )),
    }
}

fn delete_route_settings(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let mut record = NOUN.get(desk, input)?;
    let settings = record.get_mut("routeSettings");
    let settings = settings.and_then(Value::as_object_mut);
    let removed = settings.and_then(|all| all.remove(input.given("routeKey")));
    if removed.is_none() {
        return Err(Error::not_found(
            "Invalid Route Settings identifier specified",
        ));
    }
    NOUN.put(desk, input, record)?;
    Ok(Value::Null)
}

fn delete_access_log(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let mut record = NOUN.get(desk, input)?;
    record.remove("accessLogSettings");
    NOUN.put(desk, input, record)?;
    Ok(Value::Null)
}

fn reset_authorizers(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let mut record = NOUN.get(desk, input)?;
    let before = record.get(AUTHORIZER_EPOCH).and_then(Value::as_u64);
    let next = before.unwrap_or_default() + 1;
    record.insert(AUTHORIZER_EPOCH.to_owned(), next.into());
    NOUN.put(desk, input, record)?;
    Ok(Value::Null)
}

//! Stage operations of REST APIs.

use serde_json::{Value, json};

use crate::aws::Arn;
use crate::control::Handler;
use crate::control::desk::{Desk, Record, text, within};
use crate::control::error::{Error, Outcome};
use crate::control::kind;
use crate::control::patch::{ANY, As, Family, Patch, REPLACE, Rules};
use crate::control::protocol::Input;
use crate::control::rest::noun::{self, given};
use crate::control::rest::{canary, certificate, deployment, plan, setting};
use crate::control::{AUTHORIZER_EPOCH, CACHE_EPOCH, tags};
use crate::lang::logline::FORMAT_BYTES_MAX;
use crate::model::quota;

pub const OPERATIONS: &[(&str, Handler)] = &[
    ("CreateStage", create),
    ("GetStage", |desk, input| {
        find(desk, input).map(|(_, record)| Value::Object(record))
    }),
    ("GetStages", list),
    ("UpdateStage", update),
    ("DeleteStage", delete),
    ("FlushStageCache", |desk, input| {
        flush(desk, input, CACHE_EPOCH)
    }),
    ("FlushStageAuthorizersCache", |desk, input| {
        flush(desk, input, AUTHORIZER_EPOCH)
    }),
];

const RULES: Rules = Rules {
    family: Family::Plain,
    rows: &[
        ("/deploymentId", As::Text, REPLACE),
        ("/description", As::Text, ANY),
        ("/cacheClusterEnabled", As::Flag, REPLACE),
        ("/cacheClusterSize", As::Text, REPLACE),
        ("/clientCertificateId", As::Text, ANY),
        ("/documentationVersion", As::Text, ANY),
        ("/tracingEnabled", As::Flag, REPLACE),
        ("/variables/*", As::Text, ANY),
    ],
};

fn find(desk: &Desk<'_>, input: &Input) -> Outcome<(String, Record)> {
    noun::api(desk, input)?;
    let (key, found) = noun::below(desk, input, kind::STAGE, input.given("stageName"))?;
    let missing = || Error::not_found("Invalid stage identifier specified");
    Ok((key, found.ok_or_else(missing)?))
}

/// A stage with AWS's defaults.
pub fn new(desk: &Desk<'_>, api: &str, name: &str) -> Outcome<Record> {
    let fine = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || !name.chars().all(fine) {
        return Err(Error::bad_request("Stage name only allows a-zA-Z0-9_-"));
    }
    desk.admit(&quota::STAGES, || {
        desk.count(kind::STAGE, &format!("{api}/"))
    })?;
    let stage = json!({
        "stageName": name,
        "cacheClusterEnabled": false,
        "cacheClusterStatus": "NOT_AVAILABLE",
        "methodSettings": {},
        "tracingEnabled": false,
        "createdDate": desk.now(),
        "lastUpdatedDate": desk.now(),
    });
    Ok(stage.as_object().cloned().unwrap_or_default())
}

fn create(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    noun::api(desk, input)?;
    let name = input.given("stageName");
    let (key, found) = noun::below(desk, input, kind::STAGE, name)?;
    if found.is_some() {
        return Err(Error::conflict("Stage already exists"));
    }
    let mut record = new(desk, input.given("restApiId"), name)?;
    record.extend(given(
        input,
        &[
            "deploymentId",
            "description",
            "cacheClusterEnabled",
            "cacheClusterSize",
            "documentationVersion",
            "tracingEnabled",
            "variables",
            "tags",
        ],
    ));
    if let Some(settings) = input.members.get(canary::PART) {
        let own = text(&record, "deploymentId").to_owned();
        let id = settings["deploymentId"].as_str().unwrap_or(&own);
        canary::set(&mut record, id, settings)?;
    }
    tags::check(desk, input)?;
    keep(desk, input, &key, record)
}

/// Writes a stage that was made or changed, if it can be one.
fn keep(desk: &mut Desk<'_>, input: &Input, key: &str, mut record: Record) -> Outcome<Value> {
    let own = text(&record, "deploymentId").to_owned();
    check_deployment(desk, input, &own)?;
    deployment::remember(&mut record, &own);
    if record.contains_key(canary::PART) {
        let other = canary::deployment(&record).to_owned();
        check_deployment(desk, input, &other)?;
        deployment::remember(&mut record, &other);
    }
    let version = text(&record, "documentationVersion");
    if !version.is_empty()
        && noun::below(desk, input, kind::DOCUMENTATION_VERSION, version)?
            .1
            .is_none()
    {
        let message = "Invalid Documentation version specified";
        return Err(Error::not_found(message));
    }
    match text(&record, "clientCertificateId") {
        "" => drop(record.shift_remove("clientCertificateId")),
        id => drop(certificate::by_id(desk, id)?),
    }
    complete(desk, &mut record)?;
    desk.put(kind::STAGE, key, &record)?;
    deployment::prune(desk, input.given("restApiId"))?;
    Ok(Value::Object(record))
}

fn check_deployment(desk: &Desk<'_>, input: &Input, id: &str) -> Outcome<()> {
    match noun::below(desk, input, kind::DEPLOYMENT, id)?.1 {
        Some(_) => Ok(()),
        None => Err(Error::bad_request("Deployment id does not exist")),
    }
}

/// What follows from the other members of a stage, and whether its variables can be ones.
pub fn complete(desk: &Desk<'_>, stage: &mut Record) -> Outcome<()> {
    let has_cache = stage.get("cacheClusterEnabled") == Some(&Value::Bool(true));
    let status = match has_cache {
        true => "AVAILABLE",
        false => "NOT_AVAILABLE",
    };
    stage.insert("cacheClusterStatus".to_owned(), status.into());
    if has_cache {
        stage.entry("cacheClusterSize").or_insert("0.5".into());
    }
    let size = text(stage, "cacheClusterSize");
    if !size.is_empty() && !CACHE_SIZES.contains(&size) {
        return Err(Error::bad_request(format!(
            "Invalid cache cluster size: {size}. Must be one of: [{}]",
            CACHE_SIZES.join(", ")
        )));
    }
    let canary = stage.get(canary::PART);
    let overrides = canary.and_then(|canary| canary["stageVariableOverrides"].as_object());
    let variables = stage.get("variables").and_then(Value::as_object);
    let variables = variables.into_iter().flatten();
    for (name, value) in variables.clone().chain(overrides.into_iter().flatten()) {
        check_variable(desk, name, value.as_str().unwrap_or_default())?;
    }
    desk.fits_count(&quota::STAGE_VARIABLES, variables.count())
}

/// Gigabytes.
const CACHE_SIZES: &[&str] = &["0.5", "1.6", "6.1", "13.5", "28.4", "58.2", "118", "237"];

fn check_variable(desk: &Desk<'_>, name: &str, value: &str) -> Outcome<()> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || !name.chars().all(is_name) {
        return Err(Error::bad_request(format!(
            "Invalid stage variable name: {name}. Please use alphanumeric characters and underscores"
        )));
    }
    let is_value = |c: char| c.is_ascii_alphanumeric() || " -._~:/?#&=,".contains(c);
    if !value.chars().all(is_value) {
        return Err(Error::bad_request(format!(
            "Invalid stage variable value: {value}. Please use values with alphanumeric characters \
             and the symbols ' ', -', '.', '_', ':', '/', '?', '&', '=', and ','"
        )));
    }
    desk.fits(&quota::VARIABLE_NAME, name.len())?;
    desk.fits(&quota::VARIABLE_VALUE, value.len())
}

fn list(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    noun::api(desk, input)?;
    let all = desk.list(kind::STAGE, &format!("{}/", input.given("restApiId")))?;
    let wanted = input.text("deploymentId");
    let all = all.into_iter().map(|(_, stage)| stage);
    let all = all.filter(|stage| wanted.is_none_or(|id| text(stage, "deploymentId") == id));
    Ok(json!({ "item": all.collect::<Vec<_>>() }))
}

fn update(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let (key, mut record) = find(desk, input)?;
    for patch in Patch::all(input) {
        apply(&mut record, &patch)?;
    }
    record.insert("lastUpdatedDate".to_owned(), desk.now());
    keep(desk, input, &key, record)
}

fn apply(record: &mut Record, patch: &Patch) -> Outcome<()> {
    if patch.op == "copy" {
        return canary::copy(record, patch);
    }
    let segments = patch.segments();
    let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
    match parts.as_slice() {
        ["accessLogSettings"] if patch.op == "remove" => {
            record.shift_remove("accessLogSettings");
            Ok(())
        }
        ["accessLogSettings", name] => patch_access_log(record, patch, name),
        [canary::PART, ..] => match canary::patch(record, patch) {
            Some(outcome) => outcome,
            None => setting::patch(record, patch),
        },
        ["variables", _] => RULES.apply_one(record, patch),
        [one] if RULES.rows.iter().any(|(path, _, _)| path[1..] == **one) => {
            RULES.apply_one(record, patch)
        }
        _ => setting::patch(record, patch),
    }
}

fn patch_access_log(record: &mut Record, patch: &Patch, name: &str) -> Outcome<()> {
    if name != "destinationArn" && name != "format" {
        return Err(Error::bad_request(
            "Invalid accessLogSettings path. Must be one of : [/accessLogSettings/destinationArn, \
             /accessLogSettings/format]",
        ));
    }
    if patch.op != "remove" && patch.text().is_empty() {
        return Err(Error::bad_request("Access Log value must not be empty"));
    }
    match name {
        _ if patch.op == "remove" => {}
        "format" => check_log_format(patch.text())?,
        _ => check_log_destination(patch.text())?,
    }
    within(record, "accessLogSettings", |settings| {
        match patch.op.as_str() {
            "remove" => {
                settings.shift_remove(name);
            }
            _ => {
                settings.insert(name.to_owned(), patch.text().into());
            }
        }
    });
    Ok(())
}

/// An access-log format without the line end that AWS allows behind it.
pub fn log_line(format: &str) -> &str {
    let line = format.strip_suffix('\n').unwrap_or(format);
    line.strip_suffix('\r').unwrap_or(line)
}

/// What AWS asks of any format: one line that tells lines apart.
pub fn check_log_format(format: &str) -> Outcome<()> {
    let line = log_line(format);
    if line.contains(['\n', '\r']) {
        return Err(Error::bad_request(
            "Access Log format must be single line, new line character is allowed only at end of \
             the format",
        ));
    }
    if format.len() > FORMAT_BYTES_MAX {
        return Err(Error::bad_request(format!(
            "Access Log format must not be longer than {FORMAT_BYTES_MAX} bytes"
        )));
    }
    let variables = line.split("$context.").skip(1);
    let mut names = variables.map(|rest| {
        let ends = |c: char| !c.is_ascii_alphanumeric() && c != '.' && c != '_';
        rest.split(ends).next().unwrap_or_default()
    });
    // What stands behind a variable may be a full stop.
    let is_id = |name: &str| {
        let name = name.trim_end_matches('.');
        name == "requestId" || name == "extendedRequestId"
    };
    match names.any(is_id) {
        true => Ok(()),
        false => Err(Error::bad_request(
            "Access Log format must contain $context.requestId or $context.extendedRequestId",
        )),
    }
}

/// A group of CloudWatch Logs or a stream of Firehose. Nothing is sent there, but what is none was
/// meant to be something else.
pub fn check_log_destination(arn: &str) -> Outcome<()> {
    let parsed = Arn::parse(arn).filter(|arn| !arn.region.is_empty());
    let is_named = |text: &str, kind: &str| {
        let name = text.strip_prefix(kind);
        name.is_some_and(|name| !name.is_empty())
    };
    match parsed.map(|arn| (arn.service, arn.resource)) {
        Some(("logs", group)) if is_named(group, "log-group:") => Ok(()),
        Some(("firehose", stream)) if is_named(stream, "deliverystream/amazon-apigateway-") => {
            Ok(())
        }
        Some(("firehose", stream)) if is_named(stream, "deliverystream/") => {
            Err(Error::bad_request(
                "Kinesis Firehose delivery stream name must begin with the characters \
                 'amazon-apigateway-'",
            ))
        }
        _ => Err(Error::bad_request(
            "The ARN must be a valid CloudWatch Logs log group or Kinesis Data Firehose delivery \
             stream",
        )),
    }
}

fn delete(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let (key, _) = find(desk, input)?;
    desk.delete(kind::STAGE, &key)?;
    plan::forget_stages(desk, input.given("restApiId"), input.text("stageName"))?;
    Ok(Value::Null)
}

fn flush(desk: &mut Desk<'_>, input: &Input, epoch: &str) -> Outcome<Value> {
    let (key, mut record) = find(desk, input)?;
    let before = record.get(epoch).and_then(Value::as_u64);
    record.insert(epoch.to_owned(), (before.unwrap_or_default() + 1).into());
    desk.put(kind::STAGE, &key, &record)?;
    Ok(Value::Null)
}

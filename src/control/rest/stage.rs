//! Deployment and stage operations of REST APIs.

use serde_json::{Value, json};

use crate::control::Handler;
use crate::control::desk::{Desk, Record, within};
use crate::control::error::{Error, Outcome};
use crate::control::kind;
use crate::control::patch::{ANY, As, Family, Patch, REPLACE, Rules};
use crate::control::protocol::Input;
use crate::control::rest::freeze;
use crate::control::rest::noun::{self, given, text};

pub const OPERATIONS: &[(&str, Handler)] = &[
    ("CreateDeployment", create_deployment),
    ("GetDeployment", |desk, input| {
        find_deployment(desk, input).map(|(_, record)| Value::Object(record))
    }),
    ("GetDeployments", |desk, input| {
        noun::list(desk, input, kind::DEPLOYMENT)
    }),
    ("UpdateDeployment", update_deployment),
    ("DeleteDeployment", delete_deployment),
    ("CreateStage", create_stage),
    ("GetStage", |desk, input| {
        find_stage(desk, input).map(|(_, record)| Value::Object(record))
    }),
    ("GetStages", list_stages),
    ("UpdateStage", update_stage),
    ("DeleteStage", delete_stage),
];

const DEPLOYMENT: Rules = Rules {
    family: Family::Plain,
    rows: &[("/description", As::Text, REPLACE)],
};

const STAGE: Rules = Rules {
    family: Family::Plain,
    rows: &[
        ("/deploymentId", As::Text, REPLACE),
        ("/description", As::Text, REPLACE),
        ("/cacheClusterEnabled", As::Flag, REPLACE),
        ("/cacheClusterSize", As::Text, REPLACE),
        ("/clientCertificateId", As::Text, REPLACE),
        ("/documentationVersion", As::Text, REPLACE),
        ("/tracingEnabled", As::Flag, REPLACE),
        ("/variables/*", As::Text, ANY),
    ],
};

/// What stands behind the last two parts of the path of a method setting.
const SETTINGS: &[(&str, &str, As)] = &[
    ("metrics/enabled", "metricsEnabled", As::Flag),
    ("logging/dataTrace", "dataTraceEnabled", As::Flag),
    ("logging/loglevel", "loggingLevel", As::Text),
    ("throttling/burstLimit", "throttlingBurstLimit", As::Integer),
    ("throttling/rateLimit", "throttlingRateLimit", As::Number),
    ("caching/ttlInSeconds", "cacheTtlInSeconds", As::Integer),
    ("caching/enabled", "cachingEnabled", As::Flag),
    ("caching/dataEncrypted", "cacheDataEncrypted", As::Flag),
    (
        "caching/requireAuthorizationForCacheControl",
        "requireAuthorizationForCacheControl",
        As::Flag,
    ),
    (
        "caching/unauthorizedCacheControlHeaderStrategy",
        "unauthorizedCacheControlHeaderStrategy",
        As::Text,
    ),
];

fn find_deployment(desk: &Desk<'_>, input: &Input) -> Outcome<(String, Record)> {
    noun::api(desk, input)?;
    let id = input.given("deploymentId");
    let (key, found) = noun::below(desk, input, kind::DEPLOYMENT, id)?;
    let missing = || Error::not_found("Invalid Deployment identifier specified");
    Ok((key, found.ok_or_else(missing)?))
}

fn find_stage(desk: &Desk<'_>, input: &Input) -> Outcome<(String, Record)> {
    noun::api(desk, input)?;
    let (key, found) = noun::below(desk, input, kind::STAGE, input.given("stageName"))?;
    let missing = || Error::not_found("Invalid stage identifier specified");
    Ok((key, found.ok_or_else(missing)?))
}

fn create_deployment(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    noun::api(desk, input)?;
    if input.has("canarySettings") {
        return Err(Error::bad_request(
            "canarySettings are not served by this version",
        ));
    }
    let frozen = freeze(desk, input)?;
    let id = desk.new_id(6);
    let mut record = given(input, &["description"]);
    record.insert("id".to_owned(), id.clone().into());
    record.insert("createdDate".to_owned(), desk.now());
    let shown = Value::Object(record.clone());
    record.insert("frozen".to_owned(), frozen);
    desk.put(
        kind::DEPLOYMENT,
        &format!("{}/{id}", input.given("restApiId")),
        &record,
    )?;
    if let Some(name) = input.text("stageName").filter(|name| !name.is_empty()) {
        let (key, found) = noun::below(desk, input, kind::STAGE, name)?;
        let mut stage = match found {
            Some(stage) => stage,
            None => new_stage(desk, name)?,
        };
        stage.insert("deploymentId".to_owned(), id.into());
        stage.insert("lastUpdatedDate".to_owned(), desk.now());
        if let Some(description) = input.members.get("stageDescription") {
            stage.insert("description".to_owned(), description.clone());
        }
        stage.extend(given(input, &["variables", "tracingEnabled"]));
        desk.put(kind::STAGE, &key, &stage)?;
    }
    Ok(shown)
}

/// All resources with their methods; there must be something to serve.
fn freeze(desk: &Desk<'_>, input: &Input) -> Outcome<Value> {
    let resources = desk.list(kind::RESOURCE, &format!("{}/", input.given("restApiId")))?;
    let methods = resources.iter().filter_map(|(_, resource)| {
        let methods = resource.get("resourceMethods");
        methods.and_then(Value::as_object)
    });
    let methods: Vec<&Value> = methods.flat_map(serde_json::Map::values).collect();
    if methods.is_empty() {
        return Err(Error::bad_request(
            "The REST API doesn't contain any methods",
        ));
    }
    if methods
        .iter()
        .any(|method| method.get("methodIntegration").is_none())
    {
        return Err(Error::bad_request("No integration defined for method"));
    }
    freeze::freeze(desk, input.given("restApiId"))
}

fn update_deployment(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let (key, mut record) = find_deployment(desk, input)?;
    DEPLOYMENT.apply(&mut record, &Patch::all(input))?;
    desk.put(kind::DEPLOYMENT, &key, &record)?;
    Ok(Value::Object(record))
}

fn delete_deployment(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let (key, _) = find_deployment(desk, input)?;
    let below = format!("{}/", input.given("restApiId"));
    for (_, stage) in desk.list(kind::STAGE, &below)? {
        if text(&stage, "deploymentId") == input.given("deploymentId") {
            return Err(Error::bad_request(
                "Active stages pointing to this deployment must be moved or deleted",
            ));
        }
    }
    desk.delete(kind::DEPLOYMENT, &key)?;
    Ok(Value::Null)
}

fn new_stage(desk: &Desk<'_>, name: &str) -> Outcome<Record> {
    let fine = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || !name.chars().all(fine) {
        return Err(Error::bad_request("Stage name only allows a-zA-Z0-9_-"));
    }
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

fn create_stage(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    noun::api(desk, input)?;
    if input.has("canarySettings") {
        return Err(Error::bad_request(
            "canarySettings are not served by this version",
        ));
    }
    let name = input.given("stageName");
    let (key, found) = noun::below(desk, input, kind::STAGE, name)?;
    if found.is_some() {
        return Err(Error::conflict("Stage already exists"));
    }
    let mut record = new_stage(desk, name)?;
    record.extend(given(
        input,
        &[
            "deploymentId",
            "description",
            "cacheClusterSize",
            "documentationVersion",
            "tracingEnabled",
            "variables",
            "tags",
        ],
    ));
    check_deployment(desk, input, &record)?;
    desk.put(kind::STAGE, &key, &record)?;
    Ok(Value::Object(record))
}

fn check_deployment(desk: &Desk<'_>, input: &Input, stage: &Record) -> Outcome<()> {
    let id = text(stage, "deploymentId");
    match noun::below(desk, input, kind::DEPLOYMENT, id)?.1 {
        Some(_) => Ok(()),
        None => Err(Error::bad_request("Deployment id does not exist")),
    }
}

fn list_stages(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    noun::api(desk, input)?;
    let all = desk.list(kind::STAGE, &format!("{}/", input.given("restApiId")))?;
    let wanted = input.text("deploymentId");
    let all = all.into_iter().map(|(_, stage)| stage);
    let all = all.filter(|stage| wanted.is_none_or(|id| text(stage, "deploymentId") == id));
    Ok(json!({ "item": all.collect::<Vec<_>>() }))
}

fn update_stage(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let (key, mut record) = find_stage(desk, input)?;
    for patch in Patch::all(input) {
        patch_stage(&mut record, &patch)?;
    }
    check_deployment(desk, input, &record)?;
    record.insert("lastUpdatedDate".to_owned(), desk.now());
    desk.put(kind::STAGE, &key, &record)?;
    Ok(Value::Object(record))
}

fn patch_stage(record: &mut Record, patch: &Patch) -> Outcome<()> {
    let segments = patch.segments();
    let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
    match parts.as_slice() {
        ["accessLogSettings"] if patch.op == "remove" => {
            record.shift_remove("accessLogSettings");
            Ok(())
        }
        ["accessLogSettings", name] => patch_access_log(record, patch, name),
        ["canarySettings", _, ..] => Err(Error::bad_request(
            "canarySettings are not served by this version",
        )),
        [resource, verb, group, setting] => {
            let setting = format!("{group}/{setting}");
            let key = format!("{}/{verb}", resource.trim_start_matches('/'));
            match SETTINGS.iter().find(|(path, _, _)| *path == setting) {
                Some((_, name, kind)) => patch_setting(record, patch, &key, name, *kind),
                None => Err(unknown_path(patch)),
            }
        }
        [resource, verb] if *resource != "variables" => {
            let key = format!("{}/{verb}", resource.trim_start_matches('/'));
            remove_settings(record, patch, &key)
        }
        [one] if !STAGE.rows.iter().any(|(path, _, _)| path[1..] == **one) => {
            Err(unknown_path(patch))
        }
        _ => STAGE.apply_one(record, patch),
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

/// The settings of one method begin as those of all methods, which begin as AWS's own.
fn patch_setting(
    record: &mut Record,
    patch: &Patch,
    key: &str,
    name: &str,
    kind: As,
) -> Outcome<()> {
    if patch.op == "remove" {
        return remove_settings(record, patch, key);
    }
    let text = patch.text();
    let wrong = || Error::bad_request(format!("Invalid value '{text}' for path {}", patch.path));
    let value: Value = match kind {
        As::Flag => (text == "true").into(),
        As::Integer => text.parse::<i64>().map_err(|_| wrong())?.into(),
        As::Number => text.parse::<f64>().map_err(|_| wrong())?.into(),
        _ => text.into(),
    };
    within(record, "methodSettings", |settings| {
        if !settings.contains_key(key) {
            let usual = settings.get("*/*").cloned();
            settings.insert(key.to_owned(), usual.unwrap_or_else(default_settings));
        }
        within(settings, key, |own| {
            own.insert(name.to_owned(), value);
        });
    });
    Ok(())
}

fn default_settings() -> Value {
    json!({
        "metricsEnabled": false,
        "dataTraceEnabled": false,
        "throttlingBurstLimit": 5000,
        "throttlingRateLimit": 10_000.0,
        "cachingEnabled": false,
        "cacheTtlInSeconds": 300,
        "cacheDataEncrypted": false,
        "requireAuthorizationForCacheControl": true,
        "unauthorizedCacheControlHeaderStrategy": "SUCCEED_WITH_RESPONSE_HEADER",
    })
}

fn remove_settings(record: &mut Record, patch: &Patch, key: &str) -> Outcome<()> {
    if patch.op != "remove" {
        return Err(unknown_path(patch));
    }
    let removed = within(record, "methodSettings", |settings| {
        settings.shift_remove(key)
    });
    match removed {
        Some(_) => Ok(()),
        None => Err(Error::bad_request(format!(
            "Cannot remove method setting {key} because there is no method setting for this method "
        ))),
    }
}

/// The paths as AWS lists them, without a comma in two places.
fn unknown_path(patch: &Patch) -> Error {
    let path = &patch.path;
    Error::bad_request(format!(
        "Invalid method setting path: {path}. Must be one of: [{PATHS}]"
    ))
}

const PATHS: &str = "/deploymentId, /description, /cacheClusterEnabled, /cacheClusterSize, \
/clientCertificateId, /accessLogSettings, /accessLogSettings/destinationArn, \
/accessLogSettings/format, /{resourcePath}/{httpMethod}/metrics/enabled, \
/{resourcePath}/{httpMethod}/logging/dataTrace, /{resourcePath}/{httpMethod}/logging/loglevel, \
/{resourcePath}/{httpMethod}/throttling/burstLimit/{resourcePath}/{httpMethod}/throttling/rateLimit/{resourcePath}/{httpMethod}/caching/ttlInSeconds, \
/{resourcePath}/{httpMethod}/caching/enabled, /{resourcePath}/{httpMethod}/caching/dataEncrypted, \
/{resourcePath}/{httpMethod}/caching/requireAuthorizationForCacheControl, \
/{resourcePath}/{httpMethod}/caching/unauthorizedCacheControlHeaderStrategy, \
/*/*/metrics/enabled, /*/*/logging/dataTrace, /*/*/logging/loglevel, \
/*/*/throttling/burstLimit /*/*/throttling/rateLimit /*/*/caching/ttlInSeconds, \
/*/*/caching/enabled, /*/*/caching/dataEncrypted, \
/*/*/caching/requireAuthorizationForCacheControl, \
/*/*/caching/unauthorizedCacheControlHeaderStrategy, /variables/{variable_name}, /tracingEnabled";

fn delete_stage(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let (key, _) = find_stage(desk, input)?;
    desk.delete(kind::STAGE, &key)?;
    Ok(Value::Null)
}

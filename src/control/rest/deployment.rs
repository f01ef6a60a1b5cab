//! Deployment operations of REST APIs: what is frozen, which stage serves it, how long it stays.

use serde_json::{Map, Value, json};

use crate::control::Handler;
use crate::control::desk::{Desk, Record, text};
use crate::control::error::{Error, Outcome};
use crate::control::kind;
use crate::control::patch::{As, Family, Patch, REPLACE, Rules};
use crate::control::protocol::Input;
use crate::control::rest::noun::{self, given};
use crate::control::rest::{canary, freeze, stage};

pub const OPERATIONS: &[(&str, Handler)] = &[
    ("CreateDeployment", create),
    ("GetDeployment", get),
    ("GetDeployments", |desk, input| {
        noun::list(desk, input, kind::DEPLOYMENT)
    }),
    ("UpdateDeployment", update),
    ("DeleteDeployment", delete),
];

const RULES: Rules = Rules {
    family: Family::Plain,
    rows: &[("/description", As::Text, REPLACE)],
};

/// So many deployments of a stage stay, the one that it serves included.
const KEPT: usize = 50;
/// The member of a stage with the ids of these, the latest last.
const HISTORY: &str = "deployments";

fn find(desk: &Desk<'_>, input: &Input) -> Outcome<(String, Record)> {
    noun::api(desk, input)?;
    let id = input.given("deploymentId");
    let (key, found) = noun::below(desk, input, kind::DEPLOYMENT, id)?;
    let missing = || Error::not_found("Invalid Deployment identifier specified");
    Ok((key, found.ok_or_else(missing)?))
}

fn create(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    noun::api(desk, input)?;
    let stage = match input.members.get("canarySettings") {
        Some(_) => Some(canary::stage_of(desk, input)?),
        None => stage_of(desk, input)?,
    };
    let frozen = freeze(desk, input)?;
    let id = desk.new_id(6);
    let mut record = given(input, &["description"]);
    record.insert("id".to_owned(), id.clone().into());
    record.insert("createdDate".to_owned(), desk.now());
    let shown = Value::Object(record.clone());
    record.insert("frozen".to_owned(), frozen);
    let api = input.given("restApiId");
    desk.put_large(kind::DEPLOYMENT, &format!("{api}/{id}"), record)?;
    if let Some((key, mut stage)) = stage {
        match input.members.get("canarySettings") {
            Some(settings) => canary::set(&mut stage, &id, settings)?,
            None => move_stage(desk, input, &mut stage, &id)?,
        }
        remember(&mut stage, &id);
        stage.insert("lastUpdatedDate".to_owned(), desk.now());
        desk.put(kind::STAGE, &key, &stage)?;
        prune(desk, api)?;
    }
    Ok(shown)
}

/// The stage that is to serve the deployment, made where there is none of this name.
fn stage_of(desk: &Desk<'_>, input: &Input) -> Outcome<Option<(String, Record)>> {
    let Some(name) = input.text("stageName").filter(|name| !name.is_empty()) else {
        return Ok(None);
    };
    let (key, found) = noun::below(desk, input, kind::STAGE, name)?;
    let stage = match found {
        Some(stage) => stage,
        None => stage::new(desk, input.given("restApiId"), name)?,
    };
    Ok(Some((key, stage)))
}

/// A canary ends with the deployment of the whole stage.
fn move_stage(desk: &Desk<'_>, input: &Input, stage: &mut Record, id: &str) -> Outcome<()> {
    stage.insert("deploymentId".to_owned(), id.into());
    stage.shift_remove(canary::PART);
    if let Some(description) = input.members.get("stageDescription") {
        stage.insert("description".to_owned(), description.clone());
    }
    let names = [
        "variables",
        "tracingEnabled",
        "cacheClusterEnabled",
        "cacheClusterSize",
    ];
    stage.extend(given(input, &names));
    stage::complete(desk, stage)
}

/// All that calls depend on; there must be something to serve.
fn freeze(desk: &Desk<'_>, input: &Input) -> Outcome<Value> {
    let frozen = freeze::freeze(desk, input.given("restApiId"))?;
    let resources = frozen["resources"].as_array().into_iter().flatten();
    let methods = resources.filter_map(|resource| resource["resourceMethods"].as_object());
    let methods: Vec<&Value> = methods.flat_map(Map::values).collect();
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
    Ok(frozen)
}

fn get(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let (_, mut record) = find(desk, input)?;
    let embed = input.members.get("embed").and_then(Value::as_array);
    if embed.into_iter().flatten().any(|what| what == "apisummary") {
        let summary = summary(&record);
        record.insert("apiSummary".to_owned(), summary);
    }
    Ok(Value::Object(record))
}

/// By path and verb, how callers are let in.
fn summary(record: &Record) -> Value {
    let resources = record
        .get("frozen")
        .and_then(|frozen| frozen["resources"].as_array());
    let mut paths = Map::new();
    for resource in resources.into_iter().flatten() {
        let Some(methods) = resource["resourceMethods"].as_object() else {
            continue;
        };
        let verbs = methods.iter().map(|(verb, method)| {
            let shown = json!({
                "authorizationType": method["authorizationType"],
                "apiKeyRequired": method["apiKeyRequired"],
            });
            (verb.clone(), shown)
        });
        let path = resource["path"].as_str().unwrap_or_default();
        paths.insert(path.to_owned(), Value::Object(verbs.collect()));
    }
    Value::Object(paths)
}

fn update(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let (key, mut record) = find(desk, input)?;
    RULES.apply(&mut record, &Patch::all(input))?;
    desk.put(kind::DEPLOYMENT, &key, &record)?;
    Ok(Value::Object(record))
}

fn delete(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let (key, _) = find(desk, input)?;
    let id = input.given("deploymentId");
    let below = format!("{}/", input.given("restApiId"));
    for (_, stage) in desk.list(kind::STAGE, &below)? {
        if text(&stage, "deploymentId") == id || canary::deployment(&stage) == id {
            return Err(Error::bad_request(
                "Active stages pointing to this deployment must be moved or deleted",
            ));
        }
    }
    desk.delete(kind::DEPLOYMENT, &key)?;
    Ok(Value::Null)
}

/// Notes that a stage serves this deployment from now on.
pub fn remember(stage: &mut Record, id: &str) {
    let history = stage.entry(HISTORY).or_insert_with(|| json!([]));
    if let Value::Array(history) = history {
        history.retain(|other| other != id);
        history.push(id.into());
    }
}

/// Deployments that fell out of the history of a stage and that no other stage knows are deleted.
/// Those that no stage has served yet stay.
pub fn prune(desk: &mut Desk<'_>, api: &str) -> Outcome<()> {
    let below = format!("{api}/");
    let mut stages = desk.list(kind::STAGE, &below)?;
    let mut dropped = Vec::new();
    for (key, stage) in &mut stages {
        let Some(Value::Array(history)) = stage.get_mut(HISTORY) else {
            continue;
        };
        let old = history.len().saturating_sub(KEPT);
        if old > 0 {
            dropped.extend(history.drain(..old));
            desk.put(kind::STAGE, key, stage)?;
        }
    }
    for id in dropped.iter().filter_map(Value::as_str) {
        let knows = |(_, stage): &(String, Record)| {
            let history = stage.get(HISTORY).and_then(Value::as_array);
            text(stage, "deploymentId") == id
                || canary::deployment(stage) == id
                || history.is_some_and(|history| history.iter().any(|other| other == id))
        };
        if !stages.iter().any(knows) {
            desk.delete(kind::DEPLOYMENT, &format!("{below}{id}"))?;
        }
    }
    Ok(())
}

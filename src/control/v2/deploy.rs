//! Deployments: what a stage serves, frozen; and stages that deploy by themselves.

use serde_json::{Value, json};

use crate::control::Handler;
use crate::control::desk::{Desk, Record, text};
use crate::control::error::{Error, Outcome};
use crate::control::kind;
use crate::control::protocol::Input;
use crate::control::v2::noun::{self, Noun, flag, given, is_http, with_defaults};

pub const OPERATIONS: &[(&str, Handler)] = &[
    ("CreateDeployment", create),
    ("GetDeployment", |desk, input| {
        NOUN.get(desk, input).map(Value::Object)
    }),
    ("GetDeployments", |desk, input| NOUN.list(desk, input)),
    ("UpdateDeployment", update),
    ("DeleteDeployment", delete),
];

const NOUN: Noun = Noun {
    kind: kind::DEPLOYMENT,
    id: "deploymentId",
    title: "Deployment",
    above: &[],
};

/// The member with what was frozen; it is never shown.
pub const FROZEN: &str = "frozen";

/// Deployments that stages made by themselves and serve no more: so many stay.
const AUTOMATIC_MAX: usize = 50;

fn create(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let api = noun::api(desk, input)?;
    let frozen = freeze(desk, &api)?;
    if frozen["routes"].as_array().is_none_or(Vec::is_empty) {
        let message = "At least one route is required before deploying the Api.";
        return Err(Error::bad_request(message));
    }
    let stage = match input.text("stageName") {
        None => None,
        Some(name) => Some(stage_of(desk, input, name)?),
    };
    let mut record = with_defaults(fresh(desk, false), given(input, &["apiId", "stageName"]));
    record.insert(FROZEN.to_owned(), frozen);
    let made = NOUN.create(desk, input, record)?;
    if let Some((key, mut stage)) = stage {
        stage.insert("deploymentId".to_owned(), made["deploymentId"].clone());
        stage.insert("lastUpdatedDate".to_owned(), desk.now());
        desk.put(kind::STAGE, &key, &stage)?;
    }
    Ok(made)
}

fn stage_of(desk: &Desk<'_>, input: &Input, name: &str) -> Outcome<(String, Record)> {
    let key = format!("{}{name}", NOUN.below(input));
    let found = desk.get(kind::STAGE, &key)?;
    let missing = || Error::not_found(format!("Invalid Stage identifier specified {name}"));
    let stage = found.ok_or_else(missing)?;
    if flag(&stage, "autoDeploy") {
        let message = "A stage with auto deploy enabled cannot be deployed to";
        return Err(Error::bad_request(message));
    }
    Ok((key, stage))
}

fn fresh(desk: &Desk<'_>, is_automatic: bool) -> Value {
    json!({
        "autoDeployed": is_automatic,
        "createdDate": desk.now(),
        "deploymentStatus": "DEPLOYED",
    })
}

fn update(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let mut record = NOUN.get(desk, input)?;
    record.extend(given(input, &["apiId", "deploymentId"]));
    NOUN.put(desk, input, record)
}

fn delete(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    NOUN.get(desk, input)?;
    let id = input.given("deploymentId");
    for (_, stage) in desk.list(kind::STAGE, &NOUN.below(input))? {
        if text(&stage, "deploymentId") == id {
            return Err(Error::bad_request(
                "Active stages pointing to this deployment must be moved or deleted",
            ));
        }
    }
    NOUN.delete(desk, input)
}

/// All of an API that takes effect with a deployment.
fn freeze(desk: &Desk<'_>, api: &Record) -> Outcome<Value> {
    let below = format!("{}/", text(api, "apiId"));
    let all = |kind| -> Outcome<Vec<Value>> {
        let found = desk.list(kind, &below)?.into_iter();
        Ok(found.map(|(_, record)| Value::Object(record)).collect())
    };
    Ok(json!({
        "routes": all(kind::ROUTE)?,
        "integrations": all(kind::INTEGRATION)?,
        "authorizers": all(kind::AUTHORIZER)?,
        "corsConfiguration": api.get("corsConfiguration"),
    }))
}

/// Deploys an API to those of its stages that deploy by themselves, if something changed.
pub fn deploy_automatically(desk: &mut Desk<'_>, api_id: &str) -> Outcome<()> {
    let Some(api) = desk.get(kind::API, api_id)?.filter(is_http) else {
        return Ok(());
    };
    let below = format!("{api_id}/");
    let stages = desk.list(kind::STAGE, &below)?.into_iter();
    let stages: Vec<(String, Record)> = stages
        .filter(|(_, stage)| flag(stage, "autoDeploy"))
        .collect();
    if stages.is_empty() {
        return Ok(());
    }
    let frozen = freeze(desk, &api)?;
    let mut deployment = None;
    for (key, mut stage) in stages {
        if frozen["routes"].as_array().is_none_or(Vec::is_empty) {
            let message = "Deployment attempt failed: At least one route is required before \
                           deploying the Api.";
            if text(&stage, STATUS) != message {
                stage.insert(STATUS.to_owned(), message.into());
                desk.put(kind::STAGE, &key, &stage)?;
            }
            continue;
        }
        let now_serves = format!("{below}{}", text(&stage, "deploymentId"));
        let now_serves = desk.get(kind::DEPLOYMENT, &now_serves)?;
        if now_serves.is_some_and(|record| record.get(FROZEN) == Some(&frozen)) {
            continue;
        }
        let id = match &deployment {
            Some(id) => String::clone(id),
            None => {
                let id = desk.new_id(6);
                let mut record = with_defaults(fresh(desk, true), Record::new());
                record.insert("deploymentId".to_owned(), id.clone().into());
                record.insert("description".to_owned(), DESCRIPTION.into());
                record.insert(FROZEN.to_owned(), frozen.clone());
                desk.put(kind::DEPLOYMENT, &format!("{below}{id}"), &record)?;
                deployment.insert(id).clone()
            }
        };
        let message = format!("Successfully deployed stage with deployment ID '{id}'");
        stage.insert(STATUS.to_owned(), message.into());
        stage.insert("deploymentId".to_owned(), id.into());
        desk.put(kind::STAGE, &key, &stage)?;
    }
    match deployment {
        Some(_) => forget_old(desk, &below),
        None => Ok(()),
    }
}

const STATUS: &str = "lastDeploymentStatusMessage";
const DESCRIPTION: &str = "Automatic deployment triggered by changes to the Api configuration";

/// Without this every change of a route would leave a copy of the whole API behind for ever.
fn forget_old(desk: &mut Desk<'_>, below: &str) -> Outcome<()> {
    let stages = desk.list(kind::STAGE, below)?;
    let is_served = |id: &str| {
        stages
            .iter()
            .any(|(_, stage)| text(stage, "deploymentId") == id)
    };
    let mut old: Vec<(u64, String)> = desk
        .list(kind::DEPLOYMENT, below)?
        .into_iter()
        .filter(|(_, record)| {
            flag(record, "autoDeployed") && !is_served(text(record, "deploymentId"))
        })
        .map(|(key, record)| {
            let created = record.get("createdDate").and_then(Value::as_u64);
            (created.unwrap_or_default(), key)
        })
        .collect();
    old.sort_unstable();
    let surplus = old.len().saturating_sub(AUTOMATIC_MAX);
    for (_, key) in old.drain(..surplus) {
        desk.delete(kind::DEPLOYMENT, &key)?;
    }
    Ok(())
}

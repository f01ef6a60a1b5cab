//! Canaries of stages: a second deployment that some of the requests get, and its promotion.

use serde_json::{Value, json};

use crate::control::desk::{Desk, Record, text, within};
use crate::control::error::{Error, Outcome};
use crate::control::kind;
use crate::control::patch::Patch;
use crate::control::protocol::Input;
use crate::control::rest::noun;

/// The member of a stage that it lives in.
pub const PART: &str = "canarySettings";

const DEPLOYMENT: &str = "/canarySettings/deploymentId";
const OVERRIDES: &str = "/canarySettings/stageVariableOverrides";

/// The deployment of the canary; empty where there is none.
pub fn deployment(stage: &Record) -> &str {
    let settings = stage.get(PART).and_then(Value::as_object);
    settings.map_or("", |settings| text(settings, "deploymentId"))
}

/// The stage that a deployment with a canary names; it has to be there before.
pub fn stage_of(desk: &Desk<'_>, input: &Input) -> Outcome<(String, Record)> {
    let wrong =
        |what: String| Error::bad_request(format!("Invalid deployment content specified.{what}"));
    let name = input.text("stageName");
    let Some(known) = name.filter(|name| !name.is_empty()) else {
        let given = name.unwrap_or("null");
        return Err(wrong(format!(
            "Non null and non empty stageName must be provided for canary deployment. Provided \
             value is {given}"
        )));
    };
    let (key, found) = noun::below(desk, input, kind::STAGE, known)?;
    let missing = || {
        wrong(format!(
            "Stage {known} must already be created before making a canary release deployment"
        ))
    };
    Ok((key, found.ok_or_else(missing)?))
}

/// Gives the stage a canary with this deployment, complete as AWS shows it.
pub fn set(stage: &mut Record, id: &str, given: &Value) -> Outcome<()> {
    let mut settings = Record::from_iter([
        ("deploymentId".to_owned(), id.into()),
        ("percentTraffic".to_owned(), 0.0.into()),
        ("useStageCache".to_owned(), false.into()),
    ]);
    let given = given.as_object().cloned().unwrap_or_default();
    settings.extend(given.into_iter().filter(|(name, _)| name != "deploymentId"));
    check(&settings)?;
    stage.insert(PART.to_owned(), settings.into());
    Ok(())
}

fn check(settings: &Record) -> Outcome<()> {
    let percent = settings.get("percentTraffic").and_then(Value::as_f64);
    match percent {
        Some(percent) if (0.0..=100.0).contains(&percent) => Ok(()),
        _ => Err(Error::bad_request(
            "Invalid canary settings specified. percentTraffic must be between 0.0 and 100.0",
        )),
    }
}

/// Applies a patch below `/canarySettings`. None: it is no path of a canary, and the stage tells
/// that in its own words.
pub fn patch(stage: &mut Record, patch: &Patch) -> Option<Outcome<()>> {
    let segments = patch.segments();
    let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
    let path = &patch.path;
    match (patch.op.as_str(), &parts[1..]) {
        ("remove", []) => {
            stage.shift_remove(PART);
            Some(Ok(()))
        }
        ("replace", ["deploymentId" | "percentTraffic" | "useStageCache"]) => {
            Some(replace(stage, parts[1], patch.text()))
        }
        ("replace", ["stageVariableOverrides", name]) => {
            begin(stage);
            within(stage, PART, |settings| {
                within(settings, "stageVariableOverrides", |overrides| {
                    overrides.insert((*name).to_owned(), patch.text().into());
                });
            });
            Some(Ok(()))
        }
        ("remove", ["stageVariableOverrides", name]) if stage.contains_key(PART) => {
            within(stage, PART, |settings| {
                let is_last = within(settings, "stageVariableOverrides", |overrides| {
                    overrides.shift_remove(*name);
                    overrides.is_empty()
                });
                if is_last {
                    settings.shift_remove("stageVariableOverrides");
                }
            });
            Some(Ok(()))
        }
        ("remove", ["stageVariableOverrides"]) if stage.contains_key(PART) => {
            within(stage, PART, |settings| {
                settings.shift_remove("stageVariableOverrides");
            });
            Some(Ok(()))
        }
        (op, ["deploymentId" | "percentTraffic" | "useStageCache"])
        | (op, ["stageVariableOverrides", _]) => Some(Err(Error::bad_request(format!(
            "Invalid {op} operation with path: {path}"
        )))),
        _ => None,
    }
}

/// A stage without a canary gets one with its own deployment.
fn begin(stage: &mut Record) {
    if !stage.contains_key(PART) {
        let own = stage.get("deploymentId").cloned();
        let settings =
            json!({ "deploymentId": own, "percentTraffic": 0.0, "useStageCache": false });
        stage.insert(PART.to_owned(), settings);
    }
}

fn replace(stage: &mut Record, name: &str, text: &str) -> Outcome<()> {
    begin(stage);
    let value: Value = match name {
        "percentTraffic" => text.parse::<f64>().ok().into(),
        "useStageCache" => (text == "true").into(),
        _ => text.into(),
    };
    within(stage, PART, |settings| {
        settings.insert(name.to_owned(), value);
        check(settings)
    })
}

/// Promotion: the canary's deployment or variables become those of the stage.
pub fn copy(stage: &mut Record, patch: &Patch) -> Outcome<()> {
    let from = patch.from.as_deref().unwrap_or("null");
    let path = patch.path.as_str();
    if !["/deploymentId", "/variables"].contains(&path) || ![DEPLOYMENT, OVERRIDES].contains(&from)
    {
        return Err(Error::bad_request(format!(
            "Invalid copy operation with path: {path} and from {from}. Valid copy:path are \
             [/deploymentId, /variables] and valid copy:from are [{DEPLOYMENT}, {OVERRIDES}]"
        )));
    }
    let Some(Value::Object(settings)) = stage.get(PART).cloned() else {
        return Err(Error::bad_request(
            "Promotion not available. Canary does not exist.",
        ));
    };
    match (path, from) {
        ("/deploymentId", DEPLOYMENT) => {
            let id = text(&settings, "deploymentId");
            stage.insert("deploymentId".to_owned(), id.into());
        }
        ("/variables", OVERRIDES) => {
            let overrides = settings.get("stageVariableOverrides");
            let overrides = overrides.and_then(Value::as_object).cloned();
            if let Some(overrides) = overrides {
                within(stage, "variables", |variables| variables.extend(overrides));
            }
        }
        // One of each pair: AWS takes the words and there is nothing that they could mean.
        _ => {
            return Err(Error::bad_request(format!(
                "Invalid copy operation with path: {path} and from {from}"
            )));
        }
    }
    Ok(())
}

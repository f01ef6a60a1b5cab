//! The stages of usage plans, by `api:stage`, and the throttles of single methods in them.

use serde_json::{Value, json};

use crate::control::desk::{Desk, Record, within};
use crate::control::error::{Error, Outcome};
use crate::control::kind;
use crate::control::patch::{self, As, Patch};
use crate::model::quota;

fn wrong() -> Error {
    Error::bad_request("Invalid API Stage specified")
}

fn texts(stage: &Value) -> (&str, &str) {
    let text = |key: &str| stage[key].as_str().unwrap_or_default();
    (text("apiId"), text("stage"))
}

/// The stage has to be there.
pub fn check(desk: &Desk<'_>, plan: &str, stage: &Value) -> Outcome<()> {
    let (api, name) = texts(stage);
    match desk.get(kind::STAGE, &format!("{api}/{name}"))? {
        Some(_) => Ok(()),
        None => Err(Error::not_found(format!(
            "Invalid API Stage {{api: {api}, stage: {name}}} specified for usageplan {plan}"
        ))),
    }
}

pub fn check_throttles(desk: &Desk<'_>, stage: &Value) -> Outcome<()> {
    let throttles = stage["throttle"].as_object();
    for (method, limits) in throttles.into_iter().flatten() {
        for limit in ["rateLimit", "burstLimit"] {
            if limits[limit].as_f64().is_some_and(|limit| limit < 0.0) {
                return Err(Error::bad_request(format!(
                    "Usage Plan throttle {limit} of {method} must be >= 0"
                )));
            }
        }
    }
    desk.fits_count(
        &quota::METHOD_THROTTLES,
        throttles.map_or(0, serde_json::Map::len),
    )
}

/// Applies a patch below `/apiStages`: a whole stage as value or in the path, the throttles of all
/// its methods, those of one (`/pets/GET`, slashes as they are or as `~1`), or one limit of these.
pub fn patch(desk: &Desk<'_>, plan: &mut Record, patch: &Patch, id: &str) -> Outcome<()> {
    let segments = patch.segments();
    let rest: Vec<&str> = segments[1..].iter().map(String::as_str).collect();
    match rest.as_slice() {
        [] => whole(desk, plan, patch, patch.text(), id),
        [named] => whole(desk, plan, patch, named, id),
        [named, "throttle", method @ ..] => {
            let (api, name) = named.split_once(':').ok_or_else(wrong)?;
            let Some(Value::Array(stages)) = plan.get_mut("apiStages") else {
                return Err(wrong());
            };
            let found = stages.iter_mut().find(|stage| texts(stage) == (api, name));
            let Some(Value::Object(stage)) = found else {
                return Err(Error::not_found(format!(
                    "Invalid API Stage {{api: {api}, stage: {name}}} specified for usageplan {id}"
                )));
            };
            throttle(stage, patch, method)?;
            check_throttles(desk, &Value::Object(stage.clone()))
        }
        _ => Err(unknown(patch)),
    }
}

fn unknown(patch: &Patch) -> Error {
    Error::bad_request(format!("Invalid patch path {}", patch.path))
}

fn whole(desk: &Desk<'_>, plan: &mut Record, patch: &Patch, named: &str, id: &str) -> Outcome<()> {
    let (api, name) = named.split_once(':').ok_or_else(wrong)?;
    let entry = json!({ "apiId": api, "stage": name });
    let Some(Value::Array(stages)) = plan.get_mut("apiStages") else {
        return Err(wrong());
    };
    let is_in = stages.iter().any(|stage| texts(stage) == (api, name));
    match patch.op.as_str() {
        "add" => {
            check(desk, id, &entry)?;
            if !is_in {
                stages.push(entry);
            }
        }
        "remove" if is_in => stages.retain(|stage| texts(stage) != (api, name)),
        "remove" => {
            return Err(Error::not_found(format!(
                "Invalid API Stage {{api: {api}, stage: {name}}} specified for usageplan {id}"
            )));
        }
        _ => return Err(wrong()),
    }
    Ok(())
}

const PART: &str = "throttle";

fn throttle(stage: &mut Record, patch: &Patch, method: &[&str]) -> Outcome<()> {
    let (key, limit) = match method {
        [] => (String::new(), None),
        [above @ .., limit @ ("rateLimit" | "burstLimit")] => (key(above), Some(*limit)),
        _ => (key(method), None),
    };
    match (patch.op.as_str(), limit) {
        ("add" | "replace", Some(limit)) if key.len() > 1 => {
            let kind = match limit {
                "rateLimit" => As::Number,
                _ => As::Integer,
            };
            let value = patch::value(kind, patch)?;
            within(stage, PART, |all| {
                within(all, &key, |own| own.insert(limit.to_owned(), value));
            });
        }
        ("remove", None) if key.is_empty() => {
            stage.shift_remove(PART);
        }
        ("remove", limit) => {
            let is_empty = within(stage, PART, |all| {
                match limit {
                    Some(limit) => within(all, &key, |own| {
                        own.shift_remove(limit);
                    }),
                    None => {
                        all.shift_remove(&key);
                    }
                }
                all.is_empty()
            });
            if is_empty {
                stage.shift_remove(PART);
            }
        }
        _ => return Err(unknown(patch)),
    }
    Ok(())
}

/// `/pets/GET`, however its slashes were written.
fn key(method: &[&str]) -> String {
    format!("/{}", method.join("/").trim_start_matches('/'))
}

//! Usage plan operations, and the keys of plans.

use serde_json::{Value, json};

use crate::control::Handler;
use crate::control::desk::{Desk, Record};
use crate::control::error::{Error, Outcome};
use crate::control::kind;
use crate::control::patch::{ANY, As, Family, Patch, Rules};
use crate::control::protocol::Input;
use crate::control::rest::key;
use crate::control::rest::noun::{self, given, text};

pub const OPERATIONS: &[(&str, Handler)] = &[
    ("CreateUsagePlan", create),
    ("GetUsagePlan", |desk, input| {
        find(desk, input).map(Value::Object)
    }),
    ("GetUsagePlans", list),
    ("UpdateUsagePlan", update),
    ("DeleteUsagePlan", delete),
    ("CreateUsagePlanKey", create_key),
    ("GetUsagePlanKey", |desk, input| {
        find_key(desk, input).map(|(_, record)| Value::Object(record))
    }),
    ("GetUsagePlanKeys", list_keys),
    ("DeleteUsagePlanKey", |desk, input| {
        let (id, _) = find_key(desk, input)?;
        desk.delete(kind::USAGE_PLAN_KEY, &id)?;
        Ok(Value::Null)
    }),
];

const RULES: Rules = Rules {
    family: Family::Plain,
    rows: &[
        ("/name", As::Text, ANY),
        ("/description", As::Text, ANY),
        ("/productCode", As::Text, ANY),
        ("/throttle/rateLimit", As::Number, ANY),
        ("/throttle/burstLimit", As::Integer, ANY),
        ("/throttle", As::Text, &["remove"]),
        ("/quota/limit", As::Integer, ANY),
        ("/quota/offset", As::Integer, ANY),
        ("/quota/period", As::Text, ANY),
        ("/quota", As::Text, &["remove"]),
    ],
};

fn find(desk: &Desk<'_>, input: &Input) -> Outcome<Record> {
    let found = desk.get(kind::USAGE_PLAN, input.given("usagePlanId"))?;
    found.ok_or_else(|| Error::not_found("Invalid Usage Plan ID specified"))
}

fn create(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let names = [
        "name",
        "description",
        "apiStages",
        "throttle",
        "quota",
        "tags",
    ];
    let mut record = given(input, &names);
    let id = desk.new_id(6);
    record.insert("id".to_owned(), id.clone().into());
    record.entry("apiStages").or_insert(json!([]));
    if let Some(Value::Object(quota)) = record.get_mut("quota") {
        quota.entry("offset").or_insert(0.into());
    }
    let stages = record.get("apiStages").and_then(Value::as_array);
    for stage in stages.into_iter().flatten() {
        let (api, name) = (&stage["apiId"], &stage["stage"]);
        let (api, name) = (
            api.as_str().unwrap_or_default(),
            name.as_str().unwrap_or_default(),
        );
        check_stage(desk, &id, api, name)?;
    }
    desk.put(kind::USAGE_PLAN, &id, &record)?;
    Ok(Value::Object(record))
}

fn check_stage(desk: &Desk<'_>, plan: &str, api: &str, stage: &str) -> Outcome<()> {
    match desk.get(kind::STAGE, &format!("{api}/{stage}"))? {
        Some(_) => Ok(()),
        None => Err(Error::not_found(format!(
            "Invalid API Stage {{api: {api}, stage: {stage}}} specified for usageplan {plan}"
        ))),
    }
}

fn list(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let all = desk.list(kind::USAGE_PLAN, "")?.into_iter();
    let wanted = input.text("keyId");
    let mut shown = Vec::new();
    for (id, plan) in all {
        let holds = match wanted {
            Some(key) => desk
                .get(kind::USAGE_PLAN_KEY, &format!("{id}/{key}"))?
                .is_some(),
            None => true,
        };
        if holds {
            shown.push((id, plan));
        }
    }
    noun::shown(input, shown)
}

fn update(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let mut record = find(desk, input)?;
    let id = input.given("usagePlanId");
    for patch in Patch::all(input) {
        match patch.segments().as_slice() {
            [only] if only == "apiStages" => patch_stages(desk, &mut record, &patch, id)?,
            _ => RULES.apply_one(&mut record, &patch)?,
        }
    }
    desk.put(kind::USAGE_PLAN, id, &record)?;
    Ok(Value::Object(record))
}

/// Stages are named `api:stage`.
fn patch_stages(desk: &Desk<'_>, record: &mut Record, patch: &Patch, id: &str) -> Outcome<()> {
    let named = patch.text().split_once(':');
    let wrong = || Error::bad_request("Invalid API Stage specified");
    let (api, stage) = named.ok_or_else(wrong)?;
    let entry = json!({ "apiId": api, "stage": stage });
    let is_it = |other: &Value| other["apiId"] == api && other["stage"] == stage;
    let Some(Value::Array(stages)) = record.get_mut("apiStages") else {
        return Err(wrong());
    };
    match patch.op.as_str() {
        "add" => {
            check_stage(desk, id, api, stage)?;
            if !stages.iter().any(is_it) {
                stages.push(entry);
            }
        }
        "remove" if stages.iter().any(is_it) => stages.retain(|other| !is_it(other)),
        "remove" => check_stage(desk, id, api, "")?,
        _ => return Err(wrong()),
    }
    Ok(())
}

fn delete(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let record = find(desk, input)?;
    let stages = record.get("apiStages").and_then(Value::as_array);
    if stages.is_some_and(|stages| !stages.is_empty()) {
        let id = input.given("usagePlanId");
        return Err(Error::bad_request(format!(
            "Cannot delete usage plan {id}: remove its API stages first"
        )));
    }
    let id = input.given("usagePlanId");
    desk.delete(kind::USAGE_PLAN, id)?;
    desk.delete_all(kind::USAGE_PLAN_KEY, &format!("{id}/"))?;
    Ok(Value::Null)
}

fn create_key(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    find(desk, input)?;
    if input.text("keyType") != Some("API_KEY") {
        return Err(Error::bad_request("Usage plan key type must be API_KEY"));
    }
    let key = key::find(desk, input.given("keyId"))?;
    let id = format!("{}/{}", input.given("usagePlanId"), input.given("keyId"));
    if desk.get(kind::USAGE_PLAN_KEY, &id)?.is_some() {
        return Err(Error::conflict(
            "API Key is already part of this usage plan",
        ));
    }
    let mut record = Record::new();
    for name in ["id", "name", "value"] {
        if let Some(value) = key.get(name) {
            record.insert(name.to_owned(), value.clone());
        }
    }
    record.insert("type".to_owned(), "API_KEY".into());
    desk.put(kind::USAGE_PLAN_KEY, &id, &record)?;
    Ok(Value::Object(record))
}

fn find_key(desk: &Desk<'_>, input: &Input) -> Outcome<(String, Record)> {
    find(desk, input)?;
    let id = format!("{}/{}", input.given("usagePlanId"), input.given("keyId"));
    let found = desk.get(kind::USAGE_PLAN_KEY, &id)?;
    let missing = || Error::not_found("Invalid API Key identifier specified");
    Ok((id, found.ok_or_else(missing)?))
}

fn list_keys(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    find(desk, input)?;
    let below = format!("{}/", input.given("usagePlanId"));
    let all = desk.list(kind::USAGE_PLAN_KEY, &below)?.into_iter();
    let start = input.text("nameQuery").unwrap_or_default();
    let all = all.filter(|(_, key)| text(key, "name").starts_with(start));
    noun::shown(input, all.collect())
}

//! Usage plan operations, and the keys of plans.

use serde_json::{Value, json};

use crate::control::Handler;
use crate::control::desk::{Desk, Record, text};
use crate::control::error::{Error, Outcome};
use crate::control::kind;
use crate::control::patch::{ANY, As, Family, Patch, Rules};
use crate::control::protocol::Input;
use crate::control::rest::noun::{self, given};
use crate::control::rest::{key, plan_stage};
use crate::control::{tags, usage};
use crate::model::quota;

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
        desk.delete_all(kind::USAGE, &format!("{id}/"))?;
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

pub fn find(desk: &Desk<'_>, input: &Input) -> Outcome<Record> {
    let found = desk.get(kind::USAGE_PLAN, input.given("usagePlanId"))?;
    found.ok_or_else(|| Error::not_found("Invalid Usage Plan ID specified"))
}

fn create(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    desk.admit(&quota::USAGE_PLANS, || desk.count(kind::USAGE_PLAN, ""))?;
    let names = [
        "name",
        "description",
        "apiStages",
        "throttle",
        "quota",
        "tags",
    ];
    let mut record = given(input, &names);
    tags::check(desk, input)?;
    let id = desk.new_id(6);
    record.insert("id".to_owned(), id.clone().into());
    record.entry("apiStages").or_insert(json!([]));
    for stage in stages(&record) {
        plan_stage::check(desk, &id, &stage)?;
        plan_stage::check_throttles(desk, &stage)?;
    }
    keep(desk, &id, record)
}

/// Writes a plan, if it can be one.
fn keep(desk: &mut Desk<'_>, id: &str, mut record: Record) -> Outcome<Value> {
    if text(&record, "name").is_empty() {
        return Err(Error::bad_request("Usage Plan name cannot be blank"));
    }
    if let Some(Value::Object(quota)) = record.get_mut("quota") {
        quota.entry("offset").or_insert(0.into());
        let limit = quota.get("limit").and_then(Value::as_i64);
        let offset = quota.get("offset").and_then(Value::as_i64).unwrap_or(-1);
        if limit.is_none_or(|limit| limit < 1) {
            return Err(Error::bad_request("Usage Plan quota limit must be >= 1"));
        }
        if !["DAY", "WEEK", "MONTH"].contains(&text(quota, "period")) {
            return Err(Error::bad_request(
                "Usage Plan quota period must be one of [DAY, WEEK, MONTH]",
            ));
        }
        if offset < 0 {
            return Err(Error::bad_request("Usage Plan quota offset must be >= 0"));
        }
    }
    for limit in ["rateLimit", "burstLimit"] {
        let throttle = record.get("throttle").map(|throttle| &throttle[limit]);
        if throttle
            .and_then(Value::as_f64)
            .is_some_and(|limit| limit < 0.0)
        {
            return Err(Error::bad_request(format!(
                "Usage Plan throttle {limit} must be >= 0"
            )));
        }
    }
    desk.put(kind::USAGE_PLAN, id, &record)?;
    Ok(Value::Object(record))
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
            [first, ..] if first == "apiStages" => {
                plan_stage::patch(desk, &mut record, &patch, id)?
            }
            _ => RULES.apply_one(&mut record, &patch)?,
        }
    }
    for stage in stages(&record) {
        check_sharing(desk, id, None, &stage)?;
    }
    keep(desk, id, record)
}

fn stages(record: &Record) -> Vec<Value> {
    let stages = record.get("apiStages").and_then(Value::as_array);
    stages.cloned().unwrap_or_default()
}

/// A key (`new`, or any that the plan has) can be in one plan only for each stage.
fn check_sharing(desk: &Desk<'_>, plan: &str, new: Option<&str>, stage: &Value) -> Outcome<()> {
    let own = match new {
        Some(key) => vec![key.to_owned()],
        None => keys(desk, plan)?,
    };
    if own.is_empty() {
        return Ok(());
    }
    for (other, record) in desk.list(kind::USAGE_PLAN, "")? {
        let has =
            |other: &Value| other["apiId"] == stage["apiId"] && other["stage"] == stage["stage"];
        if other == plan || !stages(&record).iter().any(has) {
            continue;
        }
        let theirs = keys(desk, &other)?;
        if let Some(key) = own.iter().find(|key| theirs.contains(key)) {
            let (api, stage) = (&stage["apiId"], &stage["stage"]);
            let (api, stage) = (api.as_str().unwrap_or(""), stage.as_str().unwrap_or(""));
            return Err(Error::conflict(format!(
                "Usage Plan {plan} cannot be added because API Key {key} cannot reference multiple \
                 Usage Plans with the same API stage: {api}:{stage}"
            )));
        }
    }
    Ok(())
}

/// The ids of the keys of a plan.
fn keys(desk: &Desk<'_>, plan: &str) -> Outcome<Vec<String>> {
    let all = desk.list(kind::USAGE_PLAN_KEY, &format!("{plan}/"))?;
    Ok(all
        .into_iter()
        .filter_map(|(id, _)| id.split_once('/').map(|(_, key)| key.to_owned()))
        .collect())
}

/// Takes the stages of an API that are deleted, or one of them, out of all plans.
pub fn forget_stages(desk: &mut Desk<'_>, api: &str, stage: Option<&str>) -> Outcome<()> {
    for (id, mut record) in desk.list(kind::USAGE_PLAN, "")? {
        let before = stages(&record);
        let mut after = before.clone();
        after.retain(|other| {
            other["apiId"] != api || stage.is_some_and(|stage| other["stage"] != stage)
        });
        if after.len() != before.len() {
            record.insert("apiStages".to_owned(), after.into());
            desk.put(kind::USAGE_PLAN, &id, &record)?;
        }
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
    desk.delete_all(kind::USAGE, &format!("{id}/"))?;
    Ok(Value::Null)
}

fn create_key(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    find(desk, input)?;
    if input.text("keyType") != Some("API_KEY") {
        return Err(Error::bad_request("Usage plan key type must be API_KEY"));
    }
    let plan = input.given("usagePlanId");
    let key = key::find(desk, input.given("keyId"))?;
    let record = add_key(desk, plan, &key)?;
    Ok(Value::Object(record))
}

/// Puts a key into a plan.
pub fn add_key(desk: &mut Desk<'_>, plan: &str, key: &Record) -> Outcome<Record> {
    let own = text(key, "id");
    let id = format!("{plan}/{own}");
    if desk.get(kind::USAGE_PLAN_KEY, &id)?.is_some() {
        return Err(Error::conflict(
            "API Key is already part of this usage plan",
        ));
    }
    let found = desk.get(kind::USAGE_PLAN, plan)?.unwrap_or_default();
    for stage in stages(&found) {
        check_sharing(desk, plan, Some(own), &stage)?;
    }
    desk.admit(&quota::PLANS_OF_A_KEY, || {
        let all = desk.list(kind::USAGE_PLAN_KEY, "")?;
        let of_key = all
            .iter()
            .filter(|(id, _)| id.rsplit('/').next() == Some(own));
        Ok(of_key.count())
    })?;
    let mut record = Record::new();
    for name in ["id", "name", "value"] {
        if let Some(value) = key.get(name) {
            record.insert(name.to_owned(), value.clone());
        }
    }
    record.insert("type".to_owned(), "API_KEY".into());
    record.insert(usage::SINCE.to_owned(), desk.now());
    desk.put(kind::USAGE_PLAN_KEY, &id, &record)?;
    Ok(record)
}

pub fn find_key(desk: &Desk<'_>, input: &Input) -> Outcome<(String, Record)> {
    find(desk, input)?;
    let id = format!("{}/{}", input.given("usagePlanId"), input.given("keyId"));
    let found = desk.get(kind::USAGE_PLAN_KEY, &id)?;
    let missing = || Error::not_found("Invalid API Key identifier specified");
    Ok((id, found.ok_or_else(missing)?))
}

fn list_keys(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    // An unknown plan is as one without keys.
    let below = format!("{}/", input.given("usagePlanId"));
    let all = desk.list(kind::USAGE_PLAN_KEY, &below)?.into_iter();
    let start = input.text("nameQuery").unwrap_or_default();
    let all = all.filter(|(_, key)| text(key, "name").starts_with(start));
    noun::shown(input, all.collect())
}

//! Usage operations: what the keys of a plan have used and may still use, by day.

use serde_json::{Map, Value, json};

use crate::control::Handler;
use crate::control::desk::{Desk, Record, text};
use crate::control::error::{Error, Outcome};
use crate::control::kind;
use crate::control::patch::{As, Family, Patch, REPLACE, Rules};
use crate::control::protocol::{Input, ServiceName, page};
use crate::control::rest::plan;
use crate::control::usage::{self, Day, Quota, Tally};

pub const OPERATIONS: &[(&str, Handler)] = &[("GetUsage", get), ("UpdateUsage", update)];

const RULES: Rules = Rules {
    family: Family::Listed("/remaining"),
    rows: &[("/remaining", As::Integer, REPLACE)],
};

/// The first and the last day that are asked for.
fn days(input: &Input) -> Outcome<(Day, Day)> {
    let day = |key: &str| {
        let given = input.given(key);
        Day::parse(given).ok_or_else(|| {
            Error::bad_request(format!("Invalid {key} specified: {given}. Use yyyy-MM-dd"))
        })
    };
    let (first, last) = (day("startDate")?, day("endDate")?);
    if last < first {
        return Err(Error::bad_request(
            "Invalid date range specified: startDate is after endDate",
        ));
    }
    if last.since(first) > DAYS_MAX {
        return Err(Error::bad_request(format!(
            "Invalid date range specified: it has at most {DAYS_MAX} days"
        )));
    }
    Ok((first, last))
}

/// A year and a day: an answer has a bound.
const DAYS_MAX: i64 = 366;

fn get(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let plan = plan::find(desk, input)?;
    let (first, last) = days(input)?;
    let id = input.given("usagePlanId");
    let wanted = input.text("keyId").filter(|key| !key.is_empty());
    let below = format!("{id}/");
    let all = desk.list(kind::USAGE_PLAN_KEY, &below)?.into_iter();
    let all = all.map(|(key, record)| (key[below.len()..].to_owned(), record));
    let all = all.filter(|(own, _)| wanted.is_none_or(|wanted| wanted == own));
    let all = all.map(|(own, record)| (own, Value::Object(record)));
    let mut output = page::page(ServiceName::Rest, input, all)?;
    // Only the keys of this page are looked into; the answer has them as members of one object.
    let mut values = Map::new();
    for record in output["items"].as_array().into_iter().flatten() {
        let Some(record) = record.as_object() else {
            continue;
        };
        let own = text(record, "id");
        let key = format!("{below}{own}");
        let log = log(desk, &key, Quota::of(&plan, record), first, last)?;
        values.insert(own.to_owned(), json!(log));
    }
    output["items"] = Value::Object(values);
    output["usagePlanId"] = id.into();
    output["startDate"] = input.given("startDate").into();
    output["endDate"] = input.given("endDate").into();
    Ok(output)
}

/// `[used, remaining]` of each day.
fn log(
    desk: &Desk<'_>,
    key: &str,
    quota: Option<Quota>,
    first: Day,
    last: Day,
) -> Outcome<Vec<[i64; 2]>> {
    // What remains on the first day depends on the days of its period before.
    let begin = quota.map_or(first, |quota| quota.period.first_day(first));
    let mut tally = Tally::new(quota);
    let kept = tallies(desk, key)?;
    let mut log = Vec::new();
    for day in begin.until(last) {
        let of_day = kept.get(&day.to_string());
        let shown = tally.add(day, &usage::counts(of_day));
        if day >= first {
            log.push(shown);
        }
    }
    Ok(log)
}

/// The records of a key by their days.
fn tallies(desk: &Desk<'_>, key: &str) -> Outcome<Map<String, Value>> {
    let below = format!("{key}/");
    let all = desk.list(kind::USAGE, &below)?.into_iter();
    let by_day = all.map(|(id, record)| (id[below.len()..].to_owned(), Value::Object(record)));
    Ok(by_day.collect())
}

/// Grants a key more or fewer requests for the rest of its period.
fn update(desk: &mut Desk<'_>, input: &Input) -> Outcome<Value> {
    let plan = plan::find(desk, input)?;
    let (key, record) = plan::find_key(desk, input)?;
    let (id, own) = (input.given("usagePlanId"), input.given("keyId"));
    let Some(quota) = Quota::of(&plan, &record) else {
        return Err(Error::bad_request(format!(
            "Usage Plan {id} has no quota that could be extended"
        )));
    };
    let today = Day::of(desk.now_ms());
    let now = log(desk, &key, Some(quota), today, today)?;
    let remaining = now.first().map_or(0, |[_, remaining]| *remaining);
    let mut patched = Record::from_iter([("remaining".to_owned(), remaining.into())]);
    RULES.apply(&mut patched, &Patch::all(input))?;
    let wanted = patched.get("remaining").and_then(Value::as_i64);
    let wanted = wanted.filter(|wanted| *wanted >= 0).ok_or_else(|| {
        Error::bad_request("Invalid remaining quota specified: it must be 0 or more")
    })?;
    usage::grant(desk, &key, today, wanted - remaining)?;
    let log = log(desk, &key, Some(quota), today, today)?;
    let day = today.to_string();
    Ok(json!({
        "usagePlanId": text(&plan, "id"),
        "startDate": day,
        "endDate": day,
        "items": { own: log },
    }))
}

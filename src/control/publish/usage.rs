//! Usage plans with their keys, as the data plane asks them.

use serde_json::Value;

use crate::control::desk::{Desk, Record, text};
use crate::control::error::Outcome;
use crate::control::kind;
use crate::control::publish::throttle;
use crate::control::usage::{self, Day};
use crate::model::usage::{Period, PlanKey, PlanStage, Quota, Usage, UsagePlan};

/// All usage plans of the desk's account and region.
///
/// # Errors
/// When the store cannot be read.
pub fn usage(desk: &Desk<'_>) -> Outcome<Usage> {
    let scope = desk.scope();
    let mut plans = Vec::new();
    for (id, plan) in desk.list(kind::USAGE_PLAN, "")? {
        let stages = plan.get("apiStages").and_then(Value::as_array);
        plans.push(UsagePlan {
            throttle: plan.get("throttle").and_then(limits),
            quota: quota(&plan),
            stages: stages.into_iter().flatten().map(stage).collect(),
            keys: keys(desk, &id, &plan)?,
            id,
        });
    }
    Ok(Usage {
        account: scope.account.clone(),
        region: scope.region.clone(),
        plans,
    })
}

fn limits(written: &Value) -> Option<crate::model::Throttle> {
    throttle(
        written["rateLimit"].as_f64(),
        written["burstLimit"].as_u64(),
    )
}

fn quota(plan: &Record) -> Option<Quota> {
    let quota = plan.get("quota")?;
    Some(Quota {
        limit: quota["limit"].as_i64()?,
        period: match quota["period"].as_str()? {
            "DAY" => Period::Day,
            "WEEK" => Period::Week,
            _ => Period::Month,
        },
    })
}

fn stage(written: &Value) -> PlanStage {
    let name = |key: &str| written[key].as_str().unwrap_or_default().to_owned();
    let throttles = written["throttle"].as_object().into_iter().flatten();
    PlanStage {
        api: name("apiId"),
        stage: name("stage"),
        throttles: throttles
            .filter_map(|(method, written)| Some((method.clone(), limits(written)?)))
            .collect(),
    }
}

fn keys(desk: &Desk<'_>, plan: &str, record: &Record) -> Outcome<Vec<PlanKey>> {
    let mut keys = Vec::new();
    let today = Day::of(desk.now_ms());
    for (name, member) in desk.list(kind::USAGE_PLAN_KEY, &format!("{plan}/"))? {
        let id = name.rsplit('/').next().unwrap_or_default();
        let Some(key) = desk.get(kind::API_KEY, id)? else {
            continue;
        };
        let quota = usage::Quota::of(record, &member);
        let counts = match quota {
            Some(quota) => usage::in_period(desk, &name, quota, today)?,
            None => usage::Counts::default(),
        };
        keys.push(PlanKey {
            id: id.to_owned(),
            value: text(&key, "value").to_owned(),
            is_enabled: key.get("enabled") == Some(&Value::Bool(true)),
            day: today.number(),
            used: counts.used,
            granted: counts.granted,
        });
    }
    Ok(keys)
}

//! Usage plans to the table of who may call which stage.

use crate::model::{Throttle, Usage, usage};
use crate::plan::Limit;
use crate::plan::usage::{ApiKey, Member, Period, Quota, UsageTable};

/// The table for the plans of all accounts and regions.
pub fn usage<'u>(all: impl Iterator<Item = &'u Usage>) -> UsageTable {
    let mut table = UsageTable::default();
    for scope in all {
        for plan in &scope.plans {
            for key in &plan.keys {
                add(&mut table, scope, plan, key);
            }
        }
    }
    table
}

fn add(table: &mut UsageTable, scope: &Usage, plan: &usage::UsagePlan, key: &usage::PlanKey) {
    let index = table.members.len();
    let of = |what: &str, throttle: &Throttle| Limit {
        scope: format!("{}/{}{what}", plan.id, key.id).into(),
        rate: throttle.rate_limit,
        burst: throttle.burst_limit,
    };
    let mut methods = Vec::new();
    for stage in &plan.stages {
        let name = format!("{}/{}", stage.api, stage.stage);
        for (method, throttle) in &stage.throttles {
            let limit = of(&format!("/{name}{method}"), throttle);
            let method = method.trim_start_matches('/');
            methods.push((name.as_str().into(), method.into(), limit));
        }
        table.add(
            &name,
            ApiKey {
                id: key.id.as_str().into(),
                value: key.value.as_str().into(),
                is_enabled: key.is_enabled,
                member: index,
            },
        );
    }
    table.members.push(Member {
        account: scope.account.as_str().into(),
        region: scope.region.as_str().into(),
        plan: plan.id.as_str().into(),
        key: key.id.as_str().into(),
        throttle: plan.throttle.as_ref().map(|throttle| of("", throttle)),
        methods,
        quota: plan.quota.map(|quota| Quota {
            limit: quota.limit,
            period: match quota.period {
                usage::Period::Day => Period::Day,
                usage::Period::Week => Period::Week,
                usage::Period::Month => Period::Month,
            },
            day: key.day,
            used: key.used,
            granted: key.granted,
        }),
    });
}

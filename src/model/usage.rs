//! Usage plans with their API keys, of one account and region.

use crate::model::Throttle;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Usage {
    pub account: String,
    pub region: String,
    pub plans: Vec<UsagePlan>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct UsagePlan {
    pub id: String,
    /// Of each key, over all stages of the plan.
    pub throttle: Option<Throttle>,
    pub quota: Option<Quota>,
    pub stages: Vec<PlanStage>,
    pub keys: Vec<PlanKey>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct PlanStage {
    pub api: String,
    pub stage: String,
    /// Of each key and method: `/pets/GET`.
    pub throttles: Vec<(String, Throttle)>,
}

/// What each key may use in a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    pub limit: i64,
    pub period: Period,
}

/// After which a quota begins anew, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    Day,
    /// From Sunday.
    Week,
    Month,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanKey {
    pub id: String,
    pub value: String,
    pub is_enabled: bool,
    /// A day of the period that the next two are about, in days since 1970.
    pub day: i64,
    /// What was used in it before this process counted.
    pub used: i64,
    /// What it may use in it more (or less) than the quota says.
    pub granted: i64,
}

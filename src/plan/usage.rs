//! API keys and the usage plans that they belong to: who may call which stage, and how often.

use std::collections::HashMap;

use crate::base::date;
use crate::plan::Limit;

/// Every key of every stage that has usage plans.
#[derive(Debug, Default)]
pub struct UsageTable {
    /// By `{api}/{stage}`, then by the value of the key.
    stages: HashMap<Box<str>, HashMap<Box<str>, ApiKey>>,
    /// What `ApiKey` points into: a key in one plan.
    pub members: Vec<Member>,
}

/// A key as one stage knows it.
#[derive(Debug)]
pub struct ApiKey {
    pub id: Box<str>,
    pub value: Box<str>,
    pub is_enabled: bool,
    /// Index of its membership in the plan of this stage.
    pub member: usize,
}

/// A key in a plan.
#[derive(Debug)]
pub struct Member {
    pub account: Box<str>,
    pub region: Box<str>,
    pub plan: Box<str>,
    pub key: Box<str>,
    pub throttle: Option<Limit>,
    /// By `{api}/{stage}` and the method, `pets/GET`.
    pub methods: Vec<(Box<str>, Box<str>, Limit)>,
    pub quota: Option<Quota>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    pub limit: i64,
    pub period: Period,
    /// A day of the period that the next two are about, in days since 1970.
    pub day: i64,
    pub used: i64,
    /// On top of the limit, in that period alone.
    pub granted: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    Day,
    /// From Sunday.
    Week,
    Month,
}

const DAY_MS: u64 = 86_400_000;

/// The day of a moment in milliseconds since 1970.
pub const fn day_of(epoch_ms: u64) -> i64 {
    (epoch_ms / DAY_MS) as i64
}

impl Period {
    /// The first day of the period that `day` is in.
    pub fn first_day(self, day: i64) -> i64 {
        match self {
            Self::Day => day,
            // 1970 began on a Thursday.
            Self::Week => day - (day + 4).rem_euclid(7),
            Self::Month => day + 1 - i64::from(date::day_of_month(day)),
        }
    }
}

impl Quota {
    /// What may be used in the period that begins with `first`.
    pub fn limit_of(&self, first: i64) -> i64 {
        match self.period.first_day(self.day) == first {
            true => self.limit.saturating_add(self.granted),
            false => self.limit,
        }
    }
}

impl UsageTable {
    /// Adds a key to a stage; the first plan that has both counts.
    pub fn add(&mut self, stage: &str, key: ApiKey) {
        let keys = self.stages.entry(stage.into()).or_default();
        keys.entry(key.value.clone()).or_insert(key);
    }

    pub fn find(&self, stage: &str, value: &str) -> Option<&ApiKey> {
        self.stages.get(stage)?.get(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_begin_on_their_first_day() {
        // 26 November 2026 is a Thursday.
        let day = day_of(1_795_694_400_000);
        let check = |period: Period, back: i64| assert_eq!(period.first_day(day), day - back);
        check(Period::Day, 0);
        check(Period::Week, 4);
        check(Period::Month, 25);
    }

    #[test]
    fn what_was_granted_counts_in_its_own_period() {
        let quota = Quota {
            limit: 10,
            period: Period::Day,
            day: 5,
            used: 0,
            granted: 3,
        };
        assert_eq!((quota.limit_of(5), quota.limit_of(6)), (13, 10));
    }
}

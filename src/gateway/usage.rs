//! What keys use, counted once for all cores: throttles and quotas of usage plans.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::gateway::Reject;
use crate::gateway::throttle::Bucket;
use crate::plan::Limit;
use crate::plan::usage::{Member, Quota, UsageTable, day_of};

/// The table of keys, and the state of each key in each plan.
#[derive(Debug, Default)]
pub struct Usage {
    pub table: UsageTable,
    /// As `table.members`.
    accounts: Vec<Account>,
}

/// The state of one key in one plan. Buckets and counts live on where the key stays in the plan.
#[derive(Debug)]
struct Account {
    throttle: Option<Arc<Bucket>>,
    methods: Vec<Arc<Bucket>>,
    counts: Arc<Counts>,
}

/// Each number is a day (the first of the period, or the day itself) and a count in one word, so
/// that both change at once.
#[derive(Debug)]
struct Counts {
    period: AtomicU64,
    /// Not yet handed over, by the evenness of the day: one day may end while another begins.
    days: [AtomicU64; 2],
}

/// Requests of a key under a plan on one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Used {
    pub account: Box<str>,
    pub region: Box<str>,
    pub plan: Box<str>,
    pub key: Box<str>,
    /// Days since 1970.
    pub day: i64,
    pub requests: u32,
}

/// Where the control thread finds the counts, whatever is published meanwhile.
#[derive(Debug, Default)]
pub struct Meter(Mutex<Arc<Usage>>);

fn packed(day: i64, count: u32) -> u64 {
    ((day as u64) << 32) | u64::from(count)
}

fn unpacked(word: u64) -> (i64, u32) {
    ((word >> 32) as i64, word as u32)
}

impl Counts {
    fn new(quota: Option<&Quota>) -> Self {
        let start = quota.map_or(0, |quota| {
            let first = quota.period.first_day(quota.day);
            packed(first, u32::try_from(quota.used.max(0)).unwrap_or(u32::MAX))
        });
        Self {
            period: AtomicU64::new(start),
            days: [AtomicU64::new(0), AtomicU64::new(0)],
        }
    }

    /// Takes one request off the quota, if there is one left.
    fn spend(&self, quota: &Quota, day: i64) -> bool {
        let first = quota.period.first_day(day);
        let limit = quota.limit_of(first);
        let next = |word: u64| {
            let (of, used) = unpacked(word);
            let used = if of == first { used } else { 0 };
            (i64::from(used) < limit).then(|| packed(first, used.saturating_add(1)))
        };
        let (success, failure) = (Ordering::Relaxed, Ordering::Relaxed);
        self.period.fetch_update(success, failure, next).is_ok()
    }

    fn note(&self, day: i64) {
        let next = |word: u64| {
            let (of, used) = unpacked(word);
            // A day that nobody asked for in two days is of no use any more.
            let used = if of == day { used } else { 0 };
            Some(packed(day, used.saturating_add(1)))
        };
        let slot = &self.days[(day & 1) as usize];
        let _ = slot.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
    }
}

impl Usage {
    /// Keys that stay in their plan keep what they have used, and buckets whose numbers stay what
    /// is in them.
    pub fn next(table: UsageTable, before: &Self) -> Self {
        let known = before.table.members.iter().zip(&before.accounts);
        let known: HashMap<(&str, &str), &Account> = known
            .map(|(member, account)| ((&*member.plan, &*member.key), account))
            .collect();
        let account = |member: &Member| {
            let earlier = known.get(&(&*member.plan, &*member.key)).copied();
            let buckets = earlier.map(|earlier| {
                let methods = earlier.methods.iter();
                methods.chain(&earlier.throttle).collect::<Vec<_>>()
            });
            let buckets = buckets.unwrap_or_default();
            let bucket = |limit: &Limit| {
                let same = buckets.iter().find(|bucket| bucket.is_of(limit));
                same.map_or_else(|| Arc::new(Bucket::new(limit)), |same| Arc::clone(same))
            };
            Account {
                throttle: member.throttle.as_ref().map(bucket),
                methods: member
                    .methods
                    .iter()
                    .map(|(_, _, limit)| bucket(limit))
                    .collect(),
                counts: match earlier {
                    Some(earlier) => Arc::clone(&earlier.counts),
                    None => Arc::new(Counts::new(member.quota.as_ref())),
                },
            }
        };
        let accounts = table.members.iter().map(account).collect();
        Self { table, accounts }
    }

    /// Counts a request of a member to a method (`pets/GET`) of a stage.
    ///
    /// # Errors
    /// The plan's throttle of the method or of the key, or its quota, is used up.
    pub fn admit(
        &self,
        member: usize,
        stage: &str,
        method: &str,
        epoch_ms: u64,
    ) -> Result<(), Reject> {
        let (Some(plan), Some(account)) =
            (self.table.members.get(member), self.accounts.get(member))
        else {
            return Err(Reject::InvalidApiKey);
        };
        let own = plan.methods.iter().zip(&account.methods);
        let own = own.filter(|((of, name, _), _)| **of == *stage && **name == *method);
        for (_, bucket) in own {
            if !bucket.admit() {
                return Err(Reject::Throttled);
            }
        }
        if account
            .throttle
            .as_ref()
            .is_some_and(|bucket| !bucket.admit())
        {
            return Err(Reject::Throttled);
        }
        let day = day_of(epoch_ms);
        if let Some(quota) = &plan.quota
            && !account.counts.spend(quota, day)
        {
            return Err(Reject::QuotaExceeded);
        }
        account.counts.note(day);
        Ok(())
    }

    /// What has been used since the last time.
    fn take(&self) -> Vec<Used> {
        let mut all = Vec::new();
        for (member, account) in self.table.members.iter().zip(&self.accounts) {
            for slot in &account.counts.days {
                let (day, requests) = unpacked(slot.swap(0, Ordering::Relaxed));
                if requests > 0 {
                    all.push(Used {
                        account: member.account.clone(),
                        region: member.region.clone(),
                        plan: member.plan.clone(),
                        key: member.key.clone(),
                        day,
                        requests,
                    });
                }
            }
        }
        all
    }
}

impl Meter {
    /// Another table counts from now on; what is not handed over of keys that left is lost.
    pub fn set(&self, usage: &Arc<Usage>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(usage);
    }

    /// What has been used since the last time.
    pub fn take(&self) -> Vec<Used> {
        let usage = Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner));
        usage.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::usage::{ApiKey, Period};

    fn table(limit: i64, burst: u32) -> UsageTable {
        let mut table = UsageTable::default();
        table.add(
            "a/s",
            ApiKey {
                id: "k".into(),
                value: "secret".into(),
                is_enabled: true,
                member: 0,
            },
        );
        table.members.push(Member {
            account: "1".into(),
            region: "r".into(),
            plan: "p".into(),
            key: "k".into(),
            throttle: Some(Limit {
                scope: "p/k".into(),
                rate: 0.001,
                burst,
            }),
            methods: Vec::new(),
            quota: Some(Quota {
                limit,
                period: Period::Day,
                day: 0,
                used: 1,
                granted: 0,
            }),
        });
        table
    }

    const DAY_MS: u64 = 86_400_000;

    #[test]
    fn a_quota_is_exact_across_threads_and_begins_anew() {
        let usage = Usage::next(table(100, 1_000), &Usage::default());
        let ask = |epoch_ms| usage.admit(0, "a/s", "GET", epoch_ms);
        let admitted: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| (0..50).filter(|_| ask(5).is_ok()).count()))
                .collect();
            let counts = threads.into_iter().map(|thread| thread.join().unwrap_or(0));
            counts.sum()
        });
        // One was used before this process began to count.
        assert_eq!(admitted, 99);
        assert_eq!(ask(5), Err(Reject::QuotaExceeded));
        assert_eq!(ask(DAY_MS), Ok(()));
        let used: Vec<(i64, u32)> = usage.take().iter().map(|u| (u.day, u.requests)).collect();
        assert_eq!(used, [(0, 99), (1, 1)]);
        assert!(usage.take().is_empty());
    }

    #[test]
    fn what_was_used_survives_a_change_of_the_plan() {
        let before = Usage::next(table(3, 10), &Usage::default());
        let ask = |usage: &Usage| usage.admit(0, "a/s", "GET", 0);
        assert_eq!([ask(&before), ask(&before)], [Ok(()), Ok(())]);
        assert_eq!(ask(&before), Err(Reject::QuotaExceeded));
        let after = Usage::next(table(4, 10), &before);
        assert_eq!(
            [ask(&after), ask(&after)],
            [Ok(()), Err(Reject::QuotaExceeded)]
        );
        let throttled = Usage::next(table(100, 1), &after);
        assert_eq!(
            [ask(&throttled), ask(&throttled)],
            [Ok(()), Err(Reject::Throttled)]
        );
    }
}

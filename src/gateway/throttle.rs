//! Token buckets: account, stage, route.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::clock::DefaultClock;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use crate::gateway::{Published, Reject, Worker};
use crate::observe::Counter;
use crate::plan::{Limit, LimitId, Route, Stage};

/// One bucket, shared by all cores: one compare-and-swap a request makes it exact.
#[derive(Debug)]
pub struct Bucket {
    limit: Limit,
    fill: Fill,
}

#[derive(Debug)]
enum Fill {
    /// Rate or burst 0: refuses always.
    Never,
    /// A rate that no clock can tell from endless.
    Always,
    Tokens(RateLimiter<NotKeyed, InMemoryState, DefaultClock>),
}

impl Bucket {
    pub fn new(limit: &Limit) -> Self {
        let fill = match NonZeroU32::new(limit.burst) {
            Some(burst) if limit.rate > 0.0 => {
                let period = Duration::try_from_secs_f64(1.0 / limit.rate).unwrap_or(Duration::MAX);
                let longest = Duration::from_nanos(FILL_NANOS_MAX / u64::from(burst.get()));
                // A period of 0 ns is refused: more than 10^9 a second.
                match Quota::with_period(period.min(longest)) {
                    Some(quota) => Fill::Tokens(RateLimiter::direct(quota.allow_burst(burst))),
                    None => Fill::Always,
                }
            }
            _ => Fill::Never,
        };
        Self {
            limit: limit.clone(),
            fill,
        }
    }

    /// Whether scope and numbers are these.
    pub fn is_of(&self, limit: &Limit) -> bool {
        self.limit == *limit
    }

    /// Takes a token if there is one.
    #[inline]
    pub fn admit(&self) -> bool {
        match &self.fill {
            Fill::Never => false,
            Fill::Always => true,
            Fill::Tokens(tokens) => tokens.check().is_ok(),
        }
    }
}

/// A bucket that would take longer from empty to full takes these 146 years: its arithmetic is 64
/// bits of nanoseconds, which the product of period and burst must not leave.
const FILL_NANOS_MAX: u64 = u64::MAX / 4;

/// The buckets of a plan, those of `before` kept where scope and numbers are the same.
pub fn buckets(
    limits: &[Option<Limit>],
    before: &[Option<Arc<Bucket>>],
) -> Vec<Option<Arc<Bucket>>> {
    let bucket = |(index, limit): (usize, &Option<Limit>)| {
        let limit = limit.as_ref()?;
        let kept = before.get(index).and_then(Option::as_ref);
        Some(match kept {
            Some(bucket) if bucket.limit == *limit => Arc::clone(bucket),
            _ => Arc::new(Bucket::new(limit)),
        })
    };
    limits.iter().enumerate().map(bucket).collect()
}

/// Asks route, stage and account, the narrowest first, as AWS orders them.
#[inline]
pub fn admit(
    worker: &Worker,
    live: &Published,
    stage: &Stage,
    route: &Route,
) -> Result<(), Reject> {
    let account = live.plan.account_limit;
    let refused = if !take(live, route.limit) {
        Counter::ThrottledRoute
    } else if !take(live, stage.limit) {
        Counter::ThrottledStage
    } else if !take(live, account) {
        Counter::ThrottledAccount
    } else {
        return Ok(());
    };
    worker.add(refused, 1);
    Err(Reject::Throttled)
}

#[inline]
fn take(live: &Published, limit: Option<LimitId>) -> bool {
    let Some(LimitId(index)) = limit else {
        return true;
    };
    match live.buckets.get(index as usize) {
        Some(Some(bucket)) => bucket.admit(),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(rate: f64, burst: u32) -> Limit {
        Limit {
            scope: "a".into(),
            rate,
            burst,
        }
    }

    fn admitted(bucket: &Bucket, asked: usize) -> usize {
        (0..asked).filter(|_| bucket.admit()).count()
    }

    #[test]
    fn the_burst_is_admitted_and_no_more() {
        assert_eq!(admitted(&Bucket::new(&limit(0.001, 5)), 100), 5);
    }

    #[test]
    fn a_rate_or_burst_of_zero_refuses_always() {
        assert_eq!(admitted(&Bucket::new(&limit(0.0, 10)), 10), 0);
        assert_eq!(admitted(&Bucket::new(&limit(10.0, 0)), 10), 0);
    }

    #[test]
    fn extreme_rates_neither_panic_nor_refuse_the_burst() {
        for rate in [1e-300, 1e-9, 1e-5, 1e9, 1e12, f64::MAX] {
            assert!(
                admitted(&Bucket::new(&limit(rate, u32::MAX)), 3) == 3,
                "{rate}"
            );
        }
    }

    #[test]
    fn a_bucket_is_exact_across_threads() {
        let bucket = Bucket::new(&limit(1e-6, 1000));
        let total: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| admitted(&bucket, 1000)))
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap_or(0))
                .sum()
        });
        assert_eq!(total, 1000);
    }

    #[test]
    fn state_survives_a_reload_that_keeps_the_numbers() {
        let before = buckets(&[Some(limit(0.001, 1))], &[]);
        assert!(before[0].as_ref().is_some_and(|bucket| bucket.admit()));
        let same = buckets(&[Some(limit(0.001, 1))], &before);
        assert!(same[0].as_ref().is_some_and(|bucket| !bucket.admit()));
        let changed = buckets(&[Some(limit(0.001, 2))], &before);
        assert!(changed[0].as_ref().is_some_and(|bucket| bucket.admit()));
    }
}

//! Latency histograms of one route: recorded by one core, merged when read.

use hdrhistogram::Histogram;

/// Longer exchanges count as this long.
pub const LATENCY_US_MAX: u64 = 60_000_000;
const SIGNIFICANT_DIGITS: u8 = 2;

/// The quantiles people ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quantiles {
    /// All in microseconds.
    pub p50: u64,
    pub p90: u64,
    pub p99: u64,
    pub p999: u64,
    pub max: u64,
}

/// Latencies from 1 µs to 60 s, two significant digits: about 10 KB however many are recorded.
#[derive(Clone, Debug)]
pub struct Latencies {
    recent: Histogram<u32>,
    /// What `recent` held before its 32-bit counts could overflow: with a million requests a
    /// second that is once an hour. Narrow counts halve the memory that a request touches.
    carried: Option<Box<Histogram<u64>>>,
    sum_us: u64,
    max_us: u64,
}

impl Default for Latencies {
    fn default() -> Self {
        Self {
            recent: empty(),
            carried: None,
            sum_us: 0,
            max_us: 0,
        }
    }
}

impl Latencies {
    /// Allocates nothing until four billion are recorded, and then once.
    #[inline]
    pub fn record(&mut self, latency_us: u64) {
        let latency_us = latency_us.min(LATENCY_US_MAX);
        self.recent.saturating_record(latency_us);
        self.sum_us = self.sum_us.wrapping_add(latency_us);
        self.max_us = self.max_us.max(latency_us);
        if self.recent.len() == u64::from(u32::MAX) {
            self.carry();
        }
    }

    /// Reads the memory that `record` will write.
    #[inline]
    pub fn fetch(&self, latency_us: u64) -> u64 {
        u64::from(self.recent.count_at(latency_us.min(LATENCY_US_MAX))) ^ self.max_us
    }

    /// Adds what another core recorded.
    pub fn merge(&mut self, other: &Self) {
        if self.recent.len() + other.recent.len() >= u64::from(u32::MAX) {
            self.carry();
        }
        // The histograms have the same bounds, so adding cannot fail.
        let added = self.recent.add(&other.recent);
        debug_assert!(added.is_ok());
        if let Some(theirs) = &other.carried {
            let ours = self.carried.get_or_insert_with(|| Box::new(empty()));
            let added = ours.add(&**theirs);
            debug_assert!(added.is_ok());
        }
        self.sum_us = self.sum_us.wrapping_add(other.sum_us);
        self.max_us = self.max_us.max(other.max_us);
    }

    pub fn count(&self) -> u64 {
        self.recent.len() + self.carried.as_ref().map_or(0, |carried| carried.len())
    }

    /// Of all latencies, in microseconds.
    pub fn sum_us(&self) -> u64 {
        self.sum_us
    }

    /// Zeros when nothing was recorded. Good to one percent; `max` is exact.
    pub fn quantiles(&self) -> Quantiles {
        match &self.carried {
            None => self.quantiles_of(&self.recent),
            Some(carried) => {
                let mut all = carried.clone();
                for step in self.recent.iter_recorded() {
                    let count = u64::from(step.count_at_value());
                    all.saturating_record_n(step.value_iterated_to(), count);
                }
                self.quantiles_of(&all)
            }
        }
    }

    /// How many latencies lie below each of `bounds_us` and above the one before it; what lies
    /// above the last one is not counted. The bounds ascend; a bound is off by one percent at most.
    pub fn counts_between<const N: usize>(&self, bounds_us: &[u64; N]) -> [u64; N] {
        let mut counts = [0; N];
        sort_into(&mut counts, bounds_us, &self.recent);
        if let Some(carried) = &self.carried {
            sort_into(&mut counts, bounds_us, carried);
        }
        counts
    }

    fn quantiles_of<T: hdrhistogram::Counter>(&self, histogram: &Histogram<T>) -> Quantiles {
        // A histogram answers with the upper end of a range of equal values.
        let at = |quantile| histogram.value_at_quantile(quantile).min(self.max_us);
        Quantiles {
            p50: at(0.5),
            p90: at(0.9),
            p99: at(0.99),
            p999: at(0.999),
            max: self.max_us,
        }
    }

    #[cold]
    fn carry(&mut self) {
        let carried = self.carried.get_or_insert_with(|| Box::new(empty()));
        for step in self.recent.iter_recorded() {
            let count = u64::from(step.count_at_value());
            carried.saturating_record_n(step.value_iterated_to(), count);
        }
        self.recent.reset();
    }
}

fn sort_into<T: hdrhistogram::Counter>(
    counts: &mut [u64],
    bounds_us: &[u64],
    histogram: &Histogram<T>,
) {
    let mut place = 0;
    for step in histogram.iter_recorded() {
        // The lower end: a latency of exactly a bound is below or at it.
        let value = histogram.lowest_equivalent(step.value_iterated_to());
        while place < bounds_us.len() && value > bounds_us[place] {
            place += 1;
        }
        let Some(count) = counts.get_mut(place) else {
            return;
        };
        *count += step.count_at_value().as_u64();
    }
}

fn empty<T: hdrhistogram::Counter>() -> Histogram<T> {
    #[allow(clippy::expect_used)] // The arguments are constants that every test run proves good.
    Histogram::new_with_bounds(1, LATENCY_US_MAX, SIGNIFICANT_DIGITS).expect("good bounds")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn of(latencies: impl IntoIterator<Item = u64>) -> Latencies {
        let mut all = Latencies::default();
        latencies.into_iter().for_each(|us| all.record(us));
        all
    }

    fn near(got: u64, expected: u64) {
        assert!(
            got.abs_diff(expected) * 100 <= expected,
            "{got} for {expected}"
        );
    }

    #[test]
    fn quantiles_are_good_to_one_percent_and_the_largest_is_exact() {
        let quantiles = of(1..=100_000).quantiles();
        near(quantiles.p50, 50_000);
        near(quantiles.p90, 90_000);
        near(quantiles.p99, 99_000);
        near(quantiles.p999, 99_900);
        assert_eq!(quantiles.max, 100_000);
    }

    #[test]
    fn nothing_recorded_is_all_zeros() {
        let none = Latencies::default();
        assert_eq!(none.quantiles(), Quantiles::default());
        assert_eq!(none.counts_between(&[1_000]), [0]);
    }

    #[test]
    fn extremes_are_clamped() {
        let both = of([0, u64::MAX]);
        assert_eq!(both.quantiles().max, LATENCY_US_MAX);
        assert_eq!(both.quantiles().p50, 0);
        assert_eq!((both.count(), both.sum_us()), (2, LATENCY_US_MAX));
    }

    #[test]
    fn merged_cores_read_like_one() {
        let mut merged = of((1..=1_000).step_by(2));
        merged.merge(&of((2..=1_000).step_by(2)));
        let one = of(1..=1_000);
        assert_eq!(merged.quantiles(), one.quantiles());
        assert_eq!(
            (merged.count(), merged.sum_us()),
            (one.count(), one.sum_us())
        );
    }

    #[test]
    fn counts_do_not_overflow_when_narrow_ones_are_full() {
        let mut many = Latencies::default();
        many.recent.saturating_record_n(500, u32::MAX - 1);
        many.record(500);
        assert!(many.carried.is_some());
        many.record(900_000);
        assert_eq!(many.count(), u64::from(u32::MAX) + 1);
        assert_eq!(
            many.counts_between(&[501, 1_000_000]),
            [u64::from(u32::MAX), 1]
        );
        near(many.quantiles().p50, 500);
        near(many.quantiles().max, 900_000);

        let mut twice = many.clone();
        twice.merge(&many);
        assert_eq!(twice.count(), 2 * many.count());
    }

    #[test]
    fn latencies_are_counted_up_to_their_bound() {
        let some = of([1, 99, 100, 101, 250, 70_000_000]);
        assert_eq!(some.counts_between(&[100, 200, 300]), [3, 1, 1]);
    }
}

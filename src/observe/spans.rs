//! Times in the buckets of the exposition, and no finer: a few words for each route, written without
//! a search.

use crate::observe::catalog::LATENCY_BOUNDS_US;

const BUCKETS: usize = LATENCY_BOUNDS_US.len() + 1;

/// How many times lay between two bounds, and their sum.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spans {
    /// The last is for those above all bounds.
    counts: [u64; BUCKETS],
    sum_us: u64,
}

/// By number of binary digits: the first bucket that such a number may belong to. No two bounds have
/// as many digits, so it is that one or the next.
const FIRST: [u8; 33] = first();

const fn first() -> [u8; 33] {
    let mut first = [0; 33];
    let mut digits = 0;
    while digits < first.len() {
        let least = match digits {
            0 => 0,
            digits => 1 << (digits - 1),
        };
        let mut bucket = 0;
        while bucket < LATENCY_BOUNDS_US.len() && LATENCY_BOUNDS_US[bucket] < least {
            bucket += 1;
        }
        #[allow(clippy::cast_possible_truncation)] // There are seventeen.
        {
            first[digits] = bucket as u8;
        }
        digits += 1;
    }
    first
}

#[inline]
fn bucket(span_us: u32) -> usize {
    let digits = u32::BITS - span_us.leading_zeros();
    let first = usize::from(FIRST[digits as usize]);
    let is_above = LATENCY_BOUNDS_US
        .get(first)
        .is_some_and(|bound_us| u64::from(span_us) > *bound_us);
    first + usize::from(is_above)
}

impl Spans {
    #[inline]
    pub fn record(&mut self, span_us: u32) {
        if let Some(count) = self.counts.get_mut(bucket(span_us)) {
            *count += 1;
        }
        self.sum_us = self.sum_us.wrapping_add(u64::from(span_us));
    }

    /// Reads some of the memory that `record` will write.
    #[inline]
    pub fn fetch(&self) -> u64 {
        self.sum_us
    }

    pub fn merge(&mut self, other: &Self) {
        for (ours, theirs) in self.counts.iter_mut().zip(other.counts) {
            *ours += theirs;
        }
        self.sum_us = self.sum_us.wrapping_add(other.sum_us);
    }

    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// 0 where there is none.
    pub fn average_us(&self) -> u64 {
        self.sum_us.checked_div(self.count()).unwrap_or(0)
    }

    /// Of all, in microseconds.
    pub fn sum_us(&self) -> u64 {
        self.sum_us
    }

    /// In the order of `LATENCY_BOUNDS_US`, and those above them all.
    pub fn counts(&self) -> [u64; BUCKETS] {
        self.counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_is_in_the_bucket_of_the_first_bound_that_is_not_below_it() {
        let searched = |us: u32| LATENCY_BOUNDS_US.partition_point(|bound| *bound < u64::from(us));
        let mut some: Vec<u32> = (0..70_000).chain([u32::MAX]).collect();
        for bound in LATENCY_BOUNDS_US {
            let bound = u32::try_from(bound).unwrap_or(u32::MAX);
            some.extend([bound - 1, bound, bound + 1]);
        }
        some.extend((0..32).flat_map(|power| [1 << power, (1 << power) - 1]));
        for us in some {
            assert_eq!(bucket(us), searched(us), "{us}");
        }
    }

    #[test]
    fn cores_add_up() {
        let mut one = Spans::default();
        one.record(250);
        let mut two = Spans::default();
        two.record(251);
        two.record(40_000_000);
        two.merge(&one);
        assert_eq!((two.count(), two.sum_us()), (3, 40_000_501));
        assert_eq!(two.counts()[..2], [1, 1]);
        assert_eq!(two.counts()[BUCKETS - 1], 1);
    }
}

//! `Pace`: how soon a function answers, and whether a core should look for the answer without sleeping
//! meanwhile.
//!
//! It pays for functions that answer within some hundred microseconds on a machine with CPUs to spare.
//! So it is tried when the usual answer comes in time. A look in vain may cost a time slice, far more than
//! others gain: some calls are left alone after it, the more of them the more often it happens.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

use crate::lambda::commons::Commons;
use crate::rt::vigil::Vigil;

/// What is known of one version of a function. All threads write it, and it need not be exact.
#[derive(Debug, Default)]
pub struct Pace {
    /// How long an answer took lately, microseconds; 0: there was none.
    usual_us: AtomicU32,
    /// Calls that are still to be let alone.
    spared: AtomicU32,
    /// How many were, after the last failure.
    spares: AtomicU32,
}

/// One answer counts for so much: a share of eight.
const SHARE: u32 = 8;
/// Longer ones count as this long, so that one of them is forgotten soon.
const LONG_US: u32 = 100_000;
/// An answer may take twice as long as usual, and so much more.
const GRACE_US: u32 = 50;
const SPARES_MAX: u32 = 511;
/// A body follows its head within this time, or is long or late anyway.
const SOON: Duration = Duration::from_micros(50);

impl Pace {
    /// How long to look for the next answer, at most `longest`. None: not at all.
    fn expects(&self, longest: Duration) -> Option<Duration> {
        let spared = self.spared.load(Ordering::Relaxed);
        if spared > 0 {
            self.spared.store(spared - 1, Ordering::Relaxed);
            return None;
        }
        let usual_us = self.usual_us.load(Ordering::Relaxed);
        let usual = Duration::from_micros(usual_us.into());
        let twice = 2 * usual + Duration::from_micros(GRACE_US.into());
        match usual_us {
            // The first call tells how long it takes.
            0 => None,
            _ => (usual <= longest).then(|| twice.min(longest)),
        }
    }

    /// An answer has come.
    pub fn learn(&self, took: Duration) {
        let took_us = u32::try_from(took.as_micros()).unwrap_or(LONG_US);
        let took_us = took_us.clamp(1, LONG_US);
        let usual_us = match self.usual_us.load(Ordering::Relaxed) {
            0 => took_us,
            before => (before * (SHARE - 1) + took_us).div_ceil(SHARE),
        };
        self.usual_us.store(usual_us, Ordering::Relaxed);
    }

    /// Whether the answer came while the core looked for it.
    fn judge(&self, was_in_time: bool) {
        let before = self.spares.load(Ordering::Relaxed);
        let spares = match was_in_time {
            true => before * 3 / 4,
            false => (before * 8 + 7).min(SPARES_MAX),
        };
        self.spares.store(spares, Ordering::Relaxed);
        self.spared.store(spares, Ordering::Relaxed);
    }
}

/// The vigils of all cores.
#[derive(Debug, Default)]
pub struct Vigils {
    /// Microseconds; 0: none.
    longest_us: AtomicU32,
    /// At once: the others are for those that are waited for.
    most: usize,
    kept: AtomicUsize,
}

impl Vigils {
    /// With one CPU there are none: whoever looks keeps away whom it waits for.
    pub fn new(longest_us: u32, cpus: usize) -> Self {
        Self {
            longest_us: longest_us.into(),
            most: cpus / 2,
            kept: AtomicUsize::new(0),
        }
    }

    /// From now on; 0: none.
    pub fn limit(&self, longest_us: u32) {
        self.longest_us.store(longest_us, Ordering::Relaxed);
    }
}

/// This core looks for an answer.
#[derive(Debug)]
pub struct Awake {
    commons: Arc<Commons>,
    /// None: the core may not.
    vigil: Option<Vigil>,
}

impl Awake {
    /// To be called on the core that listens, once the worker has been told.
    pub fn begin(commons: &Arc<Commons>, pace: &Pace) -> Option<Self> {
        let vigils = &commons.vigils;
        let longest_us = vigils.longest_us.load(Ordering::Relaxed);
        if longest_us == 0 || vigils.most == 0 {
            return None;
        }
        let length = pace.expects(Duration::from_micros(longest_us.into()))?;
        let mut awake = Self {
            commons: Arc::clone(commons),
            vigil: None,
        };
        // Dropped, it counts as one less in any case.
        let is_within = vigils.kept.fetch_add(1, Ordering::Relaxed) < vigils.most;
        awake.vigil = is_within.then(|| Vigil::begin(length)).flatten();
        awake.vigil.is_some().then_some(awake)
    }

    /// The answer comes. If that was while the core looked, it looks for what is missing of it, too: many
    /// runtimes send head and body one right after the other, and a core that slept between them would be
    /// woken twice.
    pub fn heard(mut self, pace: &Pace) -> Option<Vigil> {
        let vigil = self.vigil.take();
        let was_in_time = vigil.as_ref().is_some_and(Vigil::lasts);
        pace.judge(was_in_time);
        drop(vigil);
        was_in_time.then(|| Vigil::begin(SOON)).flatten()
    }
}

impl Drop for Awake {
    fn drop(&mut self) {
        self.commons.vigils.kept.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::rt::Driver;

    const LONGEST: Duration = Duration::from_micros(500);

    fn us(us: u64) -> Duration {
        Duration::from_micros(us)
    }

    #[test]
    fn fast_functions_are_waited_for_and_slow_ones_are_not() {
        let pace = Pace::default();
        assert_eq!(pace.expects(LONGEST), None, "nothing is known");
        pace.learn(us(100));
        assert_eq!(pace.expects(LONGEST), Some(us(250)));
        pace.learn(us(1_000_000));
        assert_eq!(pace.expects(LONGEST), None);
        (0..80).for_each(|_| pace.learn(us(200)));
        let expected = pace.expects(LONGEST);
        assert!(expected.is_some_and(|length| length >= us(450) && length < us(480)));
        assert_eq!(pace.expects(us(100)), None);
    }

    #[test]
    fn failures_are_followed_by_longer_and_longer_rests() {
        let pace = Pace::default();
        pace.learn(us(100));
        let rest = || {
            let calls = 0..1_000;
            calls
                .take_while(|_| pace.expects(LONGEST).is_none())
                .count()
        };
        for expected in [7, 63, 511, 511] {
            pace.judge(false);
            assert_eq!(rest(), expected);
        }
        for expected in [383, 287, 215] {
            pace.judge(true);
            assert_eq!(rest(), expected);
        }
        (0..17).for_each(|_| pace.judge(true));
        assert_eq!(rest(), 0);
        pace.judge(false);
        assert_eq!(rest(), 7);
    }

    #[test]
    fn half_of_the_cpus_may_look_and_each_core_for_one_answer() {
        let begun = |longest_us, cpus| {
            let commons = Arc::new(Commons::new(Vigils::new(0, cpus)));
            commons.vigils.limit(longest_us);
            let pace = Pace::default();
            pace.learn(us(100));
            let begin = move || async move {
                let first = Awake::begin(&commons, &pace);
                let second = Awake::begin(&commons, &pace);
                let held = commons.vigils.kept.load(Ordering::Relaxed);
                let both = (first.is_some(), second.is_some(), held);
                drop((first, second));
                (both, commons.vigils.kept.load(Ordering::Relaxed))
            };
            std::thread::spawn(move || Driver::Epoll.run(begin()).unwrap())
                .join()
                .unwrap()
        };
        assert_eq!(begun(500, 1), ((false, false, 0), 0));
        assert_eq!(begun(500, 2), ((true, false, 1), 0));
        assert_eq!(begun(500, 8), ((true, false, 1), 0));
        assert_eq!(begun(0, 8), ((false, false, 0), 0));
    }

    #[test]
    fn what_is_missing_is_looked_for_where_the_answer_came_in_time() {
        let commons = Arc::new(Commons::new(Vigils::new(5_000_000, 2)));
        let pace = Arc::new(Pace::default());
        pace.learn(us(100_000));
        let shared = Arc::clone(&pace);
        let heard = move || async move {
            let in_time = Awake::begin(&commons, &pace).unwrap().heard(&pace);
            let is_looking = in_time.is_some();
            drop(in_time);
            let awake = Awake::begin(&commons, &pace).unwrap();
            Vigil::call_off();
            let late = awake.heard(&pace);
            assert_eq!(commons.vigils.kept.load(Ordering::Relaxed), 0);
            (is_looking, late.is_some())
        };
        let heard = std::thread::spawn(move || Driver::Epoll.run(heard()).unwrap());
        assert_eq!(heard.join().unwrap(), (true, false));
        assert_eq!(shared.spared.load(Ordering::Relaxed), 7);
    }
}

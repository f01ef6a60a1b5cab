//! Choice among the targets of a group, and leaving out those that fail.

use crate::net::outbound::GroupState;

/// Smooth weighted round robin, or the least outstanding requests for its weight; targets that
/// are out are passed over unless all are.
pub fn pick(group: &GroupState, now_ms: u64, not: Option<usize>) -> usize {
    let usable = |index: &usize| {
        Some(*index) != not && group.targets[*index].ejected_until_ms.get() <= now_ms
    };
    let all = 0..group.targets.len();
    let healthy = all.clone().any(|index| usable(&index));
    // With everybody out, guessing beats refusing: an upstream may be back before its time.
    let candidates = all.filter(|index| {
        if healthy {
            usable(index)
        } else {
            Some(*index) != not || group.targets.len() == 1
        }
    });
    if group.settings.least_outstanding {
        least_outstanding(group, candidates)
    } else {
        round_robin(group, candidates)
    }
}

/// Each target gains its weight; the one furthest ahead is chosen and pays the total.
fn round_robin(group: &GroupState, candidates: impl Iterator<Item = usize>) -> usize {
    let (mut best, mut total) = (None::<usize>, 0);
    for index in candidates {
        let target = &group.targets[index];
        let weight = i64::from(group.settings.targets[index].weight);
        target.turn.set(target.turn.get() + weight);
        total += weight;
        if best.is_none_or(|best| target.turn.get() > group.targets[best].turn.get()) {
            best = Some(index);
        }
    }
    let best = best.unwrap_or(0);
    let turn = &group.targets[best].turn;
    turn.set(turn.get() - total);
    best
}

/// The fewest requests under way for its weight; ties go round.
fn least_outstanding(group: &GroupState, candidates: impl Iterator<Item = usize>) -> usize {
    let candidates: smallish::List = candidates.collect();
    let load = |index: usize| {
        u64::from(group.targets[index].outstanding.get()) * 1_000_000
            / u64::from(group.settings.targets[index].weight.max(1))
    };
    let least = candidates.iter().map(load).min().unwrap_or(0);
    round_robin(
        group,
        candidates.iter().filter(|index| load(*index) == least),
    )
}

/// A set of target numbers without an allocation for usual groups.
mod smallish {
    /// Bits for the first 128 targets; further ones are only reached by round robin.
    #[derive(Clone, Copy, Debug, Default)]
    pub struct List(u128);

    impl List {
        pub fn iter(self) -> impl Iterator<Item = usize> {
            (0..128).filter(move |index| self.0 >> index & 1 == 1)
        }
    }

    impl FromIterator<usize> for List {
        fn from_iter<I: IntoIterator<Item = usize>>(indexes: I) -> Self {
            Self(
                indexes
                    .into_iter()
                    .filter(|index| *index < 128)
                    .fold(0, |bits, index| bits | 1 << index),
            )
        }
    }
}

impl GroupState {
    /// A target answered: whatever it had failed before is forgotten.
    #[inline]
    pub fn succeeded(&self, target: usize) {
        let failures = &self.targets[target].failures;
        if failures.get() != 0 {
            failures.set(0);
        }
    }

    /// A target failed; true when it is now left out for a while.
    pub fn failed(&self, target: usize, now_ms: u64) -> bool {
        let state = &self.targets[target];
        state.failures.set(state.failures.get() + 1);
        if self.settings.eject_after == 0 || state.failures.get() < self.settings.eject_after {
            return false;
        }
        state.failures.set(0);
        state
            .ejected_until_ms
            .set(now_ms + u64::from(self.settings.eject_ms));
        self.ejections.set(self.ejections.get() + 1);
        true
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::net::outbound::group::{GroupSettings, TargetSettings};

    fn group(weights: &[u32], least_outstanding: bool) -> GroupState {
        GroupState::new(std::sync::Arc::new(GroupSettings {
            name: "g".into(),
            targets: weights
                .iter()
                .map(|weight| TargetSettings {
                    host: "h".into(),
                    ip: None,
                    port: 1,
                    weight: *weight,
                })
                .collect(),
            least_outstanding,
            eject_after: 2,
            eject_ms: 100,
            connect_timeout_ms: 1,
            idle_timeout_ms: 1,
            idle_connections_max: 1,
            tls: None,
        }))
    }

    fn picks(group: &GroupState, count: usize) -> Vec<usize> {
        (0..count).map(|_| group.pick(0, None)).collect()
    }

    #[test]
    fn round_robin_follows_the_weights_smoothly() {
        assert_eq!(picks(&group(&[1, 1], false), 4), [0, 1, 0, 1]);
        assert_eq!(picks(&group(&[3, 1], false), 8), [0, 0, 1, 0, 0, 0, 1, 0]);
    }

    #[test]
    fn the_least_busy_target_is_chosen() {
        let group = group(&[1, 1, 2], true);
        group.targets[0].outstanding.set(2);
        group.targets[1].outstanding.set(1);
        group.targets[2].outstanding.set(1);
        assert_eq!(group.pick(0, None), 2);
        group.targets[2].outstanding.set(4);
        assert_eq!(group.pick(0, None), 1);
    }

    #[test]
    fn a_failing_target_is_left_out_for_its_time() {
        let group = group(&[1, 1], false);
        assert!(!group.failed(0, 0));
        assert!(group.failed(0, 0));
        assert_eq!(picks(&group, 3), [1, 1, 1]);
        assert!(
            (0..4)
                .map(|_| group.pick(100, None))
                .any(|index| index == 0)
        );
    }

    #[test]
    fn success_forgets_failures() {
        let group = group(&[1, 1], false);
        group.failed(0, 0);
        group.succeeded(0);
        assert!(!group.failed(0, 0));
    }

    #[test]
    fn with_all_out_the_one_that_did_not_just_fail_is_tried() {
        let group = group(&[1, 1], false);
        for target in [0, 1] {
            group.failed(target, 0);
            group.failed(target, 0);
        }
        assert_eq!(group.pick(0, Some(0)), 1);
        assert_eq!(group.pick(0, Some(1)), 0);
    }
}

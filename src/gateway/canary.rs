//! Which deployment of a stage serves a call: its own, or that of its canary.

use crate::gateway::{Call, Worker};
use crate::plan::Stage;

/// Chosen by chance for each call.
#[inline]
pub fn choose<'p>(worker: &Worker, call: &mut Call<'p>, stage: &'p Stage) -> &'p Stage {
    let Some(canary) = stage.canary() else {
        return stage;
    };
    let [word] = worker.ids.borrow_mut().words();
    let is_canary = is_chosen(word, canary.percent);
    call.is_canary = Some(is_canary);
    if !is_canary {
        return stage;
    }
    call.stage = Some(&canary.stage);
    &canary.stage
}

/// Whether so many random bits fall to so many of a hundred.
fn is_chosen(word: u64, percent: f64) -> bool {
    // A double has 53 bits: from 0 up to, and without, 1.
    let drawn = (word >> 11) as f64 / (1_u64 << 53) as f64;
    drawn * 100.0 < percent
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_all_and_some_are_chosen() {
        for word in [0, 1, u64::MAX / 3, u64::MAX] {
            assert!(is_chosen(word, 100.0) && !is_chosen(word, 0.0));
        }
        assert!(is_chosen(u64::MAX / 4 - 4096, 25.0) && !is_chosen(u64::MAX / 4 + 4096, 25.0));
    }
}

//! `Clock`: real or simulated; the only file that asks the machine for the time.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

const NANOS_PER_SECOND: u64 = 1_000_000_000;
const NANOS_PER_MILLI: u64 = 1_000_000;

/// One thread's view of the time. Each core owns one; clones of a simulated clock move together.
#[derive(Clone, Debug)]
pub struct Clock {
    source: Source,
    /// Wall time minus monotonic time in nanoseconds, as last measured; wraps when negative.
    offset_ns: Cell<u64>,
    /// Monotonic time of the next measurement of `offset_ns`.
    measure_ns: Cell<u64>,
}

#[derive(Clone, Debug)]
enum Source {
    Machine,
    Simulated(Arc<AtomicU64>),
}

/// Moves the time of the simulated clocks it belongs to.
#[derive(Clone, Debug)]
pub struct Hands(Arc<AtomicU64>);

impl Clock {
    /// The machine's clock.
    pub fn real() -> Self {
        Self::over(Source::Machine)
    }

    /// A clock that stands still until its hands are moved. Monotonic time starts at zero, which
    /// is `epoch_ms` on the wall.
    pub fn simulated(epoch_ms: u64) -> (Self, Hands) {
        let now = Arc::new(AtomicU64::new(0));
        let clock = Self::over(Source::Simulated(now.clone()));
        clock
            .offset_ns
            .set(epoch_ms.saturating_mul(NANOS_PER_MILLI));
        (clock, Hands(now))
    }

    /// Nanoseconds since a moment that is the same for all clocks of this process. Never goes
    /// back.
    #[inline]
    pub fn monotonic_ns(&self) -> u64 {
        match &self.source {
            Source::Machine => machine_ns(),
            Source::Simulated(now) => now.load(Ordering::Relaxed),
        }
    }

    /// `monotonic_ns` in milliseconds.
    #[inline]
    pub fn monotonic_ms(&self) -> u64 {
        self.monotonic_ns() / NANOS_PER_MILLI
    }

    /// Milliseconds since 1970 on the wall.
    #[inline]
    pub fn epoch_ms(&self) -> u64 {
        self.epoch_ms_at(self.monotonic_ns())
    }

    /// The wall time, in milliseconds since 1970, of the recent moment `monotonic_ns`.
    ///
    /// A request reads the clock once for its start and derives the wall time from it. The
    /// distance of the two clocks is measured anew once a second, so a step of the wall clock
    /// shows within a second.
    #[inline]
    pub fn epoch_ms_at(&self, monotonic_ns: u64) -> u64 {
        if monotonic_ns >= self.measure_ns.get() {
            self.measure(monotonic_ns);
        }
        // Nanoseconds since 1970 fit a `u64` until the year 2554.
        monotonic_ns.wrapping_add(self.offset_ns.get()) / NANOS_PER_MILLI
    }

    fn over(source: Source) -> Self {
        Self {
            source,
            offset_ns: Cell::new(0),
            measure_ns: Cell::new(0),
        }
    }

    #[cold]
    fn measure(&self, monotonic_ns: u64) {
        self.measure_ns
            .set(monotonic_ns.saturating_add(NANOS_PER_SECOND));
        if matches!(self.source, Source::Machine) {
            // A wall clock before 1970 counts as 1970.
            let wall = SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default();
            let wall_ns = u64::try_from(wall.as_nanos()).unwrap_or(u64::MAX);
            self.offset_ns.set(wall_ns.wrapping_sub(machine_ns()));
        }
    }
}

impl Hands {
    /// Moves the time forward, on the wall as well.
    pub fn advance_ns(&self, ns: u64) {
        self.0.fetch_add(ns, Ordering::Relaxed);
    }

    /// Moves the time forward, on the wall as well.
    pub fn advance_ms(&self, ms: u64) {
        self.advance_ns(ms.saturating_mul(NANOS_PER_MILLI));
    }
}

/// `CLOCK_MONOTONIC`, read without entering the kernel. std's `Instant` is the same clock, but
/// hides the number that makes moments of several threads comparable for the price of a `u64`.
#[inline]
pub fn machine_ns() -> u64 {
    read(libc::CLOCK_MONOTONIC)
}

/// What this thread has computed so far: it stands still while others have the processor. A system
/// call.
pub fn thread_cpu_ns() -> u64 {
    read(libc::CLOCK_THREAD_CPUTIME_ID)
}

#[inline]
fn read(clock: libc::clockid_t) -> u64 {
    let mut now = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `now` is a valid timespec that the call only writes to. Both clocks exist on every
    // Linux, so the call cannot fail; if it did, `now` would still be initialised.
    unsafe { libc::clock_gettime(clock, &raw mut now) };
    now.tv_sec.unsigned_abs() * NANOS_PER_SECOND + now.tv_nsec.unsigned_abs()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn a_simulated_clock_moves_only_by_its_hands() {
        let (clock, hands) = Clock::simulated(1_000);
        assert_eq!((clock.monotonic_ns(), clock.epoch_ms()), (0, 1_000));
        let other = clock.clone();
        hands.advance_ms(2_500);
        assert_eq!((clock.monotonic_ms(), clock.epoch_ms()), (2_500, 3_500));
        assert_eq!(other.monotonic_ns(), clock.monotonic_ns());
    }

    #[test]
    fn the_real_clock_agrees_with_the_wall_and_never_goes_back() {
        let clock = Clock::real();
        let wall = || {
            let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            u64::try_from(wall.as_millis()).unwrap()
        };
        let before = wall();
        let ours = clock.epoch_ms();
        // One millisecond of slack for the rounding of both.
        assert!(before <= ours + 1 && ours <= wall() + 1, "{before} {ours}");
        let mut last = clock.monotonic_ns();
        for _ in 0..1_000 {
            let now = clock.monotonic_ns();
            assert!(now >= last);
            last = now;
        }
    }
}

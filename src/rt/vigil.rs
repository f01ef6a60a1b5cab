//! `Vigil`: a core that expects news within moments looks for them without sleeping.
//!
//! Waking a CPU that sleeps takes longer than many a wait: in a virtual machine some ten to a hundred
//! microseconds. So a task that knows that its news are near may keep its core awake, for a bounded
//! time. The core looks at all its sockets meanwhile and serves what comes, and lets others have its
//! CPU after each look: what it waits for may be made there.

use std::rc::Rc;
use std::time::Duration;

use crate::base::clock::machine_ns;
use crate::rt::poller::Poller;

/// Keeps this core awake until its time is up or it is dropped. One core keeps one at most.
#[derive(Debug)]
pub struct Vigil {
    poller: Rc<Poller>,
    until_ns: u64,
}

impl Vigil {
    /// Inside an event loop. None: the core keeps one already.
    pub fn begin(length: Duration) -> Option<Self> {
        let poller = Poller::here().ok()?;
        if poller.vigil().get() != 0 {
            return None;
        }
        let length_ns = u64::try_from(length.as_nanos()).unwrap_or(u64::MAX);
        let until_ns = machine_ns().saturating_add(length_ns);
        poller.vigil().set(until_ns);
        Some(Self { poller, until_ns })
    }

    /// Whether the core still looks.
    pub fn lasts(&self) -> bool {
        self.poller.vigil().get() == self.until_ns
    }

    /// Ends the vigil of this core, if it keeps one. Inside an event loop.
    pub fn call_off() {
        if let Ok(poller) = Poller::here() {
            poller.vigil().set(0);
        }
    }
}

impl Drop for Vigil {
    fn drop(&mut self) {
        if self.lasts() {
            self.poller.vigil().set(0);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::Write;
    use std::os::unix::net::UnixStream;
    use std::time::Instant;

    use super::*;
    use crate::rt::task::give_way;
    use crate::rt::{Driver, Ready};

    fn on_both_drivers<F: Future<Output = ()> + 'static>(test: impl Fn() -> F + Sync) {
        for driver in [Driver::best(), Driver::Epoll] {
            std::thread::scope(|scope| {
                scope.spawn(|| driver.run(test()).unwrap());
            });
        }
    }

    #[test]
    fn news_that_come_are_told_and_a_vigil_has_an_end() {
        on_both_drivers(|| async {
            let (ours, mut theirs) = UnixStream::pair().unwrap();
            ours.set_nonblocking(true).unwrap();
            let ready = Ready::quiet(ours.into()).unwrap();
            for (length_ms, wait_ms) in [(10_000, 5), (5, 30)] {
                let began = Instant::now();
                let vigil = Vigil::begin(Duration::from_millis(length_ms)).unwrap();
                assert!(Vigil::begin(Duration::from_secs(1)).is_none());
                let writer = std::thread::spawn(move || {
                    std::thread::sleep(Duration::from_millis(wait_ms));
                    theirs.write_all(b"x").unwrap();
                    theirs
                });
                ready.readable().await;
                assert_eq!(ready.recv(&mut [0; 8]).unwrap(), 1);
                assert!(began.elapsed() < Duration::from_secs(5));
                // A busy machine may have ended either before.
                if length_ms < wait_ms {
                    assert!(!vigil.lasts());
                }
                theirs = writer.join().unwrap();
            }
            assert!(Vigil::begin(Duration::ZERO).is_some(), "all were dropped");
        });
    }

    #[test]
    fn one_that_is_over_does_not_end_the_next() {
        on_both_drivers(|| async {
            let first = Vigil::begin(Duration::from_secs(1)).unwrap();
            assert!(first.lasts());
            Vigil::call_off();
            assert!(!first.lasts());
            let second = Vigil::begin(Duration::from_secs(2)).unwrap();
            drop(first);
            assert!(second.lasts());
            give_way().await;
            drop(second);
            assert!(Vigil::begin(Duration::from_secs(1)).is_some());
        });
    }
}

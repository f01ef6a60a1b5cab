//! Process signals, handled on the control thread only.

use std::io;
use std::mem::MaybeUninit;
use std::ptr;

use tokio::signal::unix::{self, SignalKind};

/// What the outside asks of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM or SIGINT: drain and stop.
    Terminate,
    /// SIGHUP: read the config again.
    Reload,
    /// SIGUSR2: give the listening sockets to a new process.
    HandOver,
    /// SIGUSR1: close and open the log files again, as logrotate asks.
    Reopen,
}

/// Stream of [`Signal`]s. Signals of one kind that arrive before the last was taken count as one,
/// as the kernel has it.
#[derive(Debug)]
pub struct Signals {
    terminate: unix::Signal,
    interrupt: unix::Signal,
    hang_up: unix::Signal,
    hand_over: unix::Signal,
    reopen: unix::Signal,
}

impl Signals {
    /// Takes the signals over for the whole process; create it before anything slow, since a
    /// SIGHUP that comes earlier ends the process. Also ignores SIGPIPE: a peer that closes early
    /// is an error of one write.
    ///
    /// # Errors
    /// When the handlers cannot be installed.
    ///
    /// # Panics
    /// Outside a tokio runtime with its IO driver: a bug of the caller.
    pub fn listen() -> io::Result<Self> {
        // SAFETY: SIG_IGN runs no code of ours; SIGPIPE exists.
        if unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) } == libc::SIG_ERR {
            return Err(io::Error::last_os_error());
        }
        Ok(Self {
            terminate: unix::signal(SignalKind::terminate())?,
            interrupt: unix::signal(SignalKind::interrupt())?,
            hang_up: unix::signal(SignalKind::hangup())?,
            hand_over: unix::signal(SignalKind::user_defined2())?,
            reopen: unix::signal(SignalKind::user_defined1())?,
        })
    }

    /// The next signal. When several wait, stopping comes first: a process that is to end should
    /// not spend the time on a reload. May be dropped and called again without loss.
    pub async fn next(&mut self) -> Signal {
        tokio::select! {
            biased;
            _ = self.terminate.recv() => Signal::Terminate,
            _ = self.interrupt.recv() => Signal::Terminate,
            _ = self.hand_over.recv() => Signal::HandOver,
            _ = self.hang_up.recv() => Signal::Reload,
            _ = self.reopen.recv() => Signal::Reopen,
        }
    }
}

/// Keeps the signals of [`Signals`] off the calling thread, so that no system call of a core ends
/// with EINTR. For each core's thread, before its loop starts; threads it spawns inherit it.
///
/// # Errors
/// The kernel's.
pub fn block_in_this_thread() -> io::Result<()> {
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: sigemptyset initialises the set before anything reads it, and every number in
    // HANDLED is a signal; pthread_sigmask only reads the set and gets no old set to write.
    let code = unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        for signal in HANDLED {
            libc::sigaddset(set.as_mut_ptr(), signal);
        }
        libc::pthread_sigmask(libc::SIG_BLOCK, set.as_ptr(), ptr::null_mut())
    };
    match code {
        0 => Ok(()),
        code => Err(io::Error::from_raw_os_error(code)),
    }
}

const HANDLED: [libc::c_int; 5] = [
    libc::SIGTERM,
    libc::SIGINT,
    libc::SIGHUP,
    libc::SIGUSR1,
    libc::SIGUSR2,
];

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    }

    fn send(signal: libc::c_int) {
        // SAFETY: the handlers of `Signals::listen` are installed, so this only wakes it.
        assert_eq!(unsafe { libc::kill(libc::getpid(), signal) }, 0);
    }

    /// Signals reach the whole process, so this is one test, not one for each signal.
    #[test]
    fn each_signal_means_one_thing_and_stopping_comes_first() {
        runtime().block_on(async {
            let mut signals = Signals::listen().unwrap();
            for (number, expected) in [
                (libc::SIGTERM, Signal::Terminate),
                (libc::SIGINT, Signal::Terminate),
                (libc::SIGHUP, Signal::Reload),
                (libc::SIGUSR2, Signal::HandOver),
                (libc::SIGUSR1, Signal::Reopen),
            ] {
                send(number);
                assert_eq!(signals.next().await, expected);
            }
            send(libc::SIGPIPE);
            send(libc::SIGHUP);
            send(libc::SIGTERM);
            let two = [signals.next().await, signals.next().await];
            assert!(two.contains(&Signal::Terminate) && two.contains(&Signal::Reload));
        });
    }

    #[test]
    fn worker_threads_are_left_alone() {
        std::thread::spawn(|| {
            block_in_this_thread().unwrap();
            let mut mask = MaybeUninit::<libc::sigset_t>::uninit();
            // SAFETY: with no new set the call only writes the current mask into `mask`.
            let mask = unsafe {
                libc::pthread_sigmask(libc::SIG_BLOCK, ptr::null(), mask.as_mut_ptr());
                mask.assume_init()
            };
            for signal in HANDLED {
                // SAFETY: `mask` was filled by the kernel.
                assert_eq!(unsafe { libc::sigismember(&raw const mask, signal) }, 1);
            }
            // SAFETY: as above.
            let blocked = unsafe { libc::sigismember(&raw const mask, libc::SIGSEGV) };
            assert_eq!(blocked, 0);
        })
        .join()
        .unwrap();
    }
}

//! The two ways a core waits for sockets, and the macro that runs a test on both.

use std::fmt;
use std::sync::OnceLock;
use std::thread;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driver {
    IoUring,
    Epoll,
}

impl fmt::Display for Driver {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::IoUring => "io_uring",
            Self::Epoll => "epoll",
        })
    }
}

impl Driver {
    /// Whether this machine lets us use it; says so when not.
    pub fn is_allowed(self) -> bool {
        static IO_URING: OnceLock<bool> = OnceLock::new();
        // In a thread of its own: a ring that goes interrupts the system calls of its thread.
        let probe = || thread::spawn(io_uring_is_allowed).join().unwrap_or(false);
        let allowed = self == Self::Epoll || *IO_URING.get_or_init(probe);
        if !allowed {
            eprintln!("skipped: the kernel forbids io_uring here");
        }
        allowed
    }
}

/// Containers often forbid the very system call.
fn io_uring_is_allowed() -> bool {
    // `struct io_uring_params` has 120 bytes, all zero for the defaults.
    let mut params = [0_u64; 15];
    // SAFETY: the kernel reads and writes no more than the 120 bytes lent to it.
    let fd = unsafe { libc::syscall(libc::SYS_io_uring_setup, 2, params.as_mut_ptr()) };
    let Ok(fd) = i32::try_from(fd) else {
        return false;
    };
    if fd < 0 {
        return false;
    }
    // SAFETY: the ring was made just now and nobody else knows of it.
    unsafe { libc::close(fd) };
    true
}

/// Makes two tests, `name::io_uring` and `name::epoll`, of each `fn name(driver: Driver)`.
macro_rules! on_both_drivers {
    ($($name:ident,)*) => {$(
        mod $name {
            use crate::kit::Driver;

            #[test]
            fn io_uring() {
                if Driver::IoUring.is_allowed() {
                    super::$name(Driver::IoUring);
                }
            }

            #[test]
            fn epoll() {
                super::$name(Driver::Epoll);
            }
        }
    )*};
}

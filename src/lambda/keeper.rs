//! The keeper: a process that waits for the gateway's end and then ends what functions left.
//!
//! The kernel ends a worker together with the gateway, but not what the worker has started. The
//! keeper knows the process groups of all workers from a pipe whose other end only the gateway
//! has: when it closes, however the gateway ended, the groups are killed.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

/// Groups that are kept at once. There are never more workers.
pub const GROUPS_MAX: usize = 1_024;

/// The gateway's end of the pipe.
#[derive(Debug)]
pub struct Keeper(File);

impl Keeper {
    /// Starts the process.
    ///
    /// # Errors
    /// When the system has no process or pipe left.
    pub fn start() -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        let reader = OwnedFd::from(reader);
        // SAFETY: the child makes only async-signal-safe calls and never returns.
        match unsafe { libc::fork() } {
            -1 => Err(io::Error::last_os_error()),
            0 => keep(reader.as_raw_fd()),
            _ => Ok(Self(File::from(OwnedFd::from(writer)))),
        }
    }

    pub fn watch(&self, group: i32) {
        self.tell(group);
    }

    pub fn forget(&self, group: i32) {
        self.tell(-group);
    }

    fn tell(&self, number: i32) {
        // A keeper that somebody killed is missed only when the gateway is killed too.
        let _ = (&self.0).write_all(&number.to_ne_bytes());
    }
}

/// The life of the keeper.
fn keep(pipe: RawFd) -> ! {
    let mut groups = [0_i32; GROUPS_MAX];
    // SAFETY: all calls are async-signal-safe and get numbers, or memory of this function.
    unsafe {
        // A signal to the gateway's group, like a Ctrl-C, is not for the keeper.
        libc::setsid();
        let mut all: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&raw mut all);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const all, std::ptr::null_mut());
        // Sockets must not stay open because of it, nor standard output.
        if pipe > 0 {
            libc::syscall(libc::SYS_close_range, 0, pipe - 1, 0);
        }
        libc::syscall(libc::SYS_close_range, pipe + 1, u32::MAX, 0);
        libc::prctl(libc::PR_SET_NAME, c"daemun-keeper".as_ptr());
        loop {
            let mut number = [0_u8; 4];
            match libc::read(pipe, number.as_mut_ptr().cast(), number.len()) {
                4 => note(&mut groups, i32::from_ne_bytes(number)),
                -1 if io::Error::last_os_error().kind() == io::ErrorKind::Interrupted => {}
                _ => break,
            }
        }
        for group in groups {
            if group > 0 {
                libc::kill(-group, libc::SIGKILL);
            }
        }
        libc::_exit(0)
    }
}

/// A positive number is a new group, a negative one a group that is gone.
fn note(groups: &mut [i32; GROUPS_MAX], number: i32) {
    let (from, to) = if number > 0 {
        (0, number)
    } else {
        (-number, 0)
    };
    if let Some(place) = groups.iter_mut().find(|group| **group == from) {
        *place = to;
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::process::{CommandExt, ExitStatusExt};
    use std::process::Command;

    use super::*;

    #[test]
    fn groups_that_are_left_end_when_the_pipe_closes() {
        let sleeper = || {
            let mut command = Command::new("sleep");
            command.arg("60").process_group(0);
            command.spawn().unwrap()
        };
        let (mut kept, mut forgotten) = (sleeper(), sleeper());
        let keeper = Keeper::start().unwrap();
        for child in [&kept, &forgotten] {
            keeper.watch(child.id().cast_signed());
        }
        keeper.forget(forgotten.id().cast_signed());
        drop(keeper);
        assert_eq!(kept.wait().unwrap().signal(), Some(libc::SIGKILL));
        assert!(forgotten.try_wait().unwrap().is_none());
        forgotten.kill().unwrap();
        forgotten.wait().unwrap();
    }
}

//! Bytes on their way from one socket to another that nobody looks at: they stay in the kernel.

use std::cell::RefCell;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use crate::base::Buffer;
use crate::rt::sys::{self, Push};

/// The pipe of a core, made when it is first needed.
#[derive(Debug, Default)]
pub struct Pipes(RefCell<Own>);

#[derive(Debug, Default)]
enum Own {
    #[default]
    Unmade,
    Empty(Pipe),
    /// The system makes no pipes, or moves nothing from sockets to them.
    Refused,
}

#[derive(Debug)]
struct Pipe {
    from: OwnedFd,
    to: OwnedFd,
}

/// Room for that many pages: a piece of a body has at most one page in each, and often less.
const PIPE_BYTES: i32 = 1 << 20;

impl Pipes {
    fn take(&self) -> io::Result<Pipe> {
        match self.0.take() {
            Own::Empty(pipe) => Ok(pipe),
            Own::Refused => {
                self.refuse();
                Err(io::ErrorKind::Unsupported.into())
            }
            // Without a descriptor left it is tried again the next time.
            Own::Unmade => match sys::pipe(PIPE_BYTES) {
                Ok((from, to)) => Ok(Pipe { from, to }),
                Err(_) => Err(io::ErrorKind::Unsupported.into()),
            },
        }
    }

    fn refuse(&self) {
        self.0.replace(Own::Refused);
    }

    /// Takes at most `bytes_max` of what has come to `socket`: none is its end.
    ///
    /// # Errors
    /// `Unsupported`: the system does not do it. Else as of reading.
    pub(super) fn pull(&self, socket: RawFd, bytes_max: usize) -> io::Result<Piped<'_>> {
        let mut piped = Piped {
            pipe: Some(self.take()?),
            bytes: 0,
            home: self,
        };
        let into = piped.fd(|pipe| &pipe.to);
        match sys::splice(socket, into, bytes_max, Push::Now) {
            Ok(bytes) => {
                piped.bytes = bytes;
                Ok(piped)
            }
            Err(error) if is_refusal(&error) => {
                drop(piped);
                self.refuse();
                Err(io::ErrorKind::Unsupported.into())
            }
            Err(error) => Err(error),
        }
    }
}

fn is_refusal(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EINVAL | libc::ENOSYS | libc::EPERM | libc::EACCES | libc::EOPNOTSUPP)
    )
}

/// What a pipe holds. A pipe in which something is left when this is dropped is closed with it, so
/// that nobody ever gets what was meant for another.
#[derive(Debug)]
pub struct Piped<'a> {
    /// There until it is dropped.
    pipe: Option<Pipe>,
    bytes: usize,
    home: &'a Pipes,
}

impl Piped<'_> {
    fn fd(&self, end: impl Fn(&Pipe) -> &OwnedFd) -> RawFd {
        self.pipe.as_ref().map_or(-1, |pipe| end(pipe).as_raw_fd())
    }

    /// What is in it.
    pub fn len(&self) -> usize {
        self.bytes
    }

    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Moves to `socket` what it takes now: nothing if the system does not move at all, or has no
    /// memory for it; then it is to be copied.
    pub(super) fn push(&mut self, socket: RawFd, push: Push) -> io::Result<usize> {
        match sys::splice(self.fd(|pipe| &pipe.from), socket, self.bytes, push) {
            Ok(sent) => {
                self.bytes -= sent;
                Ok(sent)
            }
            Err(error) if is_refusal(&error) => {
                self.home.refuse();
                Ok(0)
            }
            Err(error) if matches!(error.raw_os_error(), Some(libc::ENOMEM | libc::ENOBUFS)) => {
                Ok(0)
            }
            Err(error) => Err(error),
        }
    }

    /// Appends all that is left to `buffer`.
    ///
    /// # Errors
    /// The system's. What is left is lost then.
    pub fn copy_to(&mut self, buffer: &mut Buffer) -> io::Result<()> {
        let from = self.fd(|pipe| &pipe.from);
        while self.bytes > 0 {
            let mut block = [0; 4096];
            let room = self.bytes.min(block.len());
            let count = sys::read(from, &mut block[..room])?;
            buffer.append(&block[..count]);
            self.bytes -= count;
        }
        Ok(())
    }
}

impl Drop for Piped<'_> {
    fn drop(&mut self) {
        let mut own = self.home.0.borrow_mut();
        if self.bytes == 0 && !matches!(*own, Own::Refused) {
            *own = self.pipe.take().map_or(Own::Unmade, Own::Empty);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    use super::*;

    fn pair() -> (UnixStream, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        (ours, theirs)
    }

    #[test]
    fn what_comes_in_goes_out_and_the_pipe_is_used_again() {
        let (pipes, (from, mut sender), (to, mut receiver)) = (Pipes::default(), pair(), pair());
        let mut fds = Vec::new();
        for round in 0..3 {
            sender.write_all(&[round; 3]).unwrap();
            let mut piped = pipes.pull(from.as_raw_fd(), 100).unwrap();
            fds.push(piped.fd(|pipe| &pipe.from));
            assert_eq!(piped.len(), 3);
            assert_eq!(piped.push(to.as_raw_fd(), Push::Now).unwrap(), 3);
            let mut got = [0; 3];
            receiver.read_exact(&mut got).unwrap();
            assert_eq!(got, [round; 3]);
        }
        assert!(fds.iter().all(|fd| *fd == fds[0]));
    }

    #[test]
    fn nothing_yet_and_the_end_are_told_apart() {
        let (pipes, (from, sender)) = (Pipes::default(), pair());
        let nothing = pipes.pull(from.as_raw_fd(), 100).unwrap_err();
        assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
        drop(sender);
        assert!(pipes.pull(from.as_raw_fd(), 100).unwrap().is_empty());
    }

    #[test]
    fn what_is_left_behind_never_reaches_the_next() {
        let (pipes, (from, mut sender), (to, mut receiver)) = (Pipes::default(), pair(), pair());
        sender.write_all(b"secret").unwrap();
        drop(pipes.pull(from.as_raw_fd(), 100).unwrap());
        sender.write_all(b"own").unwrap();
        let mut piped = pipes.pull(from.as_raw_fd(), 100).unwrap();
        assert_eq!(piped.push(to.as_raw_fd(), Push::Now).unwrap(), 3);
        let mut got = [0; 3];
        receiver.read_exact(&mut got).unwrap();
        assert_eq!(&got, b"own");
    }

    #[test]
    fn what_the_receiver_does_not_take_can_be_kept() {
        let (pipes, (from, mut sender), (to, _receiver)) = (Pipes::default(), pair(), pair());
        let block = vec![9; 1 << 12];
        while (&to).write(&block).is_ok() {}
        let sent: Vec<u8> = (0..=255).cycle().take(10_000).collect();
        sender.write_all(&sent).unwrap();
        let mut piped = pipes.pull(from.as_raw_fd(), 9_000).unwrap();
        let full = piped.push(to.as_raw_fd(), Push::Now).unwrap_err();
        assert_eq!(full.kind(), io::ErrorKind::WouldBlock);
        let mut kept = Buffer::with_capacity(16);
        kept.append(b"-");
        piped.copy_to(&mut kept).unwrap();
        assert!(piped.is_empty());
        assert_eq!(kept.unread()[1..], sent[..9_000]);
    }

    #[test]
    fn what_cannot_be_moved_on_is_copied_and_the_next_is_read() {
        let (pipes, (from, mut sender)) = (Pipes::default(), pair());
        sender.write_all(b"abc").unwrap();
        let mut piped = pipes.pull(from.as_raw_fd(), 100).unwrap();
        // What takes numbers of eight bytes only.
        let odd = sys::eventfd().unwrap();
        assert_eq!(piped.push(odd.as_raw_fd(), Push::Now).unwrap(), 0);
        let mut kept = Buffer::with_capacity(16);
        piped.copy_to(&mut kept).unwrap();
        assert_eq!(kept.unread(), b"abc");
        drop(piped);
        sender.write_all(b"d").unwrap();
        let refused = pipes.pull(from.as_raw_fd(), 100).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::Unsupported);
    }

    #[test]
    fn a_system_that_refuses_is_not_asked_again() {
        let pipes = Pipes::default();
        // What is no socket and no file.
        let odd = sys::eventfd().unwrap();
        for _ in 0..2 {
            let refused = pipes.pull(odd.as_raw_fd(), 100).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::Unsupported);
        }
        let (from, mut sender) = pair();
        sender.write_all(b"x").unwrap();
        let refused = pipes.pull(from.as_raw_fd(), 100).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::Unsupported);
    }
}

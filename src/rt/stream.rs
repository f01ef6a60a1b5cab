//! `Stream`: one connection, plain or TLS, read and written when it is ready.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::{OwnedFd, RawFd};

use crate::base::Buffer;
use crate::rt::{Core, Deadline, Ready, sys};

/// A connected socket with its deadline. All methods take `&self`, so that one task can read and
/// write it at the same time; nothing is borrowed while waiting.
#[derive(Debug)]
pub struct Stream {
    // Before `ready`: the slot must be given back while the descriptor is still open.
    pub deadline: Deadline,
    ready: Ready,
}

impl Stream {
    pub fn new(core: &'static Core, fd: OwnedFd) -> io::Result<Self> {
        let ready = Ready::new(fd)?;
        Ok(Self {
            deadline: Deadline::new(core, ready.fd()),
            ready,
        })
    }

    /// Connects within the deadline `until_ms` of the core's clock.
    pub async fn connect(
        core: &'static Core,
        address: SocketAddr,
        until_ms: u64,
    ) -> io::Result<Self> {
        let stream = Self::new(core, sys::connect(address)?)?;
        stream.deadline.set(until_ms);
        stream.ready.writable().await?;
        if stream.deadline.expired() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        sys::socket_error(stream.fd())?;
        stream.deadline.clear();
        Ok(stream)
    }

    #[inline]
    pub fn fd(&self) -> RawFd {
        self.ready.fd()
    }

    /// Waits until something can be read, the peer is gone, or the deadline has ended it.
    #[inline]
    pub async fn readable(&self) -> io::Result<()> {
        self.ready.readable().await
    }

    #[inline]
    pub async fn writable(&self) -> io::Result<()> {
        self.ready.writable().await
    }

    /// Reads what is there, at most `into.len()` bytes: `Ok(0)` is the end, `WouldBlock` nothing yet.
    #[inline]
    pub fn try_read(&self, into: &mut [u8]) -> io::Result<usize> {
        sys::recv(self.fd(), into)
    }

    /// Appends what is there to `buffer`, at most its free room, which must not be empty.
    #[inline]
    pub fn try_fill(&self, buffer: &mut Buffer) -> io::Result<usize> {
        let count = sys::recv_uninit(self.fd(), buffer.space())?;
        // SAFETY: recv wrote exactly `count` bytes to the start of the space.
        unsafe { buffer.filled(count) };
        Ok(count)
    }

    /// Writes what fits: returns how many bytes of `parts` were taken, 0 when none fits now.
    #[inline]
    pub fn try_write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        match sys::send_parts(self.fd(), parts) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            other => other,
        }
    }

    /// Says that nothing more will be written.
    pub fn shutdown_write(&self) {
        sys::shutdown(self.fd(), libc::SHUT_WR);
    }

    /// Nothing has arrived unasked and the peer has not closed: fit to carry a request.
    #[inline]
    pub fn is_quiet(&self) -> bool {
        matches!(sys::peek(self.fd()), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }
}

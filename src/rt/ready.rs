//! `Ready`: waiting until a descriptor can be read or written, on whichever driver runs.

use std::io;
use std::net::TcpStream;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

/// Owns a descriptor and waits for its readiness; both waits may be dropped at any time.
///
/// monoio offers readiness on its `TcpStream` only. The kernel does not care what the descriptor
/// is, so listeners, doorbells and tickers go through the same door.
#[derive(Debug)]
pub struct Ready(monoio::net::TcpStream);

impl Ready {
    /// The descriptor must be non-blocking.
    pub fn new(fd: OwnedFd) -> io::Result<Self> {
        monoio::net::TcpStream::from_std(TcpStream::from(fd)).map(Self)
    }

    /// Not relaxed: under epoll a stale readiness is checked with one `poll` call, which is
    /// cheaper than the failing `recv` it saves.
    #[inline]
    pub async fn readable(&self) -> io::Result<()> {
        self.0.readable(false).await
    }

    #[inline]
    pub async fn writable(&self) -> io::Result<()> {
        self.0.writable(false).await
    }

    #[inline]
    pub fn fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

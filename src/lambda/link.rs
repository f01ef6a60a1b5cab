//! A worker's connection in the event loop of whoever speaks with it: a core's, or that of the thread
//! of the functions.

use std::io::{self, IoSlice};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use bytes::BytesMut;
use tokio::net::TcpStream;

use crate::rt::{Ready, task};

/// Both waits are for readiness only, so dropping one loses nothing.
pub trait Link: Sized {
    /// A connection that can be written and on which nothing has come that is known of.
    fn open(connection: OwnedFd) -> io::Result<Self>;
    fn close(self) -> io::Result<OwnedFd>;
    fn fd(&self) -> RawFd;
    async fn readable(&self);
    async fn writable(&self);
    /// Reads what fits the room behind `into`.
    fn receive(&self, into: &mut BytesMut) -> io::Result<usize>;
    fn send(&self, parts: &[IoSlice<'_>]) -> io::Result<usize>;
    /// Lets the other tasks of the loop have a turn.
    async fn give_way();
}

impl Link for Ready {
    fn open(connection: OwnedFd) -> io::Result<Self> {
        Self::quiet(connection)
    }

    fn close(self) -> io::Result<OwnedFd> {
        Ok(self.into_fd())
    }

    fn fd(&self) -> RawFd {
        Ready::fd(self)
    }

    async fn readable(&self) {
        Ready::readable(self).await;
    }

    async fn writable(&self) {
        Ready::writable(self).await;
    }

    fn receive(&self, into: &mut BytesMut) -> io::Result<usize> {
        let count = self.recv_uninit(into.spare_capacity_mut())?;
        // SAFETY: the call wrote exactly so many bytes to the start of the room.
        unsafe { into.set_len(into.len() + count) };
        Ok(count)
    }

    fn send(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.send_parts(parts)
    }

    async fn give_way() {
        task::give_way().await;
    }
}

impl Link for TcpStream {
    fn open(connection: OwnedFd) -> io::Result<Self> {
        Self::from_std(std::net::TcpStream::from(connection))
    }

    fn close(self) -> io::Result<OwnedFd> {
        self.into_std().map(OwnedFd::from)
    }

    fn fd(&self) -> RawFd {
        self.as_raw_fd()
    }

    async fn readable(&self) {
        // An error is that of a runtime that ends.
        let _ = TcpStream::readable(self).await;
    }

    async fn writable(&self) {
        let _ = TcpStream::writable(self).await;
    }

    fn receive(&self, into: &mut BytesMut) -> io::Result<usize> {
        self.try_read_buf(into)
    }

    fn send(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        self.try_write_vectored(parts)
    }

    async fn give_way() {
        tokio::task::yield_now().await;
    }
}

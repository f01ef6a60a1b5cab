//! `Stream`: one connection, plain or TLS, read and written when it is ready.

use std::cell::{Ref, RefCell, RefMut};
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::{OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

use crate::base::Buffer;
use crate::rt::sys::Push;
use crate::rt::tls::{self, ClientCertificate, Progress, Session, Socket};
use crate::rt::{Core, Deadline, Piped, Ready, sys};

/// A connected socket with its deadline. All methods that move bytes take `&self`, so that one
/// task can read and write it at the same time; nothing is borrowed while waiting.
#[derive(Debug)]
pub struct Stream {
    // Before `ready`: the slot must be given back while the descriptor is still open.
    pub deadline: Deadline,
    ready: Ready,
    tls: Option<Box<Secured>>,
}

#[derive(Debug)]
struct Secured {
    session: RefCell<Session>,
    client_certificate: Option<ClientCertificate>,
}

impl Secured {
    fn borrow(&self) -> Ref<'_, Session> {
        self.session.borrow()
    }

    fn borrow_mut(&self) -> RefMut<'_, Session> {
        self.session.borrow_mut()
    }
}

/// The socket as a TLS session sees it.
struct Plain<'a>(&'a Ready);

impl Socket for Plain<'_> {
    fn recv(&self, into: &mut [u8]) -> io::Result<usize> {
        self.0.recv(into)
    }

    fn send(&self, from: &[u8]) -> io::Result<usize> {
        self.0.send(from)
    }
}

impl Stream {
    pub fn new(core: &'static Core, fd: OwnedFd) -> io::Result<Self> {
        Ok(Self::over(core, Ready::new(fd)?))
    }

    /// Two ends of one connection that never leaves the core; the first one is for the client.
    pub fn pair(core: &'static Core) -> io::Result<(Self, Self)> {
        let (one, other) = UnixStream::pair()?;
        one.set_nonblocking(true)?;
        other.set_nonblocking(true)?;
        // As a connection that was made: there is nothing to read before something has come.
        let client = Self::over(core, Ready::connecting(one.into())?);
        Ok((client, Self::new(core, other.into())?))
    }

    fn over(core: &'static Core, ready: Ready) -> Self {
        Self {
            deadline: Deadline::new(core, ready.fd()),
            ready,
            tls: None,
        }
    }

    /// Connects within the deadline `until_ms` of the core's clock.
    pub async fn connect(
        core: &'static Core,
        address: SocketAddr,
        until_ms: u64,
    ) -> io::Result<Self> {
        let stream = Self::over(core, Ready::connecting(sys::connect(address)?)?);
        stream.deadline.set(until_ms);
        stream.ready.writable().await;
        if stream.deadline.expired() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        sys::socket_error(stream.fd())?;
        stream.deadline.clear();
        Ok(stream)
    }

    /// The server's side of a TLS handshake; the caller sets the deadline.
    pub async fn accept_tls(&mut self, server: &tls::Server) -> io::Result<()> {
        self.secure(Session::accept(server)?).await
    }

    /// The client's side of a TLS handshake with a server that proves to be `name`; the caller
    /// sets the deadline.
    pub async fn connect_tls(&mut self, client: &tls::Client, name: &str) -> io::Result<()> {
        self.secure(Session::connect(client, name)?).await
    }

    async fn secure(&mut self, mut session: Session) -> io::Result<()> {
        loop {
            let progress =
                session.handshake(&Plain(&self.ready), &mut self.core().tls.borrow_mut());
            match progress {
                _ if self.deadline.expired() => return Err(io::ErrorKind::TimedOut.into()),
                Ok(Progress::Done) => break,
                Ok(Progress::WantRead) => self.ready.readable().await,
                Ok(Progress::WantWrite) => self.ready.writable().await,
                Err(error) => return Err(error),
            }
        }
        self.tls = Some(Box::new(Secured {
            client_certificate: session.client_certificate(),
            session: RefCell::new(session),
        }));
        Ok(())
    }

    /// The certificate of the client, where one was asked for.
    pub fn client_certificate(&self) -> Option<&ClientCertificate> {
        self.tls.as_ref()?.client_certificate.as_ref()
    }

    #[inline]
    pub fn fd(&self) -> RawFd {
        self.ready.fd()
    }

    #[inline]
    fn core(&self) -> &'static Core {
        self.deadline.core
    }

    #[inline]
    pub fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Waits until something can be read, the peer is gone, or the deadline has ended it.
    #[inline]
    pub async fn readable(&self) {
        if let Some(tls) = &self.tls
            && tls.borrow().has_unread()
        {
            return;
        }
        self.ready.readable().await;
    }

    #[inline]
    pub async fn writable(&self) {
        self.ready.writable().await;
    }

    /// Reads what is there, at most `into.len()` bytes: `Ok(0)` is the end, `WouldBlock` nothing yet.
    #[inline]
    pub fn try_read(&self, into: &mut [u8]) -> io::Result<usize> {
        match &self.tls {
            None => self.ready.recv(into),
            Some(tls) => {
                let scratch = &mut self.core().tls.borrow_mut();
                tls.borrow_mut().read(&Plain(&self.ready), scratch, into)
            }
        }
    }

    /// Appends what is there to `buffer`, at most its free room, which must not be empty.
    #[inline]
    pub fn try_fill(&self, buffer: &mut Buffer) -> io::Result<usize> {
        self.try_fill_some(buffer, usize::MAX)
    }

    /// As `try_fill`, at most `bytes_max`, if it is no TLS connection.
    #[inline]
    pub fn try_fill_some(&self, buffer: &mut Buffer, bytes_max: usize) -> io::Result<usize> {
        if self.is_tls() {
            return self.try_fill_tls(buffer);
        }
        let space = buffer.space();
        let room = space.len().min(bytes_max);
        let count = self.ready.recv_uninit(&mut space[..room])?;
        // SAFETY: recv wrote exactly `count` bytes to the start of the space.
        unsafe { buffer.filled(count) };
        Ok(count)
    }

    /// Heads are short: a copy costs less than memory that is zeroed only to be decrypted into.
    fn try_fill_tls(&self, buffer: &mut Buffer) -> io::Result<usize> {
        let scratch = &mut self.core().body.borrow_mut();
        let room = buffer.space().len().min(scratch.len());
        let count = self.try_read(&mut scratch[..room])?;
        buffer.append(&scratch[..count]);
        Ok(count)
    }

    /// Writes what fits: returns how many bytes of `parts` were taken, 0 when none fits now.
    /// Under TLS bytes that were taken may still have to be sent: see `wants_flush`.
    #[inline]
    pub fn try_write(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        let written = match &self.tls {
            None => self.ready.send_parts(parts),
            Some(tls) => {
                let scratch = &mut self.core().tls.borrow_mut();
                tls.borrow_mut().write(&Plain(&self.ready), scratch, parts)
            }
        };
        match written {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            other => other,
        }
    }

    /// Bytes that were taken wait for room in the socket: `try_write`, even of nothing, sends them.
    #[inline]
    pub fn wants_flush(&self) -> bool {
        self.tls
            .as_ref()
            .is_some_and(|tls| tls.borrow().wants_flush())
    }

    /// Takes what is there, at most `bytes_max`, without reading it: empty at the end. Not under TLS.
    ///
    /// # Errors
    /// `WouldBlock`: nothing yet; `Unsupported`: to be read as ever; else the system's.
    pub fn try_pull(&self, bytes_max: usize) -> io::Result<Piped<'static>> {
        self.ready.pull(&self.core().pipes, bytes_max)
    }

    /// Sends what fits of what was taken elsewhere; 0 when nothing fits now. Not under TLS.
    pub fn try_push(&self, piped: &mut Piped<'_>) -> io::Result<usize> {
        match self.ready.push_piped(piped) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            other => other,
        }
    }

    /// Nothing has come that was not taken, and the peer has not closed, as of now. Asks the kernel.
    /// Not under TLS.
    pub fn is_drained(&self) -> bool {
        self.ready.look();
        self.ready.is_quiet()
    }

    /// What is written next leaves in one packet with what comes behind it, data or the end of the
    /// connection, so one of them has to follow at once.
    #[inline]
    pub fn hold_back(&self) {
        self.ready.push(Push::WithNext);
    }

    /// Not everything could be written: the rest goes out as it is taken.
    #[inline]
    pub fn hold_no_more(&self) {
        self.ready.push(Push::Now);
    }

    /// Tells a TLS peer that nothing more will come, as far as the socket has room for it.
    pub fn close_notify(&self) {
        if let Some(tls) = &self.tls {
            let scratch = &mut self.core().tls.borrow_mut();
            tls.borrow_mut().close(&Plain(&self.ready), scratch);
        }
    }

    /// Whatever ends this connection from now on breaks it off: the peer must not take what it has
    /// for the whole, or send what nobody will read.
    pub fn break_off(&self) {
        sys::reset_on_close(self.fd());
    }

    /// Says that nothing more will be written.
    pub fn shutdown_write(&self) {
        self.close_notify();
        sys::shutdown(self.fd(), libc::SHUT_WR);
    }

    /// Nothing has arrived unasked and the peer has not closed, as of the last turn of the loop:
    /// fit to carry a request.
    #[inline]
    pub fn is_quiet(&self) -> bool {
        match &self.tls {
            None => self.ready.is_quiet(),
            Some(_) if self.ready.is_quiet() => true,
            // Session tickets come unasked and are fine; they are taken in here.
            Some(_) => would_block(&self.try_read(&mut [0])),
        }
    }

    /// As `is_quiet`, as of now: asks the kernel, for requests that may not be sent twice.
    pub fn is_quiet_now(&self) -> bool {
        match &self.tls {
            None => self.ready.is_quiet() && self.is_drained(),
            Some(_) => would_block(&self.try_read(&mut [0])),
        }
    }
}

fn would_block(outcome: &io::Result<usize>) -> bool {
    matches!(outcome, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

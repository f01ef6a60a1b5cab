//! `Ready`: a descriptor that tells when it can be read or written.

use std::cell::Cell;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::mem::{ManuallyDrop, MaybeUninit};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::rc::Rc;
use std::task::Poll;

use crate::rt::poller::{Poller, Source};
use crate::rt::sys::{self, Push};
use crate::rt::{Piped, Pipes};

/// Owns a descriptor and waits for its readiness; both waits may be dropped at any time.
///
/// Readiness is told on its edge: it holds until a call finds less than was asked for. So whatever
/// reads or writes goes through here, or says `exhausted` when it has emptied the descriptor. A new
/// one counts as readable, so the first wait ends at once and the first read tells.
#[derive(Debug)]
pub struct Ready {
    fd: OwnedFd,
    source: Rc<Source>,
    poller: Rc<Poller>,
    push: Cell<Push>,
}

impl Ready {
    /// Inside an event loop. The descriptor must be non-blocking.
    pub fn new(fd: OwnedFd) -> io::Result<Self> {
        Self::over(fd, Source::new(true, true))
    }

    /// As `new`, for a socket whose connection is under way: writable when that is decided.
    pub fn connecting(fd: OwnedFd) -> io::Result<Self> {
        Self::over(fd, Source::new(false, false))
    }

    /// As `new`, for a connection that can be written and on which nothing has come yet.
    pub fn quiet(fd: OwnedFd) -> io::Result<Self> {
        Self::over(fd, Source::new(false, true))
    }

    /// A descriptor that rings at regular times, whether anybody wants something or not.
    pub fn clock(fd: OwnedFd) -> io::Result<Self> {
        Self::over(fd, Source::clock())
    }

    fn over(fd: OwnedFd, source: Rc<Source>) -> io::Result<Self> {
        Ok(Self {
            fd,
            source,
            poller: Poller::here()?,
            push: Cell::new(Push::Now),
        })
    }

    #[inline]
    pub async fn readable(&self) {
        poll_fn(|context| {
            if self.source.readable.get() || self.source.ended.get() {
                return Poll::Ready(());
            }
            if !self.poller.is_watching(self.fd(), &self.source) {
                return Poll::Ready(());
            }
            self.source.reader.set(Some(context.waker().clone()));
            Poll::Pending
        })
        .await;
    }

    #[inline]
    pub async fn writable(&self) {
        poll_fn(|context| {
            if self.source.writable.get() {
                return Poll::Ready(());
            }
            if !self.poller.is_watching(self.fd(), &self.source) {
                return Poll::Ready(());
            }
            self.source.writer.set(Some(context.waker().clone()));
            Poll::Pending
        })
        .await;
    }

    /// Nothing has arrived that was not read, and the peer has not closed, as of the last turn of
    /// the loop.
    #[inline]
    pub fn is_quiet(&self) -> bool {
        !self.source.readable.get() && !self.source.ended.get()
    }

    #[inline]
    pub fn fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }

    #[inline]
    pub fn recv(&self, into: &mut [u8]) -> io::Result<usize> {
        let room = into.len();
        self.note_read(room, sys::recv(self.fd(), into))
    }

    #[inline]
    pub fn recv_uninit(&self, into: &mut [MaybeUninit<u8>]) -> io::Result<usize> {
        let room = into.len();
        self.note_read(room, sys::recv_uninit(self.fd(), into))
    }

    #[inline]
    fn note_read(&self, room: usize, read: io::Result<usize>) -> io::Result<usize> {
        match &read {
            // "A short read means drained": a read that would find nothing is never made.
            Ok(count) if *count > 0 && *count < room => self.source.readable.set(false),
            Ok(0) if room > 0 => self.source.ended.set(true),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.source.readable.set(false);
            }
            _ => {}
        }
        read
    }

    /// From now on what is sent goes out with what comes behind it, or at once again.
    #[inline]
    pub fn push(&self, push: Push) {
        self.push.set(push);
    }

    #[inline]
    pub fn send(&self, from: &[u8]) -> io::Result<usize> {
        self.note_write(from.len(), sys::send(self.fd(), from, self.push.get()))
    }

    #[inline]
    pub fn send_parts(&self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        let total = parts.iter().map(|part| part.len()).sum();
        self.note_write(total, sys::send_parts(self.fd(), parts, self.push.get()))
    }

    #[inline]
    fn note_write(&self, total: usize, written: io::Result<usize>) -> io::Result<usize> {
        match &written {
            Ok(count) if *count < total => self.source.writable.set(false),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.source.writable.set(false);
            }
            _ => {}
        }
        written
    }

    /// Takes at most `bytes_max` of what has come without reading it. Whether that was all is not
    /// known until the next one finds nothing.
    pub fn pull<'p>(&self, pipes: &'p Pipes, bytes_max: usize) -> io::Result<Piped<'p>> {
        let pulled = pipes.pull(self.fd(), bytes_max);
        match &pulled {
            Ok(piped) if piped.is_empty() => self.source.ended.set(true),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.source.readable.set(false);
            }
            _ => {}
        }
        pulled
    }

    /// Sends what is in `piped`.
    pub fn push_piped(&self, piped: &mut Piped<'_>) -> io::Result<usize> {
        let total = piped.len();
        self.note_write(total, piped.push(self.fd(), self.push.get()))
    }

    /// Asks the kernel whether something is there.
    pub fn look(&self) {
        match sys::peek(self.fd()) {
            Ok(1..) => self.source.readable.set(true),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.source.readable.set(false);
            }
            Ok(0) | Err(_) => self.source.ended.set(true),
        }
    }

    /// The descriptor was emptied by other means than `recv`.
    #[inline]
    pub fn exhausted(&self) {
        self.source.readable.set(false);
    }

    /// Empties a ticker.
    pub fn drain(&self) {
        self.exhausted();
        sys::drain(self.fd());
    }

    /// A ticker rings after so many milliseconds, and again and again.
    pub fn ring_every(&self, milliseconds: u32) {
        // Its own values are never refused.
        let _ = sys::set_ticker(self.fd(), milliseconds);
    }

    /// A ticker becomes readable with the next traffic of this core, too, before who waits for that.
    pub fn ring_with_traffic(&self) {
        self.poller.doze(&self.source);
    }

    /// Something other than a ticker has happened on this core since the last call.
    pub fn take_traffic(&self) -> bool {
        self.poller.take_traffic()
    }

    /// The descriptor, watched no more, for another thread.
    pub fn into_fd(self) -> OwnedFd {
        if self.source.is_watched() {
            self.poller.leave(self.fd());
        }
        self.poller.forget(&self.source);
        let this = ManuallyDrop::new(self);
        // SAFETY: each field that owns something is read once, and `this` is never dropped.
        let (fd, source, poller) = unsafe {
            (
                std::ptr::read(&raw const this.fd),
                std::ptr::read(&raw const this.source),
                std::ptr::read(&raw const this.poller),
            )
        };
        drop((source, poller));
        fd
    }

    /// Stops watching a descriptor that another process or thread keeps open.
    pub fn leave(&self) {
        self.poller.leave(self.fd());
    }
}

impl Drop for Ready {
    fn drop(&mut self) {
        self.poller.forget(&self.source);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    use super::*;
    use crate::rt::task::{Either, first, give_way};
    use crate::rt::{Driver, task};

    fn pair() -> (UnixStream, UnixStream) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        (ours, theirs)
    }

    fn on_both_drivers<F: Future<Output = ()> + 'static>(test: impl Fn() -> F + Sync) {
        for driver in [Driver::best(), Driver::Epoll] {
            std::thread::scope(|scope| {
                scope.spawn(|| driver.run(test()).unwrap());
            });
        }
    }

    #[test]
    fn a_task_that_never_rests_lets_the_sockets_be_heard() {
        on_both_drivers(|| async {
            let (ours, mut theirs) = pair();
            let ready = Ready::new(ours.into()).unwrap();
            let mut into = [0; 8];
            assert!(ready.recv(&mut into).is_err());
            let heard = std::rc::Rc::new(std::cell::Cell::new(false));
            let flag = std::rc::Rc::clone(&heard);
            task::spawn(
                async move {
                    ready.readable().await;
                    flag.set(true);
                },
                || (),
            );
            give_way().await;
            theirs.write_all(b"x").unwrap();
            let mut ways = 0;
            while !heard.get() && ways < 100_000 {
                give_way().await;
                ways += 1;
            }
            assert!(heard.get());
        });
    }

    #[test]
    fn data_before_and_after_the_wait_is_told() {
        on_both_drivers(|| async {
            let (ours, mut theirs) = pair();
            let ready = Ready::new(ours.into()).unwrap();
            let mut into = [0; 8];
            for round in 0..3 {
                theirs.write_all(&[round]).unwrap();
                ready.readable().await;
                assert_eq!(ready.recv(&mut into).unwrap(), 1);
                assert!(ready.is_quiet());
            }
        });
    }

    #[test]
    fn what_a_short_room_leaves_stays_readable() {
        on_both_drivers(|| async {
            let (ours, mut theirs) = pair();
            let ready = Ready::new(ours.into()).unwrap();
            theirs.write_all(b"abcdef").unwrap();
            let mut into = [0; 4];
            ready.readable().await;
            assert_eq!(ready.recv(&mut into).unwrap(), 4);
            ready.readable().await;
            assert_eq!(ready.recv(&mut into).unwrap(), 2);
        });
    }

    #[test]
    fn an_end_that_comes_with_data_is_told_after_it() {
        on_both_drivers(|| async {
            let (ours, mut theirs) = pair();
            let ready = Ready::new(ours.into()).unwrap();
            theirs.write_all(b"ab").unwrap();
            drop(theirs);
            let mut into = [0; 8];
            ready.readable().await;
            assert_eq!(ready.recv(&mut into).unwrap(), 2);
            ready.readable().await;
            assert_eq!(ready.recv(&mut into).unwrap(), 0);
            assert!(!ready.is_quiet());
        });
    }

    #[test]
    fn room_to_write_is_told_when_the_peer_reads() {
        on_both_drivers(|| async {
            let (ours, mut theirs) = pair();
            let ready = Ready::new(ours.into()).unwrap();
            let block = vec![7; 1 << 16];
            let mut sent = 0;
            while let Ok(count) = ready.send(&block) {
                sent += count;
            }
            let reader = std::thread::spawn(move || {
                let mut all = vec![0; sent];
                theirs.read_exact(&mut all).unwrap();
                theirs
            });
            ready.writable().await;
            assert!(ready.send(b"x").is_ok());
            reader.join().unwrap();
        });
    }

    #[test]
    fn a_wait_that_was_dropped_loses_nothing() {
        on_both_drivers(|| async {
            let (ours, mut theirs) = pair();
            let ready = Ready::new(ours.into()).unwrap();
            assert!(ready.recv(&mut [0; 8]).is_err());
            let dropped = first(ready.readable(), give_way()).await;
            assert!(matches!(dropped, Either::B(())));
            theirs.write_all(b"x").unwrap();
            ready.readable().await;
            assert_eq!(ready.recv(&mut [0; 8]).unwrap(), 1);
        });
    }

    #[test]
    fn a_descriptor_passes_from_one_thread_to_the_next() {
        let (ours, mut theirs) = pair();
        let mut fd = OwnedFd::from(ours);
        for round in 0..4 {
            theirs.write_all(&[round]).unwrap();
            let driver = if round % 2 == 0 {
                Driver::best()
            } else {
                Driver::Epoll
            };
            let passed = std::thread::spawn(move || {
                let served = driver.run(async move {
                    let ready = Ready::quiet(fd).unwrap();
                    let mut into = [0; 8];
                    ready.readable().await;
                    assert_eq!((ready.recv(&mut into).unwrap(), into[0]), (1, round));
                    assert!(ready.is_quiet());
                    ready.into_fd()
                });
                served.unwrap()
            });
            fd = passed.join().unwrap();
        }
        // One that nobody has waited for is let go of as well.
        let unwatched = Driver::Epoll.run(async move { Ready::quiet(fd).unwrap().into_fd() });
        drop(unwatched.unwrap());
        assert_eq!(theirs.read(&mut [0; 8]).unwrap(), 0);
    }

    #[test]
    fn more_descriptors_than_one_batch_are_all_told() {
        on_both_drivers(|| async {
            let pairs: Vec<_> = (0..600).map(|_| pair()).collect();
            let (ours, mut theirs): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
            let ready = ours.into_iter().map(|fd| Ready::new(fd.into()).unwrap());
            let ready: Vec<_> = ready.collect();
            for their in &mut theirs {
                their.write_all(b"x").unwrap();
            }
            for ready in &ready {
                ready.readable().await;
                assert_eq!(ready.recv(&mut [0; 8]).unwrap(), 1);
                ready.writable().await;
            }
        });
    }
}

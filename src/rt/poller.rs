//! `Poller`: which descriptors of this core can be read or written, told in batches.
//!
//! ```text
//!  sockets ──▶ one epoll set ◀── epoll_wait ── whichever watchman finds nothing else to run
//!                   │                               │ wakes the tasks that wait
//!                   └─ readable ─▶ the loop's own driver (io_uring or epoll), on a quiet core
//! ```
//!
//! A wait of its own for each socket costs an operation for each wait: in io_uring a poll request
//! that is submitted, armed and completed, under epoll a `poll` call. A socket in a set is
//! registered once in its life, and one wake-up tells about all sockets that changed meanwhile. The
//! set also knows what has arrived on a resting connection, which otherwise takes a system call to
//! find out.
//!
//! Two tasks keep watch, by turns: each wakes the other and so comes to the end of the queue of
//! runnable tasks. When no task took a step from one turn to the next, none can be runnable, and the
//! watchman waits in the set itself. Waiting there, rather than in the driver for the set, saves a
//! system call and the detour of the wake-up through two queues of the kernel. A core to which
//! nothing but its own clock has come waits in the driver, which the set belongs to like any other
//! descriptor.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::TcpStream;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::rc::Rc;
use std::task::{Poll, Waker};

use crate::rt::{sys, task};

const UNWATCHED: u32 = u32::MAX;

/// Told about in one batch.
const EVENTS: usize = 256;

/// Marks events of a clock, above the number of their source.
const CLOCK: u64 = 1 << 32;

/// Tasks that keep waking each other let the sockets have a turn after so many of their own.
const BUSY_TURNS_MAX: u32 = 2;

/// A set and who waits for what in it. One for each thread that runs an event loop.
pub struct Poller {
    set: OwnedFd,
    sources: RefCell<Sources>,
    /// The watchman whose turn it is not.
    resting: Cell<Option<Waker>>,
    /// The steps of tasks that a watchman saw last.
    steps: Cell<u64>,
    /// How many turns in a row found that tasks had run.
    busy_turns: Cell<u32>,
    /// Nothing but the clock came in the last wait.
    is_still: Cell<bool>,
    /// Something other than the clock has come since the last `take_traffic`.
    has_traffic: Cell<bool>,
    /// The clock that is to ring with the next traffic.
    dozing: Cell<Option<Rc<Source>>>,
    /// The loop ends: nobody may wait any more.
    is_over: Cell<bool>,
}

#[derive(Debug, Default)]
struct Sources {
    slots: Vec<Option<Rc<Source>>>,
    free: Vec<u32>,
}

/// What is known of one descriptor.
#[repr(C)] // What each wait touches lies together.
pub struct Source {
    /// Its slot in the poller; `UNWATCHED` before the first wait.
    index: Cell<u32>,
    /// Something may be there to read, until a read finds less than it has room for.
    pub readable: Cell<bool>,
    /// There may be room to write, until a write finds too little.
    pub writable: Cell<bool>,
    /// The peer sends no more, or the socket broke: reading tells, now and always.
    pub ended: Cell<bool>,
    /// Rings for as long as the core lives, whether anybody wants something or not.
    is_clock: bool,
    pub reader: Cell<Option<Waker>>,
    pub writer: Cell<Option<Waker>>,
}

thread_local! {
    static HERE: RefCell<Option<Rc<Poller>>> = const { RefCell::new(None) };
}

impl Poller {
    /// The poller of this thread's event loop, begun with the first call inside it.
    ///
    /// # Errors
    /// When the process has no descriptors left.
    pub fn here() -> io::Result<Rc<Self>> {
        HERE.with_borrow_mut(|here| {
            if let Some(poller) = here {
                return Ok(Rc::clone(poller));
            }
            // SAFETY: no memory is passed.
            let set = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
            if set < 0 {
                return Err(io::Error::last_os_error());
            }
            // SAFETY: epoll_create1 returned this descriptor, nobody else owns it.
            let set = unsafe { OwnedFd::from_raw_fd(set) };
            let watched = set.try_clone()?;
            let poller = Rc::new(Self {
                set,
                sources: RefCell::default(),
                resting: Cell::new(None),
                steps: Cell::new(0),
                busy_turns: Cell::new(0),
                is_still: Cell::new(false),
                has_traffic: Cell::new(false),
                dozing: Cell::new(None),
                is_over: Cell::new(false),
            });
            // The kernel does not care that this is no TCP socket: its readiness is all we ask for.
            let watched = monoio::net::TcpStream::from_std(TcpStream::from(watched))?;
            let watched = Rc::new(watched);
            monoio::spawn(watch(Rc::clone(&poller), Rc::clone(&watched)));
            // The second one comes to the end of the queue before its first turn.
            let second = Rc::clone(&poller);
            monoio::spawn(async move {
                second.rest().await;
                watch(second, watched).await;
            });
            *here = Some(Rc::clone(&poller));
            Ok(poller)
        })
    }

    /// The event loop of this thread is over.
    pub fn end() {
        if let Some(poller) = HERE.take() {
            poller.is_over.set(true);
        }
    }

    /// Watches `fd` until `forget` and until the descriptor is closed.
    ///
    /// # Errors
    /// The kernel's: no memory, or too many watches.
    fn watch(&self, fd: RawFd, source: &Rc<Source>) -> io::Result<()> {
        let mut sources = self.sources.borrow_mut();
        let index = match sources.free.pop() {
            Some(index) => index,
            None => {
                sources.slots.push(None);
                sources.slots.len() as u32 - 1
            }
        };
        let wanted = libc::EPOLLIN | libc::EPOLLOUT | libc::EPOLLRDHUP | libc::EPOLLET;
        let mut event = libc::epoll_event {
            events: wanted as u32,
            u64: u64::from(index) | if source.is_clock { CLOCK } else { 0 },
        };
        let set = self.set.as_raw_fd();
        // SAFETY: `event` lives through the call, which only reads it.
        if unsafe { libc::epoll_ctl(set, libc::EPOLL_CTL_ADD, fd, &raw mut event) } < 0 {
            sources.free.push(index);
            return Err(io::Error::last_os_error());
        }
        source.index.set(index);
        sources.slots[index as usize] = Some(Rc::clone(source));
        Ok(())
    }

    /// Watches `fd` from its first wait on: a short connection may end without one. False when it
    /// cannot be watched and a wait would never end.
    #[inline]
    pub fn is_watching(&self, fd: RawFd, source: &Rc<Source>) -> bool {
        source.index.get() != UNWATCHED || self.begin_watching(fd, source)
    }

    fn begin_watching(&self, fd: RawFd, source: &Rc<Source>) -> bool {
        let begun = self.watch(fd, source);
        if let Err(error) = &begun {
            // With the socket shut, whatever its task tries next says that it is over.
            tracing::error!(%error, "cannot watch one more socket");
            sys::shutdown(fd, libc::SHUT_RDWR);
            source.ended.set(true);
            source.writable.set(true);
        }
        begun.is_ok()
    }

    /// Forgets a source whose descriptor is about to be closed.
    pub fn forget(&self, source: &Source) {
        let index = source.index.get();
        if index != UNWATCHED {
            let mut sources = self.sources.borrow_mut();
            sources.slots[index as usize] = None;
            sources.free.push(index);
        }
    }

    /// Takes a descriptor out of the set that somebody else keeps open.
    pub fn leave(&self, fd: RawFd) {
        let none = std::ptr::null_mut();
        // SAFETY: no memory is passed.
        unsafe { libc::epoll_ctl(self.set.as_raw_fd(), libc::EPOLL_CTL_DEL, fd, none) };
    }

    /// Waits for news for as long as `patience` says, and wakes whoever waits for them. True when
    /// something other than a clock has happened.
    fn turn(&self, events: &mut [libc::epoll_event; EVENTS], patience: Patience) -> bool {
        let set = self.set.as_raw_fd();
        let timeout_ms = patience as i32;
        // SAFETY: the pointer and count describe `events`, which lives through the call.
        let count =
            unsafe { libc::epoll_wait(set, events.as_mut_ptr(), EVENTS as i32, timeout_ms) };
        let count = usize::try_from(count).unwrap_or(0);
        let mut is_real = false;
        if let Some(clock) = self.dozing.take() {
            self.rouse(clock, &events[..count]);
        }
        let sources = self.sources.borrow();
        for event in &events[..count] {
            is_real |= is_traffic(event);
            // A source may be gone, and its slot be another's: that one looks in vain, once.
            if let Some(Some(source)) = sources.slots.get(event.u64 as u32 as usize) {
                source.happened(event.events as i32);
            }
        }
        self.has_traffic.set(self.has_traffic.get() | is_real);
        is_real
    }

    /// Lets the clock ring if traffic has come, before any task that was waiting for it runs.
    #[cold]
    fn rouse(&self, clock: Rc<Source>, events: &[libc::epoll_event]) {
        if events.iter().any(is_traffic) {
            clock.readable.set(true);
            wake(&clock.reader);
        } else {
            self.dozing.set(Some(clock));
        }
    }

    /// The clock rings with the next traffic, too.
    pub fn doze(&self, clock: &Rc<Source>) {
        self.dozing.set(Some(Rc::clone(clock)));
    }

    /// Something other than a clock has come since the last call.
    pub fn take_traffic(&self) -> bool {
        self.has_traffic.take()
    }

    /// Gives the turn to the other watchman, and waits until it comes back.
    async fn rest(&self) {
        let mut has_passed = false;
        poll_fn(|context| {
            if has_passed {
                return Poll::Ready(());
            }
            has_passed = true;
            wake(&self.resting);
            self.resting.set(Some(context.waker().clone()));
            Poll::Pending
        })
        .await;
    }
}

/// The timeout of `epoll_wait`, milliseconds.
#[derive(Clone, Copy)]
enum Patience {
    None = 0,
    Endless = -1,
}

impl fmt::Debug for Poller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Poller")
            .field("set", &self.set)
            .field("sources", &self.sources)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Source")
            .field("index", &self.index)
            .field("readable", &self.readable)
            .field("writable", &self.writable)
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

impl Source {
    /// What may be true of a descriptor for all we know.
    pub fn new(readable: bool, writable: bool) -> Rc<Self> {
        Self::of(readable, writable, false)
    }

    /// A clock's, whose ringing is no traffic.
    pub fn clock() -> Rc<Self> {
        Self::of(false, false, true)
    }

    fn of(readable: bool, writable: bool, is_clock: bool) -> Rc<Self> {
        Rc::new(Self {
            index: Cell::new(UNWATCHED),
            readable: Cell::new(readable),
            writable: Cell::new(writable),
            ended: Cell::new(false),
            reader: Cell::new(None),
            writer: Cell::new(None),
            is_clock,
        })
    }

    pub fn is_watched(&self) -> bool {
        self.index.get() != UNWATCHED
    }

    fn happened(&self, events: i32) {
        const ENDS: i32 = libc::EPOLLRDHUP | libc::EPOLLHUP | libc::EPOLLERR;
        if events & ENDS != 0 {
            self.ended.set(true);
        }
        if events & (libc::EPOLLIN | ENDS) != 0 {
            self.readable.set(true);
            wake(&self.reader);
        }
        if events & (libc::EPOLLOUT | libc::EPOLLHUP | libc::EPOLLERR) != 0 {
            self.writable.set(true);
            wake(&self.writer);
        }
    }
}

fn is_traffic(event: &libc::epoll_event) -> bool {
    event.u64 & CLOCK == 0
}

fn wake(waiting: &Cell<Option<Waker>>) {
    if let Some(waker) = waiting.take() {
        waker.wake();
    }
}

/// One of the two tasks that keep watch over the set.
async fn watch(poller: Rc<Poller>, watched: Rc<monoio::net::TcpStream>) {
    let mut events = Box::new([libc::epoll_event { events: 0, u64: 0 }; EVENTS]);
    while !poller.is_over.get() {
        let steps = task::steps();
        if steps != poller.steps.replace(steps) {
            // Those that ran may have woken others, which the other watchman will see.
            let turns = poller.busy_turns.get() + 1;
            poller.busy_turns.set(turns);
            if turns >= BUSY_TURNS_MAX {
                poller.turn(&mut events, Patience::None);
            }
        } else {
            poller.busy_turns.set(0);
            let mut patience = Patience::Endless;
            if poller.is_still.replace(false) {
                if watched.readable(false).await.is_err() {
                    tracing::error!("the event loop cannot watch its sockets any more");
                    return;
                }
                patience = Patience::None;
            }
            let is_real = poller.turn(&mut events, patience);
            poller
                .is_still
                .set(matches!(patience, Patience::Endless) && !is_real);
        }
        poller.rest().await;
    }
}

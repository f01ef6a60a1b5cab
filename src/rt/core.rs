//! `Core`: one pinned event loop, its clock, its buffers, its deadlines.

use std::cell::{Cell, OnceCell, RefCell, RefMut};
use std::future::{Future, poll_fn};
use std::io;
use std::task::{Poll, Waker};
use std::thread::{self, JoinHandle};

use crate::base::Pool;
use crate::base::clock::machine_ns;
use crate::rt::deadline::Deadlines;
use crate::rt::tls::Scratch;
use crate::rt::{Driver, Pipes, Ready, sys, task};

/// What the tasks of one thread share. It lives as long as the process, so tasks borrow it freely.
#[derive(Debug)]
pub struct Core {
    pub index: usize,
    pub driver: Driver,
    pub deadlines: Deadlines,
    /// Buffers for what must outlive a turn: request heads, partial messages, unsent bytes.
    pub buffers: Pool,
    /// Where bodies pass through; borrowed between two awaits only, never across one.
    pub body: RefCell<Box<[u8]>>,
    /// Where heads are written; borrowed between two awaits only, never across one.
    pub out: RefCell<Vec<u8>>,
    /// Where TLS records are opened and sealed; borrowed within one call only.
    pub tls: LazyTls,
    /// Where bodies pass by that nobody looks at.
    pub pipes: Pipes,
    started_ns: u64,
    /// As of the last look at the clock.
    now_ms: Cell<u64>,
    /// Who is to look at the clock again, and when something must have become of it.
    sleepers: RefCell<Vec<(u64, Waker)>>,
}

/// How often overdue sockets are looked for, milliseconds.
pub const SWEEP_MS: u32 = 20;
/// A core without traffic for so many sweeps sleeps until something is due.
const CALM_SWEEPS: u32 = 25;
/// Yet no longer than this, milliseconds.
const DOZE_MS: u32 = 1000;

/// One buffer holds the largest usual head together with a 64 KiB body.
pub const BUFFER_BYTES: usize = 72 * 1024;
const BUFFERS_KEPT: usize = 256;

/// The buffers for TLS, made when the first session needs them: many gateways never do.
#[derive(Debug, Default)]
pub struct LazyTls(OnceCell<RefCell<Scratch>>);

impl LazyTls {
    pub fn borrow_mut(&self) -> RefMut<'_, Scratch> {
        self.0.get_or_init(RefCell::default).borrow_mut()
    }
}

impl Core {
    fn new(index: usize, driver: Driver) -> Self {
        Self {
            index,
            driver,
            deadlines: Deadlines::default(),
            buffers: Pool::new(BUFFER_BYTES, BUFFERS_KEPT),
            body: RefCell::new(vec![0; BUFFER_BYTES].into_boxed_slice()),
            out: RefCell::new(Vec::with_capacity(BUFFER_BYTES)),
            tls: LazyTls::default(),
            pipes: Pipes::default(),
            started_ns: machine_ns(),
            now_ms: Cell::new(0),
            sleepers: RefCell::new(Vec::new()),
        }
    }

    /// Starts a thread that runs `main` on its own event loop, bound to `cpu` if one is named.
    pub fn start<M, F>(
        index: usize,
        cpu: Option<usize>,
        driver: Driver,
        main: M,
    ) -> io::Result<JoinHandle<io::Result<()>>>
    where
        M: FnOnce(&'static Core) -> F + Send + 'static,
        F: Future<Output = ()>,
    {
        thread::Builder::new()
            .name(format!("core-{index}"))
            .spawn(move || {
                if let Some(cpu) = cpu {
                    sys::pin(cpu);
                }
                let core: &'static Core = Box::leak(Box::new(Core::new(index, driver)));
                driver.run(async move {
                    task::spawn(core.sweep(), || ());
                    main(core).await;
                })
            })
    }

    /// Microseconds since this core started.
    #[inline]
    pub fn now_us(&self) -> u64 {
        let now_us = (machine_ns() - self.started_ns) / 1000;
        self.now_ms.set(now_us / 1000);
        now_us
    }

    /// Milliseconds since this core started: the unit of deadlines. At most one sweep late, as
    /// deadlines are anyway: it costs no look at the clock.
    #[inline]
    pub fn now_ms(&self) -> u64 {
        self.now_ms.get()
    }

    /// Returns after at least `milliseconds`, to the next sweep: for waits that need no precision.
    pub async fn pause(&self, milliseconds: u32) {
        let until_ms = self.sweep_after(milliseconds);
        self.sleep(until_ms, until_ms).await;
    }

    /// As `pause`, for work that traffic makes: a core that dozes is not woken for it.
    pub async fn lull(&self, milliseconds: u32) {
        self.sleep(self.sweep_after(milliseconds), u64::MAX).await;
    }

    /// What has been read of the clock may be as old as the last sweep.
    fn sweep_after(&self, milliseconds: u32) -> u64 {
        self.now_ms.get() + u64::from(milliseconds) + u64::from(SWEEP_MS)
    }

    async fn sleep(&self, until_ms: u64, due_ms: u64) {
        poll_fn(|context| {
            if self.now_ms.get() >= until_ms {
                return Poll::Ready(());
            }
            let sleeper = (due_ms, context.waker().clone());
            self.sleepers.borrow_mut().push(sleeper);
            Poll::Pending
        })
        .await;
    }

    /// Keeps the clock, the deadlines and the sleepers: every 20 ms, and on a core where nothing
    /// happens only when something is due. The first traffic after that comes behind a look at the clock.
    async fn sweep(&'static self) {
        let Ok(ticker) = sys::ticker(SWEEP_MS).and_then(Ready::clock) else {
            return;
        };
        let (mut calm_sweeps, mut period_ms) = (0, SWEEP_MS);
        loop {
            ticker.readable().await;
            ticker.drain();
            let now_ms = self.now_us() / 1000;
            let due_ms = self.deadlines.sweep(now_ms).min(self.wake_sleepers(now_ms));
            calm_sweeps = if ticker.take_traffic() {
                0
            } else {
                calm_sweeps + 1
            };
            let before_ms = period_ms;
            period_ms = SWEEP_MS;
            if calm_sweeps >= CALM_SWEEPS {
                let left_ms = due_ms.saturating_sub(now_ms).min(DOZE_MS.into());
                period_ms = SWEEP_MS.max(left_ms as u32);
                ticker.ring_with_traffic();
            }
            if period_ms != before_ms {
                ticker.ring_every(period_ms);
            }
        }
    }

    /// Lets all sleepers look at the clock; returns when the next of them is due, of those that are not.
    fn wake_sleepers(&self, now_ms: u64) -> u64 {
        let mut next_ms = u64::MAX;
        // Waking only queues, so nobody lies down meanwhile and the list keeps its room.
        let mut sleepers = self.sleepers.take();
        for (due_ms, waker) in sleepers.drain(..) {
            if due_ms > now_ms {
                next_ms = next_ms.min(due_ms);
            }
            waker.wake();
        }
        self.sleepers.replace(sleepers);
        next_ms
    }
}

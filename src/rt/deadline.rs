//! Deadlines of this core's sockets and the sweep that ends them.
//!
//! A timer for each request would cost more than the request. Instead each socket has a slot
//! with the time it must be done by; a sweep every few milliseconds calls `shutdown` on the
//! overdue ones, whose waiting task then sees the end of the stream and asks `expired`.

use std::cell::{Cell, RefCell};
use std::os::fd::RawFd;

use crate::rt::{Core, sys};

#[derive(Debug, Default)]
pub struct Deadlines {
    slots: RefCell<Vec<Slot>>,
    free: RefCell<Vec<u32>>,
}

#[derive(Debug)]
struct Slot {
    /// Milliseconds of the core's clock; `NEVER` when nothing is due.
    at_ms: Cell<u64>,
    fd: Cell<RawFd>,
    reads_only: Cell<bool>,
    /// Nothing is under way on the socket.
    idle: Cell<bool>,
    expired: Cell<bool>,
}

const NEVER: u64 = u64::MAX;

/// One socket's slot, given back when dropped.
#[derive(Debug)]
pub struct Deadline {
    pub(super) core: &'static Core,
    index: u32,
}

impl Deadlines {
    /// Shuts overdue sockets; returns when the next one is due, `u64::MAX` if none is.
    pub fn sweep(&self, now_ms: u64) -> u64 {
        let mut next_ms = NEVER;
        for slot in self.slots.borrow().iter() {
            if slot.at_ms.get() <= now_ms {
                slot.at_ms.set(NEVER);
                slot.expired.set(true);
                // Where the answer still has to be written (408), only reading ends.
                let how = if slot.reads_only.get() {
                    libc::SHUT_RD
                } else {
                    libc::SHUT_RDWR
                };
                sys::shutdown(slot.fd.get(), how);
            }
            next_ms = next_ms.min(slot.at_ms.get());
        }
        next_ms
    }

    /// Sockets on which nothing is under way end at this time, if not before.
    pub fn end_idle_by(&self, at_ms: u64) {
        let slots = self.slots.borrow();
        for slot in slots.iter().filter(|slot| slot.idle.get()) {
            slot.at_ms.set(slot.at_ms.get().min(at_ms));
        }
    }
}

impl Deadline {
    /// A slot for `fd`, which must stay open for as long as the slot lives.
    pub fn new(core: &'static Core, fd: RawFd) -> Self {
        let mut slots = core.deadlines.slots.borrow_mut();
        let index = core.deadlines.free.borrow_mut().pop().unwrap_or_else(|| {
            slots.push(Slot {
                at_ms: Cell::new(NEVER),
                fd: Cell::new(-1),
                reads_only: Cell::new(false),
                idle: Cell::new(false),
                expired: Cell::new(false),
            });
            slots.len() as u32 - 1
        });
        let slot = &slots[index as usize];
        slot.fd.set(fd);
        slot.expired.set(false);
        slot.at_ms.set(NEVER);
        Self { core, index }
    }

    fn slot<T>(&self, with: impl FnOnce(&Slot) -> T) -> T {
        with(&self.core.deadlines.slots.borrow()[self.index as usize])
    }

    /// Everything ends at this time of the core's clock.
    #[inline]
    pub fn set(&self, at_ms: u64) {
        self.slot(|slot| {
            slot.at_ms.set(at_ms);
            slot.reads_only.set(false);
            slot.idle.set(false);
        });
    }

    /// Reading ends at this time; what is owed to the peer can still be written.
    #[inline]
    pub fn set_read(&self, at_ms: u64) {
        self.slot(|slot| {
            slot.at_ms.set(at_ms);
            slot.reads_only.set(true);
            slot.idle.set(false);
        });
    }

    /// As `set_read`, for a socket on which nothing is under way.
    #[inline]
    pub fn set_idle(&self, at_ms: u64) {
        self.set_read(at_ms);
        self.slot(|slot| slot.idle.set(true));
    }

    #[inline]
    pub fn clear(&self) {
        self.slot(|slot| {
            slot.at_ms.set(NEVER);
            slot.idle.set(false);
        });
    }

    /// The sweep ended this socket.
    #[inline]
    pub fn expired(&self) -> bool {
        self.slot(|slot| slot.expired.get())
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        self.clear();
        self.core.deadlines.free.borrow_mut().push(self.index);
    }
}

//! What the thread of the functions and the cores share: who is there to be called, and the bounds
//! over all functions.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use tokio::sync::Notify;

use crate::lambda::register::Register;

#[derive(Debug, Default)]
pub struct Commons {
    /// Written by the thread of the functions alone.
    pub register: RwLock<Register>,
    /// Orders that were given and not yet carried out: until then the register is that of before.
    pub changes: AtomicUsize,
    /// Somebody reads what functions print.
    pub is_logged: AtomicBool,
    /// Payload bytes of all invocations that wait or run.
    held_bytes: AtomicUsize,
    /// Nobody looks at deadlines until `stirred` is raised.
    pub is_drowsy: AtomicBool,
    pub stirred: Notify,
}

/// Payloads of all functions together that may wait.
const HELD_BYTES_MAX: usize = 512 << 20;

impl Commons {
    /// Something has begun that has a deadline.
    pub fn stir(&self) {
        if self.is_drowsy.load(Ordering::SeqCst) && self.is_drowsy.swap(false, Ordering::SeqCst) {
            self.stirred.notify_one();
        }
    }

    pub fn is_logged(&self) -> bool {
        self.is_logged.load(Ordering::Relaxed)
    }

    /// False when all functions together hold too much already.
    pub fn hold_within_bounds(&self, bytes: usize) -> bool {
        let fits = self.held_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes <= HELD_BYTES_MAX;
        if !fits {
            self.let_go(bytes);
        }
        fits
    }

    pub fn hold(&self, bytes: usize) {
        self.held_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub fn let_go(&self, bytes: usize) {
        self.held_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    #[cfg(test)]
    pub fn held_bytes(&self) -> usize {
        self.held_bytes.load(Ordering::Relaxed)
    }
}

/// Locks are held for moments, and what they guard is whole whenever one is given up.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

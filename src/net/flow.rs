//! Long bodies that pass unread from one connection to another: when that is worth it, and one step.

use std::io;

use crate::base::Buffer;
use crate::rt::{Core, Piped, Stream};

/// A body of which so many bytes are to come is worth moving unread.
pub const LONG_BYTES_MIN: u64 = 32 * 1024;
/// What comes in shorter pieces is sooner read and written.
const PIECE_BYTES_MIN: usize = 16 * 1024;
/// Moved in one step: what a slow receiver leaves of it has to fit a buffer.
const PIECE_BYTES_MAX: u64 = 64 * 1024;

/// How a body has come so far.
#[derive(Debug)]
pub struct Flow {
    /// Much of it came at once the last time.
    is_strong: bool,
    /// Less was moved than might have been: a read tells whether that was all.
    is_short: bool,
}

impl Flow {
    pub fn new(is_strong: bool) -> Self {
        Self {
            is_strong,
            is_short: false,
        }
    }

    /// Of what came with its head so much belongs to the body.
    pub fn of_held(bytes: usize) -> Self {
        Self::new(bytes >= PIECE_BYTES_MIN)
    }

    /// Notes how much a read has found.
    #[inline]
    pub fn was_read(&mut self, count: usize) {
        self.is_strong = count >= PIECE_BYTES_MIN;
    }

    /// Takes what has come of the `rest` bytes that are to come, never nothing. None: it has to be
    /// read, or is not worth moving.
    pub fn pull(&mut self, from: &Stream, to: &Stream, rest: u64) -> Option<Piped<'static>> {
        let is_long = self.is_strong && rest >= LONG_BYTES_MIN;
        if !is_long || from.is_tls() || to.is_tls() || std::mem::take(&mut self.is_short) {
            return None;
        }
        let bytes_max = rest.min(PIECE_BYTES_MAX) as usize;
        // The end, an error, or what cannot be moved: a read says which.
        let piped = from.try_pull(bytes_max).ok()?;
        if piped.is_empty() {
            return None;
        }
        self.is_short = piped.len() < bytes_max;
        self.was_read(piped.len());
        Some(piped)
    }
}

/// Sends what was moved; what `to` does not take is appended to `pending`, before which it must not
/// go out.
///
/// # Errors
/// The connection broke.
pub fn push(
    mut piped: Piped<'_>,
    to: &Stream,
    core: &Core,
    pending: &mut Option<Buffer>,
) -> io::Result<()> {
    if pending.is_none() {
        to.try_push(&mut piped)?;
    }
    if !piped.is_empty() {
        let pending = pending.get_or_insert_with(|| core.buffers.take());
        piped.copy_to(pending)?;
    }
    Ok(())
}

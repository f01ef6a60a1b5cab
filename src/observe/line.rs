//! Bounded queues of finished lines with a counted drop rule; `server::export` writes them out.

use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;

use rtrb::{Consumer, Producer, RingBuffer};

/// A buffer this full is shipped at once.
const SHIP_BYTES: usize = 32 * 1024;
/// A buffer that one long line made larger than this is not used again.
const KEEP_BYTES_MAX: usize = 2 * SHIP_BYTES;

/// Whole lines, each with its newline.
#[derive(Debug, Default)]
pub struct Batch {
    pub bytes: Vec<u8>,
    pub lines: u64,
}

/// The core's end: lines are written into a buffer, full buffers travel to the writer.
///
/// Nothing here waits. When the writer is so far behind that the queue is full, the lines of the
/// buffer at hand are dropped and counted. Dropping this end ships what is left.
#[derive(Debug)]
pub struct Lines {
    buffer: Batch,
    /// Bytes of finished lines in `buffer`; what follows belongs to the line at hand.
    finished: usize,
    full: Producer<Batch>,
    empty: Consumer<Vec<u8>>,
    bell: Arc<Bell>,
    dropped: u64,
}

/// The writer's end.
#[derive(Debug)]
pub struct Drain {
    full: Consumer<Batch>,
    empty: Producer<Vec<u8>>,
    bell: Arc<Bell>,
}

/// Wakes a writer that sleeps for want of lines. One that has work looks by itself, so a busy core
/// makes no system call.
#[derive(Debug, Default)]
struct Bell {
    is_awaited: AtomicBool,
    writer: OnceLock<Thread>,
}

impl Bell {
    fn ring(&self) {
        // Either the writer sees what was shipped before this, or it is seen to wait.
        fence(Ordering::SeqCst);
        if self.is_awaited.load(Ordering::Relaxed)
            && self.is_awaited.swap(false, Ordering::Relaxed)
            && let Some(writer) = self.writer.get()
        {
            writer.unpark();
        }
    }
}

/// A queue of at most `capacity_buffers` buffers of about 32 KiB between one core and the writer.
pub fn lines(capacity_buffers: usize) -> (Lines, Drain) {
    let capacity = capacity_buffers.max(1);
    let (full_in, full_out) = RingBuffer::new(capacity);
    let (empty_in, empty_out) = RingBuffer::new(capacity);
    let bell = Arc::new(Bell::default());
    let lines = Lines {
        buffer: Batch::default(),
        finished: 0,
        full: full_in,
        empty: empty_out,
        bell: Arc::clone(&bell),
        dropped: 0,
    };
    let drain = Drain {
        full: full_out,
        empty: empty_in,
        bell,
    };
    (lines, drain)
}

impl Lines {
    /// Where to append one line, without its newline. What an earlier `begin` wrote and nobody
    /// committed is gone.
    #[inline]
    pub fn begin(&mut self) -> &mut Vec<u8> {
        self.buffer.bytes.truncate(self.finished);
        &mut self.buffer.bytes
    }

    /// Ends the line that `begin` started.
    #[inline]
    pub fn commit(&mut self) {
        self.buffer.bytes.push(b'\n');
        self.buffer.lines += 1;
        self.finished = self.buffer.bytes.len();
        if self.finished >= SHIP_BYTES {
            self.flush();
        }
    }

    /// Ships the lines that are finished. A core calls it on its tick, so that a quiet core's
    /// lines do not wait for a full buffer.
    pub fn flush(&mut self) {
        self.buffer.bytes.truncate(self.finished);
        if self.buffer.lines == 0 {
            return;
        }
        self.finished = 0;
        if self.full.is_full() {
            self.dropped += self.buffer.lines;
            self.buffer.lines = 0;
            self.buffer.bytes.clear();
            return;
        }
        let fresh = Batch {
            bytes: self.empty.pop().unwrap_or_default(),
            lines: 0,
        };
        let batch = std::mem::replace(&mut self.buffer, fresh);
        // Only this end fills the ring, so the slot seen above is still free.
        let pushed = self.full.push(batch);
        debug_assert!(pushed.is_ok());
        self.bell.ring();
    }

    /// Lines dropped since the start.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.flush();
    }
}

impl Drain {
    /// The oldest shipped buffer.
    pub fn take(&mut self) -> Option<Batch> {
        self.full.pop().ok()
    }

    /// Gives a buffer back to the core, which then need not allocate one.
    pub fn give_back(&mut self, batch: Batch) {
        let mut bytes = batch.bytes;
        if bytes.capacity() <= KEEP_BYTES_MAX {
            bytes.clear();
            // A full ring means the core has buffers enough; this one is freed.
            let _ = self.empty.push(bytes);
        }
    }

    /// With the next buffer that is shipped the calling thread, always the same, is unparked. False
    /// when one is there already.
    pub fn await_next(&self) -> bool {
        self.bell.writer.get_or_init(std::thread::current);
        self.bell.is_awaited.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        self.full.is_empty()
    }

    /// True when the core's end is gone and everything it shipped was taken.
    pub fn finished(&self) -> bool {
        if !self.full.is_abandoned() {
            return false;
        }
        // `is_abandoned` reads without ordering; what was shipped before the end went away has to
        // be seen now.
        fence(Ordering::Acquire);
        self.full.is_empty()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use std::thread::park_timeout;
    use std::time::{Duration, Instant};

    use super::*;

    fn write(lines: &mut Lines, text: &[u8]) {
        lines.begin().extend_from_slice(text);
        lines.commit();
    }

    #[test]
    fn lines_arrive_whole_and_in_order() {
        let (mut lines, mut drain) = lines(4);
        write(&mut lines, b"one");
        write(&mut lines, b"two");
        assert!(drain.take().is_none(), "not shipped before it is due");
        lines.flush();
        let batch = drain.take().unwrap();
        assert_eq!((&batch.bytes[..], batch.lines), (&b"one\ntwo\n"[..], 2));
        lines.flush();
        assert!(drain.take().is_none(), "an empty buffer is not shipped");
    }

    #[test]
    fn a_line_that_was_never_finished_leaves_no_trace() {
        let (mut lines, mut drain) = lines(4);
        write(&mut lines, b"whole");
        lines.begin().extend_from_slice(b"torn");
        lines.flush();
        lines.begin().extend_from_slice(b"torn again");
        write(&mut lines, b"next");
        drop(lines);
        assert_eq!(drain.take().unwrap().bytes, b"whole\n");
        assert_eq!(drain.take().unwrap().bytes, b"next\n");
        assert!(drain.finished());
    }

    #[test]
    fn a_writer_that_waits_is_woken_once() {
        let (mut lines, mut drain) = lines(4);
        assert!(drain.await_next());
        write(&mut lines, b"one");
        lines.flush();
        // Unparked before it parks, so this ends at once, and the other one does not.
        let begun = Instant::now();
        park_timeout(Duration::from_secs(60));
        assert!(begun.elapsed() < Duration::from_secs(60));
        assert!(!drain.await_next(), "one is there");
        assert_eq!(drain.take().unwrap().bytes, b"one\n");
        assert!(drain.await_next());
        drop(lines);
        assert!(
            drain.bell.is_awaited.load(Ordering::Relaxed),
            "nothing was left to ship"
        );
    }

    #[test]
    fn a_full_buffer_ships_itself() {
        let (mut lines, mut drain) = lines(4);
        while drain.full.is_empty() {
            write(&mut lines, &[b'x'; 99]);
        }
        let batch = drain.take().unwrap();
        assert_eq!(batch.lines, 328);
        assert_eq!(batch.bytes.len(), 32_800);
    }

    #[test]
    fn a_queue_that_is_full_drops_and_counts_the_newest() {
        let (mut lines, mut drain) = lines(2);
        for line in [&b"1"[..], b"2", b"3", b"4"] {
            write(&mut lines, line);
            lines.flush();
        }
        assert_eq!(lines.dropped(), 2);
        assert_eq!(drain.take().unwrap().bytes, b"1\n");
        write(&mut lines, b"5");
        lines.flush();
        assert_eq!(drain.take().unwrap().bytes, b"2\n");
        assert_eq!(drain.take().unwrap().bytes, b"5\n");
    }

    #[test]
    fn buffers_are_used_again_unless_they_grew_too_large() {
        let (mut lines, mut drain) = lines(2);
        write(&mut lines, &[b'x'; 100]);
        lines.flush();
        let batch = drain.take().unwrap();
        let first = batch.bytes.as_ptr();
        drain.give_back(batch);
        write(&mut lines, b"second");
        lines.flush();
        assert_eq!(lines.begin().as_ptr(), first);
        write(&mut lines, &[b'x'; KEEP_BYTES_MAX + 1]);
        drain.take().unwrap();
        let large = drain.take().unwrap();
        drain.give_back(large);
        assert_eq!(drain.empty.slots(), 2, "nothing waits for the core");
    }

    #[test]
    fn a_writer_on_another_thread_gets_every_line() {
        let (mut lines, mut drain) = lines(1_024);
        let writer = std::thread::spawn(move || {
            let (mut count, mut bytes) = (0, 0);
            while !drain.finished() {
                while let Some(batch) = drain.take() {
                    count += batch.lines;
                    bytes += batch.bytes.len();
                    drain.give_back(batch);
                }
                std::thread::yield_now();
            }
            (count, bytes)
        });
        for _ in 0..50_000 {
            write(&mut lines, &[b'y'; 63]);
        }
        assert_eq!(lines.dropped(), 0);
        drop(lines);
        assert_eq!(writer.join().unwrap(), (50_000, 50_000 * 64));
    }
}

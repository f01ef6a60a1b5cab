//! Byte buffers and the per-core pool they come from and go back to.

use std::cell::RefCell;
use std::mem::MaybeUninit;

/// Bytes that have arrived and not been used yet. Full capacity is kept from use to use.
#[derive(Debug, Default)]
pub struct Buffer {
    bytes: Vec<u8>,
    start: usize,
}

/// What the first growth of an empty buffer makes room for.
const SPACE_BYTES_MIN: usize = 4096;

impl Buffer {
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(capacity),
            start: 0,
        }
    }

    /// The unused bytes.
    #[inline]
    pub fn unread(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    pub fn is_empty(&self) -> bool {
        self.start == self.bytes.len()
    }

    /// Marks the first `count` unused bytes as used.
    pub fn consume(&mut self, count: usize) {
        debug_assert!(count <= self.unread().len());
        self.start += count;
        if self.is_empty() {
            self.clear();
        }
    }

    pub fn clear(&mut self) {
        self.bytes.clear();
        self.start = 0;
    }

    /// Room behind the unused bytes, to be followed by `filled`. Never empty: a full buffer grows,
    /// so the caller bounds what it reads.
    #[inline]
    pub fn space(&mut self) -> &mut [MaybeUninit<u8>] {
        if self.bytes.len() == self.bytes.capacity() {
            self.bytes.reserve(self.bytes.len().max(SPACE_BYTES_MIN));
        }
        self.bytes.spare_capacity_mut()
    }

    /// Tells that the first `count` bytes of `space` were written.
    ///
    /// # Safety
    /// They were.
    #[inline]
    pub unsafe fn filled(&mut self, count: usize) {
        debug_assert!(count <= self.bytes.spare_capacity_mut().len());
        // SAFETY: the caller wrote `count` bytes behind the end, inside the capacity.
        unsafe { self.bytes.set_len(self.bytes.len() + count) };
    }

    /// Takes the unused bytes to the front, so that all room is behind them.
    pub fn compact(&mut self) {
        if self.start > 0 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
    }

    /// Appends, growing when it must: the caller bounds what it appends.
    pub fn append(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }
}

/// Buffers of one size, the hottest first.
#[derive(Debug)]
pub struct Pool {
    free: RefCell<Vec<Buffer>>,
    buffer_bytes: usize,
    kept_max: usize,
}

impl Pool {
    pub fn new(buffer_bytes: usize, kept_max: usize) -> Self {
        Self {
            free: RefCell::new(Vec::with_capacity(kept_max)),
            buffer_bytes,
            kept_max,
        }
    }

    /// An empty buffer.
    #[inline]
    pub fn take(&self) -> Buffer {
        let free = self.free.borrow_mut().pop();
        free.unwrap_or_else(|| Buffer::with_capacity(self.buffer_bytes))
    }

    /// Takes a buffer back; what outgrew the pool or is too many is freed.
    #[inline]
    pub fn give(&self, mut buffer: Buffer) {
        let mut free = self.free.borrow_mut();
        if free.len() < self.kept_max && buffer.bytes.capacity() == self.buffer_bytes {
            buffer.clear();
            free.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_given_back_comes_empty() {
        let pool = Pool::new(16, 1);
        let mut buffer = pool.take();
        buffer.append(b"abc");
        buffer.consume(1);
        assert_eq!(buffer.unread(), b"bc");
        pool.give(buffer);
        assert!(pool.take().is_empty());
    }

    #[test]
    fn compacting_keeps_the_unread_bytes() {
        let mut buffer = Buffer::with_capacity(8);
        buffer.append(b"abcdef");
        buffer.consume(4);
        buffer.compact();
        assert_eq!(buffer.unread(), b"ef");
        assert_eq!(buffer.space().len(), 6);
    }

    #[test]
    fn there_is_always_room_for_more() {
        let mut buffer = Buffer::default();
        for _ in 0..3 {
            let room = buffer.space().len();
            assert!(room > 0);
            buffer.append(&vec![1; room]);
        }
    }

    #[test]
    fn a_buffer_that_outgrew_the_pool_is_freed() {
        let pool = Pool::new(4, 4);
        let mut buffer = pool.take();
        buffer.append(&[0; 64]);
        pool.give(buffer);
        assert_eq!(pool.take().space().len(), 4);
    }
}

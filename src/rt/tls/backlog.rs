//! Bytes that must outlive the moment: appended at the end, taken from the front, freed when gone.

/// A queue of bytes that owns no memory while it is empty, so that an idle session costs nothing.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    bytes: Vec<u8>,
    /// How many of `bytes` were taken already. Invariant: below `bytes.len()`, or both are 0.
    taken: usize,
}

impl Backlog {
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn push(&mut self, more: &[u8]) {
        self.bytes.extend_from_slice(more);
    }

    /// Lengthens the queue by `length` bytes and lends them to be written.
    pub(super) fn extend(&mut self, length: usize) -> &mut [u8] {
        let start = self.bytes.len();
        self.bytes.resize(start + length, 0);
        &mut self.bytes[start..]
    }

    pub(super) fn rest(&self) -> &[u8] {
        &self.bytes[self.taken..]
    }

    /// Forgets the first `length` bytes of `rest`.
    pub(super) fn advance(&mut self, length: usize) {
        self.taken += length;
        if self.taken >= self.bytes.len() {
            *self = Self::default();
        }
    }

    /// Moves as many bytes as fit into `into` and says how many.
    pub(super) fn take_into(&mut self, into: &mut [u8]) -> usize {
        let length = into.len().min(self.rest().len());
        into[..length].copy_from_slice(&self.rest()[..length]);
        self.advance(length);
        length
    }

    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_out_in_order_and_the_memory_goes_with_the_last() {
        let mut backlog = Backlog::default();
        backlog.push(b"abc");
        backlog.extend(2).copy_from_slice(b"de");
        let mut two = [0; 2];
        assert_eq!((backlog.take_into(&mut two), &two), (2, b"ab"));
        assert_eq!(backlog.rest(), b"cde");
        backlog.advance(3);
        assert!(backlog.is_empty());
        assert_eq!(backlog.capacity(), 0);
    }

    #[test]
    fn nothing_is_taken_from_nothing() {
        assert_eq!(Backlog::default().take_into(&mut [0; 4]), 0);
    }
}

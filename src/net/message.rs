//! `Message`: a head together with the bytes it was read from.

use std::cell::RefCell;

use crate::base::Buffer;
use crate::rt::{Core, FuturePool};
use crate::wire::head::{RequestHead, ResponseHead};

/// The head's ranges point into `buffer.unread()`, so the buffer is not moved during the exchange.
#[derive(Debug)]
#[repr(align(64))] // It lies in as few lines of the cache as it can.
pub struct Message<H> {
    pub head: H,
    pub buffer: Buffer,
}

impl<H> Message<H> {
    /// All bytes from the first one of the head on.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        self.buffer.unread()
    }
}

/// What a request needs and a resting connection does not, between two uses: nothing is allocated
/// for a request. Messages keep the room of their field lists.
#[derive(Debug, Default)]
pub struct Pools {
    pub requests: Pool<RequestHead>,
    pub responses: Pool<ResponseHead>,
    /// What serving a request remembers while it waits.
    pub exchanges: FuturePool,
    /// What a response remembers that has to be waited for beyond its head.
    pub downloads: FuturePool,
}

#[derive(Debug, Default)]
pub struct Pool<H>(RefCell<Vec<Box<Message<H>>>>);

/// Kept for each core; a message without its buffer has about 2 KiB.
const KEPT: usize = 256;

impl<H: Default> Pool<H> {
    #[inline]
    pub fn take(&self, core: &Core) -> Box<Message<H>> {
        let buffer = core.buffers.take();
        match self.0.borrow_mut().pop() {
            Some(mut message) => {
                message.buffer = buffer;
                message
            }
            None => Box::new(Message {
                head: H::default(),
                buffer,
            }),
        }
    }

    #[inline]
    pub fn give(&self, core: &Core, mut message: Box<Message<H>>) {
        core.buffers.give(std::mem::take(&mut message.buffer));
        let mut kept = self.0.borrow_mut();
        if kept.len() < KEPT {
            kept.push(message);
        }
    }
}

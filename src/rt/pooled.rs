//! `FuturePool`: memory for futures that run now and then, so that nobody reserves it meanwhile.

use std::alloc::{self, Layout};
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll};

/// Blocks of one size, that of the first future that ran here; a future of another size gets memory
/// of its own. The block that was given back last is taken first: it is warm.
#[derive(Debug)]
pub struct FuturePool {
    layout: Cell<Layout>,
    free: RefCell<Vec<NonNull<u8>>>,
}

/// Blocks kept between two uses; more in use at once come from the system and go back to it.
const KEPT: usize = 256;

/// Of an `F` that shares none of its cache lines.
const fn layout<F>() -> Layout {
    match Layout::new::<F>().align_to(64) {
        Ok(layout) => layout.pad_to_align(),
        Err(_) => Layout::new::<F>(),
    }
}

impl Default for FuturePool {
    fn default() -> Self {
        Self {
            layout: Cell::new(Layout::new::<()>()),
            free: RefCell::default(),
        }
    }
}

impl FuturePool {
    /// Runs what `make` makes in memory of this pool: who waits for it holds a pointer only.
    #[inline]
    pub fn run<F: Future>(&self, make: impl FnOnce() -> F) -> Pooled<'_, F> {
        const { assert!(size_of::<F>() > 0, "there is nothing to keep") };
        let block = self.take(layout::<F>()).cast::<F>();
        // SAFETY: the block is ours alone and has the layout of an `F`. It is lost if `make` panics.
        unsafe { block.write(make()) };
        Pooled {
            block,
            pool: self,
            owned: PhantomData,
        }
    }

    #[inline]
    fn take(&self, layout: Layout) -> NonNull<u8> {
        if layout == self.layout.get()
            && let Some(block) = self.free.borrow_mut().pop()
        {
            return block;
        }
        self.allocate(layout)
    }

    #[cold]
    fn allocate(&self, layout: Layout) -> NonNull<u8> {
        if self.layout.get().size() == 0 {
            self.layout.set(layout);
            self.free.borrow_mut().reserve_exact(KEPT);
        }
        // SAFETY: futures of no size are refused at compile time.
        let block = unsafe { alloc::alloc(layout) };
        NonNull::new(block).unwrap_or_else(|| alloc::handle_alloc_error(layout))
    }

    /// # Safety
    /// The block came from `take` of this layout and nothing in it is used any more.
    #[inline]
    unsafe fn give(&self, block: NonNull<u8>, layout: Layout) {
        let mut free = self.free.borrow_mut();
        if layout == self.layout.get() && free.len() < KEPT {
            free.push(block);
        } else {
            // SAFETY: as the caller says.
            unsafe { alloc::dealloc(block.as_ptr(), layout) };
        }
    }
}

impl Drop for FuturePool {
    fn drop(&mut self) {
        for block in self.free.take() {
            // SAFETY: all blocks that are kept were allocated with this layout.
            unsafe { alloc::dealloc(block.as_ptr(), self.layout.get()) };
        }
    }
}

/// A future in a block of its pool, which it gives back when it is dropped.
#[derive(Debug)]
pub struct Pooled<'p, F> {
    block: NonNull<F>,
    pool: &'p FuturePool,
    owned: PhantomData<F>,
}

impl<F: Future> Future for Pooled<'_, F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        // SAFETY: the block holds an `F` that is reached through here only and stays where it is
        // until it is dropped.
        unsafe { Pin::new_unchecked(&mut *self.block.as_ptr()) }.poll(context)
    }
}

impl<F> Drop for Pooled<'_, F> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: it was written by `run`, is dropped here only, and not touched afterwards.
        unsafe {
            self.block.drop_in_place();
            self.pool.give(self.block.cast(), layout::<F>());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::rc::Rc;
    use std::task::Waker;

    use super::*;

    async fn count(of: Rc<()>, room: [u8; 100], ends: bool) -> usize {
        if !ends {
            pending::<()>().await;
        }
        Rc::strong_count(&of) + usize::from(room[99])
    }

    fn polled<F: Future>(future: F) -> (Poll<F::Output>, Pin<Box<F>>) {
        let mut future = Box::pin(future);
        let poll = future
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()));
        (poll, future)
    }

    #[test]
    fn what_ends_and_what_is_dropped_early_gives_its_block_to_the_next() {
        let (pool, alive) = (FuturePool::default(), Rc::new(()));
        let mut blocks = Vec::new();
        for ends in [true, false, true] {
            let (poll, pooled) = polled(pool.run(|| count(Rc::clone(&alive), [0; 100], ends)));
            assert_eq!(poll, if ends { Poll::Ready(2) } else { Poll::Pending });
            blocks.push(pooled.block);
            drop(pooled);
            assert_eq!(Rc::strong_count(&alive), 1);
        }
        assert_eq!(blocks[0], blocks[1]);
        assert_eq!(blocks[0], blocks[2]);
        assert_eq!(pool.free.borrow().len(), 1);
    }

    #[test]
    fn one_of_another_size_has_memory_of_its_own() {
        let (pool, alive) = (FuturePool::default(), Rc::new(()));
        drop(pool.run(|| count(Rc::clone(&alive), [0; 100], true)));
        let (poll, other) = polled(pool.run(|| ready([7_u8; 1000])));
        assert_eq!(poll, Poll::Ready([7; 1000]));
        drop(other);
        assert_eq!(pool.free.borrow().len(), 1);
    }

    #[test]
    fn no_more_are_kept_than_may_be() {
        let (pool, alive) = (FuturePool::default(), Rc::new(()));
        let many: Vec<_> = (0..KEPT + 5)
            .map(|_| pool.run(|| count(Rc::clone(&alive), [1; 100], true)))
            .collect();
        assert_eq!(Rc::strong_count(&alive), KEPT + 6);
        drop(many);
        assert_eq!(Rc::strong_count(&alive), 1);
        assert_eq!(pool.free.borrow().len(), KEPT);
    }
}

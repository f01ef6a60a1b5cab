//! Tasks of a core: spawned so that a panic costs one connection, not the core.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

/// Starts a task on this core. When it panics it is dropped and `on_panic` is called; the other
/// tasks go on.
pub fn spawn<F>(future: F, on_panic: impl Fn() + 'static)
where
    F: Future<Output = ()> + 'static,
{
    monoio::spawn(Guarded { future, on_panic });
}

/// Lets the other tasks and the sockets of this core have a turn. Waking oneself would starve them.
pub async fn give_way() {
    monoio::spawn(async {}).await;
}

/// The first of two futures to be ready, the first one being asked first; the other is dropped,
/// so both must be safe to drop (readiness is).
pub async fn first<A: Future, B: Future>(a: A, b: B) -> Either<A::Output, B::Output> {
    let (mut a, mut b) = (pin!(a), pin!(b));
    std::future::poll_fn(move |context| {
        if let Poll::Ready(value) = a.as_mut().poll(context) {
            return Poll::Ready(Either::A(value));
        }
        b.as_mut().poll(context).map(Either::B)
    })
    .await
}

#[derive(Debug)]
pub enum Either<A, B> {
    A(A),
    B(B),
}

struct Guarded<F, P> {
    future: F,
    on_panic: P,
}

impl<F: Future<Output = ()>, P: Fn()> Future for Guarded<F, P> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        // SAFETY: `future` is pinned with `self` and never moved out; `on_panic` is not pinned.
        let (future, on_panic) = unsafe {
            let this = self.get_unchecked_mut();
            (Pin::new_unchecked(&mut this.future), &this.on_panic)
        };
        match catch_unwind(AssertUnwindSafe(|| future.poll(context))) {
            Ok(poll) => poll,
            Err(_) => {
                on_panic();
                Poll::Ready(())
            }
        }
    }
}

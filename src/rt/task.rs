//! Tasks of a core: spawned so that a panic costs one connection, not the core.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

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
    monoio::spawn(async { step() }).await;
}

thread_local! {
    static STEPS: Cell<u64> = const { Cell::new(0) };
}

/// A task of this thread runs.
#[inline]
fn step() {
    STEPS.with(|steps| steps.set(steps.get().wrapping_add(1)));
}

/// How many steps the tasks of this thread have taken: while it does not change from one end of
/// the queue of runnable tasks to the next, there are none.
#[inline]
pub fn steps() -> u64 {
    STEPS.get()
}

/// Runs `main` as a task like all others and says when it is over.
pub fn main<F>(main: F, over: impl Fn() + 'static) -> monoio::task::JoinHandle<F::Output>
where
    F: Future + 'static,
{
    monoio::spawn(async move {
        let mut main = pin!(main);
        let output = std::future::poll_fn(move |context| {
            step();
            main.as_mut().poll(context)
        })
        .await;
        over();
        output
    })
}

/// Counts the steps of a long transfer and lets the others have a turn now and then: under epoll a
/// socket that is always ready would never make its task wait.
#[derive(Debug, Default)]
pub struct Turns(u32);

impl Turns {
    const IN_A_ROW: u32 = 16;

    #[inline]
    pub async fn count(&mut self) {
        self.0 += 1;
        if self.0 == Self::IN_A_ROW {
            self.0 = 0;
            give_way().await;
        }
    }
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

/// Something that happens once and that many tasks of a core wait for.
#[derive(Debug, Default)]
pub struct Flag {
    is_raised: Cell<bool>,
    waiting: RefCell<Vec<Waker>>,
}

impl Flag {
    pub fn raise(&self) {
        self.is_raised.set(true);
        for waker in self.waiting.take() {
            waker.wake();
        }
    }

    /// Returns once the flag is up. Each call takes a place in the list once, so the future is
    /// kept and polled again rather than made anew.
    pub async fn raised(&self) {
        let mut place = None;
        std::future::poll_fn(|context| {
            if self.is_raised.get() {
                return Poll::Ready(());
            }
            let mut waiting = self.waiting.borrow_mut();
            match place.and_then(|place: usize| waiting.get_mut(place)) {
                Some(waker) => waker.clone_from(context.waker()),
                None => {
                    place = Some(waiting.len());
                    waiting.push(context.waker().clone());
                }
            }
            Poll::Pending
        })
        .await;
    }
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
        step();
        match catch_unwind(AssertUnwindSafe(|| future.poll(context))) {
            Ok(poll) => poll,
            Err(_) => {
                on_panic();
                Poll::Ready(())
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::rt::Driver;

    #[test]
    fn a_panic_costs_its_task_and_nothing_else() {
        for driver in [Driver::best(), Driver::Epoll] {
            let counts = driver.run(async {
                let (panics, others) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
                for number in 0..10 {
                    let (counted, done) = (Rc::clone(&panics), Rc::clone(&others));
                    spawn(
                        async move {
                            give_way().await;
                            assert!(number % 2 == 0, "every other task has a bug");
                            done.set(done.get() + 1);
                        },
                        move || counted.set(counted.get() + 1),
                    );
                }
                for _ in 0..5 {
                    give_way().await;
                }
                (panics.get(), others.get())
            });
            assert_eq!(counts.unwrap(), (5, 5));
        }
    }

    #[test]
    fn a_flag_wakes_all_who_wait_and_those_who_come_late() {
        let woken = Driver::Epoll.run(async {
            let (flag, woken) = (Rc::new(Flag::default()), Rc::new(Cell::new(0)));
            for _ in 0..3 {
                let (flag, woken) = (Rc::clone(&flag), Rc::clone(&woken));
                spawn(
                    async move {
                        flag.raised().await;
                        woken.set(woken.get() + 1);
                    },
                    || (),
                );
            }
            give_way().await;
            assert_eq!(woken.get(), 0);
            flag.raise();
            flag.raised().await;
            give_way().await;
            woken.get()
        });
        assert_eq!(woken.unwrap(), 3);
    }
}

//! Questions from a core to another thread, and the answers back to the task that waits.
//!
//! ```text
//! task ── ask(send) ──▶ Reply ──▶ any thread        the question travels as the other side likes
//!   ▲                                  │
//!   └── slot ◀── mailbox ◀── send ─────┘            every Reply is one letter, sent or dropped
//! ```
//!
//! A task that gives up frees its slot; an answer that comes later finds another generation there
//! and is dropped.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::{Poll, Waker};

use crate::rt::{Inbox, Mailbox, mailbox, task};

/// The core's side: the tasks that wait, by slot.
#[derive(Debug)]
pub struct Bridge<A> {
    slots: RefCell<Slots<A>>,
    mailbox: Mailbox<Letter<A>>,
    /// Questions under way at most.
    capacity: usize,
}

/// Where the other thread sends the answer. Dropped without one, the task is told so.
#[derive(Debug)]
pub struct Reply<A> {
    ticket: Ticket,
    /// None once it is sent.
    mailbox: Option<Mailbox<Letter<A>>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ticket {
    slot: usize,
    generation: u64,
}

#[derive(Debug)]
struct Letter<A> {
    ticket: Ticket,
    answer: Option<A>,
}

#[derive(Debug)]
struct Slots<A> {
    all: Vec<(u64, Slot<A>)>,
    free: Vec<usize>,
}

#[derive(Debug)]
enum Slot<A> {
    Free,
    Waiting(Option<Waker>),
    Answered(Option<A>),
}

impl<A: Send + 'static> Bridge<A> {
    /// To be called on the core that will ask. At most `capacity` questions are under way at once.
    ///
    /// # Errors
    /// When the event loop cannot watch one more descriptor.
    pub fn start(capacity: usize) -> io::Result<Rc<Self>> {
        // Each question has one letter and gives its slot back before the next one takes it, but
        // a task that gave up may leave a letter behind: hence twice as many.
        let (mailbox, letters) = mailbox(capacity.saturating_mul(2))?;
        let inbox = letters.open()?;
        let bridge = Rc::new(Self {
            slots: RefCell::new(Slots {
                all: Vec::new(),
                free: Vec::new(),
            }),
            mailbox,
            capacity,
        });
        task::spawn(deliver(Rc::clone(&bridge), inbox), || ());
        Ok(bridge)
    }

    /// Hands `send` the way back and waits for the answer. None: too many questions are under
    /// way, or whoever got the reply dropped it.
    pub async fn ask(&self, send: impl FnOnce(Reply<A>)) -> Option<A> {
        let waiting = Waiting {
            bridge: self,
            ticket: self.take()?,
        };
        send(Reply {
            ticket: waiting.ticket,
            mailbox: Some(self.mailbox.clone()),
        });
        poll_fn(|context| {
            let slot = &mut self.slots.borrow_mut().all[waiting.ticket.slot].1;
            match slot {
                Slot::Answered(answer) => Poll::Ready(answer.take()),
                Slot::Waiting(waker) => {
                    *waker = Some(context.waker().clone());
                    Poll::Pending
                }
                Slot::Free => Poll::Ready(None),
            }
        })
        .await
    }

    /// Answers a question that this core may have asked itself: then there is no letter.
    pub fn answer(&self, mut reply: Reply<A>, answer: A) {
        let is_own = |mailbox: &Mailbox<_>| mailbox.is(&self.mailbox);
        if !reply.mailbox.as_ref().is_some_and(is_own) {
            return reply.send(answer);
        }
        reply.mailbox = None;
        self.put(Letter {
            ticket: reply.ticket,
            answer: Some(answer),
        });
    }

    fn take(&self) -> Option<Ticket> {
        let mut slots = self.slots.borrow_mut();
        let slot = match slots.free.pop() {
            Some(slot) => slot,
            None if slots.all.len() < self.capacity => {
                slots.all.push((0, Slot::Free));
                slots.all.len() - 1
            }
            None => return None,
        };
        let (generation, state) = &mut slots.all[slot];
        *state = Slot::Waiting(None);
        Some(Ticket {
            slot,
            generation: *generation,
        })
    }

    fn put(&self, letter: Letter<A>) {
        let mut slots = self.slots.borrow_mut();
        let Some((generation, slot)) = slots.all.get_mut(letter.ticket.slot) else {
            return;
        };
        if *generation == letter.ticket.generation
            && let Slot::Waiting(waker) = slot
        {
            let waker = waker.take();
            *slot = Slot::Answered(letter.answer);
            drop(slots);
            waker.into_iter().for_each(Waker::wake);
        }
    }
}

async fn deliver<A: Send + 'static>(bridge: Rc<Bridge<A>>, inbox: Inbox<Letter<A>>) {
    loop {
        let letter = inbox.next().await;
        bridge.put(letter);
    }
}

/// Frees the slot however the waiting ends.
struct Waiting<'b, A> {
    bridge: &'b Bridge<A>,
    ticket: Ticket,
}

impl<A> Drop for Waiting<'_, A> {
    fn drop(&mut self) {
        let mut slots = self.bridge.slots.borrow_mut();
        let (generation, slot) = &mut slots.all[self.ticket.slot];
        *generation += 1;
        *slot = Slot::Free;
        slots.free.push(self.ticket.slot);
    }
}

impl<A> Reply<A> {
    pub fn send(mut self, answer: A) {
        self.deliver(Some(answer));
    }

    fn deliver(&mut self, answer: Option<A>) {
        if let Some(mailbox) = self.mailbox.take() {
            let ticket = self.ticket;
            // A full box belongs to a core that has ended.
            let _ = mailbox.send(Letter { ticket, answer });
        }
    }
}

impl<A> Drop for Reply<A> {
    fn drop(&mut self) {
        self.deliver(None);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_core_answers_itself_and_others() {
        for driver in [Driver::best(), Driver::Epoll] {
            let answers = driver.run(async {
                let ours: Rc<Bridge<u32>> = Bridge::start(4).unwrap();
                let theirs: Rc<Bridge<u32>> = Bridge::start(4).unwrap();
                let at_once = ours.ask(|reply| ours.answer(reply, 1)).await;
                let foreign = theirs.ask(|reply| ours.answer(reply, 2)).await;
                let later = ours
                    .ask(|reply| {
                        let ours = Rc::clone(&ours);
                        let answer = async move {
                            give_way().await;
                            ours.answer(reply, 3);
                        };
                        task::spawn(answer, || ());
                    })
                    .await;
                (at_once, foreign, later)
            });
            assert_eq!(answers.unwrap(), (Some(1), Some(2), Some(3)));
        }
    }
    use crate::rt::task::{Either, first, give_way};
    use crate::rt::{Driver, task};

    #[test]
    fn answers_find_the_task_that_asked_in_any_order() {
        for driver in [Driver::best(), Driver::Epoll] {
            let (questions, desk) = mpsc::channel::<(u32, Reply<u32>)>();
            let clerk = std::thread::spawn(move || {
                let mut all: Vec<_> = desk.iter().take(10).collect();
                while let Some((number, reply)) = all.pop() {
                    // Every third question gets no answer.
                    if number % 3 != 0 {
                        reply.send(number * 2);
                    }
                }
            });
            let answers = driver.run(async move {
                let bridge = Bridge::start(10).unwrap();
                let mut tasks = Vec::new();
                for number in 0..10_u32 {
                    let (bridge, questions) = (Rc::clone(&bridge), questions.clone());
                    tasks.push(task::main(
                        async move {
                            let send = |reply| questions.send((number, reply)).unwrap();
                            bridge.ask(send).await
                        },
                        || (),
                    ));
                }
                let mut answers = Vec::new();
                for task in tasks {
                    answers.push(task.await);
                }
                answers
            });
            clerk.join().unwrap();
            let expected = (0..10).map(|number| (number % 3 != 0).then_some(number * 2));
            assert_eq!(answers.unwrap(), expected.collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_task_that_gives_up_frees_its_place_and_misses_no_later_answer() {
        let outcome = Driver::Epoll.run(async {
            let bridge = Bridge::<u32>::start(1).unwrap();
            let mut late = None;
            let gave_up = first(bridge.ask(|reply| late = Some(reply)), give_way()).await;
            assert!(matches!(gave_up, Either::B(())));
            let mut second = None;
            let asked = bridge.ask(|reply| second = Some(reply));
            late.take().unwrap().send(1);
            let answer = first(asked, async {
                for _ in 0..5 {
                    give_way().await;
                }
            })
            .await;
            // The late answer is for nobody; the second question still waits.
            assert!(matches!(answer, Either::B(())));
            drop(second);
            let full = bridge.ask(|reply| reply.send(3)).await;
            assert_eq!(full, Some(3));
        });
        outcome.unwrap();
    }
}

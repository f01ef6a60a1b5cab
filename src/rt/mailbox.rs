//! Bounded messages to a core from the control thread and from other cores.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};

use crate::rt::poller::Source;
use crate::rt::{Ready, sys};

/// The sending side; cheap to clone and usable from any thread.
#[derive(Debug)]
pub struct Mailbox<T> {
    shared: Arc<Shared<T>>,
}

impl<T> Clone for Mailbox<T> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

#[derive(Debug)]
struct Shared<T> {
    queue: Mutex<VecDeque<T>>,
    capacity: usize,
    /// An eventfd: each ring is an edge, so that nobody has to read it.
    bell: OwnedFd,
}

impl<T> Shared<T> {
    /// What tells this mailbox from the others of a thread.
    fn place(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }
}

thread_local! {
    /// The mailboxes that are read on this thread: a letter from the thread itself needs no bell,
    /// which would cost system calls and a round through the event loop.
    static OWN: RefCell<Vec<(usize, Rc<Source>)>> = const { RefCell::new(Vec::new()) };
}

/// Wakes the reader of a mailbox if it is on this thread.
fn wake_here(place: usize) -> bool {
    let woken = OWN.try_with(|own| {
        let own = own.borrow();
        let reader = own.iter().find(|(other, _)| *other == place);
        reader.inspect(|(_, source)| source.ring()).is_some()
    });
    woken.unwrap_or(false)
}

/// The core's side on its way to the core.
#[derive(Debug)]
pub struct Letters<T> {
    shared: Arc<Shared<T>>,
    hear: OwnedFd,
}

/// The core's side, open: it stays on the core.
#[derive(Debug)]
pub struct Inbox<T> {
    shared: Arc<Shared<T>>,
    bell: Ready,
}

/// A mailbox that holds at most `capacity` letters.
pub fn mailbox<T>(capacity: usize) -> io::Result<(Mailbox<T>, Letters<T>)> {
    let bell = sys::eventfd()?;
    let hear = bell.try_clone()?;
    let shared = Arc::new(Shared {
        queue: Mutex::new(VecDeque::new()),
        capacity,
        bell,
    });
    let letters = Letters {
        shared: Arc::clone(&shared),
        hear,
    };
    Ok((Mailbox { shared }, letters))
}

impl<T> Mailbox<T> {
    /// Gives the letter back when the box is full.
    pub fn send(&self, letter: T) -> Result<(), T> {
        let mut queue = self
            .shared
            .queue
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if queue.len() >= self.shared.capacity {
            return Err(letter);
        }
        let rings = queue.is_empty();
        queue.push_back(letter);
        drop(queue);
        // Whoever reads goes on until the box is empty.
        if rings && !wake_here(self.shared.place()) {
            sys::ring(&self.shared.bell);
        }
        Ok(())
    }
}

impl<T> Letters<T> {
    /// To be called on the core that will read them.
    ///
    /// # Errors
    /// When the event loop cannot watch one more descriptor.
    pub fn open(self) -> io::Result<Inbox<T>> {
        let bell = Ready::new(self.hear)?;
        let place = self.shared.place();
        OWN.with_borrow_mut(|own| own.push((place, bell.source())));
        Ok(Inbox {
            shared: self.shared,
            bell,
        })
    }
}

impl<T> Drop for Inbox<T> {
    fn drop(&mut self) {
        let place = self.shared.place();
        // A thread that ends may have dropped the list before.
        let _ = OWN.try_with(|own| own.borrow_mut().retain(|(other, _)| *other != place));
    }
}

impl<T> Inbox<T> {
    /// The sending side of this mailbox.
    pub fn own_mailbox(&self) -> Mailbox<T> {
        Mailbox {
            shared: Arc::clone(&self.shared),
        }
    }

    /// Waits for the next letter.
    pub async fn next(&self) -> T {
        loop {
            let letter = self
                .shared
                .queue
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pop_front();
            if let Some(letter) = letter {
                return letter;
            }
            self.bell.readable().await;
            self.bell.exhausted();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use crate::rt::task::give_way;
    use crate::rt::{Driver, task};

    #[test]
    fn letters_arrive_in_order_from_another_thread_and_a_full_box_gives_them_back() {
        for driver in [Driver::best(), Driver::Epoll] {
            let (mailbox, letters) = mailbox::<u32>(2).unwrap();
            let sender = std::thread::spawn(move || {
                for letter in 0..100 {
                    let mut letter = letter;
                    while let Err(back) = mailbox.send(letter) {
                        letter = back;
                        std::thread::yield_now();
                    }
                }
            });
            let received = driver.run(async move {
                let inbox = letters.open().unwrap();
                let mut received = Vec::new();
                while received.len() < 100 {
                    received.push(inbox.next().await);
                }
                received
            });
            sender.join().unwrap();
            assert_eq!(received.unwrap(), (0..100).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_letter_of_the_same_thread_arrives_without_the_bell() {
        for driver in [Driver::best(), Driver::Epoll] {
            let received = driver.run(async {
                let (mailbox, letters) = mailbox::<u32>(4).unwrap();
                let (sent, inbox) = (mailbox.clone(), letters.open().unwrap());
                // The first wait ends at once, whatever comes.
                mailbox.send(0).unwrap();
                let mut received = vec![inbox.next().await];
                for round in 1..4 {
                    let mailbox = sent.clone();
                    task::spawn(
                        async move {
                            give_way().await;
                            mailbox.send(round).unwrap();
                        },
                        || (),
                    );
                    received.push(inbox.next().await);
                }
                // An eventfd that nobody rang has nothing to read.
                let mut count = 0_u64;
                // SAFETY: the number lives through the call; the descriptor does not block.
                let read = unsafe { libc::read(inbox.bell.fd(), (&raw mut count).cast(), 8) };
                (received, read)
            });
            assert_eq!(received.unwrap(), (vec![0, 1, 2, 3], -1));
        }
    }
}

//! Bounded messages to a core from the control thread and from other cores.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};

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
    /// Whether letters to both go to one reader.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

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
        if rings {
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
        Ok(Inbox {
            shared: self.shared,
            bell: Ready::new(self.hear)?,
        })
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
    use crate::rt::Driver;

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
}

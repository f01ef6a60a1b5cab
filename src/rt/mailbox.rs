//! Bounded messages to a core from the control thread and from other cores.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
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
    bell: UnixStream,
}

/// The core's side; opened on the core itself.
#[derive(Debug)]
pub struct Letters<T> {
    shared: Arc<Shared<T>>,
    bell: UnopenedBell,
}

#[derive(Debug)]
enum UnopenedBell {
    Closed(Option<OwnedFd>),
    Open(Ready),
}

/// A mailbox that holds at most `capacity` letters.
pub fn mailbox<T>(capacity: usize) -> io::Result<(Mailbox<T>, Letters<T>)> {
    let (ring, hear) = UnixStream::pair()?;
    ring.set_nonblocking(true)?;
    hear.set_nonblocking(true)?;
    let shared = Arc::new(Shared {
        queue: Mutex::new(VecDeque::new()),
        capacity,
        bell: ring,
    });
    let letters = Letters {
        shared: Arc::clone(&shared),
        bell: UnopenedBell::Closed(Some(hear.into())),
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
        queue.push_back(letter);
        drop(queue);
        // A full pipe means that the bell is ringing already.
        let _ = (&self.shared.bell).write(&[1]);
        Ok(())
    }
}

impl<T> Letters<T> {
    /// The sending side of this mailbox.
    pub fn own_mailbox(&self) -> Mailbox<T> {
        Mailbox {
            shared: Arc::clone(&self.shared),
        }
    }

    /// Waits for the next letter. Must be called on one core only.
    pub async fn next(&mut self) -> io::Result<T> {
        loop {
            let letter = self
                .shared
                .queue
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .pop_front();
            if let Some(letter) = letter {
                return Ok(letter);
            }
            let bell = match &mut self.bell {
                UnopenedBell::Open(bell) => bell,
                UnopenedBell::Closed(fd) => {
                    let Some(fd) = fd.take() else {
                        return Err(io::ErrorKind::NotConnected.into());
                    };
                    self.bell = UnopenedBell::Open(Ready::new(fd)?);
                    continue;
                }
            };
            bell.readable().await?;
            sys::drain(bell.fd());
        }
    }
}

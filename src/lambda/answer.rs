//! Where an outcome goes, or a piece of one.

use std::cell::Cell;
use std::rc::Rc;

use tokio::sync::oneshot;

use crate::lambda::outcome::Outcome;
use crate::rt::bridge::{Bridge, Reply};

#[derive(Debug)]
pub enum Answer<A = Outcome> {
    Core(Reply<A>),
    Task(oneshot::Sender<A>),
}

impl<A> Answer<A> {
    pub fn give(self, outcome: A) {
        match self {
            Self::Core(reply) => reply.send(outcome),
            // Who asked may have gone away.
            Self::Task(sender) => drop(sender.send(outcome)),
        }
    }
}

/// A core as far as it speaks with workers.
#[derive(Debug)]
pub struct Post {
    pub bridge: Rc<Bridge<Outcome>>,
    /// Conversations under way.
    talks: Cell<usize>,
    is_draining: Cell<bool>,
}

/// A conversation that a core is not to end in the middle of.
#[derive(Debug)]
pub struct Talk(Rc<Post>);

impl Post {
    pub fn new(bridge: Rc<Bridge<Outcome>>) -> Rc<Self> {
        Rc::new(Self {
            bridge,
            talks: Cell::new(0),
            is_draining: Cell::new(false),
        })
    }

    /// One more, until what is returned is dropped.
    pub fn talk(self: &Rc<Self>) -> Talk {
        self.talks.set(self.talks.get() + 1);
        Talk(Rc::clone(self))
    }

    pub fn talks(&self) -> usize {
        self.talks.get()
    }

    /// Workers get no more jobs here.
    pub fn drain(&self) {
        self.is_draining.set(true);
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        self.0.talks.set(self.0.talks.get() - 1);
    }
}

/// Where an outcome comes to be known.
#[derive(Clone, Debug)]
pub enum Home {
    /// On a core, which most often has asked for it itself.
    Core(Rc<Post>),
    /// On the thread of the functions.
    Functions,
}

impl Home {
    /// The core will end: what workers ask for from now on is for others.
    pub fn is_draining(&self) -> bool {
        matches!(self, Self::Core(post) if post.is_draining.get())
    }

    pub fn give(&self, answer: Answer, outcome: Outcome) {
        match (self, answer) {
            (Self::Core(post), Answer::Core(reply)) => post.bridge.answer(reply, outcome),
            (_, answer) => answer.give(outcome),
        }
    }
}

//! Where an outcome goes, or a piece of one.

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

/// Where an outcome comes to be known.
#[derive(Clone, Debug)]
pub enum Home {
    /// On a core, which most often has asked for it itself.
    Core(Rc<Bridge<Outcome>>),
    /// On the thread of the functions.
    Functions,
}

impl Home {
    pub fn give(&self, answer: Answer, outcome: Outcome) {
        match (self, answer) {
            (Self::Core(bridge), Answer::Core(reply)) => bridge.answer(reply, outcome),
            (_, answer) => answer.give(outcome),
        }
    }
}

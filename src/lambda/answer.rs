//! Where an outcome goes, or a piece of one.

use tokio::sync::oneshot;

use crate::lambda::outcome::Outcome;
use crate::rt::bridge::Reply;

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

//! A first-class integration as a target: one action of a service of AWS.

use crate::aws::subtype::{Parameter, Subtype};
use crate::lang::mapping::Expression;
use crate::plan::{ReplyMapping, Service};

#[derive(Debug)]
pub struct SubtypeTarget {
    pub subtype: &'static Subtype,
    pub service: Service,
    pub parameters: Box<[Given]>,
    /// Some parameter asks for the body of the request, which is held in memory then.
    pub needs_body: bool,
    /// Time from the request to the whole answer, milliseconds.
    pub timeout_ms: u32,
    pub replies: Box<[ReplyMapping]>,
}

/// A parameter and where its value comes from.
#[derive(Debug)]
pub struct Given {
    pub parameter: &'static Parameter,
    /// As it was written, for the log.
    pub written: Box<str>,
    /// Without stage variables.
    pub value: Expression,
}

impl SubtypeTarget {
    pub fn reply(&self, status: u16) -> Option<&ReplyMapping> {
        self.replies.iter().find(|reply| reply.status == status)
    }
}

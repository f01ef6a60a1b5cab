//! `Call`: all that is known of this request so far; what logs and numbers are made from.

use std::rc::Rc;

use crate::base::id::RequestId;
use crate::gateway::Reject;
use crate::net::outbound::GroupState;
use crate::plan::{Params, Route, Stage};

#[derive(Debug)]
pub struct Call<'p> {
    pub request_id: RequestId,
    pub stage: Option<&'p Stage>,
    pub route: Option<&'p Route>,
    pub params: Params,
    /// Bytes of the request path in front of what the router saw.
    pub base: u32,
    /// What the client got; 0 until it got something.
    pub status: u16,
    pub reject: Option<Reject>,
    /// What a refusal says in the place of its usual message.
    pub said: Option<Box<str>>,
    /// What is wrong with the body, in the words of its validation.
    pub validation_error: Option<Box<str>>,
    /// Answered by the gateway itself for a browser.
    pub is_preflight: bool,
    /// The target that was asked last.
    pub upstream: Option<(Rc<GroupState>, usize)>,
    /// What the upstream answered; 0 when it did not.
    pub integration_status: u16,
    /// From asking the upstream to the head of its answer, microseconds.
    pub integration_us: u64,
    /// What went wrong with the integration, for the log.
    pub integration_error: Option<Box<str>>,
}

impl Call<'_> {
    pub fn new(request_id: RequestId) -> Self {
        Self {
            request_id,
            stage: None,
            route: None,
            params: Params::default(),
            base: 0,
            status: 0,
            reject: None,
            said: None,
            validation_error: None,
            is_preflight: false,
            upstream: None,
            integration_status: 0,
            integration_us: 0,
            integration_error: None,
        }
    }
}

impl Call<'_> {
    /// What a REST API says to this refusal.
    pub fn message(&self, reject: Reject) -> &str {
        self.said.as_deref().unwrap_or(reject.rest().1)
    }
}

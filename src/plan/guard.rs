//! What stands between callers and a route.

use std::sync::Arc;

use crate::lang::pattern::Bounded;
use crate::lang::policy::Policy;
use crate::lang::{mapping, params};
use crate::plan::FunctionTarget;

#[derive(Debug)]
pub struct Guard {
    pub lock: Lock,
    /// The resource policy of a REST API.
    pub policy: Option<Arc<Policy>>,
    /// As signatures name it.
    pub region: Box<str>,
    /// `arn:aws:execute-api:eu-west-1:111122223333:{api}/{stage}/`: what policies are asked about is
    /// this with the verb and the path of the request behind it.
    pub arn: Box<str>,
}

impl Guard {
    /// Whether a function says who may.
    pub fn asks_authorizer(&self) -> bool {
        matches!(self.lock, Lock::Authorizer(_))
    }
}

/// What callers have to show.
#[derive(Debug)]
pub enum Lock {
    /// Nothing: the resource policy alone decides.
    Open,
    /// The signature of an access key (`AWS_IAM`).
    Signature,
    /// What a function says of them (`CUSTOM`).
    Authorizer(Box<Authorizer>),
}

/// A function that says who may call.
#[derive(Debug)]
pub struct Authorizer {
    pub id: Box<str>,
    /// Decisions are remembered for one scope: a stage, an authorizer as it is configured, and the
    /// time since such decisions were flushed.
    pub scope: Box<str>,
    pub kind: Kind,
    pub target: Box<FunctionTarget>,
    pub sources: Sources,
    /// What a token has to look like.
    pub validation: Option<Bounded>,
    /// For how long a decision is remembered, milliseconds; 0: it is not.
    pub ttl_ms: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Is told of a token alone.
    Token,
    /// Is told of the request, and answers with a policy.
    Request,
    /// Is told of the request, and answers with yes or no.
    Simple,
}

/// What callers are told apart by.
#[derive(Debug)]
pub enum Sources {
    Rest(Box<[params::Source]>),
    Http(Box<[mapping::Expression]>),
}

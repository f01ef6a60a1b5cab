//! What stands between callers and a route.

use std::sync::Arc;

use crate::lang::policy::Policy;

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

/// What callers have to show.
#[derive(Debug)]
pub enum Lock {
    /// Nothing: the resource policy alone decides.
    Open,
    /// The signature of an access key (`AWS_IAM`).
    Signature,
}

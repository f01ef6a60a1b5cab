//! A service of AWS as a target: where it answers, and how requests to it are signed.

use std::sync::Arc;

use crate::base::Method;
use crate::plan::Group;

#[derive(Clone, Debug)]
pub struct Service {
    pub group: Arc<Group>,
    /// Value of the `Host` header.
    pub host: Box<str>,
    /// What stands before every path of it, without a slash at its end; mostly empty.
    pub base_path: Box<str>,
    /// As signatures name it: `dynamodb`.
    pub name: Box<str>,
    /// As signatures name it.
    pub region: Box<str>,
    pub credentials: Credentials,
}

/// Whose keys sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// Those of the gateway.
    Own,
    /// Those of the role with this ARN.
    Role(Box<str>),
    /// Those of whoever called the API.
    Caller,
}

/// A service that a method of a REST API asks; path and query are among what the method moves.
#[derive(Debug)]
pub struct ServiceTarget {
    pub service: Service,
    /// None: the client's own.
    pub method: Option<Method>,
    /// None: path and query say it all.
    pub action: Option<Action>,
}

/// An action of AWS's JSON protocols.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    /// The value of `X-Amz-Target`.
    pub target: Box<str>,
    pub content_type: &'static str,
}

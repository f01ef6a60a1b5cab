//! `Guard`: who may call a route.

use std::sync::Arc;

use crate::model::v2::FunctionCall;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Guard {
    pub authorization: Authorization,
    /// The region of the API, as ARNs name it.
    pub region: String,
    /// The resource policy of a REST API, a document in JSON; none: it has none.
    pub policy: Option<Arc<str>>,
}

/// What callers have to show.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Authorization {
    /// Nothing: the resource policy alone decides.
    #[default]
    None,
    /// The signature of an access key (`AWS_IAM`).
    Iam,
    /// What a function says of them (`CUSTOM`).
    Function(Box<Authorizer>),
}

/// A function that says who may call.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Authorizer {
    pub id: String,
    pub kind: AuthorizerKind,
    pub call: FunctionCall,
    /// What callers are told apart by, as it was written: `method.request.header.Authorization`, or
    /// `$request.header.Authorization` of HTTP APIs.
    pub sources: Vec<String>,
    /// What tokens look like, a regular expression.
    pub validation: Option<String>,
    /// For how long a decision is remembered; 0: it is not.
    pub ttl_s: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuthorizerKind {
    /// Is told of a token alone (`TOKEN`).
    Token,
    /// Is told of the request (`REQUEST`), and answers with a policy.
    #[default]
    Request,
    /// The same, and answers with yes or no.
    Simple,
}

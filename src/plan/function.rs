//! A Lambda function as a target, and what is fixed of the events that it gets.

use crate::plan::Changes;
use crate::plan::Service;

/// Which function, asked in which words.
#[derive(Debug)]
pub struct FunctionTarget {
    /// Its ARN without a qualifier; empty where a stage variable is missing.
    pub arn: Box<str>,
    /// A version or an alias; none: the latest.
    pub qualifier: Option<Box<str>>,
    pub format: Format,
    /// Time from the request to the whole answer, milliseconds.
    pub timeout_ms: u32,
    pub facts: EventFacts,
    /// None: the function's policy is not asked.
    pub source: Option<SourceArn>,
    /// It is invoked with the credentials of whoever calls the API, who has to have a right to.
    pub as_caller: bool,
    /// Media types of bodies that travel in base64, in lower case; only of REST APIs.
    pub binary_types: Box<[Box<str>]>,
    /// The function writes metadata, eight NULs and the payload while the client reads.
    pub streams: bool,
    /// Who is asked where this machine has no such function; none: nobody.
    pub remote: Option<Box<Service>>,
    /// Parameter mapping of an HTTP API.
    pub changes: Option<Box<Changes>>,
}

/// In which words a function is told of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Of REST APIs.
    Rest,
    /// Payload format 1.0 of HTTP APIs.
    Http1,
    /// Payload format 2.0 of HTTP APIs.
    Http2,
}

/// As whom an API calls a function, but for the verb: the policy of the function knows it by
/// `arn:aws:execute-api:{region}:{account}:{api}/{stage}/{verb}/{path}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceArn {
    /// Up to the slash before the verb.
    pub before: Box<str>,
    /// From the slash behind the verb; none for the route `$default`, which has no verb.
    pub path: Option<Box<str>>,
}

impl SourceArn {
    pub fn with(&self, verb: &str) -> String {
        match &self.path {
            Some(path) => format!("{}{verb}{path}", self.before),
            None => self.before.to_string(),
        }
    }
}

/// What is the same in all events of a route.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFacts {
    pub account_id: Box<str>,
    pub api_id: Box<str>,
    pub stage: Box<str>,
    /// `GET /pets/{id}` or `$default`.
    pub route_key: Box<str>,
    /// Empty where there is none.
    pub deployment_id: Box<str>,
    /// Empty for HTTP APIs.
    pub resource_id: Box<str>,
    /// `/pets/{id}`; the route key for HTTP APIs.
    pub resource_path: Box<str>,
    /// The stage variables as a JSON object; none without any.
    pub stage_variables: Option<Box<str>>,
    /// Whether the API has a domain of its own, whose paths are shown as they came.
    pub has_own_host: bool,
}

//! What a route does with a request.

use crate::model::rest;

#[derive(Clone, Debug, PartialEq)]
pub enum Integration {
    HttpProxy {
        /// `http://host/path?query` or `https://…` with `{param}`, `{proxy}` and `${stageVariables.x}`.
        uri: String,
        /// The method to ask with; none: the client's own.
        method: Option<String>,
        timeout_ms: u32,
    },
    /// An HTTP proxy that changes requests or answers on their way.
    Mapped(Box<Mapped>),
    Mock {
        status: u16,
        headers: Vec<(String, String)>,
        body: String,
    },
    /// A Lambda function (`AWS_PROXY`).
    Function(Box<FunctionCall>),
    /// A first-class integration: one action of a service of AWS.
    Subtype(Box<SubtypeCall>),
    /// A method of a REST API, with all that it does around its integration.
    Rest(Box<rest::Method>),
    /// What this version cannot do: every call is refused, none is let through.
    Unserved {
        /// 501 for work that is not done; 403 or 500 where a caller would have to be let in.
        status: u16,
        /// A sentence for the log, and for the client if it is about work that is not done.
        what: String,
    },
}

/// A function, and what it is told of the API that calls it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FunctionCall {
    /// A name or an ARN; `${stageVariables.x}` stands for the stage's value.
    /// Empty where AWS finds out only at a call that there can be none.
    pub function: String,
    pub format: EventFormat,
    pub timeout_ms: u32,
    pub account_id: String,
    /// Empty where there is none.
    pub deployment_id: String,
    /// Of a REST API's resource; empty for others.
    pub resource_id: String,
    /// Of a REST API's resource; empty for others.
    pub resource_path: String,
    /// Media types of bodies that travel in base64; only of REST APIs.
    pub binary_types: Vec<String>,
    /// The answer is read while it is made; only of REST APIs.
    pub streams: bool,
    /// The ARN of the role of the API that invokes it, so that the function's policy is not asked;
    /// empty: none.
    pub credentials: String,
    /// What is changed of what it is told and says; only of HTTP APIs.
    pub mappings: Mappings,
}

/// In which words a function is told of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EventFormat {
    /// Of REST APIs.
    Rest,
    /// Payload format 1.0 of HTTP APIs.
    Http1,
    /// Payload format 2.0 of HTTP APIs.
    #[default]
    Http2,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mapped {
    /// As of `HttpProxy`.
    pub uri: String,
    pub method: Option<String>,
    pub timeout_ms: u32,
    pub mappings: Mappings,
}

/// An action of a service of AWS, as `IntegrationSubtype` names it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubtypeCall {
    /// `SQS-SendMessage`.
    pub subtype: String,
    /// By the names of its parameters: texts, or variables as in mappings. Without the region.
    pub parameters: Vec<(String, String)>,
    pub region: String,
    /// The ARN of a role; empty for the credentials of the gateway.
    pub credentials: String,
    pub timeout_ms: u32,
    /// What is changed of its answers, by their status.
    pub responses: Vec<(u16, Vec<(String, String)>)>,
}

/// Parameter mapping: keys and values as an HTTP API writes them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mappings {
    /// `append:header.x` and its value.
    pub request: Vec<(String, String)>,
    /// By the status of the backend's answer.
    pub responses: Vec<(u16, Vec<(String, String)>)>,
}

impl Mappings {
    pub fn is_empty(&self) -> bool {
        self.request.is_empty() && self.responses.is_empty()
    }
}

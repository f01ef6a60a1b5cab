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
    /// A method of a REST API, with all that it does around its integration.
    Rest(Box<rest::Method>),
    /// What this version cannot do: every call is refused, none is let through.
    Unserved {
        /// 501 for work that is not done; 403 or 500 where a caller would have to be let in.
        status: u16,
        /// A sentence for the client and the log.
        what: String,
    },
}

/// Parameter mapping: keys and values as an HTTP API writes them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mapped {
    /// As of `HttpProxy`.
    pub uri: String,
    pub method: Option<String>,
    pub timeout_ms: u32,
    /// `append:header.x` and its value.
    pub request: Vec<(String, String)>,
    /// By the status of the backend's answer.
    pub responses: Vec<(u16, Vec<(String, String)>)>,
}

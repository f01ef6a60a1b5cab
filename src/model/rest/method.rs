//! `Method`: what a request must bring, and who answers it.

use crate::model::rest::Integration;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Method {
    pub resource_id: String,
    pub api_key_required: bool,
    /// An authorizer says the key, not the client.
    pub key_of_authorizer: bool,
    /// Parameters that a request validator wants: `method.request.header.X-A`.
    pub required: Vec<String>,
    /// Of bodies, where a request validator looks at them: names of models by media type, `$default`
    /// for any other. None: nobody looks.
    pub models: Option<Vec<(String, String)>>,
    pub integration: Integration,
    /// None: answers are not kept.
    pub cache: Option<Cache>,
    /// What calls tell their execution log; none: nothing.
    pub log: Option<ExecutionLog>,
}

/// How much of a call goes to the execution log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExecutionLog {
    /// `ERROR`
    Failures,
    /// `INFO`
    Steps,
    /// `INFO`, with the data of calls
    Payloads,
}

/// How answers are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cache {
    pub ttl_s: u32,
    pub namespace: String,
    /// Parameters that make a difference: `method.request.querystring.q`.
    pub parameters: Vec<String>,
    /// Only who may, can have an answer forgotten.
    pub needs_authorization: bool,
    pub unauthorized: Unauthorized,
}

/// What happens to one who wants an answer forgotten and may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unauthorized {
    Refused,
    Warned,
    Ignored,
}

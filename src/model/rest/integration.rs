//! What a method does with a request, and with the answer of its integration.

use crate::model::v2::FunctionCall;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Integration {
    pub kind: Kind,
    /// `integration.request.header.X-A` and where its value comes from.
    pub request_parameters: Vec<(String, String)>,
    /// By media type.
    pub request_templates: Vec<(String, String)>,
    pub passthrough: Passthrough,
    pub handling: Option<ContentHandling>,
    /// 50 milliseconds at least.
    pub timeout_ms: u32,
    /// Whoever signed the certificate of the backend is believed.
    pub trusts_any_authority: bool,
    /// `responseTransferMode` is STREAM: the answer goes to the client while it comes. Of proxies.
    pub streams: bool,
    pub responses: Vec<Response>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    #[default]
    Mock,
    Http {
        uri: String,
        /// None: the client's own.
        method: Option<String>,
    },
    HttpProxy {
        uri: String,
        method: Option<String>,
    },
    /// A Lambda function that is told of the request (`AWS_PROXY`).
    FunctionProxy(FunctionCall),
    /// A Lambda function that gets what templates make of the request (`AWS`).
    Function(FunctionCall),
    /// A service of AWS (`AWS`).
    Service(Service),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Service {
    /// `arn:aws:apigateway:{region}:{service}:path/…` or `…:action/…`.
    pub uri: String,
    /// None: the client's own.
    pub method: Option<String>,
    /// The ARN of a role, `arn:aws:iam::*:user/*` for the caller's own; empty: those of the gateway.
    pub credentials: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Passthrough {
    #[default]
    WhenNoMatch,
    WhenNoTemplates,
    Never,
}

/// What of a payload is made on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentHandling {
    ToBinary,
    ToText,
}

/// An integration response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    /// A regular expression of Java that must match as a whole; none: where no other does.
    pub selection_pattern: Option<String>,
    /// `method.response.header.X-A` and where its value comes from.
    pub parameters: Vec<(String, String)>,
    /// By media type.
    pub templates: Vec<(String, String)>,
    pub handling: Option<ContentHandling>,
}

impl Kind {
    /// A proxy passes on what came.
    pub fn has_request_templates(&self) -> bool {
        !matches!(self, Self::HttpProxy { .. } | Self::FunctionProxy(_))
    }
}

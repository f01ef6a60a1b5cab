//! What the stage of a REST API has besides that of any API.

use std::fmt;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    pub account_id: String,
    pub deployment_id: String,
    pub gateway_responses: Vec<GatewayResponse>,
    /// Shown to backends that ask who calls them.
    pub client_certificate: Option<Identity>,
}

/// A client certificate and its key, PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    pub id: String,
    pub chain: String,
    pub key: String,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({})", self.id)
    }
}

/// What a deployment changed of an answer of the gateway itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GatewayResponse {
    /// AWS's name: `THROTTLED`.
    pub kind: String,
    pub status: Option<u16>,
    /// `gatewayresponse.header.X-A` and where its value comes from.
    pub parameters: Vec<(String, String)>,
    /// By content type.
    pub templates: Vec<(String, String)>,
}

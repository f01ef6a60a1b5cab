//! What the stage of a REST API has besides that of any API.

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    pub account_id: String,
    pub deployment_id: String,
    pub gateway_responses: Vec<GatewayResponse>,
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

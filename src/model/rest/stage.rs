//! What the stage of a REST API has besides that of any API.

use std::fmt;

use crate::model::v2::Stage;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    pub account_id: String,
    pub deployment_id: String,
    pub gateway_responses: Vec<GatewayResponse>,
    pub binary_media_types: Vec<String>,
    /// The API's models: names and schemas.
    pub models: Vec<(String, String)>,
    /// Bytes; none: answers are not compressed.
    pub minimum_compression_size: Option<usize>,
    /// What may be kept of answers, bytes; 0: there is no cache.
    pub cache_bytes_max: usize,
    /// Grows when the answers that caches have kept shall be forgotten: these are of one epoch.
    pub cache_epoch: u64,
    /// A canary that takes what the stage has kept.
    pub shares_cache: bool,
    pub canary: Option<Canary>,
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

/// A second deployment of a stage, which some of the requests get.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Canary {
    /// Of the requests, chosen by chance: from 0 to 100.
    pub percent: f64,
    /// The stage as the canary serves it: with its own deployment, and variables of which some are
    /// overridden.
    pub stage: Box<Stage>,
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

//! `Method`: what a request must bring, and who answers it.

use crate::model::rest::Integration;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Method {
    pub resource_id: String,
    pub api_key_required: bool,
    /// Parameters that a request validator wants: `method.request.header.X-A`.
    pub required: Vec<String>,
    pub integration: Integration,
}

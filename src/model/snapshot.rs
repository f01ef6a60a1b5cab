//! `Snapshot`: everything that is to be served; the input of `compile`.

use crate::model::{Throttle, Upstream, v2};

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// The limit over all APIs together.
    pub account_throttle: Option<Throttle>,
    pub upstreams: Vec<Upstream>,
    pub apis: Vec<v2::Api>,
}

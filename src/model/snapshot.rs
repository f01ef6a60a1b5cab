//! `Snapshot`: everything that is to be served; the input of `compile`.

use std::sync::Arc;

use crate::model::{Aws, Domain, Throttle, Upstream, v2};

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// The limit over all APIs together.
    pub account_throttle: Option<Throttle>,
    pub upstreams: Vec<Upstream>,
    /// Shared, so that one changed API among many is found without looking at the others.
    pub apis: Vec<Arc<v2::Api>>,
    pub domains: Vec<Arc<Domain>>,
    /// What alone may stand behind `{id}.execute-api.`; empty: anything.
    pub execute_api_suffixes: Vec<String>,
    pub aws: Aws,
}

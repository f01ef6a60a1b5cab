//! Stage: variables, throttling and logging of an API under one name.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::Throttle;
use crate::model::v2::Route;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stage {
    /// `$default`, or letters, digits, `-` and `_`.
    pub name: String,
    pub variables: BTreeMap<String, String>,
    pub throttle: Option<Throttle>,
    /// An access-log format over `$context`, or the preset `json` or `clf`.
    pub access_log_format: Option<String>,
    /// What its deployment froze; none: the routes of the API.
    pub routes: Option<Arc<Vec<Route>>>,
}

//! Stage: variables, throttling and logging of an API under one name.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::v2::Route;
use crate::model::{Throttle, rest};

/// Which pages of other origins may ask, and for what. Empty lists are not sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cors {
    pub allow_origins: Vec<String>,
    pub allow_methods: Vec<String>,
    pub allow_headers: Vec<String>,
    pub expose_headers: Vec<String>,
    pub allow_credentials: bool,
    /// Seconds that a browser may remember the answer.
    pub max_age_s: Option<i64>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stage {
    /// Whose API it is; empty for those of the config file.
    pub account_id: String,
    /// The region of the API; empty as the account is.
    pub region: String,
    /// The region of the API if the policies of functions have to let it in; none: they are not
    /// asked.
    pub asks_policies_in: Option<String>,
    /// `$default`, or letters, digits, `-` and `_`.
    pub name: String,
    pub variables: BTreeMap<String, String>,
    pub throttle: Option<Throttle>,
    /// An access-log format over `$context`, or the preset `json` or `clf`.
    pub access_log_format: Option<String>,
    pub cors: Option<Cors>,
    /// What its deployment froze; none: the routes of the API.
    pub routes: Option<Arc<Vec<Route>>>,
    /// Grows when the decisions of authorizers that caches have kept shall be forgotten: these are
    /// of one epoch.
    pub authorizer_epoch: u64,
    /// Only of REST APIs.
    pub rest: Option<Box<rest::Settings>>,
}

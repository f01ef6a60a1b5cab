//! `Api`: an HTTP API with its routes and stages.

use std::sync::Arc;

use crate::model::v2::{Route, Stage};

/// Which of AWS's rules an API follows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ApiKind {
    /// An API of the config file: routes as an HTTP API, and forwards as the file says.
    #[default]
    File,
    Http,
    Rest,
}

/// Under which hosts and paths an API is found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// Its `hosts` and `base_path`.
    #[default]
    Hosts,
    /// As AWS serves an API without a domain of its own: hosts that begin with
    /// `{id}.execute-api.`, and paths with its id on any host.
    ExecuteApi,
    /// So, and by what VPC endpoints add: `{id}-{endpoint}.execute-api.…` and the header
    /// `x-apigw-api-id`.
    Private,
    /// Its hosts and paths are known and refuse everybody.
    Nowhere,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Api {
    /// How logs, metrics and the management APIs name it.
    pub id: String,
    pub kind: ApiKind,
    pub reach: Reach,
    /// Host names it answers to, exact or `*.example.com`; none: any host.
    pub hosts: Vec<String>,
    /// Stripped from the path before routing: `/` or `/v1/orders`.
    pub base_path: String,
    /// Shared, so that one changed route among many is found without looking at the others.
    pub routes: Vec<Arc<Route>>,
    /// At least one. The stage `$default` is served at the base path itself, any other below its name.
    pub stages: Vec<Stage>,
}

//! `Api`: an HTTP API with its routes and stages.

use crate::model::v2::{Route, Stage};

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Api {
    /// How logs, metrics and the management APIs name it.
    pub id: String,
    /// Host names it answers to, exact or `*.example.com`; none: any host.
    pub hosts: Vec<String>,
    /// Stripped from the path before routing: `/` or `/v1/orders`.
    pub base_path: String,
    pub routes: Vec<Route>,
    /// At least one. The stage `$default` is served at the base path itself, any other below its name.
    pub stages: Vec<Stage>,
}

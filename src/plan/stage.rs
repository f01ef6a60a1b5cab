//! Stage: routes, limits and settings of one API under one name.

use crate::lang::logline;
use crate::plan::rest::{Canary, RestStage};
use crate::plan::{Cors, LimitId, Route, Router};

/// Whose rules a stage follows: for headers, ids, and answers where there is nothing to serve.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StageKind {
    /// An API of the config file.
    #[default]
    File,
    /// An HTTP API of the management APIs.
    Http,
    Rest,
}

#[derive(Debug)]
pub struct Stage {
    pub api_id: Box<str>,
    pub name: Box<str>,
    /// Whose API it is; empty for those of the config file.
    pub account_id: Box<str>,
    /// Its region; empty as the account is.
    pub region: Box<str>,
    pub kind: StageKind,
    pub router: Router,
    /// What the router points into.
    pub routes: Box<[Route]>,
    pub limit: Option<LimitId>,
    pub cors: Option<Cors>,
    /// The format of this stage's access log; none: not logged.
    pub access_log: Option<logline::Format>,
    /// Its log shows the ids that backends gave to their answers.
    pub logs_endpoint_ids: bool,
    /// Only of REST APIs.
    pub rest: Option<Box<RestStage>>,
}

impl Stage {
    /// Only of REST APIs: its second deployment.
    #[inline]
    pub fn canary(&self) -> Option<&Canary> {
        self.rest.as_deref()?.canary.as_ref()
    }
}

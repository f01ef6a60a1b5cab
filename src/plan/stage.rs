//! Stage: routes, limits and settings of one API under one name.

use crate::lang::logline;
use crate::plan::{LimitId, Route, Router};

#[derive(Debug)]
pub struct Stage {
    pub api_id: Box<str>,
    pub name: Box<str>,
    pub router: Router,
    /// What the router points into.
    pub routes: Box<[Route]>,
    pub limit: Option<LimitId>,
    /// The format of this stage's access log; none: not logged.
    pub access_log: Option<logline::Format>,
}

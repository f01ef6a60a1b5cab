//! `Published`: a plan with what must be shared by all cores to run it.

use std::sync::Arc;

use crate::gateway::throttle::{self, Bucket};
use crate::net::Settings;
use crate::net::outbound::group::GroupSettings;
use crate::plan::Plan;

#[derive(Debug, Default)]
pub struct Published {
    pub plan: Plan,
    /// Indexed by `LimitId`.
    pub buckets: Vec<Option<Arc<Bucket>>>,
    /// Indexed by `GroupId`.
    pub groups: Vec<Option<Arc<GroupSettings>>>,
    pub settings: Settings,
    /// Route ids that were used before and are no more: their numbers are dropped.
    pub retired_routes: Vec<u32>,
}

impl Published {
    /// Buckets of `before` keep their state where their numbers are unchanged.
    pub fn new(
        plan: Plan,
        groups: Vec<Option<Arc<GroupSettings>>>,
        settings: Settings,
        before: Option<&Published>,
    ) -> Self {
        let kept = before.map_or(&[][..], |before| &before.buckets);
        Self {
            buckets: throttle::buckets(&plan.limits, kept),
            plan,
            groups,
            settings,
            retired_routes: Vec::new(),
        }
    }
}

//! All that can be said about a running gateway at one moment.

use std::collections::HashMap;

use crate::observe::{Numbers, RouteNumbers, UNROUTED};

/// Whose numbers a route id stands for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct RouteName {
    pub api: String,
    pub stage: String,
    /// As written: `GET /pets/{id}` or `$default`.
    pub route: String,
}

/// Requests that no route took show under empty names.
static NO_ROUTE: RouteName = RouteName {
    api: String::new(),
    stage: String::new(),
    route: String::new(),
};

/// Gathered by the control thread for one reader; the numbers are those of all cores, merged.
#[derive(Clone, Debug, Default)]
pub struct Report {
    pub numbers: Numbers,
    /// Names of the routes of the plan of now. A route without a name is not shown.
    pub routes: HashMap<u32, RouteName>,
    pub plan_version: u64,
    pub reloads_succeeded: u64,
    pub reloads_failed: u64,
    /// Why the last reload was refused; none when it went well or nothing was reloaded yet.
    pub last_reload_error: Option<String>,
    pub workers: u32,
    pub uptime_ms: u64,
    /// Access-log lines that reached their destination.
    pub log_lines_written: u64,
    /// Access-log lines that the destination refused.
    pub log_lines_failed: u64,
    /// True while requests are welcome: started and not draining.
    pub ready: bool,
    pub certificates: Vec<CertificateEnd>,
}

/// When a certificate of a listener ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateEnd {
    pub listener: String,
    pub file: String,
    /// Seconds since 1970.
    pub end_s: i64,
}

impl Report {
    /// The routes that have numbers and a name, sorted by name.
    pub fn named_routes(&self) -> Vec<(&RouteName, &RouteNumbers)> {
        let mut named: Vec<_> = self
            .numbers
            .routes()
            .filter_map(|(id, numbers)| {
                let unrouted = (id == UNROUTED).then_some(&NO_ROUTE);
                Some((self.routes.get(&id).or(unrouted)?, numbers))
            })
            .collect();
        named.sort_by_key(|(name, _)| (&name.api, &name.stage, &name.route));
        named
    }
}

//! The numbers as people and scripts read them: the JSON of `/stats`.

use serde::Serialize;

use crate::observe::counter::Totals;
use crate::observe::histogram::Quantiles;
use crate::observe::{Counter, Latencies, Report};

/// One moment of a gateway. Counts are since the start.
#[derive(Clone, Debug, Serialize)]
pub struct Stats {
    pub ready: bool,
    pub uptime_seconds: f64,
    pub workers: u32,
    pub plan_version: u64,
    pub reloads: Reloads,
    pub connections: Connections,
    pub log_lines: LogLines,
    pub total: Traffic,
    /// Routes with requests, sorted by API, stage and route.
    pub routes: Vec<RouteStats>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Reloads {
    pub succeeded: u64,
    pub failed: u64,
    pub last_error: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Connections {
    pub accepted: u64,
    pub open: u64,
    pub panicked: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct LogLines {
    pub written: u64,
    pub failed: u64,
    pub dropped: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct RouteStats {
    pub api: String,
    pub stage: String,
    pub route: String,
    #[serde(flatten)]
    pub traffic: Traffic,
    pub integration: IntegrationStats,
    pub cache: CacheStats,
}

/// Of a route's requests, those that asked its integration.
#[derive(Clone, Debug, Serialize)]
pub struct IntegrationStats {
    pub requests: u64,
    pub average_us: u64,
}

/// Looks of a route into the cache of its stage.
#[derive(Clone, Debug, Serialize)]
pub struct CacheStats {
    pub hits: u64,
    pub misses: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct Traffic {
    pub requests: u64,
    pub status: Classes,
    pub received_bytes: u64,
    pub sent_bytes: u64,
    pub latency_us: LatencyStats,
}

#[derive(Clone, Debug, Serialize)]
pub struct Classes {
    /// Ended before a status was sent.
    pub none: u64,
    #[serde(rename = "1xx")]
    pub informational: u64,
    #[serde(rename = "2xx")]
    pub success: u64,
    #[serde(rename = "3xx")]
    pub redirection: u64,
    #[serde(rename = "4xx")]
    pub client_error: u64,
    #[serde(rename = "5xx")]
    pub server_error: u64,
}

#[derive(Clone, Debug, Serialize)]
pub struct LatencyStats {
    pub p50: u64,
    pub p90: u64,
    pub p99: u64,
    #[serde(rename = "p99.9")]
    pub p999: u64,
    pub max: u64,
}

impl From<&Report> for Stats {
    fn from(report: &Report) -> Self {
        let numbers = &report.numbers;
        let routes = report
            .named_routes()
            .into_iter()
            .map(|(name, route)| RouteStats {
                api: name.api.clone(),
                stage: name.stage.clone(),
                route: name.route.clone(),
                traffic: traffic(&route.totals, &route.latencies),
                integration: IntegrationStats {
                    requests: route.integrations.count(),
                    average_us: route.integrations.average_us(),
                },
                cache: CacheStats {
                    hits: route.cached[0],
                    misses: route.cached[1],
                },
            });
        Self {
            ready: report.ready,
            #[allow(clippy::cast_precision_loss)] // Exact for three hundred thousand years.
            uptime_seconds: report.uptime_ms as f64 / 1_000.0,
            workers: report.workers,
            plan_version: report.plan_version,
            reloads: Reloads {
                succeeded: report.reloads_succeeded,
                failed: report.reloads_failed,
                last_error: report.last_reload_error.clone(),
            },
            connections: Connections {
                accepted: numbers.get(Counter::ConnectionsAccepted),
                open: numbers.connections_open(),
                panicked: numbers.get(Counter::ConnectionsPanicked),
            },
            log_lines: LogLines {
                written: report.log_lines_written,
                failed: report.log_lines_failed,
                dropped: numbers.get(Counter::LogLinesDropped),
            },
            total: traffic(numbers.totals(), &numbers.latencies()),
            routes: routes.collect(),
        }
    }
}

fn traffic(totals: &Totals, latencies: &Latencies) -> Traffic {
    let [
        none,
        informational,
        success,
        redirection,
        client_error,
        server_error,
    ] = totals.classes;
    let Quantiles {
        p50,
        p90,
        p99,
        p999,
        max,
    } = latencies.quantiles();
    Traffic {
        requests: totals.requests(),
        status: Classes {
            none,
            informational,
            success,
            redirection,
            client_error,
            server_error,
        },
        received_bytes: totals.received_bytes,
        sent_bytes: totals.sent_bytes,
        latency_us: LatencyStats {
            p50,
            p90,
            p99,
            p999,
            max,
        },
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::observe::{CoreNumbers, RouteName, UNROUTED};

    #[test]
    fn routes_are_sorted_by_name_and_what_no_route_took_comes_first() {
        let mut core = CoreNumbers::new();
        core.finish(0, 200, (10, 7), 1, 2);
        core.looked_up(0, false);
        core.finish(1, 404, (30, 0), 3, 4);
        core.finish(UNROUTED, 404, (5, 0), 0, 0);
        let name = |route: &str| RouteName {
            route: route.to_owned(),
            ..RouteName::default()
        };
        let stats = Stats::from(&Report {
            numbers: core.snapshot(),
            routes: HashMap::from([(0, name("b")), (1, name("a"))]),
            ..Report::default()
        });
        let routes: Vec<&str> = stats.routes.iter().map(|r| r.route.as_str()).collect();
        assert_eq!(routes, ["", "a", "b"]);
        assert_eq!(stats.total.requests, 3);
        assert_eq!(stats.total.status.client_error, 2);
        assert_eq!(stats.total.latency_us.max, 30);
        let route = &stats.routes[2];
        assert_eq!(route.traffic.sent_bytes, 2);
        let (integration, cache) = (&route.integration, &route.cache);
        assert_eq!((integration.requests, integration.average_us), (1, 7));
        assert_eq!((cache.hits, cache.misses), (0, 1));
        assert_eq!(stats.routes[1].integration.average_us, 0);
    }
}

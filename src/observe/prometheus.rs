//! Text exposition of the catalog in the OpenMetrics format that Prometheus reads.

use std::borrow::Cow;
use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{self, Registry};

use crate::observe::catalog::{CLASSES, FAMILIES, Fact, Family, LATENCY_BOUNDS_US, Series, Unit};
use crate::observe::{Report, RouteName, RouteNumbers};

/// What `expose` writes, for the `content-type` of the answer (OpenMetrics 1.0).
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

const MICROS_PER_SECOND: f64 = 1_000_000.0;

/// The whole exposition of `report`, its `# EOF` included. Routes without requests are left out.
pub fn expose(report: Report) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Exposition(report)));
    let mut text = String::with_capacity(16 * 1024);
    // Writing to a string does not fail; if it did, the missing EOF would tell the reader.
    let written = encode(&mut text, &registry);
    debug_assert!(written.is_ok());
    text
}

type Label<'a> = (&'a str, Cow<'a, str>);

#[derive(Debug)]
struct Exposition(Report);

impl Collector for Exposition {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let routes: Vec<_> = self
            .0
            .named_routes()
            .into_iter()
            .map(|(name, numbers)| (labels(name), numbers))
            .collect();
        for family in FAMILIES {
            self.family(&mut encoder, family, &routes)?;
        }
        Ok(())
    }
}

impl Exposition {
    fn family(
        &self,
        encoder: &mut DescriptorEncoder<'_>,
        family: &Family,
        routes: &[([Label<'_>; 3], &RouteNumbers)],
    ) -> fmt::Result {
        let unit = match family.unit {
            Unit::None => None,
            Unit::Bytes => Some(registry::Unit::Bytes),
            Unit::Seconds => Some(registry::Unit::Seconds),
        };
        let kind = kind(family.series);
        let mut metric =
            encoder.encode_descriptor(family.name, family.help, unit.as_ref(), kind)?;
        let numbers = &self.0.numbers;
        match family.series {
            Series::One(counter) => count(&mut metric, numbers.get(counter)),
            Series::By(label, values) => values.iter().try_for_each(|(value, counter)| {
                let labels = [(label, *value)];
                count(&mut metric.encode_family(&labels)?, numbers.get(*counter))
            }),
            Series::RouteClasses => routes
                .iter()
                .try_for_each(|(labels, route)| classes(&mut metric, labels, route)),
            Series::RouteLatency => routes
                .iter()
                .try_for_each(|(labels, route)| latency(&mut metric, labels, route)),
            Series::RouteIntegration => routes
                .iter()
                .try_for_each(|(labels, route)| integrations(&mut metric, labels, route)),
            Series::RouteCache => routes
                .iter()
                .try_for_each(|(labels, route)| lookups(&mut metric, labels, route)),
            Series::BytesReceived => count(&mut metric, numbers.totals().received_bytes),
            Series::BytesSent => count(&mut metric, numbers.totals().sent_bytes),
            Series::Fact(fact) => self.fact(&mut metric, fact),
        }
    }

    fn fact(&self, metric: &mut MetricEncoder<'_>, fact: Fact) -> fmt::Result {
        let report = &self.0;
        match fact {
            Fact::ConnectionsOpen => gauge(metric, report.numbers.connections_open()),
            Fact::PlanVersion => gauge(metric, report.plan_version),
            Fact::LastReloadSucceeded => {
                gauge(metric, u64::from(report.last_reload_error.is_none()))
            }
            Fact::Ready => gauge(metric, u64::from(report.ready)),
            Fact::Workers => gauge(metric, u64::from(report.workers)),
            #[allow(clippy::cast_precision_loss)] // Exact for three hundred thousand years.
            Fact::Uptime => metric.encode_gauge(&(report.uptime_ms as f64 / 1_000.0)),
            Fact::CertificateEnds => report.certificates.iter().try_for_each(|one| {
                let labels = [("listener", &*one.listener), ("certificate", &*one.file)];
                metric.encode_family(&labels)?.encode_gauge(&one.end_s)
            }),
            Fact::LogLinesWritten => count(metric, report.log_lines_written),
            Fact::LogLinesFailed => count(metric, report.log_lines_failed),
            Fact::Reloads => {
                let ok = [("result", "ok")];
                count(&mut metric.encode_family(&ok)?, report.reloads_succeeded)?;
                let failed = [("result", "failed")];
                count(&mut metric.encode_family(&failed)?, report.reloads_failed)
            }
        }
    }
}

fn kind(series: Series) -> MetricType {
    match series {
        Series::RouteLatency | Series::RouteIntegration => MetricType::Histogram,
        Series::Fact(Fact::Reloads | Fact::LogLinesWritten | Fact::LogLinesFailed)
        | Series::One(_)
        | Series::By(..)
        | Series::RouteClasses
        | Series::RouteCache
        | Series::BytesReceived
        | Series::BytesSent => MetricType::Counter,
        Series::Fact(_) => MetricType::Gauge,
    }
}

fn count(metric: &mut MetricEncoder<'_>, value: u64) -> fmt::Result {
    metric.encode_counter::<NoLabelSet, _, f64>(&value, None)
}

fn gauge(metric: &mut MetricEncoder<'_>, value: u64) -> fmt::Result {
    metric.encode_gauge(&i64::try_from(value).unwrap_or(i64::MAX))
}

/// One series for each class that the route has answered with.
fn classes(
    metric: &mut MetricEncoder<'_>,
    labels: &[Label<'_>; 3],
    route: &RouteNumbers,
) -> fmt::Result {
    let [api, stage, key] = labels;
    for (class, requests) in CLASSES.into_iter().zip(route.totals.classes) {
        if requests > 0 {
            let code = ("code", Cow::Borrowed(class));
            let series = [api.clone(), stage.clone(), key.clone(), code];
            count(&mut metric.encode_family(&series)?, requests)?;
        }
    }
    Ok(())
}

/// Hits and misses of a route that has looked.
fn lookups(
    metric: &mut MetricEncoder<'_>,
    labels: &[Label<'_>; 3],
    route: &RouteNumbers,
) -> fmt::Result {
    if route.cached == [0; 2] {
        return Ok(());
    }
    let [api, stage, key] = labels;
    for (result, looks) in ["hit", "miss"].into_iter().zip(route.cached) {
        let result = ("result", Cow::Borrowed(result));
        let series = [api.clone(), stage.clone(), key.clone(), result];
        count(&mut metric.encode_family(&series)?, looks)?;
    }
    Ok(())
}

/// Those of a route that has asked its integration.
fn integrations(
    metric: &mut MetricEncoder<'_>,
    labels: &[Label<'_>; 3],
    route: &RouteNumbers,
) -> fmt::Result {
    let spans = &route.integrations;
    match spans.count() {
        0 => Ok(()),
        count => histogram(metric, labels, &spans.counts(), (spans.sum_us(), count)),
    }
}

fn latency(
    metric: &mut MetricEncoder<'_>,
    labels: &[Label<'_>; 3],
    route: &RouteNumbers,
) -> fmt::Result {
    let latencies = &route.latencies;
    let counts = latencies.counts_between(&LATENCY_BOUNDS_US);
    let all = (latencies.sum_us(), latencies.count());
    histogram(metric, labels, &counts, all)
}

/// `counts` by `LATENCY_BOUNDS_US`; what is missing to `count` lies above them.
#[allow(clippy::cast_precision_loss)] // Seconds of 2^53 µs are ten thousand years.
fn histogram(
    metric: &mut MetricEncoder<'_>,
    labels: &[Label<'_>; 3],
    counts: &[u64],
    (sum_us, count): (u64, u64),
) -> fmt::Result {
    let bounded = &counts[..LATENCY_BOUNDS_US.len()];
    let slower = count - bounded.iter().sum::<u64>();
    let mut buckets = [(f64::MAX, slower); LATENCY_BOUNDS_US.len() + 1];
    for ((bucket, bound_us), count) in buckets.iter_mut().zip(LATENCY_BOUNDS_US).zip(bounded) {
        *bucket = (bound_us as f64 / MICROS_PER_SECOND, *count);
    }
    let sum = sum_us as f64 / MICROS_PER_SECOND;
    metric
        .encode_family(labels)?
        .encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
}

fn labels(name: &RouteName) -> [Label<'_>; 3] {
    [
        ("api", escape(&name.api)),
        ("stage", escape(&name.stage)),
        ("route", escape(&name.route)),
    ]
}

/// "Label values may contain any UTF-8; backslash, double quote and line feed are escaped": the
/// encoder leaves that to its caller.
fn escape(value: &str) -> Cow<'_, str> {
    if !value.contains(['\\', '"', '\n']) {
        return Cow::Borrowed(value);
    }
    let escaped = value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n");
    Cow::Owned(escaped)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::observe::{CertificateEnd, CoreNumbers, Counter, UNROUTED};

    fn name(route: &str) -> RouteName {
        RouteName {
            api: "shop".to_owned(),
            stage: "$default".to_owned(),
            route: route.to_owned(),
        }
    }

    fn report() -> Report {
        let mut core = CoreNumbers::new();
        core.add(Counter::ThrottledStage, 4);
        core.add(Counter::ConnectionsAccepted, 9);
        core.add(Counter::ConnectionsClosed, 2);
        core.finish(0, 200, (1_500, 900), 10, 20);
        core.finish(0, 502, (40_000_000, 39_000_000), 10, 20);
        core.finish(5, 200, (100, 0), 1, 1);
        core.looked_up(0, true);
        core.looked_up(0, false);
        core.looked_up(0, true);
        Report {
            numbers: core.snapshot(),
            routes: HashMap::from([(0, name("GET /a")), (1, name("GET /idle"))]),
            plan_version: 3,
            reloads_failed: 1,
            last_reload_error: Some("bad".to_owned()),
            workers: 2,
            uptime_ms: 1_500,
            ready: true,
            certificates: vec![CertificateEnd {
                listener: "main".to_owned(),
                file: "/etc/a.pem".to_owned(),
                end_s: 1_795_348_800,
            }],
            ..Report::default()
        }
    }

    #[test]
    fn every_family_is_typed_and_the_end_is_marked() {
        let text = expose(report());
        for family in FAMILIES {
            let line = format!("# TYPE {}", family.name);
            assert!(text.contains(&line), "{line} is missing");
        }
        assert!(text.ends_with("\n# EOF\n"));
        assert_eq!(text.matches("# EOF").count(), 1);
    }

    #[test]
    fn values_stand_under_their_names() {
        let text = expose(report());
        for line in [
            r#"daemun_requests_total{api="shop",stage="$default",route="GET /a",code="2xx"} 1"#,
            r#"daemun_requests_total{api="shop",stage="$default",route="GET /a",code="5xx"} 1"#,
            r#"daemun_request_duration_seconds_count{api="shop",stage="$default",route="GET /a"} 2"#,
            r#"daemun_request_duration_seconds_bucket{le="0.001",api="shop",stage="$default",route="GET /a"} 0"#,
            r#"daemun_request_duration_seconds_bucket{le="0.0025",api="shop",stage="$default",route="GET /a"} 1"#,
            r#"daemun_request_duration_seconds_bucket{le="30.0",api="shop",stage="$default",route="GET /a"} 1"#,
            r#"daemun_request_duration_seconds_bucket{le="+Inf",api="shop",stage="$default",route="GET /a"} 2"#,
            r#"daemun_request_duration_seconds_sum{api="shop",stage="$default",route="GET /a"} 40.0015"#,
            r#"daemun_integration_duration_seconds_bucket{le="0.0005",api="shop",stage="$default",route="GET /a"} 0"#,
            r#"daemun_integration_duration_seconds_bucket{le="0.001",api="shop",stage="$default",route="GET /a"} 1"#,
            r#"daemun_integration_duration_seconds_bucket{le="+Inf",api="shop",stage="$default",route="GET /a"} 2"#,
            r#"daemun_integration_duration_seconds_sum{api="shop",stage="$default",route="GET /a"} 39.0009"#,
            r#"daemun_cache_lookups_total{api="shop",stage="$default",route="GET /a",result="hit"} 2"#,
            r#"daemun_cache_lookups_total{api="shop",stage="$default",route="GET /a",result="miss"} 1"#,
            r#"daemun_throttled_total{level="stage"} 4"#,
            "daemun_received_bytes_total 21",
            "daemun_connections_open 7",
            "daemun_plan_version 3",
            r#"daemun_reloads_total{result="failed"} 1"#,
            "daemun_last_reload_success 0",
            "daemun_uptime_seconds 1.5",
            "# UNIT daemun_received_bytes bytes",
            r#"daemun_certificate_not_after_seconds{listener="main",certificate="/etc/a.pem"} 1795348800"#,
        ] {
            assert!(
                text.lines().any(|found| found == line),
                "{line}\nin\n{text}"
            );
        }
    }

    #[test]
    fn routes_without_requests_or_without_a_name_are_left_out() {
        let text = expose(report());
        assert!(!text.contains("GET /idle"));
        assert_eq!(text.matches("daemun_requests_total{").count(), 2);
    }

    #[test]
    fn no_label_breaks_the_text() {
        let mut core = CoreNumbers::new();
        core.finish(UNROUTED, 404, (1, 0), 0, 0);
        let text = expose(Report {
            numbers: core.snapshot(),
            routes: HashMap::from([(UNROUTED, name("GET /\"\\\n{é}"))]),
            ..Report::default()
        });
        assert!(
            text.contains(r#"route="GET /\"\\\n{é}",code="4xx"} 1"#),
            "{text}"
        );
    }

    #[test]
    fn ten_thousand_routes_are_exposed_in_one_pass() {
        let mut core = CoreNumbers::new();
        for route in 0..10_000 {
            core.finish(route, 200, (u64::from(route), 0), 0, 0);
        }
        let routes = (0..10_000).map(|id| (id, name(&format!("GET /{id}"))));
        let text = expose(Report {
            numbers: core.snapshot(),
            routes: routes.collect(),
            ..Report::default()
        });
        assert_eq!(text.matches("daemun_requests_total{").count(), 10_000);
    }
}

//! Every metric once: name, unit, kind, help, and where its value comes from.

/// What a core counts outside of its routes. A closed list: adding one means adding its row to
/// `FAMILIES`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Counter {
    ConnectionsAccepted,
    ConnectionsClosed,
    /// Connections lost to a panic of ours; `ConnectionsClosed` counts them too.
    ConnectionsPanicked,
    /// Connections turned away since the core held as many as it may.
    ConnectionsRefused,
    TlsHandshakes,
    TlsHandshakesFailed,
    UpstreamConnect,
    UpstreamTimeout,
    UpstreamProtocol,
    UpstreamReset,
    UpstreamTls,
    UpstreamDns,
    UpstreamConnections,
    UpstreamReused,
    Retries,
    Ejections,
    ThrottledAccount,
    ThrottledStage,
    ThrottledRoute,
    RejectedBadRequest,
    RejectedNotFound,
    RejectedTimeout,
    RejectedBodyTooLarge,
    RejectedTargetTooLong,
    RejectedExpectation,
    RejectedMisdirected,
    RejectedHeadTooLarge,
    RejectedNotImplemented,
    RejectedOverload,
    RejectedVersion,
    LogLinesDropped,
    MailboxDropped,
}

impl Counter {
    pub const COUNT: usize = Self::MailboxDropped as usize + 1;

    /// The counter of a request that the gateway itself refuses with `status`; none for a status
    /// that refuses nothing.
    pub fn rejected(status: u16) -> Option<Self> {
        Some(match status {
            400 => Self::RejectedBadRequest,
            404 => Self::RejectedNotFound,
            408 => Self::RejectedTimeout,
            413 => Self::RejectedBodyTooLarge,
            414 => Self::RejectedTargetTooLong,
            417 => Self::RejectedExpectation,
            421 => Self::RejectedMisdirected,
            431 => Self::RejectedHeadTooLarge,
            501 => Self::RejectedNotImplemented,
            503 => Self::RejectedOverload,
            505 => Self::RejectedVersion,
            _ => return None,
        })
    }
}

/// A metric family as Prometheus names it, without the `_total` of counters and without the unit,
/// which the exposition appends.
#[derive(Clone, Copy, Debug)]
pub struct Family {
    pub name: &'static str,
    pub unit: Unit,
    pub help: &'static str,
    pub series: Series,
}

/// A base unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    None,
    Bytes,
    Seconds,
}

/// The kind of a family and the source of its series.
#[derive(Clone, Copy, Debug)]
pub enum Series {
    /// One counter without labels.
    One(Counter),
    /// One counter for each value of a label.
    By(&'static str, &'static [(&'static str, Counter)]),
    /// Requests by route and class of status.
    RouteClasses,
    /// A histogram of latencies by route.
    RouteLatency,
    /// A histogram of what their integrations took, by route.
    RouteIntegration,
    /// Looks into the cache of a stage by route and outcome.
    RouteCache,
    BytesReceived,
    BytesSent,
    Fact(Fact),
}

/// What the control thread knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    ConnectionsOpen,
    PlanVersion,
    Reloads,
    LastReloadSucceeded,
    LogLinesWritten,
    LogLinesFailed,
    Ready,
    Uptime,
    Workers,
    CertificateEnds,
}

/// Upper bounds of the latency histogram in microseconds; AWS's longest integration timeout is
/// 29 s. One more bucket holds what is slower.
pub const LATENCY_BOUNDS_US: [u64; 16] = [
    250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 5_000_000, 10_000_000, 30_000_000,
];

/// Classes of a status, as the label `code` shows them. The first is for exchanges that ended
/// before a status was sent.
pub const CLASSES: [&str; 6] = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"];

const fn family(name: &'static str, unit: Unit, series: Series, help: &'static str) -> Family {
    Family {
        name,
        unit,
        help,
        series,
    }
}

/// All of them, in the order in which they are printed.
pub const FAMILIES: &[Family] = &[
    family(
        "daemun_requests",
        Unit::None,
        Series::RouteClasses,
        "Requests by route and class of status",
    ),
    family(
        "daemun_request_duration",
        Unit::Seconds,
        Series::RouteLatency,
        "Time from the first byte of a request to the last byte of its response",
    ),
    family(
        "daemun_integration_duration",
        Unit::Seconds,
        Series::RouteIntegration,
        "Time from asking an integration to its answer, of requests that asked one",
    ),
    family(
        "daemun_cache_lookups",
        Unit::None,
        Series::RouteCache,
        "Answers of REST APIs looked for in the cache of their stage",
    ),
    family(
        "daemun_received",
        Unit::Bytes,
        Series::BytesReceived,
        "Bytes of requests",
    ),
    family(
        "daemun_sent",
        Unit::Bytes,
        Series::BytesSent,
        "Bytes of responses",
    ),
    family(
        "daemun_rejected",
        Unit::None,
        Series::By(
            "status",
            &[
                ("400", Counter::RejectedBadRequest),
                ("404", Counter::RejectedNotFound),
                ("408", Counter::RejectedTimeout),
                ("413", Counter::RejectedBodyTooLarge),
                ("414", Counter::RejectedTargetTooLong),
                ("417", Counter::RejectedExpectation),
                ("421", Counter::RejectedMisdirected),
                ("431", Counter::RejectedHeadTooLarge),
                ("501", Counter::RejectedNotImplemented),
                ("503", Counter::RejectedOverload),
                ("505", Counter::RejectedVersion),
            ],
        ),
        "Requests that the gateway refused itself",
    ),
    family(
        "daemun_throttled",
        Unit::None,
        Series::By(
            "level",
            &[
                ("account", Counter::ThrottledAccount),
                ("stage", Counter::ThrottledStage),
                ("route", Counter::ThrottledRoute),
            ],
        ),
        "Requests refused with 429, by the limit that refused them",
    ),
    family(
        "daemun_upstream_failures",
        Unit::None,
        Series::By(
            "kind",
            &[
                ("connect", Counter::UpstreamConnect),
                ("dns", Counter::UpstreamDns),
                ("protocol", Counter::UpstreamProtocol),
                ("reset", Counter::UpstreamReset),
                ("timeout", Counter::UpstreamTimeout),
                ("tls", Counter::UpstreamTls),
            ],
        ),
        "Exchanges with upstreams that failed",
    ),
    family(
        "daemun_upstream_connections",
        Unit::None,
        Series::One(Counter::UpstreamConnections),
        "Connections opened to upstreams",
    ),
    family(
        "daemun_upstream_reuses",
        Unit::None,
        Series::One(Counter::UpstreamReused),
        "Exchanges that found an idle upstream connection",
    ),
    family(
        "daemun_retries",
        Unit::None,
        Series::One(Counter::Retries),
        "Requests sent a second time to an upstream",
    ),
    family(
        "daemun_ejections",
        Unit::None,
        Series::One(Counter::Ejections),
        "Upstream targets taken out after failures",
    ),
    family(
        "daemun_connections_accepted",
        Unit::None,
        Series::One(Counter::ConnectionsAccepted),
        "Connections accepted from clients",
    ),
    family(
        "daemun_connections_refused",
        Unit::None,
        Series::One(Counter::ConnectionsRefused),
        "Connections turned away at the limit of connections",
    ),
    family(
        "daemun_connections_panicked",
        Unit::None,
        Series::One(Counter::ConnectionsPanicked),
        "Connections closed by a fault of the gateway",
    ),
    family(
        "daemun_connections_open",
        Unit::None,
        Series::Fact(Fact::ConnectionsOpen),
        "Connections of clients that are open",
    ),
    family(
        "daemun_tls_handshakes",
        Unit::None,
        Series::By(
            "result",
            &[
                ("ok", Counter::TlsHandshakes),
                ("failed", Counter::TlsHandshakesFailed),
            ],
        ),
        "TLS handshakes with clients",
    ),
    family(
        "daemun_certificate_not_after",
        Unit::Seconds,
        Series::Fact(Fact::CertificateEnds),
        "When the certificates of listeners end, since 1970",
    ),
    family(
        "daemun_plan_version",
        Unit::None,
        Series::Fact(Fact::PlanVersion),
        "Version of the plan that is served",
    ),
    family(
        "daemun_reloads",
        Unit::None,
        Series::Fact(Fact::Reloads),
        "Reloads of the configuration by result",
    ),
    family(
        "daemun_last_reload_success",
        Unit::None,
        Series::Fact(Fact::LastReloadSucceeded),
        "1 when the last reload went well or none happened, else 0",
    ),
    family(
        "daemun_log_lines_written",
        Unit::None,
        Series::Fact(Fact::LogLinesWritten),
        "Access-log lines written",
    ),
    family(
        "daemun_log_lines_failed",
        Unit::None,
        Series::Fact(Fact::LogLinesFailed),
        "Access-log lines that could not be written",
    ),
    family(
        "daemun_log_lines_dropped",
        Unit::None,
        Series::One(Counter::LogLinesDropped),
        "Access-log lines dropped since the writer was behind",
    ),
    family(
        "daemun_mailbox_drops",
        Unit::None,
        Series::One(Counter::MailboxDropped),
        "Messages between threads dropped since a mailbox was full",
    ),
    family(
        "daemun_ready",
        Unit::None,
        Series::Fact(Fact::Ready),
        "1 while requests are welcome, else 0",
    ),
    family(
        "daemun_workers",
        Unit::None,
        Series::Fact(Fact::Workers),
        "Cores that serve requests",
    ),
    family(
        "daemun_uptime",
        Unit::Seconds,
        Series::Fact(Fact::Uptime),
        "Time since the start",
    ),
];

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn counters() -> Vec<Counter> {
        FAMILIES
            .iter()
            .flat_map(|family| match family.series {
                Series::One(counter) => vec![counter],
                Series::By(_, values) => values.iter().map(|(_, counter)| *counter).collect(),
                _ => Vec::new(),
            })
            .collect()
    }

    #[test]
    fn every_counter_is_in_one_family() {
        let listed = counters();
        let distinct: HashSet<_> = listed.iter().collect();
        assert_eq!(listed.len(), distinct.len());
        // Closed connections show as those that are open.
        assert!(!distinct.contains(&Counter::ConnectionsClosed));
        assert_eq!(distinct.len(), Counter::COUNT - 1);
    }

    #[test]
    fn names_follow_the_conventions() {
        let mut seen = HashSet::new();
        for family in FAMILIES {
            assert!(seen.insert(family.name), "{} is there twice", family.name);
            assert!(family.name.starts_with("daemun_"));
            assert!(
                family
                    .name
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte == b'_'),
                "{}",
                family.name
            );
            assert!(
                !family.name.ends_with("_total"),
                "the exposition appends it"
            );
            assert!(!family.help.is_empty() && !family.help.contains(['\n', '\\', '"']));
        }
    }

    #[test]
    fn every_refusal_counts_under_its_status() {
        let by_status = FAMILIES
            .iter()
            .find(|family| family.name == "daemun_rejected");
        let Series::By("status", values) = by_status.unwrap().series else {
            panic!("not by status");
        };
        for (status, counter) in values {
            assert_eq!(Counter::rejected(status.parse().unwrap()), Some(*counter));
        }
        assert_eq!(Counter::rejected(200), None);
    }
}

//! The field table, second half: throttles, upstreams, APIs with their routes and stages.

use crate::server::config::check;
use crate::server::config::field::Default::{Absent, Is, Required};
use crate::server::config::field::Plain::{EmptyList, EmptyTable, Flag, Integer, Text};
use crate::server::config::field::{DURATION, Kind, SIZE_MAX, Section, duration, field};
use crate::server::config::function::AWS_PROXY;

/// Requests a second and at once, wherever requests can be throttled.
pub const THROTTLING: Kind = Kind::Table(&THROTTLE);
const THROTTLING_EXAMPLE: &str = "{ rate_limit = 100.0, burst_limit = 50 }";

static THROTTLE: Section = Section {
    title: "a throttle",
    doc: "More requests get 429. A rate or burst of 0 refuses all.",
    fields: &[
        field(
            "rate_limit",
            Kind::Number { max: 1e9 },
            Required("100.0"),
            "Requests a second in the long run; fractions are fine.",
        ),
        field(
            "burst_limit",
            Kind::Integer {
                min: 0,
                max: 1_000_000_000,
            },
            Required("50"),
            "Requests at once.",
        ),
    ],
};

pub static UPSTREAM: Section = Section {
    title: "an upstream",
    doc: "Servers that do the same work.",
    fields: &[
        field(
            "targets",
            Kind::List(&Kind::Short("address", &TARGET)),
            Required("[\"10.0.0.1:9000\", { address = \"host:9000\", weight = 2 }]"),
            "The servers: `\"host:port\"`, or a table with a weight. Names are resolved again as their TTL ends.",
        ),
        field(
            "balance",
            Kind::Choice(&["round_robin", "least_outstanding"]),
            Is(Text("round_robin")),
            "In turn by weight, or to the one with the fewest open requests for its weight.",
        ),
        field(
            "eject_after",
            Kind::Integer {
                min: 0,
                max: 1_000_000,
            },
            Is(Integer(5)),
            "Failures in a row after which a target is left out for a while; 0: never.",
        ),
        field(
            "eject_time",
            DURATION,
            Is(Text("10s")),
            "How long a failing target is left out.",
        ),
        field(
            "connect_timeout",
            DURATION,
            Is(Text("5s")),
            "To connect, with TLS: 504 after it.",
        ),
        field(
            "idle_timeout",
            DURATION,
            Is(Text("50s")),
            "How long an unused connection is kept. Less than the upstream's own.",
        ),
        field(
            "idle_connections",
            Kind::Integer {
                min: 0,
                max: 1_000_000,
            },
            Is(Integer(512)),
            "Unused connections that each worker keeps to a target.",
        ),
        field(
            "host_header",
            Kind::Text(check::authority),
            Absent("\"pets.internal\""),
            "The `Host` to send; absent: the authority in the `uri` of the integration.",
        ),
        field(
            "preserve_host",
            Kind::Flag,
            Is(Flag(false)),
            "Whether to send the client's own `Host`.",
        ),
        field(
            "vpc_link",
            Kind::Text(check::any),
            Absent("\"orders-link\""),
            "The VPC link whose integrations are asked here: its name, its id, or the ARN of what it leads \
             to.",
        ),
        field(
            "tls",
            Kind::Table(&UPSTREAM_TLS),
            Absent(
                "{ server_name = \"pets.internal\", ca_file = \"ca.pem\", insecure_skip_verification = false }",
            ),
            "How targets are verified when the `uri` says `https`.",
        ),
    ],
};

static TARGET: Section = Section {
    title: "a target",
    doc: "One server of an upstream.",
    fields: &[
        field(
            "address",
            Kind::Text(check::target),
            Required("\"10.0.0.1:9000\""),
            "`host:port`.",
        ),
        field(
            "weight",
            Kind::Integer { min: 1, max: 1_000 },
            Is(Integer(1)),
            "Its share of the requests, relative to the others.",
        ),
    ],
};

static UPSTREAM_TLS: Section = Section {
    title: "the TLS of an upstream",
    doc: "How targets prove who they are.",
    fields: &[
        field(
            "server_name",
            Kind::Text(check::server_name),
            Absent("\"pets.internal\""),
            "The name to ask for (SNI) and to verify; absent: the target's host.",
        ),
        field(
            "ca_file",
            Kind::File,
            Absent("\"ca.pem\""),
            "PEM file of the authorities to trust; absent: the system's.",
        ),
        field(
            "insecure_skip_verification",
            Kind::Flag,
            Is(Flag(false)),
            "Accept any certificate: for tests only.",
        ),
    ],
};

pub static API: Section = Section {
    title: "an API",
    doc: "An HTTP API: hosts, routes and stages.",
    fields: &[
        field(
            "hosts",
            Kind::List(&Kind::Text(check::host_pattern)),
            Is(EmptyList),
            "Host names it answers to, like `pets.example.com` or `*.pets.example.com`; empty: every host.",
        ),
        field(
            "base_path",
            Kind::Text(check::base_path),
            Is(Text("/")),
            "In front of all its routes; not seen by them.",
        ),
        field(
            "routes",
            Kind::Map {
                key: check::route_key,
                of: &Kind::Table(&ROUTE),
                sample: "GET /pets/{id}",
            },
            Is(EmptyTable),
            "By route key: a method or `ANY` and a path with `{name}` and, at its end, `{name+}`; or `$default` for what no other route takes.",
        ),
        field(
            "stages",
            Kind::Map {
                key: check::stage_name,
                of: &Kind::Table(&STAGE),
                sample: "$default",
            },
            Is(EmptyTable),
            "By name: `$default` is served at the base path itself, others below their name; without any, there is one `$default`.",
        ),
    ],
};

static ROUTE: Section = Section {
    title: "a route",
    doc: "What happens to the requests that match the route key.",
    fields: &[
        field(
            "integration",
            Kind::Tagged(
                "type",
                &[
                    ("http_proxy", &HTTP_PROXY),
                    ("aws_proxy", &AWS_PROXY),
                    ("mock", &MOCK),
                ],
            ),
            Required(
                "{ type = \"http_proxy\", uri = \"http://pets/animals/{id}\", timeout = \"30s\" }",
            ),
            "Who answers: an upstream (`http_proxy`), a function (`aws_proxy`) or the gateway itself (`mock`).",
        ),
        field(
            "throttling",
            THROTTLING,
            Absent(THROTTLING_EXAMPLE),
            "Over this route in each stage; absent: none.",
        ),
        field(
            "body_bytes",
            Kind::Or(
                "unlimited",
                &Kind::Size {
                    min: 0,
                    max: SIZE_MAX,
                },
            ),
            Absent("\"1MiB\""),
            "Request body: 413 when longer; absent: as in `limits`.",
        ),
    ],
};

static HTTP_PROXY: Section = Section {
    title: "an `http_proxy` integration",
    doc: "Passes request and response on.",
    fields: &[
        field(
            "uri",
            Kind::Text(check::any),
            Required("\"http://pets/animals/{id}\""),
            "`http://` or `https://`, an upstream's name or a host, and a path that may hold `{parameters}` of the route and `${stageVariables.name}`. The path of a `$default` route is appended, unless `{proxy}` says where it goes.",
        ),
        field(
            "timeout",
            duration(50),
            Is(Text("30s")),
            "To the first byte of the response: 504 after it. At least 50ms.",
        ),
    ],
};

static MOCK: Section = Section {
    title: "a `mock` integration",
    doc: "A fixed answer.",
    fields: &[
        field(
            "status",
            Kind::Integer { min: 200, max: 599 },
            Is(Integer(200)),
            "Status code.",
        ),
        field(
            "headers",
            Kind::Map {
                key: check::answer_header,
                of: &Kind::Text(check::header_value),
                sample: "content-type",
            },
            Is(EmptyTable),
            "Response headers, like `{ \"content-type\" = \"text/plain\" }`.",
        ),
        field(
            "body",
            Kind::Text(check::any),
            Is(Text("")),
            "Response body.",
        ),
    ],
};

static STAGE: Section = Section {
    title: "a stage",
    doc: "The API under one name, with its own variables and limits.",
    fields: &[
        field(
            "variables",
            Kind::Map {
                key: check::variable_name,
                of: &Kind::Text(check::variable_value),
                sample: "backend",
            },
            Is(EmptyTable),
            "Values for `${stageVariables.name}`, like `{ backend = \"pets\" }`.",
        ),
        field(
            "throttling",
            THROTTLING,
            Absent(THROTTLING_EXAMPLE),
            "Over all routes of the stage; absent: none.",
        ),
        field(
            "access_log_format",
            Kind::Text(check::any),
            Absent("\"clf\""),
            "As in `logging`, for this stage.",
        ),
    ],
};

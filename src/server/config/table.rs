//! The field table: every key of the config file, its kind, default and meaning. The reader, the
//! example file and the manual are made from it.

use crate::server::config::aws::AWS;
use crate::server::config::field::Default::{Absent, Is, Required};
use crate::server::config::field::Plain::{EmptyList, EmptyTable, Flag, Integer, Text};
use crate::server::config::field::{DURATION, Kind, SIZE_MAX, Section, duration, field};
use crate::server::config::function::FUNCTION;
use crate::server::config::management::MANAGEMENT;
use crate::server::config::resource::{API, THROTTLING, UPSTREAM};
use crate::server::config::{check, log_place};

/// The file itself.
pub static ROOT: Section = Section {
    title: "the file",
    doc: "Durations are texts like \"250ms\", \"30s\", \"5m\" or \"1h\"; sizes are texts like \"16KiB\" or \
          \"10MB\", or integers of bytes. Relative paths start at the folder of this file.",
    fields: &[
        field(
            "workers",
            Kind::Or("auto", &Kind::Integer { min: 1, max: 1024 }),
            Is(Text("auto")),
            "Threads that serve; `auto` is one for each CPU the process may use.",
        ),
        field(
            "driver",
            Kind::Choice(&["auto", "io_uring", "epoll"]),
            Is(Text("auto")),
            "How threads wait for sockets; `auto` is io_uring where the kernel allows it, else epoll.",
        ),
        field(
            "listeners",
            Kind::Map {
                key: check::name,
                of: &Kind::Table(&LISTENER),
                sample: "main",
            },
            Is(EmptyTable),
            "Where clients are served, by name; without any, plain HTTP on 127.0.0.1:8080.",
        ),
        field("admin", Kind::Table(&ADMIN), Is(EmptyTable), ADMIN.doc),
        field(
            "management",
            Kind::Table(&MANAGEMENT),
            Is(EmptyTable),
            MANAGEMENT.doc,
        ),
        field("limits", Kind::Table(&LIMITS), Is(EmptyTable), LIMITS.doc),
        field(
            "timeouts",
            Kind::Table(&TIMEOUTS),
            Is(EmptyTable),
            TIMEOUTS.doc,
        ),
        field(
            "forwarding",
            Kind::Table(&FORWARDING),
            Is(EmptyTable),
            FORWARDING.doc,
        ),
        field(
            "logging",
            Kind::Table(&LOGGING),
            Is(EmptyTable),
            LOGGING.doc,
        ),
        field("dns", Kind::Table(&DNS), Is(EmptyTable), DNS.doc),
        field(
            "account",
            Kind::Table(&ACCOUNT),
            Is(EmptyTable),
            ACCOUNT.doc,
        ),
        field("aws", Kind::Table(&AWS), Is(EmptyTable), AWS.doc),
        field(
            "functions",
            Kind::Map {
                key: check::function_name,
                of: &Kind::Table(&FUNCTION),
                sample: "hello",
            },
            Is(EmptyTable),
            "Lambda functions that run on this machine, by name.",
        ),
        field(
            "upstreams",
            Kind::Map {
                key: check::name,
                of: &Kind::Table(&UPSTREAM),
                sample: "pets",
            },
            Is(EmptyTable),
            "Groups of servers, by name; the name stands for the host in the `uri` of an integration.",
        ),
        field(
            "apis",
            Kind::Map {
                key: check::name,
                of: &Kind::Table(&API),
                sample: "pets",
            },
            Is(EmptyTable),
            "The APIs to serve, by name.",
        ),
    ],
};

/// Buffers of this many bytes exist per connection, so 16 MiB is a lot.
const fn buffer(min: u64) -> Kind {
    Kind::Size { min, max: 16 << 20 }
}

static LISTENER: Section = Section {
    title: "a listener",
    doc: "One address that accepts connections.",
    fields: &[
        field(
            "address",
            Kind::Address,
            Required("\"127.0.0.1:8080\""),
            "IPv4 or IPv6 address and port; port 0 lets the system choose.",
        ),
        field(
            "tls",
            Kind::Table(&LISTENER_TLS),
            Absent(
                "{ certificates = [{ certificate = \"cert.pem\", private_key = \"key.pem\" }], minimum_version = \"1.2\" }",
            ),
            "How to speak TLS here; absent: plain HTTP.",
        ),
    ],
};

static LISTENER_TLS: Section = Section {
    title: "the TLS of a listener",
    doc: "TLS of a listener. The files are read again when they change.",
    fields: &[
        field(
            "certificates",
            Kind::List(&Kind::Table(&CERTIFICATE)),
            Required("[{ certificate = \"cert.pem\", private_key = \"key.pem\" }]"),
            "Each serves the names in it, wildcards included; the first also serves all others.",
        ),
        field(
            "minimum_version",
            Kind::Choice(&["1.2", "1.3"]),
            Is(Text("1.2")),
            "The oldest TLS version to accept.",
        ),
        field(
            "client_authorities",
            Kind::File,
            Absent("\"clients.pem\""),
            "PEM file with certificates, one of which must have signed that of each client; absent: \
             clients need none. Changes hold after a restart.",
        ),
    ],
};

static CERTIFICATE: Section = Section {
    title: "a certificate",
    doc: "A certificate chain and its key.",
    fields: &[
        field(
            "certificate",
            Kind::File,
            Required("\"cert.pem\""),
            "PEM file with the certificate first and its chain after it.",
        ),
        field(
            "private_key",
            Kind::File,
            Required("\"key.pem\""),
            "PEM file with the private key.",
        ),
    ],
};

static ADMIN: Section = Section {
    title: "`admin`",
    doc: "Health, metrics and numbers for the operator: /healthz, /readyz, /metrics, /stats.",
    fields: &[field(
        "address",
        Kind::Or("off", &Kind::Address),
        Is(Text("127.0.0.1:9901")),
        "A loopback address and port, or `off`.",
    )],
};

static LIMITS: Section = Section {
    title: "`limits`",
    doc: "What a client may make us hold; more is refused with the status given.",
    fields: &[
        field(
            "header_bytes",
            buffer(1_024),
            Is(Text("16KiB")),
            "Request line and headers together: 431.",
        ),
        field(
            "url_bytes",
            buffer(64),
            Is(Text("10KiB")),
            "The request target alone: 414.",
        ),
        field(
            "header_count",
            Kind::Integer { min: 1, max: 256 },
            Is(Integer(100)),
            "Header lines: 431.",
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
            Is(Text("unlimited")),
            "Request body, counted as it streams: 413. A route can set its own.",
        ),
        field(
            "trailer_bytes",
            buffer(0),
            Is(Text("8KiB")),
            "Trailers after a chunked body: 431.",
        ),
        field(
            "connections",
            Kind::Integer {
                min: 0,
                max: 10_000_000,
            },
            Is(Integer(0)),
            "Client connections of the whole process; 0 is no limit. More wait in the system's queue.",
        ),
    ],
};

static TIMEOUTS: Section = Section {
    title: "`timeouts`",
    doc: "How long a client may take.",
    fields: &[
        field(
            "header",
            DURATION,
            Is(Text("10s")),
            "From the first byte of a request to the end of its headers.",
        ),
        field(
            "body",
            DURATION,
            Is(Text("30s")),
            "Between two reads of a request body.",
        ),
        field(
            "idle",
            DURATION,
            Is(Text("60s")),
            "Between two requests on a connection.",
        ),
        field("handshake", DURATION, Is(Text("10s")), "The TLS handshake."),
        field(
            "write",
            DURATION,
            Is(Text("30s")),
            "While the client takes nothing of its response.",
        ),
        field(
            "exchange",
            Kind::Or("off", &DURATION),
            Is(Text("off")),
            "A whole request with its response.",
        ),
        field(
            "drain",
            duration(0),
            Is(Text("30s")),
            "What open requests are given when the process stops.",
        ),
    ],
};

static FORWARDING: Section = Section {
    title: "`forwarding`",
    doc: "What upstreams are told about the client.",
    fields: &[
        field(
            "x_forwarded",
            Kind::Choice(&["append", "replace", "off"]),
            Is(Text("append")),
            "X-Forwarded-For, -Proto, -Host and -Port: added to the client's own, put in their place, or passed as they came.",
        ),
        field(
            "forwarded",
            Kind::Flag,
            Is(Flag(false)),
            "Whether to add `Forwarded` (RFC 7239).",
        ),
        field(
            "via",
            Kind::Text(check::token_or_empty),
            Is(Text("")),
            "Our name in `Via` (RFC 9110 section 7.6.3); empty: not sent.",
        ),
        field(
            "request_id_header",
            Kind::Text(check::token_or_empty),
            Is(Text("apigw-requestid")),
            "Response header with the request id; empty: not sent.",
        ),
    ],
};

static LOGGING: Section = Section {
    title: "`logging`",
    doc: "What is written about the gateway and its requests.",
    fields: &[
        field(
            "level",
            Kind::Choice(&["error", "warn", "info", "debug", "trace"]),
            Is(Text("info")),
            "How much the gateway says about itself, on standard error.",
        ),
        field(
            "access_log",
            Kind::Or("off", &Kind::Text(log_place::one)),
            Is(Text("off")),
            "One line for each request: `off`, `stdout` or the path of a file.",
        ),
        field(
            "access_log_format",
            Kind::Text(check::any),
            Is(Text("json")),
            "`json`, `clf` or a text with `$context` variables; for stages that have no format of their own.",
        ),
        field(
            "execution_log",
            Kind::Or("off", &Kind::Text(log_place::of_stages)),
            Is(Text("stdout")),
            "What stages of REST APIs log of their calls, where their method settings say so: `off`, `stdout` or the path of a file, in which `{api}` and `{stage}` stand for the names of the stage.",
        ),
        field(
            "function_log",
            Kind::Or("off", &Kind::Text(log_place::one)),
            Is(Text("stdout")),
            "What functions print, with Lambda's START, END and REPORT lines: `off`, `stdout` or the path of a file.",
        ),
    ],
};

static DNS: Section = Section {
    title: "`dns`",
    doc: "How the names of upstream targets are resolved.",
    fields: &[
        field(
            "servers",
            Kind::List(&Kind::Text(check::name_server)),
            Is(EmptyList),
            "Addresses of name servers, with a port when it is not 53; empty: the system's.",
        ),
        field(
            "minimum_ttl",
            DURATION,
            Is(Text("1s")),
            "Answers are kept at least this long.",
        ),
        field(
            "maximum_ttl",
            DURATION,
            Is(Text("5m")),
            "Answers are kept at most this long.",
        ),
        field(
            "timeout",
            DURATION,
            Is(Text("2s")),
            "How long to wait for an answer.",
        ),
    ],
};

static ACCOUNT: Section = Section {
    title: "`account`",
    doc: "What holds for all APIs together.",
    fields: &[
        field(
            "region",
            Kind::Text(check::region),
            Is(Text("us-east-1")),
            "What functions of this file find as AWS_REGION, and the region in their ARNs.",
        ),
        field(
            "throttling",
            THROTTLING,
            Absent("{ rate_limit = 10000.0, burst_limit = 5000 }"),
            "Over all APIs together; absent: none.",
        ),
    ],
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::config::field::Default;

    /// Every section below this one, itself included.
    fn sections(section: &'static Section, found: &mut Vec<&'static Section>) {
        found.push(section);
        for field in section.fields {
            below(&field.kind, found);
        }
    }

    fn below(kind: &'static Kind, found: &mut Vec<&'static Section>) {
        match kind {
            Kind::Or(_, kind) | Kind::List(kind) | Kind::Map { of: kind, .. } => below(kind, found),
            Kind::Table(section) | Kind::Short(_, section) => sections(section, found),
            Kind::Tagged(_, variants) => variants.iter().for_each(|(_, s)| sections(s, found)),
            _ => {}
        }
    }

    #[test]
    fn every_field_says_what_it_does_in_whole_sentences() {
        let mut found = Vec::new();
        sections(&ROOT, &mut found);
        assert!(found.len() > 15);
        for section in found {
            assert!(section.doc.ends_with('.'), "{}", section.title);
            for field in section.fields {
                let place = format!("{} of {}", field.name, section.title);
                assert!(field.doc.ends_with('.'), "{place}");
                let twice = section
                    .fields
                    .iter()
                    .filter(|other| other.name == field.name);
                assert_eq!(twice.count(), 1, "{place}");
                if let Default::Absent(example) | Default::Required(example) = field.default {
                    assert!(
                        toml::de::DeValue::parse(example).is_ok(),
                        "{place}: {example}"
                    );
                }
            }
        }
    }
}

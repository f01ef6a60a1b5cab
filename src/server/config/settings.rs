//! What the gateway itself is told by the config file: plain values, all decided.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::model;

/// Everything but the APIs and upstreams, which are in the `Snapshot`.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Threads that serve; none: one for each CPU the process may use.
    pub workers: Option<u16>,
    pub driver: Driver,
    /// At least one, in the order of the file.
    pub listeners: Vec<Listener>,
    /// A loopback address; none: no admin listener.
    pub admin: Option<SocketAddr>,
    /// None: no management APIs.
    pub management: Option<Management>,
    pub limits: Limits,
    pub timeouts: Timeouts,
    pub forwarding: Forwarding,
    pub logging: Logging,
    pub dns: Dns,
    /// The region of the functions of this file.
    pub region: String,
    /// The account of what this file makes.
    pub account: String,
    pub aws: Aws,
}

/// How AWS's services are asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aws {
    pub keys: AwsKeys,
    /// Where the services are.
    pub services: model::Aws,
}

/// Where the keys are that sign requests to AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AwsKeys {
    Written {
        access_key_id: String,
        secret: Written,
        session_token: Option<String>,
    },
    /// In a file as AWS's tools share it.
    Shared {
        /// None: `default`.
        profile: Option<String>,
        /// None: where AWS's tools look.
        file: Option<PathBuf>,
    },
    /// In the environment, or else in the shared file.
    Usual,
}

/// How cores wait for their sockets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Driver {
    /// io_uring where the kernel allows it, else epoll.
    Auto,
    IoUring,
    Epoll,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Listener {
    /// As the user called it; unique.
    pub name: String,
    /// Unique unless its port is 0.
    pub address: SocketAddr,
    /// None: plain HTTP.
    pub tls: Option<ListenerTls>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct ListenerTls {
    /// At least one; the first serves names that no other has.
    pub certificates: Vec<CertificateFiles>,
    pub minimum_version: TlsVersion,
    /// A PEM file: clients must show a certificate that one in it signed.
    pub client_authorities: Option<PathBuf>,
}

/// PEM files.
#[derive(Clone, Debug, PartialEq)]
pub struct CertificateFiles {
    pub certificate: PathBuf,
    pub private_key: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    Tls12,
    Tls13,
}

/// AWS's management APIs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Management {
    /// A loopback address, unless there are keys.
    pub address: SocketAddr,
    /// None: in memory.
    pub data_dir: Option<PathBuf>,
    pub default_account: String,
    /// AWS's upper limits hold.
    pub strict: bool,
    /// The gateway's own errors of REST APIs may be read by pages of any origin.
    pub cors_on_errors: bool,
    /// Cached answers that say so are served over their time while they are renewed.
    pub stale_while_revalidate: bool,
    /// What alone may stand behind `{api}.execute-api.`; empty: anything.
    pub execute_api_suffixes: Vec<String>,
    /// Files and folders that stand for what AWS keeps in S3, by `s3://bucket/key`.
    pub truststores: BTreeMap<String, PathBuf>,
    /// Empty: any key is accepted.
    pub keys: Vec<ManagementKey>,
}

/// Who may sign requests to the management APIs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManagementKey {
    /// `AKIAIOSFODNN7EXAMPLE`.
    pub id: String,
    pub secret: Written,
    /// Twelve digits.
    pub account: String,
    pub name: String,
    /// An IAM policy in JSON; none: everything is allowed.
    pub policy: Option<Written>,
    /// Of a temporary key: requests have to present it.
    pub session_token: Option<Written>,
    /// When the key ends, seconds since 1970; none: never.
    pub expires_s: Option<u64>,
}

/// A text in the config file, or in another.
#[derive(Clone, PartialEq, Eq)]
pub enum Written {
    Here(String),
    File(PathBuf),
}

/// It may be a secret, so the text stays out of logs.
impl fmt::Debug for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Here(_) => f.write_str("Here"),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
        }
    }
}

/// What a client may make us hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Request line and headers together: 431.
    pub header_bytes_max: u32,
    /// The request target: 414.
    pub url_bytes_max: u32,
    /// Header lines: 431.
    pub header_count_max: u32,
    /// Request body: 413; none: no limit. Routes already carry it in the `Snapshot`, unless they
    /// have their own; here it is for requests that find no route.
    pub body_bytes_max: Option<u64>,
    /// Trailers: 431.
    pub trailer_bytes_max: u32,
    /// Client connections of the process; none: no limit.
    pub connections_max: Option<u32>,
}

/// How long a client may take, in milliseconds.
#[derive(Clone, Debug, PartialEq)]
pub struct Timeouts {
    /// From the first byte of a request to the end of its headers.
    pub header_ms: u32,
    /// Between two reads of a request body.
    pub body_ms: u32,
    /// Between two requests on a connection.
    pub idle_ms: u32,
    pub handshake_ms: u32,
    /// While the client takes nothing of its response.
    pub write_ms: u32,
    /// A whole request with its response; none: no limit.
    pub exchange_ms: Option<u32>,
    /// What open requests are given when the process stops.
    pub drain_ms: u32,
}

/// What upstreams and clients are told about the hop.
#[derive(Clone, Debug, PartialEq)]
pub struct Forwarding {
    pub x_forwarded: XForwarded,
    /// Whether to add `Forwarded` (RFC 7239).
    pub forwarded: bool,
    /// Our pseudonym in `Via`; none: not sent.
    pub via: Option<String>,
    /// Response header that carries the request id; none: not sent.
    pub request_id_header: Option<String>,
}

/// What happens to `X-Forwarded-For`, `-Proto`, `-Host` and `-Port`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum XForwarded {
    /// Added to what the client sent.
    Append,
    /// The client's own are dropped.
    Replace,
    /// Passed as they came.
    Off,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Logging {
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub level: String,
    pub access_log: AccessLog,
    /// `json`, `clf` or a text with `$context` variables. Stages without their own have it in the
    /// `Snapshot` already, when there is a log at all.
    pub access_log_format: String,
    /// Where execution logs of stages go; a path may have `{api}` and `{stage}` in it.
    pub execution_log: AccessLog,
    /// Where the lines of functions go.
    pub function_log: AccessLog,
}

/// Where the line of each request goes.
#[derive(Clone, Debug, PartialEq)]
pub enum AccessLog {
    Off,
    Stdout,
    File(PathBuf),
}

/// How the names of upstream targets are resolved.
#[derive(Clone, Debug, PartialEq)]
pub struct Dns {
    /// Empty: the system's.
    pub servers: Vec<SocketAddr>,
    pub minimum_ttl_ms: u32,
    pub maximum_ttl_ms: u32,
    pub timeout_ms: u32,
}

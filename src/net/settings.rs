//! What the configuration says about exchanges, as the cores use it.

use crate::wire::limits::Limits;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    pub limits: Limits,
    pub timeouts: Timeouts,
    pub forwarding: Forwarding,
    /// The gateway's own errors of REST APIs may be read by pages of any origin.
    pub cors_on_errors: bool,
    /// Answers of REST APIs that say so are served over their time while they are renewed.
    pub stale_while_revalidate: bool,
}

/// All in milliseconds; 0 means that there is no such limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// From the first byte of a request to the end of its head.
    pub header_ms: u32,
    /// Between two reads of a body, of the client's or of the upstream's.
    pub body_ms: u32,
    /// Between two requests of a connection.
    pub idle_ms: u32,
    /// For the whole TLS handshake.
    pub handshake_ms: u32,
    /// For a client to make room for more of its response.
    pub write_ms: u32,
    /// From the head of a request to the end of its response.
    pub exchange_ms: u32,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            header_ms: 10_000,
            body_ms: 30_000,
            idle_ms: 60_000,
            handshake_ms: 10_000,
            write_ms: 30_000,
            exchange_ms: 0,
        }
    }
}

/// Which headers tell the upstream about the client, and the client about us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forwarding {
    pub x_forwarded: XForwarded,
    /// RFC 7239.
    pub forwarded: bool,
    /// The pseudonym in `Via`; empty: not sent.
    pub via: Box<str>,
    /// The response header that carries the request id; empty: not sent.
    pub request_id_header: Box<str>,
}

impl Default for Forwarding {
    fn default() -> Self {
        Self {
            x_forwarded: XForwarded::Append,
            forwarded: false,
            via: "".into(),
            request_id_header: "apigw-requestid".into(),
        }
    }
}

/// `X-Forwarded-For`, `-Proto`, `-Host` and `-Port`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum XForwarded {
    /// Behind what the client sent: right behind a proxy that is trusted.
    Append,
    /// In the place of what the client sent: right at the edge.
    Replace,
    /// Passed as they came.
    Off,
}

//! Where the integration goes and how.

use std::sync::Arc;

#[derive(Debug)]
pub enum Target {
    Http(HttpTarget),
    Mock(MockTarget),
}

/// An upstream request: the client's method and end-to-end headers, its body streamed.
#[derive(Debug)]
pub struct HttpTarget {
    pub group: Arc<Group>,
    /// Value of the `Host` header; empty: the client's own is kept.
    pub host: Box<[u8]>,
    /// The path (always starts with `/` when rendered) and the integration URI's own query.
    pub path: Box<[Piece]>,
    /// The integration URI's own query without `?`; the client's query is appended to it.
    pub query: Box<[Piece]>,
    /// Time from the first byte sent to the last byte of the response head, milliseconds.
    pub timeout_ms: u32,
}

/// A part of an upstream URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    Literal(Box<[u8]>),
    /// The raw (still percent-encoded) text of this path parameter.
    Param(u8),
    /// The whole path of the request behind the stage's base path, without its first `/`.
    Path,
}

/// A fixed answer.
#[derive(Debug)]
pub struct MockTarget {
    pub status: u16,
    /// Complete header lines, each ended by CRLF, without Content-Length and Date.
    pub headers: Box<[u8]>,
    pub body: Box<[u8]>,
}

/// Index of a group's state on each core; dense and stable while the group's name lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupId(pub u32);

/// Upstream targets that serve the same thing.
#[derive(Debug, PartialEq)]
pub struct Group {
    pub id: GroupId,
    pub name: Box<str>,
    pub targets: Vec<GroupTarget>,
    pub balance: Balance,
    /// Failures in a row after which a target is left out; 0 never.
    pub eject_after: u32,
    /// How long it is left out, milliseconds.
    pub eject_ms: u32,
    pub connect_timeout_ms: u32,
    /// How long an unused connection is kept, milliseconds.
    pub idle_timeout_ms: u32,
    /// Unused connections kept for each target by each core.
    pub idle_connections_max: u32,
    pub tls: Option<GroupTls>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupTarget {
    /// A host name or an IP address without brackets.
    pub host: Box<str>,
    pub port: u16,
    /// At least 1.
    pub weight: u32,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Balance {
    #[default]
    RoundRobin,
    LeastOutstanding,
}

/// How to speak TLS to the targets of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupTls {
    /// The name sent as SNI and looked for in the certificate; empty: the target's own host.
    pub server_name: Box<str>,
    pub trust: Trust,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// The machine's own store of authorities.
    System,
    /// Only the authorities in this PEM file.
    File(Box<str>),
    /// Anybody: for tests and closed networks.
    Anybody,
}

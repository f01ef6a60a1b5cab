//! Where the integration goes and how.

use std::fmt;
use std::sync::Arc;

use crate::base::Method;
use crate::plan::{FunctionTarget, MappedTarget, Params, ServiceTarget, SubtypeTarget};

#[derive(Clone, Debug)]
pub enum Target {
    Http(HttpTarget),
    /// Parameter mapping of an HTTP API.
    Mapped(Arc<MappedTarget>),
    Mock(MockTarget),
    /// Nobody: callers would have to be checked, and cannot be.
    Unchecked(UncheckedTarget),
    Function(Arc<FunctionTarget>),
    /// What a method of a REST API makes of a request.
    Service(Arc<ServiceTarget>),
    /// An action of a service of AWS.
    Subtype(Arc<SubtypeTarget>),
    /// Nobody: a REST method makes its answer of what it was asked.
    Nobody,
}

impl Target {
    /// Whose connections its requests use, if any.
    pub fn group(&self) -> Option<&Arc<Group>> {
        match self {
            Self::Http(target) => Some(&target.group),
            Self::Mapped(mapped) => Some(&mapped.http.group),
            Self::Service(target) => Some(&target.service.group),
            Self::Subtype(target) => Some(&target.service.group),
            Self::Function(target) => Some(&target.remote.as_ref()?.group),
            Self::Mock(_) | Self::Unchecked(_) | Self::Nobody => None,
        }
    }

    /// Where it sends requests to, if it does.
    pub fn http(&self) -> Option<&HttpTarget> {
        match self {
            Self::Http(target) => Some(target),
            Self::Mapped(mapped) => Some(&mapped.http),
            Self::Mock(_)
            | Self::Unchecked(_)
            | Self::Function(_)
            | Self::Service(_)
            | Self::Subtype(_)
            | Self::Nobody => None,
        }
    }
}

/// An upstream request: the client's method and end-to-end headers, its body streamed.
#[derive(Clone, Debug)]
pub struct HttpTarget {
    pub group: Arc<Group>,
    /// Value of the `Host` header; empty: the client's own is kept.
    pub host: Arc<[u8]>,
    /// Always starts with `/` when written.
    pub path: Pieces,
    /// The integration URI's own query without `?`; the client's query is appended to it.
    pub query: Pieces,
    /// None: the client's own. A client that asks with HEAD has HEAD passed on in any case, since
    /// only then its answer has no body.
    pub method: Option<Method>,
    /// Time from the first byte sent to the last byte of the response head, milliseconds.
    pub timeout_ms: u32,
}

impl HttpTarget {
    /// The method to ask with for a client that asked with `client`.
    #[inline]
    pub fn method_for(&self, client: Method) -> Method {
        match self.method {
            Some(method) if client != Method::Head => method,
            _ => client,
        }
    }

    /// The host to name to the upstream of a client that named `client`.
    #[inline]
    pub fn host_for<'h>(&'h self, client: &'h [u8]) -> &'h [u8] {
        match self.host.is_empty() {
            true => client,
            false => &self.host,
        }
    }

    /// Appends the request target for the upstream: path and query.
    ///
    /// `path` is the path of the request behind the stage's base path, which `params` point into;
    /// `query` is the client's own, without `?`.
    pub fn write_target(
        &self,
        out: &mut Vec<u8>,
        path: &[u8],
        params: &Params,
        query: Option<&[u8]>,
    ) {
        for part in self.path.iter() {
            out.extend_from_slice(part.text(path, params));
        }
        if self.query.is_empty() && query.is_none() {
            return;
        }
        out.push(b'?');
        for part in self.query.iter() {
            match part {
                Part::Literal(literal) => out.extend_from_slice(literal),
                value => write_in_query(out, value.text(path, params)),
            }
        }
        if let Some(query) = query {
            if !self.query.is_empty() {
                out.push(b'&');
            }
            out.extend_from_slice(query);
        }
    }
}

/// Text of a path means something else in a query: `/a&b=c+d` is one segment, `?id=a&b=c+d` two
/// fields and a blank. What would split or change the value is percent-encoded.
fn write_in_query(out: &mut Vec<u8>, text: &[u8]) {
    for &byte in text {
        match byte {
            b'&' => out.extend_from_slice(b"%26"),
            b'+' => out.extend_from_slice(b"%2B"),
            b';' => out.extend_from_slice(b"%3B"),
            b'=' => out.extend_from_slice(b"%3D"),
            _ => out.push(byte),
        }
    }
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

/// Pieces of a URL one behind the other in a single allocation: with many routes each one that a
/// request touches is a miss of the cache.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Pieces {
    /// For each piece its kind, a byte with the index of a parameter or two with the length of a
    /// literal, and the literal.
    packed: Box<[u8]>,
}

const LITERAL: u8 = 0;
const PARAM: u8 = 1;
const PATH: u8 = 2;

/// A piece where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part<'a> {
    Literal(&'a [u8]),
    Param(u8),
    Path,
}

impl<'a> Part<'a> {
    /// What stands in the place of this piece.
    #[inline]
    fn text(self, path: &'a [u8], params: &Params) -> &'a [u8] {
        match self {
            Self::Literal(literal) => literal,
            Self::Param(index) => params.get(index, path),
            Self::Path => path.get(1..).unwrap_or_default(),
        }
    }
}

impl Pieces {
    pub fn is_empty(&self) -> bool {
        self.packed.is_empty()
    }

    #[inline]
    fn iter(&self) -> impl Iterator<Item = Part<'_>> {
        let mut rest = &*self.packed;
        std::iter::from_fn(move || match rest {
            [LITERAL, low, high, text @ ..] => {
                let bytes = usize::from(u16::from_le_bytes([*low, *high]));
                let (literal, behind) = text.split_at_checked(bytes)?;
                rest = behind;
                Some(Part::Literal(literal))
            }
            [PARAM, index, behind @ ..] => {
                rest = behind;
                Some(Part::Param(*index))
            }
            [_, behind @ ..] => {
                rest = behind;
                Some(Part::Path)
            }
            [] => None,
        })
    }
}

/// As text, parameters by their index: `/pets/<0>`.
impl fmt::Debug for Pieces {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.iter().try_for_each(|part| match part {
            Part::Literal(literal) => f.write_str(&String::from_utf8_lossy(literal)),
            Part::Param(index) => write!(f, "<{index}>"),
            Part::Path => f.write_str("<path>"),
        })
    }
}

impl From<&[Piece]> for Pieces {
    fn from(pieces: &[Piece]) -> Self {
        let mut packed = Vec::new();
        for piece in pieces {
            match piece {
                Piece::Literal(literal) => {
                    for part in literal.chunks(usize::from(u16::MAX)) {
                        packed.push(LITERAL);
                        packed.extend_from_slice(&(part.len() as u16).to_le_bytes());
                        packed.extend_from_slice(part);
                    }
                }
                Piece::Param(index) => packed.extend_from_slice(&[PARAM, *index]),
                Piece::Path => packed.push(PATH),
            }
        }
        Self {
            packed: packed.into(),
        }
    }
}

/// A fixed answer.
#[derive(Clone, Debug)]
pub struct MockTarget {
    pub status: u16,
    /// Complete header lines, each ended by CRLF, without Content-Length and Date.
    pub headers: Box<[u8]>,
    pub body: Box<[u8]>,
}

/// Why nobody is let in.
#[derive(Clone, Debug)]
pub struct UncheckedTarget {
    /// 403 or 500.
    pub status: u16,
    /// For logs, not for clients.
    pub why: Box<str>,
}

/// Index of a group's state on each core; dense and stable while the group's name lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupId(pub u32);

/// Upstream targets that serve the same thing.
#[derive(Debug, Default, PartialEq)]
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
    /// What is shown to targets that ask who we are.
    pub identity: Option<GroupIdentity>,
}

/// A client certificate and its key, PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct GroupIdentity {
    pub id: Box<str>,
    pub chain: Box<str>,
    pub key: Box<str>,
}

impl fmt::Debug for GroupIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GroupIdentity({})", self.id)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// The machine's own store of authorities.
    System,
    /// Only the authorities in this PEM file.
    File(Box<str>),
    /// Any authority that the target shows.
    AnyAuthority,
    /// Anybody: for tests and closed networks.
    Anybody,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Method;
    use crate::plan::Router;
    use crate::plan::router::Rules;
    use crate::plan::trie::{Part, Pattern};

    #[test]
    fn a_path_keeps_its_meaning_in_the_upstreams_path_and_query() {
        let pattern = Pattern::Path {
            method: None,
            parts: vec![Part::Param, Part::Greedy],
        };
        let router = Router::build(&[(pattern, 0)], Rules::default()).unwrap_or_default();
        let path = b"/a&b=c+d;e%26/x/y";
        let mut params = Params::default();
        assert_eq!(router.find(Method::Get, path, &mut params), Some(0));
        let text = |text: &str| Piece::Literal(text.as_bytes().into());
        let check = |own_path: &[Piece], own_query: &[Piece], query: Option<&str>, expected| {
            let target = HttpTarget {
                group: Arc::new(Group::default()),
                host: Arc::default(),
                path: own_path.into(),
                query: own_query.into(),
                method: None,
                timeout_ms: 1,
            };
            let mut out = Vec::new();
            target.write_target(&mut out, path, &params, query.map(str::as_bytes));
            assert_eq!(String::from_utf8_lossy(&out), expected);
        };
        let id = [text("/p/"), Piece::Param(0)];
        check(&id, &[], None, "/p/a&b=c+d;e%26");
        check(&id, &[], Some(""), "/p/a&b=c+d;e%26?");
        check(&id, &[], Some("q=1"), "/p/a&b=c+d;e%26?q=1");
        let all = [text("/"), Piece::Path];
        check(&all, &[text("v=2")], None, "/a&b=c+d;e%26/x/y?v=2");
        let field = [
            text("id="),
            Piece::Param(0),
            text("&rest="),
            Piece::Param(1),
        ];
        let expected = "/?id=a%26b%3Dc%2Bd%3Be%26&rest=x/y&q=1";
        check(&[text("/")], &field, Some("q=1"), expected);
        let long = "x".repeat(150_000);
        check(&[text(&long)], &[], None, &long);
    }
}

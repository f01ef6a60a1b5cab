//! Which header fields a backend and a client get, by the rules of each kind of API: one table.
//!
//! The parser has named all fields that any rule is about, so that a rule is a set of bits. What
//! belongs to one connection (RFC 9110 section 7.6.1) never goes on as it is; `Name::is_hop` sees
//! to that before these rules are asked.

use std::borrow::Cow;
use std::net::IpAddr;

use crate::base::ascii;
use crate::gateway::Call;
use crate::net::settings::XForwarded;
use crate::net::{Client, Exchange, forwarded};
use crate::plan::stage::StageKind;
use crate::wire::head::{Body, Field, Name};

/// Whose rules count for a request and its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rules {
    /// An API of the config file: what its `[forwarding]` says, nothing else.
    File,
    /// An HTTP API.
    Http,
    /// A REST API that passes everything on (`HTTP_PROXY`).
    RestProxy,
    /// A REST API that sends and gives what is mapped (`HTTP`, `AWS`), and its own answers.
    RestMapped,
}

/// A set of names that the parser knows, and whether names that it does not know are in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Names(u64);

impl Names {
    const NONE: Self = Self(0);
    /// What frames a body that is in memory is written anew.
    pub const LENGTH: Self = Self::of(&[Name::ContentLength]);

    const fn of(list: &[Name]) -> Self {
        let (mut bits, mut at) = (0, 0);
        while at < list.len() {
            bits |= 1 << list[at] as u64;
            at += 1;
        }
        Self(bits)
    }

    /// Both sets.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    const fn without(self, name: Name) -> Self {
        Self(self.0 & !(1 << name as u64))
    }

    const fn all_but(list: &[Name]) -> Self {
        Self(!Self::of(list).0)
    }

    #[inline]
    pub const fn has(self, name: Name) -> bool {
        self.0 >> name as u64 & 1 == 1
    }
}

/// What a REST API hides from everything behind it, templates too: `$input.params('TE')` is empty.
pub const HIDDEN: Names = Names::of(&[
    Name::Connection,
    Name::ContentLength,
    Name::ContentMd5,
    Name::Expect,
    Name::MaxForwards,
    Name::ProxyAuthenticate,
    Name::Server,
    Name::Te,
    Name::TransferEncoding,
    Name::Trailer,
    Name::Upgrade,
    Name::WwwAuthenticate,
]);

/// What a mapping of a REST API must not write: doing so is a configuration error when it is run.
const UNMAPPABLE: Names = Names::of(&[
    Name::ContentLength,
    Name::TransferEncoding,
    Name::XAmznTraceId,
    Name::XAmznApigatewayApiId,
]);

/// The same for integrations with AWS services and functions.
const UNMAPPABLE_AWS: Names = UNMAPPABLE.and(Names::of(&[
    Name::Authorization,
    Name::Connection,
    Name::Expect,
    Name::ProxyAuthenticate,
    Name::Te,
]));

/// `X-Forwarded-*` as far as the parser knows them.
const FORWARDED: Names = Names::of(&[
    Name::XForwardedFor,
    Name::XForwardedHost,
    Name::XForwardedPort,
    Name::XForwardedProto,
]);

const REMAPPED: Names = Names::of(&[
    Name::Authorization,
    Name::Connection,
    Name::ContentLength,
    Name::ContentMd5,
    Name::Date,
    Name::Expect,
    Name::Host,
    Name::MaxForwards,
    Name::ProxyAuthenticate,
    Name::Server,
    Name::Trailer,
    Name::Upgrade,
    Name::UserAgent,
    Name::WwwAuthenticate,
    Name::XAmznRequestId,
]);

const REMAPPED_PREFIX: &[u8] = b"x-amzn-Remapped-";

impl Rules {
    /// The rules for what an API of this kind passes on as it comes.
    #[inline]
    pub const fn streamed(kind: StageKind) -> Self {
        match kind {
            StageKind::File => Self::File,
            StageKind::Http => Self::Http,
            StageKind::Rest => Self::RestProxy,
        }
    }

    /// What of a request is not sent to the backend as it came.
    const fn not_sent(self) -> Names {
        match self {
            Self::File => Names::of(&[Name::Host, Name::Expect]),
            Self::Http => FORWARDED.and(Names::of(&[
                Name::Host,
                Name::Expect,
                Name::Forwarded,
                Name::Via,
                Name::XAmznTraceId,
            ])),
            // The body streams, so the length that frames it stays.
            Self::RestProxy => FORWARDED.and(Names::of(&[
                Name::Host,
                Name::ContentEncoding,
                Name::ContentMd5,
                Name::Expect,
                Name::MaxForwards,
                Name::Server,
                Name::Via,
                Name::WwwAuthenticate,
                Name::XAmznApigatewayApiId,
                Name::XAmznTraceId,
            ])),
            Self::RestMapped => Names::all_but(&[Name::ContentType]),
        }
    }

    /// What of a backend's answer the client does not get.
    const fn not_given(self) -> Names {
        match self {
            Self::File | Self::Http => Names::NONE,
            Self::RestProxy | Self::RestMapped => {
                Names::of(&[Name::TransferEncoding, Name::XAmzApigwId])
            }
        }
    }

    /// What of a backend's answer the client gets as `x-amzn-Remapped-` and its name.
    const fn remapped(self) -> Names {
        match self {
            Self::File | Self::Http => Names::NONE,
            Self::RestProxy | Self::RestMapped => REMAPPED,
        }
    }

    /// The same, with what the settings of this client's listener say is written anew. Made once
    /// for a request, so that each of its fields costs one test of a bit.
    #[inline]
    pub fn dropped(self, client: &Client) -> Names {
        let mut names = self.not_sent();
        if self == Self::File {
            let forwarding = &client.settings.forwarding;
            if forwarding.x_forwarded != XForwarded::Off {
                names = names.and(FORWARDED);
            }
            if forwarding.forwarded {
                names = names.and(Names::of(&[Name::Forwarded]));
            }
            if !forwarding.via.is_empty() {
                names = names.and(Names::of(&[Name::Via]));
            }
        }
        names
    }

    /// Whether a field of the request that is not dropped by its name is so by what it holds.
    #[inline]
    pub fn withholds(self, field: &Field, bytes: &[u8]) -> bool {
        match (self, field.id) {
            (Self::RestProxy, Name::Authorization) => is_signature(field.value.of(bytes)),
            (Self::RestProxy, Name::Other) => is_forwarded_more(field.name.of(bytes)),
            _ => false,
        }
    }

    /// Whether a field of the request is sent to the backend as it came, whatever the listener says.
    #[inline]
    pub fn sends(self, field: &Field, bytes: &[u8]) -> bool {
        !self.not_sent().has(field.id) && !self.withholds(field, bytes)
    }

    /// What of a backend's answer is not given as it came. The length is: it frames the body that
    /// streams, whatever else it is called.
    #[inline]
    pub const fn changed(self) -> Names {
        let names = self.not_given().and(self.remapped());
        names.without(Name::ContentLength)
    }

    /// What becomes of a field of an answer.
    #[inline]
    pub const fn gives(self, name: Name) -> Given {
        if self.remapped().has(name) {
            Given::Remapped
        } else if self.not_given().has(name) {
            Given::Not
        } else {
            Given::AsIs
        }
    }

    /// Appends the remapped fields of an answer, those of the connection included.
    pub fn write_remapped(self, out: &mut Vec<u8>, fields: &[Field], bytes: &[u8]) {
        for field in fields.iter().filter(|field| self.remapped().has(field.id)) {
            out.extend_from_slice(REMAPPED_PREFIX);
            out.extend_from_slice(&bytes[field.name.start as usize..field.end as usize]);
        }
    }
}

/// How a client gets a field of a backend's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    AsIs,
    /// As `x-amzn-Remapped-` and its name.
    Remapped,
    Not,
}

/// Whether a mapping of a REST API may write this header of the request to its backend.
pub fn may_map(name: &[u8], to_aws: bool) -> bool {
    let unmappable = if to_aws { UNMAPPABLE_AWS } else { UNMAPPABLE };
    !unmappable.has(Name::of(name))
}

/// The name under which a client gets what is called `name`; none if it does not get it.
pub fn given_name(rules: Rules, name: &str) -> Option<Cow<'_, str>> {
    match rules.gives(Name::of(name.as_bytes())) {
        Given::AsIs => Some(Cow::Borrowed(name)),
        Given::Remapped => Some(Cow::Owned(["x-amzn-Remapped-", name].concat())),
        Given::Not => None,
    }
}

/// The client's own signature is for us, no business of a backend.
fn is_signature(value: &[u8]) -> bool {
    value.starts_with(b"AWS4-HMAC-SHA256 ") || value.starts_with(b"AWS4-ECDSA-P256-SHA256 ")
}

fn is_forwarded_more(name: &[u8]) -> bool {
    const PREFIX: &[u8] = b"x-forwarded-";
    name.get(..PREFIX.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(PREFIX))
}

/// Appends what an HTTP or REST API tells its backend besides what the client sent.
pub fn append_sent(out: &mut Vec<u8>, rules: Rules, call: &Call<'_>, exchange: &Exchange<'_>) {
    match rules {
        Rules::File => forwarded::append(out, exchange),
        Rules::Http => {
            append_forwarded(out, exchange);
            append_trace(out, rules, call);
            // "API Gateway adds the Content-type header to your request if there is no payload
            // and the Content-Length is 0."
            let head = exchange.head();
            let says_nothing = head.body == Body::Length(0);
            if says_nothing && head.field(exchange.bytes(), Name::ContentType).is_none() {
                out.extend_from_slice(b"Content-Type: application/json\r\n");
            }
        }
        Rules::RestProxy | Rules::RestMapped => {
            if let Some(stage) = call.stage {
                line(out, b"X-Amzn-Apigateway-Api-Id", stage.api_id.as_bytes());
            }
            append_trace(out, rules, call);
        }
    }
}

/// Appends the line of `X-Amzn-Trace-Id`, if this call has a trace.
pub fn append_trace(out: &mut Vec<u8>, rules: Rules, call: &Call<'_>) {
    let Some(trace) = &call.trace else { return };
    out.extend_from_slice(b"X-Amzn-Trace-Id: ");
    match rules {
        Rules::Http => trace.write_root(out),
        _ => trace.write(out),
    }
    out.extend_from_slice(b"\r\n");
}

/// Appends the ids of the request, which every answer carries.
#[inline]
pub fn append_ids(out: &mut Vec<u8>, call: &Call<'_>, exchange: &Exchange<'_>) {
    let own = call.request_id.as_bytes();
    match call.kind {
        StageKind::File => {
            let name = &exchange.client.settings.forwarding.request_id_header;
            if !name.is_empty() {
                line(out, name.as_bytes(), own);
            }
        }
        StageKind::Http => line(out, b"Apigw-Requestid", own),
        StageKind::Rest => {
            if let Some(uuid) = &call.uuid {
                line(out, b"x-amzn-RequestId", uuid.as_bytes());
            }
            line(out, b"x-amz-apigw-id", own);
        }
    }
}

/// The name under which a backend's answer must not carry an id of its own, since ours goes there;
/// empty if there is none.
#[inline]
pub fn id_name(kind: StageKind, client: &Client) -> &[u8] {
    match kind {
        StageKind::File => client.settings.forwarding.request_id_header.as_bytes(),
        StageKind::Http => b"apigw-requestid",
        // Both are known to the parser, and in the tables above.
        StageKind::Rest => b"",
    }
}

/// AWS: "HTTP APIs translate incoming `X-Forwarded-*` headers into a standard `Forwarded` header
/// and will append the egress IP, Host, and protocol", as RFC 7239 spells it.
fn append_forwarded(out: &mut Vec<u8>, exchange: &Exchange<'_>) {
    let (client, bytes) = (exchange.client, exchange.bytes());
    out.extend_from_slice(b"Forwarded: ");
    for field in &exchange.head().fields {
        match field.id {
            Name::Forwarded if !field.hop && !field.value.is_empty() => {
                out.extend_from_slice(field.value.of(bytes));
                out.extend_from_slice(b", ");
            }
            Name::XForwardedFor if !field.hop => {
                for hop in ascii::elements(field.value.of(bytes)) {
                    out.extend_from_slice(b"for=");
                    value(out, hop);
                    out.extend_from_slice(b", ");
                }
            }
            _ => {}
        }
    }
    out.extend_from_slice(b"by=");
    node(out, client.local.ip());
    out.extend_from_slice(b";for=");
    node(out, client.peer.ip());
    let host = exchange.head().host.of(bytes);
    if !host.is_empty() {
        out.extend_from_slice(b";host=");
        value(out, host);
    }
    out.extend_from_slice(match client.is_tls {
        true => b";proto=https\r\n",
        false => b";proto=http\r\n",
    });
    out.extend_from_slice(b"Via: ");
    for field in &exchange.head().fields {
        if field.id == Name::Via && !field.hop && !field.value.is_empty() {
            out.extend_from_slice(field.value.of(bytes));
            out.extend_from_slice(b", ");
        }
    }
    out.extend_from_slice(b"HTTP/1.1 AmazonAPIGateway\r\n");
}

/// A token as it is, anything else in quotes (RFC 7239 section 4). What would end the quotes is
/// left out: it has no place in a host or an address.
fn value(out: &mut Vec<u8>, text: &[u8]) {
    if ascii::is_token(text) {
        return out.extend_from_slice(text);
    }
    out.push(b'"');
    out.extend(text.iter().filter(|byte| !b"\"\\".contains(byte)));
    out.push(b'"');
}

fn node(out: &mut Vec<u8>, ip: IpAddr) {
    let is_v6 = matches!(ip, IpAddr::V6(ip) if ip.to_ipv4_mapped().is_none());
    out.extend_from_slice(if is_v6 { b"\"[" } else { b"" });
    forwarded::address(out, ip);
    out.extend_from_slice(if is_v6 { b"]\"" } else { b"" });
}

fn line(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::head::{Parsed, RequestHead, ResponseHead};
    use crate::wire::limits::Limits;

    const ALL: [Rules; 4] = [
        Rules::File,
        Rules::Http,
        Rules::RestProxy,
        Rules::RestMapped,
    ];

    #[test]
    fn each_kind_sends_what_its_rules_say() {
        let text = "GET / HTTP/1.1\r\nHost: a\r\nAccept: */*\r\nAuthorization: Bearer x\r\n\
            Connection: x-hop\r\nContent-Encoding: gzip\r\nContent-MD5: x\r\nContent-Type: a/b\r\n\
            Expect: 100-continue\r\nForwarded: for=1\r\nMax-Forwards: 1\r\nPragma: x\r\n\
            Proxy-Authenticate: x\r\nRange: x\r\nReferer: x\r\nServer: x\r\nTE: x\r\nTrailer: x\r\n\
            Upgrade: x\r\nUser-Agent: x\r\nVia: x\r\nWarn: x\r\nWWW-Authenticate: x\r\n\
            X-Amzn-Trace-Id: x\r\nX-Forwarded-For: x\r\nX-Forwarded-Prefix: x\r\nX-Hop: x\r\n\r\n";
        let check = |rules: Rules, dropped: &str| {
            let (mut head, mut out) = (RequestHead::default(), String::new());
            let parsed = head.parse(text.as_bytes(), &Limits::default());
            assert_eq!(parsed, Ok(Parsed::Complete));
            for field in &head.fields {
                if field.hop || !rules.sends(field, text.as_bytes()) {
                    let name = field.name.of(text.as_bytes());
                    out.push_str(&String::from_utf8_lossy(name).to_lowercase());
                    out.push(' ');
                }
            }
            assert_eq!(out.trim(), dropped, "{rules:?}");
        };
        check(
            Rules::File,
            "host connection expect proxy-authenticate te trailer upgrade x-hop",
        );
        check(
            Rules::Http,
            "host connection expect forwarded proxy-authenticate te trailer upgrade via \
             x-amzn-trace-id x-forwarded-for x-hop",
        );
        check(
            Rules::RestProxy,
            "host connection content-encoding content-md5 expect max-forwards proxy-authenticate \
             server te trailer upgrade via www-authenticate x-amzn-trace-id x-forwarded-for \
             x-forwarded-prefix x-hop",
        );
        let all = text.lines().skip(1).filter_map(|line| line.split_once(':'));
        let others = all.map(|(name, _)| name.trim().to_lowercase());
        let others: Vec<String> = others.filter(|name| name != "content-type").collect();
        check(Rules::RestMapped, &others.join(" "));
    }

    #[test]
    fn a_signature_for_us_is_not_sent_on_by_a_rest_api() {
        let check = |rules: Rules, value: &str, expected| {
            let text = format!("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: {value}\r\n\r\n");
            let mut head = RequestHead::default();
            let parsed = head.parse(text.as_bytes(), &Limits::default());
            assert_eq!(parsed, Ok(Parsed::Complete));
            let sends = rules.sends(&head.fields[1], text.as_bytes());
            assert_eq!(sends, expected, "{rules:?} {value}");
        };
        let signature = "AWS4-HMAC-SHA256 Credential=a/b";
        check(Rules::RestProxy, signature, false);
        check(Rules::RestProxy, "Basic YTpi", true);
        check(Rules::Http, signature, true);
        check(Rules::File, signature, true);
    }

    #[test]
    fn answers_of_rest_apis_are_remapped_as_recorded() {
        let text = "HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\nDate: x\r\n\
            Content-Encoding: gzip\r\nServer: x\r\nVia: x\r\nx-amzn-requestid: x\r\n\
            WWW-Authenticate: x\r\nTE: x\r\nX-Own: x\r\n\r\n";
        let mut head = ResponseHead::default();
        let parsed = head.parse(text.as_bytes(), false, &Limits::default());
        assert_eq!(parsed, Ok(Parsed::Complete));
        let mut out = Vec::new();
        Rules::RestProxy.write_remapped(&mut out, &head.fields, text.as_bytes());
        let expected = "x-amzn-Remapped-Connection: keep-alive\r\n\
            x-amzn-Remapped-Content-Length: 0\r\nx-amzn-Remapped-Date: x\r\n\
            x-amzn-Remapped-Server: x\r\nx-amzn-Remapped-x-amzn-requestid: x\r\n\
            x-amzn-Remapped-WWW-Authenticate: x\r\n";
        assert_eq!(String::from_utf8_lossy(&out), expected);
        for rules in [Rules::File, Rules::Http] {
            out.clear();
            rules.write_remapped(&mut out, &head.fields, text.as_bytes());
            assert!(out.is_empty());
        }
    }

    #[test]
    fn a_name_is_given_remapped_or_left_out() {
        let check = |rules, name, expected: Option<&str>| {
            assert_eq!(given_name(rules, name).as_deref(), expected, "{name}");
        };
        for rules in ALL {
            check(rules, "X-Own", Some("X-Own"));
            check(rules, "Content-Type", Some("Content-Type"));
        }
        check(Rules::RestMapped, "date", Some("x-amzn-Remapped-date"));
        check(Rules::RestMapped, "Transfer-Encoding", None);
        check(Rules::Http, "date", Some("date"));
    }

    #[test]
    fn some_headers_cannot_be_mapped() {
        let check = |name: &str, to_aws, expected| {
            assert_eq!(may_map(name.as_bytes(), to_aws), expected, "{name}");
        };
        for name in ["Content-Length", "transfer-encoding", "X-Amzn-Trace-Id"] {
            check(name, false, false);
            check(name, true, false);
        }
        for name in ["Authorization", "Connection", "Expect", "TE"] {
            check(name, false, true);
            check(name, true, false);
        }
        check("X-Own", true, true);
    }

    #[test]
    fn nodes_and_hosts_are_quoted_where_rfc_7239_says_so() {
        let check = |text: &str, expected: &str| {
            let mut out = Vec::new();
            value(&mut out, text.as_bytes());
            assert_eq!(String::from_utf8_lossy(&out), expected);
        };
        check("10.0.0.1", "10.0.0.1");
        check("a.example:80", "\"a.example:80\"");
        check("[::1]", "\"[::1]\"");
        check("a\"b\\c", "\"abc\"");
    }
}

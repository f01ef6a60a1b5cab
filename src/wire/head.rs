//! Message heads as ranges over one buffer, the names of fields we know, and look-ups.

use crate::base::{Method, ascii};

/// A range of the buffer that a message begins in; offsets count from the message's first byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    pub start: u32,
    pub end: u32,
}

impl Span {
    pub(super) fn new(start: usize, end: usize) -> Self {
        Self {
            start: start as u32,
            end: end as u32,
        }
    }

    /// The bytes of this range. Panics when `bytes` is not the buffer that was parsed.
    #[inline]
    pub fn of(self, bytes: &[u8]) -> &[u8] {
        &bytes[self.start as usize..self.end as usize]
    }

    #[inline]
    pub fn len(self) -> usize {
        (self.end - self.start) as usize
    }

    #[inline]
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }
}

/// One field line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// The name as received; the line begins with it.
    pub name: Span,
    /// The value without white space around it.
    pub value: Span,
    /// End of the line, behind its CRLF: where the next line begins.
    pub end: u32,
    pub id: Name,
    /// Meant for this connection only: by definition, or because `Connection` nominates it
    /// (RFC 9110 section 7.6.1). Never forwarded.
    pub hop: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    Http10,
    #[default]
    Http11,
}

/// How the body behind a head ends (RFC 9112 section 6.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Body {
    /// Nothing follows.
    #[default]
    None,
    /// So many bytes follow; may be 0.
    Length(u64),
    /// Chunks follow.
    Chunked,
    /// All that comes until the connection closes. Responses only.
    UntilClose,
}

/// What became of the bytes so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parsed {
    Complete,
    /// The head goes on; read more and parse again from the first byte.
    Partial,
}

/// A request head. Reuse one per connection: its memory stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestHead {
    pub method: Method,
    pub method_token: Span,
    /// The target as received.
    pub target: Span,
    /// The path without query, not decoded: begins with `/`, or is `*` for `OPTIONS *`. Where an
    /// absolute-form target has no path, this is the second slash of its `://`.
    pub path: Span,
    /// What follows the `?`.
    pub query: Option<Span>,
    /// `host[:port]`: the authority of an absolute-form target, else the Host field. Empty only
    /// for HTTP/1.0.
    pub host: Span,
    pub version: Version,
    pub fields: Vec<Field>,
    /// `None`, `Length` or `Chunked`.
    pub body: Body,
    /// Whether the client would send another request on this connection.
    pub keep_alive: bool,
    /// The client waits for `100 Continue` before it sends the body.
    pub expect_continue: bool,
    /// `Connection: upgrade` and an Upgrade field (HTTP/1.1 only).
    pub upgrade: bool,
    /// Bytes of the head with its blank line: where the body begins.
    pub length: u32,
}

/// A response head. Reuse one per connection: its memory stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResponseHead {
    pub version: Version,
    /// 100 to 599.
    pub status: u16,
    /// The reason phrase; often empty, may hold obs-text.
    pub reason: Span,
    pub fields: Vec<Field>,
    pub body: Body,
    /// Whether another request may follow on this connection once the body has ended.
    pub keep_alive: bool,
    /// `Connection: upgrade` and an Upgrade field (HTTP/1.1 only).
    pub upgrade: bool,
    /// Bytes of the head with its blank line: where the body begins.
    pub length: u32,
}

impl RequestHead {
    /// The value of the first field known as `name`. `bytes` is the buffer that was parsed.
    pub fn field<'a>(&self, bytes: &'a [u8], name: Name) -> Option<&'a [u8]> {
        known(&self.fields, bytes, name)
    }

    /// The value of the first field with this name, any name. `lowercase_name` in lower case.
    pub fn header<'a>(&self, bytes: &'a [u8], lowercase_name: &[u8]) -> Option<&'a [u8]> {
        named(&self.fields, bytes, lowercase_name)
    }
}

impl ResponseHead {
    /// The value of the first field known as `name`. `bytes` is the buffer that was parsed.
    pub fn field<'a>(&self, bytes: &'a [u8], name: Name) -> Option<&'a [u8]> {
        known(&self.fields, bytes, name)
    }

    /// The value of the first field with this name, any name. `lowercase_name` in lower case.
    pub fn header<'a>(&self, bytes: &'a [u8], lowercase_name: &[u8]) -> Option<&'a [u8]> {
        named(&self.fields, bytes, lowercase_name)
    }
}

fn known<'a>(fields: &[Field], bytes: &'a [u8], name: Name) -> Option<&'a [u8]> {
    let field = fields.iter().find(|field| field.id == name)?;
    Some(field.value.of(bytes))
}

fn named<'a>(fields: &[Field], bytes: &'a [u8], lowercase_name: &[u8]) -> Option<&'a [u8]> {
    let field = fields
        .iter()
        .find(|field| ascii::is_lower(field.name.of(bytes), lowercase_name))?;
    Some(field.value.of(bytes))
}

/// Declares [`Name`] once: variant, lower-case text, flags.
macro_rules! names {
    ($($variant:ident $text:literal $($flag:ident)*;)*) => {
        /// Field names that the gateway itself has an interest in.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Name {
            /// Any other name.
            #[default]
            Other,
            $($variant,)*
        }

        impl Name {
            /// All names but `Other`.
            pub const ALL: &'static [Name] = &[$(Name::$variant,)*];

            /// The name in lower case; empty for `Other`.
            pub const fn text(self) -> &'static str {
                match self {
                    Name::Other => "",
                    $(Name::$variant => $text,)*
                }
            }
        }

        const HOP: u64 = 0 $($(| flags::$flag(flags::HOP, Name::$variant))*)*;
        const NO_TRAILER: u64 = 0 $($(| flags::$flag(flags::NO_TRAILER, Name::$variant))*)*;
    };
}

/// The flags in the table of names, each a function so that the table can name it.
#[allow(non_snake_case)]
mod flags {
    pub const HOP: u8 = 1;
    pub const NO_TRAILER: u8 = 2;

    /// Meant for one connection (RFC 9110 section 7.6.1), therefore no trailer either.
    pub const fn hop(_asked: u8, name: super::Name) -> u64 {
        1 << name as u64
    }

    /// Frames, routes, authenticates or describes the content: "a sender MUST NOT generate a
    /// trailer field unless [its] definition permits it" (RFC 9110 section 6.5.1).
    pub const fn head_only(asked: u8, name: super::Name) -> u64 {
        if asked == NO_TRAILER {
            1 << name as u64
        } else {
            0
        }
    }
}

names! {
    Accept "accept";
    AcceptEncoding "accept-encoding";
    Authorization "authorization" head_only;
    CacheControl "cache-control" head_only;
    Connection "connection" hop;
    ContentEncoding "content-encoding" head_only;
    ContentLength "content-length" head_only;
    ContentMd5 "content-md5" head_only;
    ContentRange "content-range" head_only;
    ContentType "content-type" head_only;
    Cookie "cookie" head_only;
    Date "date" head_only;
    Expect "expect" head_only;
    Forwarded "forwarded" head_only;
    Host "host" head_only;
    Http2Settings "http2-settings" hop;
    KeepAlive "keep-alive" hop;
    Location "location" head_only;
    MaxForwards "max-forwards" head_only;
    Origin "origin" head_only;
    ProxyAuthenticate "proxy-authenticate" hop;
    ProxyAuthorization "proxy-authorization" hop;
    ProxyConnection "proxy-connection" hop;
    Range "range" head_only;
    Referer "referer";
    RetryAfter "retry-after" head_only;
    Server "server";
    SetCookie "set-cookie" head_only;
    Te "te" hop;
    Trailer "trailer" hop;
    TransferEncoding "transfer-encoding" hop;
    Upgrade "upgrade" hop;
    UserAgent "user-agent";
    Vary "vary" head_only;
    Via "via" head_only;
    WwwAuthenticate "www-authenticate" head_only;
    XAmzApigwId "x-amz-apigw-id";
    XAmznApigatewayApiId "x-amzn-apigateway-api-id";
    XAmznRequestId "x-amzn-requestid";
    XAmznTraceId "x-amzn-trace-id";
    XApiKey "x-api-key" head_only;
    XDaemunExplain "x-daemun-explain" head_only;
    XForwardedFor "x-forwarded-for" head_only;
    XForwardedHost "x-forwarded-host" head_only;
    XForwardedPort "x-forwarded-port" head_only;
    XForwardedProto "x-forwarded-proto" head_only;
}

impl Name {
    /// The longest text of a known name.
    pub const TEXT_BYTES_MAX: usize = 24;

    /// Tells names apart without regard to case, by length and first letter before anything else.
    #[inline]
    pub fn of(name: &[u8]) -> Self {
        let Some(&first) = name.first() else {
            return Self::Other;
        };
        let candidate = match (name.len(), first | 0x20) {
            (2, b't') => Self::Te,
            (3, b'v') => Self::Via,
            (4, b'h') => Self::Host,
            (4, b'd') => Self::Date,
            (4, b'v') => Self::Vary,
            (5, b'r') => Self::Range,
            (6, b'a') => Self::Accept,
            (6, b'c') => Self::Cookie,
            (6, b'e') => Self::Expect,
            (6, b'o') => Self::Origin,
            (6, b's') => Self::Server,
            (7, b'r') => Self::Referer,
            (7, b't') => Self::Trailer,
            (7, b'u') => Self::Upgrade,
            (8, b'l') => Self::Location,
            (9, b'f') => Self::Forwarded,
            (9, b'x') => Self::XApiKey,
            (10, b'c') => Self::Connection,
            (10, b'k') => Self::KeepAlive,
            (10, b's') => Self::SetCookie,
            (10, b'u') => Self::UserAgent,
            (11, b'c') => Self::ContentMd5,
            (11, b'r') => Self::RetryAfter,
            (12, b'c') => Self::ContentType,
            (12, b'm') => Self::MaxForwards,
            (13, b'a') => Self::Authorization,
            (13, b'c') if name[1] | 0x20 == b'a' => Self::CacheControl,
            (13, b'c') => Self::ContentRange,
            (14, b'c') => Self::ContentLength,
            (14, b'h') => Self::Http2Settings,
            (14, b'x') => Self::XAmzApigwId,
            (15, b'a') => Self::AcceptEncoding,
            (15, b'x') if name[2] | 0x20 == b'a' => Self::XAmznTraceId,
            (15, b'x') => Self::XForwardedFor,
            (16, b'c') => Self::ContentEncoding,
            (16, b'p') => Self::ProxyConnection,
            (16, b'w') => Self::WwwAuthenticate,
            (16, b'x') if name[2] | 0x20 == b'a' => Self::XAmznRequestId,
            (16, b'x') if name[2] | 0x20 == b'd' => Self::XDaemunExplain,
            (16, b'x') if name[12] | 0x20 == b'h' => Self::XForwardedHost,
            (16, b'x') => Self::XForwardedPort,
            (17, b't') => Self::TransferEncoding,
            (17, b'x') => Self::XForwardedProto,
            (18, b'p') => Self::ProxyAuthenticate,
            (19, b'p') => Self::ProxyAuthorization,
            (24, b'x') => Self::XAmznApigatewayApiId,
            _ => return Self::Other,
        };
        if candidate.is(name) {
            candidate
        } else {
            Self::Other
        }
    }

    /// Whether `name` spells this name, in any case. Both have the same length.
    ///
    /// Setting bit 5 makes letters lower case and leaves `-` and digits alone. No other byte
    /// becomes a letter by it, and the only ones that become `-` or `2` are controls, which
    /// occur in no name.
    #[inline]
    fn is(self, name: &[u8]) -> bool {
        let text = self.text().as_bytes();
        // Eight bytes at a time; the first and the last ones overlap where there are less than 16.
        if let (Some(first), Some(last)) = (name.first_chunk(), name.last_chunk()) {
            let (lower_first, lower_last) = (text.first_chunk(), text.last_chunk());
            let same = is_lower(first, lower_first) && is_lower(last, lower_last);
            return same && (name.len() <= 16 || is_lower(&eighth(name), Some(&eighth(text))));
        }
        let differences = name
            .iter()
            .zip(text)
            .fold(0, |sum, (byte, lower)| sum | ((byte | 0x20) ^ lower));
        differences == 0
    }

    /// Whether the field is hop-by-hop whatever `Connection` says.
    #[inline]
    pub const fn is_hop(self) -> bool {
        HOP >> self as u64 & 1 == 1
    }

    /// Whether the field means something in the head only, so that a trailer must not set it.
    #[inline]
    pub const fn is_head_only(self) -> bool {
        NO_TRAILER >> self as u64 & 1 == 1
    }
}

/// As `Name::is`, of eight bytes.
#[inline]
fn is_lower(bytes: &[u8; 8], lower: Option<&[u8; 8]>) -> bool {
    let lowered = u64::from_le_bytes(*bytes) | 0x2020_2020_2020_2020;
    lower.is_some_and(|lower| lowered == u64::from_le_bytes(*lower))
}

/// The bytes from the eighth on.
#[inline]
fn eighth(name: &[u8]) -> [u8; 8] {
    name.get(8..)
        .and_then(<[u8]>::first_chunk)
        .copied()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_in_any_case() {
        for &name in Name::ALL {
            let text = name.text();
            assert_eq!(Name::of(text.as_bytes()), name, "{text}");
            assert_eq!(Name::of(text.to_uppercase().as_bytes()), name, "{text}");
            assert!(text.len() <= Name::TEXT_BYTES_MAX, "{text}");
            assert!((name as u8) < 64, "{text}: the flags are 64 bits");
        }
    }

    #[test]
    fn near_misses_are_other_names() {
        for &name in Name::ALL {
            let text = name.text().as_bytes();
            for at in 0..text.len() {
                let mut wrong = text.to_vec();
                wrong[at] = if wrong[at] == b'z' { b'y' } else { b'z' };
                assert_eq!(Name::of(&wrong), Name::Other, "{wrong:?}");
                assert_ne!(Name::of(&text[..at]), name);
            }
            let longer = [text, b"s"].concat();
            assert_ne!(Name::of(&longer), name);
        }
        assert_eq!(Name::of(b""), Name::Other);
        assert_eq!(Name::of(b"content_length"), Name::Other);
    }

    #[test]
    fn connection_fields_are_hop_by_hop_and_length_is_not() {
        let hop: Vec<_> = Name::ALL
            .iter()
            .filter(|name| name.is_hop())
            .map(|name| name.text())
            .collect();
        assert_eq!(
            hop,
            [
                "connection",
                "http2-settings",
                "keep-alive",
                "proxy-authenticate",
                "proxy-authorization",
                "proxy-connection",
                "te",
                "trailer",
                "transfer-encoding",
                "upgrade"
            ]
        );
        assert!(
            hop.iter()
                .all(|text| Name::of(text.as_bytes()).is_head_only())
        );
        assert!(Name::ContentLength.is_head_only() && Name::Host.is_head_only());
        assert!(!Name::Other.is_hop() && !Name::Other.is_head_only());
    }
}

//! Every way a message can be wrong, and the one answer each earns.

use thiserror::Error;

/// Why a request head was refused. The connection closes behind the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum RequestError {
    #[error("more than two empty lines before the request line")]
    LeadingLines,
    #[error("method is not a token")]
    Method,
    #[error("method too long")]
    MethodTooLong,
    #[error("CONNECT is not for gateways")]
    Connect,
    #[error("bad byte in or behind the request target, or no target")]
    TargetBytes,
    #[error("request target too long")]
    TargetTooLong,
    #[error("{0}")]
    Target(#[from] TargetError),
    #[error("no HTTP version in the request line")]
    Version,
    #[error("HTTP version is neither 1.0 nor 1.1")]
    VersionNotSupported,
    #[error("request line does not end in CRLF")]
    LineEnd,
    #[error("{0}")]
    Field(#[from] FieldError),
    #[error("no Host header")]
    NoHost,
    #[error("two Host headers")]
    TwoHosts,
    #[error("Host is not host[:port]")]
    Host,
    #[error("Expect is not 100-continue")]
    Expect,
}

impl RequestError {
    /// The status of the answer: 400, 414, 417, 431, 501 or 505.
    pub fn status(self) -> u16 {
        match self {
            Self::TargetTooLong => 414,
            Self::Expect => 417,
            Self::Field(FieldError::HeadTooLarge | FieldError::TooMany) => 431,
            Self::MethodTooLong | Self::Connect => 501,
            Self::VersionNotSupported => 505,
            _ => 400,
        }
    }
}

/// What is wrong with a request target or the path in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TargetError {
    #[error("target is neither a path, an http(s) URI nor OPTIONS *")]
    Form,
    #[error("authority of the target is not host[:port]")]
    Authority,
    #[error("byte outside visible ASCII in the target")]
    Byte,
    #[error("fragment in the target")]
    Fragment,
    #[error("backslash in the path")]
    Backslash,
    #[error("bad percent-encoding in the path")]
    PercentEncoding,
    #[error("NUL in the path")]
    Nul,
    #[error("dot segment in the path")]
    DotSegment,
}

/// Why a response head was refused. It is the upstream's fault: 502, and the connection closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ResponseError {
    #[error("answer does not begin with HTTP/1.0 or HTTP/1.1")]
    Version,
    #[error("bad status line")]
    StatusLine,
    #[error("status is not within 100 and 599")]
    Status,
    #[error("{0}")]
    Field(#[from] FieldError),
}

/// What is wrong with the header section of a request or a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FieldError {
    #[error("head too large")]
    HeadTooLarge,
    #[error("too many headers")]
    TooMany,
    #[error("line feed without carriage return")]
    BareLineFeed,
    #[error("carriage return without line feed")]
    BareCarriageReturn,
    #[error("folded header line")]
    Folded,
    #[error("header without a name")]
    EmptyName,
    #[error("white space in a header name or before its colon")]
    SpaceInName,
    #[error("header line without a colon")]
    NoColon,
    #[error("bad byte in a header name")]
    Name,
    #[error("NUL in a header value")]
    Nul,
    #[error("control character in a header value")]
    Value,
    #[error("two Content-Length headers")]
    TwoContentLengths,
    #[error("Content-Length is not a number")]
    ContentLength,
    #[error("two Transfer-Encoding headers")]
    TwoTransferEncodings,
    #[error("Transfer-Encoding is not chunked")]
    TransferEncoding,
    #[error("Transfer-Encoding in HTTP/1.0")]
    TransferEncodingInHttp10,
    #[error("both Transfer-Encoding and Content-Length")]
    BothFramings,
    #[error("Connection names a header that frames or routes the message")]
    Nominated,
    #[error("Connection names too many headers")]
    TooManyNominated,
}

/// Why a chunked body was refused. A request earns [`ChunkError::status`], a response 502, if
/// there is still time to answer; the connection closes in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ChunkError {
    #[error("bad chunk size")]
    Size,
    #[error("chunk size too large")]
    SizeTooLarge,
    #[error("bad chunk extension")]
    Extension,
    #[error("chunk line too long")]
    LineTooLong,
    #[error("chunk lines far outweigh the payload")]
    TooMuchOverhead,
    #[error("line does not end in CRLF")]
    LineEnd,
    #[error("chunk data does not end in CRLF")]
    DataEnd,
    #[error("malformed trailer field")]
    Trailer,
    #[error("trailer field that belongs into the head")]
    TrailerForbidden,
    #[error("trailer section too large")]
    TrailersTooLarge,
}

impl ChunkError {
    /// The status of the answer to a request: 400, or 431 for trailers, which are fields too.
    pub fn status(self) -> u16 {
        match self {
            Self::TrailersTooLarge => 431,
            _ => 400,
        }
    }
}

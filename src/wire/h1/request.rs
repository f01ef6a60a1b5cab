//! Request heads: tokenised by httparse, then held to the letter of RFC 9112.

use std::mem::MaybeUninit;

use httparse::{Error, Header, Status};

use crate::base::{Method, ascii};
use crate::wire::error::{FieldError, RequestError};
use crate::wire::h1::fields::{Facts, Section, diagnose};
use crate::wire::head::{Body, Parsed, RequestHead, Span, Version};
use crate::wire::limits::Limits;
use crate::wire::target;

impl RequestHead {
    /// Reads the head that begins at `bytes[0]`; what follows it is not looked at.
    ///
    /// Up to two empty lines in front of the request line are skipped (RFC 9112 section 2.2).
    /// After `Partial` or an error the other members mean nothing. A prefix of a message gives
    /// `Partial` or the very error of the whole, and never more memory than `limits` allow.
    pub fn parse(&mut self, bytes: &[u8], limits: &Limits) -> Result<Parsed, RequestError> {
        let window = &bytes[..bytes.len().min(limits.head_bytes_max as usize)];
        let parsed = self.parse_window(window, limits)?;
        if parsed == Parsed::Partial && window.len() == limits.head_bytes_max as usize {
            return Err(FieldError::HeadTooLarge.into());
        }
        Ok(parsed)
    }

    fn parse_window(&mut self, window: &[u8], limits: &Limits) -> Result<Parsed, RequestError> {
        let Some(start) = skip_empty_lines(window)? else {
            return Ok(Parsed::Partial);
        };
        let mut table = [const { MaybeUninit::<Header<'_>>::uninit() }; Limits::FIELDS_CEILING];
        let fields_max = table.len().min(limits.fields_max.into());
        let mut request = httparse::Request::new(&mut []);
        match request.parse_with_uninit_headers(&window[start..], &mut table[..fields_max]) {
            Ok(Status::Complete(length)) => {
                self.finish(window, start, length, &request, limits)?;
                Ok(Parsed::Complete)
            }
            Ok(Status::Partial) => {
                check_request_line(&window[start..], limits)?;
                Ok(Parsed::Partial)
            }
            Err(fault) => {
                check_request_line(&window[start..], limits)?;
                refuse(&window[start..], fault)
            }
        }
    }

    /// Takes over what httparse found in `window[start..start + length]`.
    fn finish(
        &mut self,
        window: &[u8],
        start: usize,
        length: usize,
        request: &httparse::Request<'_, '_>,
        limits: &Limits,
    ) -> Result<(), RequestError> {
        let method_bytes = request.method.map_or(0, str::len);
        let target_bytes = request.path.map_or(0, str::len);
        if method_bytes > Limits::METHOD_BYTES_MAX {
            return Err(RequestError::MethodTooLong);
        }
        if target_bytes > limits.target_bytes_max as usize {
            return Err(RequestError::TargetTooLong);
        }
        let target_start = start + method_bytes + 1;
        let version_start = target_start + target_bytes + 1;
        self.method_token = Span::new(start, start + method_bytes);
        self.target = Span::new(target_start, target_start + target_bytes);
        self.version = match request.version {
            Some(0) => Version::Http10,
            _ => Version::Http11,
        };
        let fields_start = match window.get(version_start + HTTP_VERSION_BYTES..) {
            Some([b'\r', b'\n', ..]) => version_start + HTTP_VERSION_BYTES + 2,
            _ => return Err(RequestError::LineEnd),
        };
        let token = self.method_token.of(window);
        if token == b"CONNECT" {
            return Err(RequestError::Connect);
        }
        self.method = Method::of(token);
        let target = target::parse(window, self.target, self.method)?;
        self.path = target.path;
        self.query = target.query;
        let mut section = Section {
            bytes: window,
            request: true,
            out: &mut self.fields,
        };
        let (facts, end) = section.collect(fields_start, request.headers)?;
        debug_assert_eq!(end, start + length);
        self.length = end as u32;
        self.settle(window, &facts, target.authority)
    }

    /// Draws the conclusions from all fields.
    pub(super) fn settle(
        &mut self,
        window: &[u8],
        facts: &Facts,
        authority: Option<Span>,
    ) -> Result<(), RequestError> {
        let http11 = self.version == Version::Http11;
        self.host = host(window, facts, authority, http11)?;
        self.body = facts.framing.request(self.version)?;
        let connection = facts.connection;
        self.keep_alive = !connection.close && (http11 || connection.keep_alive);
        // "A server MUST ignore an Upgrade header field that is received in an HTTP/1.0 request"
        // (RFC 9110 section 7.8).
        self.upgrade = http11 && facts.upgrade && connection.upgrade;
        // "A server that receives a 100-continue expectation in an HTTP/1.0 request MUST ignore
        // that expectation" (RFC 9110 section 10.1.1); without a body there is nothing to wait for.
        self.expect_continue = match facts.expect_continue {
            Some(false) => return Err(RequestError::Expect),
            Some(true) => http11 && !matches!(self.body, Body::None | Body::Length(0)),
            None => false,
        };
        Ok(())
    }
}

/// The host that the request is for. "A server MUST respond with a 400 (Bad Request) status code
/// to any HTTP/1.1 request message that lacks a Host header field and to any request message
/// that contains more than one Host header field line or a Host header field with an invalid
/// field value" (RFC 9112 section 3.2). An absolute-form target wins over the field.
fn host(
    window: &[u8],
    facts: &Facts,
    authority: Option<Span>,
    http11: bool,
) -> Result<Span, RequestError> {
    if facts.two_hosts {
        return Err(RequestError::TwoHosts);
    }
    let Some(field) = facts.host else {
        return match authority {
            _ if http11 => Err(RequestError::NoHost),
            Some(authority) => Ok(authority),
            None => Ok(Span::default()),
        };
    };
    let may_be_empty = !http11 || authority.is_some();
    let fine = if field.is_empty() {
        may_be_empty
    } else {
        target::is_host(field.of(window))
    };
    if fine {
        Ok(authority.unwrap_or(field))
    } else {
        Err(RequestError::Host)
    }
}

/// Where the request line begins; `None` while that is open.
fn skip_empty_lines(window: &[u8]) -> Result<Option<usize>, RequestError> {
    let mut at = 0;
    loop {
        match window[at..] {
            [] | [b'\r'] => return Ok(None),
            [b'\r', b'\n', ..] if at == 2 * EMPTY_LINES_MAX => {
                return Err(RequestError::LeadingLines);
            }
            [b'\r', b'\n', ..] => at += 2,
            [b'\r', ..] => return Err(FieldError::BareCarriageReturn.into()),
            [b'\n', ..] => return Err(FieldError::BareLineFeed.into()),
            _ => return Ok(Some(at)),
        }
    }
}

/// Refuses a request line that is too long already, ended or not. `text` begins with it. These
/// faults come before all others, so that how much has arrived cannot change the answer.
#[cold]
fn check_request_line(text: &[u8], limits: &Limits) -> Result<(), RequestError> {
    let method_bytes = method_bytes(text);
    if method_bytes > Limits::METHOD_BYTES_MAX {
        return Err(RequestError::MethodTooLong);
    }
    let target = match text[method_bytes..] {
        [b' ', ref target @ ..] if method_bytes > 0 => target,
        _ => return Ok(()),
    };
    let target_bytes = target
        .iter()
        .position(|&byte| byte <= b' ' || byte == 0x7f)
        .unwrap_or(target.len());
    if target_bytes > limits.target_bytes_max as usize {
        return Err(RequestError::TargetTooLong);
    }
    Ok(())
}

/// Names the fault that httparse found in `text`, which begins with the request line.
#[cold]
fn refuse(text: &[u8], fault: Error) -> Result<Parsed, RequestError> {
    let version = text.splitn(3, |&byte| byte == b' ').nth(2).unwrap_or(b"");
    let behind_version = version.get(HTTP_VERSION_BYTES..).unwrap_or(b"");
    let fields = behind_version
        .strip_prefix(b"\r")
        .unwrap_or(behind_version)
        .strip_prefix(b"\n");
    Err(match (fault, fields) {
        (Error::TooManyHeaders, _) => FieldError::TooMany.into(),
        (Error::Version, _) => return refuse_version(version),
        (Error::Token, _) => match text[method_bytes(text)..] {
            [b' ', ..] if text[0] != b' ' => RequestError::TargetBytes,
            _ => RequestError::Method,
        },
        (_, Some(fields)) => diagnose(fields).into(),
        (_, None) => RequestError::LineEnd,
    })
}

/// `version` begins where the HTTP version should, and is none that we speak.
#[cold]
fn refuse_version(version: &[u8]) -> Result<Parsed, RequestError> {
    let shape = b"HTTP/0.0";
    let fits = version.iter().zip(shape).all(|(byte, want)| match want {
        b'0' => byte.is_ascii_digit(),
        _ => byte == want,
    });
    match fits {
        true if version.len() < shape.len() => Ok(Parsed::Partial),
        true => Err(RequestError::VersionNotSupported),
        false => Err(RequestError::Version),
    }
}

fn method_bytes(text: &[u8]) -> usize {
    text.iter()
        .position(|&byte| !ascii::is_token_byte(byte))
        .unwrap_or(text.len())
}

const HTTP_VERSION_BYTES: usize = "HTTP/1.1".len();
/// "a server [...] SHOULD ignore at least one empty line (CRLF) received prior to the
/// request-line" (RFC 9112 section 2.2).
const EMPTY_LINES_MAX: usize = 2;

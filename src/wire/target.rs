//! The request target: its forms, its path, what a host may look like.
//!
//! Paths are never rewritten here: what is not the same to every reader is refused.

use std::net::Ipv6Addr;

use crate::base::{Method, ascii};
use crate::wire::error::{RequestError, TargetError};
use crate::wire::head::Span;

/// Where the parts of a target lie in the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub path: Span,
    pub query: Option<Span>,
    /// Only of an absolute-form target.
    pub authority: Option<Span>,
}

/// Takes the target at `span` apart: origin-form, absolute-form with http or https, or `*` with
/// OPTIONS (RFC 9112 section 3.2).
pub(super) fn parse(bytes: &[u8], span: Span, method: Method) -> Result<Target, TargetError> {
    let target = span.of(bytes);
    let start = span.start as usize;
    if target.first() == Some(&b'/') {
        return path_and_query(bytes, start, span.end as usize, None);
    }
    if target == b"*" && method == Method::Options {
        return Ok(Target {
            path: span,
            query: None,
            authority: None,
        });
    }
    let scheme = scheme_bytes(target).ok_or(TargetError::Form)?;
    let authority_start = start + scheme;
    let rest = &target[scheme..];
    let authority_bytes = rest
        .iter()
        .position(|byte| matches!(byte, b'/' | b'?' | b'#'))
        .unwrap_or(rest.len());
    let (authority, _) = rest.split_at(authority_bytes);
    if authority.is_empty() || !is_host(authority) {
        return Err(TargetError::Authority);
    }
    let authority = Span::new(authority_start, authority_start + authority_bytes);
    path_and_query(
        bytes,
        authority_start + authority_bytes,
        span.end as usize,
        Some(authority),
    )
}

/// A target of the usual form: a path, and a query behind it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ordinary {
    pub path: Span,
    pub query: Option<Span>,
    /// Where it ends.
    pub end: usize,
}

/// Reads a target in origin-form from `start` to the space behind it, if nothing in it has to be looked at
/// twice. None says nothing: then `parse` has to be asked.
#[inline]
pub(super) fn parse_ordinary(bytes: &[u8], start: usize) -> Option<Ordinary> {
    let text = bytes.get(start..)?;
    if text.first() != Some(&b'/') {
        return None;
    }
    let mut at = 0;
    loop {
        match PATH[*text.get(at)? as usize] {
            PLAIN => {}
            // Of dots, raw or encoded, `check_dots` knows.
            SLASH if !matches!(text.get(at + 1), Some(b'.' | b'%')) => {}
            _ => break,
        }
        at += 1;
    }
    let path = Span::new(start, start + at);
    let (query, end) = match text[at] {
        b' ' => (None, path.end as usize),
        b'?' => {
            let query = &text[at + 1..];
            let length = query.iter().position(|&byte| !is_query_byte(byte))?;
            let query_start = start + at + 1;
            let query = Span::new(query_start, query_start + length);
            (Some(query), query.end as usize)
        }
        _ => return None,
    };
    (bytes[end] == b' ').then_some(Ordinary { path, query, end })
}

/// Refuses paths that two readers could understand differently: percent-encodings that are none,
/// NUL, `.` and `..` segments raw or encoded (also where only a decoder of `%2F`, `\` or `;`
/// would see a segment), backslashes, and bytes outside visible ASCII. `path` has no query.
pub fn check_path(path: &[u8]) -> Result<(), RequestError> {
    match scan_path(path)? {
        end if end == path.len() => Ok(()),
        _ => Err(RequestError::Target(TargetError::Form)),
    }
}

/// The segments of a path, not decoded: `/a//b` has `a`, an empty one and `b`; `/` has one, empty.
pub fn segments(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.strip_prefix(b"/")
        .unwrap_or(path)
        .split(|&byte| byte == b'/')
}

/// Whether `text` is `host[:port]`: a registered name, an IPv4 address or an IPv6 address in
/// brackets; no user information (RFC 3986 section 3.2). Empty is no host. A comma would be
/// legal in a name, but reads as a list of hosts.
pub fn is_host(text: &[u8]) -> bool {
    if text.first() == Some(&b'[') {
        return is_bracketed_host(text);
    }
    let name = text
        .iter()
        .position(|&byte| !HOST[byte as usize])
        .unwrap_or(text.len());
    match text[name..] {
        [] => name > 0,
        [b':', ref port @ ..] => name > 0 && is_port(port),
        [b'%', ..] => is_encoded_host(text),
        _ => false,
    }
}

/// Bytes of `http://` or `https://` in front of a target.
fn scheme_bytes(target: &[u8]) -> Option<usize> {
    [&b"http://"[..], b"https://"]
        .into_iter()
        .find(|scheme| {
            target
                .get(..scheme.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
        })
        .map(<[u8]>::len)
}

fn path_and_query(
    bytes: &[u8],
    start: usize,
    end: usize,
    authority: Option<Span>,
) -> Result<Target, TargetError> {
    let rest = &bytes[start..end];
    let path_bytes = scan_path(rest)?;
    let query = match rest[path_bytes..].first() {
        None => None,
        Some(b'#') => return Err(TargetError::Fragment),
        Some(_) => {
            check_query(&rest[path_bytes + 1..])?;
            Some(Span::new(start + path_bytes + 1, end))
        }
    };
    let path = match authority {
        // "If the target URI's path component is empty, the client MUST send "/" as the path"
        // (RFC 9112 section 3.2.1); a slash to point at stands in front of the authority.
        Some(authority) if path_bytes == 0 => {
            Span::new(authority.start as usize - 1, authority.start as usize)
        }
        _ => Span::new(start, start + path_bytes),
    };
    Ok(Target {
        path,
        query,
        authority,
    })
}

/// Bytes of the path at the start of `text`: up to `?`, `#` or the end.
fn scan_path(text: &[u8]) -> Result<usize, TargetError> {
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        match PATH[byte as usize] {
            PLAIN => {}
            SLASH => check_dots(&text[at + 1..])?,
            PERCENT => match ascii::percent_byte(&text[at..]) {
                None => return Err(TargetError::PercentEncoding),
                Some(0) => return Err(TargetError::Nul),
                Some(b'/' | b'\\') => check_dots(&text[at + 3..])?,
                Some(_) => {}
            },
            STOP => return Ok(at),
            _ if byte == b'\\' => return Err(TargetError::Backslash),
            _ => return Err(TargetError::Byte),
        }
        at += 1;
    }
    Ok(at)
}

/// Refuses one or two dots, raw or encoded, that fill a segment. `text` begins with the segment.
#[inline]
fn check_dots(text: &[u8]) -> Result<(), TargetError> {
    if !matches!(text.first(), Some(b'.' | b'%')) {
        return Ok(());
    }
    let one = dot_bytes(text);
    if one == 0 {
        return Ok(());
    }
    let rest = &text[one..];
    let rest = &rest[dot_bytes(rest)..];
    let ends = match rest.first() {
        None | Some(b'/' | b'?' | b'#' | b';' | b'\\') => true,
        Some(b'%') => matches!(
            ascii::percent_byte(rest),
            Some(b'/' | b'\\' | b';' | b'?' | b'#')
        ),
        Some(_) => false,
    };
    if ends {
        Err(TargetError::DotSegment)
    } else {
        Ok(())
    }
}

/// Bytes of the dot that `text` begins with: 1, 3 for `%2e`, or 0.
fn dot_bytes(text: &[u8]) -> usize {
    match text {
        [b'.', ..] => 1,
        [b'%', b'2', b'e' | b'E', ..] => 3,
        _ => 0,
    }
}

#[inline]
fn is_query_byte(byte: u8) -> bool {
    (0x21..=0x7e).contains(&byte) && byte != b'#'
}

/// Queries are opaque, but for bytes that may stand in no target.
fn check_query(query: &[u8]) -> Result<(), TargetError> {
    // A sum instead of an early end, so that the compiler looks at many bytes in one step.
    let faults = query.iter().fold(0_u8, |sum, &byte| {
        sum | u8::from(byte == b'#') | u8::from(!(0x21..=0x7e).contains(&byte)) << 1
    });
    match faults {
        0 => Ok(()),
        1 => Err(TargetError::Fragment),
        _ => Err(TargetError::Byte),
    }
}

#[cold]
fn is_bracketed_host(text: &[u8]) -> bool {
    let Some(close) = text.iter().position(|&byte| byte == b']') else {
        return false;
    };
    let address = std::str::from_utf8(&text[1..close])
        .ok()
        .and_then(|address| address.parse::<Ipv6Addr>().ok());
    let port = &text[close + 1..];
    address.is_some() && (port.is_empty() || port.strip_prefix(b":").is_some_and(is_port))
}

/// A registered name with percent-encodings.
#[cold]
fn is_encoded_host(text: &[u8]) -> bool {
    let colon = text.iter().position(|&byte| byte == b':');
    let (name, port) = text.split_at(colon.unwrap_or(text.len()));
    let mut at = 0;
    while at < name.len() {
        at += match ascii::percent_byte(&name[at..]) {
            // What decodes to a delimiter or a control is another host to the next reader.
            Some(byte) if HOST[byte as usize] || byte >= 0x80 => 3,
            None if HOST[name[at] as usize] => 1,
            _ => return false,
        };
    }
    port.is_empty() || is_port(&port[1..])
}

/// `*DIGIT` that fits 16 bits; an empty port is the scheme's own (RFC 3986 section 3.2.3).
fn is_port(port: &[u8]) -> bool {
    let number = port.iter().try_fold(0_u16, |sum, byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        sum.checked_mul(10)?.checked_add(u16::from(digit))
    });
    number.is_some() && port.len() <= 5
}

/// Unreserved characters and sub-delims without the comma.
const HOST: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let marks = b"-._~!$&'()*+;=";
    let mut index = 0;
    while index < marks.len() {
        table[marks[index] as usize] = true;
        index += 1;
    }
    table
};

const PLAIN: u8 = 0;
const SLASH: u8 = 1;
const PERCENT: u8 = 2;
const STOP: u8 = 3;
const REFUSED: u8 = 4;

const PATH: [u8; 256] = {
    let mut table = [REFUSED; 256];
    let mut byte = 0x21;
    while byte < 0x7f {
        table[byte] = PLAIN;
        byte += 1;
    }
    table[b'/' as usize] = SLASH;
    table[b'%' as usize] = PERCENT;
    table[b'?' as usize] = STOP;
    table[b'#' as usize] = STOP;
    table[b'\\' as usize] = REFUSED;
    table
};

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_names_and_addresses_with_ports() {
        for good in [
            "example.com",
            "EXAMPLE.com.",
            "a",
            "a-b_c~d",
            "127.0.0.1",
            "127.0.0.1:80",
            "a:",
            "a:0",
            "a:65535",
            "[::1]",
            "[::1]:8080",
            "[::ffff:1.2.3.4]",
            "[2001:db8::]:",
            "xn--bcher-kva.example",
            "caf%C3%A9.example",
            "caf%c3%a9:80",
            "!$&'()*+;=",
        ] {
            assert!(is_host(good.as_bytes()), "{good:?}");
        }
        for bad in [
            "",
            ":80",
            "a b",
            "a,b",
            "a/b",
            "/",
            "user@a",
            "user:pw@a",
            "a:b",
            "a:-1",
            "a:+1",
            "a:65536",
            "a:000080",
            "a:80:80",
            "a:80 ",
            "[::1",
            "::1",
            "[]",
            "[::1]x",
            "[::1]:x",
            "[::1%25eth0]",
            "[v1.a]",
            "[1.2.3.4]",
            "a?b",
            "a#b",
            "a\\b",
            "http://a",
            "<a>",
            "a%zz",
            "a%2",
            "a%",
            "a%2fb",
            "a%40b",
            "a%00",
            "a\0",
            "é",
            "a\"b",
            "a|b",
            "a^b",
            "[::1]:65536",
            "a%41:x",
        ] {
            assert!(!is_host(bad.as_bytes()), "{bad:?}");
        }
    }

    #[test]
    fn paths_that_read_alike_everywhere_pass() {
        for good in [
            "/",
            "/a",
            "/a/b/",
            "//",
            "/a//b",
            "/.a",
            "/..a",
            "/a.",
            "/a..",
            "/...",
            "/a.b",
            "/.well-known/x",
            "/%41",
            "/%7e",
            "/%2F",
            "/a%2Fb",
            "/%C3%A9",
            "/a;b=c",
            "/a:b@c",
            "/{a}|<b>\"^`",
            "/%2e%2e%2e",
            "/%2ea",
            "/a%2e%2e",
            "/a%5cb",
            "/%25%30%30",
        ] {
            assert_eq!(check_path(good.as_bytes()), Ok(()), "{good:?}");
        }
    }

    #[test]
    fn ambiguous_paths_are_refused() {
        let check = |path: &[u8], expected| {
            assert_eq!(
                check_path(path),
                Err(RequestError::Target(expected)),
                "{path:?}"
            );
        };
        for dots in [
            "/.",
            "/..",
            "/./",
            "/../",
            "/a/..",
            "/a/../b",
            "/a/./b",
            "/%2e",
            "/%2E%2e",
            "/.%2e",
            "/%2e.",
            "/a/%2e%2E/b",
            "//..",
            "/..;",
            "/..;/b",
            "/.;x",
            "/a%2f..",
            "/a%2F../b",
            "/..%2fb",
            "/%5c..",
            "/..%5cb",
            "/..%3b",
            "/.%3F",
        ] {
            check(dots.as_bytes(), TargetError::DotSegment);
        }
        for percent in [
            "/%", "/a%", "/%4", "/%zz", "/%4g", "/%%41", "/%u0041", "/a%2", "/% 1",
        ] {
            check(percent.as_bytes(), TargetError::PercentEncoding);
        }
        check(b"/%00", TargetError::Nul);
        check(b"/a%00.png", TargetError::Nul);
        check(b"/a\\b", TargetError::Backslash);
        check(b"/\\..", TargetError::Backslash);
        for byte in [
            b"/a b", b"/a\tb", b"/a\0b", b"/a\x7fb", b"/a\x80b", b"/a\xffb", b"/a\rb",
        ] {
            check(byte, TargetError::Byte);
        }
        check(b"/a?b", TargetError::Form);
        check(b"/a#b", TargetError::Form);
    }

    #[test]
    fn segments_keep_empty_ones() {
        let check = |path: &str, expected: &[&str]| {
            let found: Vec<_> = segments(path.as_bytes())
                .map(|segment| std::str::from_utf8(segment).unwrap())
                .collect();
            assert_eq!(found, expected, "{path:?}");
        };
        check("/", &[""]);
        check("/a", &["a"]);
        check("/a/", &["a", ""]);
        check("/a//b", &["a", "", "b"]);
        check("/a%2Fb/c", &["a%2Fb", "c"]);
    }

    #[test]
    fn targets_come_apart() {
        let check =
            |target: &str, method, expected: Result<(&str, Option<&str>, Option<&str>), _>| {
                let bytes = target.as_bytes();
                let text = |span: Span| std::str::from_utf8(span.of(bytes)).unwrap();
                let found = parse(bytes, Span::new(0, bytes.len()), method).map(|found| {
                    (
                        text(found.path),
                        found.query.map(text),
                        found.authority.map(text),
                    )
                });
                assert_eq!(found, expected, "{target:?}");
            };
        let get = Method::Get;
        check("/", get, Ok(("/", None, None)));
        check("/a?", get, Ok(("/a", Some(""), None)));
        check(
            "/a?b=%zz&c?d/../\\",
            get,
            Ok(("/a", Some("b=%zz&c?d/../\\"), None)),
        );
        check("//a/b", get, Ok(("//a/b", None, None)));
        check("*", Method::Options, Ok(("*", None, None)));
        check("http://a", get, Ok(("/", None, Some("a"))));
        check("HTTP://a?b", get, Ok(("/", Some("b"), Some("a"))));
        check("https://a:1/b?c", get, Ok(("/b", Some("c"), Some("a:1"))));
        check("http://[::1]/b", get, Ok(("/b", None, Some("[::1]"))));
        for form in [
            "*", "a", "a:80", "ftp://a/", "http:/a", "http:a", "https:", "?a", "#", "*a",
        ] {
            check(form, get, Err(TargetError::Form));
        }
        check("**", Method::Options, Err(TargetError::Form));
        for authority in [
            "http://",
            "http:///a",
            "http://u@a/",
            "http://u:p@a/",
            "http://a,b/",
            "http://a:x/",
            "http://?a",
            "http://a\\b/",
            "https://a:99999/",
        ] {
            check(authority, get, Err(TargetError::Authority));
        }
        check("/a#b", get, Err(TargetError::Fragment));
        check("/a?b#c", get, Err(TargetError::Fragment));
        check("http://a#b", get, Err(TargetError::Fragment));
        check("/a?é", get, Err(TargetError::Byte));
        check("http://a/../b", get, Err(TargetError::DotSegment));
    }
}

//! Status lines, fields and chunk frames into a write buffer.
//!
//! All functions append. Names and values must be clean (`base::ascii::is_field_value`): those
//! that came through a parser are, those of a configuration are checked when it compiles.

use crate::base::ascii;
use crate::wire::head::Field;

/// Copies the field lines that are for the next recipient: all but hop-by-hop ones and those
/// that `drop` names. Lines stay as received and in their order; neighbours are copied at once.
/// `fields` and `bytes` are of one parsed head.
pub fn end_to_end_fields(
    out: &mut Vec<u8>,
    bytes: &[u8],
    fields: &[Field],
    drop: impl Fn(&Field) -> bool,
) {
    let mut run = 0..0;
    for field in fields {
        if field.hop || drop(field) {
            out.extend_from_slice(&bytes[run]);
            run = 0..0;
        } else {
            if run.is_empty() {
                run.start = field.name.start as usize;
            }
            run.end = field.end as usize;
        }
    }
    out.extend_from_slice(&bytes[run]);
}

/// `GET /path?query HTTP/1.1` and CRLF.
pub fn request_line(out: &mut Vec<u8>, method: &[u8], path: &[u8], query: Option<&[u8]>) {
    out.extend_from_slice(method);
    out.push(b' ');
    out.extend_from_slice(path);
    if let Some(query) = query {
        out.push(b'?');
        out.extend_from_slice(query);
    }
    out.extend_from_slice(b" HTTP/1.1\r\n");
}

/// `HTTP/1.1 200 OK` and CRLF. `status` has three digits; `reason` may be empty, the space in
/// front of it stays (RFC 9112 section 4).
pub fn status_line(out: &mut Vec<u8>, status: u16, reason: &[u8]) {
    debug_assert!((100..=999).contains(&status));
    let digit = |unit: u16| b'0' + (status / unit % 10) as u8;
    let mut line = *b"HTTP/1.1 200 ";
    line[9..12].copy_from_slice(&[digit(100), digit(10), digit(1)]);
    out.extend_from_slice(&line);
    out.extend_from_slice(reason);
    out.extend_from_slice(b"\r\n");
}

/// One field line.
pub fn field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    debug_assert!(ascii::is_token(name) && ascii::is_field_value(value));
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// A Content-Length line.
pub fn content_length(out: &mut Vec<u8>, length: u64) {
    out.extend_from_slice(b"content-length: ");
    decimal(out, length);
    out.extend_from_slice(b"\r\n");
}

/// The line that says that chunks follow.
pub fn transfer_encoding_chunked(out: &mut Vec<u8>) {
    out.extend_from_slice(b"transfer-encoding: chunked\r\n");
}

/// The line of a chunk of `size` payload bytes, which must follow, then [`chunk_end`]. A size
/// of 0 would end the body and is ours to avoid.
pub fn chunk_start(out: &mut Vec<u8>, size: u64) {
    debug_assert!(size > 0);
    let mut digits = [0_u8; 16];
    let mut at = digits.len();
    let mut rest = size;
    while rest > 0 {
        at -= 1;
        digits[at] = b"0123456789abcdef"[(rest & 15) as usize];
        rest >>= 4;
    }
    out.extend_from_slice(&digits[at..]);
    out.extend_from_slice(b"\r\n");
}

/// What follows the payload of each chunk.
pub fn chunk_end(out: &mut Vec<u8>) {
    out.extend_from_slice(b"\r\n");
}

/// The end of a chunked body without trailers.
pub fn last_chunk(out: &mut Vec<u8>) {
    out.extend_from_slice(b"0\r\n\r\n");
}

/// `number` in decimal.
pub fn decimal(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// The usual reason phrase of a status (IANA's registry); empty for others.
pub fn reason(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        101 => "Switching Protocols",
        102 => "Processing",
        103 => "Early Hints",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        203 => "Non-Authoritative Information",
        204 => "No Content",
        205 => "Reset Content",
        206 => "Partial Content",
        207 => "Multi-Status",
        208 => "Already Reported",
        226 => "IM Used",
        300 => "Multiple Choices",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        305 => "Use Proxy",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400..=499 => client_error(status),
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        506 => "Variant Also Negotiates",
        507 => "Insufficient Storage",
        508 => "Loop Detected",
        511 => "Network Authentication Required",
        _ => "",
    }
}

fn client_error(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        409 => "Conflict",
        410 => "Gone",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        415 => "Unsupported Media Type",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        421 => "Misdirected Request",
        422 => "Unprocessable Content",
        423 => "Locked",
        424 => "Failed Dependency",
        425 => "Too Early",
        426 => "Upgrade Required",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        451 => "Unavailable For Legal Reasons",
        _ => "",
    }
}

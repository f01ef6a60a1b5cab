//! What is said on a worker's connection, as far as nearly every runtime says it: the two requests of
//! each invocation, and the answers to them. Bytes to meaning and back, without IO.
//!
//! Anything else is `Strange`, and read by a whole HTTP server.

use std::fmt::Write as _;
use std::ops::Range;

use bytes::Bytes;

use crate::base::ascii;
use crate::lambda::outcome::RESPONSE_BYTES_MAX;

/// An invocation on its way to the process.
#[derive(Debug)]
pub struct Begun {
    pub request_id: String,
    /// Milliseconds since 1970.
    pub deadline_ms: u64,
    /// With the qualifier that the caller gave.
    pub arn: String,
    pub trace_id: Option<String>,
    pub client_context: Option<String>,
    pub payload: Bytes,
    /// Whether its caller wants the end of the log.
    pub wants_log: bool,
}

/// What has been read so far.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    /// The head is not whole yet.
    Partial,
    Strange,
    /// The process asks for its next invocation; so long is the request.
    Next(usize),
    Answer(Answer),
}

/// The head of an answer to an invocation.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    /// Where the invocation's id stands.
    pub id: Range<usize>,
    pub is_error: bool,
    pub head_bytes: usize,
    pub body_bytes: usize,
}

const NEXT: &[u8] = b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n";
const ANSWER: &[u8] = b"POST /2018-06-01/runtime/invocation/";
const RESPONSE_END: &[u8] = b"/response HTTP/1.1";
const ERROR_END: &[u8] = b"/error HTTP/1.1";
/// Runtimes send some hundred bytes.
const HEAD_BYTES_MAX: usize = 8 * 1024;
/// Of an error report; AWS has no figure for it.
pub const ERROR_BYTES_MAX: usize = 1 << 20;

pub const ACCEPTED: &[u8] = b"HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\n\
    Content-Length: 16\r\n\r\n{\"status\":\"OK\"}\n";

/// What the bytes mean that have come.
pub fn heard(bytes: &[u8]) -> Heard {
    for at in memchr::memchr_iter(b'\n', bytes) {
        let before = &bytes[..at];
        if !before.ends_with(b"\r") {
            // Some end their lines otherwise.
            return Heard::Strange;
        }
        if before.ends_with(b"\r\n\r") {
            return understood(&bytes[..at - 1], at + 1).unwrap_or(Heard::Strange);
        }
    }
    match bytes.len() > HEAD_BYTES_MAX {
        true => Heard::Strange,
        false => Heard::Partial,
    }
}

/// None: not one of the two requests, or said in another way.
fn understood(head: &[u8], head_bytes: usize) -> Option<Heard> {
    let line_end = memchr::memchr(b'\n', head)?;
    let body_bytes = length(&head[line_end + 1..])?;
    if head.starts_with(NEXT) {
        return (body_bytes == 0).then_some(Heard::Next(head_bytes));
    }
    let line = head[..line_end].strip_suffix(b"\r")?;
    let rest = line.strip_prefix(ANSWER)?;
    let (id, is_error) = match rest.strip_suffix(RESPONSE_END) {
        Some(id) => (id, false),
        None => (rest.strip_suffix(ERROR_END)?, true),
    };
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
    let most = match is_error {
        true => ERROR_BYTES_MAX,
        false => RESPONSE_BYTES_MAX,
    };
    let fits = body_bytes <= most && !id.is_empty() && id.iter().all(is_plain);
    fits.then(|| {
        Heard::Answer(Answer {
            id: ANSWER.len()..ANSWER.len() + id.len(),
            is_error,
            head_bytes,
            body_bytes,
        })
    })
}

/// The length of the body by the header lines, each with its end. None: something stands there that
/// wants more than that.
fn length(mut lines: &[u8]) -> Option<usize> {
    let mut length = None;
    while !lines.is_empty() {
        let end = memchr::memchr(b'\n', lines)?;
        // With its end, which the value is trimmed of.
        let line = &lines[..=end];
        lines = &lines[end + 1..];
        let colon = memchr::memchr(b':', line)?;
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        let is_known = |byte: &u8| NAME_BYTES[usize::from(*byte)];
        let is_control = |byte: &u8| byte.is_ascii_control() && *byte != b'\t';
        if name.is_empty() || !name.iter().all(is_known) || value.iter().any(is_control) {
            return None;
        }
        let is = |other: &str| name.eq_ignore_ascii_case(other.as_bytes());
        if is("content-length") {
            let is_number = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
            if length.is_some() || !is_number {
                return None;
            }
            length = Some(std::str::from_utf8(value).ok()?.parse().ok()?);
        } else if is("connection") {
            if !value.eq_ignore_ascii_case(b"keep-alive") {
                return None;
            }
        } else if WANTS_MORE.iter().any(|more| is(more)) {
            return None;
        }
    }
    Some(length.unwrap_or(0))
}

const NAME_BYTES: [bool; 256] = ascii::letters_digits_and(b"-_");

const WANTS_MORE: [&str; 6] = [
    "transfer-encoding",
    "expect",
    "upgrade",
    "trailer",
    "content-encoding",
    "lambda-runtime-function-response-mode",
];

/// The head of the answer to a request for the next invocation.
pub fn next_head(begun: &Begun) -> String {
    let mut head = String::with_capacity(512);
    let Begun {
        request_id,
        deadline_ms,
        arn,
        ..
    } = begun;
    // A String takes all that is written.
    let _ = write!(
        head,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\
         Lambda-Runtime-Aws-Request-Id: {request_id}\r\n\
         Lambda-Runtime-Deadline-Ms: {deadline_ms}\r\n\
         Lambda-Runtime-Invoked-Function-Arn: {arn}\r\n"
    );
    let trace = begun.trace_id.as_deref();
    let context = begun.client_context.as_deref();
    for (name, value) in [("Trace-Id", trace), ("Client-Context", context)] {
        if let Some(value) = value {
            for part in ["Lambda-Runtime-", name, ": ", value, "\r\n"] {
                head.push_str(part);
            }
        }
    }
    let _ = write!(head, "Content-Length: {}\r\n\r\n", begun.payload.len());
    head
}

/// Whether a text can stand in a header.
pub fn is_line(text: &str) -> bool {
    let is_control = |byte: u8| byte.is_ascii_control() && byte != b'\t';
    !text.bytes().any(is_control)
}

/// A refusal as the whole answer.
pub fn refusal(status: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        payload.len()
    );
    [head.as_bytes(), payload].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "POST /2018-06-01/runtime/invocation/a-1/response HTTP/1.1\r\n";

    #[test]
    fn the_two_usual_requests_are_understood() {
        let next = "GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\n";
        let check = |text: String, expected: Heard| {
            assert_eq!(heard(text.as_bytes()), expected, "{text:?}");
        };
        let answer = |text: &str, is_error, body_bytes| {
            Heard::Answer(Answer {
                id: 36..39,
                is_error,
                head_bytes: text.len(),
                body_bytes,
            })
        };
        let whole = format!("{next}Host: a\r\nContent-Length: 0\r\nConnection: Keep-Alive\r\n\r\n");
        check(whole.clone(), Heard::Next(whole.len()));
        check(format!("{whole}GET"), Heard::Next(whole.len()));
        let bare = format!("{next}\r\n");
        check(bare.clone(), Heard::Next(bare.len()));
        let text = format!("{OWN}CONTENT-LENGTH:  12 \r\nX-Amz_1: \u{e4}\r\n\r\n");
        check(format!("{text}body"), answer(&text, false, 12));
        let text = format!("{OWN}\r\n");
        check(text.clone(), answer(&text, false, 0));
        let text = format!(
            "{}Content-Length: 2\r\n\r\n",
            OWN.replace("response", "error")
        );
        check(text.clone(), answer(&text, true, 2));
        for end in 0..text.len() {
            check(text[..end].to_owned(), Heard::Partial);
        }
    }

    #[test]
    fn all_else_is_for_a_whole_server() {
        let check = |text: &str| assert_eq!(heard(text.as_bytes()), Heard::Strange, "{text:?}");
        let too_large = format!("Content-Length: {}\r\n", RESPONSE_BYTES_MAX + 1);
        for line in [
            "Transfer-Encoding: chunked\r\n",
            "Expect: 100-continue\r\n",
            "Lambda-Runtime-Function-Response-Mode: streaming\r\n",
            "Connection: close\r\n",
            "Content-Length: 1\r\nContent-Length: 1\r\n",
            "Content-Length: +1\r\n",
            "Content-Length: 99999999999999999999999\r\n",
            " folded: 1\r\n",
            "no colon\r\n",
            "A: \u{1}\r\n",
            "A: b\rC: d\r\n",
            "A: b\nC: d\r\n",
            &too_large,
        ] {
            check(&format!("{OWN}{line}\r\n"));
        }
        check("\n");
        check("GET /2018-06-01/runtime/invocation/next HTTP/1.1\nHost: a\n\n");
        check("GET /2018-06-01/runtime/invocation/next HTTP/1.0\r\n\r\n");
        check("GET /2018-06-01/runtime/invocation/next?x HTTP/1.1\r\n\r\n");
        check("GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nContent-Length: 1\r\n\r\nx");
        check(&format!("{}\rXA: 1\r\n\r\n", OWN.trim_end()));
        check("POST /2018-06-01/runtime/init/error HTTP/1.1\r\n\r\n");
        check("POST /2018-06-01/runtime/invocation//response HTTP/1.1\r\n\r\n");
        check("POST /2018-06-01/runtime/invocation/a%2d/response HTTP/1.1\r\n\r\n");
        check("\r\n\r\n");
        check(&"x".repeat(HEAD_BYTES_MAX + 1));
    }

    #[test]
    fn an_invocation_is_told_in_headers() {
        let begun = Begun {
            request_id: "id".to_owned(),
            deadline_ms: 12,
            arn: "arn:live".to_owned(),
            trace_id: Some("Root=1".to_owned()),
            client_context: None,
            payload: Bytes::from_static(b"{}"),
            wants_log: false,
        };
        assert_eq!(
            next_head(&begun),
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nLambda-Runtime-Aws-Request-Id: id\r\n\
             Lambda-Runtime-Deadline-Ms: 12\r\nLambda-Runtime-Invoked-Function-Arn: arn:live\r\n\
             Lambda-Runtime-Trace-Id: Root=1\r\nContent-Length: 2\r\n\r\n"
        );
        assert!(is_line("{\"a\":\t1}") && !is_line("a\r\nb"));
        let text = refusal("400 Bad Request", b"{}");
        assert!(text.ends_with(b"Content-Length: 2\r\n\r\n{}"));
        assert!(ACCEPTED.ends_with(b"\r\n\r\n{\"status\":\"OK\"}\n"));
    }
}

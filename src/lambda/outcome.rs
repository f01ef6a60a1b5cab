//! One invocation and what comes of it, with the errors that Lambda itself answers.

use bytes::Bytes;

use crate::base::json;
use crate::lambda::permit::Source;
use crate::lambda::phrase::is_line;
use crate::lambda::stream::Streamed;

/// What a caller asks for.
#[derive(Debug, Default)]
pub struct Invocation {
    /// The ARN, without a qualifier.
    pub function: Box<str>,
    /// The id that the function and its log know it by; none: a new one.
    pub request_id: Option<Box<str>>,
    /// A version or an alias; none: `$LATEST`.
    pub qualifier: Option<Box<str>>,
    pub payload: Bytes,
    /// `Root=…;Parent=…;Sampled=…`, for the function's own tracing.
    pub trace_id: Option<String>,
    /// The `ClientContext` as JSON.
    pub client_context: Option<String>,
    /// How long the caller waits, the queue included.
    pub timeout_ms: u32,
    /// Whether the end of the function's log is wanted.
    pub wants_log: bool,
    /// Whether the caller can read an answer while it is made.
    pub streams: bool,
    pub mode: Mode,
    /// For whom the function's policy has to allow it; none: nobody asks the policy.
    pub source: Option<Source>,
}

impl Invocation {
    /// The function as the caller named it.
    pub fn named(&self) -> String {
        match &self.qualifier {
            Some(qualifier) => format!("{}:{qualifier}", self.function),
            None => self.function.to_string(),
        }
    }

    /// Whether a worker can be told of it: some of it stands in headers.
    pub fn can_be_told(&self) -> bool {
        let texts = [&self.trace_id, &self.client_context];
        texts.into_iter().flatten().all(|text| is_line(text))
    }
}

/// `X-Amz-Invocation-Type`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// `RequestResponse`: the caller waits for what the function says.
    #[default]
    Call,
    /// `Event`: it is run some time, and again if it fails; the outcome is empty.
    Event,
    /// `DryRun`: whether it could be run; the outcome is empty.
    DryRun,
}

impl Mode {
    /// None for a word that is no type of invocation.
    pub fn named(text: &str) -> Option<Self> {
        match text {
            "RequestResponse" => Some(Self::Call),
            "Event" => Some(Self::Event),
            "DryRun" => Some(Self::DryRun),
            _ => None,
        }
    }
}

/// What became of it.
pub type Outcome = Result<Returned, InvokeError>;

/// The function, or Lambda in its place, has answered.
#[derive(Debug)]
pub struct Returned {
    /// Empty where it is streamed.
    pub payload: Bytes,
    /// The answer on its way; none: it is whole.
    pub stream: Option<Streamed>,
    /// `Unhandled`, as `X-Amz-Function-Error` says it; none: the function succeeded.
    pub function_error: Option<&'static str>,
    /// The version that ran.
    pub version: Box<str>,
    /// The last 4 KiB of its log, if wanted.
    pub log: Option<Vec<u8>>,
}

impl Returned {
    /// Nothing was run, or will be only later.
    pub fn empty() -> Self {
        Self {
            payload: Bytes::new(),
            stream: None,
            function_error: None,
            version: Box::default(),
            log: None,
        }
    }

    /// What it is to be run with cannot be told to it.
    pub fn unspeakable() -> Self {
        let text = "the invocation cannot stand in headers";
        Self {
            payload: error_payload("InvalidRequestContent", text),
            function_error: Some(UNHANDLED),
            ..Self::empty()
        }
    }
}

/// The function was not run to its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvokeError {
    /// AWS's words in the logs of an API.
    #[error("Invalid permissions on Lambda function")]
    Forbidden,
    #[error("there is no function `{0}`")]
    NotFound(String),
    #[error("too many invocations of the function wait already")]
    Throttled,
    #[error("the function did not answer in time")]
    TimedOut,
    #[error("functions cannot be run: {0}")]
    Unavailable(String),
    /// The Lambda that has the function did not run it.
    #[error("Lambda answered {status}: {said}")]
    Refused { status: u16, said: String },
    /// The Lambda that has the function cannot be reached.
    #[error("Lambda cannot be reached: {0}")]
    Unreachable(String),
}

/// AWS: "6 MB each for request and response (synchronous)"; this is the exact figure of its errors.
pub const RESPONSE_BYTES_MAX: usize = 6_291_556;

/// `X-Amz-Function-Error` of all errors: the runtimes report everything as unhandled.
pub const UNHANDLED: &str = "Unhandled";

/// The payload of an error that the function did not report itself.
pub fn error_payload(kind: &str, message: &str) -> Bytes {
    let mut text = Vec::with_capacity(64 + message.len());
    text.extend_from_slice(b"{\"errorType\":");
    json::quote(&mut text, kind);
    text.extend_from_slice(b",\"errorMessage\":");
    json::quote(&mut text, message);
    text.push(b'}');
    text.into()
}

/// The function took longer than its own timeout.
pub fn timed_out(request_id: &str, timeout_ms: u32) -> Bytes {
    let seconds = f64::from(timeout_ms) / 1000.0;
    let message =
        format!("RequestId: {request_id} Error: Task timed out after {seconds:.2} seconds");
    error_payload("Sandbox.Timedout", &message)
}

/// The process ended before it answered. `how` is none for an exit without an error.
pub fn exited(request_id: &str, how: Option<&str>) -> Bytes {
    let message = match how {
        Some(how) => format!("RequestId: {request_id} Error: Runtime exited with error: {how}"),
        None => {
            format!("RequestId: {request_id} Error: Runtime exited without providing a reason")
        }
    };
    error_payload("Runtime.ExitError", &message)
}

/// The answer is larger than Lambda takes.
pub fn too_large(bytes: usize) -> Bytes {
    let message = format!(
        "Response payload size ({bytes} bytes) exceeded maximum allowed payload size \
         ({RESPONSE_BYTES_MAX} bytes)."
    );
    error_payload("Function.ResponseSizeTooLarge", &message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_read_as_those_of_lambda() {
        let check = |payload: Bytes, expected: &str| {
            assert_eq!(String::from_utf8_lossy(&payload), expected);
        };
        check(
            timed_out("id", 3_000),
            r#"{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: id Error: Task timed out after 3.00 seconds"}"#,
        );
        check(
            exited("id", Some("exit status 1")),
            r#"{"errorType":"Runtime.ExitError","errorMessage":"RequestId: id Error: Runtime exited with error: exit status 1"}"#,
        );
        check(
            exited("id", None),
            r#"{"errorType":"Runtime.ExitError","errorMessage":"RequestId: id Error: Runtime exited without providing a reason"}"#,
        );
        check(
            too_large(7_000_000),
            r#"{"errorType":"Function.ResponseSizeTooLarge","errorMessage":"Response payload size (7000000 bytes) exceeded maximum allowed payload size (6291556 bytes)."}"#,
        );
    }
}

//! Invoke: now, some time, or only whether it could be.

use crate::base::{crypto, json};
use crate::control::{Answer, Error, Outcome, Request};
use crate::lambda::{Invocation, InvokeError, Mode};
use crate::neighbor::function::path::Call;
use crate::neighbor::function::{FunctionApi, invalid, not_found};

/// AWS: "Function timeout: 900 seconds", and what it may wait for a process.
const TIMEOUT_MS: u32 = 930_000;
/// AWS: 6 MB, and 1 MB for asynchronous invocations.
const PAYLOAD_BYTES_MAX: usize = 6_291_456;
const EVENT_BYTES_MAX: usize = 1_048_576;

impl FunctionApi {
    /// What a request to invoke a function asks for.
    pub(super) fn invocation(call: &Call, request: &Request) -> Outcome<Invocation> {
        let written = request
            .header("x-amz-invocation-type")
            .unwrap_or("RequestResponse");
        let mode = Mode::named(written)
            .ok_or_else(|| invalid(format!("InvocationType {written} is not served")))?;
        let most = match mode {
            Mode::Event => EVENT_BYTES_MAX,
            _ => PAYLOAD_BYTES_MAX,
        };
        if request.body.len() > most {
            let message = format!(
                "Request must be smaller than {most} bytes for the InvokeFunction operation"
            );
            return Err(Error::too_large(message));
        }
        let context = request.header("x-amz-client-context").map(context);
        let payload = match request.body.as_slice() {
            [] => b"{}".to_vec(),
            body => {
                is_json(body)?;
                body.to_vec()
            }
        };
        Ok(Invocation {
            function: call.resource.as_str().into(),
            request_id: None,
            qualifier: call.qualifier.as_deref().map(Into::into),
            payload: payload.into(),
            trace_id: request.header("x-amzn-trace-id").map(str::to_owned),
            client_context: context.transpose()?,
            timeout_ms: TIMEOUT_MS,
            wants_log: request.header("x-amz-log-type") == Some("Tail"),
            mode,
            source: None,
            streams: false,
        })
    }

    pub(super) async fn invoke(&self, call: &Call, request: &Request) -> Outcome<Answer> {
        let invocation = Self::invocation(call, request)?;
        let mode = invocation.mode;
        let outcome = self.functions.invoke(invocation).await;
        let returned = outcome.map_err(|error| refused(call, &error))?;
        let status = match mode {
            Mode::Call => 200,
            Mode::Event => 202,
            Mode::DryRun => 204,
        };
        let mut headers = Vec::new();
        if mode == Mode::Call {
            let version = returned.version.to_string();
            headers.push(("X-Amz-Executed-Version".to_owned(), version));
        }
        if let Some(error) = returned.function_error {
            headers.push(("X-Amz-Function-Error".to_owned(), error.to_owned()));
        }
        if let Some(log) = returned.log {
            headers.push(("X-Amz-Log-Result".to_owned(), crypto::base64(&log)));
        }
        Ok(answer(status, headers, returned.payload.to_vec()))
    }
}

/// The context that a client sends along, as JSON.
fn context(header: &str) -> Outcome<String> {
    let text = crypto::base64_decoded(header).and_then(|bytes| String::from_utf8(bytes).ok());
    let text = text.filter(|text| json::check(text.as_bytes()).is_ok());
    text.ok_or_else(|| unreadable("Client context must be a valid Base64-encoded JSON object."))
}

/// Runtimes that are told of something else would end over it.
fn is_json(body: &[u8]) -> Outcome<()> {
    // Said of what is deeper than our own reading goes; it is the function's to read it.
    const DEEP: &str = "recursion limit exceeded";
    let wrong = match std::str::from_utf8(body) {
        Ok(_) => json::check(body).err(),
        Err(error) => Some(error.to_string()),
    };
    match wrong.filter(|wrong| !wrong.starts_with(DEEP)) {
        None => Ok(()),
        Some(wrong) => Err(unreadable(&format!(
            "Could not parse request body into json: {wrong}"
        ))),
    }
}

fn unreadable(message: &str) -> Error {
    Error {
        status: 400,
        code: "InvalidRequestContentException",
        message: message.to_owned(),
    }
}

fn answer(status: u16, mut headers: Vec<(String, String)>, body: Vec<u8>) -> Answer {
    headers.push(("Content-Type".to_owned(), "application/json".to_owned()));
    Answer {
        status,
        headers,
        body,
    }
}

pub(super) fn refused(call: &Call, error: &InvokeError) -> Error {
    match error {
        InvokeError::NotFound(_) => match &call.qualifier {
            Some(qualifier) => not_found(&format!("{}:{qualifier}", call.resource)),
            None => not_found(&call.resource),
        },
        InvokeError::Throttled => Error {
            status: 429,
            code: "TooManyRequestsException",
            message: "Rate Exceeded.".to_owned(),
        },
        InvokeError::Forbidden => Error {
            status: 403,
            code: "AccessDeniedException",
            message: error.to_string(),
        },
        InvokeError::TimedOut
        | InvokeError::Unavailable(_)
        | InvokeError::Refused { .. }
        | InvokeError::Unreachable(_) => Error {
            status: 502,
            code: "ServiceException",
            message: error.to_string(),
        },
    }
}

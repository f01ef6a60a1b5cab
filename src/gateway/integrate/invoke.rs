//! Calls of functions, and `AWS` integrations with them: what a template makes goes in, what the
//! function says comes out as it is.

use std::str::FromStr;

use crate::base::{crypto, json};
use crate::gateway::context::Scene;
use crate::gateway::integrate::remote::{self, Begun};
use crate::gateway::story::invocation;
use crate::gateway::transform::request::Moved;
use crate::gateway::transform::response::Answered;
use crate::gateway::{Answer, Call, Reject, Stop, Worker, auth};
use crate::lambda::{Invocation, InvokeError, Mode, Outcome, Returned, Source};
use crate::plan::FunctionTarget;

/// AWS: "6 MB for synchronous" of an event.
pub const EVENT_BYTES_MAX: usize = 6_291_556;

/// How a function is asked, as far as mapped headers say so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manner {
    pub mode: Mode,
    client_context: Option<String>,
    wants_log: bool,
}

impl Manner {
    /// # Errors
    /// The mapped type is none.
    pub fn of(moved: Moved<'_>, scene: &Scene<'_>) -> Result<Self, (Reject, String)> {
        let mode = match moved.header(scene, "X-Amz-Invocation-Type") {
            Some(text) => Mode::named(&text).ok_or_else(|| {
                let why = format!("X-Amz-Invocation-Type is no type of invocation: {text}");
                (Reject::ApiConfigurationError, why)
            })?,
            None => Mode::Call,
        };
        let context = moved.header(scene, "X-Amz-Client-Context");
        let context = context.and_then(|context| crypto::base64_decoded(&context));
        let log = moved.header(scene, "X-Amz-Log-Type");
        Ok(Self {
            mode,
            client_context: context.and_then(|context| String::from_utf8(context).ok()),
            wants_log: log.as_deref() == Some("Tail"),
        })
    }
}

/// Runs the function of a route; `call` learns how long it took.
pub async fn run(
    worker: &'static Worker,
    call: &mut Call<'_>,
    target: &FunctionTarget,
    manner: Manner,
    verb: &str,
    payload: Vec<u8>,
) -> Outcome {
    check_caller(call, target)?;
    let (asked_us, mode) = (worker.core.now_us(), manner.mode);
    let invocation = asked(worker, call, target, manner, verb, payload);
    let outcome = remote::invoke(worker, call, target, invocation).await;
    call.integration_us = worker.core.now_us() - asked_us;
    match &outcome {
        Ok(returned) => note(call, mode, Some(returned)),
        Err(error) => not_run(call, error),
    }
    outcome
}

/// As `run`, for an answer that is read while the function makes it.
pub async fn open(
    worker: &'static Worker,
    call: &mut Call<'_>,
    target: &FunctionTarget,
    manner: Manner,
    verb: &str,
    payload: Vec<u8>,
) -> Result<Begun, InvokeError> {
    check_caller(call, target)?;
    let (asked_us, mode) = (worker.core.now_us(), manner.mode);
    let invocation = asked(worker, call, target, manner, verb, payload);
    let outcome = remote::open(worker, call, target, invocation).await;
    call.integration_us = worker.core.now_us() - asked_us;
    match &outcome {
        Ok(Begun::Whole(returned)) => note(call, mode, Some(returned)),
        Ok(Begun::Flow(_)) => note(call, mode, None),
        Err(error) => not_run(call, error),
    }
    outcome
}

/// Whether the caller may invoke a function that is invoked in its name.
fn check_caller(call: &Call<'_>, target: &FunctionTarget) -> Result<(), InvokeError> {
    if !target.as_caller {
        return Ok(());
    }
    let resource = match &target.qualifier {
        Some(qualifier) => format!("{}:{qualifier}", target.arn),
        None => target.arn.to_string(),
    };
    let user = call.user.as_deref();
    match user.is_some_and(|user| auth::may(user, "lambda:InvokeFunction", &resource)) {
        true => Ok(()),
        false => Err(InvokeError::Forbidden),
    }
}

/// AWS: `$context.integration.status` is "the status code returned from AWS Lambda".
fn note(call: &mut Call<'_>, mode: Mode, returned: Option<&Returned>) {
    call.integration_status = match mode {
        Mode::Call => 200,
        Mode::Event => 202,
        Mode::DryRun => 204,
    };
    invocation::returned(call, returned);
}

fn not_run(call: &mut Call<'_>, error: &InvokeError) {
    if *error == InvokeError::Throttled {
        call.integration_status = 429;
    }
}

fn asked(
    worker: &'static Worker,
    call: &mut Call<'_>,
    target: &FunctionTarget,
    manner: Manner,
    verb: &str,
    payload: Vec<u8>,
) -> Invocation {
    let is_call = manner.mode == Mode::Call;
    let request_id = is_call.then(|| call.note_invocation(worker)).flatten();
    let invocation = Invocation {
        function: target.arn.clone(),
        request_id,
        qualifier: target.qualifier.clone(),
        payload: payload.into(),
        trace_id: call.trace.map(|trace| trace.text()),
        client_context: manner.client_context,
        timeout_ms: target.timeout_ms,
        wants_log: manner.wants_log,
        streams: target.streams,
        mode: manner.mode,
        source: target.source.as_ref().map(|source| Source {
            arn: source.with(verb).into(),
            account: target.facts.account_id.clone(),
        }),
    };
    invocation::told(call, &invocation);
    invocation
}

/// What a client is told where no function answered, and what the log is.
pub fn refusal(error: InvokeError) -> (Reject, String) {
    let reject = match error {
        InvokeError::TimedOut => Reject::IntegrationTimeout,
        InvokeError::Forbidden
        | InvokeError::Refused {
            status: 401 | 403, ..
        } => Reject::ApiConfigurationError,
        InvokeError::NotFound(_) | InvokeError::Unavailable(_) => Reject::InternalError,
        // Recorded of a throttle: 500, and "Lambda invocation failed with status: 429" in the log.
        InvokeError::Throttled | InvokeError::Refused { .. } => Reject::InvocationFailed,
        InvokeError::Unreachable(_) => Reject::IntegrationFailure,
    };
    (reject, error.to_string())
}

/// The answer of a function to what the templates of a REST API have made.
///
/// # Errors
/// It gave none; the call learns why.
pub async fn answer(
    worker: &'static Worker,
    call: &mut Call<'_>,
    target: &FunctionTarget,
    manner: Result<Manner, (Reject, String)>,
    verb: &str,
    payload: &[u8],
) -> Result<Answered, Stop> {
    let outcome = match manner {
        Err(refused) => Err(refused),
        Ok(_) if payload.len() > EVENT_BYTES_MAX => return Err(Reject::RequestTooLarge.into()),
        Ok(manner) => match checked(payload) {
            Err(answered) => return Ok(*answered),
            Ok(payload) => run(worker, call, target, manner, verb, payload)
                .await
                .map_err(refusal),
        },
    };
    match outcome {
        Ok(returned) => Ok(answered(returned)),
        Err((reject, why)) => {
            call.integration_error = Some(why.into());
            Err(reject.into())
        }
    }
}

/// Lambda takes JSON only, and nothing for an empty object. What it says of anything else is an
/// answer like others.
fn checked(payload: &[u8]) -> Result<Vec<u8>, Box<Answered>> {
    if payload.is_empty() {
        return Ok(b"{}".to_vec());
    }
    match json::check(payload) {
        Ok(()) => Ok(payload.to_vec()),
        Err(error) => {
            let mut body = br#"{"Type":"User","message":"#.to_vec();
            let message = format!("Could not parse request body into json: {error}");
            json::quote(&mut body, &message);
            body.push(b'}');
            let mut answer = Answer {
                status: 400,
                body,
                ..Answer::default()
            };
            answer.headers.push("Content-Type", b"application/json");
            let kind = b"InvalidRequestContentException";
            answer.headers.push("x-amzn-ErrorType", kind);
            Err(Box::new(Answered {
                answer,
                text: Some(String::new()),
                fields: None,
            }))
        }
    }
}

/// What patterns and mappings see of an outcome: the message of an error, and its parts if it is
/// JSON itself.
fn answered(returned: Returned) -> Answered {
    let mut answer = Answer {
        status: 200,
        ..Answer::default()
    };
    let version = returned.version.as_bytes();
    answer.headers.push("Content-Type", b"application/json");
    answer.headers.push("X-Amz-Executed-Version", version);
    if let Some(log) = &returned.log {
        let log = crypto::base64(log);
        answer.headers.push("X-Amz-Log-Result", log.as_bytes());
    }
    let (mut text, mut fields) = (String::new(), None);
    if let Some(error) = returned.function_error {
        let error = error.as_bytes();
        answer.headers.push("X-Amz-Function-Error", error);
        let payload = json::read::<json::Value>(&returned.payload);
        if let Ok(json::Value::Object(mut members)) = payload {
            match members.get_mut("errorMessage") {
                Some(json::Value::String(message)) => {
                    text.clone_from(message);
                    // AWS: "integration.response.body.errorMessage.trace.function"
                    if let Ok(inner @ (json::Value::Object(_) | json::Value::Array(_))) =
                        json::Value::from_str(&text)
                    {
                        members.insert("errorMessage".to_owned(), inner);
                        fields = Some(json::Value::Object(members).to_string().into_bytes());
                    }
                }
                Some(other) => text = other.to_string(),
                None => {}
            }
        }
    }
    answer.body = returned.payload.to_vec();
    Answered {
        answer,
        text: Some(text),
        fields,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_of_an_error_is_what_patterns_see() {
        let check = |payload: &str, error, text: &str, fields: Option<&str>| {
            let answered = answered(Returned {
                payload: payload.to_owned().into(),
                stream: None,
                function_error: error,
                version: "7".into(),
                log: None,
            });
            assert_eq!(answered.text.as_deref(), Some(text), "{payload}");
            let found = answered.fields.map(String::from_utf8);
            let expected = fields.map(|fields| Ok(fields.to_owned()));
            assert_eq!(found, expected, "{payload}");
            assert_eq!(answered.answer.body, payload.as_bytes());
        };
        let error = Some("Unhandled");
        check(r#"{"errorMessage":"no"}"#, error, "no", None);
        check(r#"{"errorMessage":"no"}"#, None, "", None);
        check(r#"{"errorMessage":7}"#, error, "7", None);
        check(r#"{"errorType":"x"}"#, error, "", None);
        check("[]", error, "", None);
        check("garbage", error, "", None);
        check(
            r#"{"errorMessage":"{\"a\":1}","errorType":"x"}"#,
            error,
            r#"{"a":1}"#,
            Some(r#"{"errorMessage":{"a":1},"errorType":"x"}"#),
        );
    }

    #[test]
    fn a_function_gets_json_only() {
        let check = |payload: &str, expected: Result<&str, u16>| {
            let found = checked(payload.as_bytes());
            let found = found.map(String::from_utf8);
            let found = found.map_err(|answered| answered.answer.status);
            assert_eq!(found, expected.map(|text| Ok(text.to_owned())), "{payload}");
        };
        check("", Ok("{}"));
        check(r#"{"a":[1]}"#, Ok(r#"{"a":[1]}"#));
        check("text", Err(400));
        check("{}x", Err(400));
    }
}

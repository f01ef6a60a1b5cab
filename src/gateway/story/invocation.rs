//! Calls of functions in the words of AWS's execution logs. (Recorded from TestInvokeMethod and from
//! stages, in public posts.)

use std::borrow::Cow;

use crate::base::{crypto, json};
use crate::gateway::story::{moment, text};
use crate::gateway::{Call, Reject, Story};
use crate::lambda::{Invocation, Mode, Returned};
use crate::plan::Target;
use crate::plan::rest::ExecutionLog::Failures;

/// A function is told of a request. One of this machine is not asked over HTTP: what is shown is
/// what Lambda is asked with, as far as there is such a thing.
pub fn told(call: &Call<'_>, invocation: &Invocation) {
    let Some(story) = call.story() else { return };
    let arn = &invocation.function;
    let region = arn.split(':').nth(3).unwrap_or_default();
    let qualifier = invocation.qualifier.as_deref();
    let qualifier = qualifier.map_or(String::new(), |qualifier| format!(":{qualifier}"));
    let (version, ending) = match invocation.streams {
        true => ("2021-11-15", "response-streaming-invocations"),
        false => ("2015-03-31", "invocations"),
    };
    let uri = format!(
        "https://lambda.{region}.amazonaws.com/{version}/functions/{arn}{qualifier}/{ending}"
    );
    let kind = match invocation.mode {
        Mode::Call => None,
        Mode::Event => Some("Event"),
        Mode::DryRun => Some("DryRun"),
    };
    let context = invocation.client_context.as_ref();
    let context = context.map(|context| crypto::base64(context.as_bytes()));
    let source = invocation.source.as_ref();
    let fields = [
        ("Content-Type", Some(Cow::Borrowed("application/json"))),
        (
            "X-Amzn-Trace-Id",
            invocation.trace_id.as_deref().map(Cow::from),
        ),
        ("X-Amz-Invocation-Type", kind.map(Cow::from)),
        ("X-Amz-Client-Context", context.map(Cow::from)),
        (
            "X-Amz-Log-Type",
            invocation.wants_log.then_some("Tail".into()),
        ),
        (
            "X-Amz-Source-Arn",
            source.map(|source| Cow::from(&*source.arn)),
        ),
    ];
    let fields = fields.into_iter();
    let fields = fields.filter_map(|(name, value)| Some((name, value?)));
    // The event repeats what the client sent.
    let body = story.without_secrets(text::payload(&invocation.payload).into_owned());
    story.mark();
    moment::endpoint_request(story, &uri, fields, &body);
}

/// This machine has no such function: another one is asked, and that will be told.
pub fn leaves(call: &Call<'_>) {
    if let Some(story) = call.story() {
        story.forget_marked();
    }
}

/// A function has said what it has to say, or begins to: then there is no payload yet.
pub fn returned(call: &Call<'_>, returned: Option<&Returned>) {
    if call.story().is_none_or(Story::has_received) {
        return;
    }
    let id = call.endpoint_ids.as_ref().map(|ids| &ids[0]);
    let id = id.map(|id| String::from_utf8_lossy(id));
    let version = returned.map(|returned| &*returned.version);
    let version = version.filter(|version| !version.is_empty());
    let error = returned.and_then(|returned| returned.function_error);
    let trace = call.trace.map(|trace| trace.text());
    let fields = [
        ("Content-Type", Some(Cow::Borrowed("application/json"))),
        ("x-amzn-RequestId", id),
        ("X-Amz-Function-Error", error.map(Cow::from)),
        ("X-Amz-Executed-Version", version.map(Cow::from)),
        ("X-Amzn-Trace-Id", trace.map(Cow::from)),
    ];
    let fields = fields.into_iter();
    let fields = fields.filter_map(|(name, value)| Some((name, value?)));
    let payload = returned.map_or(&b""[..], |returned| &returned.payload);
    moment::received_of(call, call.integration_status, fields, payload);
}

/// The function was not run, because Lambda refused to.
pub fn is_refused(call: &Call<'_>) -> bool {
    let target = call.route.map(|route| &route.target);
    matches!(target, Some(Target::Function(_))) && call.integration_status >= 400
}

/// Recorded: a line of its own in front of that why the method failed.
pub fn refused(call: &Call<'_>, story: &Story, reject: Reject) {
    let is_told = matches!(
        reject,
        Reject::InvocationFailed | Reject::ApiConfigurationError | Reject::InternalError
    );
    if is_told && is_refused(call) {
        story.line(Failures, || {
            let (status, id) = (call.integration_status, request_id(call));
            format!("Lambda invocation failed with status: {status}. Lambda request id: {id}")
        });
    }
}

/// The function has failed by itself; the payload says how.
pub fn error(call: &Call<'_>, payload: &str) -> String {
    let message = json::member(payload, "errorMessage").unwrap_or_default();
    let message = json::read(message.as_bytes()).unwrap_or(message);
    format!(
        "Lambda execution failed with status 200 due to customer function error: {message}. \
         Lambda request id: {}",
        request_id(call)
    )
}

/// What Lambda says of its refusal, if that can be read.
pub fn message(why: &str) -> String {
    let said = why.find('{').map_or("", |at| &why[at..]);
    let found = ["message", "Message"].map(|name| json::member(said, name));
    let found = found.into_iter().flatten().next();
    let read = found.and_then(|text| json::read::<String>(text.as_bytes()).ok());
    read.unwrap_or_else(|| why.to_owned())
}

/// That of Lambda, if one is known.
fn request_id<'c>(call: &'c Call<'_>) -> Cow<'c, str> {
    match &call.endpoint_ids {
        Some(ids) => String::from_utf8_lossy(&ids[0]),
        None => moment::id(call),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_in_the_words_of_lambda() {
        let check = |why: &str, expected: &str| assert_eq!(message(why), expected);
        check(
            r#"Lambda answered 429: {"Reason":"X","message":"Rate Exceeded."}"#,
            "Rate Exceeded.",
        );
        check(r#"Lambda answered 502: {"Message":"no"}"#, "no");
        check("Lambda answered 429: {", "Lambda answered 429: {");
        check("too many wait", "too many wait");
    }
}

//! Authorizers in the words of AWS's execution logs. Their events are not shown: they have what
//! callers are known by.

use crate::gateway::story::{moment, text};
use crate::gateway::{Call, Reject, Story};
use crate::plan::rest::ExecutionLog::{Failures, Payloads, Steps};

/// An authorizer is about to judge; `identity` is what callers are told apart by.
pub fn started(call: &Call<'_>, id: &str, identity: &[String]) {
    let Some(story) = call.story() else { return };
    let request = moment::id(call);
    story.line(Steps, || {
        format!("Starting authorizer: {id} for request: {request}")
    });
    story.line(Steps, || {
        let shown: Vec<String> = identity.iter().map(|one| text::masked(one)).collect();
        format!("Incoming identity: {}", shown.join(","))
    });
}

/// Its function is asked.
pub fn asking(call: &Call<'_>, arn: &str) {
    let Some(story) = call.story() else { return };
    story.line(Steps, || {
        let region = arn.split(':').nth(3).unwrap_or_default();
        format!(
            "Sending request to https://lambda.{region}.amazonaws.com/2015-03-31/functions/{arn}/invocations"
        )
    });
}

/// Its function has answered.
pub fn said(call: &Call<'_>, output: &[u8]) {
    let Some(story) = call.story() else { return };
    story.line(Payloads, || {
        let output = text::payload(output);
        format!("Authorizer result body before parsing: {output}")
    });
}

/// There is a decision, of now or remembered.
pub fn decided(call: &Call<'_>, principal: Option<&str>) {
    let Some(story) = call.story() else { return };
    story.line(Steps, || {
        let principal = text::masked(principal.unwrap_or_default());
        format!("Using valid authorizer policy for principal: {principal}")
    });
    story.line(Steps, || {
        "Successfully completed authorizer execution".to_owned()
    });
}

/// Why callers are kept out.
pub fn refused(call: &Call<'_>, story: &Story, reject: Reject) {
    story.line(Failures, || match reject {
        Reject::Unauthorized => format!("Unauthorized request: {}", moment::id(call)),
        Reject::AccessDenied => {
            "The client is not authorized to perform this operation.".to_owned()
        }
        _ => {
            let why = call.authorizer_error.as_deref();
            let why = why.unwrap_or("Authorizer error");
            format!("Execution failed due to configuration error: {why}")
        }
    });
}

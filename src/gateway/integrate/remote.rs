//! A function where it is: on this machine, or else at the endpoint of `lambda`.

use bytes::Bytes;

use crate::aws::Arn;
use crate::base::{Method, ascii};
use crate::gateway::integrate::signed::{self, Outgoing, Unanswered};
use crate::gateway::{Call, Worker};
use crate::lambda::{Invocation, InvokeError, Outcome, Returned};
use crate::net::Client;
use crate::net::outbound::{Asking, Failure};
use crate::plan::{FunctionTarget, Service};

/// AWS: 6 MB, and what is around it.
const ANSWER_BYTES_MAX: usize = 6_291_556;

/// Runs a function and waits for its answer. `call` learns more of failures, for the log.
///
/// # Errors
/// Why it was not run to its end.
pub async fn invoke(
    worker: &'static Worker,
    call: &mut Call<'_>,
    client: &Client,
    target: &FunctionTarget,
    invocation: Invocation,
) -> Outcome {
    let Some(service) = &target.remote else {
        return worker.invoke(invocation).await;
    };
    let payload = invocation.payload.clone();
    let trace_id = invocation.trace_id.clone();
    match worker.invoke(invocation).await {
        Err(InvokeError::NotFound(_)) => {}
        outcome => return outcome,
    }
    let trace_id = trace_id.as_deref();
    // Boxed: its state would make every connection's task larger.
    Box::pin(ask(
        worker,
        call,
        client,
        (target, service),
        payload,
        trace_id,
    ))
    .await
}

async fn ask(
    worker: &'static Worker,
    call: &mut Call<'_>,
    client: &Client,
    (target, service): (&FunctionTarget, &Service),
    payload: Bytes,
    trace_id: Option<&str>,
) -> Outcome {
    let asking = Asking {
        core: client.core,
        settings: &client.settings,
        pools: client.pools,
        until_ms: client.due(target.timeout_ms),
        bytes_max: ANSWER_BYTES_MAX,
    };
    let path = path(&target.arn);
    let query = target.qualifier.as_deref().map(|qualifier| {
        let qualifier = ascii::percent_encoded(qualifier, b"");
        format!("Qualifier={qualifier}")
    });
    let mut headers = vec![("Content-Type", &b"application/json"[..])];
    headers.extend(trace_id.map(|trace| ("X-Amzn-Trace-Id", trace.as_bytes())));
    let outgoing = Outgoing {
        method: Method::Post,
        path: path.as_bytes(),
        query: query.as_deref().unwrap_or_default().as_bytes(),
        headers: &headers,
        body: &payload,
    };
    let answer = match signed::ask(worker, call, &asking, service, outgoing).await {
        Ok(answer) => answer,
        Err(why) => return Err(failed(call, &why)),
    };
    let text = |name: &str| {
        let value = answer.headers.get(name)?;
        Some(String::from_utf8_lossy(value).into_owned())
    };
    match answer.status {
        200 => Ok(Returned {
            function_error: text("x-amz-function-error").map(|kind| match kind.as_str() {
                "Handled" => "Handled",
                _ => "Unhandled",
            }),
            version: text("x-amz-executed-version").unwrap_or_default().into(),
            log: None,
            payload: answer.body.into(),
        }),
        404 => Err(InvokeError::NotFound(target.arn.to_string())),
        429 => Err(InvokeError::Throttled),
        status => {
            let said = &answer.body[..answer.body.len().min(SHOWN_BYTES)];
            let said = String::from_utf8_lossy(said);
            let why = format!("Lambda answered {status}: {said}");
            Err(InvokeError::Unavailable(why))
        }
    }
}

/// Of an error, in the log.
const SHOWN_BYTES: usize = 512;

/// A function whose ARN has no account is one of whoever signs.
fn path(arn: &str) -> String {
    let parsed = Arn::parse(arn).filter(|arn| !arn.account.is_empty());
    let name = match parsed {
        Some(_) => arn,
        None => arn.rsplit(':').next().unwrap_or(arn),
    };
    let name = ascii::percent_encoded(name, b"");
    format!("/2015-03-31/functions/{name}/invocations")
}

fn failed(call: &Call<'_>, why: &Unanswered) -> InvokeError {
    match why {
        Unanswered::Failure(Failure::Timeout | Failure::ConnectTimeout) => InvokeError::TimedOut,
        Unanswered::Failure(failure) => InvokeError::Unavailable(failure.to_string()),
        Unanswered::NoKeys => {
            let why = call.integration_error.as_deref().unwrap_or_default();
            InvokeError::Unavailable(why.to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_named_in_the_path() {
        let check = |arn: &str, expected: &str| {
            let path = path(arn);
            let name = path.strip_prefix("/2015-03-31/functions/");
            assert_eq!(
                name.and_then(|name| name.strip_suffix("/invocations")),
                Some(expected)
            );
        };
        check(
            "arn:aws:lambda:eu-west-1:111122223333:function:pets",
            "arn%3Aaws%3Alambda%3Aeu-west-1%3A111122223333%3Afunction%3Apets",
        );
        check("arn:aws:lambda:::function:pets", "pets");
    }
}

//! A function where it is: on this machine, or else at the endpoint of `lambda`.

use bytes::Bytes;

use crate::aws::Arn;
use crate::base::{Method, ascii, crypto};
use crate::gateway::integrate::signed::{self, Outgoing, Unanswered};
use crate::gateway::{Answer, Call, Worker};
use crate::lambda::{Invocation, InvokeError, Mode, Outcome, Returned};
use crate::net::inbound::accept::Hall;
use crate::net::outbound::{Asking, Failure};
use crate::plan::{FunctionTarget, Service};

/// AWS: 6 MB, and what is around it.
const ANSWER_BYTES_MAX: usize = 6_291_556;

/// Runs a function, as the invocation says. `call` learns more of failures, for the log.
///
/// # Errors
/// Why it was not run to its end.
pub async fn invoke(
    worker: &'static Worker,
    call: &mut Call<'_>,
    target: &FunctionTarget,
    invocation: Invocation,
) -> Outcome {
    let Some(service) = &target.remote else {
        return worker.invoke(invocation).await;
    };
    let order = Order {
        payload: invocation.payload.clone(),
        trace_id: invocation.trace_id.clone(),
        client_context: invocation.client_context.clone(),
        wants_log: invocation.wants_log,
        mode: invocation.mode,
    };
    match worker.invoke(invocation).await {
        // Boxed: its state would make every connection's task larger.
        Err(InvokeError::NotFound(_)) => {
            Box::pin(ask(worker, call, (target, service), order)).await
        }
        outcome => outcome,
    }
}

/// What of an invocation travels.
struct Order {
    payload: Bytes,
    trace_id: Option<String>,
    client_context: Option<String>,
    wants_log: bool,
    mode: Mode,
}

async fn ask(
    worker: &'static Worker,
    call: &mut Call<'_>,
    (target, service): (&FunctionTarget, &Service),
    order: Order,
) -> Outcome {
    let settings = worker.settings();
    let asking = Asking {
        core: worker.core,
        settings: &settings,
        pools: worker.pools(),
        until_ms: worker.core.now_ms() + u64::from(target.timeout_ms),
        bytes_max: ANSWER_BYTES_MAX,
    };
    let path = path(&target.arn);
    let query = target.qualifier.as_deref().map(|qualifier| {
        let qualifier = ascii::percent_encoded(qualifier, b"");
        format!("Qualifier={qualifier}")
    });
    let kind: &[u8] = match order.mode {
        Mode::Call => b"RequestResponse",
        Mode::Event => b"Event",
        Mode::DryRun => b"DryRun",
    };
    let context = order.client_context.as_ref();
    let context = context.map(|context| crypto::base64(context.as_bytes()));
    let mut headers = vec![
        ("Content-Type", &b"application/json"[..]),
        ("X-Amz-Invocation-Type", kind),
    ];
    let optional = [
        ("X-Amz-Log-Type", order.wants_log.then_some("Tail")),
        ("X-Amz-Client-Context", context.as_deref()),
        ("X-Amzn-Trace-Id", order.trace_id.as_deref()),
    ];
    let optional = optional.into_iter();
    headers.extend(optional.filter_map(|(name, value)| Some((name, value?.as_bytes()))));
    let outgoing = Outgoing {
        method: Method::Post,
        path: path.as_bytes(),
        query: query.as_deref().unwrap_or_default().as_bytes(),
        headers: &headers,
        body: &order.payload,
    };
    match signed::ask(worker, call, &asking, service, outgoing).await {
        Ok(answer) => read(answer, target),
        Err(why) => Err(failed(call, &why)),
    }
}

fn read(answer: Answer, target: &FunctionTarget) -> Outcome {
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
            log: text("x-amz-log-result").and_then(|log| crypto::base64_decoded(&log)),
            payload: answer.body.into(),
            stream: None,
        }),
        202 | 204 => Ok(Returned::empty()),
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

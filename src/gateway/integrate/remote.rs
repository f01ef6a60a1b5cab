//! A function where it is: on this machine, or else at the endpoint of `lambda`.

use bytes::Bytes;

use crate::aws::{Arn, event_stream};
use crate::base::{Method, ascii, crypto};
use crate::gateway::integrate::remote_stream::{Flow, RemoteStream};
use crate::gateway::integrate::signed::{self, Outgoing, Unanswered};
use crate::gateway::integrate::whole;
use crate::gateway::story::{invocation, moment};
use crate::gateway::{Answer, Call, Worker};
use crate::lambda::{Invocation, InvokeError, Mode, Outcome, Returned};
use crate::net::Settings;
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
    let order = Order::of(&invocation);
    match worker.invoke(invocation).await {
        // Boxed: its state would make every connection's task larger.
        Err(InvokeError::NotFound(_)) => {
            Box::pin(ask(worker, call, (target, service), &order)).await
        }
        outcome => outcome,
    }
}

/// The answer of a function that may stream it.
#[derive(Debug)]
pub enum Begun {
    Whole(Returned),
    Flow(Flow),
}

/// As `invoke`, for whoever reads the answer while it is made.
///
/// # Errors
/// Why it was not begun.
pub async fn open(
    worker: &'static Worker,
    call: &mut Call<'_>,
    target: &FunctionTarget,
    invocation: Invocation,
) -> Result<Begun, InvokeError> {
    let order = Order::of(&invocation);
    let mut returned = match (worker.invoke(invocation).await, &target.remote) {
        (Err(InvokeError::NotFound(_)), Some(service)) if order.mode == Mode::Call => {
            return ask_for_stream(worker, call, (target, service), &order).await;
        }
        (Err(InvokeError::NotFound(_)), Some(service)) => {
            ask(worker, call, (target, service), &order).await?
        }
        (outcome, _) => outcome?,
    };
    Ok(match returned.stream.take() {
        Some(streamed) => Begun::Flow(Flow::Here(streamed)),
        None => Begun::Whole(returned),
    })
}

/// What of an invocation travels.
struct Order {
    payload: Bytes,
    trace_id: Option<String>,
    client_context: Option<String>,
    wants_log: bool,
    mode: Mode,
}

impl Order {
    fn of(invocation: &Invocation) -> Self {
        Self {
            payload: invocation.payload.clone(),
            trace_id: invocation.trace_id.clone(),
            client_context: invocation.client_context.clone(),
            wants_log: invocation.wants_log,
            mode: invocation.mode,
        }
    }

    fn fields(&self) -> Vec<(&'static str, Vec<u8>)> {
        let kind: &[u8] = match self.mode {
            Mode::Call => b"RequestResponse",
            Mode::Event => b"Event",
            Mode::DryRun => b"DryRun",
        };
        let context = self.client_context.as_ref();
        let context = context.map(|context| crypto::base64(context.as_bytes()));
        let mut fields = vec![
            ("Content-Type", b"application/json".to_vec()),
            ("X-Amz-Invocation-Type", kind.to_vec()),
        ];
        let optional = [
            ("X-Amz-Log-Type", self.wants_log.then(|| "Tail".to_owned())),
            ("X-Amz-Client-Context", context),
            ("X-Amzn-Trace-Id", self.trace_id.clone()),
        ];
        let optional = optional.into_iter();
        fields.extend(optional.filter_map(|(name, value)| Some((name, value?.into_bytes()))));
        fields
    }
}

fn asking<'s>(
    worker: &'static Worker,
    settings: &'s Settings,
    target: &FunctionTarget,
) -> Asking<'s> {
    Asking {
        core: worker.core,
        settings,
        pools: worker.pools(),
        until_ms: worker.core.now_ms() + u64::from(target.timeout_ms),
        bytes_max: ANSWER_BYTES_MAX,
    }
}

/// Path, query and fields of a request to Lambda.
struct Wording {
    path: String,
    query: String,
    fields: Vec<(&'static str, Vec<u8>)>,
}

impl Wording {
    fn of(target: &FunctionTarget, order: &Order, operation: Operation) -> Self {
        let query = target.qualifier.as_deref().map(|qualifier| {
            let qualifier = ascii::percent_encoded(qualifier, b"");
            format!("Qualifier={qualifier}")
        });
        Self {
            path: path(&target.arn, operation),
            query: query.unwrap_or_default(),
            fields: order.fields(),
        }
    }

    fn fields(&self) -> Vec<(&str, &[u8])> {
        let fields = self.fields.iter();
        fields
            .map(|(name, value)| (*name, value.as_slice()))
            .collect()
    }
}

fn outgoing<'o>(
    wording: &'o Wording,
    headers: &'o [(&'o str, &'o [u8])],
    body: &'o [u8],
) -> Outgoing<'o> {
    Outgoing {
        method: Method::Post,
        path: wording.path.as_bytes(),
        query: wording.query.as_bytes(),
        headers,
        body,
    }
}

async fn ask(
    worker: &'static Worker,
    call: &mut Call<'_>,
    (target, service): (&FunctionTarget, &Service),
    order: &Order,
) -> Outcome {
    invocation::leaves(call);
    let settings = worker.settings();
    let asking = asking(worker, &settings, target);
    let wording = Wording::of(target, order, Operation::Invoke);
    let fields = wording.fields();
    let outgoing = outgoing(&wording, &fields, &order.payload);
    match signed::ask(worker, call, &asking, service, outgoing).await {
        Ok(answer) => read(answer, target),
        Err(why) => Err(failed(call, &why)),
    }
}

/// InvokeWithResponseStream.
async fn ask_for_stream(
    worker: &'static Worker,
    call: &mut Call<'_>,
    (target, service): (&FunctionTarget, &Service),
    order: &Order,
) -> Result<Begun, InvokeError> {
    invocation::leaves(call);
    let settings = worker.settings();
    let asking = asking(worker, &settings, target);
    let wording = Wording::of(target, order, Operation::Stream);
    let fields = wording.fields();
    let outgoing = outgoing(&wording, &fields, &order.payload);
    let opened = signed::open(worker, call, &asking, service, outgoing).await;
    let opened = opened.map_err(|why| failed(call, &why))?;
    let (head, bytes) = (
        &opened.incoming.message.head,
        opened.incoming.message.bytes(),
    );
    call.integration_status = head.status;
    call.note_service(head, bytes);
    let media = head.header(bytes, b"content-type").unwrap_or_default();
    if head.status == 200 && media.starts_with(event_stream::CONTENT_TYPE.as_bytes()) {
        if call.story.is_some() {
            moment::received(call, &Answer::of(head, bytes, Vec::new()));
        }
        let stream = RemoteStream::new(opened, asking.until_ms);
        return Ok(Begun::Flow(Flow::There(Box::new(stream))));
    }
    let answer = whole::gathered(worker, call, &asking, opened).await;
    let answer = answer.map_err(|why| failed(call, &Unanswered::Failure(why)))?;
    moment::received(call, &answer);
    read(answer, target).map(Begun::Whole)
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
        status => {
            let said = &answer.body[..answer.body.len().min(SHOWN_BYTES)];
            let said = String::from_utf8_lossy(said).into_owned();
            Err(InvokeError::Refused { status, said })
        }
    }
}

/// Of an error, in the log.
const SHOWN_BYTES: usize = 512;

/// What is asked of Lambda.
#[derive(Clone, Copy, Debug)]
enum Operation {
    Invoke,
    Stream,
}

/// A function whose ARN has no account is one of whoever signs.
fn path(arn: &str, operation: Operation) -> String {
    let parsed = Arn::parse(arn).filter(|arn| !arn.account.is_empty());
    let name = match parsed {
        Some(_) => arn,
        None => arn.rsplit(':').next().unwrap_or(arn),
    };
    let name = ascii::percent_encoded(name, b"");
    match operation {
        Operation::Invoke => format!("/2015-03-31/functions/{name}/invocations"),
        Operation::Stream => {
            format!("/2021-11-15/functions/{name}/response-streaming-invocations")
        }
    }
}

fn failed(call: &Call<'_>, why: &Unanswered) -> InvokeError {
    match why {
        Unanswered::Failure(Failure::Timeout | Failure::ConnectTimeout) => InvokeError::TimedOut,
        // No fault of the network.
        Unanswered::Failure(failure @ (Failure::Unresolved | Failure::TooLarge(_))) => {
            InvokeError::Unavailable(failure.to_string())
        }
        Unanswered::Failure(failure) => InvokeError::Unreachable(failure.to_string()),
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
            let path = path(arn, Operation::Invoke);
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
        assert_eq!(
            path("arn:aws:lambda:::function:pets", Operation::Stream),
            "/2021-11-15/functions/pets/response-streaming-invocations"
        );
    }
}

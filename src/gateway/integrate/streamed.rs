//! AWS_PROXY with `responseTransferMode` STREAM: a function writes its answer while the client reads
//! it.
//!
//! ```text
//! {"statusCode": 200, "headers": {…}}  8 × NUL  payload …
//! └── at most 16 KiB, held ─────────────────┘   └── passed on as it comes
//! ```

use crate::gateway::answer::Answer;
use crate::gateway::integrate::remote::Begun;
use crate::gateway::integrate::remote_stream::Flow;
use crate::gateway::integrate::{event_v1, invoke, lambda};
use crate::gateway::{Call, Reject, Stop, Worker, respond};
use crate::lambda::{Piece, StreamFault};
use crate::net::Exchange;
use crate::plan::FunctionTarget;
use crate::plan::function::Format;

/// What stands between metadata and payload.
const DELIMITER: &[u8] = &[0; 8];
/// AWS: "the metadata and delimiter within the first 16 KB of stream data".
const METADATA_BYTES_MAX: usize = 16 * 1024;

pub async fn run(
    worker: &'static Worker,
    call: &mut Call<'_>,
    exchange: &mut Exchange<'_>,
    target: &FunctionTarget,
) -> Result<(), Stop> {
    // As where the answer is read whole.
    let malformed = match target.format {
        Format::Rest => Reject::MalformedAnswer,
        Format::Http1 | Format::Http2 => Reject::InternalError,
    };
    let begun = match begin(worker, call, exchange, target).await? {
        Ok(begun) => begun,
        Err((reject, why)) => {
            call.integration_error = Some(why.into());
            return Err(reject.unwrap_or(malformed).into());
        }
    };
    call.function_status = begun.answer.status;
    let asked_us = begun.asked_us;
    let head_us = worker.core.now_us() - asked_us;
    let content_us = (!begun.payload.is_empty()).then_some(head_us);
    call.stream_us = Some((head_us, content_us));
    let passed = pass(worker, call, exchange, begun).await;
    // AWS: the latency is the time until the stream is complete.
    call.integration_us = worker.core.now_us() - asked_us;
    if passed.is_err() {
        // The client must not take what it has for the whole.
        exchange.client.stream.break_off();
    }
    passed
}

/// An answer whose metadata are known.
struct Head {
    flow: Flow,
    answer: Answer,
    asked_us: u64,
    /// What came behind the delimiter already.
    payload: Vec<u8>,
}

/// Invokes the function and reads up to the delimiter; or says why there is none, and how it is
/// refused if not as malformed.
async fn begin(
    worker: &'static Worker,
    call: &mut Call<'_>,
    exchange: &mut Exchange<'_>,
    target: &FunctionTarget,
) -> Result<Result<Head, Refusal>, Stop> {
    lambda::gather(exchange).await?;
    let body = exchange.upload.gathered().unwrap_or_default();
    let (manner, event) = match lambda::question(worker, call, exchange, (target, body))? {
        Ok(question) => question,
        Err((reject, why)) => return Ok(Err((Some(reject), why))),
    };
    let verb = lambda::verb(exchange).to_owned();
    let asked_us = worker.core.now_us();
    let mut flow = match invoke::open(worker, call, target, manner, &verb, event).await {
        Ok(Begun::Flow(flow)) => flow,
        Ok(Begun::Whole(returned)) => {
            let why = match returned.function_error {
                Some(_) => String::from_utf8_lossy(&returned.payload).into_owned(),
                None => "the function does not stream its response".to_owned(),
            };
            return Ok(Err((None, why)));
        }
        Err(error) => {
            let (reject, why) = invoke::refusal(error);
            return Ok(Err((Some(reject), why)));
        }
    };
    let mut head = Vec::new();
    let end = loop {
        match flow.next(worker).await {
            Piece::Bytes(bytes) => {
                // The delimiter may have begun in the piece before.
                let from = head.len().saturating_sub(DELIMITER.len() - 1);
                head.extend_from_slice(&bytes);
                if let Some(at) = memchr::memmem::find(&head[from..], DELIMITER) {
                    break from + at;
                }
                if head.len() >= METADATA_BYTES_MAX {
                    return Ok(Err(malformed(
                        "no metadata and delimiter in the first 16 KiB",
                    )));
                }
            }
            Piece::End(ending) => {
                return Ok(Err(match ending.fault {
                    Some(fault @ StreamFault::TimedOut) => {
                        (Some(Reject::IntegrationTimeout), fault.to_string())
                    }
                    Some(fault) => (None, fault.to_string()),
                    None => malformed("no delimiter behind the metadata"),
                }));
            }
        }
    };
    let behind = end + DELIMITER.len();
    if behind > METADATA_BYTES_MAX {
        return Ok(Err(malformed("more than 16 KiB of metadata")));
    }
    let read = event_v1::read_metadata(&head[..end]);
    Ok(read.map_err(malformed).map(|answer| Head {
        flow,
        asked_us,
        answer: lambda::shown(call, target, answer),
        payload: head.split_off(behind),
    }))
}

type Refusal = (Option<Reject>, String);

fn malformed(why: &str) -> Refusal {
    (None, format!("Malformed stream: {why}"))
}

/// Gives the head at once, and the payload as it comes.
async fn pass(
    worker: &'static Worker,
    call: &mut Call<'_>,
    exchange: &mut Exchange<'_>,
    mut begun: Head,
) -> Result<(), Stop> {
    let (outgoing, lines) = respond::head(worker, call, exchange, &begun.answer);
    outgoing.send(exchange, lines, &begun.payload).await?;
    drop((begun.answer, begun.payload));
    loop {
        match begun.flow.next(worker).await {
            Piece::Bytes(bytes) => {
                if let Some((_, content @ None)) = &mut call.stream_us {
                    *content = Some(worker.core.now_us() - begun.asked_us);
                }
                outgoing.send(exchange, Vec::new(), &bytes).await?;
            }
            Piece::End(ending) => {
                return match ending.fault {
                    None => {
                        outgoing.end(exchange).await?;
                        begun.flow.close(worker).await;
                        Ok(())
                    }
                    Some(fault) => {
                        call.integration_error = Some(fault.to_string().into());
                        Err(Stop::Gone)
                    }
                };
            }
        }
    }
}

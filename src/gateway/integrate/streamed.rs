//! AWS_PROXY with `responseTransferMode` STREAM: a function writes its answer while the client reads
//! it.
//!
//! ```text
//! {"statusCode": 200, "headers": {…}}  8 × NUL  payload …
//! └── at most 16 KiB, held ─────────────────┘   └── passed on as it comes
//! ```

use crate::gateway::answer::Answer;
use crate::gateway::integrate::{event_v1, invoke, lambda};
use crate::gateway::{Call, Reject, Stop, Worker, respond};
use crate::lambda::{Piece, StreamFault, Streamed};
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
    let begun_us = worker.core.now_us();
    let passed = pass(worker, call, exchange, begun).await;
    // AWS: the latency is the time until the stream is complete.
    call.integration_us += worker.core.now_us() - begun_us;
    if passed.is_err() {
        // The client must not take what it has for the whole.
        exchange.client.stream.break_off();
    }
    passed
}

/// An answer whose metadata are known.
struct Begun {
    streamed: Streamed,
    answer: Answer,
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
) -> Result<Result<Begun, Refusal>, Stop> {
    let asked = lambda::ask(worker, call, exchange, target).await?;
    let asked = asked.and_then(|(_, outcome)| outcome.map_err(invoke::refusal));
    let returned = match asked {
        Ok(returned) => returned,
        Err((reject, why)) => return Ok(Err((Some(reject), why))),
    };
    let Some(streamed) = returned.stream else {
        let why = match returned.function_error {
            Some(_) => String::from_utf8_lossy(&returned.payload).into_owned(),
            None => "the function does not stream its response".to_owned(),
        };
        return Ok(Err((None, why)));
    };
    let mut head = Vec::new();
    let end = loop {
        match worker.next_piece(&streamed).await {
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
    Ok(read.map_err(malformed).map(|answer| Begun {
        streamed,
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
    begun: Begun,
) -> Result<(), Stop> {
    let (outgoing, head) = respond::head(worker, call, exchange, &begun.answer);
    outgoing.send(exchange, head, &begun.payload).await?;
    drop((begun.answer, begun.payload));
    loop {
        match worker.next_piece(&begun.streamed).await {
            Piece::Bytes(bytes) => outgoing.send(exchange, Vec::new(), &bytes).await?,
            Piece::End(ending) => {
                return match ending.fault {
                    None => Ok(outgoing.end(exchange).await?),
                    Some(fault) => {
                        call.integration_error = Some(fault.to_string().into());
                        Err(Stop::Gone)
                    }
                };
            }
        }
    }
}

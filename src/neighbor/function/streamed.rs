//! InvokeWithResponseStream: the answer goes to the caller while the function makes it.

use bytes::Bytes;
use serde_json::json;
use tokio::sync::mpsc;

use crate::aws::event_stream;
use crate::base::crypto;
use crate::control::{Answer, Outcome, Request};
use crate::lambda::{Ending, Functions, Invocation, Mode, Piece, Returned, StreamFault, Streamed};
use crate::neighbor::function::invoke::refused;
use crate::neighbor::function::path::Call;
use crate::neighbor::function::{FunctionApi, invalid};

/// An answer whose body may still be on its way.
#[derive(Debug)]
pub struct Given {
    pub answer: Answer,
    /// What follows the body of `answer`.
    pub rest: Option<mpsc::Receiver<Bytes>>,
}

impl From<Answer> for Given {
    fn from(answer: Answer) -> Self {
        Self { answer, rest: None }
    }
}

impl FunctionApi {
    pub(super) async fn invoke_streamed(&self, call: &Call, request: &Request) -> Outcome<Given> {
        let invocation = Invocation {
            streams: true,
            ..Self::invocation(call, request)?
        };
        match invocation.mode {
            Mode::Call => {}
            Mode::DryRun => return Ok(self.invoke(call, request).await?.into()),
            Mode::Event => {
                let message = "a stream cannot be had with InvocationType Event";
                return Err(invalid(message));
            }
        }
        let returned = self.functions.invoke(invocation).await;
        let returned = returned.map_err(|error| refused(call, &error))?;
        let headers = [
            ("Content-Type", event_stream::CONTENT_TYPE),
            ("X-Amz-Executed-Version", &returned.version),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut answer = Answer {
            status: 200,
            headers: headers.into(),
            body: Vec::new(),
        };
        let Returned { stream, .. } = &returned;
        if stream.is_none() {
            answer.body = whole(returned);
            return Ok(answer.into());
        }
        let (events, rest) = mpsc::channel(1);
        if let Some(streamed) = returned.stream {
            tokio::spawn(pass(streamed, events));
        }
        Ok(Given {
            answer,
            rest: Some(rest),
        })
    }
}

/// The events of an answer that was not streamed.
fn whole(returned: Returned) -> Vec<u8> {
    let fault = returned
        .function_error
        .map(|_| StreamFault::Function(returned.payload.clone()));
    let mut events = Vec::new();
    if fault.is_none() {
        events = chunk(&returned.payload);
    }
    let log = returned.log;
    events.extend_from_slice(&complete(&Ending { fault, log }));
    events
}

/// Sends pieces as events until the end, or until nobody takes them.
async fn pass(streamed: Streamed, events: mpsc::Sender<Bytes>) {
    loop {
        let piece = tokio::select! {
            piece = Functions::next(&streamed) => piece,
            () = events.closed() => return,
        };
        let (event, is_last) = match piece {
            Piece::Bytes(bytes) => (chunk(&bytes), false),
            Piece::End(ending) => (complete(&ending), true),
        };
        if events.send(event.into()).await.is_err() || is_last {
            return;
        }
    }
}

fn chunk(payload: &[u8]) -> Vec<u8> {
    event_stream::event("PayloadChunk", "application/octet-stream", payload)
}

fn complete(ending: &Ending) -> Vec<u8> {
    let mut said = serde_json::Map::new();
    if let Some(fault) = &ending.fault {
        let code = match fault {
            StreamFault::Function(_) => "Unhandled",
            StreamFault::TimedOut | StreamFault::Gone | StreamFault::Broken(_) => {
                "ServiceException"
            }
        };
        said.insert("ErrorCode".to_owned(), code.into());
        said.insert("ErrorDetails".to_owned(), fault.to_string().into());
    }
    if let Some(log) = &ending.log {
        said.insert("LogResult".to_owned(), crypto::base64(log).into());
    }
    let said = json!(said).to_string();
    event_stream::event("InvokeComplete", "application/json", said.as_bytes())
}

//! Lambda's Runtime API, as the runtimes in the workers speak it.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>. Each worker has a port of its
//! own on loopback, so a request tells by where it comes in whose it is. This is the whole of it, for
//! connections on which a worker says what `seat` does not understand.

use std::convert::Infallible;
use std::io::Cursor;
use std::os::fd::AsRawFd;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::base::crypto;
use crate::lambda::outcome::{self, RESPONSE_BYTES_MAX, UNHANDLED};
use crate::lambda::phrase::ERROR_BYTES_MAX;
use crate::lambda::stream::Window;
use crate::lambda::worker::Worker;

const BASE: &str = "/2018-06-01/runtime/";
const RESPONSE_MODE: &str = "Lambda-Runtime-Function-Response-Mode";
/// What is read of a connection at once.
const READ_BYTES_MAX: usize = 64 * 1024;
/// How often it is looked whether a worker may ask before it is told that it may not, and how often
/// in all.
const LOOK: Duration = Duration::from_millis(2);
const LOOKS_MAX: u32 = 50;

/// One connection of a worker, of which some has been read already.
pub async fn serve(stream: TcpStream, read: Bytes, worker: Rc<Worker>) {
    let descriptor = stream.as_raw_fd();
    let (rest, write) = stream.into_split();
    let stream = tokio::io::join(Cursor::new(read).chain(rest), write);
    let service = service_fn(|request| answer(Rc::clone(&worker), request));
    let served = http1::Builder::new()
        .max_buf_size(READ_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let mut served = pin!(served);
    // Dropped first: the descriptor is this connection's until then.
    let _reading = worker.desk.reading(descriptor);
    // A connection that breaks is the worker's matter; its process tells the rest.
    let _ = served.as_mut().await;
}

async fn answer(
    worker: Rc<Worker>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path().to_owned();
    let Some(what) = path.strip_prefix(BASE) else {
        return Ok(refuse(
            StatusCode::NOT_FOUND,
            "NotFound",
            "no such resource",
        ));
    };
    let parts: Vec<&str> = what.split('/').collect();
    Ok(match (request.method(), parts.as_slice()) {
        (&Method::GET, ["invocation", "next"]) => next(&worker).await,
        (&Method::POST, ["invocation", id, "response"]) => response(&worker, id, request).await,
        (&Method::POST, ["invocation", id, "error"]) => error(&worker, id, request).await,
        (&Method::POST, ["init", "error"]) => match body(request, ERROR_BYTES_MAX).await {
            Ok(payload) => {
                worker.init_failed(payload);
                accepted()
            }
            Err(_) => too_large(),
        },
        _ => refuse(StatusCode::NOT_FOUND, "NotFound", "no such resource"),
    })
}

async fn next(worker: &Worker) -> Response<Full<Bytes>> {
    // That the connection of its last answer broke may be seen after its next question.
    for _ in 0..LOOKS_MAX {
        if worker.may_ask() {
            break;
        }
        tokio::time::sleep(LOOK).await;
    }
    let begun = match worker.next() {
        Some(begun) => begun.await,
        None => {
            let text = "the invocation before has not been answered";
            return refuse(StatusCode::FORBIDDEN, "InvalidStateTransition", text);
        }
    };
    // Whoever would have given one is gone; the worker will be ended.
    let Ok(begun) = begun else {
        return refuse(StatusCode::GONE, "Gone", "the worker is to end");
    };
    worker.desk.say_start(&begun);
    let mut response = Response::builder()
        .header("Content-Type", "application/json")
        .header("Lambda-Runtime-Aws-Request-Id", &begun.request_id)
        .header("Lambda-Runtime-Deadline-Ms", begun.deadline_ms)
        .header("Lambda-Runtime-Invoked-Function-Arn", &begun.arn);
    if let Some(trace_id) = &begun.trace_id {
        response = response.header("Lambda-Runtime-Trace-Id", trace_id);
    }
    if let Some(context) = &begun.client_context {
        response = response.header("Lambda-Runtime-Client-Context", context);
    }
    let response = response.body(Full::new(begun.payload));
    response.unwrap_or_else(|_| {
        let text = "the invocation cannot stand in headers";
        let payload = outcome::error_payload("InvalidRequestContent", text);
        worker.answer(&begun.request_id, payload, Some(UNHANDLED));
        refuse(StatusCode::INTERNAL_SERVER_ERROR, "Internal", text)
    })
}

async fn response(worker: &Worker, id: &str, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let announced = hyper::body::Body::size_hint(request.body()).upper();
    let mode = request.headers().get(RESPONSE_MODE);
    let is_streamed = mode.is_some_and(|mode| mode.as_bytes().eq_ignore_ascii_case(b"streaming"));
    if is_streamed && let Some(window) = worker.begin_stream(id) {
        return stream(worker, id, request.into_body(), &window).await;
    }
    // Before the body is read: it may have megabytes.
    if !worker.desk.claim(id.as_bytes(), false) {
        return unknown_id();
    }
    let unfinished = Unfinished(Some((worker, id)));
    let limited = Limited::new(request.into_body(), RESPONSE_BYTES_MAX);
    let (payload, error, answer) = match limited.collect().await {
        Ok(collected) => match collected.trailers().and_then(fault_of) {
            Some(fault) => (fault, Some(UNHANDLED), accepted()),
            None => (collected.to_bytes(), None, accepted()),
        },
        // As if it had never come back here.
        Err(error) if !error.is::<LengthLimitError>() => return accepted(),
        Err(_) => {
            let bytes = announced.and_then(|bytes| usize::try_from(bytes).ok());
            let payload = outcome::too_large(bytes.unwrap_or(RESPONSE_BYTES_MAX + 1));
            (payload, Some(UNHANDLED), too_large())
        }
    };
    unfinished.done();
    match worker.answer(id, payload, error) {
        true => answer,
        false => unknown_id(),
    }
}

/// Passes an answer on while it is made. AWS: "Lambda-Runtime-Function-Response-Mode HTTP header with
/// the value streaming", errors in the middle as trailers.
async fn stream(
    worker: &Worker,
    id: &str,
    mut body: Incoming,
    window: &Window,
) -> Response<Full<Bytes>> {
    let unfinished = Unfinished(Some((worker, id)));
    let mut fault = None;
    loop {
        window.has_room().await;
        match body.frame().await {
            None => break,
            // As if it had never come back here.
            Some(Err(_)) => return accepted(),
            Some(Ok(frame)) => match frame.into_data() {
                Ok(bytes) => window.push(&bytes),
                Err(frame) => fault = frame.trailers_ref().and_then(fault_of),
            },
        }
    }
    unfinished.done();
    let error = fault.is_some().then_some(UNHANDLED);
    match worker.answer(id, fault.unwrap_or_default(), error) {
        true => accepted(),
        // Its time was up.
        false => unknown_id(),
    }
}

/// An answer whose connection breaks off is an error of its function.
struct Unfinished<'w>(Option<(&'w Worker, &'w str)>);

impl Unfinished<'_> {
    fn done(mut self) {
        self.0 = None;
    }
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if let Some((worker, id)) = self.0 {
            let text = "the runtime broke off its response";
            let payload = outcome::error_payload("Runtime.TruncatedResponse", text);
            worker.answer(id, payload, Some(UNHANDLED));
        }
    }
}

/// The error that the trailers of a streamed answer tell of.
fn fault_of(trailers: &HeaderMap) -> Option<Bytes> {
    let kind = trailers.get("Lambda-Runtime-Function-Error-Type")?;
    let body = trailers.get("Lambda-Runtime-Function-Error-Body");
    let body = body.and_then(|body| crypto::base64_decoded(body.to_str().ok()?));
    Some(match body {
        Some(body) => body.into(),
        None => {
            let kind = String::from_utf8_lossy(kind.as_bytes());
            outcome::error_payload(&kind, "the function failed while it streamed its answer")
        }
    })
}

async fn error(worker: &Worker, id: &str, request: Request<Incoming>) -> Response<Full<Bytes>> {
    if !worker.desk.claim(id.as_bytes(), true) {
        return unknown_id();
    }
    let unfinished = Unfinished(Some((worker, id)));
    let Ok(payload) = body(request, ERROR_BYTES_MAX).await else {
        return too_large();
    };
    unfinished.done();
    match worker.answer(id, payload, Some(UNHANDLED)) {
        true => accepted(),
        false => unknown_id(),
    }
}

/// The whole body; an error when it is larger or breaks off.
async fn body(request: Request<Incoming>, bytes_max: usize) -> Result<Bytes, ()> {
    let collected = Limited::new(request.into_body(), bytes_max).collect().await;
    collected.map(|body| body.to_bytes()).map_err(|_| ())
}

fn accepted() -> Response<Full<Bytes>> {
    let body = Bytes::from_static(b"{\"status\":\"OK\"}\n");
    whole(StatusCode::ACCEPTED, body)
}

fn unknown_id() -> Response<Full<Bytes>> {
    refuse(
        StatusCode::BAD_REQUEST,
        "InvalidRequestID",
        "Invalid request ID",
    )
}

fn too_large() -> Response<Full<Bytes>> {
    let text = format!("Exceeded maximum allowed payload size ({RESPONSE_BYTES_MAX} bytes).");
    refuse(
        StatusCode::PAYLOAD_TOO_LARGE,
        "RequestEntityTooLarge",
        &text,
    )
}

fn refuse(status: StatusCode, kind: &str, message: &str) -> Response<Full<Bytes>> {
    whole(status, outcome::error_payload(kind, message))
}

fn whole(status: StatusCode, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let json = hyper::header::HeaderValue::from_static("application/json");
    response
        .headers_mut()
        .insert(hyper::header::CONTENT_TYPE, json);
    response
}

//! Calls that the operator wants explained: requests to the admin listener with `x-daemun-explain`.

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::base::json;
use crate::server::admin::Observed;

/// Its value is the host to be called, or `1`: the one that the request names itself.
const HEADER: &str = "x-daemun-explain";
/// AWS's largest payload, bytes.
const BODY_BYTES_MAX: usize = 10_485_760;
/// What frames a message is ours to say; what stands for nothing at a call is left out.
const OURS: &[&str] = &[
    HEADER,
    "connection",
    "content-length",
    "expect",
    "host",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Explains a request that wants it, and lets others go on.
pub async fn instead<O: Observed>(
    State(observed): State<O>,
    request: Request,
    next: Next,
) -> Response {
    if !request.headers().contains_key(HEADER) {
        return next.run(request).await;
    }
    if !observed.explains() {
        let hint = "calls are not explained in strict mode\n";
        return (StatusCode::FORBIDDEN, hint).into_response();
    }
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_BYTES_MAX).await else {
        let hint = "the body has more than 10 MiB, which no API takes\n";
        return (StatusCode::PAYLOAD_TOO_LARGE, hint).into_response();
    };
    match observed.explain(call(&parts, &body)).await {
        Ok(told) => {
            let kind = [(header::CONTENT_TYPE, "application/json")];
            (kind, Body::from(json::pretty(&told.shown()))).into_response()
        }
        Err(untold) => {
            let status = StatusCode::from_u16(untold.status()).unwrap_or(StatusCode::BAD_GATEWAY);
            (status, format!("{untold}\n")).into_response()
        }
    }
}

/// The request as a client of an API would have sent it.
fn call(parts: &Parts, body: &[u8]) -> Vec<u8> {
    let target = parts
        .uri
        .path_and_query()
        .map_or("/", |target| target.as_str());
    let mut out = format!("{} {target} HTTP/1.1\r\n", parts.method).into_bytes();
    let own = parts.headers.get(header::HOST);
    let wanted = parts.headers.get(HEADER).filter(|value| *value != "1");
    let mut field = |name: &[u8], value: &[u8]| {
        for part in [name, b": ", value, b"\r\n"] {
            out.extend_from_slice(part);
        }
    };
    if let Some(host) = wanted.or(own) {
        field(b"Host", host.as_bytes());
    }
    for (name, value) in &parts.headers {
        if !OURS.contains(&name.as_str()) {
            field(name.as_str().as_bytes(), value.as_bytes());
        }
    }
    if !body.is_empty() {
        field(b"Content-Length", body.len().to_string().as_bytes());
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(body);
    out
}

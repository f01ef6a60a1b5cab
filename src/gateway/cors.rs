//! CORS of HTTP APIs: preflight requests are answered here, other answers get the fields that the
//! API says instead of the upstream's own.

use crate::base::Method;
use crate::gateway::{Call, Worker, respond};
use crate::net::{Exchange, Gone};
use crate::plan::Cors;
use crate::wire::head::Name;

/// What every field of CORS begins with (Fetch Standard section 3.2).
const PREFIX: &[u8] = b"access-control-";

/// Whether a browser asks what it may ask.
#[inline]
pub fn is_preflight(exchange: &Exchange<'_>) -> bool {
    let (head, bytes) = (exchange.head(), exchange.bytes());
    head.method == Method::Options
        && head.field(bytes, Name::Origin).is_some()
        && head
            .header(bytes, b"access-control-request-method")
            .is_some()
}

/// 204, with or without leave.
pub async fn preflight(
    worker: &'static Worker,
    call: &mut Call<'_>,
    exchange: &mut Exchange<'_>,
    cors: &Cors,
) -> Result<(), Gone> {
    let mut lines = Vec::new();
    let origin = exchange.head().field(exchange.bytes(), Name::Origin);
    if let Some(allowed) = origin.and_then(|origin| cors.allowed(origin)) {
        // The line with the origin itself is in every answer.
        debug_assert!(!allowed.is_empty());
        lines.extend_from_slice(&cors.preflight);
    }
    call.status = 204;
    call.is_preflight = true;
    respond::fixed(worker, call, exchange, &lines, b"").await
}

/// Appends the lines for this request.
#[inline]
pub fn write(out: &mut Vec<u8>, call: &Call<'_>, exchange: &Exchange<'_>) {
    if let Some(cors) = call.stage.and_then(|stage| stage.cors.as_ref()) {
        write_lines(out, cors, call, exchange);
    }
}

#[cold]
fn write_lines(out: &mut Vec<u8>, cors: &Cors, call: &Call<'_>, exchange: &Exchange<'_>) {
    let origin = exchange.head().field(exchange.bytes(), Name::Origin);
    let Some(allowed) = origin.and_then(|origin| cors.allowed(origin)) else {
        return;
    };
    out.extend_from_slice(b"access-control-allow-origin: ");
    out.extend_from_slice(allowed);
    out.extend_from_slice(b"\r\n");
    if !call.is_preflight {
        out.extend_from_slice(&cors.actual);
    }
    // Another origin would have had another answer.
    if allowed != b"*" {
        out.extend_from_slice(b"vary: origin\r\n");
    }
}

/// Whether a field of the upstream's answer gives way to ours.
#[inline]
pub fn replaces(call: &Call<'_>, name: &[u8]) -> bool {
    call.stage.is_some_and(|stage| stage.cors.is_some())
        && name
            .get(..PREFIX.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(PREFIX))
}

//! A `Reject` or a fixed answer to bytes.

use crate::base::Method;
use crate::gateway::asked::Asked;
use crate::gateway::story::moment;
use crate::gateway::{Answer, Call, Reject, Worker, cors, headers, refuse};
use crate::net::inbound::h1::Life;
use crate::net::{Exchange, Gone, Outgoing};
use crate::plan::stage::StageKind;
use crate::wire::h1::encode;
use crate::wire::head::Name;

/// Answers with `call.status`, complete header lines and a body.
pub async fn fixed(
    worker: &'static Worker,
    call: &mut Call<'_>,
    exchange: &mut Exchange<'_>,
    lines: &[u8],
    body: &[u8],
) -> Result<(), Gone> {
    with(worker, call, exchange, body, |out, _| {
        out.extend_from_slice(lines);
    })
    .await
}

/// Gives an answer that an integration gave. Fields that frame its body are written anew, those
/// of the connection to the upstream are left out.
pub async fn answer(
    worker: &'static Worker,
    call: &mut Call<'_>,
    exchange: &mut Exchange<'_>,
    answer: &Answer,
) -> Result<(), Gone> {
    call.status = answer.status;
    let call = &*call;
    moment::answering(call, answer);
    with(worker, call, exchange, &answer.body, |out, exchange| {
        write_fields(out, call, exchange, answer);
    })
    .await
}

/// The head of an answer whose payload follows in parts.
pub fn head(
    worker: &'static Worker,
    call: &mut Call<'_>,
    exchange: &mut Exchange<'_>,
    answer: &Answer,
) -> (Outgoing, Vec<u8>) {
    call.status = answer.status;
    moment::streaming(call, answer);
    exchange.close |= !exchange.upload.is_read() || worker.is_draining();
    let outgoing = Outgoing::of(exchange, answer.status);
    let mut out = Vec::with_capacity(1024);
    encode::status_line(
        &mut out,
        answer.status,
        encode::reason(answer.status).as_bytes(),
    );
    worker.write_date(&mut out);
    write_fields(&mut out, call, exchange, answer);
    outgoing.write_line(&mut out);
    headers::append_ids(&mut out, call, exchange);
    cors::write(&mut out, call, exchange);
    out.extend_from_slice(exchange.connection_line());
    out.extend_from_slice(b"\r\n");
    (outgoing, out)
}

fn write_fields(out: &mut Vec<u8>, call: &Call<'_>, exchange: &Exchange<'_>, answer: &Answer) {
    let id_name = headers::id_name(call.kind, exchange.client);
    for field in answer.headers.iter() {
        let name = field.name.as_bytes();
        let is_ours = name.eq_ignore_ascii_case(id_name) || cors::replaces(call, name);
        if !is_ours && !is_framing(field.name) {
            encode::field(out, name, field.value);
        }
    }
}

/// Shows the client of a REST API the trace of its call, unless the answer says one already.
pub fn add_trace(call: &Call<'_>, answer: &mut Answer) {
    const NAME: &str = "X-Amzn-Trace-Id";
    if let Some(trace) = &call.trace
        && answer.headers.get(NAME).is_none()
    {
        answer.headers.push(NAME, trace.text().as_bytes());
    }
}

/// What the gateway's own framing of an answer says, or what is meant for one connection.
fn is_framing(name: &str) -> bool {
    let name = Name::of(name.as_bytes());
    matches!(name, Name::ContentLength | Name::Date)
        || (name.is_hop() && !matches!(name, Name::Te | Name::ProxyAuthenticate))
}

async fn with(
    worker: &'static Worker,
    call: &Call<'_>,
    exchange: &mut Exchange<'_>,
    body: &[u8],
    write_lines: impl FnOnce(&mut Vec<u8>, &Exchange<'_>),
) -> Result<(), Gone> {
    // Nobody reads the request body here; what has not come yet would be taken for a request.
    exchange.close |= !exchange.upload.is_read() || worker.is_draining();
    let has_length = call.status != 204 && call.status != 304;
    let write = |out: &mut Vec<u8>, exchange: &Exchange<'_>| {
        encode::status_line(out, call.status, encode::reason(call.status).as_bytes());
        worker.write_date(out);
        write_lines(out, exchange);
        if has_length {
            encode::content_length(out, body.len() as u64);
        }
        headers::append_ids(out, call, exchange);
        cors::write(out, call, exchange);
        out.extend_from_slice(exchange.connection_line());
        out.extend_from_slice(b"\r\n");
    };
    let sends_body = has_length && exchange.head().method != Method::Head;
    exchange
        .answer(write, if sends_body { body } else { b"" })
        .await
}

const JSON: &[u8] = b"Content-Type: application/json\r\n";

/// Refuses a request.
pub async fn reject(
    worker: &'static Worker,
    call: &mut Call<'_>,
    exchange: &mut Exchange<'_>,
    reject: Reject,
) -> Result<(), Gone> {
    call.status = reject.status();
    call.reject = Some(reject);
    if let Some(stage) = call.stage.and_then(|stage| stage.rest.as_deref()) {
        let asked = Asked::of(exchange, b"");
        let mut refusal = refuse::answer(call, &asked, stage, reject);
        if exchange.client.settings.cors_on_errors {
            refuse::allow_any_origin(&mut refusal);
        }
        return answer(worker, call, exchange, &refusal).await;
    }
    let body = reject.body().as_bytes();
    match call.kind {
        StageKind::Http => {
            let (status, message) = reject.http();
            call.status = status;
            let body = format!("{{\"message\":\"{message}\"}}");
            fixed(worker, call, exchange, JSON, body.as_bytes()).await
        }
        // A REST API without such a stage.
        StageKind::Rest => {
            let exception = reject.rest().0.exception().as_bytes();
            let headers = [JSON, b"x-amzn-ErrorType: ", exception, b"\r\n"].concat();
            fixed(worker, call, exchange, &headers, body).await
        }
        _ => fixed(worker, call, exchange, JSON, body).await,
    }
}

/// Answers a health check of a custom domain, which no API sees.
pub async fn health(
    worker: &'static Worker,
    call: &mut Call<'_>,
    exchange: &mut Exchange<'_>,
) -> Result<(), Gone> {
    call.status = 200;
    fixed(
        worker,
        call,
        exchange,
        b"Content-Type: text/plain\r\n",
        b"healthy",
    )
    .await
}

/// The whole answer to a head that could not be understood; the connection closes behind it.
pub fn malformed(worker: &Worker, reject: Reject) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    encode::status_line(
        &mut out,
        reject.status(),
        encode::reason(reject.status()).as_bytes(),
    );
    worker.write_date(&mut out);
    out.extend_from_slice(JSON);
    encode::content_length(&mut out, reject.body().len() as u64);
    out.extend_from_slice(b"Connection: close\r\n\r\n");
    out.extend_from_slice(reject.body().as_bytes());
    out
}

//! AWS: what a REST API's method makes of a request goes to a service of AWS, signed.

use crate::base::ascii;
use crate::gateway::asked::Asked;
use crate::gateway::context::Scene;
use crate::gateway::integrate::signed::{self, Outgoing, Unanswered};
use crate::gateway::transform::request::Moved;
use crate::gateway::{Answer, Call, Reject, Stop, Worker};
use crate::net::outbound::Asking;
use crate::plan::service::ServiceTarget;
use crate::wire::head::Name;

/// The answer of the service to what the templates have made.
///
/// # Errors
/// It gave none; the call learns why.
pub async fn answer(
    worker: &'static Worker,
    call: &mut Call<'_>,
    asked: &Asked<'_>,
    asking: &Asking<'_>,
    target: &ServiceTarget,
    (moved, body): (Moved<'_>, &[u8]),
) -> Result<Answer, Stop> {
    let method = target.method.unwrap_or(asked.head.method);
    let mut written = Vec::with_capacity(256);
    let scene = Scene { call, asked };
    moved.write_target(&mut written, &scene, None);
    let (path, query) = match written.iter().position(|byte| *byte == b'?') {
        Some(at) => (&written[..at], &written[at + 1..]),
        None => (&written[..], &b""[..]),
    };
    let path = match &*target.service.name {
        "s3" => encoded_once(path, b'/'),
        _ => path.to_vec(),
    };
    let pairs = query.split(|byte| *byte == b'&');
    let pairs = pairs.map(|pair| match pair.iter().position(|byte| *byte == b'=') {
        Some(at) => [
            &encoded_once(&pair[..at], b'&')[..],
            b"=",
            &encoded_once(&pair[at + 1..], b'&'),
        ]
        .concat(),
        None => encoded_once(pair, b'&'),
    });
    let query = pairs.collect::<Vec<_>>().join(&b'&');
    let fields = fields(moved, &scene, target, body);
    let fields: Vec<(&str, &[u8])> = fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_slice()))
        .collect();
    let outgoing = Outgoing {
        method,
        path: &path,
        query: &query,
        headers: &fields,
        body,
    };
    let answered = signed::ask(worker, call, asking, &target.service, outgoing).await;
    answered.map_err(|why| match why {
        Unanswered::NoKeys => Reject::ApiConfigurationError.into(),
        Unanswered::Failure(failure) => Stop::of(call.kind, &failure),
    })
}

/// What is mapped, and what AWS always sends. "AWS integration sends Accept application/json and
/// User-Agent AmazonAPIGateway_{apiId}"; nothing of the client's but the type of a body.
fn fields(
    moved: Moved<'_>,
    scene: &Scene<'_>,
    target: &ServiceTarget,
    body: &[u8],
) -> Vec<(String, Vec<u8>)> {
    let asked = scene.asked;
    let mut fields = Vec::with_capacity(8);
    let mut usual = |name: &str, value: &[u8]| {
        if !moved.maps_header(name.as_bytes()) {
            fields.push((name.to_owned(), value.to_vec()));
        }
    };
    let api = scene.call.stage.map_or("", |stage| &stage.api_id);
    usual("Accept", b"application/json");
    usual("User-Agent", format!("AmazonAPIGateway_{api}").as_bytes());
    match &target.action {
        Some(action) => {
            usual("Content-Type", action.content_type.as_bytes());
            usual("X-Amz-Target", action.target.as_bytes());
        }
        None if body.is_empty() => {}
        None => {
            let said = asked.head.field(asked.bytes, Name::ContentType);
            usual("Content-Type", said.unwrap_or(b"application/json"));
        }
    }
    if let Some(trace) = &scene.call.trace {
        usual("X-Amzn-Trace-Id", trace.text().as_bytes());
    }
    for (name, values) in moved.headers(scene) {
        for value in values {
            fields.push((name.to_owned(), value.into_bytes()));
        }
    }
    fields
}

/// What is signed is encoded in the one way that SDKs do it, so that is what is sent.
fn encoded_once(text: &[u8], between: u8) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    for (index, segment) in text.split(|byte| *byte == between).enumerate() {
        if index > 0 {
            out.push(between);
        }
        let mut decoded = Vec::with_capacity(segment.len());
        ascii::percent_decode(&mut decoded, segment);
        ascii::percent_encode(&mut out, &decoded, b"");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_s3_is_encoded_once() {
        let check = |path: &str, expected: &str| {
            let encoded = encoded_once(path.as_bytes(), b'/');
            assert_eq!(String::from_utf8_lossy(&encoded), expected);
        };
        check("/b/a%20b+c", "/b/a%20b%2Bc");
        check("/b/x%2Fy/(1).png", "/b/x%2Fy/%281%29.png");
        check("/b//", "/b//");
    }
}

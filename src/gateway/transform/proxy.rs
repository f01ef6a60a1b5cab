//! A proxy's request and answer in memory, for who has to look at all of the answer: as they would
//! stream, header for header.

use crate::base::ascii;
use crate::gateway::Answer;
use crate::gateway::context::Scene;
use crate::gateway::headers::{self, Rules};
use crate::gateway::http::rest_of_path;
use crate::gateway::transform::request::Moved;
use crate::plan::HttpTarget;
use crate::wire::h1::encode;
use crate::wire::head::{Body, Field, Name};

const RULES: Rules = Rules::RestProxy;

/// The head of the request of an `HTTP_PROXY` integration, whose body is the client's.
pub fn head(moved: Moved<'_>, target: &HttpTarget, scene: &Scene<'_>) -> Vec<u8> {
    let (call, asked) = (scene.call, scene.asked);
    let (head, bytes) = (asked.head, asked.bytes);
    let mut out = Vec::with_capacity(512);
    match target.method_for(head.method).name() {
        Some(name) => out.extend_from_slice(name.as_bytes()),
        None => out.extend_from_slice(head.method_token.of(bytes)),
    }
    out.push(b' ');
    let query = head.query.map(|query| query.of(bytes));
    match moved.map.is_empty() {
        true => {
            let path = rest_of_path(head.path.of(bytes), call.base);
            target.write_target(&mut out, path, &call.params, query);
        }
        false => moved.write_target(&mut out, scene, query),
    }
    out.extend_from_slice(b" HTTP/1.1\r\n");
    if !moved.maps_header(b"host") {
        encode::field(&mut out, b"Host", target.host_for(head.host.of(bytes)));
    }
    encode::end_to_end_fields(&mut out, bytes, &head.fields, |field: &Field| {
        !RULES.sends(field, bytes)
            || field.id == Name::ContentLength
            || moved.maps_header(field.name.of(bytes))
    });
    moved.write_headers(&mut out, scene);
    let api = call.stage.map_or("", |stage| &stage.api_id);
    if ascii::is_field_value(api.as_bytes()) {
        encode::field(&mut out, b"X-Amzn-Apigateway-Api-Id", api.as_bytes());
    }
    headers::append_trace(&mut out, RULES, call);
    if head.body != Body::None || !asked.body.is_empty() {
        encode::content_length(&mut out, asked.body.len() as u64);
    }
    out.extend_from_slice(b"\r\n");
    out
}

/// What the client gets of the backend's answer: all of it, some headers under another name.
pub fn answer(answer: Answer) -> Answer {
    let mut given = Answer {
        status: answer.status,
        body: answer.body,
        ..Answer::default()
    };
    for header in answer.headers.iter() {
        if let Some(name) = headers::given_name(RULES, header.name) {
            given.headers.push(&name, header.value);
        }
    }
    given
}

//! The head of a request to a backend, mappings applied.

use crate::gateway::headers::{self, Names, Rules};
use crate::gateway::http::rest_of_path;
use crate::gateway::mapping::scene::{Form, joined};
use crate::gateway::mapping::{Edits, Scene, query};
use crate::lang::mapping::Place;
use crate::plan::MappedTarget;
use crate::wire::h1::encode;
use crate::wire::head::{Body, Field};

/// With its blank line.
pub fn head(scene: &Scene<'_>, target: &MappedTarget) -> Vec<u8> {
    let (call, exchange) = (scene.call, scene.exchange);
    let (head, bytes) = (exchange.head(), exchange.bytes());
    let edits = Edits::of(
        &target.changes.request,
        |expression| scene.value(expression, Form::Text),
        |name| joined(&head.fields, bytes, name.to_ascii_lowercase().as_bytes()),
    );
    let mut out = Vec::with_capacity(1024);
    match target.http.method_for(head.method).name() {
        Some(name) => out.extend_from_slice(name.as_bytes()),
        None => out.extend_from_slice(head.method_token.of(bytes)),
    }
    out.push(b' ');
    write_target(&mut out, scene, target);
    out.extend_from_slice(b" HTTP/1.1\r\nHost: ");
    out.extend_from_slice(match (edits.get("host"), &*target.http.host) {
        (Some(host), _) => host,
        (None, b"") => head.host.of(bytes),
        (None, host) => host,
    });
    out.extend_from_slice(b"\r\n");
    let rules = Rules::streamed(call.kind);
    let gathered = exchange.upload.gathered();
    let dropped = match gathered {
        Some(_) => rules.dropped(exchange.client).and(Names::LENGTH),
        None => rules.dropped(exchange.client),
    };
    encode::end_to_end_fields(&mut out, bytes, &head.fields, |field: &Field| {
        dropped.has(field.id)
            || rules.withholds(field, bytes)
            || edits.replaces(field.name.of(bytes))
    });
    edits.write(&mut out, "host");
    match (gathered, head.body) {
        (Some(_), Body::None) => {}
        (Some(whole), _) => encode::content_length(&mut out, whole.len() as u64),
        (None, Body::Chunked) => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
        (None, _) => {}
    }
    headers::append_sent(&mut out, rules, call, exchange);
    out.extend_from_slice(b"\r\n");
    out
}

/// Path and query: those of the integration's URI with what the mappings change.
fn write_target(out: &mut Vec<u8>, scene: &Scene<'_>, target: &MappedTarget) {
    let (call, exchange) = (scene.call, scene.exchange);
    let (head, bytes) = (exchange.head(), exchange.bytes());
    let path = rest_of_path(head.path.of(bytes), call.base);
    let mut own = Vec::new();
    let query = head.query.map(|query| query.of(bytes));
    target
        .http
        .write_target(&mut own, path, &call.params, query);
    let (own_path, own_query) = match own.iter().position(|byte| *byte == b'?') {
        Some(at) => (&own[..at], &own[at + 1..]),
        None => (&own[..], &b""[..]),
    };
    let places = target.changes.request.iter();
    let mut places = places.filter(|mapping| mapping.target.place == Place::Path);
    let mapped = places.next();
    match mapped.and_then(|mapping| scene.value(&mapping.value, Form::Path)) {
        Some(path) => {
            if !path.starts_with(b"/") {
                out.push(b'/');
            }
            query::encode_path(out, &path);
        }
        None => out.extend_from_slice(own_path),
    }
    let query = query::changed(own_query, &target.changes.request, |expression| {
        scene.value(expression, Form::Text)
    });
    if !query.is_empty() {
        out.push(b'?');
        out.extend_from_slice(&query);
    }
}

//! The request to an integration: its URI, its headers, its body.

use std::borrow::Cow;

use crate::base::{Method, ascii};
use crate::gateway::asked::Asked;
use crate::gateway::context::Scene;
use crate::gateway::headers;
use crate::gateway::{Call, Reject};
use crate::lang::params::{Part, Source};
use crate::plan::HttpTarget;
use crate::plan::rest::{Passthrough, RequestMap, RestRoute, Template, UriPart};
use crate::wire::h1::encode;
use crate::wire::head::Name;

/// Whether the mappings of a route can be run at all.
///
/// # Errors
/// What AWS finds out only now; the call learns why, for the log.
pub fn check(call: &mut Call<'_>, route: &RestRoute) -> Result<(), Reject> {
    if let Some(fault) = &route.fault {
        call.integration_error = Some(fault.clone());
        return Err(Reject::ApiConfigurationError);
    }
    let moved = route.request.headers.iter();
    let mut wrong = moved.filter(|(name, _)| !headers::may_map(name.as_bytes(), false));
    if let Some((name, _)) = wrong.next() {
        let why = format!("integration.request.header.{name} cannot be mapped");
        call.integration_error = Some(why.into());
        return Err(Reject::ApiConfigurationError);
    }
    Ok(())
}

/// Appends path and query: those of the URI, what is mapped to the query, and `own`, the client's
/// query as it came, where that goes on.
pub fn write_target(out: &mut Vec<u8>, map: &RequestMap, scene: &Scene<'_>, own: Option<&[u8]>) {
    for part in &map.path {
        write_part(out, part, scene, b"/!$&'()*+,;=:@");
    }
    let mut mark = b'?';
    let mut next = |out: &mut Vec<u8>| {
        out.push(mark);
        mark = b'&';
    };
    if !map.query.is_empty() {
        next(out);
        for part in &map.query {
            write_part(out, part, scene, b"/:@,");
        }
    }
    if let Some(own) = own.filter(|own| !own.is_empty()) {
        next(out);
        out.extend_from_slice(own);
    }
    for (name, source) in &map.queries {
        for value in scene.values(source) {
            next(out);
            ascii::percent_encode(out, name.as_bytes(), b"");
            out.push(b'=');
            ascii::percent_encode(out, value.as_bytes(), b"");
        }
    }
}

/// What the path of the request says is encoded already.
fn write_part(out: &mut Vec<u8>, part: &UriPart, scene: &Scene<'_>, keep: &[u8]) {
    match part {
        UriPart::Literal(text) => out.extend_from_slice(text),
        UriPart::Value(source) => {
            let value = scene.values(source).pop().unwrap_or_default();
            match source {
                Source::Request(Part::Path(_)) if keep.contains(&b'=') => {
                    out.extend_from_slice(value.as_bytes());
                }
                Source::Request(Part::Path(_)) => {
                    let mut decoded = Vec::with_capacity(value.len());
                    ascii::percent_decode(&mut decoded, value.as_bytes());
                    ascii::percent_encode(out, &decoded, keep);
                }
                _ => ascii::percent_encode(out, value.as_bytes(), keep),
            }
        }
    }
}

/// Appends the lines of mapped headers. A value that could not stand in a head is left out.
pub fn write_headers(out: &mut Vec<u8>, map: &RequestMap, scene: &Scene<'_>) {
    for (name, source) in &map.headers {
        for value in scene.values(source) {
            let value = ascii::trim(value.as_bytes());
            if ascii::is_token(name.as_bytes()) && ascii::is_field_value(value) {
                encode::field(out, name.as_bytes(), value);
            }
        }
    }
}

/// Whether a mapping writes this header, in any case.
pub fn maps_header(map: &RequestMap, name: &[u8]) -> bool {
    let mut headers = map.headers.iter();
    headers.any(|(other, _)| other.as_bytes().eq_ignore_ascii_case(name))
}

/// Methods that carry no body to an integration.
fn has_no_body(method: Method) -> bool {
    matches!(method, Method::Get | Method::Head | Method::Options)
}

/// The template for a body of this media type; none: the body goes on as it is.
///
/// # Errors
/// Bodies of this type do not pass.
pub fn template<'r>(map: &'r RequestMap, media_type: &str) -> Result<Option<&'r Template>, Reject> {
    let mut all = map.templates.iter();
    if let Some((_, template)) = all.find(|(kind, _)| **kind == *media_type) {
        return Ok(Some(template));
    }
    match (map.passthrough, map.templates.is_empty()) {
        (Passthrough::WhenNoMatch, _) | (Passthrough::WhenNoTemplates, true) => Ok(None),
        _ => Err(Reject::UnsupportedMediaType),
    }
}

/// The body that a template makes, or that passes.
///
/// # Errors
/// Bodies of this type do not pass.
pub fn body<'b>(map: &'b RequestMap, asked: &Asked<'b>) -> Result<Cow<'b, [u8]>, Reject> {
    Ok(match template(map, &asked.content_type())? {
        Some(Template::Static(text)) => Cow::Borrowed(text.as_bytes()),
        None if has_no_body(asked.head.method) => Cow::Borrowed(b""),
        None => Cow::Borrowed(asked.body),
    })
}

/// The head of the request of an `HTTP` integration: what is mapped, and what AWS always sends.
pub fn head(route: &RestRoute, target: &HttpTarget, scene: &Scene<'_>, body: &[u8]) -> Vec<u8> {
    let (asked, map) = (scene.asked, &route.request);
    let mut out = Vec::with_capacity(512);
    let method = target.method_for(asked.head.method);
    match method.name() {
        Some(name) => out.extend_from_slice(name.as_bytes()),
        None => out.extend_from_slice(asked.head.method_token.of(asked.bytes)),
    }
    out.push(b' ');
    write_target(&mut out, map, scene, None);
    out.extend_from_slice(b" HTTP/1.1\r\n");
    let mut usual = |name: &str, value: &[u8]| {
        if !maps_header(map, name.as_bytes()) && ascii::is_field_value(value) {
            encode::field(&mut out, name.as_bytes(), value);
        }
    };
    usual("Host", target.host_for(asked.head.host.of(asked.bytes)));
    let api = scene.call.stage.map_or("", |stage| &stage.api_id);
    usual("Accept", b"application/json");
    usual("User-Agent", format!("AmazonAPIGateway_{api}").as_bytes());
    usual("X-Amzn-Apigateway-Api-Id", api.as_bytes());
    if !has_no_body(asked.head.method) {
        let said = asked.head.field(asked.bytes, Name::ContentType);
        usual("Content-Type", said.unwrap_or(b"application/json"));
    }
    write_headers(&mut out, map, scene);
    headers::append_trace(&mut out, headers::Rules::RestMapped, scene.call);
    if !body.is_empty() || !has_no_body(method) {
        encode::content_length(&mut out, body.len() as u64);
    }
    out.extend_from_slice(b"\r\n");
    out
}

//! The request to an integration: its URI, its headers, its body.

use std::borrow::Cow;
use std::sync::LazyLock;

use crate::base::{Method, ascii};
use crate::gateway::asked::Asked;
use crate::gateway::context::Scene;
use crate::gateway::headers;
use crate::gateway::transform::binary;
use crate::gateway::transform::template::{self, NO_OVERRIDES};
use crate::gateway::{Call, Reject};
use crate::lang::params::{Part, Source};
use crate::lang::vtl::Overrides;
use crate::plan::HttpTarget;
use crate::plan::rest::{MediaTypes, Moves, Passthrough, RequestMap, RestRoute, Template, UriPart};
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
    let names = route.request.headers.iter().map(|(name, _)| &**name);
    may_map(call, names, route.kind.is_aws())
}

fn may_map<'n>(
    call: &mut Call<'_>,
    mut names: impl Iterator<Item = &'n str>,
    to_aws: bool,
) -> Result<(), Reject> {
    match names.find(|name| !headers::may_map(name.as_bytes(), to_aws)) {
        None => Ok(()),
        Some(name) => {
            let why = format!("integration.request.header.{name} cannot be mapped");
            call.integration_error = Some(why.into());
            Err(Reject::ApiConfigurationError)
        }
    }
}

/// What of a request is moved, with what a template has overridden.
#[derive(Clone, Copy, Debug)]
pub struct Moved<'a> {
    pub map: &'a RequestMap,
    pub overrides: &'a Overrides,
}

impl<'a> Moved<'a> {
    /// Without a template.
    pub fn of(map: &'a RequestMap) -> Self {
        Self {
            map,
            overrides: &NO_OVERRIDES,
        }
    }

    /// Appends path and query: those of the URI, what is mapped to the query, and `own`, the
    /// client's query as it came, where that goes on.
    pub fn write_target(self, out: &mut Vec<u8>, scene: &Scene<'_>, own: Option<&[u8]>) {
        for part in &self.map.path {
            self.write_part(out, part, scene, Place::Path);
        }
        let mut mark = b'?';
        let mut next = |out: &mut Vec<u8>| {
            out.push(mark);
            mark = b'&';
        };
        if !self.map.query.is_empty() {
            next(out);
            for part in &self.map.query {
                self.write_part(out, part, scene, Place::Query);
            }
        }
        if let Some(own) = own.filter(|own| !own.is_empty()) {
            next(out);
            out.extend_from_slice(own);
        }
        let moves = &self.map.queries;
        for (name, values) in moved(moves, &self.overrides.request_query, scene, |a, b| a == b) {
            for value in values {
                next(out);
                ascii::percent_encode(out, name.as_bytes(), b"");
                out.push(b'=');
                ascii::percent_encode(out, value.as_bytes(), b"");
            }
        }
    }

    fn write_part(self, out: &mut Vec<u8>, part: &UriPart, scene: &Scene<'_>, place: Place) {
        let (name, source) = match part {
            UriPart::Literal(text) => return out.extend_from_slice(text),
            UriPart::Value { name, source } => (name, source),
        };
        let overridden = self.overrides.request_path.iter();
        let mut overridden = overridden.filter(|(other, _)| *other == **name);
        if let Some(value) = overridden.next_back().and_then(|(_, values)| values.last()) {
            return ascii::percent_encode(out, value.as_bytes(), place.keep());
        }
        let value = scene.values(source).pop().unwrap_or_default();
        match (source, place) {
            // What the path of the request says is encoded already.
            (Source::Request(Part::Path(_)), Place::Path) => {
                out.extend_from_slice(value.as_bytes());
            }
            (Source::Request(Part::Path(_)), Place::Query) => {
                let mut decoded = Vec::with_capacity(value.len());
                ascii::percent_decode(&mut decoded, value.as_bytes());
                ascii::percent_encode(out, &decoded, place.keep());
            }
            _ => ascii::percent_encode(out, value.as_bytes(), place.keep()),
        }
    }

    /// Names and values of mapped headers.
    pub fn headers(self, scene: &Scene<'_>) -> Vec<(&'a str, Vec<String>)> {
        let same = |one: &str, other: &str| one.eq_ignore_ascii_case(other);
        let overrides = &self.overrides.request_headers;
        moved(&self.map.headers, overrides, scene, same)
    }

    /// Appends the lines of mapped headers. A value that could not stand in a head is left out.
    pub fn write_headers(self, out: &mut Vec<u8>, scene: &Scene<'_>) {
        for (name, values) in self.headers(scene) {
            for value in values {
                let value = ascii::trim(value.as_bytes());
                if ascii::is_token(name.as_bytes()) && ascii::is_field_value(value) {
                    encode::field(out, name.as_bytes(), value);
                }
            }
        }
    }

    /// The last value that is mapped to this header, in any case.
    pub fn header(self, scene: &Scene<'_>, name: &str) -> Option<String> {
        let mut overridden = self.overrides.request_headers.iter().rev();
        let is_it = |other: &str| other.eq_ignore_ascii_case(name);
        if let Some((_, values)) = overridden.find(|(other, _)| is_it(other)) {
            return values.last().cloned();
        }
        let mut mapped = self.map.headers.iter();
        let (_, source) = mapped.find(|(other, _)| is_it(other))?;
        scene.values(source).pop()
    }

    /// Whether a mapping writes this header, in any case.
    pub fn maps_header(self, name: &[u8]) -> bool {
        let is_it = |other: &str| other.as_bytes().eq_ignore_ascii_case(name);
        let mut mapped = self.map.headers.iter();
        let mut overridden = self.overrides.request_headers.iter();
        mapped.any(|(other, _)| is_it(other)) || overridden.any(|(other, _)| is_it(other))
    }
}

/// Where a part of a URI stands: what needs no encoding there differs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Path,
    Query,
}

impl Place {
    /// RFC 3986 section 3.3; in a query what splits or changes a value is encoded.
    fn keep(self) -> &'static [u8] {
        match self {
            Self::Path => b"/!$&'()*+,;=:@",
            Self::Query => b"/:@,",
        }
    }
}

/// Names and values: what is mapped, but for what a template overrides, and that.
fn moved<'m>(
    moves: &'m Moves,
    overrides: &'m [(String, Vec<String>)],
    scene: &Scene<'_>,
    same: impl Fn(&str, &str) -> bool,
) -> Vec<(&'m str, Vec<String>)> {
    let stays = |name: &str| !overrides.iter().any(|(other, _)| same(other, name));
    let mapped = moves.iter().filter(|(name, _)| stays(name));
    let mapped = mapped.map(|(name, source)| (&**name, scene.values(source)));
    let overridden = overrides.iter();
    let overridden = overridden.map(|(name, values)| (name.as_str(), values.clone()));
    mapped.chain(overridden).collect()
}

/// Methods that carry no body to an integration.
fn has_no_body(method: Method) -> bool {
    matches!(method, Method::Get | Method::Head | Method::Options)
}

/// The template for a body of this media type; none: the body goes on as it is.
///
/// # Errors
/// Bodies of this type do not pass.
fn choose<'r>(map: &'r RequestMap, media_type: &str) -> Result<Option<&'r Template>, Reject> {
    if let Some((_, template)) = template::find(&map.templates, media_type) {
        return Ok(Some(template));
    }
    match (map.passthrough, map.templates.is_empty()) {
        (Passthrough::WhenNoMatch, _) | (Passthrough::WhenNoTemplates, true) => Ok(None),
        _ => Err(Reject::UnsupportedMediaType),
    }
}

/// The body that a template makes, or that passes; and what the template overrides.
///
/// # Errors
/// Bodies of this type do not pass, or the template cannot be run; the call learns why.
pub fn body<'b>(
    call: &mut Call<'_>,
    asked: &Asked<'b>,
    map: &'b RequestMap,
) -> Result<(Cow<'b, [u8]>, Overrides), Reject> {
    let media_type = asked.content_type();
    let template = choose(map, &media_type)?;
    let types = call.stage.and_then(|stage| stage.rest.as_deref());
    let types = types.map_or(&*NO_TYPES, |stage| &stage.binary_types);
    let payload = binary::request(types, map.handling, &media_type, asked.body);
    let payload = payload.map_err(|_| wrong(call, "the request body is not base64"))?;
    match template {
        Some(_) if payload.is_binary && map.handling.is_some() => {
            Err(wrong(call, "a template cannot be run over binary data"))
        }
        Some(template) => {
            let scene = Scene { call, asked };
            let rendered = template::render(template, &scene, &payload.bytes, &NO_OVERRIDES);
            let (text, overrides) =
                rendered.map_err(|error| template::failed(call, "request template", &error))?;
            let names = overrides.request_headers.iter();
            let rest = call.route.and_then(|route| route.rest.as_deref());
            let to_aws = rest.is_some_and(|rest| rest.kind.is_aws());
            may_map(call, names.map(|(name, _)| name.as_str()), to_aws)?;
            let body = match text {
                Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
                Cow::Owned(text) => Cow::Owned(text.into_bytes()),
            };
            Ok((body, overrides))
        }
        None if has_no_body(asked.head.method) => Ok((Cow::Borrowed(b""), Overrides::default())),
        None => Ok((payload.bytes, Overrides::default())),
    }
}

/// Of an API that says of no media type that its payloads are binary.
static NO_TYPES: LazyLock<MediaTypes> = LazyLock::new(MediaTypes::default);

fn wrong(call: &mut Call<'_>, why: &str) -> Reject {
    call.integration_error = Some(why.into());
    Reject::ApiConfigurationError
}

/// The head of the request of an `HTTP` integration: what is mapped, and what AWS always sends.
pub fn head(moved: Moved<'_>, target: &HttpTarget, scene: &Scene<'_>, body: &[u8]) -> Vec<u8> {
    let asked = scene.asked;
    let mut out = Vec::with_capacity(512);
    let method = target.method_for(asked.head.method);
    match method.name() {
        Some(name) => out.extend_from_slice(name.as_bytes()),
        None => out.extend_from_slice(asked.head.method_token.of(asked.bytes)),
    }
    out.push(b' ');
    moved.write_target(&mut out, scene, None);
    out.extend_from_slice(b" HTTP/1.1\r\n");
    let mut usual = |name: &str, value: &[u8]| {
        if !moved.maps_header(name.as_bytes()) && ascii::is_field_value(value) {
            encode::field(&mut out, name.as_bytes(), value);
        }
    };
    usual("Host", target.host_for(asked.head.host.of(asked.bytes)));
    let api = scene.call.stage.map_or("", |stage| &stage.api_id);
    usual("Accept", b"application/json");
    usual("User-Agent", ["AmazonAPIGateway_", api].concat().as_bytes());
    usual("X-Amzn-Apigateway-Api-Id", api.as_bytes());
    if !has_no_body(asked.head.method) {
        let said = asked.head.field(asked.bytes, Name::ContentType);
        usual("Content-Type", said.unwrap_or(b"application/json"));
    }
    moved.write_headers(&mut out, scene);
    headers::append_trace(&mut out, headers::Rules::RestMapped, scene.call);
    if !body.is_empty() || !has_no_body(method) {
        encode::content_length(&mut out, body.len() as u64);
    }
    out.extend_from_slice(b"\r\n");
    out
}

//! The answer to the client of an API that maps answers: which integration response, what of it.

use std::borrow::Cow;

use crate::base::ascii;
use crate::gateway::answer::Headers;
use crate::gateway::asked::{Asked, media_type};
use crate::gateway::context::Scene;
use crate::gateway::headers::{self, Rules};
use crate::gateway::story::explain;
use crate::gateway::transform::binary::{self, NotBase64, Payload};
use crate::gateway::transform::{body, template};
use crate::gateway::{Answer, Call, Reject};
use crate::lang::params::{Part, Source};
use crate::lang::vtl::Overrides;
use crate::plan::rest::{Kind, Reply, RestRoute};

/// What an integration answered, as an API sees it that maps answers.
#[derive(Debug)]
pub struct Answered {
    pub answer: Answer,
    /// What selection patterns are for; none: the status.
    pub text: Option<String>,
    /// What expressions find their values in; none: the body.
    pub fields: Option<Vec<u8>>,
}

impl From<Answer> for Answered {
    fn from(answer: Answer) -> Self {
        Self {
            answer,
            text: None,
            fields: None,
        }
    }
}

/// The integration response for an answer: the first whose pattern matches, else the one without.
///
/// # Errors
/// None is there for it.
pub fn choose<'r>(
    call: &mut Call<'_>,
    route: &'r RestRoute,
    answered: &Answered,
) -> Result<&'r Reply, Reject> {
    let status = answered.answer.status;
    let mut digits = [0; 3];
    let text = match &answered.text {
        Some(text) => text,
        None => digits_of(status, &mut digits),
    };
    let matches = |reply: &&Reply| {
        let pattern = reply.pattern.as_ref();
        // A pattern that takes too long matches nothing.
        pattern.is_some_and(|pattern| pattern.is_match(text) == Ok(true))
    };
    let mut matching = route.replies.iter().filter(matches);
    let exact = match route.kind {
        Kind::Mock => matching.clone().find(|reply| reply.status == status),
        _ => None,
    };
    let found = exact.or_else(|| matching.next());
    let usual = || route.replies.iter().find(|reply| reply.pattern.is_none());
    found.or_else(usual).ok_or_else(|| {
        let why = "No match for output mapping and no default endpoint response mapping configured";
        call.integration_error =
            Some(format!("{why}. Endpoint Response Status Code: {status}").into());
        Reject::ApiConfigurationError
    })
}

/// A status has three digits.
fn digits_of(status: u16, digits: &mut [u8; 3]) -> &str {
    for (digit, unit) in digits.iter_mut().zip([100, 10, 1]) {
        *digit = b'0' + (status / unit % 10) as u8;
    }
    std::str::from_utf8(digits).unwrap_or_default()
}

/// What the client gets of the integration's `answer`. `earlier` is what the request's template has
/// overridden; that of the response comes behind it.
///
/// # Errors
/// The template cannot be run, or overrides the status by none; the call learns why.
pub fn answer(
    call: &mut Call<'_>,
    asked: &Asked<'_>,
    reply: &Reply,
    earlier: &Overrides,
    answered: &mut Answered,
) -> Result<Answer, Reject> {
    let answer = &answered.answer;
    let mut given = Answer {
        status: reply.status,
        // With its type and its trace.
        headers: Headers::with_room(reply.headers.len() + 2, 192),
        body: Vec::new(),
    };
    let scene = Scene { call, asked };
    let (kind, template) = match template::accepted(&reply.templates, asked) {
        Some((kind, template)) => (kind, Some(template)),
        None => ("application/json", None),
    };
    given.headers.push("Content-Type", kind.as_bytes());
    explain::response(call, &reply.headers, |source| {
        values(source, &scene, answered)
    });
    for (name, source) in &reply.headers {
        let values = values(source, &scene, answered);
        set(&mut given, name, &values);
    }
    let payload = match payload(&scene, reply, answer) {
        Ok(payload) if payload.is_binary && template.is_some() => {
            return Err(wrong(call, "a template cannot be run over binary data"));
        }
        Ok(payload) => payload.bytes,
        Err(_) => {
            return Err(wrong(
                call,
                "the body of the integration's answer is not base64",
            ));
        }
    };
    let rendered = template.map(|template| template::render(template, &scene, &payload, earlier));
    let own = match rendered.transpose() {
        Ok(Some((text, own))) => {
            given.body = text.into_owned().into_bytes();
            own
        }
        Ok(None) => {
            given.body = match payload {
                Cow::Owned(bytes) => bytes,
                // All of it.
                Cow::Borrowed(_) => std::mem::take(&mut answered.answer.body),
            };
            Overrides::default()
        }
        Err(error) => return Err(template::failed(call, "response template", &error)),
    };
    for overrides in [earlier, &own] {
        for (name, values) in &overrides.response_headers {
            set(&mut given, name, values);
        }
        if let Some(status) = &overrides.response_status {
            given.status = status_of(status).ok_or_else(|| {
                let why = format!("responseOverride.status is no status: {status}");
                call.integration_error = Some(why.into());
                Reject::ApiConfigurationError
            })?;
        }
    }
    Ok(given)
}

fn payload<'b>(
    scene: &Scene<'_>,
    reply: &Reply,
    answer: &'b Answer,
) -> Result<Payload<'b>, NotBase64> {
    let stage = scene.call.stage.and_then(|stage| stage.rest.as_deref());
    let own = media_type(answer.headers.get("content-type"));
    let accept = scene.asked.accept();
    let (own, accept) = (own.as_deref(), accept.as_deref());
    match stage {
        Some(stage) => {
            let types = &stage.binary_types;
            binary::response(types, reply.handling, own, accept, &answer.body)
        }
        None => Ok(Payload {
            bytes: Cow::Borrowed(&answer.body),
            is_binary: false,
        }),
    }
}

fn wrong(call: &mut Call<'_>, why: &str) -> Reject {
    call.integration_error = Some(why.into());
    Reject::ApiConfigurationError
}

fn status_of(text: &str) -> Option<u16> {
    let status: u16 = text.trim().parse().ok()?;
    (200..=599).contains(&status).then_some(status)
}

/// These values in the place of all that the header had; none: it stays as it is.
fn set(given: &mut Answer, name: &str, values: &[String]) {
    if values.is_empty() {
        return;
    }
    let Some(shown) = headers::given_name(Rules::RestMapped, name) else {
        return;
    };
    given.headers.remove(&shown);
    for value in values {
        given.headers.push(&shown, value.as_bytes());
    }
}

fn values(source: &Source, scene: &Scene<'_>, answered: &Answered) -> Vec<String> {
    let answer = &answered.answer;
    let text = |bytes: &[u8]| ascii::text(bytes).into_owned();
    match source {
        Source::Response(Part::Header(name)) => {
            let last = answer.headers.all(name).next_back();
            last.map(text).into_iter().collect()
        }
        Source::Response(Part::HeaderAll(name)) => answer.headers.all(name).map(text).collect(),
        Source::Response(Part::Body(None)) => vec![text(&answer.body)],
        Source::Response(Part::Body(Some(path))) => {
            let fields = answered.fields.as_ref().unwrap_or(&answer.body);
            body::find(path, fields).into_iter().collect()
        }
        Source::Response(_) => Vec::new(),
        other => scene.values(other),
    }
}

//! The answer to the client of an API that maps answers: which integration response, what of it.

use crate::gateway::context::Scene;
use crate::gateway::headers::{self, Rules};
use crate::gateway::{Answer, Call, Reject};
use crate::lang::params::{Part, Source};
use crate::plan::rest::{Kind, Reply, RestRoute, Template};

/// The integration response for a status: the first whose pattern matches, else the one without.
///
/// # Errors
/// None is there for it.
pub fn choose<'r>(
    call: &mut Call<'_>,
    route: &'r RestRoute,
    status: u16,
) -> Result<&'r Reply, Reject> {
    let text = status.to_string();
    let matches = |reply: &&Reply| {
        let pattern = reply.pattern.as_ref();
        // A pattern that takes too long matches nothing.
        pattern.is_some_and(|pattern| pattern.is_match(&text) == Ok(true))
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
            Some(format!("{why}. Endpoint Response Status Code: {text}").into());
        Reject::ApiConfigurationError
    })
}

/// What the client gets of the integration's `answer`.
pub fn answer(reply: &Reply, scene: &Scene<'_>, answer: Answer) -> Answer {
    let mut given = Answer {
        status: reply.status,
        ..Answer::default()
    };
    let (media_type, template) = match template(reply, scene) {
        Some((media_type, template)) => (media_type, Some(template)),
        None => ("application/json", None),
    };
    given.headers.push("Content-Type", media_type.as_bytes());
    for (name, source) in &reply.headers {
        let values = values(source, scene, &answer);
        if values.is_empty() {
            continue;
        }
        let Some(shown) = headers::given_name(Rules::RestMapped, name) else {
            continue;
        };
        given.headers.remove(&shown);
        for value in values {
            given.headers.push(&shown, value.as_bytes());
        }
    }
    given.body = match template {
        Some(Template::Static(text)) => text.as_bytes().to_vec(),
        None => answer.body,
    };
    given
}

/// The template for what the client accepts, else that for JSON, else the first.
fn template<'r>(reply: &'r Reply, scene: &Scene<'_>) -> Option<(&'r str, &'r Template)> {
    let find = |wanted: &str| {
        let mut all = reply.templates.iter();
        all.find(|(kind, _)| **kind == *wanted)
    };
    let accepted = scene.asked.accept();
    let found = accepted.and_then(|wanted| find(&wanted));
    let found = found
        .or_else(|| find("application/json"))
        .or_else(|| reply.templates.first())?;
    Some((&found.0, &found.1))
}

fn values(source: &Source, scene: &Scene<'_>, answer: &Answer) -> Vec<String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match source {
        Source::Response(Part::Header(name)) => {
            let last = answer.headers.all(name).next_back();
            last.map(text).into_iter().collect()
        }
        Source::Response(Part::HeaderAll(name)) => answer.headers.all(name).map(text).collect(),
        Source::Response(Part::Body(None)) => vec![text(&answer.body)],
        Source::Response(_) => Vec::new(),
        other => scene.values(other),
    }
}

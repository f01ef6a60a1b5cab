//! Templates of REST APIs: chosen by media type, run within a budget, with what they override.

use std::borrow::Cow;

use crate::gateway::asked::Asked;
use crate::gateway::context::Scene;
use crate::gateway::story::explain;
use crate::gateway::{Call, Reject};
use crate::lang::vtl::{Budget, Datum, Overrides, RenderError, Scope};
use crate::plan::rest::{Dynamic, Template, Templates};

/// What is changed where no template changes anything.
pub static NO_OVERRIDES: Overrides = Overrides {
    request_headers: Vec::new(),
    request_query: Vec::new(),
    request_path: Vec::new(),
    response_headers: Vec::new(),
    response_status: None,
    response_data: Vec::new(),
};

/// The template for this media type.
pub fn find<'t>(templates: &'t Templates, media_type: &str) -> Option<(&'t str, &'t Template)> {
    let mut all = templates.iter();
    let found = all.find(|(kind, _)| **kind == *media_type)?;
    Some((&found.0, &found.1))
}

/// The template for what the client accepts, else that for JSON, else the first.
pub fn accepted<'t>(
    templates: &'t Templates,
    asked: &Asked<'_>,
) -> Option<(&'t str, &'t Template)> {
    let wanted = asked.accept().and_then(|wanted| find(templates, &wanted));
    let first = || {
        templates
            .first()
            .map(|(kind, template)| (&**kind, template))
    };
    wanted
        .or_else(|| find(templates, "application/json"))
        .or_else(first)
}

/// A template's text, and what it overrides. `body` is what `$input` reads; `earlier` is what a
/// template before it has overridden.
///
/// # Errors
/// What AWS answers with 500.
pub fn render<'t>(
    template: &'t Template,
    scene: &Scene<'_>,
    body: &[u8],
    earlier: &Overrides,
) -> Result<(Cow<'t, str>, Overrides), RenderError> {
    let Dynamic {
        template,
        context: names,
    } = match template {
        Template::Static(text) => return Ok((Cow::Borrowed(text), Overrides::default())),
        Template::Dynamic(dynamic) => &**dynamic,
    };
    let uses = template.uses();
    let params = match uses.params() {
        true => Params::of(scene),
        false => Params::default(),
    };
    let mut context = context(scene, names);
    if uses.context("authorizer") {
        context.extend(authorizer(scene));
    }
    if uses.context("responseOverride") {
        context.extend(response_override(earlier));
    }
    let stage = scene.call.stage.and_then(|stage| stage.rest.as_deref());
    let variables = stage.filter(|_| uses.stage_variables());
    let variables = variables.map_or(&[][..], |stage| &stage.variables);
    let variables = variables.iter().map(|(name, value)| (&**name, &**value));
    let outcome = template.render(
        &Scope {
            body,
            path: &pairs(&params.path),
            query: &pairs(&params.query),
            headers: &pairs(&params.headers),
            context: &context,
            stage_variables: &variables.collect::<Vec<_>>(),
        },
        &Budget::default(),
    );
    let told = outcome.as_ref();
    let told = told.map(|rendered| (rendered.text.as_str(), &rendered.overrides));
    explain::rendered(scene.call, template.source(), body, told);
    let rendered = outcome?;
    Ok((Cow::Owned(rendered.text), rendered.overrides))
}

type Named<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

/// `$input.params`.
#[derive(Default)]
struct Params<'a> {
    path: Named<'a>,
    query: Named<'a>,
    headers: Named<'a>,
}

impl<'a> Params<'a> {
    fn of(scene: &Scene<'a>) -> Self {
        let (call, asked) = (scene.call, scene.asked);
        let names = call.route.map_or(&[][..], |route| &route.param_names);
        let path = names.iter().map(|name| {
            let value = asked.path_parameter(call, name).unwrap_or_default();
            (Cow::Borrowed(&**name), value)
        });
        let query = asked.queries().into_iter();
        Self {
            path: path.collect(),
            query: query
                .map(|(name, value)| (Cow::Owned(name), Cow::Owned(value)))
                .collect(),
            headers: asked.all_headers().collect(),
        }
    }
}

fn pairs<'n>(named: &'n Named<'_>) -> Vec<(&'n str, &'n str)> {
    let pairs = named.iter().map(|(name, value)| (&**name, &**value));
    pairs.collect()
}

/// The call learns why its template failed, for the log.
pub fn failed(call: &mut Call<'_>, what: &str, error: &RenderError) -> Reject {
    call.integration_error = Some(format!("{what}: {error}").into());
    Reject::ApiConfigurationError
}

/// `$context` as a map of maps, of which there are the names that a template may look at.
fn context<'s>(scene: &Scene<'s>, names: &[&'static str]) -> Vec<(Cow<'s, str>, Datum<'s>)> {
    let mut root = Vec::with_capacity(names.len());
    for name in names {
        let name = *name;
        let value = match (name, scene.context(name)) {
            // These are only there for who was refused, or has shown a certificate.
            (name, None) if name.starts_with("error.") => continue,
            (name, None) if name.starts_with("identity.clientCert.") => continue,
            (_, None) => Datum::Null,
            ("requestTimeEpoch", Some(value)) => match value.parse() {
                Ok(number) => Datum::Integer(number),
                Err(_) => Datum::Text(value),
            },
            (_, Some(value)) => Datum::Text(value),
        };
        insert(&mut root, name, value);
    }
    root
}

/// `$context.authorizer`: what an authorizer has said of the caller, if one was asked.
fn authorizer(scene: &Scene<'_>) -> Option<(Cow<'static, str>, Datum<'static>)> {
    let said = scene.call.authorized.as_ref()?;
    let names = said.context.iter().map(|(name, _)| &**name);
    let own = ["principalId", "integrationLatency"];
    let own = own
        .into_iter()
        .filter(|own| !names.clone().any(|name| name == *own));
    let members = names.clone().chain(own).map(|name| {
        let value = said.property(name).map(Cow::Owned);
        (
            Cow::Owned(name.to_owned()),
            value.map_or(Datum::Null, Datum::Text),
        )
    });
    Some((Cow::Borrowed("authorizer"), Datum::Map(members.collect())))
}

/// `$context.responseOverride` as an earlier template has left it, if it has left anything.
fn response_override(earlier: &Overrides) -> Option<(Cow<'static, str>, Datum<'static>)> {
    let map = |all: &[(String, Vec<String>)]| {
        let all = all.iter().map(|(name, values)| {
            let mut values = values.iter().map(|value| Cow::Owned(value.clone()));
            let value = match values.len() {
                1 => values.next().map_or(Datum::Null, Datum::Text),
                _ => Datum::List(values.map(Datum::Text).collect()),
            };
            (Cow::Owned(name.clone()), value)
        });
        all.collect::<Vec<_>>()
    };
    let mut members = map(&earlier.response_data);
    if let Some(status) = &earlier.response_status {
        members.push((
            Cow::Borrowed("status"),
            Datum::Text(Cow::Owned(status.clone())),
        ));
    }
    if members.is_empty() && earlier.response_headers.is_empty() {
        return None;
    }
    members.push((
        Cow::Borrowed("header"),
        Datum::Map(map(&earlier.response_headers)),
    ));
    Some((Cow::Borrowed("responseOverride"), Datum::Map(members)))
}

/// Puts a value where the dots of its name lead.
fn insert<'s>(members: &mut Vec<(Cow<'s, str>, Datum<'s>)>, name: &'s str, value: Datum<'s>) {
    let Some((group, own)) = name.split_once('.') else {
        members.push((Cow::Borrowed(name), value));
        return;
    };
    let mut all = members.iter_mut();
    if let Some((_, Datum::Map(below))) = all.find(|(other, _)| other == group) {
        return insert(below, own, value);
    }
    let mut below = Vec::new();
    insert(&mut below, own, value);
    members.push((Cow::Borrowed(group), Datum::Map(below)));
}

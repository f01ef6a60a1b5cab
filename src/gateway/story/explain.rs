//! What a call is explained by: its route, the checks on its way, each mapping and template with
//! its values, whom it asked and how long that took.

use crate::gateway::asked::Asked;
use crate::gateway::context::Scene;
use crate::gateway::story::{Fact, text};
use crate::gateway::transform::request::Moved;
use crate::gateway::{Answer, Call, Reject, Story};
use crate::lang::params::Source;
use crate::lang::vtl::{Overrides, RenderError};
use crate::net::Exchange;
use crate::plan::guard::Lock;
use crate::plan::rest::{Moves, RequestMap, UriPart};
use crate::plan::{Plan, Target, explain};

/// The topic of what is told of an integration.
pub const INTEGRATION: &str = "integration";

/// Where a call went, and why there.
pub fn route(plan: &Plan, call: &Call<'_>, exchange: &Exchange<'_>) -> Fact {
    let (head, bytes) = (exchange.head(), exchange.bytes());
    let lossy = |bytes| String::from_utf8_lossy(bytes).into_owned();
    let (method, host) = (
        lossy(head.method_token.of(bytes)),
        lossy(head.host.of(bytes)),
    );
    let why = explain::explain(plan, &method, &host, &lossy(head.target.of(bytes)));
    let mut members = Vec::new();
    if let Some(stage) = call.stage {
        members.push(("api", stage.api_id.to_string()));
        members.push(("stage", stage.name.to_string()));
    }
    if let Some(route) = call.route {
        members.push(("route", route.key.to_string()));
    }
    if let Some(is_canary) = call.is_canary {
        members.push(("canary", is_canary.to_string()));
    }
    members.push(("why", why.to_string()));
    Fact::new("route", 0, members)
}

/// How callers are kept out.
pub const CALLER_REFUSALS: &[Reject] = &[
    Reject::MissingAuthenticationToken,
    Reject::InvalidSignature,
    Reject::ExpiredToken,
    Reject::AccessDenied,
    Reject::Unauthorized,
    Reject::AuthorizerConfigurationError,
    Reject::AuthorizerFailure,
];

/// What was asked of a call before its integration was, in the order of AWS.
pub fn checks(call: &Call<'_>) -> Vec<Fact> {
    let Some(route) = call.route else {
        return Vec::new();
    };
    let rest = route.rest.as_deref();
    let mut checks: Vec<(&str, String, &[Reject])> = Vec::new();
    if let Some(guard) = &route.guard {
        let wants = match (&guard.lock, &call.user) {
            (Lock::Authorizer(own), _) => format!("the authorizer {} lets the caller in", own.id),
            (Lock::Open, _) => "the resource policy allows everybody".to_owned(),
            (Lock::Signature, None) => "a signature (AWS_IAM)".to_owned(),
            (Lock::Signature, Some(user)) => format!("signed by {}, who may", user.arn),
        };
        checks.push(("authorization", wants, CALLER_REFUSALS));
    }
    if let Some(rest) = rest {
        let wants = match (rest.api_key_required, call.api_key) {
            (false, _) => "no key is required".to_owned(),
            (true, None) => "x-api-key of a usage plan of this stage".to_owned(),
            (true, Some(key)) => format!("the key {} has been found", key.id),
        };
        let refusals = &[Reject::InvalidApiKey, Reject::QuotaExceeded];
        checks.push(("api key and quota", wants, refusals));
    }
    let throttle = "tokens of usage plan, method or route, stage and account".to_owned();
    checks.push(("throttle", throttle, &[Reject::Throttled]));
    if let Some(rest) = rest {
        let names: Vec<&str> = rest.required.iter().map(|own| own.name()).collect();
        let wants = match names.is_empty() {
            true => "no parameter is required".to_owned(),
            false => format!("required: {}", names.join(", ")),
        };
        checks.push(("parameters", wants, &[Reject::BadRequestParameters]));
        let wants = match &rest.models {
            None => "no model is looked at".to_owned(),
            Some(models) => {
                let types: Vec<&str> = models.iter().map(|(kind, _)| &**kind).collect();
                format!("models for {}", types.join(", "))
            }
        };
        checks.push(("body", wants, &[Reject::BadRequestBody]));
    }
    let mut facts = Vec::new();
    for (check, wants, refusals) in checks {
        let refused = call.reject.filter(|reject| refusals.contains(reject));
        let outcome = match refused {
            Some(reject) => format!("refused: {}", call.message(reject)),
            None => "passed".to_owned(),
        };
        let members = vec![
            ("check", check.to_owned()),
            ("wants", wants),
            ("outcome", outcome),
        ];
        facts.push(Fact::new("check", 0, members));
        if refused.is_some() {
            break;
        }
    }
    facts
}

/// An integration has answered, or has not.
pub fn integration(call: &Call<'_>) -> Vec<(&'static str, String)> {
    let mut members = Vec::new();
    match (&call.upstream, call.route.map(|route| &route.target)) {
        (Some((group, index)), _) => {
            let target = &group.settings.targets[*index];
            members.push(("upstream", group.settings.name.to_string()));
            members.push(("target", format!("{}:{}", target.host, target.port)));
        }
        (None, Some(Target::Function(target))) => {
            members.push(("function", target.arn.to_string()))
        }
        _ => {}
    }
    if call.integration_status != 0 {
        members.push(("status", call.integration_status.to_string()));
    }
    if !members.is_empty() {
        members.push(("latency_us", call.integration_us.to_string()));
    }
    members
}

/// Whom the call asked, if that has not been told, and what the client got.
pub fn ending(call: &Call<'_>, story: &Story) -> Vec<Fact> {
    let mut facts = Vec::new();
    let asked = integration(call);
    let is_told = story.facts().iter().any(|fact| fact.topic == INTEGRATION);
    if !asked.is_empty() && !is_told {
        facts.push(Fact::new(INTEGRATION, story.since_us(), asked));
    }
    let mut members = vec![("status", call.status.to_string())];
    if let Some(reject) = call.reject {
        members.push(("refused_as", reject.aws_name().to_owned()));
        members.push(("message", call.message(reject).to_owned()));
    }
    let why = call.integration_error.as_deref();
    if let Some(why) = why.or(call.validation_error.as_deref()) {
        members.push(("why", why.to_owned()));
    }
    facts.push(Fact::new("answer", story.since_us(), members));
    facts
}

/// What is moved from a request to that of its integration.
pub fn request(call: &Call<'_>, asked: &Asked<'_>, moved: Moved<'_>) {
    let Some(story) = call.story().filter(|story| story.explains()) else {
        return;
    };
    let scene = Scene { call, asked };
    let values = |source: &Source| scene.values(source);
    let map: &RequestMap = moved.map;
    for part in map.path.iter().chain(&map.query) {
        if let UriPart::Value { name, source } = part {
            let place = format!("integration.request.path.{name}");
            story.fact("mapping", || mapping(place, source, &values(source)));
        }
    }
    for (place, moves) in [
        ("integration.request.header.", &map.headers),
        ("integration.request.querystring.", &map.queries),
    ] {
        for (name, source) in moves {
            story.fact("mapping", || {
                mapping(format!("{place}{name}"), source, &values(source))
            });
        }
    }
}

/// What is moved from an integration's answer to that of the method.
pub fn response(call: &Call<'_>, moves: &Moves, values: impl Fn(&Source) -> Vec<String>) {
    let Some(story) = call.story().filter(|story| story.explains()) else {
        return;
    };
    for (name, source) in moves {
        let place = format!("method.response.header.{name}");
        story.fact("mapping", || mapping(place, source, &values(source)));
    }
}

fn mapping(place: String, source: &Source, values: &[String]) -> Vec<(&'static str, String)> {
    let is_secret = place.rsplit('.').next().is_some_and(text::is_secret);
    let value = match values {
        [] => "(none: left out)".to_owned(),
        values if is_secret => text::masked(&values.join(", ")),
        values => values.join(", "),
    };
    vec![
        ("to", place),
        ("from", source.to_string()),
        ("value", value),
    ]
}

/// A template has been run.
pub fn rendered(
    call: &Call<'_>,
    source: &str,
    input: &[u8],
    outcome: Result<(&str, &Overrides), &RenderError>,
) {
    let Some(story) = call.story().filter(|story| story.explains()) else {
        return;
    };
    story.fact("template", || {
        let mut members = vec![
            ("template", source.to_owned()),
            ("input", text::payload(input).into_owned()),
        ];
        match outcome {
            Ok((output, overrides)) => {
                members.push(("output", output.to_owned()));
                if *overrides != Overrides::default() {
                    members.push(("overrides", format!("{overrides:?}")));
                }
            }
            Err(error) => members.push(("error", error.to_string())),
        }
        members
    });
}

/// An answer that came from the cache of the stage.
pub fn cached(call: &Call<'_>, answer: &Answer) {
    if let Some(story) = call.story() {
        story.fact("cache", || {
            let status = answer.status.to_string();
            vec![
                ("outcome", "hit: the integration was not asked".to_owned()),
                ("status", status),
            ]
        });
    }
}

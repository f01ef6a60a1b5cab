//! Refusals of REST APIs: the gateway response of their type, as the deployment has it.
//! (AWS: "Gateway responses for REST APIs".)

use crate::base::json;
use crate::gateway::asked::Asked;
use crate::gateway::context::Scene;
use crate::gateway::{Answer, Call, Reject};
use crate::lang::params::{Piece, Source, Text};
use crate::plan::refusal::{GatewayResponse, ResponseType};
use crate::plan::rest::RestStage;

const JSON: &str = "application/json";

/// The answer to a refused call of a REST API. `call.reject` says why it was refused.
pub fn answer(call: &Call<'_>, asked: &Asked<'_>, stage: &RestStage, reject: Reject) -> Answer {
    let (kind, _) = reject.rest();
    let set = match kind {
        // AWS: "This response type cannot be customized."
        ResponseType::RequestTooLarge => None,
        kind => stage.responses.get(kind),
    };
    let own = set.and_then(|set| set.status);
    let mut answer = Answer {
        status: own.unwrap_or(reject.rest_status()),
        ..Answer::default()
    };
    let scene = Scene { call, asked };
    let (media_type, body) = match set.and_then(|set| template(set, asked)) {
        Some((media_type, text)) => (media_type, rendered(text, &scene)),
        None => (JSON, usual(call, reject)),
    };
    answer.headers.push("Content-Type", media_type.as_bytes());
    let exception = call.exception.unwrap_or(kind.exception());
    answer
        .headers
        .push("x-amzn-ErrorType", exception.as_bytes());
    for (name, source) in set.into_iter().flat_map(|set| &set.headers) {
        if let Some(value) = scene.values(source).first() {
            answer.headers.set(name, value.as_bytes());
        }
    }
    answer.body = body.into_bytes();
    answer
}

/// Lets pages of any origin read why they were refused, unless the deployment says who may.
pub fn allow_any_origin(answer: &mut Answer) {
    let fields = [
        ("Access-Control-Allow-Origin", "*"),
        (
            "Access-Control-Expose-Headers",
            "x-amzn-ErrorType, x-amzn-RequestId",
        ),
    ];
    if answer.headers.get(fields[0].0).is_none() {
        for (name, value) in fields {
            answer.headers.push(name, value.as_bytes());
        }
    }
}

/// What AWS says where nothing is set.
fn usual(call: &Call<'_>, reject: Reject) -> String {
    let message = json::line(&call.message(reject));
    match reject {
        // As recorded.
        Reject::AuthorizerConfigurationError | Reject::AuthorizerFailure => {
            "{\"message\":null}".to_owned()
        }
        // As recorded: these begin with a capital.
        Reject::AccessDenied => format!("{{\"Message\":{message}}}"),
        _ => format!("{{\"message\":{message}}}"),
    }
}

/// The template for what the client accepts, else that for JSON, else the first.
fn template<'r>(set: &'r GatewayResponse, asked: &Asked<'_>) -> Option<(&'r str, &'r Text)> {
    let find = |wanted: &str| {
        let mut all = set.templates.iter();
        all.find(|(kind, _)| kind.eq_ignore_ascii_case(wanted))
    };
    let accepted = asked.accept();
    let found = accepted.and_then(|wanted| find(&wanted));
    let found = found
        .or_else(|| find(JSON))
        .or_else(|| set.templates.first())?;
    Some((&found.0, &found.1))
}

fn rendered(text: &Text, scene: &Scene<'_>) -> String {
    let mut out = String::new();
    for piece in text.pieces() {
        match piece {
            Piece::Literal(literal) => out.push_str(literal),
            Piece::Value(source) => match scene.values(source).first() {
                Some(value) => out.push_str(value),
                // A quoted string that is not there is JSON's null, so that the body stays JSON.
                None if *source == Source::Context("error.messageString".into()) => {
                    out.push_str("null");
                }
                None => {}
            },
        }
    }
    out
}

//! Request validators: parameters that must be there and not blank, bodies that follow their model.

use crate::gateway::asked::Asked;
use crate::gateway::context::Scene;
use crate::gateway::{Call, Reject};
use crate::plan::rest::{Models, Parameter, RestRoute};

/// Parameters first: where one is missing, the body is not looked at.
///
/// # Errors
/// All that is missing, in AWS's order, or what is wrong with the body; the call learns what to say.
pub fn request(call: &mut Call<'_>, asked: &Asked<'_>, route: &RestRoute) -> Result<(), Reject> {
    if !route.required.is_empty() {
        let missing = missing(&Scene { call, asked }, &route.required);
        if !missing.is_empty() {
            let names = missing.join(", ");
            call.said = Some(format!("Missing required request parameters: [{names}]").into());
            return Err(Reject::BadRequestParameters);
        }
    }
    match &route.models {
        Some(models) => body(call, asked, models),
        None => Ok(()),
    }
}

/// The model for the media type of the body, else the usual one.
fn body(call: &mut Call<'_>, asked: &Asked<'_>, models: &Models) -> Result<(), Reject> {
    let find = |wanted: &str| models.iter().find(|(kind, _)| **kind == *wanted);
    let found = find(&asked.content_type()).or_else(|| find("$default"));
    let Some((_, schema)) = found else {
        return Ok(());
    };
    schema.check(asked.body).map_err(|refused| {
        call.validation_error = Some(refused.validation_error_string().into());
        Reject::BadRequestBody
    })
}

fn missing<'r>(scene: &Scene<'_>, required: &'r [Parameter]) -> Vec<&'r str> {
    let queries = scene.asked.queries();
    let is_missing = |parameter: &&Parameter| {
        let asked = scene.asked;
        let is_blank = |value: &str| value.trim().is_empty();
        match parameter {
            Parameter::Header(name) => asked.headers(name).all(|value| is_blank(&value)),
            Parameter::Path(name) => {
                let value = asked.path_parameter(scene.call, name);
                value.is_none_or(|value| is_blank(&value))
            }
            Parameter::Query(name) => {
                let mut values = queries.iter().filter(|(other, _)| *other == **name);
                values.all(|(_, value)| is_blank(value))
            }
        }
    };
    let all = required.iter().filter(is_missing);
    all.map(Parameter::name).collect()
}

//! What a stage of a REST API adds: its gateway responses and variables.

use std::sync::Arc;

use crate::compile::problem::{Fault, Place, Problems};
use crate::compile::rest::map;
use crate::lang::params::Text;
use crate::model::{rest, v2};
use crate::plan::Stage;
use crate::plan::refusal::{GatewayResponse, GatewayResponses, ResponseType};
use crate::plan::rest::{Canary, MediaTypes, RestStage};

pub(in crate::compile) fn stage(
    api: &str,
    stage: &v2::Stage,
    settings: &rest::Settings,
    canary: Option<Arc<Stage>>,
    place: &Place<'_>,
    problems: &mut Problems,
) -> RestStage {
    let place = place.then("gateway_responses");
    let mut set = Vec::new();
    for response in &settings.gateway_responses {
        let here = place.then(&response.kind);
        let Some(kind) = ResponseType::named(&response.kind) else {
            problems.push(&here, Fault::new("is not a type of gateway response"));
            continue;
        };
        match gateway_response(stage, response) {
            Ok(made) => set.push((kind, made)),
            Err(fault) => problems.push(&here, fault),
        }
    }
    let variables = stage.variables.iter();
    RestStage {
        scope: format!("{api}/{}", stage.name).into(),
        account_id: settings.account_id.as_str().into(),
        deployment_id: settings.deployment_id.as_str().into(),
        responses: GatewayResponses::new(&set),
        canary: settings
            .canary
            .as_ref()
            .zip(canary)
            .map(|(own, stage)| Canary {
                percent: own.percent,
                stage,
            }),
        binary_types: MediaTypes::new(&settings.binary_media_types),
        cache_bytes_max: settings.cache_bytes_max,
        cache_epoch: settings.cache_epoch,
        shares_cache: settings.shares_cache,
        compress_from: settings.minimum_compression_size,
        variables: variables
            .map(|(name, value)| (name.as_str().into(), value.as_str().into()))
            .collect(),
    }
}

fn gateway_response(
    stage: &v2::Stage,
    response: &rest::GatewayResponse,
) -> Result<GatewayResponse, Fault> {
    let mut headers = Vec::new();
    for (target, source) in &response.parameters {
        let name = target.strip_prefix("gatewayresponse.header.");
        let name = name.ok_or_else(|| Fault::new(format!("`{target}` is not a header")))?;
        if let Some(source) = map::source(source, stage)? {
            headers.push((name.into(), source));
        }
    }
    let templates = response.templates.iter();
    Ok(GatewayResponse {
        status: response.status,
        headers: headers.into(),
        templates: templates
            .map(|(kind, text)| (kind.as_str().into(), Text::parse(text)))
            .collect(),
    })
}

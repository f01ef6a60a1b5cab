//! `daemun apis`, `routes`, `deployments` and `rollback`: what a running gateway serves, and
//! serving what it served before.

use std::process::ExitCode;

use anyhow::{anyhow, bail};
use serde::Serialize;

use crate::base::{ascii, json};
use crate::cli::columns::columns;
use crate::cli::command::say;
use crate::cli::remote::{Remote, Where};
use crate::control::live::{ApiSummary, DeploymentSummary, LiveRoute, StageSummary};

/// Where an answer goes: to a person, or to a program.
fn show(as_json: bool, value: &impl Serialize, text: String) -> anyhow::Result<ExitCode> {
    match as_json {
        true => say(&json::pretty(value)),
        false => say(&text),
    }
}

/// All APIs of the account, in all regions.
pub fn apis(at: &Where, as_json: bool) -> anyhow::Result<ExitCode> {
    let apis: Vec<ApiSummary> = at.remote()?.get("/_daemun/apis")?;
    let rows = apis.iter().map(|api| {
        let region = api.region.as_deref().unwrap_or("(config file)");
        let stages: Vec<String> = api.stages.iter().map(stage_text).collect();
        [
            &*api.id,
            &*api.protocol,
            &*api.name,
            region,
            &*stages.join(", "),
        ]
        .map(str::to_owned)
    });
    let text = match apis.is_empty() {
        true => "no APIs\n".to_owned(),
        false => columns(["API", "TYPE", "NAME", "REGION", "STAGES"], rows),
    };
    show(as_json, &apis, text)
}

fn stage_text(stage: &StageSummary) -> String {
    match &stage.deployment {
        Some(deployment) => format!("{} ({deployment})", stage.name),
        None => stage.name.clone(),
    }
}

/// What a stage serves.
pub fn routes(at: &Where, as_json: bool, api: &str, stage: &str) -> anyhow::Result<ExitCode> {
    let remote = at.remote()?;
    let api = find(&remote, api)?;
    let routes: Vec<LiveRoute> = remote.get(&below(&api, stage, "routes"))?;
    let rows = routes.iter().map(|route| {
        let uri = match (&route.refused, &route.uri) {
            (Some(why), _) => format!("refused: {why}"),
            (None, uri) => uri.clone().unwrap_or_default(),
        };
        let LiveRoute {
            method,
            path,
            integration,
            authorization,
            ..
        } = route;
        [method, path, authorization, integration, &uri].map(Clone::clone)
    });
    let text = match routes.is_empty() {
        true => format!("stage {stage} of API {} serves no routes\n", api.id),
        false => columns(
            ["METHOD", "PATH", "AUTHORIZATION", "INTEGRATION", "URI"],
            rows,
        ),
    };
    show(as_json, &routes, text)
}

/// What was deployed, and what of it the stage serves.
pub fn deployments(at: &Where, as_json: bool, api: &str, stage: &str) -> anyhow::Result<ExitCode> {
    let remote = at.remote()?;
    let api = find(&remote, api)?;
    let deployments: Vec<DeploymentSummary> = remote.get(&below(&api, stage, "deployments"))?;
    let rows = deployments.iter().map(|deployment| {
        let live = if deployment.live { "live" } else { "" };
        let description = deployment.description.as_deref().unwrap_or_default();
        [&*deployment.id, &*deployment.created, live, description].map(str::to_owned)
    });
    let text = match deployments.is_empty() {
        true => format!("API {} has no deployments\n", api.id),
        false => columns(["DEPLOYMENT", "CREATED", "", "DESCRIPTION"], rows),
    };
    show(as_json, &deployments, text)
}

/// A stage that was pointed at another deployment.
#[derive(Debug, Serialize)]
struct Moved<'a> {
    api: &'a str,
    stage: &'a str,
    deployment: &'a str,
    before: Option<&'a str>,
}

/// Points a stage at a deployment of its API.
pub fn rollback(
    at: &Where,
    as_json: bool,
    api: &str,
    stage: &str,
    deployment: &str,
) -> anyhow::Result<ExitCode> {
    let remote = at.remote()?;
    let api = find(&remote, api)?;
    let Some(region) = &api.region else {
        bail!(
            "API {} is defined in the config file of the gateway; change it there",
            api.id
        );
    };
    let deployments: Vec<DeploymentSummary> = remote.get(&below(&api, stage, "deployments"))?;
    if !deployments.iter().any(|known| known.id == deployment) {
        bail!(
            "API {0} has no deployment {deployment}; `daemun deployments {0} {stage}` lists them",
            api.id
        );
    }
    let before = deployments.iter().find(|known| known.live);
    let before = before.map(|known| &*known.id);
    if before != Some(deployment) {
        let id = json::line(&deployment);
        let (path, body) = match &*api.protocol {
            "REST" => (
                format!("/restapis/{}/stages/{}", api.id, encoded(stage)),
                format!(
                    "{{\"patchOperations\":[{{\"op\":\"replace\",\"path\":\"/deploymentId\",\"value\":{id}}}]}}"
                ),
            ),
            _ => (
                format!("/v2/apis/{}/stages/{}", api.id, encoded(stage)),
                format!("{{\"deploymentId\":{id}}}"),
            ),
        };
        remote.patch(&path, region, &body)?;
    }
    let moved = Moved {
        api: &api.id,
        stage,
        deployment,
        before,
    };
    let text = match before {
        Some(before) if before == deployment => {
            format!(
                "stage {stage} of API {} served {deployment} already\n",
                api.id
            )
        }
        Some(before) => format!(
            "stage {stage} of API {} serves {deployment} now, and not {before}\n",
            api.id
        ),
        None => format!("stage {stage} of API {} serves {deployment} now\n", api.id),
    };
    show(as_json, &moved, text)
}

fn below(api: &ApiSummary, stage: &str, what: &str) -> String {
    format!(
        "/_daemun/apis/{}/stages/{}/{what}",
        encoded(&api.id),
        encoded(stage)
    )
}

/// What people type may hold anything.
fn encoded(text: &str) -> String {
    ascii::percent_encoded(text, b"$")
}

/// The API of this id, or the only one of this name.
fn find(remote: &Remote, wanted: &str) -> anyhow::Result<ApiSummary> {
    let apis: Vec<ApiSummary> = remote.get("/_daemun/apis")?;
    chosen(apis, wanted)
}

fn chosen(apis: Vec<ApiSummary>, wanted: &str) -> anyhow::Result<ApiSummary> {
    if let Some(api) = apis.iter().find(|api| api.id == wanted) {
        return Ok(api.clone());
    }
    let mut named: Vec<ApiSummary> = apis.into_iter().filter(|api| api.name == wanted).collect();
    match named.len() {
        0 => Err(anyhow!(
            "there is no API {wanted}; `daemun apis` lists them"
        )),
        1 => Ok(named.remove(0)),
        _ => {
            let ids: Vec<&str> = named.iter().map(|api| &*api.id).collect();
            bail!(
                "several APIs are called {wanted}: {}; write the id",
                ids.join(", ")
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_api_goes_by_its_id_or_its_only_name() {
        let api = |id: &str, name: &str| ApiSummary {
            id: id.to_owned(),
            name: name.to_owned(),
            protocol: "HTTP".to_owned(),
            account: String::new(),
            region: None,
            stages: Vec::new(),
        };
        let apis = vec![
            api("a1", "pets"),
            api("b2", "pets"),
            api("c3", "shop"),
            api("pets2", "a1"),
        ];
        let check = |wanted: &str, expected: Result<&str, &str>| {
            let found = chosen(apis.clone(), wanted);
            match (found, expected) {
                (Ok(api), Ok(id)) => assert_eq!(api.id, id),
                (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
                (found, _) => assert!(found.is_err() && expected.is_ok(), "{wanted}: {found:?}"),
            }
        };
        check("a1", Ok("a1"));
        check("shop", Ok("c3"));
        check("pets", Err("a1, b2"));
        check("none", Err("no API none"));
    }
}

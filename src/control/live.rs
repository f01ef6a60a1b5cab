//! What daemun's own command line asks and AWS's operations do not tell: all APIs of an account
//! over all regions, the routes that a stage serves, and what was deployed before.
//!
//! `GET /_daemun/server`, `/_daemun/apis`, `/_daemun/apis/{api}/stages/{stage}/routes` and `…/deployments`, signed and allowed as AWS's own operations on the same resources.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::aws::Arn;
use crate::base::date::iso8601;
use crate::base::id::ResourceIds;
use crate::control::caller::Caller;
use crate::control::desk::{Desk, Fixed, Record, Rows, Scope};
use crate::control::error::{Error, Outcome};
use crate::control::protocol::query;
use crate::control::{kind, publish};
use crate::model::v2::Integration;
use crate::store::{Prefix, View};

/// Where the paths of this file begin; no operation of AWS's does.
pub const PREFIX: &str = "/_daemun/";

/// An API with its stages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiSummary {
    pub id: String,
    pub name: String,
    /// `REST`, `HTTP` or `WEBSOCKET`.
    pub protocol: String,
    pub account: String,
    /// None: it is of the config file, and in no region.
    pub region: Option<String>,
    pub stages: Vec<StageSummary>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageSummary {
    pub name: String,
    /// None: nothing is deployed, or it is of the config file.
    pub deployment: Option<String>,
}

/// A route that a stage serves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveRoute {
    /// `ANY`, or a method; empty for `$default`.
    pub method: String,
    /// `/pets/{id}`, or `$default`.
    pub path: String,
    /// As AWS names it: `HTTP_PROXY`.
    pub integration: String,
    pub uri: Option<String>,
    /// `NONE`, `AWS_IAM`, `CUSTOM`, `COGNITO_USER_POOLS` or `JWT`.
    pub authorization: String,
    /// Why calls of it are refused; none: they are served.
    pub refused: Option<String>,
}

/// A deployment of an API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentSummary {
    pub id: String,
    /// ISO 8601.
    pub created: String,
    pub description: Option<String>,
    /// Whether the stage serves it.
    pub live: bool,
}

/// The gateway itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerSummary {
    pub version: String,
    /// None: in memory.
    pub data_dir: Option<PathBuf>,
}

/// What an answer is about: an API, in the scope it is in.
struct Place {
    scope: Scope,
    api: ApiSummary,
}

/// What is looked at for an answer.
pub struct Sight<'a> {
    pub view: &'a View<'a>,
    pub fixed: &'a Fixed,
    pub ids: &'a mut ResourceIds,
    pub data_dir: Option<&'a Path>,
}

/// Answers the path behind `PREFIX`.
///
/// # Errors
/// `NotFoundException` for what is not there, `AccessDeniedException`.
pub fn answer(path: &str, caller: &Caller, sight: Sight<'_>) -> Outcome<Value> {
    let parts: Vec<String> = path.split('/').map(query::decoded).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    match parts.as_slice() {
        ["server"] => {
            let account = Arn::management(&caller.scope.region, "/account");
            caller.may("apigateway:GET", &account.to_string())?;
            encoded(&ServerSummary {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                data_dir: sight.data_dir.map(Path::to_path_buf),
            })
        }
        ["apis"] => {
            let places = places(caller, &sight)?.into_iter();
            let seen = places.filter(|place| may_read(caller, place, "").is_ok());
            let apis: Vec<ApiSummary> = seen.map(|place| place.api).collect();
            encoded(&apis)
        }
        [
            "apis",
            api,
            "stages",
            stage,
            what @ ("routes" | "deployments"),
        ] => {
            let mut places = places(caller, &sight)?.into_iter();
            let unknown = || Error::not_found(format!("there is no API {api}"));
            let place = places
                .find(|place| place.api.id == *api)
                .ok_or_else(unknown)?;
            let mut stages = place.api.stages.iter();
            let stage = stages
                .find(|known| known.name == *stage)
                .ok_or_else(|| no_stage(&place.api, stage))?;
            let Sight {
                view, fixed, ids, ..
            } = sight;
            let desk = Desk::new(Rows::Read(view), &place.scope, fixed, ids, 0);
            match *what {
                "routes" => {
                    may_read(caller, &place, &format!("/stages/{}", stage.name))?;
                    encoded(&routes(&desk, &place.api, stage)?)
                }
                _ => {
                    may_read(caller, &place, "/deployments")?;
                    encoded(&deployments(&desk, &place.api, stage)?)
                }
            }
        }
        _ => Err(Error::missing_token()),
    }
}

fn encoded(value: &impl Serialize) -> Outcome<Value> {
    serde_json::to_value(value).map_err(|error| Error::internal(error.to_string()))
}

fn no_stage(api: &ApiSummary, stage: &str) -> Error {
    let names: Vec<&str> = api.stages.iter().map(|stage| &*stage.name).collect();
    let known = match names.as_slice() {
        [] => "it has none".to_owned(),
        names => format!("it has {}", names.join(", ")),
    };
    Error::not_found(format!("API {} has no stage {stage}; {known}", api.id))
}

fn may_read(caller: &Caller, place: &Place, below: &str) -> Outcome<()> {
    let kind = match &*place.api.protocol {
        "REST" => "restapis",
        _ => "apis",
    };
    let path = format!("/{kind}/{}{below}", place.api.id);
    let resource = Arn::management(&place.scope.region, &path).to_string();
    caller.may("apigateway:GET", &resource)
}

/// All APIs of the caller's account, and those of the config file.
fn places(caller: &Caller, sight: &Sight<'_>) -> Outcome<Vec<Place>> {
    let account = &caller.scope.account;
    let page = sight
        .view
        .list(&Prefix::account(account), None, usize::MAX)?;
    let mut places: BTreeMap<(String, String), Place> = BTreeMap::new();
    let mut stages: Vec<(String, String, StageSummary)> = Vec::new();
    for entry in page.entries {
        let key = entry.key;
        match key.kind.as_str() {
            kind::API | kind::REST_API => {
                let record: Record = read(&entry.bytes)?;
                let api = summary(&key.id, &record, &caller.scope, Some(&key.region));
                let scope = Scope {
                    account: account.clone(),
                    region: key.region.clone(),
                };
                places.insert((key.region, key.id), Place { scope, api });
            }
            kind::STAGE => {
                let record: Record = read(&entry.bytes)?;
                let api = key.id.split('/').next().unwrap_or_default();
                stages.push((key.region, api.to_owned(), stage_summary(&record)));
            }
            _ => {}
        }
    }
    for (region, api, stage) in stages {
        if let Some(place) = places.get_mut(&(region, api)) {
            place.api.stages.push(stage);
        }
    }
    let mut places: Vec<Place> = places.into_values().collect();
    places.extend(fixed(caller, sight.fixed));
    Ok(places)
}

/// The APIs of the config file.
fn fixed(caller: &Caller, fixed: &Fixed) -> Vec<Place> {
    let apis = fixed.iter().filter(|((kind, _), _)| *kind == kind::API);
    let places = apis.map(|((_, id), record)| {
        let mut api = summary(id, record, &caller.scope, None);
        let below = format!("{id}/");
        let stages = fixed
            .iter()
            .filter(|((kind, key), _)| *kind == kind::STAGE && key.starts_with(&below));
        api.stages = stages.map(|(_, record)| stage_summary(record)).collect();
        let scope = caller.scope.clone();
        Place { scope, api }
    });
    places.collect()
}

fn read(bytes: &[u8]) -> Outcome<Record> {
    serde_json::from_slice(bytes)
        .map_err(|error| Error::internal(format!("a record cannot be read: {error}")))
}

fn summary(id: &str, record: &Record, scope: &Scope, region: Option<&str>) -> ApiSummary {
    ApiSummary {
        id: id.to_owned(),
        name: text(record.get("name")),
        protocol: match text(record.get("protocolType")) {
            none if none.is_empty() => "REST".to_owned(),
            protocol => protocol,
        },
        account: scope.account.clone(),
        region: region.map(str::to_owned),
        stages: Vec::new(),
    }
}

fn stage_summary(record: &Record) -> StageSummary {
    StageSummary {
        name: text(record.get("stageName")),
        deployment: filled(record.get("deploymentId")),
    }
}

/// The routes of the deployment that the stage points at; of the config file, those in it.
fn routes(desk: &Desk<'_>, api: &ApiSummary, stage: &StageSummary) -> Outcome<Vec<LiveRoute>> {
    let below = format!("{}/", api.id);
    let mut routes = match (&api.region, &stage.deployment) {
        (None, _) => {
            let values = |kind| -> Outcome<Vec<Value>> {
                let records = desk.list(kind, &below)?.into_iter();
                Ok(records.map(|(_, record)| Value::Object(record)).collect())
            };
            of_v2(&values(kind::ROUTE)?, &values(kind::INTEGRATION)?)
        }
        (Some(_), None) => Vec::new(),
        (Some(_), Some(deployment)) => {
            let found = desk.get(kind::DEPLOYMENT, &format!("{below}{deployment}"))?;
            let mut found = found.unwrap_or_default();
            let frozen = found.remove("frozen").unwrap_or(Value::Null);
            match &*api.protocol {
                "REST" => of_rest(&frozen),
                _ => of_v2(items(&frozen["routes"]), items(&frozen["integrations"])),
            }
        }
    };
    let refused = refused(desk, api, stage)?;
    for route in &mut routes {
        let key = match route.method.as_str() {
            "" => route.path.clone(),
            method => format!("{method} {}", route.path),
        };
        route.refused = refused.get(&key).cloned();
    }
    routes.sort_by(|a, b| (&a.path, &a.method).cmp(&(&b.path, &b.method)));
    Ok(routes)
}

/// Why routes are refused, by their keys.
fn refused(
    desk: &Desk<'_>,
    api: &ApiSummary,
    stage: &StageSummary,
) -> Outcome<BTreeMap<String, String>> {
    let model = publish::model(desk, &api.id)?;
    let stages = model.iter().flat_map(|model| &model.stages);
    let stages = stages.filter(|known| known.name == stage.name);
    let routes = stages.flat_map(|stage| stage.routes.iter().flat_map(|routes| routes.iter()));
    let refused = routes.filter_map(|route| match &route.integration {
        Integration::Unserved { what, .. } => Some((route.key.to_string(), what.clone())),
        _ => None,
    });
    Ok(refused.collect())
}

fn of_rest(frozen: &Value) -> Vec<LiveRoute> {
    let resources = items(&frozen["resources"]).iter();
    let routes = resources.flat_map(|resource| {
        let methods = resource["resourceMethods"]
            .as_object()
            .into_iter()
            .flatten();
        methods.map(|(verb, method)| LiveRoute {
            method: verb.clone(),
            path: text(resource.get("path")),
            integration: text(method["methodIntegration"].get("type")),
            uri: filled(method["methodIntegration"].get("uri")),
            authorization: authorization(method),
            refused: None,
        })
    });
    routes.collect()
}

fn of_v2(routes: &[Value], integrations: &[Value]) -> Vec<LiveRoute> {
    let routes = routes.iter().map(|route| {
        let key = text(route.get("routeKey"));
        let (method, path) = key.split_once(' ').unwrap_or(("", &key));
        let target = text(route.get("target"));
        let id = target.trim_start_matches("integrations/");
        let mut all = integrations.iter();
        let integration = all.find(|other| other["integrationId"] == *id);
        let integration = integration.unwrap_or(&Value::Null);
        LiveRoute {
            method: method.to_owned(),
            path: path.to_owned(),
            integration: text(integration.get("integrationType")),
            uri: filled(integration.get("integrationUri")),
            authorization: authorization(route),
            refused: None,
        }
    });
    routes.collect()
}

fn authorization(of: &Value) -> String {
    filled(of.get("authorizationType")).unwrap_or_else(|| "NONE".to_owned())
}

/// All deployments of the API, the newest first.
fn deployments(
    desk: &Desk<'_>,
    api: &ApiSummary,
    stage: &StageSummary,
) -> Outcome<Vec<DeploymentSummary>> {
    let mut found = desk.list(kind::DEPLOYMENT, &format!("{}/", api.id))?;
    let created = |record: &Record| record.get("createdDate").and_then(Value::as_u64);
    found.sort_by_key(|(_, record)| std::cmp::Reverse(created(record)));
    let deployments = found.into_iter().map(|(key, record)| {
        let id = key.rsplit('/').next().unwrap_or_default().to_owned();
        DeploymentSummary {
            created: iso8601(created(&record).unwrap_or_default()),
            description: filled(record.get("description")),
            live: stage.deployment.as_ref() == Some(&id),
            id,
        }
    });
    Ok(deployments.collect())
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: Option<&Value>) -> String {
    filled(value).unwrap_or_default()
}

/// None for an empty text too.
fn filled(value: Option<&Value>) -> Option<String> {
    let text = value
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty());
    text.map(str::to_owned)
}

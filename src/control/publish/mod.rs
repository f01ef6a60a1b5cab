//! From records to what is served: the models of the APIs whose stages or deployments changed.

pub(in crate::control) mod authorizer;
pub mod domain;
mod guard;
mod http;
mod link;
mod refusal;
mod rest;
mod usage;

pub use usage::usage;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use crate::base::id::ResourceIds;
use crate::compile::{self, Ledger, Problem};
use crate::control::desk::{Desk, Fixed, Record, Rows, Scope, text};
use crate::control::domain::trust::Truststores;
use crate::control::error::{Error, Outcome};
use crate::control::kind;
use crate::control::publish::refusal::unserved;
use crate::control::rest::stage::log_line;
use crate::control::rest::test_invoke::Draft;
use crate::control::{AUTHORIZER_EPOCH, CACHE_EPOCH};
use crate::gateway::trial::Told;
use crate::model::v2::{self, ApiKind, Reach};
use crate::model::{Snapshot, Throttle, Upstream, Usage};
use crate::store::{Key, Prefix, View};

pub use domain::DomainModel;
pub use refusal::report;

/// An API as `compile` takes it.
pub type ApiModel = Arc<v2::Api>;

/// What the control thread is asked to serve from now on.
#[derive(Debug)]
pub struct Publication {
    /// The version of the store that these models are of: what comes late must not undo what
    /// came after it.
    pub version: u64,
    pub models: Changes,
    /// The usage plans of an account and region, where they have changed.
    pub usage: Option<Arc<Usage>>,
    /// Told when all cores know.
    pub done: oneshot::Sender<Result<(), String>>,
}

/// A method that shall be tried once, and the request for that.
#[derive(Debug)]
pub struct MethodTest {
    pub draft: Draft,
    /// Told what came of it, or why it could not be tried.
    pub done: oneshot::Sender<Result<Told, String>>,
}

/// Where the control thread is told what to do.
#[derive(Clone, Debug)]
pub struct Outbox {
    pub publications: mpsc::UnboundedSender<Publication>,
    pub tests: mpsc::UnboundedSender<MethodTest>,
}

/// By key; none: served no more.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    pub apis: Vec<(String, Option<ApiModel>)>,
    pub domains: Vec<(String, Option<DomainModel>)>,
}

impl Changes {
    pub fn is_empty(&self) -> bool {
        self.apis.is_empty() && self.domains.is_empty()
    }
}

/// What the config file adds to every API.
#[derive(Debug, Default)]
pub struct Surroundings {
    /// Its own APIs, which can be read and not changed.
    pub fixed: Fixed,
    pub upstreams: Vec<Upstream>,
    /// The hosts of its APIs.
    pub hosts: Vec<String>,
    pub truststores: Truststores,
}

/// The models of all APIs in the store. One that cannot be made any more is left out and said; that
/// each can be compiled is seen when all of them are.
///
/// # Errors
/// When the store cannot be read.
pub fn all(
    view: &View<'_>,
    surroundings: &Surroundings,
    ids: &mut ResourceIds,
    strict: bool,
) -> Outcome<Vec<ApiModel>> {
    let mut apis = Vec::new();
    for scope in scopes(view)? {
        for kind in [kind::API, kind::REST_API] {
            let prefix = Prefix::kind(&scope.account, &scope.region, kind);
            let page = view.list(&prefix, None, usize::MAX)?;
            let ids = page.entries.into_iter().map(|entry| entry.key.id);
            apis.extend(ids.map(|id| (scope.clone(), id)));
        }
    }
    let mut models = Vec::with_capacity(apis.len());
    for (scope, id) in &apis {
        let desk = Desk::new(Rows::Read(view), scope, &surroundings.fixed, ids, 0);
        let desk = desk.with_quotas(strict);
        match model(&desk, id) {
            Ok(made) => {
                if let Some(made) = &made {
                    report(made, None);
                }
                models.extend(made);
            }
            Err(error) => {
                tracing::error!(api = id, error = error.message, "an API cannot be served");
            }
        }
    }
    Ok(models)
}

/// Every account and region that holds anything. Only a record or two of each is read: all of them
/// would be much more than the APIs need.
fn scopes(view: &View<'_>) -> Outcome<Vec<Scope>> {
    let mut scopes = Vec::new();
    let mut after: Option<Key> = None;
    loop {
        let page = view.list(&Prefix::everything(), after.as_ref(), 1)?;
        let Some(entry) = page.entries.into_iter().next() else {
            return Ok(scopes);
        };
        let Key {
            account, region, ..
        } = entry.key;
        after = Some(Key::new(&*account, &*region, LAST, LAST));
        scopes.push(Scope { account, region });
    }
}

/// No kind and no id stands behind it.
const LAST: &str = "\u{10ffff}";

/// The usage plans of every account and region.
///
/// # Errors
/// When the store cannot be read.
pub fn all_usage(
    view: &View<'_>,
    surroundings: &Surroundings,
    ids: &mut ResourceIds,
    now_ms: u64,
) -> Outcome<Vec<Arc<Usage>>> {
    let mut all = Vec::new();
    for scope in scopes(view)? {
        let desk = Desk::new(Rows::Read(view), &scope, &surroundings.fixed, ids, now_ms);
        let usage = usage::usage(&desk)?;
        if !usage.plans.is_empty() {
            all.push(Arc::new(usage));
        }
    }
    Ok(all)
}

/// The model of an API with its stages; none if there is nothing to serve.
///
/// # Errors
/// What in it cannot be served by this version.
pub fn model(desk: &Desk<'_>, id: &str) -> Outcome<Option<ApiModel>> {
    let (api, kind) = match (desk.get(kind::API, id)?, desk.get(kind::REST_API, id)?) {
        (Some(api), _) if text(&api, "protocolType") == "HTTP" => (api, ApiKind::Http),
        (_, Some(api)) => (api, ApiKind::Rest),
        _ => return Ok(None),
    };
    let below = format!("{id}/");
    let mut stages = Vec::new();
    for (_, stage) in desk.list(kind::STAGE, &below)? {
        let deployment = format!("{below}{}", text(&stage, "deploymentId"));
        if let Some(mut deployment) = desk.take(kind::DEPLOYMENT, &deployment)? {
            let mut made = match kind {
                ApiKind::File | ApiKind::Http => {
                    link::in_http(desk, &stage, &mut deployment)?;
                    authorizer::settle(desk, &below, &mut deployment)?;
                    http::stage(&stage, &deployment, desk.scope())?
                }
                ApiKind::Rest => {
                    let mut canary = canary(desk, &below, &stage)?;
                    for deployment in canary.iter_mut().chain([&mut deployment]) {
                        link::in_rest(desk, &stage, deployment)?;
                        authorizer::settle(desk, &below, deployment)?;
                        guard::settle(&api, id, deployment, desk.scope());
                    }
                    rest::stage(desk, &stage, &deployment, canary.as_ref())?
                }
            };
            if desk.is_strict() {
                ask_policies(&mut made, &desk.scope().region);
            }
            stages.push(made);
        }
    }
    let is_private = api
        .get("endpointConfiguration")
        .is_some_and(|endpoint| endpoint["types"][0] == "PRIVATE");
    let is_disabled = api.get("disableExecuteApiEndpoint") == Some(&Value::Bool(true));
    Ok((!stages.is_empty()).then(|| {
        Arc::new(v2::Api {
            id: id.to_owned(),
            kind,
            reach: match is_disabled {
                true => Reach::Nowhere,
                false if is_private => Reach::Private,
                false => Reach::ExecuteApi,
            },
            hosts: Vec::new(),
            base_path: "/".to_owned(),
            routes: Vec::new(),
            stages,
        })
    }))
}

/// The policies of functions are asked whether they let this stage in, and its canary.
fn ask_policies(stage: &mut v2::Stage, region: &str) {
    stage.asks_policies_in = Some(region.to_owned());
    let canary = stage.rest.as_mut().and_then(|own| own.canary.as_mut());
    if let Some(canary) = canary {
        ask_policies(&mut canary.stage, region);
    }
}

/// The model of a REST API with one stage that is in no store.
///
/// # Errors
/// What in it cannot be served by this version.
pub fn draft(
    desk: &Desk<'_>,
    id: &str,
    stage: &Record,
    mut deployment: Record,
) -> Outcome<ApiModel> {
    link::in_rest(desk, stage, &mut deployment)?;
    let made = rest::stage(desk, stage, &deployment, None)?;
    Ok(Arc::new(v2::Api {
        id: id.to_owned(),
        kind: ApiKind::Rest,
        reach: Reach::Nowhere,
        hosts: Vec::new(),
        base_path: "/".to_owned(),
        routes: Vec::new(),
        stages: vec![made],
    }))
}

/// The deployment of the stage's canary.
fn canary(desk: &Desk<'_>, below: &str, stage: &Record) -> Outcome<Option<Record>> {
    let settings = stage.get("canarySettings").and_then(Value::as_object);
    match settings {
        Some(settings) => {
            let id = format!("{below}{}", text(settings, "deploymentId"));
            desk.get(kind::DEPLOYMENT, &id)
        }
        None => Ok(None),
    }
}

/// Whether an API can be served.
///
/// # Errors
/// All that hinders it, in one message.
pub fn check(model: &ApiModel, surroundings: &Surroundings) -> Outcome<()> {
    compiled(&Snapshot {
        upstreams: surroundings.upstreams.clone(),
        apis: vec![Arc::clone(model)],
        ..Snapshot::default()
    })
}

fn compiled(snapshot: &Snapshot) -> Outcome<()> {
    let Err(problems) = compile::compile(snapshot, &Ledger::default()) else {
        return Ok(());
    };
    let texts = problems.iter().map(|problem| {
        let text = Problem::by_route(&problem.path, &problem.message);
        let text = text.unwrap_or_else(|| problem.to_string());
        match &problem.hint {
            Some(hint) => format!("{text}; {hint}"),
            None => text,
        }
    });
    let texts: Vec<String> = texts.collect();
    Err(Error::bad_request(texts.join("\n")))
}

/// None for the client's own.
fn method_of(method: Option<&str>) -> Option<String> {
    method.filter(|method| *method != "ANY").map(str::to_owned)
}

fn timeout(value: &Value, usual: u32) -> u32 {
    let ms = value.as_u64().and_then(|ms| u32::try_from(ms).ok());
    ms.unwrap_or(usual)
}

/// AWS's limits of an account, which stand where only one of the two is set.
const ACCOUNT_RATE: f64 = 10_000.0;
const ACCOUNT_BURST: u32 = 5_000;

/// A throttle of which at least one number is set.
fn throttle(rate: Option<f64>, burst: Option<u64>) -> Option<Throttle> {
    if rate.is_none() && burst.is_none() {
        return None;
    }
    Some(Throttle {
        rate_limit: rate.unwrap_or(ACCOUNT_RATE),
        burst_limit: burst.map_or(ACCOUNT_BURST, |burst| {
            u32::try_from(burst).unwrap_or(u32::MAX)
        }),
    })
}

fn variables(stage: &Record, key: &str) -> BTreeMap<String, String> {
    let all = stage.get(key).and_then(Value::as_object);
    let all = all.into_iter().flatten();
    all.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()))
        .collect()
}

fn epoch(stage: &Record, key: &str) -> u64 {
    stage.get(key).and_then(Value::as_u64).unwrap_or_default()
}

fn access_log(stage: &Record) -> Option<String> {
    let format = stage.get("accessLogSettings")?.get("format")?.as_str()?;
    let format = log_line(format);
    (!format.is_empty()).then(|| format.to_owned())
}

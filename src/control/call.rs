//! `Control`: one request of the management APIs, from its bytes to the bytes of its answer.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value};
use tokio::sync::oneshot;

use crate::base::Clock;
use crate::base::id::ResourceIds;
use crate::control::desk::{Desk, Rows, Scope};
use crate::control::error::{Error, Outcome};
use crate::control::protocol::decode::{Parts, decode};
use crate::control::protocol::route::{self, Found};
use crate::control::protocol::{Input, docs, encode, validate};
use crate::control::publish::{
    self, ApiModel, Changes, DomainModel, MethodTest, Outbox, Publication, Surroundings,
};
use crate::control::rest::test_invoke;
use crate::control::{Caller, Handler, handler, kind, live, permission, tags, v2};
use crate::model::Usage;
use crate::store::{Prefix, Store};

/// What a request of the management APIs is made of.
#[derive(Clone, Debug, Default)]
pub struct Request {
    pub method: String,
    /// Raw: percent-encoding is kept.
    pub path: String,
    pub query: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// The address of the client.
    pub peer: Option<IpAddr>,
}

impl Request {
    /// The value of a header; its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| value.as_str())
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// What the management APIs are told by the config file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// AWS's upper limits hold.
    pub strict: bool,
    /// Where the store is, for who asks; none: in memory.
    pub data_dir: Option<PathBuf>,
}

/// The management APIs over a store. Cheap to share; calls may run beside each other.
#[derive(Debug)]
pub struct Control {
    store: Store,
    settings: Settings,
    clock: Mutex<Clock>,
    ids: Mutex<ResourceIds>,
    surroundings: Mutex<Arc<Surroundings>>,
    /// What was published last, so that a change that nobody would see is not published.
    served: Arc<Mutex<Served>>,
    outbox: Outbox,
}

/// What is served, by keys.
#[derive(Debug, Default)]
struct Served {
    apis: HashMap<String, ApiModel>,
    domains: HashMap<String, DomainModel>,
}

/// What a change left behind: the output, and the models of what looks different now.
struct Changed {
    output: Value,
    version: u64,
    models: Changes,
    usage: Option<Arc<Usage>>,
    /// All APIs must be looked at.
    concerns_all: bool,
}

/// What is kept, for the first plan.
#[derive(Debug, Default)]
pub struct Kept {
    pub apis: Vec<ApiModel>,
    pub domains: Vec<(String, DomainModel)>,
}

impl Control {
    /// # Errors
    /// When the system gives no randomness.
    pub fn new(
        store: Store,
        settings: Settings,
        surroundings: Surroundings,
        outbox: Outbox,
    ) -> std::io::Result<Self> {
        Ok(Self {
            store,
            settings,
            clock: Mutex::new(Clock::real()),
            ids: Mutex::new(ResourceIds::from_system()?),
            surroundings: Mutex::new(Arc::new(surroundings)),
            served: Arc::default(),
            outbox,
        })
    }

    /// The config file has changed. True if `look_at_all` has something to do.
    pub fn set_surroundings(&self, surroundings: Surroundings) -> bool {
        let mut current = locked(&self.surroundings);
        let before = std::mem::replace(&mut *current, Arc::new(surroundings));
        let links = |own: &Surroundings| -> BTreeMap<String, String> {
            let links = own.upstreams.iter();
            let links = links.filter_map(|own| Some((own.vpc_link.clone()?, own.name.clone())));
            links.collect()
        };
        links(&before) != links(&current)
    }

    /// The models of all that is kept, for the first plan.
    ///
    /// # Errors
    /// When the store cannot be read. What cannot be served is left out and said.
    pub async fn load(&self) -> Outcome<Kept> {
        let fixed = locked(&self.surroundings).clone();
        let mut ids = locked(&self.ids).fork();
        let strict = self.settings.strict;
        let kept = self
            .store
            .read(move |view| {
                Ok::<Kept, Error>(Kept {
                    apis: publish::all(view, &fixed, &mut ids, strict)?,
                    domains: publish::domain::all(view, &fixed, &mut ids)?,
                })
            })
            .await?;
        let mut served = locked(&self.served);
        for model in &kept.apis {
            served.apis.insert(model.id.clone(), Arc::clone(model));
        }
        served.domains.extend(kept.domains.iter().cloned());
        Ok(kept)
    }

    /// The usage plans of all accounts and regions that are kept, for the first plan.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn load_usage(&self) -> Outcome<Vec<Arc<Usage>>> {
        let fixed = locked(&self.surroundings).clone();
        let (mut ids, now_ms) = (locked(&self.ids).fork(), locked(&self.clock).epoch_ms());
        let work =
            move |view: &crate::store::View<'_>| publish::all_usage(view, &fixed, &mut ids, now_ms);
        self.store.read(work).await
    }

    /// Answers a request. What it changed is durable and served before the answer goes out.
    pub async fn call(&self, caller: &Caller, request: &Request) -> Answer {
        match self.outcome(caller, request).await {
            Ok(answer) => answer,
            Err(error) => {
                tracing::debug!(
                    method = request.method,
                    path = request.path,
                    code = error.code,
                    message = error.message,
                    "refused a management request"
                );
                refused(&error)
            }
        }
    }

    async fn outcome(&self, caller: &Caller, request: &Request) -> Outcome<Answer> {
        if let Some(path) = request.path.strip_prefix(live::PREFIX) {
            let body = self.live(caller, path).await?.to_string();
            return Ok(Answer {
                status: 200,
                headers: vec![json_type()],
                body: body.into_bytes(),
            });
        }
        let found = route::find(&request.method, &request.path, &request.query);
        let found = found.ok_or_else(Error::missing_token)?;
        let scope = caller.scope.clone();
        let Found {
            service, operation, ..
        } = found;
        let parts = Parts {
            labels: &found.labels,
            query: &request.query,
            headers: &request.headers,
            body: &request.body,
        };
        let input = decode(service, operation, &parts);
        let tags = match tags::CONDITIONS.iter().any(|start| caller.asks(start)) {
            true => {
                let own = self.resource_tags(&found, scope.clone()).await?;
                tags::conditions(&own, input.as_ref().ok())
            }
            false => Vec::new(),
        };
        // What cannot be read is no news for who may not ask at all.
        permission::check(caller, &found, tags)?;
        let handler = handler(service.name, &operation.name)
            .ok_or_else(|| Error::not_implemented(&operation.name))?;
        let input = input?;
        validate::validate(service, operation, &input, self.settings.strict)?;
        let output = match operation.method.as_str() {
            _ if operation.name == test_invoke::NAME => self.test_method(caller, input).await?,
            "GET" => self.read(handler, scope, input).await?,
            _ => self.change(handler, scope, input).await?,
        };
        let encoded = encode::encode(service, operation, &output);
        let mut headers = encoded.headers;
        headers.push(json_type());
        Ok(Answer {
            status: operation.status,
            headers,
            body: encoded.body,
        })
    }

    async fn resource_tags(&self, found: &Found, scope: Scope) -> Outcome<Map<String, Value>> {
        let surroundings = locked(&self.surroundings).clone();
        let (mut ids, found) = (locked(&self.ids).fork(), found.clone());
        let work = move |view: &crate::store::View<'_>| {
            let rows = Rows::Read(view);
            let desk = Desk::new(rows, &scope, &surroundings.fixed, &mut ids, 0);
            tags::of_resource(&desk, &found)
        };
        self.store.read(work).await
    }

    /// Runs `work` as one change that the data plane need not hear of.
    ///
    /// # Errors
    /// That of `work`, or the store's.
    pub(in crate::control) async fn keep<T: Send + 'static>(
        &self,
        scope: Scope,
        work: impl FnOnce(&mut Desk<'_>) -> Outcome<T> + Send + 'static,
    ) -> Outcome<T> {
        let surroundings = locked(&self.surroundings).clone();
        let (mut ids, now_ms) = (locked(&self.ids).fork(), locked(&self.clock).epoch_ms());
        let work = move |change: &mut crate::store::Change<'_>| {
            let rows = Rows::Write(change);
            work(&mut Desk::new(
                rows,
                &scope,
                &surroundings.fixed,
                &mut ids,
                now_ms,
            ))
        };
        self.store.change(work).await
    }

    async fn live(&self, caller: &Caller, path: &str) -> Outcome<Value> {
        let surroundings = locked(&self.surroundings).clone();
        let (mut ids, caller) = (locked(&self.ids).fork(), caller.clone());
        let path = path.to_owned();
        let data_dir = self.settings.data_dir.clone();
        let work = move |view: &crate::store::View<'_>| {
            let sight = live::Sight {
                view,
                fixed: &surroundings.fixed,
                ids: &mut ids,
                data_dir: data_dir.as_deref(),
            };
            live::answer(&path, &caller, sight)
        };
        self.store.read(work).await
    }

    /// Tries a method as it is now. Nothing is changed by it.
    async fn test_method(&self, caller: &Caller, input: Input) -> Outcome<Value> {
        let (scope, signed) = (caller.scope.clone(), caller.signed());
        let surroundings = locked(&self.surroundings).clone();
        let (mut ids, now_ms) = (locked(&self.ids).fork(), locked(&self.clock).epoch_ms());
        let work = move |view: &crate::store::View<'_>| {
            let rows = Rows::Read(view);
            let desk = Desk::new(rows, &scope, &surroundings.fixed, &mut ids, now_ms);
            test_invoke::draft(&desk, &input)
        };
        let mut draft = self.store.read(work).await?;
        draft.caller = signed;
        let (done, is_done) = oneshot::channel();
        let gone = || Error::unavailable("The gateway is stopping.");
        let test = MethodTest { draft, done };
        self.outbox.tests.send(test).map_err(|_| gone())?;
        let told = is_done.await.map_err(|_| gone())?;
        told.map(|told| test_invoke::shown(&told))
            .map_err(Error::bad_request)
    }

    async fn read(&self, handler: Handler, scope: Scope, input: Input) -> Outcome<Value> {
        let surroundings = locked(&self.surroundings).clone();
        let (mut ids, now_ms) = (locked(&self.ids).fork(), locked(&self.clock).epoch_ms());
        let strict = self.settings.strict;
        let work = move |view: &crate::store::View<'_>| {
            let rows = Rows::Read(view);
            let mut desk =
                Desk::new(rows, &scope, &surroundings.fixed, &mut ids, now_ms).with_quotas(strict);
            handler(&mut desk, &input)
        };
        self.store.read(work).await
    }

    async fn change(&self, handler: Handler, scope: Scope, input: Input) -> Outcome<Value> {
        let surroundings = locked(&self.surroundings).clone();
        let (mut ids, now_ms) = (locked(&self.ids).fork(), locked(&self.clock).epoch_ms());
        let strict = self.settings.strict;
        let served = Arc::clone(&self.served);
        let work = move |change: &mut crate::store::Change<'_>| {
            let version = change.version();
            let rows = Rows::Write(change);
            let mut desk = Desk::new(rows, &scope, &surroundings.fixed, &mut ids, now_ms)
                .with_quotas(strict)
                .with_truststores(&surroundings.truststores);
            let output = handler(&mut desk, &input)?;
            let mut models = Changes::default();
            let apis = desk.touched().clone();
            changed_apis(&mut desk, apis, &served, &surroundings, &mut models)?;
            changed_domains(&desk, &served, &surroundings, &mut models)?;
            let concerns_all = desk.touched_links();
            let usage = match desk.touches_usage() {
                true => Some(Arc::new(publish::usage(&desk)?)),
                false => None,
            };
            Ok::<Changed, Error>(Changed {
                output,
                version,
                models,
                concerns_all,
                usage,
            })
        };
        let changed = self.store.change(work).await.inspect_err(|error| {
            // What was not kept is not served either; all is published anew when it changes next.
            if error.status >= 500 {
                *locked(&self.served) = Served::default();
            }
        })?;
        if !changed.models.is_empty() || changed.usage.is_some() {
            let Changed {
                version,
                models,
                usage,
                ..
            } = changed;
            self.publish(version, models, usage).await?;
        }
        if changed.concerns_all {
            self.look_at_all().await?;
        }
        Ok(changed.output)
    }

    /// Publishes the APIs that look different since something changed that they only point to: VPC
    /// links, or the upstreams of the config file that stand for them.
    ///
    /// # Errors
    /// When the store cannot be read, or the gateway is stopping.
    pub async fn look_at_all(&self) -> Outcome<()> {
        let surroundings = locked(&self.surroundings).clone();
        let (mut ids, served) = (locked(&self.ids).fork(), Arc::clone(&self.served));
        let strict = self.settings.strict;
        // A change, though it writes nothing: no other one comes in between.
        let work = move |change: &mut crate::store::Change<'_>| {
            let everything = change
                .view()
                .list(&Prefix::everything(), None, usize::MAX)?;
            let is_api = |kind: &str| kind == kind::API || kind == kind::REST_API;
            let mut changes = Changes::default();
            for entry in everything.entries {
                if !is_api(&entry.key.kind) {
                    continue;
                }
                let scope = Scope {
                    account: entry.key.account,
                    region: entry.key.region,
                };
                let rows = Rows::Write(change);
                let mut desk =
                    Desk::new(rows, &scope, &surroundings.fixed, &mut ids, 0).with_quotas(strict);
                let apis = BTreeSet::from([entry.key.id]);
                changed_apis(&mut desk, apis, &served, &surroundings, &mut changes)?;
            }
            Ok::<_, Error>((change.version() - 1, changes))
        };
        let (version, changes) = self.store.change(work).await?;
        match changes.is_empty() {
            true => Ok(()),
            false => self.publish(version, changes, None).await,
        }
    }

    /// Waits until all cores have been told.
    async fn publish(
        &self,
        version: u64,
        models: Changes,
        usage: Option<Arc<Usage>>,
    ) -> Outcome<()> {
        let (done, is_done) = oneshot::channel();
        let publication = Publication {
            version,
            models,
            usage,
            done,
        };
        let gone = || Error::unavailable("The gateway is stopping.");
        self.outbox
            .publications
            .send(publication)
            .map_err(|_| gone())?;
        is_done.await.map_err(|_| gone())?.map_err(Error::internal)
    }
}

/// Those of these APIs that look different now.
fn changed_apis(
    desk: &mut Desk<'_>,
    apis: BTreeSet<String>,
    served: &Mutex<Served>,
    surroundings: &Surroundings,
    changes: &mut Changes,
) -> Outcome<()> {
    for api in apis {
        v2::deploy_automatically(desk, &api)?;
        // A model is made of whole deployments: much work for a change that is in none.
        if desk.touched().contains(&api) && !desk.is_live(&api) {
            continue;
        }
        let model = publish::model(desk, &api)?;
        let before = locked(served).apis.get(&api).cloned();
        if model == before {
            continue;
        }
        if let Some(model) = &model {
            publish::check(model, surroundings)?;
            publish::report(model, before.as_ref());
        }
        let apis = &mut locked(served).apis;
        match &model {
            Some(model) => apis.insert(api.clone(), Arc::clone(model)),
            None => apis.remove(&api),
        };
        changes.apis.push((api, model));
    }
    Ok(())
}

/// The domains that a change touched and that look different now. A host has one owner, whoever's
/// it is.
fn changed_domains(
    desk: &Desk<'_>,
    served: &Mutex<Served>,
    surroundings: &Surroundings,
    changes: &mut Changes,
) -> Outcome<()> {
    for id in desk.touched_domains() {
        let key = publish::domain::key(desk.scope(), id);
        let model = publish::domain::model(desk, id)?;
        let mut served = locked(served);
        if served.domains.get(&key) == model.as_ref() {
            continue;
        }
        if let Some(model) = &model {
            publish::domain::check(model, surroundings)?;
            let mut others = served.domains.iter();
            let name = &model.domain.name;
            if others.any(|(other, own)| *other != key && own.domain.name == *name) {
                let message = "The domain name you provided already exists.";
                return Err(Error::conflict(message));
            }
        }
        match &model {
            Some(model) => served.domains.insert(key.clone(), model.clone()),
            None => served.domains.remove(&key),
        };
        changes.domains.push((key, model));
    }
    Ok(())
}

/// The answer to a request that went wrong.
pub fn refused(error: &Error) -> Answer {
    Answer {
        status: error.status,
        headers: vec![
            json_type(),
            ("x-amzn-ErrorType".to_owned(), error.code.to_owned()),
        ],
        body: error.body().into_bytes(),
    }
}

fn json_type() -> (String, String) {
    ("Content-Type".to_owned(), "application/json".to_owned())
}

/// The answer to a body that was too large to be read.
pub fn too_large() -> Answer {
    refused(&Error::too_large("Request entity too large"))
}

/// The page on the operations that are served.
pub fn operations_page() -> String {
    docs::page(|service, row| handler(service, &row.name).is_some())
}

/// The operations that are served, a line each.
pub fn operations_list() -> String {
    docs::list(|service, row| handler(service, &row.name).is_some())
}

/// A panic elsewhere leaves whole values behind: each is replaced at once.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

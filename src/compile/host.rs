//! Hosts and base paths of APIs to the host table.

use std::sync::Arc;

use crate::compile::domain::{self, Served};
use crate::compile::ledger::ApiMemory;
use crate::compile::name;
use crate::compile::problem::{Fault, Place, Problems};
use crate::model::Snapshot;
use crate::model::v2::{Api, ApiKind, Reach};
use crate::plan::HostTable;
use crate::plan::host::{DEFAULT_STAGE, HostEntry};

/// Whether the table of these APIs of the plan before is that of `now`, which are the same ones in
/// the same order.
pub(in crate::compile) fn is_same(before: &[Arc<ApiMemory>], now: &[Arc<Api>]) -> bool {
    fn names(api: &Api) -> impl Iterator<Item = &str> {
        api.stages.iter().map(|stage| stage.name.as_str())
    }
    before.iter().zip(now).all(|(before, now)| {
        let before = &before.model;
        Arc::ptr_eq(before, now)
            || (before.kind == now.kind
                && before.reach == now.reach
                && before.hosts == now.hosts
                && before.base_path == now.base_path
                && names(before).eq(names(now)))
    })
}

/// The table for APIs and domains, the stages being numbered one after the other. What is wrong
/// is said; the table is then of no use.
pub(in crate::compile) fn table(snapshot: &Snapshot, problems: &mut Problems) -> HostTable {
    let apis: &[Arc<Api>] = &snapshot.apis;
    let all = Place::root("apis");
    let mut first_stage = 0;
    let mut stages = Vec::with_capacity(apis.len());
    for api in apis {
        let names = api.stages.iter().map(|stage| stage.name.as_str());
        stages.push(names.zip(first_stage..).collect::<Vec<(&str, u32)>>());
        first_stage += api.stages.len() as u32;
        check(api, &all.then(&api.id), problems);
    }
    // Names that are no names could be longer than the table takes.
    if !problems.is_empty() {
        stages.iter_mut().for_each(Vec::clear);
    }
    let mut entries = Vec::new();
    // Where each entry came from: an API and an index of its hosts.
    let mut origins = Vec::new();
    let doors = apis.iter().zip(&stages);
    let doors: Vec<ExecuteApi> = doors
        .map(|(api, stages)| ExecuteApi::of(api, stages))
        .collect();
    for ((api, stages), doors) in apis.iter().zip(&stages).zip(&doors) {
        let is_rest = api.kind == ApiKind::Rest;
        if api.reach != Reach::Hosts {
            doors.add(is_rest, stages, &mut entries);
            origins.resize(entries.len(), (&**api, 0));
            continue;
        }
        let hosts = api.hosts.iter().map(|host| Some(host.as_str()));
        let any = api.hosts.is_empty().then_some(None);
        for (index, host) in hosts.chain(any).enumerate() {
            entries.push(HostEntry {
                host,
                is_rest,
                private_id: None,
                base_path: &api.base_path,
                stages,
            });
            origins.push((api, index));
        }
    }
    let served = apis.iter().zip(&stages);
    let served: Served<'_> = served
        .map(|(api, stages)| (api.id.as_str(), (api.kind, stages.as_slice())))
        .collect();
    let (domains, mappings) = domain::doors(&snapshot.domains, apis, &served, problems);
    // A domain has no two mappings of one path: they take no part in clashes.
    entries.extend(mappings.iter().map(domain::MappingDoor::entry));
    let suffixes = &snapshot.execute_api_suffixes;
    HostTable::with_domains(&entries, &domains, suffixes).unwrap_or_else(|clashes| {
        for clash in clashes {
            let ((first, _), (second, index)) = (origins[clash.first], origins[clash.second]);
            blame(first, second, index, &all, problems);
        }
        HostTable::default()
    })
}

/// The hosts and paths of an API that has no domain of its own; none if it has none of these.
#[derive(Default)]
struct ExecuteApi {
    host: Option<String>,
    /// The API's, if VPC endpoints lead to it.
    private_id: Option<String>,
    /// Nobody gets to its stages here.
    is_closed: bool,
    /// `/_aws/execute-api/{id}`, with the stages below it: for tools without DNS.
    path: String,
    /// `/restapis/{id}/{stage}/_user_request_` with the one stage there, as older tools have it.
    stage_paths: Vec<(String, [(&'static str, u32); 1])>,
}

impl ExecuteApi {
    fn of(api: &Api, stages: &[(&str, u32)]) -> Self {
        if api.reach == Reach::Hosts {
            return Self::default();
        }
        let is_closed = api.reach == Reach::Nowhere;
        let id = &api.id;
        let open = if is_closed { &[][..] } else { stages };
        let stage_paths = open.iter().map(|(name, stage)| {
            let path = format!("/restapis/{id}/{name}/_user_request_");
            (path, [(DEFAULT_STAGE, *stage)])
        });
        Self {
            host: Some(format!("{id}.execute-api.*")),
            private_id: (api.reach == Reach::Private).then(|| id.clone()),
            is_closed,
            path: format!("/_aws/execute-api/{id}"),
            stage_paths: stage_paths.collect(),
        }
    }

    fn add<'e>(
        &'e self,
        is_rest: bool,
        stages: &'e [(&'e str, u32)],
        entries: &mut Vec<HostEntry<'e>>,
    ) {
        let Some(host) = &self.host else { return };
        let stages = if self.is_closed { &[][..] } else { stages };
        let entry = |host, base_path, stages| HostEntry {
            host,
            is_rest,
            private_id: None,
            base_path,
            stages,
        };
        entries.push(HostEntry {
            private_id: self.private_id.as_deref(),
            ..entry(Some(host.as_str()), "/", stages)
        });
        entries.push(entry(None, &self.path, stages));
        let stage_paths = self.stage_paths.iter();
        entries.extend(stage_paths.map(|(path, stages)| entry(None, path, stages)));
    }
}

fn check(api: &Api, place: &Place<'_>, problems: &mut Problems) {
    let hosts = place.then("hosts");
    for (index, host) in api.hosts.iter().enumerate() {
        if let Err(fault) = name::check_host_pattern(host) {
            problems.push(&hosts.then(&index.to_string()), fault);
        }
    }
    if let Err(fault) = name::check_base_path(&api.base_path) {
        problems.push(&place.then("base_path"), fault);
    }
}

fn blame(first: &Api, second: &Api, index: usize, all: &Place<'_>, problems: &mut Problems) {
    let place = all.then(&second.id);
    let Some(host) = second.hosts.get(index) else {
        let message = format!(
            "`{}` answers to every host under `{}` already",
            first.id, first.base_path
        );
        let hint = "give one of them `hosts` or another `base_path`";
        return problems.push(&place.then("base_path"), Fault::new(message).hint(hint));
    };
    let message = match std::ptr::eq(first, second) {
        true => format!("`{host}` stands twice"),
        false => format!(
            "`{}` answers to `{host}` under `{}` already",
            first.id, first.base_path
        ),
    };
    let hint = match std::ptr::eq(first, second) {
        true => "leave one of them out",
        false => "give one of them another host or another `base_path`",
    };
    let (hosts, index) = (place.then("hosts"), index.to_string());
    problems.push(&hosts.then(&index), Fault::new(message).hint(hint));
}

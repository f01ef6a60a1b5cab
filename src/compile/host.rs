//! Hosts and base paths of APIs to the host table.

use crate::compile::name;
use crate::compile::problem::{Fault, Place, Problems};
use crate::model::v2::Api;
use crate::plan::HostTable;
use crate::plan::host::HostEntry;

/// The table for these APIs, their stages being numbered one after the other. What is wrong is
/// said; the table is then of no use.
pub(in crate::compile) fn table(apis: &[Api], problems: &mut Problems) -> HostTable {
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
    for (api, stages) in apis.iter().zip(&stages) {
        let hosts = api.hosts.iter().map(|host| Some(host.as_str()));
        let any = api.hosts.is_empty().then_some(None);
        for (index, host) in hosts.chain(any).enumerate() {
            entries.push(HostEntry {
                host,
                base_path: &api.base_path,
                stages,
            });
            origins.push((api, index));
        }
    }
    HostTable::build(&entries).unwrap_or_else(|clashes| {
        for clash in clashes {
            let ((first, _), (second, index)) = (origins[clash.first], origins[clash.second]);
            blame(first, second, index, &all, problems);
        }
        HostTable::default()
    })
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

//! What this version cannot serve: such a route refuses its calls, and the log says so once.

use std::collections::BTreeMap;

use crate::control::publish::ApiModel;
use crate::model::v2::{Api, Integration};

/// The integration of a route whose own one cannot be asked.
pub(in crate::control::publish) fn unserved(what: String) -> Integration {
    Integration::Unserved {
        status: 501,
        what: format!("{what} is not served by this version"),
    }
}

/// The integration of a route whose callers would have to be checked first: to let them in
/// unchecked would be worse than to refuse all.
pub(in crate::control::publish) fn unchecked(status: u16, what: String) -> Integration {
    Integration::Unserved { status, what }
}

/// Logs which routes refuse their calls that did not do so `before`.
pub fn report(model: &ApiModel, before: Option<&ApiModel>) {
    let known = before.map(|before| refusals(before)).unwrap_or_default();
    for ((stage, what), keys) in refusals(model) {
        let before = known.get(&(stage, what)).map_or(&[][..], Vec::as_slice);
        let keys: Vec<&String> = keys.iter().filter(|key| !before.contains(key)).collect();
        if let Some(first) = keys.first() {
            let (api, routes) = (&model.id, keys.len());
            tracing::warn!(api, stage, routes, %first, what, "calls will be refused");
        }
    }
}

/// Keys of routes by stage and by why they refuse.
fn refusals(model: &Api) -> BTreeMap<(&str, &str), Vec<String>> {
    let mut found: BTreeMap<(&str, &str), Vec<String>> = BTreeMap::new();
    for stage in &model.stages {
        for route in stage.routes.iter().flat_map(|routes| routes.iter()) {
            if let Integration::Unserved { what, .. } = &route.integration {
                let all = found.entry((&stage.name, what)).or_default();
                all.push(route.key.to_string());
            }
        }
    }
    found
}

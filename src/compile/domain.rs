//! Custom domains to entries of the host table.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::compile::name;
use crate::compile::problem::{Fault, Place, Problems};
use crate::model::Domain;
use crate::model::domain::{Condition, Mapping, Routing, RoutingRule};
use crate::model::v2::{Api, ApiKind, Reach};
use crate::plan::host::{DEFAULT_STAGE, DomainEntry, HostEntry};
use crate::plan::rule::{self, HeaderGlob, Rule};

/// The APIs that mappings and rules lead to, by id, each with its stages and their numbers.
pub(in crate::compile) type Served<'a> = HashMap<&'a str, (ApiKind, &'a [(&'a str, u32)])>;

/// What of a mapping the table borrows.
pub(in crate::compile) struct MappingDoor<'a> {
    host: &'a str,
    base_path: String,
    is_rest: bool,
    stages: Vec<(&'a str, u32)>,
}

impl MappingDoor<'_> {
    pub fn entry(&self) -> HostEntry<'_> {
        HostEntry {
            host: Some(self.host),
            is_rest: self.is_rest,
            private_id: None,
            base_path: &self.base_path,
            stages: &self.stages,
        }
    }
}

/// The domains that can be served, and their mappings. What leads nowhere, since the API or the
/// stage is not deployed, refuses everybody.
pub(in crate::compile) fn doors<'a>(
    domains: &'a [Arc<Domain>],
    apis: &[Arc<Api>],
    served: &Served<'a>,
    problems: &mut Problems,
) -> (Vec<DomainEntry<'a>>, Vec<MappingDoor<'a>>) {
    let own = apis.iter().filter(|api| api.reach == Reach::Hosts);
    let mut taken: HashMap<String, &str> = HashMap::new();
    for api in own {
        for host in &api.hosts {
            taken.insert(host.to_ascii_lowercase(), &api.id);
        }
    }
    let mut seen = HashSet::new();
    let (mut entries, mut mappings) = (Vec::new(), Vec::new());
    for domain in domains {
        if let Err(fault) = check(domain, &taken, &mut seen) {
            let all = Place::root("domains");
            let here = all.then(&domain.name);
            problems.push(&here.then("name"), fault);
            continue;
        }
        let mut rules: Vec<&RoutingRule> = match domain.routing {
            Routing::Mappings => Vec::new(),
            Routing::Rules | Routing::RulesThenMappings => domain.rules.iter().collect(),
        };
        rules.sort_by_key(|rule| rule.priority);
        entries.push(DomainEntry {
            host: &domain.name,
            rules: rules.into_iter().map(|own| rule(own, served)).collect(),
            is_guarded: domain.is_guarded,
        });
        if domain.routing != Routing::Rules {
            let mut paths = HashSet::new();
            let own = domain.mappings.iter();
            let own = own.filter(|mapping| paths.insert(mapping.path.as_str()));
            mappings.extend(own.map(|own| mapping(&domain.name, own, served)));
        }
    }
    (entries, mappings)
}

fn check(
    domain: &Domain,
    taken: &HashMap<String, &str>,
    seen: &mut HashSet<String>,
) -> Result<(), Fault> {
    name::check_host_pattern(&domain.name)?;
    let lower = domain.name.to_ascii_lowercase();
    if let Some(api) = taken.get(&lower) {
        let message = format!("`{}` is a host of the API `{api}`", domain.name);
        return Err(
            Fault::new(message).hint("a host belongs to the config file or to a domain name")
        );
    }
    match seen.insert(lower) {
        true => Ok(()),
        false => Err(Fault::new(format!(
            "there is a domain `{}` already",
            domain.name
        ))),
    }
}

fn mapping<'a>(host: &'a str, mapping: &'a Mapping, served: &Served<'a>) -> MappingDoor<'a> {
    let (kind, all) = match served.get(mapping.api.as_str()) {
        Some((kind, stages)) => (*kind, *stages),
        None => (ApiKind::Http, &[][..]),
    };
    let stages = match &mapping.stage {
        Some(wanted) => {
            let found = all.iter().filter(|(name, _)| name == wanted);
            found.map(|(_, stage)| (DEFAULT_STAGE, *stage)).collect()
        }
        None => all.to_vec(),
    };
    MappingDoor {
        host,
        base_path: format!("/{}", mapping.path),
        is_rest: kind == ApiKind::Rest,
        stages,
    }
}

fn rule(rule: &RoutingRule, served: &Served<'_>) -> Rule {
    let stages = served.get(rule.api.as_str()).map(|(_, stages)| *stages);
    let mut stages = stages.into_iter().flatten();
    let conditions = rule.conditions.iter().map(|condition| match condition {
        Condition::BasePaths(paths) => {
            let paths = paths.iter().map(|path| format!("/{path}").into());
            rule::Condition::BasePaths(paths.collect())
        }
        Condition::Headers(headers) => {
            let headers = headers.iter();
            let globs = headers.map(|(name, glob)| HeaderGlob::new(name, glob));
            rule::Condition::Headers(globs.collect())
        }
    });
    Rule {
        conditions: conditions.collect(),
        stage: stages
            .find(|(name, _)| *name == rule.stage)
            .map(|(_, stage)| *stage),
        strips_base_path: rule.strips_base_path,
    }
}

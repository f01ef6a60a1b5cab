//! Upstreams, and hosts that no upstream is named after, to groups.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use crate::base::ascii;
use crate::compile::name;
use crate::compile::pool::Pool;
use crate::compile::problem::{Fault, Place, Problems};
use crate::compile::uri::Authority;
use crate::model::{Aws, Upstream, UpstreamTarget};
use crate::plan::target::{Balance, GroupIdentity, GroupTarget, GroupTls, Trust};
use crate::plan::{Group, GroupId};

/// What makes two groups the same from plan to plan: `http://pets`, `https://example.com:443`.
/// An upstream's name holds no colon, so the two kinds cannot be mixed up.
pub(in crate::compile) type GroupKey = Arc<str>;

/// A group that something needs.
#[derive(Clone, Debug)]
pub(in crate::compile) struct Need {
    pub group: Arc<Group>,
    /// The name in lower case of the upstream that it is, or would be if there were one.
    pub lookup: Arc<str>,
}

/// Hands out the groups of one compile.
pub(in crate::compile) struct Groups<'a> {
    /// By name in lower case: the host of a URI knows no letter case (RFC 3986 section 3.2.2).
    upstreams: HashMap<String, &'a Upstream>,
    /// Where AWS's services are.
    pub aws: &'a Aws,
    before: &'a BTreeMap<GroupKey, Arc<Group>>,
    now: BTreeMap<GroupKey, Arc<Group>>,
    /// What was resolved already, by scheme and authority: thousands of routes share a few.
    resolved: [HashMap<Asked, Resolved>; 2],
    ids: Pool,
}

/// Authority, upstream in its place, the id of the certificate that is shown, and what is wanted of
/// the one that is shown to us.
type Asked = (String, Option<String>, Option<String>, Option<String>, bool);

/// Where an authority leads.
#[derive(Clone, Debug)]
pub(in crate::compile) struct Resolved {
    /// The name in lower case of the upstream that it is, or would be if there were one.
    pub lookup: Arc<str>,
    pub key: GroupKey,
    pub group: Arc<Group>,
    /// For `HttpTarget::host`.
    pub host: Arc<[u8]>,
}

impl<'a> Groups<'a> {
    pub fn new(
        upstreams: &'a [Upstream],
        aws: &'a Aws,
        before: &'a BTreeMap<GroupKey, Arc<Group>>,
        ids: &Pool,
    ) -> Self {
        let named = upstreams.iter();
        Self {
            upstreams: named.map(|u| (u.name.to_ascii_lowercase(), u)).collect(),
            aws,
            before,
            now: BTreeMap::new(),
            resolved: Default::default(),
            ids: ids.next(),
        }
    }

    /// The group that `http` or `https` (`tls`) URIs with this authority use.
    pub fn resolve(&mut self, tls: bool, authority: &Authority) -> Result<Resolved, Fault> {
        let asked: Asked = (
            authority.text.clone(),
            authority.via.clone(),
            authority.identity.as_ref().map(|own| own.id.clone()),
            authority.server_name.clone(),
            authority.trusts_any_authority,
        );
        let known = self.resolved[usize::from(tls)].get(&asked);
        if let Some(known) = known {
            return Ok(known.clone());
        }
        let fresh = self.resolve_afresh(tls, authority)?;
        self.resolved[usize::from(tls)].insert(asked, fresh.clone());
        Ok(fresh)
    }

    fn resolve_afresh(&mut self, tls: bool, authority: &Authority) -> Result<Resolved, Fault> {
        let name = authority.via.as_ref().unwrap_or(&authority.host);
        let lookup = name.to_ascii_lowercase();
        let scheme = if tls { "https" } else { "http" };
        let upstream = self.upstreams.get(&lookup).copied();
        let (key, settings, host) = match upstream {
            None if authority.via.is_some() => {
                let message = format!("there is no upstream `{name}`");
                return Err(Fault::new(message).within(authority.within.clone()));
            }
            Some(upstream) if authority.port.is_some() && authority.via.is_none() => {
                let message = format!("`{}` is an upstream: its targets have ports", upstream.name);
                return Err(Fault::new(message)
                    .within(authority.within.clone())
                    .hint(format!("write `{scheme}://{}`", upstream.name)));
            }
            Some(upstream) => {
                let host = match (&upstream.host_header, upstream.preserve_host) {
                    (Some(host), _) => host.as_str(),
                    (None, true) => "",
                    (None, false) => authority.text.as_str(),
                };
                let key = format!("{scheme}://{}", upstream.name);
                (key, settings(upstream, tls), host)
            }
            None => {
                let upstream = implicit(authority, tls);
                let target = &upstream.targets[0];
                let key = format!("{scheme}://{}:{}", target.host, target.port);
                (key, settings(&upstream, tls), authority.text.as_str())
            }
        };
        let (mut key, mut settings) = (key, settings);
        if let Some(tls) = &mut settings.tls {
            wish(authority, tls, &mut key);
        }
        let (key, group) = self.place(key.into(), settings);
        Ok(Resolved {
            lookup: lookup.into(),
            key,
            group,
            host: host.as_bytes().into(),
        })
    }

    /// A group that a stage of the earlier plan goes on using.
    pub fn keep(&mut self, key: &GroupKey, group: &Arc<Group>) {
        if !self.now.contains_key(key) {
            self.now.insert(Arc::clone(key), Arc::clone(group));
        }
    }

    /// The groups in use, and the ids of those that are no more given back.
    pub fn finish(mut self) -> (BTreeMap<GroupKey, Arc<Group>>, Pool) {
        for (key, group) in self.before {
            if !self.now.contains_key(key) {
                self.ids.give_back(group.id.0);
            }
        }
        (self.now, self.ids)
    }

    /// The group under its key: the one of this plan, the one of the earlier plan if nothing about
    /// it changed, or a new one.
    fn place(&mut self, key: GroupKey, mut group: Group) -> (GroupKey, Arc<Group>) {
        if let Some((key, group)) = self.now.get_key_value(&key) {
            return (Arc::clone(key), Arc::clone(group));
        }
        let group = match self.before.get(&key) {
            Some(before) => {
                group.id = before.id;
                match **before == group {
                    true => Arc::clone(before),
                    false => Arc::new(group),
                }
            }
            None => {
                group.id = GroupId(self.ids.take());
                Arc::new(group)
            }
        };
        self.now.insert(Arc::clone(&key), Arc::clone(&group));
        (key, group)
    }
}

/// The names, in lower case, of upstreams that are not what they were: new, changed or gone.
pub(in crate::compile) fn changed(before: &[Upstream], now: &[Upstream]) -> HashSet<String> {
    let differ = |one: &[Upstream], other: &[Upstream]| -> Vec<String> {
        let other: HashMap<&str, &Upstream> = other.iter().map(|u| (u.name.as_str(), u)).collect();
        let changed = one.iter().filter(|u| other.get(u.name.as_str()) != Some(u));
        changed.map(|u| u.name.to_ascii_lowercase()).collect()
    };
    if before == now {
        return HashSet::new();
    }
    let mut names: HashSet<String> = differ(before, now).into_iter().collect();
    names.extend(differ(now, before));
    names
}

/// What an integration wants of the connection. Connections of other wishes are not for its requests.
fn wish(authority: &Authority, tls: &mut GroupTls, key: &mut String) {
    if let Some(identity) = &authority.identity {
        key.push_str(" as ");
        key.push_str(&identity.id);
        tls.identity = Some(GroupIdentity {
            id: identity.id.as_str().into(),
            chain: identity.chain.as_str().into(),
            key: identity.key.as_str().into(),
        });
    }
    if let Some(name) = &authority.server_name {
        key.push_str(" named ");
        key.push_str(name);
        tls.server_name = name.as_str().into();
    }
    if authority.trusts_any_authority && tls.trust != Trust::Anybody {
        key.push_str(" of any authority");
        tls.trust = Trust::AnyAuthority;
    }
}

/// Default settings, one target.
fn implicit(authority: &Authority, tls: bool) -> Upstream {
    let host = authority.host.to_ascii_lowercase();
    let (shown, port) = match authority.port {
        None => (host.clone(), if tls { 443 } else { 80 }),
        Some(port) if host.contains(':') => (format!("[{host}]:{port}"), port),
        Some(port) => (format!("{host}:{port}"), port),
    };
    Upstream {
        name: shown,
        targets: vec![UpstreamTarget {
            host,
            port,
            weight: 1,
        }],
        ..Upstream::default()
    }
}

/// The group without its id.
fn settings(upstream: &Upstream, tls: bool) -> Group {
    let targets = upstream.targets.iter().map(|target| GroupTarget {
        host: target.host.as_str().into(),
        port: target.port,
        weight: target.weight,
    });
    Group {
        id: GroupId(0),
        name: upstream.name.as_str().into(),
        targets: targets.collect(),
        balance: match upstream.least_outstanding {
            true => Balance::LeastOutstanding,
            false => Balance::RoundRobin,
        },
        eject_after: upstream.eject_after,
        eject_ms: upstream.eject_ms,
        connect_timeout_ms: upstream.connect_timeout_ms,
        idle_timeout_ms: upstream.idle_timeout_ms,
        idle_connections_max: upstream.idle_connections_max,
        tls: tls.then(|| GroupTls {
            server_name: upstream.tls.server_name.as_deref().unwrap_or("").into(),
            trust: match &upstream.tls.ca_file {
                _ if upstream.tls.insecure_skip_verification => Trust::Anybody,
                Some(file) => Trust::File(file.as_str().into()),
                None => Trust::System,
            },
            identity: None,
        }),
    }
}

/// Says what is wrong with upstreams, used or not.
pub(in crate::compile) fn check(upstreams: &[Upstream], problems: &mut Problems) {
    let all = Place::root("upstreams");
    let mut names: HashMap<String, &str> = HashMap::new();
    for upstream in upstreams {
        let here = all.then(&upstream.name);
        let mut blame = |field: &str, fault: Fault| problems.push(&here.then(field), fault);
        if upstream.targets.is_empty() {
            let fault = Fault::new(format!("`{}` has no targets", upstream.name));
            let hint = "write \"host:port\" of at least one server";
            blame("targets", fault.hint(hint));
        }
        if let Some(host) = &upstream.host_header
            && (host.is_empty() || !ascii::is_field_value(host.as_bytes()))
        {
            blame("host_header", Fault::new("this cannot be sent as `Host`"));
        }
        if upstream.host_header.is_some() && upstream.preserve_host {
            let message = "`host_header` and `preserve_host` exclude each other";
            let fault = Fault::new(message).hint("leave one of them out");
            blame("preserve_host", fault);
        }
        for (index, target) in upstream.targets.iter().enumerate() {
            if let Err(fault) = check_target(target) {
                let (targets, index) = (here.then("targets"), index.to_string());
                problems.push(&targets.then(&index), fault);
            }
        }
        if let Err(fault) = name::check_name(&upstream.name) {
            problems.push(&here, fault);
        }
        let lower = upstream.name.to_ascii_lowercase();
        if let Some(first) = names.insert(lower, &upstream.name) {
            let message = format!("there is an upstream `{first}` already");
            let hint = "names of upstreams differ by more than letter case";
            problems.push(&here, Fault::new(message).hint(hint));
        }
    }
}

fn check_target(target: &UpstreamTarget) -> Result<(), Fault> {
    let is_v6 = target.host.parse::<std::net::Ipv6Addr>().is_ok();
    if !is_v6 {
        name::check_host(&target.host).map_err(|fault| Fault {
            within: None,
            ..fault
        })?;
    }
    match (target.port, target.weight) {
        (0, _) => Err(Fault::new("port 0 cannot be connected to")),
        (_, 0) => Err(Fault::new("a target has a weight of at least 1")),
        _ => Ok(()),
    }
}

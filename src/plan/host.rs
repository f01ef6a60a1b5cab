//! Host and base path to stage.

use std::collections::HashMap;

use crate::plan::rule::Rule;
use crate::plan::segment;
use crate::plan::table::Table;

/// Longer host names cannot exist (RFC 1035 section 2.3.4, as text without the last dot).
pub const HOST_BYTES_MAX: usize = 253;

/// Longest base path, bytes (AWS: API mapping keys have at most 300 characters).
pub const BASE_PATH_BYTES_MAX: usize = 300;

/// Which stage serves a host and a path.
///
/// A site is what one host pattern leads to: an exact name, `*.suffix` (any number of labels
/// before it, the longest suffix first) or any host. The first site in that order that has a base
/// path for the request decides; there the longest base path, whole segments only, decides alone.
/// A custom domain decides alone about its host, its routing rules before its base paths.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HostTable {
    /// Patterns in lower case to sites: names under `EXACT`, `.suffix` under `SUFFIX`.
    hosts: Table,
    /// (site, base path without a slash at its end) to an index of `bases`.
    paths: Table,
    /// (base, stage name) to an index of `Plan::stages`.
    stages: Table,
    sites: Vec<Site>,
    bases: Vec<Base>,
    /// The site for any host.
    any: Option<u32>,
    has_prefixes: bool,
    /// APIs that are found by the ids of VPC endpoints or by a header.
    has_private: bool,
    /// What may stand behind `id.execute-api.`; empty: anything.
    suffixes: Vec<Box<str>>,
    /// The stage of a gateway with one API on any host at `/` and no stage but `$default`.
    only: Option<u32>,
}

#[derive(Clone, Debug, PartialEq)]
struct Site {
    /// As written, for people; empty for any host.
    pattern: Box<str>,
    /// Segments of its longest base path.
    depth: usize,
    /// None: no custom domain.
    domain: Option<Domain>,
}

#[derive(Clone, Debug, PartialEq)]
struct Domain {
    /// In their order.
    rules: Box<[Rule]>,
    is_guarded: bool,
}

#[derive(Clone, Debug, PartialEq)]
struct Base {
    default: Option<u32>,
    has_named: bool,
    is_rest: bool,
}

/// The stage that serves a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Index in `Plan::stages`.
    pub stage: u32,
    /// Bytes of the path consumed by base path and stage name; the rest begins with `/`, or is
    /// empty, which means `/`.
    pub base: u32,
    /// Found by a custom domain, whose base path belongs to what events call the path.
    pub by_domain: bool,
    /// Not 0: only for clients that `HostTable::guard` says.
    pub guard: u32,
}

impl Hit {
    fn of(stage: u32, base: u32) -> Self {
        Self {
            stage,
            base,
            by_domain: false,
            guard: 0,
        }
    }
}

/// Why there is no stage for a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Miss {
    NoApi,
    /// A REST API has no such stage, or is not to be found here.
    NoRestStage,
    /// Neither a rule nor a base path of the custom domain leads to a stage.
    NoMapping,
    /// A path of a custom domain that is kept for health checks.
    HealthCheck,
}

/// One API on one host pattern.
#[derive(Clone, Debug)]
pub struct HostEntry<'a> {
    /// A name, `*.suffix`, `id.execute-api.*`, or none for any host; without port and last dot.
    pub host: Option<&'a str>,
    /// A stage that is not there is a REST API's.
    pub is_rest: bool,
    /// `id` of `id.execute-api.*`, if VPC endpoints lead to it.
    pub private_id: Option<&'a str>,
    /// `/` or `/v1/orders`.
    pub base_path: &'a str,
    /// Names and indices in `Plan::stages`.
    pub stages: &'a [(&'a str, u32)],
}

/// A custom domain. Its mappings are entries with the same host.
#[derive(Clone, Debug)]
pub struct DomainEntry<'a> {
    pub host: &'a str,
    /// In the order in which they are asked.
    pub rules: Vec<Rule>,
    /// Only clients are let in that showed this domain a certificate it trusts.
    pub is_guarded: bool,
}

/// Two entries with the same host and base path, as positions in the list given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostClash {
    pub first: usize,
    pub second: usize,
}

const EXACT: u32 = 0;
const SUFFIX: u32 = 1;
/// Whatever stands behind `id.execute-api.`
const PREFIX: u32 = 2;
/// Ids of APIs that VPC endpoints lead to.
const PRIVATE: u32 = 3;

/// The second label of the hosts that AWS gives to APIs.
const EXECUTE_API: &[u8] = b".execute-api";

/// Between the id of a private API and the rest of an endpoint's: `{api}-vpce-0123.execute-api.…`.
const ENDPOINT: &[u8] = b"-vpce-";

/// Names a private API whatever the host is.
pub const API_ID: &str = "x-apigw-api-id";

/// "The `/ping` and `/sping` paths are reserved for the service health check."
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html>)
const HEALTH_CHECKS: [&[u8]; 2] = [b"/ping", b"/sping"];

/// The stage served at the base path itself.
pub const DEFAULT_STAGE: &str = "$default";

impl HostTable {
    /// All clashes at once. Entries whose host or base path is longer than can be asked for are
    /// left out.
    pub fn build(entries: &[HostEntry<'_>]) -> Result<Self, Vec<HostClash>> {
        Self::with_domains(entries, &[], &[])
    }

    /// With custom domains, whose hosts differ from each other, and with what alone may stand
    /// behind `id.execute-api.` unless that is nothing.
    pub fn with_domains(
        entries: &[HostEntry<'_>],
        domains: &[DomainEntry<'_>],
        suffixes: &[String],
    ) -> Result<Self, Vec<HostClash>> {
        let mut table = Self::default();
        let mut hosts: HashMap<String, u32> = HashMap::new();
        for domain in domains {
            table.add_domain(domain, &mut hosts);
        }
        table.suffixes = suffixes
            .iter()
            .map(|suffix| suffix.to_ascii_lowercase().into())
            .collect();
        let mut private: Vec<(u32, &[u8], u32)> = Vec::new();
        let mut paths: HashMap<(u32, &str), (u32, usize)> = HashMap::new();
        let mut stages: Vec<(u32, &[u8], u32)> = Vec::new();
        let mut clashes = Vec::new();
        for (position, entry) in entries.iter().enumerate() {
            let host = entry.host.map(str::to_ascii_lowercase).unwrap_or_default();
            let path = entry.base_path.trim_end_matches('/');
            if host.len() > HOST_BYTES_MAX + 1 || path.len() > BASE_PATH_BYTES_MAX {
                continue;
            }
            let next = table.sites.len() as u32;
            let site = *hosts.entry(host).or_insert(next);
            if site == next {
                table.sites.push(Site {
                    pattern: entry.host.unwrap_or_default().into(),
                    depth: 0,
                    domain: None,
                });
            }
            if let Some(id) = entry.private_id {
                private.push((PRIVATE, id.as_bytes(), site));
            }
            let base = table.bases.len() as u32;
            if let Some((_, first)) = paths.get(&(site, path)) {
                clashes.push(HostClash {
                    first: *first,
                    second: position,
                });
                continue;
            }
            paths.insert((site, path), (base, position));
            let site = &mut table.sites[site as usize];
            site.depth = site.depth.max(path.matches('/').count());
            let is_default = |name: &str| name == DEFAULT_STAGE;
            let named = entry.stages.iter().filter(|(name, _)| !is_default(name));
            let before = stages.len();
            stages.extend(named.map(|(name, stage)| (base, name.as_bytes(), *stage)));
            table.bases.push(Base {
                default: entry
                    .stages
                    .iter()
                    .find(|(name, _)| is_default(name))
                    .map(|(_, stage)| *stage),
                has_named: stages.len() > before,
                is_rest: entry.is_rest,
            });
        }
        if !clashes.is_empty() {
            return Err(clashes);
        }
        table.fill(&hosts, private, &paths, &stages);
        Ok(table)
    }

    /// A second domain of one host is left out.
    fn add_domain(&mut self, domain: &DomainEntry<'_>, hosts: &mut HashMap<String, u32>) {
        let host = domain.host.to_ascii_lowercase();
        if host.len() > HOST_BYTES_MAX + 1 || hosts.contains_key(&host) {
            return;
        }
        hosts.insert(host, self.sites.len() as u32);
        self.sites.push(Site {
            pattern: domain.host.into(),
            depth: 0,
            domain: Some(Domain {
                rules: domain.rules.as_slice().into(),
                is_guarded: domain.is_guarded,
            }),
        });
    }

    fn fill(
        &mut self,
        hosts: &HashMap<String, u32>,
        private: Vec<(u32, &[u8], u32)>,
        paths: &HashMap<(u32, &str), (u32, usize)>,
        stages: &[(u32, &[u8], u32)],
    ) {
        let named = hosts.iter().filter(|(host, _)| !host.is_empty());
        let named = named.map(|(host, site)| match host.strip_suffix(".*") {
            Some(prefix) => (PREFIX, prefix.as_bytes(), *site),
            None => match host.strip_prefix('*') {
                Some(suffix) => (SUFFIX, suffix.as_bytes(), *site),
                None => (EXACT, host.as_bytes(), *site),
            },
        });
        let mut named: Vec<_> = named.collect();
        self.has_prefixes = named.iter().any(|(form, _, _)| *form == PREFIX);
        self.has_private = !private.is_empty();
        named.extend(private);
        // Sorted, so that equal inputs give equal tables.
        named.sort_unstable();
        self.hosts = Table::build(&named);
        let paths = paths.iter();
        let mut paths: Vec<_> = paths
            .map(|((site, path), (base, _))| (*site, path.as_bytes(), *base))
            .collect();
        paths.sort_unstable();
        self.paths = Table::build(&paths);
        self.stages = Table::build(stages);
        self.any = hosts.get("").copied();
        self.only = match self.bases.as_slice() {
            [base]
                if self.any.is_some()
                    && self.sites.len() == 1
                    && self.sites[0].depth == 0
                    && !base.has_named =>
            {
                base.default
            }
            _ => None,
        };
    }

    /// The stage for a `Host` (with or without port; any letter case) and a raw path. `field`
    /// gives the value of a header; only custom domains with rules and private APIs ask for it.
    #[inline]
    pub fn find<'r>(
        &self,
        host: &[u8],
        path: &[u8],
        field: impl Fn(&str) -> Option<&'r [u8]>,
    ) -> Option<Hit> {
        if let Some(stage) = self.only {
            return Some(Hit::of(stage, 0));
        }
        self.search(host, path, &field)
            .and_then(|(_, hit)| hit.ok())
    }

    /// The host pattern that decides (empty: any host), and the stage there or how many bytes of
    /// the path its base path consumed before no stage was found.
    pub fn explain(&self, host: &[u8], path: &[u8]) -> Option<(&str, Result<Hit, u32>)> {
        let (site, hit) = self.search(host, path, &|_| None)?;
        Some((&self.sites.get(site as usize)?.pattern, hit))
    }

    /// The domain, in lower case, whose certificate a client must have shown for a hit that is
    /// guarded.
    pub fn guard(&self, hit: Hit) -> &str {
        let site = hit.guard.checked_sub(1);
        let site = site.and_then(|site| self.sites.get(site as usize));
        site.map_or("", |site| &site.pattern)
    }

    fn search<'r>(
        &self,
        host: &[u8],
        path: &[u8],
        field: &impl Fn(&str) -> Option<&'r [u8]>,
    ) -> Option<(u32, Result<Hit, u32>)> {
        let mut buffer = [0; HOST_BYTES_MAX];
        let name = canonical(host, &mut buffer).unwrap_or_default();
        let exact = self.hosts.find(EXACT, name);
        let prefix = self.execute_api(name);
        let named = match self.has_private && exact.is_none() && prefix.is_none() {
            true => field(API_ID).and_then(|id| self.hosts.find(PRIVATE, id)),
            false => None,
        };
        let dots = name.iter().enumerate().filter(|(_, byte)| **byte == b'.');
        // From the left: the longest suffix first. At most 253 of them.
        let suffixes = dots.filter_map(|(dot, _)| {
            // A wildcard stands for at least one label.
            (dot > 0).then(|| self.hosts.find(SUFFIX, &name[dot..]))?
        });
        exact
            .into_iter()
            .chain(prefix)
            .chain(named)
            .chain(suffixes)
            .chain(self.any)
            .find_map(|site| Some((site, self.search_site(site, path, field)?)))
    }

    /// Why `find` found none for this request.
    pub fn miss<'r>(
        &self,
        host: &[u8],
        path: &[u8],
        field: impl Fn(&str) -> Option<&'r [u8]>,
    ) -> Miss {
        let Some((site, _)) = self.search(host, path, &field) else {
            return Miss::NoApi;
        };
        let is_domain = |site: &Site| site.domain.is_some();
        if self.sites.get(site as usize).is_some_and(is_domain) {
            return match HEALTH_CHECKS.contains(&path) {
                true => Miss::HealthCheck,
                false => Miss::NoMapping,
            };
        }
        let base = self.base(site, path);
        let base = base.and_then(|(base, _)| self.bases.get(base as usize));
        match base.is_some_and(|base| base.is_rest) {
            true => Miss::NoRestStage,
            false => Miss::NoApi,
        }
    }

    #[inline]
    fn execute_api(&self, name: &[u8]) -> Option<u32> {
        if !self.has_prefixes {
            return None;
        }
        let dot = name.iter().position(|byte| *byte == b'.')?;
        let rest = name[dot..].strip_prefix(EXECUTE_API)?;
        if !rest.is_empty() && rest.first() != Some(&b'.') {
            return None;
        }
        if !self.suffixes.is_empty() {
            let suffix = rest.strip_prefix(b".")?;
            let mut allowed = self.suffixes.iter();
            allowed.find(|allowed| allowed.as_bytes() == suffix)?;
        }
        let own = self.hosts.find(PREFIX, &name[..dot + EXECUTE_API.len()]);
        match own {
            None if self.has_private => {
                let end = memchr::memmem::find(&name[..dot], ENDPOINT)?;
                self.hosts.find(PRIVATE, &name[..end])
            }
            own => own,
        }
    }

    /// The longest base path of a site that a path begins with, and its length.
    fn base(&self, site: u32, path: &[u8]) -> Option<(u32, usize)> {
        let mut found = self.paths.find(site, b"").map(|base| (base, 0));
        let mut at = 0;
        for _ in 0..self.sites.get(site as usize)?.depth {
            if path.get(at) != Some(&b'/') {
                break;
            }
            at = segment::end(path, at + 1);
            if let Some(base) = self.paths.find(site, &path[..at]) {
                found = Some((base, at));
            }
        }
        found
    }

    /// None if no base path of the site fits.
    fn search_site<'r>(
        &self,
        site: u32,
        path: &[u8],
        field: &impl Fn(&str) -> Option<&'r [u8]>,
    ) -> Option<Result<Hit, u32>> {
        match &self.sites.get(site as usize)?.domain {
            None => self.search_bases(site, path),
            Some(domain) => Some(self.search_domain(site, domain, path, field)),
        }
    }

    /// A domain decides alone: where it has nothing, no wildcard is asked.
    #[inline(never)]
    fn search_domain<'r>(
        &self,
        site: u32,
        domain: &Domain,
        path: &[u8],
        field: &impl Fn(&str) -> Option<&'r [u8]>,
    ) -> Result<Hit, u32> {
        if HEALTH_CHECKS.contains(&path) {
            return Err(0);
        }
        let mut rules = domain.rules.iter();
        let fitting = rules.find_map(|rule| Some((rule.stage, rule.fits(path, field)?)));
        let hit = match fitting {
            Some((None, _)) => Err(0),
            Some((Some(stage), base)) => Ok(Hit::of(stage, base as u32)),
            None => self.search_bases(site, path).unwrap_or(Err(0)),
        };
        hit.map(|hit| Hit {
            by_domain: true,
            guard: if domain.is_guarded { site + 1 } else { 0 },
            ..hit
        })
    }

    fn search_bases(&self, site: u32, path: &[u8]) -> Option<Result<Hit, u32>> {
        let (base, length) = self.base(site, path)?;
        let rest = &path[length..];
        let found = self.bases.get(base as usize)?;
        if found.has_named && rest.first() == Some(&b'/') {
            let start = 1 + if found.is_rest {
                slashes(&rest[1..])
            } else {
                0
            };
            let end = segment::end(rest, start);
            if let Some(stage) = self.stages.find(base, &rest[start..end]) {
                // `/stage//x` is `/x` of the stage: one slash is enough.
                let doubled = match found.is_rest {
                    true => slashes(&rest[end..]).saturating_sub(1),
                    false => 0,
                };
                let base = (length + end + doubled) as u32;
                return Some(Ok(Hit::of(stage, base)));
            }
        }
        let base = length as u32;
        Some(match found.default {
            Some(stage) => Ok(Hit::of(stage, base)),
            None => Err(base),
        })
    }
}

/// How many slashes a text begins with.
#[inline]
fn slashes(text: &[u8]) -> usize {
    text.iter().take_while(|byte| **byte == b'/').count()
}

/// The name of a `Host` in lower case without port and last dot; none if it is too long.
fn canonical<'a>(host: &[u8], buffer: &'a mut [u8; HOST_BYTES_MAX]) -> Option<&'a [u8]> {
    let end = match host.first() {
        Some(b'[') => host.iter().position(|byte| *byte == b']')? + 1,
        _ => host
            .iter()
            .position(|byte| *byte == b':')
            .unwrap_or(host.len()),
    };
    let name = host.get(..end)?;
    let name = name.strip_suffix(b".").unwrap_or(name);
    let target = buffer.get_mut(..name.len())?;
    target.copy_from_slice(name);
    target.make_ascii_lowercase();
    Some(target)
}

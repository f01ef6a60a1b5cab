//! Host and base path to stage.

use std::collections::HashMap;

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
    /// The stage of a gateway with one API on any host at `/` and no stage but `$default`.
    only: Option<u32>,
}

#[derive(Clone, Debug, PartialEq)]
struct Site {
    /// As written, for people; empty for any host.
    pattern: Box<str>,
    /// Segments of its longest base path.
    depth: usize,
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
}

/// One API on one host pattern.
#[derive(Clone, Debug)]
pub struct HostEntry<'a> {
    /// A name, `*.suffix`, `id.execute-api.*`, or none for any host; without port and last dot.
    pub host: Option<&'a str>,
    /// A stage that is not there is a REST API's.
    pub is_rest: bool,
    /// `/` or `/v1/orders`.
    pub base_path: &'a str,
    /// Names and indices in `Plan::stages`.
    pub stages: &'a [(&'a str, u32)],
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

/// The second label of the hosts that AWS gives to APIs.
const EXECUTE_API: &[u8] = b".execute-api";

/// The stage served at the base path itself.
pub const DEFAULT_STAGE: &str = "$default";

impl HostTable {
    /// All clashes at once. Entries whose host or base path is longer than can be asked for are
    /// left out.
    pub fn build(entries: &[HostEntry<'_>]) -> Result<Self, Vec<HostClash>> {
        let mut table = Self::default();
        let mut hosts: HashMap<String, u32> = HashMap::new();
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
                });
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
        table.fill(&hosts, &paths, &stages);
        Ok(table)
    }

    fn fill(
        &mut self,
        hosts: &HashMap<String, u32>,
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
            [base] if self.any.is_some() && self.sites[0].depth == 0 && !base.has_named => {
                base.default
            }
            _ => None,
        };
    }

    /// The stage for a `Host` (with or without port; any letter case) and a raw path.
    #[inline]
    pub fn find(&self, host: &[u8], path: &[u8]) -> Option<Hit> {
        if let Some(stage) = self.only {
            return Some(Hit { stage, base: 0 });
        }
        self.search(host, path).and_then(|(_, hit)| hit.ok())
    }

    /// The host pattern that decides (empty: any host), and the stage there or how many bytes of
    /// the path its base path consumed before no stage was found.
    pub fn explain(&self, host: &[u8], path: &[u8]) -> Option<(&str, Result<Hit, u32>)> {
        let (site, hit) = self.search(host, path)?;
        Some((&self.sites.get(site as usize)?.pattern, hit))
    }

    fn search(&self, host: &[u8], path: &[u8]) -> Option<(u32, Result<Hit, u32>)> {
        let mut buffer = [0; HOST_BYTES_MAX];
        let name = canonical(host, &mut buffer).unwrap_or_default();
        let exact = self.hosts.find(EXACT, name);
        let prefix = self.execute_api(name);
        let dots = name.iter().enumerate().filter(|(_, byte)| **byte == b'.');
        // From the left: the longest suffix first. At most 253 of them.
        let suffixes = dots.filter_map(|(dot, _)| {
            // A wildcard stands for at least one label.
            (dot > 0).then(|| self.hosts.find(SUFFIX, &name[dot..]))?
        });
        exact
            .into_iter()
            .chain(prefix)
            .chain(suffixes)
            .chain(self.any)
            .find_map(|site| Some((site, self.search_site(site, path)?)))
    }

    /// Whether it is a REST API that lacks a stage for this request, for which `find` found none.
    pub fn lacks_rest_stage(&self, host: &[u8], path: &[u8]) -> bool {
        let mut buffer = [0; HOST_BYTES_MAX];
        let name = canonical(host, &mut buffer).unwrap_or_default();
        let site = self.execute_api(name).or(self.any);
        let base = site.and_then(|site| self.base(site, path));
        let base = base.and_then(|(base, _)| self.bases.get(base as usize));
        base.is_some_and(|base| base.is_rest)
    }

    #[inline]
    fn execute_api(&self, name: &[u8]) -> Option<u32> {
        if !self.has_prefixes {
            return None;
        }
        let dot = name.iter().position(|byte| *byte == b'.')?;
        let rest = name[dot..].strip_prefix(EXECUTE_API)?;
        let is_whole = rest.is_empty() || rest.first() == Some(&b'.');
        let prefix = &name[..dot + EXECUTE_API.len()];
        is_whole.then(|| self.hosts.find(PREFIX, prefix)).flatten()
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
    fn search_site(&self, site: u32, path: &[u8]) -> Option<Result<Hit, u32>> {
        let (base, length) = self.base(site, path)?;
        let rest = &path[length..];
        let found = self.bases.get(base as usize)?;
        if found.has_named && rest.first() == Some(&b'/') {
            let end = segment::end(rest, 1);
            if let Some(stage) = self.stages.find(base, &rest[1..end]) {
                let base = (length + end) as u32;
                return Some(Ok(Hit { stage, base }));
            }
        }
        let base = length as u32;
        Some(match found.default {
            Some(stage) => Ok(Hit { stage, base }),
            None => Err(base),
        })
    }
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn entry<'a>(host: &'a str, base_path: &'a str, stages: &'a [(&'a str, u32)]) -> HostEntry<'a> {
        HostEntry {
            is_rest: false,
            host: (!host.is_empty()).then_some(host),
            base_path,
            stages,
        }
    }

    fn check(table: &HostTable, host: &str, path: &str, expected: Option<(u32, u32)>) {
        let hit = table.find(host.as_bytes(), path.as_bytes());
        let found = hit.map(|hit| (hit.stage, hit.base));
        assert_eq!(found, expected, "{host} {path}");
    }

    #[test]
    fn one_api_on_any_host_takes_everything() {
        let table = HostTable::build(&[entry("", "/", &[("$default", 3)])]).unwrap();
        assert_eq!(table.only, Some(3));
        for (host, path) in [("", "/"), ("a.com:80", "/x/y"), ("[::1]:1", "*"), ("x", "")] {
            check(&table, host, path, Some((3, 0)));
        }
    }

    #[test]
    fn exact_names_go_before_suffixes_before_any_host() {
        let table = HostTable::build(&[
            entry("", "/", &[("$default", 0)]),
            entry("*.example.com", "/", &[("$default", 1)]),
            entry("*.eu.example.com", "/", &[("$default", 2)]),
            entry("Api.Example.com", "/", &[("$default", 3)]),
            entry("[::1]", "/", &[("$default", 4)]),
        ])
        .unwrap();
        for (host, stage) in [
            ("api.example.com", 3),
            ("API.EXAMPLE.COM:8080", 3),
            ("api.example.com.", 3),
            ("api.example.com.:443", 3),
            ("b.example.com", 1),
            ("b.c.example.com", 1),
            ("b.eu.example.com", 2),
            ("eu.example.com", 1),
            ("example.com", 0),
            (".example.com", 0),
            ("badexample.com", 0),
            ("[::1]:8080", 4),
            ("[::1]", 4),
            ("[::1", 0),
            ("", 0),
            ("localhost", 0),
        ] {
            check(&table, host, "/", Some((stage, 0)));
        }
        check(&table, &"a.".repeat(2_000), "/", Some((0, 0)));
        check(
            &table,
            &format!("{}.example.com", "a".repeat(254)),
            "/",
            Some((0, 0)),
        );
    }

    #[test]
    fn the_longest_base_path_of_whole_segments_decides() {
        let table = HostTable::build(&[
            entry("", "/v1", &[("$default", 1)]),
            entry("", "/v1/orders", &[("$default", 2), ("beta", 3)]),
            entry("", "/v2/", &[("prod", 4)]),
        ])
        .unwrap();
        check(&table, "x", "/v1", Some((1, 3)));
        check(&table, "x", "/v1/", Some((1, 3)));
        check(&table, "x", "/v1/order", Some((1, 3)));
        check(&table, "x", "/v1/orders", Some((2, 10)));
        check(&table, "x", "/v1/orders/7", Some((2, 10)));
        check(&table, "x", "/v1/orders/beta/7", Some((3, 15)));
        check(&table, "x", "/v1/orders/beta", Some((3, 15)));
        check(&table, "x", "/v1/orders/betamax", Some((2, 10)));
        check(&table, "x", "/v2/prod/x", Some((4, 8)));
        check(&table, "x", "/v2/dev/x", None);
        check(&table, "x", "/v2", None);
        check(&table, "x", "/v10", None);
        check(&table, "x", "/", None);
        check(&table, "x", "*", None);
    }

    #[test]
    fn a_site_without_a_fitting_base_path_leaves_it_to_the_next() {
        let table = HostTable::build(&[
            entry("a.com", "/v1", &[("prod", 1)]),
            entry("*.com", "/v3", &[("$default", 2)]),
            entry("", "/", &[("$default", 3)]),
        ])
        .unwrap();
        check(&table, "a.com", "/v1/prod", Some((1, 8)));
        check(&table, "a.com", "/v1/dev", None);
        check(&table, "a.com", "/v2", Some((3, 0)));
        check(&table, "a.com", "/v3", Some((2, 3)));
        check(&table, "b.com", "/v3", Some((2, 3)));
    }

    #[test]
    fn the_same_host_and_base_path_twice_is_a_clash() {
        let stages = &[("$default", 0)];
        let entries = [
            entry("A.com", "/x", stages),
            entry("a.com", "/x/", stages),
            entry("a.com", "/y", stages),
            entry("", "/", stages),
            entry("", "/", stages),
        ];
        assert_eq!(
            HostTable::build(&entries).unwrap_err(),
            [
                HostClash {
                    first: 0,
                    second: 1
                },
                HostClash {
                    first: 3,
                    second: 4
                },
            ]
        );
    }
}

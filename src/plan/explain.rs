//! A plan as text for people: which route would serve a request, and why.

use std::fmt;

use crate::base::{Method, ascii};
use crate::plan::host::{DEFAULT_STAGE, Hit};
use crate::plan::target::{Balance, Group};
use crate::plan::{LimitId, Params, Plan, Route, Stage, Target};

/// What becomes of a request. `Display` is a few lines for a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    pub method: String,
    pub host: String,
    /// Path and query as asked for.
    pub target: String,
    pub outcome: Outcome,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// 404: no host pattern and base path fits.
    NoApi,
    /// 404: an API answers there, but has no such stage.
    NoStage { host_pattern: String, base: String },
    /// 404: the stage has no such route.
    NoRoute {
        place: Place,
        /// Routes for this path that take other methods.
        other_methods: Vec<String>,
    },
    Served {
        place: Place,
        served: Box<Served>,
        /// The routes that would have served as well, the strongest first.
        losers: Vec<Loser>,
    },
}

/// Where the request came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// A name, `*.suffix`, or empty for any host.
    pub host_pattern: String,
    /// Without the stage's name; empty for `/`.
    pub base_path: String,
    pub api: String,
    pub stage: String,
    /// What the routes are asked for.
    pub path: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// `GET /pets/{id}` or `$default`.
    pub route: String,
    /// Names and raw values of the path parameters.
    pub params: Vec<(String, String)>,
    /// Scopes and numbers, in the order in which they are asked.
    pub limits: Vec<String>,
    /// None: no limit.
    pub body_bytes_max: Option<u64>,
    pub goes_to: GoesTo,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GoesTo {
    Mock {
        status: u16,
        body_bytes: usize,
    },
    Function {
        name: String,
        qualifier: Option<String>,
        timeout_ms: u32,
    },
    /// A service of AWS.
    Service {
        name: String,
        region: String,
        host: String,
    },
    Upstream {
        url: String,
        /// The `Host` sent.
        host: String,
        /// The group's name and its targets.
        group: String,
        timeout_ms: u32,
    },
}

/// A route that fits, but less well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loser {
    pub route: String,
    pub why: String,
}

/// What `plan` does with a request for `target` (path and query) at `host`.
pub fn explain(plan: &Plan, method: &str, host: &str, target: &str) -> Explanation {
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    Explanation {
        method: method.to_owned(),
        host: host.to_owned(),
        target: target.to_owned(),
        outcome: outcome(
            plan,
            &Asked {
                method,
                host,
                path,
                query,
            },
        ),
    }
}

struct Asked<'a> {
    method: &'a str,
    host: &'a str,
    path: &'a str,
    query: Option<&'a str>,
}

fn outcome(plan: &Plan, asked: &Asked<'_>) -> Outcome {
    let found = plan
        .hosts
        .explain(asked.host.as_bytes(), asked.path.as_bytes());
    let Some((pattern, hit)) = found else {
        return Outcome::NoApi;
    };
    let Hit { stage, base, .. } = match hit {
        Ok(hit) => hit,
        Err(base) => {
            return Outcome::NoStage {
                host_pattern: pattern.to_owned(),
                base: lossy(&asked.path.as_bytes()[..base as usize]),
            };
        }
    };
    let Some(stage) = plan.stages.get(stage as usize) else {
        return Outcome::NoApi;
    };
    let (taken, rest) = asked
        .path
        .split_at_checked(base as usize)
        .unwrap_or(("", asked.path));
    let rest = if rest.is_empty() { "/" } else { rest };
    let base_path = match &*stage.name {
        DEFAULT_STAGE => taken,
        name => taken
            .strip_suffix(name)
            .and_then(|above| above.strip_suffix('/'))
            .unwrap_or(taken),
    };
    let place = Place {
        host_pattern: pattern.to_owned(),
        base_path: base_path.to_owned(),
        api: stage.api_id.to_string(),
        stage: stage.name.to_string(),
        path: rest.to_owned(),
    };
    let mut params = Params::default();
    let method = Method::of(asked.method.as_bytes());
    let index = stage.router.find(method, rest.as_bytes(), &mut params);
    match index.and_then(|index| stage.routes.get(index as usize)) {
        None => Outcome::NoRoute {
            place,
            other_methods: other_methods(stage, rest),
        },
        Some(route) => Outcome::Served {
            place,
            served: Box::new(served(plan, stage, route, asked, rest, &params)),
            losers: losers(stage, route, method, rest),
        },
    }
}

fn served(
    plan: &Plan,
    stage: &Stage,
    route: &Route,
    asked: &Asked<'_>,
    path: &str,
    params: &Params,
) -> Served {
    let values = route.param_names.iter().zip(0_u8..);
    let values =
        values.map(|(name, index)| (name.to_string(), lossy(params.get(index, path.as_bytes()))));
    let limits = [route.limit, stage.limit, plan.account_limit];
    let limits = limits.into_iter().flatten().filter_map(|LimitId(id)| {
        let limit = plan.limits.get(id as usize)?.as_ref()?;
        let (scope, rate, burst) = (&limit.scope, limit.rate, limit.burst);
        Some(format!("{scope}: {rate} a second, {burst} at once"))
    });
    Served {
        route: route.key.to_string(),
        params: values.collect(),
        limits: limits.collect(),
        body_bytes_max: Some(route.body_bytes_max).filter(|bytes| *bytes != u64::MAX),
        goes_to: goes_to(&route.target, asked, path, params),
    }
}

fn goes_to(target: &Target, asked: &Asked<'_>, path: &str, params: &Params) -> GoesTo {
    let target = match target {
        Target::Mock(mock) => {
            return GoesTo::Mock {
                status: mock.status,
                body_bytes: mock.body.len(),
            };
        }
        Target::Unchecked(target) => {
            return GoesTo::Mock {
                status: target.status,
                body_bytes: 0,
            };
        }
        Target::Function(target) => {
            return GoesTo::Function {
                name: target.arn.to_string(),
                qualifier: target.qualifier.as_deref().map(str::to_owned),
                timeout_ms: target.timeout_ms,
            };
        }
        Target::Service(target) => {
            return GoesTo::Service {
                name: target.service.name.to_string(),
                region: target.service.region.to_string(),
                host: target.service.host.to_string(),
            };
        }
        Target::Subtype(target) => {
            let service = &target.service;
            return GoesTo::Upstream {
                url: format!(
                    "{}://{}{}/",
                    scheme(&service.group),
                    service.group.name,
                    service.base_path
                ),
                host: service.host.to_string(),
                group: group(&service.group),
                timeout_ms: target.timeout_ms,
            };
        }
        // What is mapped is known when a request comes: here only that nobody else is asked.
        Target::Nobody => {
            return GoesTo::Mock {
                status: 200,
                body_bytes: 0,
            };
        }
        Target::Http(target) => target,
        Target::Mapped(mapped) => &mapped.http,
    };
    let mut written = Vec::new();
    let query = asked.query.map(str::as_bytes);
    target.write_target(&mut written, path.as_bytes(), params, query);
    let scheme = scheme(&target.group);
    GoesTo::Upstream {
        url: format!("{scheme}://{}{}", target.group.name, lossy(&written)),
        host: match target.host.is_empty() {
            true => asked.host.to_owned(),
            false => lossy(&target.host),
        },
        group: group(&target.group),
        timeout_ms: target.timeout_ms,
    }
}

fn scheme(group: &Group) -> &'static str {
    match group.tls {
        Some(_) => "https",
        None => "http",
    }
}

fn group(group: &Group) -> String {
    let targets: Vec<String> = group
        .targets
        .iter()
        .map(|target| {
            let weight = match target.weight {
                1 => String::new(),
                weight => format!(" (weight {weight})"),
            };
            match target.host.contains(':') {
                true => format!("[{}]:{}{weight}", target.host, target.port),
                false => format!("{}:{}{weight}", target.host, target.port),
            }
        })
        .collect();
    let how = match (targets.len(), group.balance) {
        (1, _) => "",
        (_, Balance::RoundRobin) => ", in turn",
        (_, Balance::LeastOutstanding) => ", the least busy",
    };
    format!("{}{how}", targets.join(", "))
}

/// A route key taken apart: an explanation does not ask the router that it explains.
struct KeyPath<'a> {
    method: &'a str,
    segments: Vec<&'a str>,
}

/// None for `$default`.
fn key_path(route: &Route) -> Option<KeyPath<'_>> {
    let (method, path) = route.key.split_once(' ')?;
    let segments = segments(path);
    Some(KeyPath { method, segments })
}

impl KeyPath<'_> {
    fn is_greedy(&self) -> bool {
        self.segments
            .last()
            .is_some_and(|last| last.ends_with("+}"))
    }

    fn takes_method(&self, method: Method) -> bool {
        method != Method::Other
            && (self.method == "ANY" || Method::of(self.method.as_bytes()) == method)
    }

    fn takes_path(&self, path: &str) -> bool {
        if !path.is_empty() && !path.starts_with('/') {
            return false;
        }
        let asked = segments(path);
        let fits = match self.is_greedy() {
            true => asked.len() >= self.segments.len(),
            false => asked.len() == self.segments.len(),
        };
        let mut pairs = self.segments.iter().enumerate();
        fits && pairs.all(|(index, own)| match kind(own) {
            Kind::Literal => decoded(own) == decoded(asked[index]),
            Kind::Param => !asked[index].is_empty(),
            // The rest of the path, if there is any.
            Kind::Greedy => asked[index..] != [""],
        })
    }

    /// What ranks it among the routes that fit: lower serves first.
    fn rank(&self) -> (bool, Vec<Kind>, bool) {
        let kinds = self.segments.iter().map(|segment| kind(segment));
        (self.is_greedy(), kinds.collect(), self.method == "ANY")
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Literal,
    Param,
    Greedy,
}

fn kind(segment: &str) -> Kind {
    match segment.strip_prefix('{') {
        None => Kind::Literal,
        Some(name) if name.ends_with("+}") => Kind::Greedy,
        Some(_) => Kind::Param,
    }
}

fn segments(path: &str) -> Vec<&str> {
    match path {
        "" | "/" => Vec::new(),
        path => path[1..].split('/').collect(),
    }
}

fn decoded(segment: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(segment.len());
    ascii::percent_decode(&mut out, segment.as_bytes());
    out
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The routes for this path that take other methods.
fn other_methods(stage: &Stage, path: &str) -> Vec<String> {
    let routes = stage.routes.iter();
    routes
        .filter(|route| key_path(route).is_some_and(|key| key.takes_path(path)))
        .map(|route| route.key.to_string())
        .collect()
}

/// All other routes that fit, the strongest first, and why `winner` goes before them.
fn losers(stage: &Stage, winner: &Route, method: Method, path: &str) -> Vec<Loser> {
    let others = stage.routes.iter().filter(|route| route.id != winner.id);
    let mut fitting: Vec<_> = others
        .map(|route| (key_path(route), route))
        .filter(|(key, _)| {
            let fits = |key: &KeyPath<'_>| key.takes_method(method) && key.takes_path(path);
            key.as_ref().is_none_or(fits)
        })
        .collect();
    fitting.sort_by_key(|(key, _)| {
        key.as_ref()
            .map_or((true, None), |key| (false, Some(key.rank())))
    });
    let winner = key_path(winner);
    let loser = |(key, route): (Option<KeyPath<'_>>, &Route)| Loser {
        route: route.key.to_string(),
        why: why(winner.as_ref(), key.as_ref()),
    };
    fitting.into_iter().map(loser).collect()
}

fn why(winner: Option<&KeyPath<'_>>, loser: Option<&KeyPath<'_>>) -> String {
    let (Some(winner), Some(loser)) = (winner, loser) else {
        return "`$default` takes what no other route takes".to_owned();
    };
    if loser.is_greedy() && !winner.is_greedy() {
        return "a route with `{name+}` comes after all without one".to_owned();
    }
    let mut pairs = winner.segments.iter().zip(&loser.segments);
    match pairs.find(|(one, other)| kind(one) != kind(other)) {
        Some((one, other)) => format!("`{one}` is more exact than `{other}`"),
        None => format!("`{}` comes before `{}`", winner.method, loser.method),
    }
}

const ANY_TAKES: &str = "takes DELETE, GET, HEAD, OPTIONS, PATCH, POST and PUT";

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = or(&self.host, "(none)");
        let asked = format!("{} {} at host {host}", self.method, self.target);
        writeln!(f, "{}", printable(&asked))?;
        match &self.outcome {
            Outcome::NoApi => line(f, "404", "no API answers to this host and path"),
            Outcome::NoStage { host_pattern, base } => {
                line(f, "host", or(host_pattern, "any"))?;
                line(f, "base path", or(base, "/"))?;
                let why = "the path names no stage behind it, and there is no `$default`";
                line(f, "404", why)
            }
            Outcome::NoRoute {
                place,
                other_methods,
            } => {
                place.write(f)?;
                line(f, "404", "no route takes this")?;
                for route in other_methods {
                    let why = match route.strip_prefix("ANY ") {
                        // It fits the path, so the method is none of these.
                        Some(_) => ANY_TAKES,
                        None => "takes another method",
                    };
                    line(f, "", &format!("{route} {why}"))?;
                }
                Ok(())
            }
            Outcome::Served {
                place,
                served,
                losers,
            } => {
                place.write(f)?;
                served.write(f, losers)
            }
        }
    }
}

impl Place {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        line(f, "host", or(&self.host_pattern, "any"))?;
        line(f, "base path", or(&self.base_path, "/"))?;
        line(f, "stage", &format!("{} of API {}", self.stage, self.api))?;
        line(f, "path", &self.path)
    }
}

impl Served {
    fn write(&self, f: &mut fmt::Formatter<'_>, losers: &[Loser]) -> fmt::Result {
        line(f, "route", &self.route)?;
        for (name, value) in &self.params {
            line(f, "", &format!("{name} = {value}"))?;
        }
        for loser in losers {
            line(f, "", &format!("before {}: {}", loser.route, loser.why))?;
        }
        let mut label = "limits";
        for limit in &self.limits {
            line(f, label, limit)?;
            label = "";
        }
        if let Some(bytes) = self.body_bytes_max {
            line(f, "body", &format!("at most {bytes} bytes"))?;
        }
        match &self.goes_to {
            GoesTo::Mock { status, body_bytes } => {
                let answer = format!("{status} with {body_bytes} bytes of body (mock)");
                line(f, "answer", &answer)
            }
            GoesTo::Function {
                name,
                qualifier,
                timeout_ms,
            } => {
                let version = qualifier.as_deref().unwrap_or("$LATEST");
                line(f, "function", &format!("{name}, version {version}"))?;
                line(f, "", &format!("within {timeout_ms} ms"))
            }
            GoesTo::Service { name, region, host } => {
                line(f, "service", &format!("{name} of {region}"))?;
                line(f, "", &format!("Host: {host}"))
            }
            GoesTo::Upstream {
                url,
                host,
                group,
                timeout_ms,
            } => {
                line(f, "upstream", url)?;
                line(f, "", &format!("Host: {host}"))?;
                line(f, "", &format!("to {group}"))?;
                line(f, "", &format!("within {timeout_ms} ms"))
            }
        }
    }
}

fn line(f: &mut fmt::Formatter<'_>, label: &str, text: &str) -> fmt::Result {
    writeln!(f, "  {label:<10}{}", printable(text))
}

/// Raw request text must not move the cursor of a terminal.
fn printable(text: &str) -> String {
    let shown = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    text.chars().map(shown).collect()
}

fn or<'a>(text: &'a str, otherwise: &'a str) -> &'a str {
    if text.is_empty() { otherwise } else { text }
}

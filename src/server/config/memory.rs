//! What a config file was read into, to read the next version of it: routes whose text is the same
//! are not read again.
//!
//! ```text
//!  new text ─ blocks ─▶ texts of routes, known ──▶ the routes of before ─┐
//!                  └──▶ all the rest ── a file of its own ── read ──▶ Config
//! ```
//!
//! What is read so is what a reading of the whole gives, or nothing: where anything is wrong, or
//! written in a way that `blocks` is not sure about, the whole file is read.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;

use crate::model::v2::{Api, Route};
use crate::server::config::blocks::{self, Blocks, Piece, RouteText, Shape};
use crate::server::config::load::Config;

/// A file that was read without a fault.
#[derive(Debug, Default)]
pub struct Memory {
    pub text: String,
    terms: Terms,
    /// Names of APIs.
    apis: Vec<String>,
    /// In the order of the file; none if it is to be read as a whole.
    routes: Vec<Known>,
}

/// A route of a file.
#[derive(Clone, Debug)]
struct Known {
    place: RoutePlace,
    route: Arc<Route>,
}

/// Where a route stands in the text of its file.
#[derive(Clone, Copy, Debug)]
struct RoutePlace {
    start: u32,
    end: u32,
    /// Of the route key without quotes.
    key_start: u32,
    key_end: u32,
    /// Index of its API.
    api: u32,
    shape: Shape,
}

impl RoutePlace {
    fn of(route: &RouteText<'_>, api: u32) -> Self {
        // A file has at most 16 MiB.
        Self {
            start: route.range.start as u32,
            end: route.range.end as u32,
            key_start: route.key.start as u32,
            key_end: route.key.end as u32,
            api,
            shape: route.shape,
        }
    }

    /// The same, in a text where it starts elsewhere.
    fn moved(self, start: usize, api: u32) -> Self {
        let moved = |at: u32| at - self.start + start as u32;
        Self {
            start: start as u32,
            end: moved(self.end),
            key_start: moved(self.key_start),
            key_end: moved(self.key_end),
            api,
            shape: self.shape,
        }
    }

    fn text(self, file: &str) -> &str {
        &file[self.start as usize..self.end as usize]
    }

    fn key(self, file: &str) -> &str {
        &file[self.key_start as usize..self.key_end as usize]
    }

    fn key_end(self) -> usize {
        (self.key_end - self.start) as usize
    }
}

/// What routes are read by besides their own text.
#[derive(Clone, Debug, Default, PartialEq)]
struct Terms {
    body_bytes_max: Option<u64>,
    account: String,
    region: String,
    functions: Vec<String>,
}

impl Terms {
    fn of(config: &Config) -> Self {
        let functions = config.functions.iter();
        Self {
            body_bytes_max: config.settings.limits.body_bytes_max,
            account: config.settings.account.clone(),
            region: config.settings.region.clone(),
            functions: functions.map(|function| function.name.clone()).collect(),
        }
    }
}

/// The next version of a file, before the rest of it is read.
#[derive(Debug)]
pub struct Outline<'m> {
    before: &'m Memory,
    /// The file without the routes that are known.
    pub rest: String,
    apis: Vec<String>,
    /// With what is known of it; otherwise it is read with the rest.
    routes: Vec<(RoutePlace, Option<Arc<Route>>)>,
}

impl Memory {
    /// What `text` was read into.
    pub fn of(text: String, config: &Config) -> Self {
        let mut memory = Self {
            terms: Terms::of(config),
            ..Self::default()
        };
        let outline = memory.outline(&text);
        let known = outline.and_then(|outline| {
            let routes = outline.joined(&text, &config.snapshot.apis)?;
            Some((outline.apis, routes))
        });
        (memory.apis, memory.routes) = known.unwrap_or_default();
        memory.text = text;
        memory
    }

    /// Whether this is what the file says now. A file that cannot be read says something else.
    pub fn is_of(&self, file: &Path) -> bool {
        let bytes = fs::metadata(file).map_or(0, |metadata| metadata.len());
        bytes == self.text.len() as u64
            && fs::read(file).is_ok_and(|read| read == self.text.as_bytes())
    }

    /// What of a text is known. None if it has to be read as a whole.
    pub fn outline(&self, text: &str) -> Option<Outline<'_>> {
        let mut blocks = Blocks::of(text);
        let mut rest = String::new();
        let mut routes = Vec::with_capacity(self.routes.len());
        let mut names = Names::default();
        let mut finder = Finder::of(self);
        // Where the run of text begins that belongs to the rest.
        let mut from = 0;
        loop {
            let start = blocks.at();
            if let Some((known, api)) = finder.next()
                && let Some(index) = names.known(api)
                && let place = known.place
                && blocks.skip(place.text(&self.text), api, place.shape, place.key_end())
            {
                finder.take_next();
                routes.push((place.moved(start, index), Some(Arc::clone(&known.route))));
                rest.push_str(&text[from..start]);
                from = blocks.at();
                continue;
            }
            let Some(piece) = blocks.next() else { break };
            let Piece::Route(route) = piece.ok()? else {
                continue;
            };
            let (index, is_first) = names.index(route.api);
            let mut known = finder.find(&text[route.range.clone()], &route);
            // The rest shows each API, if only by its first route.
            if is_first {
                known = None;
            }
            if known.is_some() {
                rest.push_str(&text[from..start]);
                from = blocks.at();
            }
            routes.push((RoutePlace::of(&route, index), known));
        }
        rest.push_str(&text[from..]);
        Some(Outline {
            before: self,
            rest,
            apis: names.list,
            routes,
        })
    }

    fn api_of(&self, known: &Known) -> &str {
        &self.apis[known.place.api as usize]
    }
}

impl Outline<'_> {
    /// Whether anything is known, so that there is less to read.
    pub fn is_of_use(&self) -> bool {
        self.routes.iter().any(|(_, known)| known.is_some())
    }

    /// Puts the known routes into what the rest was read into. None if the whole is something else.
    pub fn complete(self, text: &str, config: &mut Config) -> Option<Memory> {
        let terms = Terms::of(config);
        if terms != self.before.terms {
            return None;
        }
        let routes = self.joined(text, &config.snapshot.apis)?;
        let mut lists: Vec<Vec<Arc<Route>>> = vec![Vec::new(); self.apis.len()];
        for known in &routes {
            lists[known.place.api as usize].push(Arc::clone(&known.route));
        }
        let mut lists: HashMap<&str, _> = self.apis.iter().map(String::as_str).zip(lists).collect();
        for api in &mut config.snapshot.apis {
            if let Some(list) = lists.remove(api.id.as_str()) {
                Arc::make_mut(api).routes = list;
            }
        }
        drop(lists);
        Some(Memory {
            text: String::new(),
            terms,
            apis: self.apis,
            routes,
        })
    }

    /// All routes with what they were read into, `apis` being what the rest was read into. None
    /// unless each route of `apis` is one of the routes that were seen in the text.
    fn joined(&self, text: &str, apis: &[Arc<Api>]) -> Option<Vec<Known>> {
        let fresh = self.routes.iter().filter(|(_, known)| known.is_none());
        let key = |place: RoutePlace| (place.api, place.key(text));
        let fresh: HashSet<(u32, &str)> = fresh.map(|(place, _)| key(*place)).collect();
        // Mostly a few among thousands: their lengths tell them from nearly all others.
        let bit = |key: &str| 1_u64 << (key.len() % 64);
        let lengths = fresh.iter().fold(0, |all, (_, key)| all | bit(key));
        let is_fresh =
            |place: RoutePlace| lengths & bit(place.key(text)) != 0 && fresh.contains(&key(place));
        let by_id: HashMap<&str, &Api> = apis.iter().map(|api| (api.id.as_str(), &**api)).collect();
        let lists = self.apis.iter().map(|name| by_id.get(name.as_str()));
        let mut lists: Vec<_> = lists
            .map(|api| api.map_or(&[][..], |api| &api.routes).iter())
            .collect();
        let mut left: usize = apis.iter().map(|api| api.routes.len()).sum();
        let mut routes = Vec::with_capacity(self.routes.len());
        for (place, known) in &self.routes {
            let route = match known {
                // A key that stands twice is a fault that only a reading of the whole finds.
                Some(_) if is_fresh(*place) => return None,
                Some(known) => Arc::clone(known),
                None => {
                    left = left.checked_sub(1)?;
                    Arc::clone(lists[place.api as usize].next()?)
                }
            };
            let place = *place;
            routes.push(Known { place, route });
        }
        (left == 0).then_some(routes)
    }
}

/// The APIs of a text, in the order in which their routes come.
#[derive(Default)]
struct Names {
    list: Vec<String>,
    indices: HashMap<String, u32>,
    last: u32,
}

impl Names {
    /// The index of an API that has been met.
    fn known(&mut self, name: &str) -> Option<u32> {
        if self
            .list
            .get(self.last as usize)
            .is_none_or(|last| last != name)
        {
            self.last = *self.indices.get(name)?;
        }
        Some(self.last)
    }

    /// The index, and whether the API has not been met before.
    fn index(&mut self, name: &str) -> (u32, bool) {
        if let Some(known) = self.known(name) {
            return (known, false);
        }
        self.last = self.list.len() as u32;
        self.list.push(name.to_owned());
        self.indices.insert(name.to_owned(), self.last);
        (self.last, true)
    }
}

/// Finds routes of before in the text of now. Mostly they come in the order that they had.
struct Finder<'m> {
    memory: &'m Memory,
    next: usize,
    taken: Vec<bool>,
    by_head: Option<HashMap<(&'m str, &'m str), usize>>,
}

impl<'m> Finder<'m> {
    fn of(memory: &'m Memory) -> Self {
        Self {
            memory,
            next: 0,
            taken: vec![false; memory.routes.len()],
            by_head: None,
        }
    }

    /// The route that is expected next, with its API.
    fn next(&mut self) -> Option<(&'m Known, &'m str)> {
        while *self.taken.get(self.next)? {
            self.next += 1;
        }
        let known = &self.memory.routes[self.next];
        Some((known, self.memory.api_of(known)))
    }

    fn take_next(&mut self) {
        self.taken[self.next] = true;
        self.next += 1;
    }

    /// The route that was read of this very text.
    fn find(&mut self, text: &str, route: &RouteText<'_>) -> Option<Arc<Route>> {
        // With all taken there is none to be found, and no need of an index.
        self.next()?;
        let memory = self.memory;
        let is_it = |at: usize| {
            let known = memory.routes.get(at)?;
            let place = known.place;
            let is_it = place.shape == route.shape
                && place.text(&memory.text) == text
                && memory.api_of(known) == route.api;
            is_it.then_some(at)
        };
        // Mostly it is the next, or the next one is gone.
        let at = match is_it(self.next).or_else(|| is_it(self.next + 1)) {
            Some(at) => at,
            None => {
                let by_head = self.by_head.get_or_insert_with(|| memory.by_head());
                let key_end = route.key.end - route.range.start;
                is_it(*by_head.get(&(route.api, blocks::head(text, key_end)))?)?
            }
        };
        if std::mem::replace(&mut self.taken[at], true) {
            return None;
        }
        self.next = at + 1;
        Some(Arc::clone(&memory.routes[at].route))
    }
}

impl Memory {
    fn by_head(&self) -> HashMap<(&str, &str), usize> {
        let routes = self.routes.iter().zip(0..);
        let heads = routes.map(|(known, at)| {
            let place = known.place;
            let head = blocks::head(place.text(&self.text), place.key_end());
            ((self.api_of(known), head), at)
        });
        heads.collect()
    }
}

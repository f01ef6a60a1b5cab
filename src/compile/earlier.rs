//! The routes of a stage as they were compiled before, to be taken over where nothing changed.

use std::collections::HashMap;
use std::sync::Arc;

use crate::compile::group::{GroupKey, Need};
use crate::compile::ledger::{ApiMemory, StageMemory};
use crate::model::v2;
use crate::plan::{Group, GroupId, Route, Stage};

/// What an API was, and what of it is as it was.
#[derive(Clone, Copy)]
pub(in crate::compile) struct PastApi<'b> {
    pub memory: &'b Arc<ApiMemory>,
    pub is_unchanged: bool,
    pub has_same_routes: bool,
    /// All that its stages are made of besides themselves and the routes.
    pub is_alike: bool,
}

impl<'b> PastApi<'b> {
    pub fn of(memory: &'b Arc<ApiMemory>, now: &Arc<v2::Api>) -> Self {
        let before = &memory.model;
        // With thousands of APIs nearly all are the very same.
        if Arc::ptr_eq(before, now) {
            return Self {
                memory,
                is_unchanged: true,
                has_same_routes: true,
                is_alike: true,
            };
        }
        // All members are named, so that a new one is not forgotten here.
        let v2::Api {
            id,
            kind,
            reach,
            hosts,
            base_path,
            routes,
            stages,
        } = &**before;
        let is_alike = *id == now.id && *kind == now.kind && *reach == now.reach;
        let is_same = |(before, now)| Arc::ptr_eq(before, now) || before == now;
        let has_same_routes =
            routes.len() == now.routes.len() && routes.iter().zip(&now.routes).all(is_same);
        Self {
            memory,
            is_unchanged: is_alike
                && has_same_routes
                && *hosts == now.hosts
                && *base_path == now.base_path
                && *stages == now.stages,
            has_same_routes,
            is_alike,
        }
    }
}

/// What a stage was, if it was.
#[derive(Clone, Copy)]
pub(in crate::compile) struct Past<'b> {
    pub stage: Option<&'b Stage>,
    /// What its routes were made from, one by one, and what they needed; none where more than the
    /// routes has changed.
    pub same_but_routes: Option<(&'b [Arc<v2::Route>], &'b StageMemory)>,
}

impl<'b> Past<'b> {
    /// Of which only the ids are of use.
    pub fn changed(stage: Option<&'b Stage>) -> Self {
        Self {
            stage,
            same_but_routes: None,
        }
    }
}

/// Finds routes of before by their keys. Mostly they come in the order that they had.
pub(in crate::compile) struct Earlier<'b> {
    routes: &'b [Route],
    models: &'b [Arc<v2::Route>],
    needs: HashMap<GroupId, (&'b GroupKey, &'b Need)>,
    /// Where the next one is looked for.
    next: usize,
    taken: Vec<bool>,
    by_key: Option<HashMap<&'b str, usize>>,
}

/// A route of before.
#[derive(Clone, Copy)]
pub(in crate::compile) struct Found<'b> {
    pub route: &'b Route,
    /// It is what it would become again, but for its limit.
    pub is_same: bool,
}

impl<'b> Earlier<'b> {
    pub fn of(past: Past<'b>) -> Self {
        let routes = past.stage.map_or(&[][..], |stage| &stage.routes);
        let same = past.same_but_routes;
        let (models, needs) = match same.filter(|(models, _)| models.len() == routes.len()) {
            None => (&[][..], HashMap::new()),
            Some((models, memory)) => {
                let needs = memory.groups.iter();
                let needs = needs.map(|(key, need)| (need.group.id, (key, need)));
                (models, needs.collect())
            }
        };
        Self {
            routes,
            models,
            needs,
            next: 0,
            taken: vec![false; routes.len()],
            by_key: None,
        }
    }

    /// The route of before that is this very value, if that is the next one.
    pub fn very_next(&mut self, route: &v2::Route) -> Option<Found<'b>> {
        let model = self.models.get(self.next)?;
        if !std::ptr::eq(&**model, route) {
            return None;
        }
        self.take(self.next, true)
    }

    /// The route of before with this key.
    pub fn find(&mut self, key: &str, route: &v2::Route) -> Option<Found<'b>> {
        let at = match self.routes.get(self.next) {
            Some(next) if *next.key == *key => self.next,
            _ => {
                let by_key = self.by_key.get_or_insert_with(|| {
                    let routes = self.routes.iter().enumerate();
                    routes.map(|(at, route)| (&*route.key, at)).collect()
                });
                *by_key.get(key)?
            }
        };
        let model = self.models.get(at);
        let is_same = model.is_some_and(|model| std::ptr::eq(&**model, route) || **model == *route);
        self.take(at, is_same)
    }

    fn take(&mut self, at: usize, is_same: bool) -> Option<Found<'b>> {
        let is_taken = std::mem::replace(self.taken.get_mut(at)?, true);
        if is_taken {
            return None;
        }
        self.next = at + 1;
        let route = &self.routes[at];
        // What REST APIs make of a method, and who may call it, is not taken over piece by piece.
        let is_same = is_same && route.rest.is_none() && route.guard.is_none();
        Some(Found { route, is_same })
    }

    /// What a route of before needed.
    pub fn need(&self, group: &Group) -> Option<(&'b GroupKey, &'b Need)> {
        self.needs.get(&group.id).copied()
    }

    /// The routes that nobody took.
    pub fn gone(self) -> impl Iterator<Item = &'b Route> {
        let all = self.routes.iter().zip(self.taken);
        all.filter_map(|(route, is_taken)| (!is_taken).then_some(route))
    }
}

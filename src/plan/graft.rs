//! A `Router` of nearly the same routes: what changed is worked into a copy of it.
//!
//! Among ten thousand routes it is ten times cheaper to copy a router than to make it anew. A branch
//! that leads to no route any more stays: no walk finds anything there. Whatever is out of the ordinary
//! is left to `Router::build`: errors, too many changes, and doubt.

use std::borrow::Cow;

use crate::base::Method;
use crate::plan::router::{
    DEPTH_MAX, Ends, Literals, NONE, Node, PARAMS_MAX, Router, TrailingSlash,
};
use crate::plan::table::Editor;
use crate::plan::trie::{Part, Pattern, decoded};

/// How routes differ from those of a router.
#[derive(Debug)]
pub struct Change<'c, F> {
    /// The index of now of each route of before; `GONE` where it is none any more.
    pub moved: &'c [u32],
    pub gone: &'c [Pattern<'c>],
    pub added: &'c [(Pattern<'c>, u32)],
    /// Whether the route with this index of now takes any method.
    pub takes_any: F,
}

pub const GONE: u32 = NONE;

/// A router is made anew when more than one part in so many of it has been worked in.
const WORKED_IN_PART: usize = 8;

/// The methods that a route with `ANY` takes.
const ALL: u8 = 0x7f;

impl Router {
    /// The router of the changed routes; none if it has to be made anew.
    pub fn changed(&self, change: &Change<'_, impl Fn(u32) -> bool>) -> Option<Self> {
        if change.added.len() + change.gone.len() > change.moved.len() / WORKED_IN_PART {
            return None;
        }
        let now = |route: u32| change.moved.get(route as usize).copied().unwrap_or(GONE);
        let mut graft = Graft {
            takes_any: &change.takes_any,
            nodes: self.nodes.to_vec(),
            slots: self.slots.iter().map(|route| now(*route)).collect(),
            text: self.text.to_vec(),
            literals: self.literals.edit(),
            default: self.default.map(now).filter(|route| *route != GONE),
            ignores_slash: self.rules.slash == TrailingSlash::Ignored,
            percent_literals: self.percent_literals,
        };
        // Those with `ANY` first: what they leave is then known to be nobody's.
        let is_any = |pattern: &&Pattern<'_>| matches!(pattern, Pattern::Path { method: None, .. });
        let (any, others): (Vec<_>, Vec<_>) = change.gone.iter().partition(is_any);
        for pattern in any.into_iter().chain(others) {
            graft.remove(pattern)?;
        }
        for (pattern, route) in change.added {
            graft.add(pattern, *route)?;
        }
        let more = |now: usize, before: usize| now.saturating_sub(before);
        let worked_in = self.worked_in
            + more(graft.nodes.len(), self.nodes.len())
            + more(graft.slots.len(), self.slots.len());
        if worked_in > self.nodes.len() / WORKED_IN_PART {
            return None;
        }
        Some(Self {
            has_paths: !graft.slots.is_empty(),
            nodes: graft.nodes.into(),
            literals: graft.literals.finish(),
            text: graft.text.into(),
            slots: graft.slots.into(),
            default: graft.default,
            rules: self.rules,
            percent_literals: graft.percent_literals,
            worked_in,
        })
    }
}

struct Graft<'g, F> {
    takes_any: &'g F,
    nodes: Vec<Node>,
    slots: Vec<u32>,
    text: Vec<u8>,
    literals: Editor,
    default: Option<u32>,
    ignores_slash: bool,
    percent_literals: bool,
}

/// The routes of one place by method.
type Routes = [u32; 7];

impl<F: Fn(u32) -> bool> Graft<'_, F> {
    /// A route is no more, and its index stands nowhere any more.
    fn remove(&mut self, pattern: &Pattern<'_>) -> Option<()> {
        let Pattern::Path { method, parts } = pattern else {
            return Some(());
        };
        let (body, greedy) = self.taken_apart(parts);
        let mut at = 0;
        for part in body {
            let node = self.nodes.get(at as usize)?;
            at = match part {
                Part::Literal(text) => self.child(at, node, &decoded(text.as_bytes())?),
                Part::Param => node.param,
                Part::Greedy => NONE,
            };
        }
        let ends = self.ends(at, greedy)?;
        let mut routes = self.routes(ends);
        let any = self.any(&routes);
        // Seven methods may have hidden an `ANY` that would be seen again.
        let is_hidden = ends.mask == ALL && any == NONE && method.is_some();
        if is_hidden && routes.contains(&GONE) {
            return None;
        }
        for route in &mut routes {
            if *route == GONE {
                *route = any;
            }
        }
        self.put(at, greedy, routes)
    }

    fn add(&mut self, pattern: &Pattern<'_>, route: u32) -> Option<()> {
        let Pattern::Path { method, parts } = pattern else {
            return match self.default.replace(route) {
                None => Some(()),
                Some(_) => None,
            };
        };
        let (body, greedy) = self.taken_apart(parts);
        let params = parts
            .iter()
            .filter(|part| !matches!(part, Part::Literal(_)));
        if parts.len() > DEPTH_MAX || params.count() > PARAMS_MAX {
            return None;
        }
        let mut at = 0;
        for part in body {
            at = match part {
                Part::Literal(text) => self.literal(at, decoded(text.as_bytes())?)?,
                Part::Param => self.param(at)?,
                Part::Greedy => return None,
            };
        }
        let ends = self.ends(at, greedy)?;
        let mut routes = self.routes(ends);
        let any = self.any(&routes);
        match method {
            Some(Method::Other) => return None,
            Some(method) => {
                let own = routes.get_mut(*method as usize)?;
                if *own != any {
                    return None;
                }
                *own = route;
            }
            // A second `ANY`, or one of which nothing would be seen.
            None if any != NONE || ends.mask == ALL => return None,
            None => {
                for own in &mut routes {
                    if *own == NONE {
                        *own = route;
                    }
                }
            }
        }
        self.put(at, greedy, routes)
    }

    /// A pattern before `{name+}`, and whether it has that.
    fn taken_apart<'p, 't>(&self, parts: &'p [Part<'t>]) -> (&'p [Part<'t>], bool) {
        let parts = match parts {
            [head @ .., Part::Literal("")] if self.ignores_slash => head,
            _ => parts,
        };
        match parts {
            [body @ .., Part::Greedy] => (body, true),
            _ => (parts, false),
        }
    }

    fn ends(&self, at: u32, greedy: bool) -> Option<Ends> {
        let node = self.nodes.get(at as usize)?;
        Some(if greedy { node.greedy } else { node.here })
    }

    fn routes(&self, ends: Ends) -> Routes {
        let mut slots = self.slots.iter().skip(ends.first as usize);
        let has = |method: usize| ends.mask & (1 << method) != 0;
        std::array::from_fn(|method| match has(method) {
            true => slots.next().copied().unwrap_or(NONE),
            false => NONE,
        })
    }

    /// The route with `ANY` among those of one place.
    fn any(&self, routes: &Routes) -> u32 {
        let is_any = |route: &&u32| **route != NONE && (self.takes_any)(**route);
        routes.iter().find(is_any).copied().unwrap_or(NONE)
    }

    /// Replaces the routes of a place, where they lay if they are not more than before.
    fn put(&mut self, at: u32, greedy: bool, routes: Routes) -> Option<()> {
        let node = self.nodes.get_mut(at as usize)?;
        let ends = if greedy {
            &mut node.greedy
        } else {
            &mut node.here
        };
        let present = routes.iter().filter(|route| **route != NONE);
        if present.clone().count() > ends.mask.count_ones() as usize {
            ends.first = self.slots.len() as u32;
            self.slots.extend(present);
        } else {
            let slots = self.slots.iter_mut().skip(ends.first as usize);
            slots.zip(present).for_each(|(slot, route)| *slot = *route);
        }
        let bits = routes.iter().zip(0..).filter(|(route, _)| **route != NONE);
        ends.mask = bits.fold(0, |mask, (_, method)| mask | 1 << method);
        Some(())
    }

    /// The literal child of a node that is found by `text`, or `NONE`.
    fn child(&self, at: u32, node: &Node, text: &[u8]) -> u32 {
        match node.literals {
            Literals::None => NONE,
            Literals::One { len, start, child } => match self.text_of(len, start) == text {
                true => child,
                false => NONE,
            },
            Literals::Many => self.literals.find(at, text).unwrap_or(NONE),
        }
    }

    fn text_of(&self, len: u8, start: u32) -> &[u8] {
        let start = start as usize;
        self.text
            .get(start..start + usize::from(len))
            .unwrap_or_default()
    }

    /// As `child`; made if there is none.
    fn literal(&mut self, at: u32, text: Cow<'_, [u8]>) -> Option<u32> {
        let node = *self.nodes.get(at as usize)?;
        let known = self.child(at, &node, &text);
        if known != NONE {
            return Some(known);
        }
        let fresh = self.nodes.len() as u32;
        self.percent_literals |= text.contains(&b'%');
        let literals = match node.literals {
            Literals::None => {
                let start = self.text.len() as u32;
                self.text.extend_from_slice(&text);
                Literals::One {
                    len: text.len() as u8,
                    start,
                    child: fresh,
                }
            }
            Literals::One { len, start, child } => {
                let other = self.text_of(len, start).to_vec();
                self.literals.insert(at, &other, child);
                self.literals.insert(at, &text, fresh);
                Literals::Many
            }
            Literals::Many => {
                self.literals.insert(at, &text, fresh);
                Literals::Many
            }
        };
        self.nodes.get_mut(at as usize)?.literals = literals;
        self.nodes.push(Node::default());
        Some(fresh)
    }

    fn param(&mut self, at: u32) -> Option<u32> {
        let fresh = self.nodes.len() as u32;
        let param = &mut self.nodes.get_mut(at as usize)?.param;
        if *param == NONE {
            *param = fresh;
            self.nodes.push(Node::default());
            return Some(fresh);
        }
        Some(*param)
    }
}

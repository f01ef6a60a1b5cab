//! Building a `Router`: patterns to a tree, the tree to flat nodes.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::base::Method;
use crate::plan::router::{
    DEPTH_MAX, Ends, Literals, NONE, Node, PARAMS_MAX, Router, Rules, TrailingSlash,
};
use crate::plan::segment;
use crate::plan::table::Table;

/// What a route matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern<'a> {
    /// `$default`: whatever nothing else serves.
    Default,
    Path {
        /// None is `ANY`: DELETE, GET, HEAD, OPTIONS, PATCH, POST and PUT.
        method: Option<Method>,
        /// Empty for `/`.
        parts: Vec<Part<'a>>,
    },
}

/// One segment of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part<'a> {
    /// Percent-encoded text. An empty one in the last place is a trailing slash.
    Literal(&'a str),
    /// `{name}`: exactly one segment that is not empty.
    Param,
    /// `{name+}`: all the rest, if there is any; only in the last place.
    Greedy,
}

/// Why a route could not be taken in; `route` and `first` are the indices given with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RouterError {
    #[error("route {route} matches exactly what route {first} matches")]
    Clash { first: u32, route: u32 },
    #[error("route {route} has more than {DEPTH_MAX} segments")]
    TooDeep { route: u32 },
    #[error("route {route} has more than {PARAMS_MAX} parameters")]
    TooManyParams { route: u32 },
    #[error(
        "route {route} has a literal of more than {} bytes",
        segment::LITERAL_BYTES_MAX
    )]
    LiteralTooLong { route: u32 },
    #[error("route {route} has a greedy parameter before its last segment")]
    GreedyNotLast { route: u32 },
    #[error("route {route} names a method that only `$default` takes")]
    UnknownMethod { route: u32 },
}

const ROOT: u32 = 0;
/// Stands in the place of a method for `ANY`.
const ANY: u8 = 7;

impl Router {
    /// Compiles the patterns; `find` returns the index beside the pattern. All errors at once.
    pub fn build(routes: &[(Pattern<'_>, u32)], rules: Rules) -> Result<Self, Vec<RouterError>> {
        let mut tree = Tree {
            nodes: vec![Branch::default()],
            children: HashMap::with_capacity(routes.len()),
        };
        let mut default = None;
        let mut errors = Vec::new();
        for (pattern, route) in routes {
            let added = match pattern {
                Pattern::Default => match default {
                    None => {
                        default = Some(*route);
                        Ok(())
                    }
                    Some(first) => Err(RouterError::Clash {
                        first,
                        route: *route,
                    }),
                },
                Pattern::Path { method, parts } => tree.add(*method, parts, *route, rules),
            };
            errors.extend(added.err());
        }
        if errors.is_empty() {
            Ok(tree.flatten(default, rules))
        } else {
            Err(errors)
        }
    }
}

struct Tree<'a> {
    nodes: Vec<Branch<'a>>,
    children: HashMap<(u32, Cow<'a, [u8]>), u32>,
}

#[derive(Default)]
struct Branch<'a> {
    literals: Vec<(Cow<'a, [u8]>, u32)>,
    param: Option<u32>,
    here: Vec<(u8, u32)>,
    greedy: Vec<(u8, u32)>,
}

impl<'a> Tree<'a> {
    fn add(
        &mut self,
        method: Option<Method>,
        parts: &[Part<'a>],
        route: u32,
        rules: Rules,
    ) -> Result<(), RouterError> {
        let parts = match parts {
            [head @ .., Part::Literal("")] if rules.slash == TrailingSlash::Ignored => head,
            _ => parts,
        };
        if method == Some(Method::Other) {
            return Err(RouterError::UnknownMethod { route });
        }
        if parts.len() > DEPTH_MAX {
            return Err(RouterError::TooDeep { route });
        }
        let literals = parts.iter().filter(|part| matches!(part, Part::Literal(_)));
        if parts.len() - literals.count() > PARAMS_MAX {
            return Err(RouterError::TooManyParams { route });
        }
        let (body, greedy) = match parts {
            [body @ .., Part::Greedy] => (body, true),
            _ => (parts, false),
        };
        let mut at = ROOT;
        for part in body {
            at = match part {
                Part::Literal(text) => self.literal(at, text, route)?,
                Part::Param => self.param(at),
                Part::Greedy => return Err(RouterError::GreedyNotLast { route }),
            };
        }
        let node = &mut self.nodes[at as usize];
        let ends = if greedy {
            &mut node.greedy
        } else {
            &mut node.here
        };
        let method = method.map_or(ANY, |method| method as u8);
        match ends.iter().find(|(other, _)| *other == method) {
            Some((_, first)) => Err(RouterError::Clash {
                first: *first,
                route,
            }),
            None => {
                ends.push((method, route));
                Ok(())
            }
        }
    }

    fn literal(&mut self, at: u32, text: &'a str, route: u32) -> Result<u32, RouterError> {
        let text = decoded(text.as_bytes()).ok_or(RouterError::LiteralTooLong { route })?;
        let next = self.nodes.len() as u32;
        match self.children.entry((at, text.clone())) {
            Entry::Occupied(child) => Ok(*child.get()),
            Entry::Vacant(child) => {
                child.insert(next);
                self.nodes[at as usize].literals.push((text, next));
                self.nodes.push(Branch::default());
                Ok(next)
            }
        }
    }

    fn param(&mut self, at: u32) -> u32 {
        let next = self.nodes.len() as u32;
        let param = *self.nodes[at as usize].param.get_or_insert(next);
        if param == next {
            self.nodes.push(Branch::default());
        }
        param
    }

    fn flatten(&self, default: Option<u32>, rules: Rules) -> Router {
        let mut flat = Flat {
            tree: self,
            router: Router {
                nodes: Vec::with_capacity(self.nodes.len()),
                default,
                rules,
                ..Router::default()
            },
            entries: Vec::new(),
        };
        flat.router.nodes.clear();
        flat.place(ROOT);
        let mut router = flat.router;
        router.literals = Table::build(&flat.entries);
        router.has_paths = !router.slots.is_empty();
        router
    }
}

/// A literal without its percent-encoding; none if it is too long.
fn decoded(text: &[u8]) -> Option<Cow<'_, [u8]>> {
    if !text.contains(&b'%') {
        return (text.len() <= segment::LITERAL_BYTES_MAX).then_some(Cow::Borrowed(text));
    }
    let mut buffer = [0; segment::LITERAL_BYTES_MAX];
    segment::decode(text, &mut buffer).map(|text| Cow::Owned(text.to_vec()))
}

struct Flat<'a> {
    tree: &'a Tree<'a>,
    router: Router,
    entries: Vec<(u32, &'a [u8], u32)>,
}

impl Flat<'_> {
    /// Lays out a branch and all below it, and returns its new index. The recursion is as deep as
    /// the longest route, which is at most `DEPTH_MAX`.
    fn place(&mut self, old: u32) -> u32 {
        let tree = self.tree;
        let branch = &tree.nodes[old as usize];
        let new = self.router.nodes.len() as u32;
        let node = Node {
            here: self.ends(&branch.here),
            greedy: self.ends(&branch.greedy),
            literals: Literals::None,
            param: NONE,
        };
        self.router.nodes.push(node);
        for (text, _) in &branch.literals {
            self.router.percent_literals |= text.contains(&b'%');
        }
        let literals = match branch.literals.as_slice() {
            [] => Literals::None,
            [(text, child)] => {
                let start = self.router.text.len() as u32;
                self.router.text.extend_from_slice(text);
                Literals::One {
                    len: text.len() as u8,
                    start,
                    child: self.place(*child),
                }
            }
            many => {
                for (text, child) in many {
                    let child = self.place(*child);
                    self.entries.push((new, text, child));
                }
                Literals::Many
            }
        };
        let param = branch.param.map_or(NONE, |child| self.place(child));
        let node = &mut self.router.nodes[new as usize];
        node.literals = literals;
        node.param = param;
        new
    }

    fn ends(&mut self, routes: &[(u8, u32)]) -> Ends {
        let mut ends = Ends {
            mask: 0,
            first: self.router.slots.len() as u32,
        };
        // Most branches only lead further.
        if routes.is_empty() {
            return ends;
        }
        let of = |method| routes.iter().find(|(other, _)| *other == method);
        for method in 0..ANY {
            if let Some((_, route)) = of(method).or(of(ANY)) {
                ends.mask |= 1 << method;
                self.router.slots.push(*route);
            }
        }
        ends
    }
}

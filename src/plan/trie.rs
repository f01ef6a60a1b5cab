//! Building a `Router`: patterns to a tree, the tree to flat nodes.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasherDefault, Hasher};

use crate::base::Method;
use crate::plan::router::{
    DEPTH_MAX, Ends, Literals, NONE, Node, PARAMS_MAX, Router, Rules, TrailingSlash,
};
use crate::plan::segment;
use crate::plan::table::{self, Table};

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
        let mut tree = Tree::for_routes(routes);
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

/// What the routes have in common and where they part. Whoever reloads a large config waits for it,
/// so branches lie in one list, point at each other by index, and have no list of their own.
struct Tree<'a> {
    nodes: Vec<Branch<'a>>,
    /// The literal children of branches with more than one.
    children: HashMap<(u32, Cow<'a, [u8]>), u32, BuildHasherDefault<Folded>>,
    ends: Vec<End>,
}

struct Branch<'a> {
    /// The literal that leads here; empty for `{name}`.
    text: Cow<'a, [u8]>,
    /// The literal children, the first and the last of them; each but the last knows the `next`.
    first: u32,
    last: u32,
    next: u32,
    param: u32,
    /// The last taken in of the routes that end here, and of those with `{name+}` from here.
    here: u32,
    greedy: u32,
}

impl<'a> Branch<'a> {
    fn new(text: Cow<'a, [u8]>) -> Self {
        Self {
            text,
            first: NONE,
            last: NONE,
            next: NONE,
            param: NONE,
            here: NONE,
            greedy: NONE,
        }
    }
}

/// A route at its end.
struct End {
    method: u8,
    route: u32,
    /// The one that was taken in before it at the same place.
    before: u32,
}

impl<'a> Tree<'a> {
    fn for_routes(routes: &[(Pattern<'_>, u32)]) -> Self {
        let parts = routes.iter().map(|(pattern, _)| match pattern {
            Pattern::Default => 0,
            Pattern::Path { parts, .. } => parts.len(),
        });
        let mut nodes = Vec::with_capacity(1 + parts.sum::<usize>());
        nodes.push(Branch::new(Cow::default()));
        Self {
            nodes,
            children: HashMap::default(),
            ends: Vec::with_capacity(routes.len()),
        }
    }

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
        let last = if greedy {
            &mut node.greedy
        } else {
            &mut node.here
        };
        let method = method.map_or(ANY, |method| method as u8);
        let before = *last;
        let other = ends(&self.ends, before).find(|end| end.method == method);
        if let Some(first) = other.map(|end| end.route) {
            return Err(RouterError::Clash { first, route });
        }
        *last = self.ends.len() as u32;
        self.ends.push(End {
            method,
            route,
            before,
        });
        Ok(())
    }

    fn literal(&mut self, at: u32, text: &'a str, route: u32) -> Result<u32, RouterError> {
        let text = decoded(text.as_bytes()).ok_or(RouterError::LiteralTooLong { route })?;
        let next = self.nodes.len() as u32;
        let Branch { first, last, .. } = self.nodes[at as usize];
        if first == NONE {
            self.nodes[at as usize].first = next;
        } else {
            if first == last {
                let only = &self.nodes[first as usize].text;
                if *only == text {
                    return Ok(first);
                }
                self.children.insert((at, only.clone()), first);
            }
            match self.children.entry((at, text.clone())) {
                Entry::Occupied(child) => return Ok(*child.get()),
                Entry::Vacant(child) => child.insert(next),
            };
            self.nodes[last as usize].next = next;
        }
        self.nodes[at as usize].last = next;
        self.nodes.push(Branch::new(text));
        Ok(next)
    }

    fn param(&mut self, at: u32) -> u32 {
        let next = self.nodes.len() as u32;
        let param = &mut self.nodes[at as usize].param;
        if *param != NONE {
            return *param;
        }
        *param = next;
        self.nodes.push(Branch::new(Cow::default()));
        next
    }

    fn flatten(&self, default: Option<u32>, rules: Rules) -> Router {
        let mut flat = Flat {
            tree: self,
            nodes: Vec::with_capacity(self.nodes.len()),
            text: Vec::new(),
            slots: Vec::with_capacity(self.ends.len()),
            entries: Vec::with_capacity(self.children.len()),
            percent_literals: false,
        };
        flat.place(ROOT);
        Router {
            has_paths: !flat.slots.is_empty(),
            nodes: flat.nodes.into(),
            literals: Table::build(&flat.entries),
            text: flat.text.into(),
            slots: flat.slots.into(),
            default,
            rules,
            percent_literals: flat.percent_literals,
            worked_in: 0,
        }
    }
}

/// The routes of one place, from the one at `last` back to the first.
fn ends(all: &[End], last: u32) -> impl Iterator<Item = &End> {
    let one = move |at: u32| all.get(at as usize);
    std::iter::successors(one(last), move |end| one(end.before))
}

/// A literal without its percent-encoding; none if it is too long.
pub(in crate::plan) fn decoded(text: &[u8]) -> Option<Cow<'_, [u8]>> {
    if !text.contains(&b'%') {
        return (text.len() <= segment::LITERAL_BYTES_MAX).then_some(Cow::Borrowed(text));
    }
    let mut buffer = [0; segment::LITERAL_BYTES_MAX];
    segment::decode(text, &mut buffer).map(|text| Cow::Owned(text.to_vec()))
}

struct Flat<'a> {
    tree: &'a Tree<'a>,
    nodes: Vec<Node>,
    text: Vec<u8>,
    slots: Vec<u32>,
    entries: Vec<(u32, &'a [u8], u32)>,
    percent_literals: bool,
}

impl Flat<'_> {
    /// Lays out a branch and all below it, and returns its new index. The recursion is as deep as
    /// the longest route, which is at most `DEPTH_MAX`.
    fn place(&mut self, old: u32) -> u32 {
        let tree = self.tree;
        let branch = &tree.nodes[old as usize];
        let new = self.nodes.len() as u32;
        let node = Node {
            here: self.ends(branch.here),
            greedy: self.ends(branch.greedy),
            literals: Literals::None,
            param: NONE,
        };
        self.nodes.push(node);
        self.percent_literals |= branch.text.contains(&b'%');
        let literals = if branch.first == NONE {
            Literals::None
        } else if branch.first == branch.last {
            let text = &tree.nodes[branch.first as usize].text;
            let start = self.text.len() as u32;
            self.text.extend_from_slice(text);
            Literals::One {
                len: text.len() as u8,
                start,
                child: self.place(branch.first),
            }
        } else {
            let mut old = branch.first;
            while let Some(child) = tree.nodes.get(old as usize) {
                let placed = self.place(old);
                self.entries.push((new, &child.text, placed));
                old = child.next;
            }
            Literals::Many
        };
        let param = match branch.param {
            NONE => NONE,
            child => self.place(child),
        };
        let node = &mut self.nodes[new as usize];
        node.literals = literals;
        node.param = param;
        new
    }

    fn ends(&mut self, last: u32) -> Ends {
        let mut found = Ends {
            mask: 0,
            first: self.slots.len() as u32,
        };
        // Most branches only lead further.
        if last == NONE {
            return found;
        }
        let mut routes = [NONE; ANY as usize + 1];
        for end in ends(&self.tree.ends, last) {
            routes[usize::from(end.method)] = end.route;
        }
        let [methods @ .., any] = routes;
        for (method, own) in methods.into_iter().enumerate() {
            let route = if own == NONE { any } else { own };
            if route != NONE {
                found.mask |= 1 << method;
                self.slots.push(route);
            }
        }
        found
    }
}

/// The hash of `Table`: the keys come from whoever may change what is served, never from a peer.
#[derive(Default)]
struct Folded(u64);

impl Hasher for Folded {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = table::hash(self.0 as u32, bytes);
    }

    fn write_u32(&mut self, number: u32) {
        self.0 ^= u64::from(number);
    }

    /// The length of a text, which its own hash knows already.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

//! The compiled segment tree: literals, `{name}`, `{name+}`, methods, `ANY`, `$default`.
//!
//! ```text
//!  GET /pets          root ─"pets"─▶ ● GET           a node: its literal children (one inline,
//!  GET /pets/{id}                    └─{id}─▶ ● GET  many in the table), one {name} child, the
//!  ANY /{proxy+}      root: greedy ANY               routes that end here, the greedy ones here
//! ```
//!
//! It is a tree: a node lies at one depth and has one parent, so a walk that tries the literal
//! and then the `{name}` child of each node visits no node twice, whatever the path. The work for
//! one request is bounded by the nodes within the tree's depth, and the recursion (one level for
//! each node that fits both ways) by `DEPTH_MAX`.

use std::sync::Arc;

use crate::base::Method;
use crate::plan::segment;
use crate::plan::table::Table;

/// Most path parameters of one route.
pub const PARAMS_MAX: usize = 16;

/// Most segments of one route.
pub const DEPTH_MAX: usize = 64;

/// Longer paths reach `$default` only: offsets are kept as `u16`.
const PATH_BYTES_MAX: usize = u16::MAX as usize - 1;

pub(in crate::plan) const NONE: u32 = u32::MAX;

/// The values of the path parameters of one request, as offsets into its path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Params {
    count: u8,
    spans: [(u16, u16); PARAMS_MAX],
}

impl Params {
    /// The raw, still percent-encoded text of parameter `index` (in the order of the names in the
    /// route) in the path that was given to `Router::find`; empty if there is no such parameter.
    #[inline]
    pub fn get<'a>(&self, index: u8, path: &'a [u8]) -> &'a [u8] {
        self.span(index)
            .and_then(|span| path.get(span))
            .unwrap_or_default()
    }

    /// Where parameter `index` lies in the path.
    #[inline]
    pub fn span(&self, index: u8) -> Option<std::ops::Range<usize>> {
        let spans = self.spans.get(..self.len())?;
        let (start, end) = spans.get(usize::from(index))?;
        Some(usize::from(*start)..usize::from(*end))
    }

    #[inline]
    pub fn len(&self) -> usize {
        usize::from(self.count)
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    #[inline]
    fn set(&mut self, index: u8, start: usize, end: usize) {
        // Within bounds: no route has more than `PARAMS_MAX`, no walked path more than `u16::MAX`.
        if let Some(span) = self.spans.get_mut(usize::from(index)) {
            *span = (start as u16, end as u16);
        }
    }
}

/// How the kinds of APIs differ in what they call a match.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    pub slash: TrailingSlash,
    pub order: Order,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TrailingSlash {
    /// `/pets/` is another path than `/pets` (HTTP APIs).
    #[default]
    Exact,
    /// One trailing slash does not count, nor does it become part of a parameter (REST APIs).
    Ignored,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Any route without `{name+}` goes before all routes with one (HTTP APIs).
    #[default]
    FullFirst,
    /// Literal, `{name}` and `{name+}` are ranked at each segment, from the left (REST APIs).
    Tree,
}

/// Finds the route of a request. Made by `Router::build`, never changed. Clones share what it knows.
#[derive(Clone, Debug, PartialEq)]
pub struct Router {
    /// The root first, then depth-first: the nodes of one route lie side by side.
    pub(in crate::plan) nodes: Arc<[Node]>,
    /// The children of nodes with many literals: (node, decoded text) to node.
    pub(in crate::plan) literals: Table,
    /// The text of literals that are the only one of their node.
    pub(in crate::plan) text: Arc<[u8]>,
    /// Route indices, packed by method for each set of `Ends`.
    pub(in crate::plan) slots: Arc<[u32]>,
    pub(in crate::plan) default: Option<u32>,
    pub(in crate::plan) rules: Rules,
    /// Some decoded literal holds a `%`, so raw text must not be compared with it.
    pub(in crate::plan) percent_literals: bool,
    /// There is a route besides `$default`.
    pub(in crate::plan) has_paths: bool,
    /// How many nodes and slots it was changed by since it was made.
    pub(in crate::plan) worked_in: usize,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::plan) struct Node {
    /// The routes whose path ends here.
    pub here: Ends,
    /// The routes with `{name+}` from here.
    pub greedy: Ends,
    pub literals: Literals,
    /// The `{name}` child or `NONE`.
    pub param: u32,
}

impl Default for Node {
    fn default() -> Self {
        Self {
            here: Ends::default(),
            greedy: Ends::default(),
            literals: Literals::None,
            param: NONE,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::plan) enum Literals {
    None,
    /// The text lies in `Router::text`.
    One {
        len: u8,
        start: u32,
        child: u32,
    },
    /// In `Router::literals` under this node.
    Many,
}

/// The routes of one place by method: bit `m` of `mask` tells whether method `m` has one, and the
/// bits below it how far behind `first` in `Router::slots` it stands. `ANY` is spread at build.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(in crate::plan) struct Ends {
    pub mask: u8,
    pub first: u32,
}

impl Default for Router {
    fn default() -> Self {
        Self {
            nodes: Arc::new([Node::default()]),
            literals: Table::default(),
            text: Arc::default(),
            slots: Arc::default(),
            default: None,
            rules: Rules::default(),
            percent_literals: false,
            has_paths: false,
            worked_in: 0,
        }
    }
}

impl Router {
    /// The index given at build of the route that serves `method` and `path`.
    ///
    /// `path` is raw (percent-encoded) and begins with `/`; empty means `/`. Anything else can
    /// only reach `$default`. `params` is overwritten.
    #[inline]
    pub fn find(&self, method: Method, path: &[u8], params: &mut Params) -> Option<u32> {
        params.count = 0;
        let whole = self.trimmed(path);
        if let Some(start) = self.start(whole)
            && method != Method::Other
        {
            let mut walk = Walk {
                router: self,
                path: whole,
                method,
                params,
                greedy: None,
            };
            if let Some(route) = walk.descend(0, start, 0) {
                return Some(route);
            }
            if let Some((route, found)) = walk.greedy {
                *params = found;
                return Some(route);
            }
        }
        self.default
    }

    pub fn rules(&self) -> Rules {
        self.rules
    }

    /// Where the first segment of a path starts; behind its end if there is none, as in `/`.
    /// None if no tree can serve such a path.
    #[inline]
    pub(in crate::plan) fn start(&self, path: &[u8]) -> Option<usize> {
        if !self.has_paths || path.len() > PATH_BYTES_MAX {
            return None;
        }
        match path {
            [] => Some(1),
            [b'/'] => Some(2),
            [b'/', ..] => Some(1),
            _ => None,
        }
    }

    /// A path without the slash at its end that does not count.
    #[inline]
    pub fn trimmed<'a>(&self, path: &'a [u8]) -> &'a [u8] {
        match (self.rules.slash, path) {
            (TrailingSlash::Ignored, [head @ .., b'/']) if !head.is_empty() => head,
            _ => path,
        }
    }

    #[inline]
    pub(in crate::plan) fn route(&self, ends: Ends, method: Method) -> Option<u32> {
        let bit = 1_u8 << (method as u8 & 7);
        if ends.mask & bit == 0 {
            return None;
        }
        let before = (ends.mask & (bit - 1)).count_ones();
        self.slots.get((ends.first + before) as usize).copied()
    }

    /// The literal child of `node` that `segment` names, or `NONE`.
    #[inline]
    pub(in crate::plan) fn literal(&self, at: u32, node: &Node, segment: &[u8]) -> u32 {
        if matches!(node.literals, Literals::None) {
            return NONE;
        }
        if !self.percent_literals {
            let child = self.literal_decoded(at, node, segment);
            if child != NONE {
                return child;
            }
        }
        if segment.contains(&b'%') {
            self.literal_encoded(at, node, segment)
        } else if self.percent_literals {
            self.literal_decoded(at, node, segment)
        } else {
            NONE
        }
    }

    #[inline]
    fn literal_decoded(&self, at: u32, node: &Node, text: &[u8]) -> u32 {
        match node.literals {
            Literals::None => NONE,
            Literals::One { len, start, child } => {
                let start = start as usize;
                let same = text.len() == usize::from(len)
                    && self.text.get(start..start + text.len()) == Some(text);
                if same { child } else { NONE }
            }
            Literals::Many => self.literals.find(at, text).unwrap_or(NONE),
        }
    }

    #[cold]
    fn literal_encoded(&self, at: u32, node: &Node, segment: &[u8]) -> u32 {
        let mut buffer = [0; segment::LITERAL_BYTES_MAX];
        match segment::decode(segment, &mut buffer) {
            Some(text) => self.literal_decoded(at, node, text),
            None => NONE,
        }
    }
}

struct Walk<'a> {
    router: &'a Router,
    path: &'a [u8],
    method: Method,
    params: &'a mut Params,
    /// The most specific greedy match so far, and its parameters.
    greedy: Option<(u32, Params)>,
}

impl Walk<'_> {
    /// The full match below node `at` for the segments from `start`, `count` parameters being
    /// taken already. Greedy matches are left in `self.greedy`; the first one found stays, because
    /// the walk leaves its nodes in the order in which greedy routes are ranked.
    fn descend(&mut self, mut at: u32, mut start: usize, mut count: u8) -> Option<u32> {
        let mut greedy = None;
        while let Some(node) = self.router.nodes.get(at as usize) {
            if start > self.path.len() {
                let route = self.router.route(node.here, self.method);
                if route.is_some() {
                    self.params.count = count;
                    return route;
                }
                break;
            }
            if node.greedy.mask != 0
                && start < self.path.len()
                && let Some(route) = self.router.route(node.greedy, self.method)
            {
                greedy = Some((route, start, count));
            }
            let end = segment::end(self.path, start);
            let literal = self.router.literal(at, node, &self.path[start..end]);
            at = literal;
            if node.param != NONE && start < end {
                if literal != NONE {
                    let route = self.descend(literal, end + 1, count);
                    if route.is_some() {
                        return route;
                    }
                    if self.greedy.is_some() && self.router.rules.order == Order::Tree {
                        return None;
                    }
                }
                self.params.set(count, start, end);
                count += 1;
                at = node.param;
            }
            start = end + 1;
        }
        if let (None, Some((route, start, count))) = (self.greedy, greedy) {
            let mut params = *self.params;
            params.set(count, start, self.path.len());
            params.count = count + 1;
            self.greedy = Some((route, params));
        }
        None
    }
}

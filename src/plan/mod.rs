//! The compiled, immutable answer to "what happens to this request".
//!
//! A `Plan` is made by `compile`, published through `live`, and read by the cores. Nothing in it
//! is optional that `compile` could have decided. Untouched stages are shared between plans.

pub mod context;
mod cors;
pub mod explain;
#[cfg(test)]
mod explain_tests;
pub mod function;
pub mod graft;
#[cfg(test)]
mod graft_tests;
pub mod guard;
pub mod host;
#[cfg(test)]
mod host_tests;
pub mod limit;
pub mod live;
pub mod mapped;
#[cfg(test)]
mod oracle;
pub mod refusal;
pub mod rest;
pub mod route;
pub mod router;
#[cfg(test)]
mod router_tests;
pub mod rule;
pub mod segment;
pub mod service;
pub mod stage;
pub mod subtype;
mod table;
pub mod target;
pub mod trie;
pub mod usage;

use std::sync::Arc;

pub use cors::Cors;
pub use function::FunctionTarget;
pub use guard::Guard;
pub use host::HostTable;
pub use limit::{Limit, LimitId};
pub use mapped::{Changes, MappedTarget, ReplyMapping};
pub use route::{Route, RouteId};
pub use router::{Params, Router};
pub use service::{Service, ServiceTarget};
pub use stage::Stage;
pub use subtype::SubtypeTarget;
pub use target::{Group, GroupId, HttpTarget, MockTarget, Piece, Pieces, Target, UncheckedTarget};

/// Everything a core needs to serve.
#[derive(Debug, Default)]
pub struct Plan {
    /// Grows by one with every published plan.
    pub version: u64,
    /// Shared by plans in which nothing about it changed.
    pub hosts: Arc<HostTable>,
    /// What `HostTable` points into.
    pub stages: Vec<Arc<Stage>>,
    /// Indexed by `GroupId`; a hole where an id is not in use.
    pub groups: Vec<Option<Arc<Group>>>,
    /// Indexed by `LimitId`; a hole where an id is not in use.
    pub limits: Vec<Option<Limit>>,
    /// The limit of the whole account, asked for every request.
    pub account_limit: Option<LimitId>,
    /// One past the largest `RouteId` in use.
    pub route_ids: u32,
}

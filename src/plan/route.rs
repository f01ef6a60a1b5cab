//! Route: all a request needs, already resolved.

use crate::plan::rest::RestRoute;
use crate::plan::{Guard, LimitId, Target};

/// Index of a route's numbers; dense, unique in a plan, stable across plans while the same
/// API, stage and route key live.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RouteId(pub u32);

#[derive(Debug)]
pub struct Route {
    pub id: RouteId,
    /// As written: `GET /pets/{id}` or `$default`.
    pub key: Box<str>,
    /// Names of the path parameters in the order in which the router fills `Params`.
    pub param_names: Box<[Box<str>]>,
    pub limit: Option<LimitId>,
    /// Largest request body in bytes; larger ones get 413. `u64::MAX` means no limit.
    pub body_bytes_max: u64,
    pub target: Target,
    /// None: everybody may call it.
    pub guard: Option<Box<Guard>>,
    /// None: the target alone says what happens.
    pub rest: Option<Box<RestRoute>>,
}

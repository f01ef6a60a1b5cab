//! Routes and route keys.

use crate::base::Method;
use crate::model::Throttle;
use crate::model::v2::Integration;

#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    pub key: RouteKey,
    pub integration: Integration,
    pub throttle: Option<Throttle>,
    /// Larger request bodies get 413; none: no limit.
    pub body_bytes_max: Option<u64>,
}

/// `$default`, `GET /pets/{id}` or `ANY /files/{proxy+}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RouteKey {
    Default,
    Path {
        /// None is `ANY`.
        method: Option<Method>,
        segments: Vec<Segment>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Segment {
    Literal(String),
    Param(String),
    /// `{name+}`: one or more segments; only in the last place.
    Greedy(String),
}

//! HTTP APIs.

pub mod api;
pub mod guard;
pub mod integration;
pub mod route;
pub mod stage;

pub use api::{Api, ApiKind, Reach};
pub use guard::{Authorization, Authorizer, AuthorizerKind, Guard};
pub use integration::{EventFormat, FunctionCall, Integration, Mapped, Mappings, SubtypeCall};
pub use route::{Route, RouteKey, RouteKeyError, Segment};
pub use stage::{Cors, Stage};

//! REST APIs: methods with their integrations, and what their stages add.

mod integration;
mod method;
mod stage;

pub use integration::{ContentHandling, Integration, Kind, Passthrough, Response, Service};
pub use method::{Cache, ExecutionLog, Method, Unauthorized};
pub use stage::{Canary, GatewayResponse, Identity, Settings};

//! REST APIs: methods with their integrations, and what their stages add.

mod integration;
mod method;
mod stage;

pub use integration::{Integration, Kind, Passthrough, Response};
pub use method::Method;
pub use stage::{Canary, GatewayResponse, Identity, Settings};

//! The AWS management APIs: operations on the resources that a user makes.
//!
//! ```text
//!  Request ─▶ protocol ─▶ a Handler on a Desk (one transaction) ─▶ protocol ─▶ Answer
//!                              │ APIs that it touched
//!                              ▼
//!                          publish: records to models, compiled to see that they can be served;
//!                          once kept, the server swaps the plan, then the answer goes out
//! ```

mod call;
pub mod caller;
pub mod desk;
mod domain;
pub mod error;
pub mod fixed;
pub mod kind;
pub mod live;
mod metering;
mod patch;
mod permission;
pub mod protocol;
pub mod publish;
mod rest;
mod tags;
pub mod usage;
mod v2;

pub use call::{
    Answer, Control, Kept, Request, Settings, operations_list, operations_page, refused, too_large,
};
pub use caller::{Access, Caller, Service};
pub use desk::{Desk, Fixed, Record, Scope};
pub use domain::trust::Truststores;
pub use error::{Error, Outcome};
pub use metering::Used;
pub use publish::{MethodTest, Outbox, Publication, Surroundings};

use protocol::{Input, ServiceName};

/// The own work of an operation.
pub type Handler = fn(&mut Desk<'_>, &Input) -> Outcome<serde_json::Value>;

/// Members of a stage's record that count how often its caches were emptied: what a cache keeps is
/// of one epoch, and of no use in the next.
const CACHE_EPOCH: &str = "cacheEpoch";
const AUTHORIZER_EPOCH: &str = "authorizerEpoch";

/// None for an operation that is not served.
fn handler(service: ServiceName, operation: &str) -> Option<Handler> {
    let tables = match service {
        ServiceName::V2 => v2::OPERATIONS,
        ServiceName::Rest => rest::OPERATIONS,
    };
    let mut rows = tables.iter().flat_map(|table| table.iter());
    rows.find(|(name, _)| *name == operation)
        .map(|(_, handler)| *handler)
}

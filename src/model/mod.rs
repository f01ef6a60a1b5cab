//! The resources a user makes, as values that cannot be wrong.

mod aws;
pub mod domain;
pub mod quota;
pub mod rest;
pub mod snapshot;
pub mod throttle;
pub mod upstream;
pub mod usage;
pub mod v2;

pub use aws::Aws;
pub use domain::Domain;
pub use snapshot::Snapshot;
pub use throttle::Throttle;
pub use upstream::{Upstream, UpstreamTarget, UpstreamTls};
pub use usage::Usage;

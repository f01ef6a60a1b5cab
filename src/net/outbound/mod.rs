//! Client side: connections to upstreams, and requests on them.

pub mod balance;
pub mod deliver;
pub mod dial;
pub mod group;
pub mod h1;
pub mod incoming;
pub mod whole;

pub use group::{GroupState, Groups};
pub use h1::{Connection, Failure, Reply};
pub use incoming::Incoming;
pub use whole::{Asking, Whole};

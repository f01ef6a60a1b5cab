//! Numbers and lines; knows names and units, not requests.

pub mod catalog;
pub mod counter;
pub mod histogram;
pub mod line;
pub mod prometheus;
pub mod report;
pub mod spans;
pub mod stats;
pub mod trace;

pub use catalog::Counter;
pub use counter::{CoreNumbers, Numbers, RouteNumbers, UNROUTED};
pub use histogram::Latencies;
pub use line::{Drain, Lines, lines};
pub use report::{CertificateEnd, Report, RouteName};
pub use trace::Trace;

//! From a snapshot to a plan: pure, total, all problems at once.
//!
//! ```text
//!  Snapshot ─┐                          ┌─▶ Plan     what the cores read
//!            ├─ compile ─▶ all is well ─┤
//!  Ledger ───┘       │                  └─▶ Ledger   for the next compile
//!                    └───▶ Problems, each with the path of the resource to blame
//! ```
//!
//! The `Ledger` is why ids stay the same from plan to plan and why an edit of one stage compiles
//! one stage. `snapshot` joins the parts; `http` makes the stages of an API, `target`, `function` and `uri`
//! their integrations, `group` the upstreams, `host` the table of hosts.

mod cors;
mod domain;
mod function;
mod group;
mod guard;
mod host;
mod http;
mod ledger;
#[cfg(test)]
mod ledger_tests;
mod mapping;
mod name;
mod pool;
mod problem;
#[cfg(test)]
mod random;
mod rest;
mod service;
mod snapshot;
mod subtype;
mod target;
#[cfg(test)]
mod tests;
mod uri;
#[cfg(test)]
mod uri_tests;
mod usage;

pub use ledger::{Ledger, RouteOf};
pub use problem::{Fault, Problem};
pub use snapshot::compile;
pub use usage::usage;
